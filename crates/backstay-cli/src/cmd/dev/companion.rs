//! The processes that `dev` runs: its worker and the user's command.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, kill_process, kill_process_group};
use tokio::process::{Child, Command};
use tokio::signal::unix::Signal;

use crate::failure::{Exit, Failure};

/// How long a command has after it was told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// How a process is told to end.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stop {
    /// It may finish what it does.
    Term,
    /// At once.
    Kill,
}

/// A process that ends with `dev`.
pub(crate) struct Companion {
    child: Child,
    /// Whether the signals of the terminal reach it without us.
    has_own_group: bool,
}

impl Companion {
    /// Runs this program again as the worker. It has a process group of its own: Ctrl-C comes to `dev`, which drains it.
    pub(crate) fn worker(words: &[String], url: &str) -> Result<Companion, Failure> {
        let program = std::env::current_exe().map_err(|error| {
            Failure::new("BS999", "this program cannot be found").because(&error)
        })?;
        let mut command = Command::new(program);
        // Ours would win over the address that is meant.
        command.args(words).env("BACKSTAY_DATABASE_URL", url).env("DATABASE_URL", url);
        command.env_remove("BACKSTAY_DATABASE_URL_FILE");
        command.stdin(Stdio::null()).process_group(0).kill_on_drop(true);
        let child = command.spawn().map_err(|error| {
            Failure::new("BS999", "the worker cannot be started").because(&error)
        })?;
        Ok(Companion { child, has_own_group: true })
    }

    /// Runs the user's command in our own group and on our terminal: it may ask questions, and Ctrl-C reaches it.
    pub(crate) fn command(
        program: &str,
        words: &[String],
        url: &str,
    ) -> Result<Companion, Failure> {
        let mut command = Command::new(program);
        command.args(words).env("DATABASE_URL", url).kill_on_drop(true);
        let child = command.spawn().map_err(|error| {
            Failure::new("BS603", format!("`{program}` cannot be started"))
                .because(&error)
                .exit(Exit::NotDone)
        })?;
        Ok(Companion { child, has_own_group: false })
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        // A process that cannot be asked any more is gone; the next start says what is wrong.
        self.child.try_wait().ok().flatten()
    }

    /// Tells it to stop, waits, and kills what has not ended by then.
    pub(crate) async fn stop(mut self, how: Stop) {
        self.tell(how);
        if tokio::time::timeout(GRACE, self.child.wait()).await.is_err() {
            self.tell(Stop::Kill);
            // Killed: it ends.
            drop(self.child.wait().await);
        }
    }

    /// Lets a worker finish. Each further signal is passed on, and a worker knows what a second one means.
    pub(crate) async fn drain(mut self, int: &mut Signal, term: &mut Signal) {
        self.tell(Stop::Term);
        loop {
            tokio::select! {
                _ = self.child.wait() => return,
                _ = int.recv() => self.tell(Stop::Term),
                _ = term.recv() => self.tell(Stop::Term),
            }
        }
    }

    fn tell(&self, how: Stop) {
        let Some(pid) =
            self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
        else {
            return;
        };
        let signal = match how {
            Stop::Term => rustix::process::Signal::TERM,
            Stop::Kill => rustix::process::Signal::KILL,
        };
        // A process that is gone already needs no signal. The worker ends its own children.
        let _told = match (self.has_own_group, how) {
            (true, Stop::Kill) => kill_process_group(pid, signal),
            _ => kill_process(pid, signal),
        };
    }
}
