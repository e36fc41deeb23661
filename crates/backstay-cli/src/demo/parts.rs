//! The processes of the demo: this program again, as API and as worker, which never outlive it.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, getpid, kill_process, kill_process_group};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::failure::Failure;

/// What the demo tells its processes beside DATABASE_URL: where the files go.
pub(crate) const FOLDER: &str = "DEMO_FOLDER";
/// And where the world outside is.
pub(crate) const SINK: &str = "DEMO_SINK";

/// How long a process may take to end when it is told to.
const GRACE: Duration = Duration::from_secs(5);
/// How long the API may take until it listens.
const BOOT: Duration = Duration::from_secs(20);

/// One process. Its stdin is a pipe that closes with the demo, however the demo ends.
#[derive(Debug)]
pub(crate) struct Part {
    child: Child,
    pub(crate) pid: i32,
}

/// What every process of the demo is told.
#[derive(Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) url: &'a str,
    pub(crate) sink: &'a str,
}

impl Part {
    /// Starts `backstay __demo WORDS`, with its log in the folder.
    pub(crate) fn start(
        log: &str,
        words: &[&str],
        here: &Surroundings<'_>,
    ) -> Result<Part, Failure> {
        let failed = |error: std::io::Error| {
            Failure::new("BS999", format!("the demo's {log} cannot be started")).because(&error)
        };
        let program = std::env::current_exe().map_err(failed)?;
        let log = File::create(here.folder.join(format!("{log}.log"))).map_err(failed)?;
        let mut command = Command::new(program);
        command.arg("__demo").args(words).current_dir(here.folder);
        // Settings of the user's own shell are not meant for the shop.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("BACKSTAY_") {
                command.env_remove(name);
            }
        }
        command.env("DATABASE_URL", here.url);
        command.env(FOLDER, here.folder).env(SINK, here.sink);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        // Ctrl-C comes to the demo alone, which knows in which order to end.
        command.process_group(0).kill_on_drop(true);
        let child = command.spawn().map_err(failed)?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).unwrap_or_default();
        Ok(Part { child, pid })
    }

    /// The first line that it prints.
    pub(crate) async fn first_line(&mut self) -> Result<String, Failure> {
        let stdout = self.child.stdout.take();
        let mut line = String::new();
        let read = async {
            match stdout {
                Some(stdout) => BufReader::new(stdout).read_line(&mut line).await,
                None => Ok(0),
            }
        };
        match tokio::time::timeout(BOOT, read).await {
            Ok(Ok(n)) if n > 0 => Ok(line.trim().to_owned()),
            _ => Err(Failure::new("BS999", "the demo's API did not start")
                .hint("its log lies in the demo's folder, api.log")),
        }
    }

    /// SIGKILL, to this process alone: its children are on their own.
    pub(crate) async fn kill_9(&mut self) {
        self.tell(Signal::KILL, false);
        // Killed: it ends.
        drop(self.child.wait().await);
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|ended| ended.is_some())
    }

    /// Lets it end, and ends it.
    pub(crate) async fn stop(mut self) {
        self.tell(Signal::TERM, false);
        if tokio::time::timeout(GRACE, self.child.wait()).await.is_err() {
            self.tell(Signal::KILL, true);
            // Killed: it ends.
            drop(self.child.wait().await);
        }
    }

    fn tell(&mut self, signal: Signal, all: bool) {
        if self.has_ended() {
            return;
        }
        let Some(pid) = Pid::from_raw(self.pid) else { return };
        // One that is gone needs no signal.
        let _told = if all { kill_process_group(pid, signal) } else { kill_process(pid, signal) };
    }
}

/// In a process of the demo: ends it when the demo is gone, and with it the pipe on stdin.
pub(crate) fn end_with_demo() {
    std::thread::spawn(|| {
        let mut some = [0; 64];
        while std::io::stdin().read(&mut some).is_ok_and(|n| n > 0) {}
        // First the way that gives jobs back, then the other.
        let _told = kill_process(getpid(), Signal::TERM);
        std::thread::sleep(GRACE);
        std::process::exit(1);
    });
}
