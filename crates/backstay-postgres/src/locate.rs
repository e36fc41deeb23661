//! Finds the programs of an installed PostgreSQL and puts the candidates in order.

use std::collections::HashSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::identity::Identity;
use crate::run::run_well;

/// The majors that this release was tested on.
pub(crate) const TESTED: std::ops::RangeInclusive<u32> = 14..=18;

/// A program that does not tell its version within this time is no use.
const VERSION_LIMIT: Duration = Duration::from_secs(5);

/// Ten reasons are read; a hundred are not.
const REASONS: usize = 10;

/// The folders of the usual packages. `*` stands for one whole name or its end.
const PLACES: [&str; 12] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/lib/postgresql*/bin",
    "/usr/libexec/postgresql*",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "~/.asdf/installs/postgres/*/bin",
    "~/.local/share/mise/installs/postgres/*/bin",
    "~/.pgrx/*/pgrx-install/bin",
];

/// Folders on nobody's `PATH` that hold no version in their name.
const PLAIN_PLACES: [&str; 2] = ["~/.nix-profile/bin", "/run/current-system/sw/bin"];

/// The two programs that make and run a cluster, and where they come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Programs {
    pub(crate) bin: PathBuf,
    pub(crate) major: u32,
    pub(crate) version: String,
    /// A folder of libraries that they need and would not find by themselves.
    pub(crate) libraries: Option<PathBuf>,
    /// A word or two for people: `installed`, `fetched with npm`.
    pub(crate) source: String,
}

impl Programs {
    /// The words that run a program of this folder, to be put behind an identity.
    pub(crate) fn words(&self, program: &str) -> Vec<OsString> {
        let mut words = Vec::new();
        if let Some(libraries) = &self.libraries {
            words.push(OsString::from("env"));
            let mut setting = OsString::from("LD_LIBRARY_PATH=");
            setting.push(libraries);
            words.push(setting);
        }
        words.push(self.bin.join(program).into_os_string());
        words
    }

    /// A command of this folder under an identity, with a clean environment.
    pub(crate) fn command(&self, identity: &Identity, program: &str) -> Command {
        let words = self.words(program);
        let mut command = identity.command(&words[0]);
        command.args(&words[1..]);
        clean(&mut command);
        command
    }

    /// Both programs must run under the identity that will use them; an old `pg_config` alone, or
    /// a folder that only root may enter, proves nothing.
    pub(crate) fn check(&self, identity: &Identity) -> Result<(), String> {
        for program in ["postgres", "initdb"] {
            let mut command = self.command(identity, program);
            let said = run_well(command.arg("--version"), VERSION_LIMIT)?;
            if parse_version(&said.stdout).as_ref().map(|found| found.0) != Some(self.major) {
                return Err(format!("`{program}` is not PostgreSQL {}", self.major));
            }
        }
        Ok(())
    }

    /// Asks the folder's `postgres` for its version.
    pub(crate) fn read(
        bin: &Path,
        libraries: Option<PathBuf>,
        source: &str,
    ) -> Result<Programs, String> {
        let mut programs = Programs {
            bin: bin.to_path_buf(),
            major: 0,
            version: String::new(),
            libraries,
            source: source.to_owned(),
        };
        let mut command = programs.command(&Identity::Caller, "postgres");
        let said = run_well(command.arg("--version"), VERSION_LIMIT)?;
        let Some((major, version)) = parse_version(&said.stdout) else {
            return Err(format!("an unknown version: {}", said.stdout.trim()));
        };
        (programs.major, programs.version) = (major, version);
        if major < *TESTED.start() {
            return Err(format!(
                "PostgreSQL {version} is older than {}",
                TESTED.start(),
                version = programs.version
            ));
        }
        if !bin.join("initdb").is_file() {
            return Err("no `initdb` beside `postgres`".to_owned());
        }
        Ok(programs)
    }
}

/// Nothing of the caller's environment may reach the server: `PG*` would change its meaning, and
/// secrets have no business there.
pub(crate) fn clean(command: &mut Command) {
    command.env_clear().current_dir("/").env("LC_ALL", "C").env("TZ", "UTC");
    for kept in ["PATH", "LD_LIBRARY_PATH"] {
        if let Some(value) = env::var_os(kept) {
            command.env(kept, value);
        }
    }
}

/// `postgres (PostgreSQL) 15.18 (Debian …)` -> 15 and `15.18`; a beta is its major.
pub(crate) fn parse_version(text: &str) -> Option<(u32, String)> {
    let version = text.split_once("(PostgreSQL) ")?.1.split_whitespace().next()?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    Some((digits.parse().ok()?, version.to_owned()))
}

/// What a look at the machine found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Usable ones, the best first.
    pub(crate) programs: Vec<Programs>,
    /// Why others are not, ten at most.
    pub(crate) rejected: Vec<String>,
    /// How many folders were looked into.
    pub(crate) places: usize,
}

impl Found {
    pub(crate) fn reject(&mut self, bin: &Path, why: &str) {
        if self.rejected.len() < REASONS {
            self.rejected.push(format!("{}: {why}", bin.display()));
        }
    }
}

/// Looks into every usual place.
pub(crate) fn installed() -> Found {
    let mut found = Found::default();
    // For our own tests of the steps that come after this one.
    if env::var_os("BACKSTAY_PG_SKIP_INSTALLED").is_some() {
        return found;
    }
    for bin in folders() {
        found.places += 1;
        if !bin.join("postgres").is_file() {
            continue;
        }
        match Programs::read(&bin, None, "installed") {
            Ok(programs) => found.programs.push(programs),
            Err(why) => found.reject(&bin, &why),
        }
    }
    found.programs.sort_by_key(|programs| rank(programs.major));
    found
}

/// Newest tested major first, then the newer ones, nearest first. The sort is stable, so that of
/// equal majors the earlier place wins.
pub(crate) fn rank(major: u32) -> u32 {
    if TESTED.contains(&major) { TESTED.end() - major } else { major }
}

/// Every folder to look into, once, with links resolved.
fn folders() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).filter_map(|dir| home_of_program(&dir));
    let home = env::var_os("HOME").map(PathBuf::from);
    let plain = PLAIN_PLACES.iter().filter_map(|place| at_home(place, home.as_deref()));
    let usual = PLACES.iter().filter_map(|place| at_home(place, home.as_deref()));
    let mut seen = HashSet::new();
    on_path
        .chain(by_pg_config())
        .chain(usual.flat_map(|pattern| matching(&pattern)))
        .chain(plain)
        .map(|dir| dir.canonicalize().unwrap_or(dir))
        .filter(|dir| seen.insert(dir.clone()))
        .collect()
}

/// A link on `PATH` leads to the folder where the whole installation is.
fn home_of_program(dir: &Path) -> Option<PathBuf> {
    let program = dir.join("postgres").canonicalize().ok()?;
    Some(program.parent()?.to_path_buf())
}

fn by_pg_config() -> Option<PathBuf> {
    let said = run_well(Command::new("pg_config").arg("--bindir"), VERSION_LIMIT).ok()?;
    Some(PathBuf::from(said.stdout.trim())).filter(|dir| dir.is_absolute())
}

fn at_home(place: &str, home: Option<&Path>) -> Option<PathBuf> {
    match place.strip_prefix("~/") {
        Some(rest) => Some(home?.join(rest)),
        None => Some(PathBuf::from(place)),
    }
}

/// The folders that fit a pattern with at most one `*`, at the end of one name; the place itself
/// where there is no star. In the order of their names, backwards: newer ones first.
pub(crate) fn matching(pattern: &Path) -> Vec<PathBuf> {
    let text = pattern.to_string_lossy();
    let Some((before, after)) = text.split_once('*') else { return vec![pattern.to_path_buf()] };
    let (dir, start) = before.rsplit_once('/').unwrap_or(("/", before));
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut names: Vec<OsString> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.file_name())
        .filter(|name| name.to_string_lossy().starts_with(start))
        .collect();
    names.sort_unstable_by(|a, b| b.cmp(a));
    let rest = after.trim_start_matches('/');
    names.into_iter().map(|name| Path::new(dir).join(name).join(rest)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_all_kinds_are_read() {
        let debian = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(parse_version(debian), Some((15, "15.18".to_owned())));
        let beta = "initdb (PostgreSQL) 19beta1\n";
        assert_eq!(parse_version(beta), Some((19, "19beta1".to_owned())));
        assert_eq!(parse_version("mysqld 8.0"), None);
    }

    #[test]
    fn the_newest_tested_major_comes_first_and_untested_ones_last() {
        let mut majors = vec![20, 14, 19, 16, 18];
        majors.sort_by_key(|major| rank(*major));
        assert_eq!(majors, vec![18, 16, 14, 19, 20]);
    }

    #[test]
    fn a_pattern_finds_the_folders_of_every_version() {
        let dir = env::temp_dir().join(format!("backstay-locate-{}", std::process::id()));
        for name in ["pgsql-15/bin", "pgsql-18/bin", "other/bin"] {
            fs::create_dir_all(dir.join(name)).unwrap();
        }
        let found = matching(&dir.join("pgsql-*/bin"));
        assert_eq!(found, vec![dir.join("pgsql-18/bin"), dir.join("pgsql-15/bin")]);
        assert_eq!(matching(&dir.join("nowhere/*/bin")), Vec::<PathBuf>::new());
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_folder_whose_programs_fail_is_rejected_with_the_reason() {
        let dir = env::temp_dir().join(format!("backstay-reject-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let error = Programs::read(&dir, None, "installed").unwrap_err();
        assert!(error.contains("not found"), "{error}");
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn programs_with_libraries_of_their_own_are_told_where_they_are() {
        let programs = Programs {
            bin: PathBuf::from("/c/bin"),
            major: 15,
            version: "15.1".to_owned(),
            libraries: Some(PathBuf::from("/c/lib")),
            source: String::new(),
        };
        assert_eq!(programs.words("initdb"), ["env", "LD_LIBRARY_PATH=/c/lib", "/c/bin/initdb"]);
    }
}
