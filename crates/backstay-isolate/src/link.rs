//! The child's side: finds out what this process is, and carries messages over descriptors 3 and 4.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use tokio::net::unix::pipe;

use crate::frame::{LINE_BYTES, LineDecoder};
use crate::protocol::{FromChild, ToChild};
use crate::shim;

/// The supervisor keeps to the bound of a line with room for what it adds to a job.
const BOUND: usize = 2 * LINE_BYTES;

/// What this process is.
#[derive(Debug)]
pub enum Role {
    /// The program itself.
    Supervisor,
    /// A child that runs jobs.
    Child(ChildLink),
}

/// How [`enter`] was called in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Not at all: a child of this binary would run the whole program again.
    Missing,
    /// After a thread had started, as inside of `#[tokio::main]`: what a shim sets on itself for its child, such as its
    /// priority, would hold for one of its threads only.
    Late,
    /// First, as it must be.
    First,
}

static ENTERED: OnceLock<Entry> = OnceLock::new();

/// Finds out what this process is; the first statement of `main`, before any thread exists.
///
/// In a shim it never returns. In a child it makes sure that the child does not outlive its shim,
/// and that nothing the child starts inherits the line to the supervisor.
pub fn enter() -> Role {
    let alone = fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() == 1);
    ENTERED.get_or_init(|| if alone { Entry::First } else { Entry::Late });
    if let Some(supervisor) = shim::is_shim() {
        shim::live(supervisor);
    }
    let Some(shim) = shim::is_child() else { return Role::Supervisor };
    match ChildLink::open(shim) {
        Ok(link) => Role::Child(link),
        Err(error) => {
            eprintln!("backstay: this child cannot reach its supervisor: {error}");
            std::process::exit(70)
        }
    }
}

/// Says how [`enter`] was called in this process; children of this binary can start only if it came first.
pub fn entry() -> Entry {
    ENTERED.get().copied().unwrap_or(Entry::Missing)
}

/// The line to the supervisor.
#[derive(Debug)]
pub struct ChildLink {
    from: BufReader<File>,
    line: Vec<u8>,
    sender: ChildSender,
}

impl ChildLink {
    fn open(shim: i32) -> io::Result<ChildLink> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        if getppid().map(|pid| pid.as_raw_nonzero().get()) != Some(shim) {
            return Err(io::Error::other("its shim is gone"));
        }
        // Opened again, because descriptors by number cannot be owned in safe code.
        let to = OpenOptions::new().write(true).open("/proc/self/fd/3")?;
        let from = File::open("/proc/self/fd/4")?;
        close_fds::set_fds_cloexec(3, &[]);
        Ok(ChildLink {
            from: BufReader::with_capacity(64 * 1024, from),
            line: Vec::new(),
            sender: ChildSender { to: Arc::new(Mutex::new(to)) },
        })
    }

    /// Waits for the next message; `None` when the supervisor is gone, and then the process must end within 1 s.
    ///
    /// It blocks: call it on a plain thread. Messages of unknown types are skipped.
    pub fn recv(&mut self) -> Option<ToChild> {
        loop {
            self.line.clear();
            let read =
                self.from.by_ref().take(BOUND as u64).read_until(b'\n', &mut self.line).ok()?;
            if read == 0 || self.line.last() != Some(&b'\n') {
                return None;
            }
            let text = std::str::from_utf8(&self.line).ok()?;
            if let Some(message) = ToChild::parse(text.trim_end()).ok()? {
                return Some(message);
            }
        }
    }

    /// Gives a sender for any thread.
    pub fn sender(&self) -> ChildSender {
        self.sender.clone()
    }

    /// Waits in a task from now on: a thread that only reads costs a job two switches more.
    ///
    /// # Errors
    /// When the line cannot be read so.
    ///
    /// # Panics
    /// Outside of a tokio runtime with input and output enabled.
    pub fn listen(self) -> io::Result<ChildEar> {
        let mut lines = LineDecoder::new(BOUND);
        lines.push(self.from.buffer());
        Ok(ChildEar { from: pipe::Receiver::from_file(self.from.into_inner())?, lines })
    }
}

/// The line to the supervisor, for a child that waits in a task.
#[derive(Debug)]
pub struct ChildEar {
    from: pipe::Receiver,
    lines: LineDecoder,
}

impl ChildEar {
    /// Waits for the next message, like [`ChildLink::recv`]; given up half-way it has lost nothing.
    pub async fn recv(&mut self) -> Option<ToChild> {
        loop {
            while let Some(line) = self.lines.next_line().ok()? {
                let text = std::str::from_utf8(line).ok()?;
                if let Some(message) = ToChild::parse(text.trim_end()).ok()? {
                    return Some(message);
                }
            }
            self.from.readable().await.ok()?;
            match self.from.try_read_buf(self.lines.room()) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return None,
            }
        }
    }
}

/// Sends messages to the supervisor, one whole line each.
#[derive(Clone, Debug)]
pub struct ChildSender {
    to: Arc<Mutex<File>>,
}

impl ChildSender {
    /// Writes one message; it may block while the supervisor does not read.
    ///
    /// # Errors
    /// When the supervisor is gone, or the line is longer than 8 MiB (`InvalidInput`): nothing was
    /// written then, and something shorter may be sent.
    pub fn send(&self, message: &FromChild) -> io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        if line.len() > LINE_BYTES {
            let text = format!("message of {} bytes; a line may have 8 MiB", line.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        // A raw value may hold line feeds between its tokens; inside strings they are escaped.
        line.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
        line.push(b'\n');
        // A panic while the lock was held leaves at worst a torn line, which the supervisor notices.
        self.to.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line)
    }
}
