//! The thread that starts shims and lives as long as the process, since a death signal follows the starting thread.

use std::io;
use std::path::PathBuf;

use serde_json::value::RawValue;

/// What to execute.
#[derive(Clone, Debug)]
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
    /// The whole environment; only `BACKSTAY_SCRATCH` and `TMPDIR` are added.
    pub env: Vec<(String, String)>,
    /// How it takes work.
    pub mode: Mode,
    /// A JSON object whose fields go into `hello`, beside `type` and `protocols`.
    pub hello: Option<Box<RawValue>>,
}

/// Starts and ends children: the spawner thread and the pipes thread; one per process is enough.
#[derive(Clone, Debug)]
pub struct Launcher {}

impl Launcher {
    /// Starts both threads, with scratch folders below the system's temporary folder.
    ///
    /// # Errors
    /// When a thread or the scratch folder cannot be made.
    pub fn start() -> io::Result<Launcher> {
        Launcher::start_in(std::env::temp_dir())
    }

    /// Starts both threads, with scratch folders below `scratch_root`.
    ///
    /// # Errors
    /// When a thread or the scratch folder cannot be made.
    pub fn start_in(scratch_root: PathBuf) -> io::Result<Launcher> {
        drop(scratch_root);
        todo!()
    }

    /// Notes that the supervisor was told to stop: signals that reach children within the next 2 s
    /// then count as interruptions.
    pub fn note_stop_signal(&self) {
        todo!()
    }

    /// Ends all children with their trees and waits until they are gone, at most 5 s.
    pub async fn stop(&self) {
        todo!()
    }
}
