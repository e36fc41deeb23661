//! Our binary again as the parent of one child: starts it, reaps its tree, and ends it when the line to the supervisor closes.

pub(crate) mod confine;
pub(crate) mod hold;
pub(crate) mod order;
mod reap;
mod start;

use std::env;
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rustix::process::{
    Signal, getpid, getppid, kill_process_group, set_child_subreaper,
    set_parent_process_death_signal, setsid,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};

use crate::ending::Exit;
use crate::kill::kill_below;
use crate::scratch;
use crate::shim::hold::Hold;
use crate::shim::order::{Received, ShimWord};
use crate::shim::reap::Reaper;
use crate::shim::start::Refusal;
use crate::watch::measure;

/// The first argument of a shim; the second is the supervisor's pid.
const SHIM: &str = "--backstay-shim-v1";

/// In the environment of a child of our own binary: its shim's pid.
pub(crate) const CHILD: &str = "BACKSTAY_CHILD";

/// Bytes from the supervisor: SIGTERM to the child's group; kill the tree; hold it until a time, which follows in eight
/// bytes.
pub(crate) const TERM: u8 = b't';
pub(crate) const KILL: u8 = b'k';
pub(crate) const HOLD: u8 = b'h';

/// What is looked at of a scratch folder before the end is told: some milliseconds.
const SCRATCH_ENTRIES: usize = 2_000;

/// Arguments with which the supervisor starts a shim.
pub(crate) fn arguments(supervisor: u32) -> [String; 2] {
    [SHIM.to_owned(), supervisor.to_string()]
}

/// Says whether this process is a shim, and of whom.
pub(crate) fn is_shim() -> Option<i32> {
    let mut arguments = env::args_os().skip(1);
    if arguments.next()? != SHIM {
        return None;
    }
    arguments.next()?.to_str()?.parse().ok()
}

/// Says whether this process is a shim's child. The variable alone is not enough: what a child
/// starts inherits it.
pub(crate) fn is_child() -> Option<i32> {
    let shim: i32 = env::var(CHILD).ok()?.parse().ok()?;
    (parent() == Some(shim)).then_some(shim)
}

fn parent() -> Option<i32> {
    getppid().map(|pid| pid.as_raw_nonzero().get())
}

/// The whole life of a shim.
pub(crate) fn live(supervisor: i32) -> ! {
    let code = match prepare(supervisor) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("backstay: a shim cannot work: {error}");
            70
        }
    };
    std::process::exit(code)
}

fn prepare(supervisor: i32) -> io::Result<()> {
    let [first, second] = numbers_three_and_four()?;
    // The spawner may have made it a leader already.
    let _leader = setsid();
    set_child_subreaper(Some(getpid()))?;
    // Only a net: the closed line comes first. SIGTERM, because it can be caught.
    set_parent_process_death_signal(Some(Signal::TERM))?;
    if parent() != Some(supervisor) {
        return Ok(());
    }
    let control = StdUnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let order = order::receive(&control)?;
    control.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(watch(control, order, [first, second], supervisor))
}

/// Takes the numbers 3 and 4 before anything else can have them.
///
/// What we inherit is marked close-on-exec; if it sits on 3 or 4, executing ourselves once more
/// frees them.
fn numbers_three_and_four() -> io::Result<[OwnedFd; 2]> {
    close_fds::set_fds_cloexec(3, &[]);
    let null = || OpenOptions::new().read(true).write(true).open("/dev/null").map(OwnedFd::from);
    let both = [null()?, null()?];
    if both[0].as_raw_fd() == 3 && both[1].as_raw_fd() == 4 {
        return Ok(both);
    }
    drop(both);
    Err(Command::new("/proc/self/exe").args(env::args_os().skip(1)).exec())
}

/// Signals that wake a shim; it acts on what it then sees.
struct Wakers {
    child: SignalStream,
    term: SignalStream,
    int: SignalStream,
    hup: SignalStream,
}

impl Wakers {
    fn new() -> io::Result<Wakers> {
        Ok(Wakers {
            child: signal(SignalKind::child())?,
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
        })
    }

    async fn woken(&mut self) {
        tokio::select! {
            _ = self.child.recv() => {}
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
            _ = self.hup.recv() => {}
        }
    }
}

async fn watch(
    control: StdUnixStream,
    received: Received,
    numbers: [OwnedFd; 2],
    supervisor: i32,
) -> io::Result<()> {
    let mut control = UnixStream::from_std(control)?;
    let mut wakers = Wakers::new()?;
    let folder = received.order.scratch.clone();
    let hold = Hold::new()?;
    received.order.hold_until_ms.map_or(Ok(()), |ms| hold.until(ms))?;
    let child = match start::start(received, numbers) {
        Ok(child) => child,
        Err(Refusal { message, cause }) => {
            return say(&mut control, &ShimWord::Refused { message, cause }).await;
        }
    };
    let mut reaper = Reaper::new(child);
    let pid = child.as_raw_nonzero().get() as u32;
    // A supervisor that cannot be told is gone; the loop below sees that, too.
    let mut alone = say(&mut control, &ShimWord::Started { pid }).await.is_err();
    let mut forsaken = false;
    while reaper.ended.is_none() && !alone && !forsaken {
        tokio::select! {
            read = control.read_u8() => match read {
                Ok(TERM) => _ = kill_process_group(child, Signal::TERM),
                Ok(KILL) => sweep(&mut reaper),
                // Its time was sent with it, at once.
                Ok(HOLD) => match control.read_u64().await {
                    Ok(ms) => hold.until(ms)?,
                    Err(_) => alone = true,
                },
                Ok(_) => {}
                Err(_) => alone = true,
            },
            () = wakers.woken() => {
                reaper.reap();
                alone = parent() != Some(supervisor);
            }
            () = hold.over() => {
                sweep(&mut reaper);
                forsaken = true;
            }
        }
    }
    finish(control, reaper, &folder, alone, forsaken).await
}

async fn finish(
    mut control: UnixStream,
    mut reaper: Reaper,
    folder: &Path,
    alone: bool,
    forsaken: bool,
) -> io::Result<()> {
    if let (Some((exit, cpu_ms)), false) = (reaper.ended, alone) {
        let (code, signal) = match exit {
            Exit::Code(code) => (Some(code), None),
            Exit::Signal(signal) => (None, Some(signal)),
        };
        let measured = measure(folder, SCRATCH_ENTRIES);
        let scratch_bytes = (!measured.cut).then_some(measured.bytes);
        // What outlasted a sweep may have died since.
        let left = reaper.left && reaper.reap();
        let word = ShimWord::Ended { code, signal, cpu_ms, left, scratch_bytes, forsaken };
        // If nobody hears it, nobody needs it.
        let _unheard = say(&mut control, &word).await;
    }
    sweep(&mut reaper);
    scratch::remove(folder);
    Ok(())
}

fn sweep(reaper: &mut Reaper) {
    kill_below(getpid().as_raw_nonzero().get(), || reaper.reap());
    reaper.left = reaper.reap();
}

async fn say(control: &mut UnixStream, word: &ShimWord) -> io::Result<()> {
    let mut line = serde_json::to_vec(word)?;
    line.push(b'\n');
    control.write_all(&line).await
}
