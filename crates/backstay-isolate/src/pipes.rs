//! The lines to one shim and its child: what comes is read, what goes is queued, and nothing here waits for a child.

use std::future::pending;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::net::SendFlags;
use rustix::process::{Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;

use crate::frame::{LINE_BYTES, LineDecoder};
use crate::output::{CHUNK_BYTES, Output, OutputLimits, Stream};
use crate::shim::{self, order::ShimWord};
use crate::spawn::Spawned;

/// Answers that a child has not read yet: far more than any child that reads them needs.
const UNREAD_BYTES: usize = 1024 * 1024;

/// One read of stdout or stderr.
const READ_BYTES: usize = 8 * 1024;

/// What is read at most of one stream when an attempt ends: as much as the largest pipe holds, so that a descendant which
/// goes on printing holds up nobody.
const DRAINED_BYTES: usize = 1024 * 1024;

/// What has happened on the lines.
#[derive(Debug)]
pub(crate) enum Traffic {
    /// Something was read from descriptor 3; lines may be waiting.
    Read,
    /// Descriptor 3 is closed.
    Mute,
    /// Something was printed.
    Printed,
    /// The shim says something.
    Shim(ShimWord),
    /// The shim is gone, or its line is.
    ShimGone,
}

/// Our ends of all lines to one child.
pub(crate) struct Wires {
    pub(crate) shim_pid: u32,
    pub(crate) decoder: LineDecoder,
    pub(crate) output: Output,
    shim: OwnedFd,
    control: UnixStream,
    words: LineDecoder,
    from: Option<pipe::Receiver>,
    to: Option<pipe::Sender>,
    outbox: Vec<u8>,
    sent: usize,
    hang_up: bool,
    stdout: Option<pipe::Receiver>,
    stderr: Option<pipe::Receiver>,
}

impl Wires {
    /// Takes the lines over; to be called on the pipes thread.
    pub(crate) fn new(spawned: Spawned, limits: OutputLimits) -> io::Result<Wires> {
        let to = spawned.to.map(pipe::Sender::from_owned_fd).transpose()?;
        Ok(Wires {
            shim_pid: spawned.pid,
            decoder: LineDecoder::new(LINE_BYTES),
            output: Output::new(limits, Instant::now()),
            shim: spawned.pidfd,
            control: UnixStream::from_std(spawned.control)?,
            words: LineDecoder::new(CHUNK_BYTES),
            from: Some(pipe::Receiver::from_owned_fd(spawned.from)?),
            to,
            outbox: Vec::new(),
            sent: 0,
            hang_up: false,
            stdout: Some(pipe::Receiver::from_owned_fd(spawned.stdout)?),
            stderr: Some(pipe::Receiver::from_owned_fd(spawned.stderr)?),
        })
    }

    /// Waits until something happens; descriptor 3 is read only if `listen` says so.
    ///
    /// # Cancellation
    /// May be dropped at any time: nothing that was read or written is lost.
    pub(crate) async fn next(&mut self, listen: bool) -> Traffic {
        loop {
            if let Some(word) = self.shim_word() {
                return word;
            }
            let closed_until = self.output.closed_until(Instant::now());
            let open = closed_until.is_none();
            // Not biased: a child that floods one line must not hide the others. Room is made once there is something to
            // read: most lines are silent most of the time, and there are four to each child.
            tokio::select! {
                ready = readable(&self.from), if listen => match self.read_from(ready) {
                    Ok(0) => {}
                    Ok(_) => return Traffic::Read,
                    Err(_) => {
                        self.from = None;
                        return Traffic::Mute;
                    }
                },
                wrote = write(&mut self.to, &self.outbox[self.sent..]), if !self.outbox.is_empty() => {
                    self.wrote(wrote);
                }
                ready = self.control.readable() => {
                    if self.read_word(ready).is_err() {
                        return Traffic::ShimGone;
                    }
                }
                ready = readable(&self.stderr), if open => {
                    // Nobody can tell in which order two pipes were written; what goes wrong is mostly said last.
                    self.read_pipe(Stream::Stdout);
                    self.printed(Stream::Stderr, ready);
                    return Traffic::Printed;
                }
                ready = readable(&self.stdout), if open => {
                    self.printed(Stream::Stdout, ready);
                    return Traffic::Printed;
                }
                () = until(closed_until) => {}
            }
        }
    }

    fn shim_word(&mut self) -> Option<Traffic> {
        let line = match self.words.next_line() {
            Ok(None) => return None,
            Ok(Some(line)) => line,
            Err(_) => return Some(Traffic::ShimGone),
        };
        Some(serde_json::from_slice(line).map_or(Traffic::ShimGone, Traffic::Shim))
    }

    /// Reads descriptor 3; how much there was, or that it is closed.
    fn read_from(&mut self, ready: io::Result<()>) -> io::Result<usize> {
        let pipe = self.from.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
        taken(ready.and_then(|()| pipe.try_read_buf(self.decoder.room())))
    }

    /// Reads the shim's line; how much there was, or that it is closed.
    fn read_word(&mut self, ready: io::Result<()>) -> io::Result<usize> {
        taken(ready.and_then(|()| self.control.try_read_buf(self.words.room())))
    }

    fn printed(&mut self, stream: Stream, ready: io::Result<()>) {
        let pipe = if stream == Stream::Stderr { &mut self.stderr } else { &mut self.stdout };
        let Some(open) = pipe else { return };
        let mut bytes = [0; READ_BYTES];
        match taken(ready.and_then(|()| open.try_read(&mut bytes))) {
            Ok(read) => self.output.take(stream, &bytes[..read]),
            // Closed by the child: nothing will come any more.
            Err(_) => *pipe = None,
        }
    }

    /// Sends a line now as far as the child takes it, and keeps the rest; says whether the child
    /// still reads what it asked for.
    pub(crate) fn say(&mut self, line: &[u8]) -> bool {
        let unread = self.outbox.len() - self.sent;
        if unread > 0 {
            self.outbox.extend_from_slice(line);
            return unread < UNREAD_BYTES;
        }
        // A child that has closed the line is on its way out; how it ends will say why.
        let _closed = self.say_first(line);
        true
    }

    /// Sends a line to a child that has read everything before; fails if it can never read this one.
    pub(crate) fn say_first(&mut self, line: &[u8]) -> io::Result<()> {
        let to = self.to.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
        let taken = match to.try_write(line) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Err(error),
            written => written.unwrap_or(0),
        };
        self.outbox.extend_from_slice(&line[taken..]);
        Ok(())
    }

    fn wrote(&mut self, wrote: io::Result<usize>) {
        match wrote {
            Ok(bytes) => self.sent += bytes,
            // The child has closed descriptor 4; how it ends will say why.
            Err(_) => self.to = None,
        }
        if self.sent == self.outbox.len() || self.to.is_none() {
            self.outbox = Vec::new();
            self.sent = 0;
            if self.hang_up {
                self.to = None;
            }
        }
    }

    /// Closes the child's descriptor 4 as soon as it has taken everything.
    pub(crate) fn hang_up(&mut self) {
        self.hang_up = true;
        if self.outbox.is_empty() {
            self.to = None;
        }
    }

    /// Says whether messages can still come and go.
    pub(crate) fn is_open(&self) -> bool {
        self.from.is_some() && self.to.is_some()
    }

    /// Tells the shim until when it may hold its tree, on CLOCK_BOOTTIME.
    pub(crate) fn hold_shim(&self, until_ms: u64) {
        let mut word = [0; 9];
        word[0] = shim::HOLD;
        word[1..].copy_from_slice(&until_ms.to_be_bytes());
        self.send_to_shim(&word);
    }

    /// Tells the shim something; its line holds far more bytes than there are steps of a ladder.
    pub(crate) fn tell_shim(&self, byte: u8) {
        self.send_to_shim(&[byte]);
    }

    fn send_to_shim(&self, bytes: &[u8]) {
        // Past the runtime, which refuses to write before it has once polled the line: a stop may come
        // in that moment. A shim that is gone is noticed on its line.
        let now = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let _gone = rustix::net::send(&self.control, bytes, now);
    }

    /// Reads stdout and stderr until nothing is there, so that what was printed before now is told from what comes later.
    ///
    /// Whatever the bucket says: what stands in the pipes is bounded. Past the runtime, which would not look at them before
    /// it sleeps.
    pub(crate) fn read_output(&mut self) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let mut drained = 0;
            while drained < DRAINED_BYTES && !self.output.over_limit() {
                match self.read_pipe(stream) {
                    0 => break,
                    read => drained += read,
                }
            }
        }
    }

    /// Reads stdout or stderr once, without waiting; how much there was.
    fn read_pipe(&mut self, stream: Stream) -> usize {
        let pipe = if stream == Stream::Stderr { &self.stderr } else { &self.stdout };
        let Some(pipe) = pipe else { return 0 };
        let mut bytes = [0; READ_BYTES];
        let read = rustix::io::read(pipe.as_fd(), &mut bytes).unwrap_or(0);
        if read > 0 {
            self.output.take(stream, &bytes[..read]);
        }
        read
    }

    /// Reads descriptor 3 once, without waiting; false when nothing is there. For a child that has
    /// ended, but whose descendants may hold the descriptor.
    pub(crate) fn read_rest(&mut self) -> bool {
        let Some(from) = &self.from else { return false };
        let room = self.decoder.room();
        let read = rustix::io::read(from.as_fd(), rustix::buffer::spare_capacity(room));
        matches!(read, Ok(1..))
    }

    /// Ends the shim itself, through its pidfd, so that no other process can be hit.
    pub(crate) fn kill_shim(&self) {
        // Gone already: then its line is closed, too.
        let _gone = pidfd_send_signal(&self.shim, Signal::KILL);
    }

    /// Waits until the shim has ended, and takes it away.
    pub(crate) async fn reap_shim(&mut self) {
        // Its line closes with it; whatever it still says changes nothing.
        while matches!(self.control.read_buf(self.words.room()).await, Ok(1..)) {
            while let Ok(Some(_)) = self.words.next_line() {}
        }
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        // Between closing its files and being dead a process spends microseconds.
        while let Ok(None) = waitid(WaitId::PidFd(self.shim.as_fd()), look) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Waits until there is something to read, or the other end is closed.
async fn readable(pipe: &Option<pipe::Receiver>) -> io::Result<()> {
    match pipe {
        Some(pipe) => pipe.readable().await,
        None => pending().await,
    }
}

/// What a read has brought: nothing where there was nothing after all, an error where the line is closed.
fn taken(read: io::Result<usize>) -> io::Result<usize> {
    match read {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        read => read,
    }
}

async fn write(pipe: &mut Option<pipe::Sender>, bytes: &[u8]) -> io::Result<usize> {
    match pipe {
        Some(pipe) => pipe.write(bytes).await,
        None => Err(io::ErrorKind::BrokenPipe.into()),
    }
}

/// Waits until a time, or for ever.
pub(crate) async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => pending().await,
    }
}
