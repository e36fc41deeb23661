//! The processes of the bench: this program again, as API and as worker, which never outlive it.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{
    Pid, Resource, Rlimit, Signal, getrlimit, kill_current_process_group, kill_process,
    kill_process_group, setrlimit, setsid,
};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::failure::Failure;

/// What the bench tells its processes beside DATABASE_URL: where the files are.
pub(crate) const FOLDER: &str = "BULKHEAD_FOLDER";

/// How long a process may take until it says its first line.
const BOOT: Duration = Duration::from_secs(20);
/// How long a worker may take to give back what it runs.
const LEAVES: Duration = Duration::from_secs(8);
/// Descriptors: a request in flight is one, on both sides.
const FILES: u64 = 8192;

/// One process, and all that it starts in its own session.
#[derive(Debug)]
pub(crate) struct Part {
    child: Child,
    pub(crate) pid: i32,
}

/// What is the same for all of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) url: &'a str,
    /// The login of handlers, for a worker.
    pub(crate) handler_url: &'a str,
}

impl Part {
    /// Starts `backstay __demo WORDS`, its stderr read as fast as it comes.
    pub(crate) fn start(words: &[&str], here: Surroundings<'_>) -> Result<Part, Failure> {
        let failed = |error: std::io::Error| {
            Failure::new("BS999", "a process of the bench cannot be started").because(&error)
        };
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command.arg("__demo").args(words).current_dir(here.folder);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("BACKSTAY_") {
                command.env_remove(name);
            }
        }
        command.env("DATABASE_URL", here.url).env(FOLDER, here.folder);
        command.env("BACKSTAY_HANDLER_DATABASE_URL", here.handler_url);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        let mut child = command.spawn().map_err(failed)?;
        let log = here.folder.join(format!("{}.log", words.first().unwrap_or(&"part")));
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(keep_log(stderr, File::create(log).map_err(failed)?));
        }
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).unwrap_or_default();
        Ok(Part { child, pid })
    }

    /// The first line that it prints.
    pub(crate) async fn first_line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        if let Some(stdout) = self.child.stdout.take() {
            let mut stdout = BufReader::new(stdout);
            // Nothing read is said below.
            drop(tokio::time::timeout(BOOT, stdout.read_line(&mut line)).await);
        }
        if line.is_empty() {
            return Err(Failure::new("BS999", "the bench's API did not start"));
        }
        Ok(line.trim().to_owned())
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|ended| ended.is_some())
    }

    /// Lets it end, and ends it.
    pub(crate) async fn stop(mut self) {
        if let (false, Some(pid)) = (self.has_ended(), Pid::from_raw(self.pid)) {
            // One that is gone needs no signal.
            let _told = kill_process(pid, Signal::TERM);
            if tokio::time::timeout(LEAVES, self.child.wait()).await.is_ok() {
                return;
            }
        }
        self.kill().await;
    }

    /// Ends it and all that it has started, now.
    pub(crate) async fn kill(mut self) {
        kill_group(self.pid);
        // Killed: it ends.
        drop(self.child.wait().await);
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.child.id().is_some() {
            kill_group(self.pid);
        }
    }
}

fn kill_group(pid: i32) {
    let Some(pid) = Pid::from_raw(pid) else { return };
    let _gone = kill_process_group(pid, Signal::KILL);
    let _gone = kill_process(pid, Signal::KILL);
}

/// The beginning goes into a file; a flood goes nowhere.
async fn keep_log(mut stderr: tokio::process::ChildStderr, mut log: File) {
    use std::io::Write;
    let (mut some, mut room) = (vec![0; 64 * 1024], 1_usize << 20);
    while let Ok(n) = stderr.read(&mut some).await {
        let kept = n.min(room);
        if n == 0 || log.write_all(&some[..kept]).is_err() {
            return;
        }
        room -= kept;
    }
}

/// In a process of the bench: a session of its own, away from the terminal's Ctrl-C and ended as a whole.
pub(crate) fn leave_terminal() {
    // Already the first of one: just as good.
    let _led = setsid();
    raise_files();
}

/// In the API: takes all that it has started along when the bench is gone, and with it the pipe on stdin.
pub(crate) fn end_with_bench() {
    std::thread::spawn(|| {
        use std::io::Read;
        let mut some = [0; 64];
        while std::io::stdin().read(&mut some).is_ok_and(|n| n > 0) {}
        let _gone = kill_current_process_group(Signal::KILL);
    });
}

/// As many descriptors as the machine allows, up to what is needed here.
pub(crate) fn raise_files() {
    let now = getrlimit(Resource::Nofile);
    let wanted = now.maximum.map_or(FILES, |most| most.min(FILES));
    if now.current.is_some_and(|current| current < wanted) {
        let limit = Rlimit { current: Some(wanted), maximum: now.maximum };
        // With fewer the load is refused a little earlier.
        let _raised = setrlimit(Resource::Nofile, limit);
    }
}

/// What a container does to a process that takes too much: without one, an allocation fails, which ends it as well.
pub(crate) fn bound_memory(bytes: u64) {
    let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
    // Without it the hog merely takes all it wants.
    let _bound = setrlimit(Resource::Data, limit);
}
