//! Our binary again as the parent of one child: starts it, reaps its tree, and ends it when the line to the supervisor closes.

use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::io::{Errno, dup2};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, getpid, getppid, kill_process_group,
    set_child_subreaper, set_parent_process_death_signal, setsid, wait, waitid,
};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};

use crate::ending::Exit;
use crate::kill::{Process, kill_below};
use crate::program::{Argv, find_program};
use crate::scratch;

/// The first argument of a shim; the second is the supervisor's pid.
const SHIM: &str = "--backstay-shim-v1";

/// In the environment of a child of our own binary: its shim's pid.
const CHILD: &str = "BACKSTAY_CHILD";

/// Bytes from the supervisor: SIGTERM to the child's group; kill the tree.
pub(crate) const TERM: u8 = b't';
pub(crate) const KILL: u8 = b'k';

/// What a shim is to start; read from a sealed file, so its size is bound by the kernel's own limits.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ShimOrder {
    pub(crate) argv: Argv,
    pub(crate) dir: Option<PathBuf>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) scratch: PathBuf,
    /// Descriptor 4 is wanted too.
    pub(crate) warm: bool,
}

/// What a shim says, one line each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ShimWord {
    Started {
        pid: u32,
    },
    Refused {
        message: String,
        not_executable: bool,
    },
    /// `left`: something of the tree could not be killed.
    Ended {
        code: Option<i32>,
        signal: Option<i32>,
        cpu_ms: u64,
        left: bool,
    },
}

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
    let order = receive(&control)?;
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

/// Everything the supervisor hands over.
struct Received {
    order: ShimOrder,
    child_writes: OwnedFd,
    child_reads: Option<OwnedFd>,
    stdin: Option<OwnedFd>,
}

fn receive(control: &StdUnixStream) -> io::Result<Received> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut parts = [IoSliceMut::new(&mut byte)];
    recvmsg(control, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptors = ancillary.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => descriptors.collect::<Vec<_>>(),
        _ => Vec::new(),
    });
    let missing = || io::Error::other("the supervisor sent too few descriptors");
    let order = descriptors.next().ok_or_else(missing)?;
    let child_writes = descriptors.next().ok_or_else(missing)?;
    let (mut text, order_file) = (String::new(), File::from(order));
    (&order_file).read_to_string(&mut text)?;
    let order: ShimOrder = serde_json::from_str(&text)?;
    // A warm child reads messages, a command reads its args.
    let third = descriptors.next();
    let (child_reads, stdin) = if order.warm { (third, None) } else { (None, third) };
    Ok(Received { order, child_writes, child_reads, stdin })
}

/// Why a child could not be started.
struct Refusal {
    message: String,
    not_executable: bool,
}

fn refuse(message: String, not_executable: bool) -> Refusal {
    Refusal { message, not_executable }
}

fn start(received: Received, [mut three, mut four]: [OwnedFd; 2]) -> Result<Pid, Refusal> {
    let Received { order, child_writes, child_reads, stdin } = received;
    let failed = |what: &str, error: io::Error| refuse(format!("{what}: {error}"), false);
    dup2(&child_writes, &mut three).map_err(|error| failed("descriptor 3", error.into()))?;
    if let Some(child_reads) = &child_reads {
        dup2(child_reads, &mut four).map_err(|error| failed("descriptor 4", error.into()))?;
    }
    if let Some(dir) = order.dir.as_deref().filter(|dir| !dir.is_dir()) {
        return Err(refuse(format!("folder `{}` does not exist", dir.display()), true));
    }
    let mut command = command(&order)?;
    command.stdin(stdin.map_or_else(Stdio::null, Stdio::from)).process_group(0);
    let child = command.spawn().map_err(|error| {
        refuse(format!("`{}` cannot be executed: {error}", name(&order.argv)), true)
    })?;
    Pid::from_raw(child.id() as i32).ok_or_else(|| refuse("no pid".to_owned(), false))
}

fn command(order: &ShimOrder) -> Result<Command, Refusal> {
    let mut command = match &order.argv {
        Argv::ThisBinary(arguments) => {
            let mut command = Command::new("/proc/self/exe");
            if let Some(name) = env::args_os().next() {
                command.arg0(name);
            }
            command.args(arguments);
            command
        }
        Argv::Command(argv) => {
            let Some((name, arguments)) = argv.split_first() else {
                return Err(refuse("no program was named".to_owned(), true));
            };
            let program = find_program(name, &order.env, order.dir.as_deref());
            let program =
                program.ok_or_else(|| refuse(format!("`{name}` is not found in `PATH`"), true))?;
            let mut command = Command::new(program);
            command.arg0(name).args(arguments);
            command
        }
    };
    command.env_clear().envs(order.env.iter().map(|(name, value)| (name, value)));
    command.env("TMPDIR", &order.scratch).env("BACKSTAY_SCRATCH", &order.scratch);
    if matches!(order.argv, Argv::ThisBinary(_)) {
        command.env(CHILD, getpid().as_raw_nonzero().to_string());
    }
    if let Some(dir) = &order.dir {
        command.current_dir(dir);
    }
    Ok(command)
}

fn name(argv: &Argv) -> &str {
    match argv {
        Argv::ThisBinary(_) => "this binary",
        Argv::Command(argv) => argv.first().map_or("", String::as_str),
    }
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

/// Takes the dead of a tree away and remembers how the child ended.
struct Reaper {
    child: Pid,
    ended: Option<(Exit, u64)>,
    /// The last sweep did not get everything.
    left: bool,
}

impl Reaper {
    /// Reaps all that are dead; says whether any child remains.
    fn reap(&mut self) -> bool {
        let cpu_ms = if self.ended.is_none() { self.cpu_of_dead_child() } else { None };
        loop {
            let (pid, status) = match wait(WaitOptions::NOHANG) {
                Ok(Some(dead)) => dead,
                Ok(None) => return true,
                Err(Errno::INTR) => continue,
                Err(_) => return false,
            };
            if pid != self.child {
                continue;
            }
            let exit = match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => Exit::Code(code),
                (None, signal) => Exit::Signal(signal.unwrap_or(0)),
            };
            self.ended = Some((exit, cpu_ms.unwrap_or(0)));
        }
    }

    /// Reads what the child used while it is dead but not reaped: later the kernel has forgotten.
    fn cpu_of_dead_child(&self) -> Option<u64> {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(self.child), look).ok()??;
        Process::look(self.child.as_raw_nonzero().get()).map(|child| child.cpu_ticks * 10)
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
    let child = match start(received, numbers) {
        Ok(child) => child,
        Err(Refusal { message, not_executable }) => {
            return say(&mut control, &ShimWord::Refused { message, not_executable }).await;
        }
    };
    let mut reaper = Reaper { child, ended: None, left: false };
    let pid = child.as_raw_nonzero().get() as u32;
    // A supervisor that cannot be told is gone; the loop below sees that, too.
    let mut alone = say(&mut control, &ShimWord::Started { pid }).await.is_err();
    while reaper.ended.is_none() && !alone {
        tokio::select! {
            read = control.read_u8() => match read {
                Ok(TERM) => _ = kill_process_group(child, Signal::TERM),
                Ok(KILL) => sweep(&mut reaper),
                Ok(_) => {}
                Err(_) => alone = true,
            },
            () = wakers.woken() => {
                reaper.reap();
                alone = parent() != Some(supervisor);
            }
        }
    }
    finish(control, reaper, &folder, alone).await
}

async fn finish(
    mut control: UnixStream,
    mut reaper: Reaper,
    folder: &Path,
    alone: bool,
) -> io::Result<()> {
    if let (Some((exit, cpu_ms)), false) = (reaper.ended, alone) {
        let (code, signal) = match exit {
            Exit::Code(code) => (Some(code), None),
            Exit::Signal(signal) => (None, Some(signal)),
        };
        let word = ShimWord::Ended { code, signal, cpu_ms, left: reaper.left };
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
