//! A program that gets the alert as JSON on its stdin; exit status 0 is acceptance.

use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use backstay::model::alert::Alert;
use backstay::model::bounds::clip_front;
use backstay::{Deliver, DeliverError};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr};

/// What a program needs to find its files and its language; no address and no key of the worker.
const PASSED: [&str; 7] = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR"];
/// The end of stderr that an error shows.
const STDERR_BYTES: usize = 1024;

/// A program of one's own.
#[derive(Debug)]
pub(crate) struct Command {
    argv: Vec<String>,
    timeout: Duration,
}

impl Command {
    pub(crate) fn new(argv: &[String], timeout: Duration) -> Self {
        Self { argv: argv.to_vec(), timeout }
    }

    async fn run(&self, alert: &Alert) -> Result<(), DeliverError> {
        let mut child = self.start()?;
        let group = Group::of(&child);
        let mut input = serde_json::to_vec(alert).expect("texts, numbers and JSON are JSON");
        input.push(b'\n');
        let run = talk(&mut child, &input);
        let ended = tokio::time::timeout(self.timeout, run).await;
        // Whatever the program left running ends with it, also after success.
        drop(group);
        match ended {
            Ok(Ok((status, _))) if status.success() => Ok(()),
            Ok(Ok((status, stderr))) => Err(DeliverError::later(failure(status, &stderr))),
            Ok(Err(error)) => Err(DeliverError::later(format!("cannot talk to it: {error}"))),
            Err(_) => Err(DeliverError::later(format!("no end within {:?}; killed", self.timeout))),
        }
    }

    fn start(&self) -> Result<Child, DeliverError> {
        let (program, args) =
            self.argv.split_first().ok_or_else(|| DeliverError::never("no program"))?;
        let passed = PASSED.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        tokio::process::Command::new(program)
            .args(args)
            .env_clear()
            .envs(passed)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| DeliverError::later(format!("`{program}` cannot be started: {error}")))
    }
}

async fn talk(child: &mut Child, input: &[u8]) -> std::io::Result<(ExitStatus, String)> {
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // A program that does not want to know closes its stdin; its status counts.
            drop(stdin.write_all(input).await);
        }
    };
    // What it left running may hold stderr open, so its own end is what is waited for.
    let (mut told, end) = (Vec::new(), async {
        write.await;
        child.wait().await
    });
    let status = {
        let read = read(stderr, &mut told);
        tokio::pin!(read);
        tokio::pin!(end);
        tokio::select! {
            status = &mut end => {
                // The last words are in the pipe by now.
                drop(tokio::time::timeout(Duration::from_millis(100), read).await);
                status?
            }
            () = &mut read => end.await?,
        }
    };
    Ok((status, String::from_utf8_lossy(&told).into_owned()))
}

/// Reads all of it, so that no full pipe stops the program, and keeps the end.
async fn read(stderr: Option<ChildStderr>, told: &mut Vec<u8>) {
    let Some(mut stderr) = stderr else { return };
    let mut chunk = [0; 4096];
    // An error text is worth showing, and nothing more: what cannot be read is left.
    while let Ok(n @ 1..) = stderr.read(&mut chunk).await {
        told.extend_from_slice(&chunk[..n]);
        let spare = told.len().saturating_sub(2 * STDERR_BYTES);
        told.drain(..spare);
    }
}

fn failure(status: ExitStatus, stderr: &str) -> String {
    let stderr = stderr.trim();
    let told = if stderr.is_empty() {
        String::new()
    } else {
        format!(": {}", clip_front(stderr, STDERR_BYTES))
    };
    format!("{status}{told}")
}

/// The program with all it has started; killed when this is dropped.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // It is gone already where all went well.
            _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

impl Deliver for Command {
    fn deliver<'a>(
        &'a self,
        alert: &'a Alert,
    ) -> Pin<Box<dyn Future<Output = Result<(), DeliverError>> + Send + 'a>> {
        Box::pin(self.run(alert))
    }
}
