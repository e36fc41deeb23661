//! A program that runs jobs: what is executed, where, and in which environment.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What to execute.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Argv {
    /// The own binary again, with these arguments after its name.
    ThisBinary(Vec<String>),
    /// A program (looked up in the `PATH` of its environment) and its arguments; never a shell.
    Command(Vec<String>),
}

/// How a program takes work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One process, many jobs, child protocol v1 on descriptors 3 and 4.
    Warm,
    /// One process per attempt, args on stdin, exit codes.
    Command,
}

/// A program that runs jobs.
#[derive(Clone, Debug)]
pub struct Program {
    /// What to execute.
    pub argv: Argv,
    /// Where; default: where the supervisor stands.
    pub dir: Option<PathBuf>,
    /// The whole environment; only `BACKSTAY_SCRATCH` and `TMPDIR` are added, and for the own binary
    /// `BACKSTAY_CHILD`.
    pub env: Vec<(String, String)>,
    /// How it takes work.
    pub mode: Mode,
    /// A JSON object whose fields go into `hello`, beside `type` and `protocols`.
    pub hello: Option<Box<RawValue>>,
}

/// Finds a program as `execvp` would, in the `PATH` of the given environment.
pub(crate) fn find_program(
    name: &str,
    env: &[(String, String)],
    dir: Option<&Path>,
) -> Option<PathBuf> {
    let here = dir.unwrap_or(Path::new("."));
    if name.contains('/') {
        let path = here.join(name);
        return Some(std::path::absolute(&path).unwrap_or(path));
    }
    let path = env.iter().rev().find(|(name, _)| name == "PATH");
    let path = path.map_or("/usr/local/bin:/usr/bin:/bin", |(_, value)| value);
    let places = path.split(':').filter(|place| !place.is_empty());
    places.map(|place| here.join(place).join(name)).find(|path| is_executable(path))
}

pub(crate) fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}
