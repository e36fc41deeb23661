//! The thread that starts shims and lives as long as the process, since a death signal follows the starting thread.

use std::fs::File;
use std::io::{self, IoSlice, Seek, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Instant;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use crate::pulse::{Guard, LOOK};
use crate::scratch;
use crate::shim;
use crate::shim::order::ShimOrder;

/// A shim to be started.
pub(crate) struct SpawnOrder {
    pub(crate) shim: ShimOrder,
    /// What a command reads on stdin.
    pub(crate) stdin: Vec<u8>,
    pub(crate) checkpoint: Option<Box<RawValue>>,
    pub(crate) reply: oneshot::Sender<io::Result<Spawned>>,
}

/// Our ends of all lines to a shim and its child.
#[derive(Debug)]
pub(crate) struct Spawned {
    pub(crate) pid: u32,
    pub(crate) pidfd: OwnedFd,
    pub(crate) control: UnixStream,
    pub(crate) from: OwnedFd,
    pub(crate) to: Option<OwnedFd>,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

/// Runs the spawner thread until all senders are gone. It looks after the others meanwhile, since nothing holds it up.
pub(crate) fn spawner(orders: mpsc::Receiver<SpawnOrder>, guard: Guard) {
    let mut look_at = Instant::now() + LOOK;
    loop {
        match orders.recv_timeout(look_at.saturating_duration_since(Instant::now())) {
            Ok(order) => carry_out(order),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if Instant::now() >= look_at {
            look_at = Instant::now() + LOOK;
            guard.look();
        }
    }
}

fn carry_out(SpawnOrder { shim, stdin, checkpoint, reply }: SpawnOrder) {
    let folder = shim.scratch.clone();
    let spawned = spawn(&shim, &stdin, checkpoint.as_deref());
    if spawned.is_err() {
        scratch::remove(&folder);
    }
    // Nobody waits any more: the lines close with the reply, and the shim ends its child.
    let _unwanted = reply.send(spawned);
}

fn spawn(order: &ShimOrder, stdin: &[u8], checkpoint: Option<&RawValue>) -> io::Result<Spawned> {
    scratch::make(&order.scratch)?;
    if let Some(checkpoint) = checkpoint {
        std::fs::write(order.scratch.join("checkpoint.json"), checkpoint.get())?;
    }
    let (control, shim_control) = UnixStream::pair()?;
    let [(from, child_writes), (stdout, shim_stdout), (stderr, shim_stderr)] =
        [pipe()?, pipe()?, pipe()?];
    let mut child = Command::new("/proc/self/exe")
        .arg0(std::env::args_os().next().unwrap_or_else(|| "backstay".into()))
        .args(shim::arguments(std::process::id()))
        // Its environment can be read by its child: nothing of ours, but for where libraries are found.
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"LD_")))
        .stdin(Stdio::from(OwnedFd::from(shim_control)))
        .stdout(Stdio::from(shim_stdout))
        .stderr(Stdio::from(shim_stderr))
        .spawn()?;
    match equip(&child, &control, order, child_writes, stdin) {
        Ok((pidfd, to)) => {
            Ok(Spawned { pid: child.id(), pidfd, control, from, to, stdout, stderr })
        }
        Err(error) => {
            // Both fail only if it is gone already.
            let _gone = child.kill();
            let _reaped = child.wait();
            Err(error)
        }
    }
}

/// Gives a shim its order and the descriptors of its child.
fn equip(
    child: &Child,
    control: &UnixStream,
    order: &ShimOrder,
    child_writes: OwnedFd,
    stdin: &[u8],
) -> io::Result<(OwnedFd, Option<OwnedFd>)> {
    // Nobody else waits for this child, so its pid is still its own.
    let pidfd = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let (third, to) = if order.warm {
        let (child_reads, to) = pipe()?;
        (child_reads, Some(to))
    } else {
        (sealed("stdin", stdin)?, None)
    };
    let text = sealed("order", &serde_json::to_vec(order)?)?;
    hand_over(control, &[text.as_fd(), child_writes.as_fd(), third.as_fd()])?;
    control.set_nonblocking(true)?;
    Ok((pidfd, to))
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(pipe_with(PipeFlags::CLOEXEC)?)
}

/// Makes a file in memory that nobody can change: reading it can block nobody, whatever its size.
fn sealed(name: &str, bytes: &[u8]) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(memfd_create(name, flags)?);
    file.write_all(bytes)?;
    file.rewind()?;
    fcntl_add_seals(
        &file,
        SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE,
    )?;
    Ok(file.into())
}

fn hand_over(control: &UnixStream, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
    sendmsg(control, &[IoSlice::new(b"o")], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}
