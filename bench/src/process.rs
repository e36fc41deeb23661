//! A program that speaks in lines of JSON, and what it and all that it started has cost.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Failure;

/// The clock of `/proc`: 100 on every Linux that runs this.
const TICKS: f64 = 100.0;

/// The longest that a worker may take from its start to "ready", and from "stop" to its end.
const PATIENCE: Duration = Duration::from_secs(40);

const LOG: &str = "stderr.log";

/// A program that runs.
pub(crate) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Value>,
    /// Its own: what it writes to stderr is there, and whatever it wants to keep for a while.
    folder: PathBuf,
}

impl Process {
    /// Starts it with a folder of its own below this one, which it finds in `BENCH_FOLDER`.
    pub(crate) fn start(command: &mut Command, below: &Path) -> Result<Process, Failure> {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = below.join(format!("{}-{number}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let mut child = command
            .env("BENCH_FOLDER", &folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(folder.join(LOG))?)
            .spawn()
            .map_err(|error| format!("{command:?}: {error}"))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().ok_or("a child without stdout")?;
        let (put, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // What is no JSON was said by a library.
                let Ok(line) = serde_json::from_str(&line) else { continue };
                if put.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Process { child, stdin, lines, folder })
    }

    /// Runs it to its end; the last line that it said.
    pub(crate) fn finish(mut self, most: Duration) -> Result<Value, Failure> {
        drop(self.stdin.take());
        let lines = self.rest(most)?;
        Ok(lines.into_iter().next_back().unwrap_or_default())
    }

    /// The next line, if one comes in that time.
    pub(crate) fn line(&mut self, most: Duration) -> Result<Option<Value>, Failure> {
        match self.lines.recv_timeout(most) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(self.said("it ended").into()),
        }
    }

    /// Waits until it says that it is ready.
    pub(crate) fn ready(&mut self) -> Result<(), Failure> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if self.line(Duration::from_millis(100))?.is_some_and(|line| line["ready"] == true) {
                return Ok(());
            }
        }
        Err(self.said("it did not get ready").into())
    }

    /// Lets it begin.
    pub(crate) fn go(&mut self) -> Result<(), Failure> {
        let stdin = self.stdin.as_mut().ok_or("it was told to stop")?;
        Ok(stdin.write_all(b"go\n").and_then(|()| stdin.flush())?)
    }

    /// Lets it end, and gives all that it has said since.
    pub(crate) fn stop(mut self) -> Result<Vec<Value>, Failure> {
        drop(self.stdin.take());
        self.rest(PATIENCE)
    }

    fn rest(&mut self, most: Duration) -> Result<Vec<Value>, Failure> {
        let (mut lines, end) = (Vec::new(), Instant::now() + most);
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(self.said(&format!("it did not end within {most:?}")).into());
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let status = self.child.wait()?;
        if status.success() { Ok(lines) } else { Err(self.said(&status.to_string()).into()) }
    }

    /// What happened, with the end of what it wrote to stderr.
    fn said(&self, what: &str) -> String {
        let log = fs::read_to_string(self.folder.join(LOG)).unwrap_or_default();
        let tail: Vec<&str> = log.lines().rev().take(6).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        format!("{what}: {}", tail.join(" | "))
    }

    /// Seconds of processor time, with all that it started.
    pub(crate) fn cpu(&self) -> f64 {
        cpu_seconds(self.child.id().cast_signed())
    }

    /// The most memory that it has had resident, in MiB; its children not counted.
    pub(crate) fn peak_mib(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib: Option<f64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        kib.unwrap_or_default() / 1024.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended, or it is of no more use.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
        let _left = fs::remove_dir_all(&self.folder);
    }
}

/// Processor time of a process, of all that it has reaped, and of all that still runs below it.
pub(crate) fn cpu_seconds(root: i32) -> f64 {
    let mut below: HashMap<i32, Vec<i32>> = HashMap::new();
    let mut used: HashMap<i32, f64> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let Some((parent, ticks)) = stat(pid) else { continue };
        below.entry(parent).or_default().push(pid);
        used.insert(pid, ticks / TICKS);
    }
    let (mut sum, mut todo) = (0.0, vec![root]);
    while let Some(pid) = todo.pop() {
        sum += used.get(&pid).copied().unwrap_or_default();
        todo.extend(below.get(&pid).into_iter().flatten());
    }
    sum
}

/// The parent, and the ticks of user and system time, the reaped children's among them.
fn stat(pid: i32) -> Option<(i32, f64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before may hold spaces and brackets.
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split_whitespace().collect();
    let ticks = fields.get(11..15)?.iter().filter_map(|field| field.parse::<f64>().ok()).sum();
    Some((fields.get(1)?.parse().ok()?, ticks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_child_used_counts_while_it_runs_and_after_it_was_reaped() {
        let me = std::process::id().cast_signed();
        let before = cpu_seconds(me);
        let script = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        assert!(Command::new("sh").args(["-c", script]).status().unwrap().success());
        assert!(cpu_seconds(me) > before, "a loop of the shell takes some time");
    }

    #[test]
    fn lines_that_are_no_json_are_left_out() {
        let mut echo = Command::new("echo");
        let process = Process::start(echo.arg("hello\n{\"a\": 1}"), &std::env::temp_dir()).unwrap();
        assert_eq!(process.finish(PATIENCE).unwrap()["a"], 1);
    }
}
