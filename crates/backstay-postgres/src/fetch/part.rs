//! One fetch by one client: its folder, its limit of time, its failures in one line.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::cache::programs_in;
use crate::place;
use crate::process::effective_uid;
use crate::run::{Said, run};

/// All that one client may take.
const LIMIT: Duration = Duration::from_secs(300);

/// A longer reason is cut: it stands in one line with others.
const REASON_CHARS: usize = 160;

/// A client: fetches into the cache, and says where. The error names the client and the reason.
pub(super) type Fetched = Result<PathBuf, String>;

/// A folder that is filled under another name and gets its own when it is whole; what is left of
/// a failure goes with this value.
pub(super) struct Part {
    root: PathBuf,
    pub(super) part: PathBuf,
    deadline: Instant,
    client: &'static str,
}

impl Part {
    pub(super) fn new(root: &Path, client: &'static str) -> Result<Part, String> {
        let part = root.join(format!("{client}.part"));
        let new = Part { root: root.to_path_buf(), part, deadline: Instant::now() + LIMIT, client };
        new.clear(&new.part)?;
        place::own_dir(&new.part, 0o755, effective_uid())
            .map_err(|error| new.say(&error.to_string()))?;
        Ok(new)
    }

    pub(super) fn clear(&self, path: &Path) -> Result<(), String> {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(self.say(&error.to_string()))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn say(&self, reason: &str) -> String {
        format!("{}: {reason}", self.client)
    }

    /// Runs one program of the fetch in the folder, with the user's own environment: proxies and
    /// mirrors are set there.
    pub(super) fn run(&self, command: &mut Command) -> Result<Said, String> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        command.current_dir(&self.part);
        let said = run(command, left).map_err(|why| self.say(&why))?;
        if said.status.success() { Ok(said) } else { Err(self.say(&reason(&said))) }
    }

    /// Tries the programs, and moves the folder to its place if they run.
    pub(super) fn finish(self) -> Fetched {
        open_up(&self.part).map_err(|error| self.say(&error.to_string()))?;
        let (programs, rejected) = programs_in(&self.part);
        let Some(first) = programs.first() else {
            let why = rejected.first().map_or("no programs in it", |(_, why)| why.as_str());
            return Err(self.say(&format!("what it brought does not run here: {why}")));
        };
        let whole = self.root.join(format!("{}-{}", self.client, first.version));
        self.clear(&whole)?;
        fs::rename(&self.part, &whole).map_err(|error| self.say(&error.to_string()))?;
        Ok(whole)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // The next fetch clears it if this one cannot.
        let _left = fs::remove_dir_all(&self.part);
    }
}

/// What a client's failure comes to: mostly that there is no network.
fn reason(said: &Said) -> String {
    const NO_NETWORK: [&str; 10] = [
        "ENOTFOUND",
        "EAI_AGAIN",
        "ECONNREFUSED",
        "ENETUNREACH",
        "ETIMEDOUT",
        "Could not resolve",
        "Temporary failure",
        "Could not connect",
        "Network is unreachable",
        "Failed to establish a new connection",
    ];
    if NO_NETWORK.iter().any(|words| said.stderr.contains(words)) {
        return "no network".to_owned();
    }
    if said.stderr.contains("(from versions: none)") {
        return "no network, or its index lacks the build".to_owned();
    }
    let telling = |line: &&str| {
        ["E: ", "ERROR: ", "npm error "].iter().any(|start| line.trim_start().starts_with(start))
    };
    let line = said.stderr.lines().find(telling).map_or_else(|| said.last_line(), str::to_owned);
    line.chars().take(REASON_CHARS).collect()
}

/// The first of these programs that is on `PATH`.
pub(super) fn on_path(names: &[&'static str]) -> Option<&'static str> {
    let path = env::var_os("PATH").unwrap_or_default();
    let exists = |name: &&&str| env::split_paths(&path).any(|dir| dir.join(name).is_file());
    names.iter().find(exists).copied()
}

/// Readable for the user that the server runs as, whatever the archive and the umask said.
fn open_up(dir: &Path) -> std::io::Result<()> {
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            open_up(&entry.path())?;
        } else if kind.is_file() {
            let runs = dir.file_name().is_some_and(|name| name == "bin")
                || entry.file_name().to_string_lossy().contains(".so");
            let mode = if runs { 0o755 } else { 0o644 };
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(mode))?;
        }
    }
    Ok(())
}

/// What is said before anything is fetched.
pub(super) fn announce_line(version: &str, size_mb: u32, client: &str) -> String {
    format!("fetching PostgreSQL {version}, about {size_mb} MB, with {client}, once")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    fn said(stderr: &str) -> Said {
        Said { status: ExitStatus::from_raw(256), stdout: String::new(), stderr: stderr.to_owned() }
    }

    #[test]
    fn failures_of_the_network_are_recognised_and_others_quoted() {
        assert_eq!(reason(&said("npm error code ENOTFOUND\nnpm error syscall")), "no network");
        assert_eq!(reason(&said("E: Unable to locate package postgresql\n")), {
            "E: Unable to locate package postgresql"
        });
        assert_eq!(reason(&said(&"x".repeat(1000))).len(), REASON_CHARS);
    }

    #[test]
    fn programs_are_made_to_run_and_all_else_to_be_read() {
        let dir = env::temp_dir().join(format!("backstay-open-{}", std::process::id()));
        fs::create_dir_all(dir.join("bin")).unwrap();
        fs::write(dir.join("bin/initdb"), "").unwrap();
        fs::write(dir.join("note"), "").unwrap();
        fs::set_permissions(dir.join("note"), fs::Permissions::from_mode(0o600)).unwrap();
        open_up(&dir).unwrap();
        let mode = |name: &str| fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("bin/initdb"), mode("note")), (0o755, 0o644));
        fs::remove_dir_all(dir).unwrap();
    }
}
