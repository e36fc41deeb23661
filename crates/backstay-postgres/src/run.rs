//! Runs a helper program to its end: never longer than its limit, never with more output than fits.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// What is kept of each stream. Enough for the longest list that `apt-get --print-uris` writes for
/// one package with everything it needs (about 20 KiB), with room to spare.
const KEPT_BYTES: usize = 256 * 1024;

/// How often a running program is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// What a program said before it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    /// The last line that says something, stderr first: what a person wants to see of a failure.
    pub(crate) fn last_line(&self) -> String {
        let last = |text: &str| {
            text.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned)
        };
        last(&self.stderr).or_else(|| last(&self.stdout)).unwrap_or_else(|| self.status.to_string())
    }
}

/// Runs the program with no input and waits at most `limit`; then its whole group is killed.
/// The error is one line that says why there is no answer.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<Said, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(|error| describe_spawn(&name, &error))?;
    let stdout = keep(child.stdout.take());
    let stderr = keep(child.stderr.take());
    let Some(status) = wait(&mut child, limit).map_err(|error| format!("`{name}`: {error}"))?
    else {
        return Err(format!("`{name}` did not end within {} s", limit.as_secs()));
    };
    Ok(Said { status, stdout: text(stdout), stderr: text(stderr) })
}

/// As [`run`], and an exit status other than zero is an error too.
pub(crate) fn run_well(command: &mut Command, limit: Duration) -> Result<Said, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let said = run(command, limit)?;
    if said.status.success() { Ok(said) } else { Err(format!("`{name}`: {}", said.last_line())) }
}

fn describe_spawn(name: &str, error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => format!("`{name}` not found"),
        _ => format!("`{name}`: {error}"),
    }
}

/// Waits for the child; `None` when the limit was reached and the child had to be killed.
fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            kill_group(child);
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(LOOK);
    }
}

fn kill_group(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // The group may be gone already, which is what is wanted.
        let _gone = kill_process_group(group, Signal::KILL);
    }
}

/// Reads a stream to its end on a thread of its own, so that no pipe fills up and blocks.
fn keep<R: Read + Send + 'static>(stream: Option<R>) -> Option<JoinHandle<Vec<u8>>> {
    let mut stream = stream?;
    Some(thread::spawn(move || {
        let mut kept = Vec::new();
        let mut piece = [0_u8; 8192];
        while let Ok(count @ 1..) = stream.read(&mut piece) {
            let room = KEPT_BYTES.saturating_sub(kept.len()).min(count);
            kept.extend_from_slice(&piece[..room]);
        }
        kept
    }))
}

fn text(reader: Option<JoinHandle<Vec<u8>>>) -> String {
    let bytes = reader.and_then(|reader| reader.join().ok()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_ended_at_its_limit_with_its_children() {
        let began = Instant::now();
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 60 & sleep 60"]);
        let error = run(&mut command, Duration::from_millis(100)).unwrap_err();
        assert!(error.contains("did not end"), "{error}");
        assert!(began.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_failure_is_told_by_the_last_line_of_stderr() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo one >&2; echo two >&2; exit 3"]);
        let error = run_well(&mut command, Duration::from_secs(5)).unwrap_err();
        assert_eq!(error, "`sh`: two");
    }

    #[test]
    fn a_program_that_does_not_exist_is_called_not_found() {
        let mut command = Command::new("backstay-no-such-program");
        let error = run(&mut command, Duration::from_secs(1)).unwrap_err();
        assert_eq!(error, "`backstay-no-such-program` not found");
    }

    #[test]
    fn output_without_end_is_kept_only_to_its_bound() {
        let mut command = Command::new("sh");
        command.args(["-c", "head -c 1000000 /dev/zero"]);
        let said = run_well(&mut command, Duration::from_secs(5)).unwrap();
        assert_eq!(said.stdout.len(), KEPT_BYTES);
    }
}
