//! The runaways themselves: our own binary again, misbehaving in one way each, and never for longer than some seconds.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::bounds::{GREED_BYTES, REFUSED, TASKS};
use crate::args::Runaway;
use crate::failure::{Exit, Failure};

/// How long a runaway lives that nobody ends.
const LIFE: Duration = Duration::from_secs(8);

/// Memory is taken in such pieces, with a breath between them: half a gigabyte a second.
const PIECE_BYTES: usize = 1 << 20;
const BREATH: Duration = Duration::from_millis(2);

/// Misbehaves as it is told.
pub(crate) fn run_away(runaway: &Runaway) -> Result<Exit, Failure> {
    let done = match runaway {
        Runaway::Memory => take_memory(),
        Runaway::Processes => start_threads(),
        Runaway::CpuTime => compute(),
        Runaway::Timeout => stay_in_spite_of_term(),
        Runaway::Output => print_without_end(),
        Runaway::Escape => let_go(Runaway::Between),
        Runaway::Between => leave(),
        Runaway::Orphan => let_go(Runaway::Stay),
        Runaway::Stay => stay(),
    };
    match done {
        Ok(code) => Ok(Exit::OfCommand(code)),
        Err(error) => Err(Failure::new("BS999", "the runaway failed").because(&error)),
    }
}

fn take_memory() -> io::Result<u8> {
    let mut taken = Vec::new();
    while taken.len() * PIECE_BYTES < GREED_BYTES as usize {
        // Written to, since what is only reserved is not used.
        taken.push(vec![1_u8; PIECE_BYTES]);
        std::thread::sleep(BREATH);
    }
    std::thread::sleep(Duration::from_secs(1));
    drop(taken);
    Ok(0)
}

fn start_threads() -> io::Result<u8> {
    for _ in 0..TASKS {
        let thread = std::thread::Builder::new().stack_size(64 << 10);
        if thread.spawn(|| std::thread::sleep(LIFE)).is_err() {
            return Ok(REFUSED);
        }
        std::thread::sleep(BREATH);
    }
    std::thread::sleep(Duration::from_secs(1));
    Ok(0)
}

fn compute() -> io::Result<u8> {
    let start = std::time::Instant::now();
    while start.elapsed() < LIFE {
        std::hint::spin_loop();
    }
    Ok(0)
}

fn stay_in_spite_of_term() -> io::Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let _heard_and_ignored = signal(SignalKind::terminate())?;
        tokio::time::sleep(LIFE).await;
        Ok(0)
    })
}

fn print_without_end() -> io::Result<u8> {
    let lines = "y\n".repeat(32 << 10);
    let (mut stdout, start) = (io::stdout().lock(), std::time::Instant::now());
    while start.elapsed() < LIFE {
        stdout.write_all(lines.as_bytes())?;
    }
    Ok(0)
}

/// Starts a process, says the own pid, and waits.
fn let_go(runaway: Runaway) -> io::Result<u8> {
    let mut child = start(runaway)?;
    if runaway == Runaway::Between {
        child.wait()?;
    }
    stay()
}

/// Leaves the session, and then the grandchild by its end.
fn leave() -> io::Result<u8> {
    rustix::process::setsid()?;
    start(Runaway::Stay)?;
    Ok(0)
}

fn stay() -> io::Result<u8> {
    tell(std::process::id())?;
    std::thread::sleep(LIFE);
    Ok(0)
}

fn start(runaway: Runaway) -> io::Result<std::process::Child> {
    let mut command = Command::new("/proc/self/exe");
    command.args(["__limits", runaway.word()]).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

/// Says a pid to whoever let us loose, as the note of a progress.
fn tell(pid: u32) -> io::Result<()> {
    let mut to = OpenOptions::new().write(true).open("/proc/self/fd/3")?;
    to.write_all(format!("{{\"type\":\"progress\",\"note\":\"{pid}\"}}\n").as_bytes())
}
