//! What one attempt prints, in a ring of bounded size: written by the pipes thread as it came, cut into lines by whoever looks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

/// What is kept of one attempt; older output makes room.
const RING_BYTES: usize = 256 * 1024;

/// A piece grows no further than this, so that little goes when the oldest goes.
const PIECE_BYTES: usize = 8 * 1024;

/// What a piece costs beside its bytes: many small writes fill the ring sooner.
const PIECE_COST: usize = 64;

/// Bytes that come within this are one piece, with one time.
const TOGETHER: Duration = Duration::from_millis(10);

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A `log` message of the child protocol.
    Log,
    /// Nothing that the job said: a remark about its output, such as that some of it is missing.
    Note,
}

impl Stream {
    /// Gives the word for it: `out`, `err`, `log` or `note`.
    pub fn as_str(self) -> &'static str {
        match self {
            Stream::Stdout => "out",
            Stream::Stderr => "err",
            Stream::Log => "log",
            Stream::Note => "note",
        }
    }
}

/// The output of one attempt, at most 256 KiB of its newest bytes. Cheap to clone; clones share it.
///
/// Nothing is cut, decoded or copied until somebody reads: a child that floods costs its supervisor no more than the
/// reading of its pipes.
#[derive(Clone, Debug, Default)]
pub struct OutputRing {
    shared: Arc<Mutex<Ring>>,
}

#[derive(Debug, Default)]
pub(super) struct Ring {
    pub(super) pieces: VecDeque<Piece>,
    cost: usize,
    /// Bytes that ever came in.
    end: u64,
}

/// Bytes that came together.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) stream: Stream,
    pub(super) at: SystemTime,
    /// How many bytes had come before it.
    pub(super) from: u64,
    pub(super) bytes: Vec<u8>,
}

impl OutputRing {
    /// Makes an empty one.
    pub fn new() -> OutputRing {
        OutputRing::default()
    }

    /// Adds bytes as they came; they need not end with a line.
    pub fn push(&self, stream: Stream, bytes: &[u8]) {
        self.push_at(stream, bytes, SystemTime::now());
    }

    pub(super) fn push_at(&self, stream: Stream, bytes: &[u8], at: SystemTime) {
        let mut ring = self.lock();
        for bytes in bytes.chunks(PIECE_BYTES) {
            ring.push(stream, bytes, at);
        }
    }

    /// Says whether nothing was printed so far.
    pub fn is_empty(&self) -> bool {
        self.lock().end == 0
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Ring> {
        // Whoever holds it only moves bytes; after a panic there they are as good as before.
        self.shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Ring {
    fn push(&mut self, stream: Stream, bytes: &[u8], at: SystemTime) {
        let from = self.end;
        self.end += bytes.len() as u64;
        self.cost += bytes.len();
        match self.pieces.back_mut().filter(|last| last.takes(stream, bytes, at)) {
            Some(last) => last.bytes.extend_from_slice(bytes),
            None => {
                self.pieces.push_back(Piece { stream, at, from, bytes: bytes.to_vec() });
                self.cost += PIECE_COST;
            }
        }
        while self.cost > RING_BYTES
            && let Some(oldest) = self.pieces.pop_front()
        {
            self.cost -= oldest.bytes.len() + PIECE_COST;
        }
    }
}

impl Piece {
    fn takes(&self, stream: Stream, bytes: &[u8], at: SystemTime) -> bool {
        self.stream == stream
            && self.bytes.len() + bytes.len() <= PIECE_BYTES
            && at.duration_since(self.at).is_ok_and(|passed| passed < TOGETHER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_keeps_the_newest_and_no_more_than_the_ring() {
        let ring = OutputRing::new();
        for n in 0..100_000 {
            ring.push(Stream::Stdout, format!("line {n}\n").as_bytes());
        }
        let held: usize = ring.lock().pieces.iter().map(|piece| piece.bytes.capacity()).sum();
        assert!(held <= 2 * RING_BYTES, "a growing piece may have room to spare: {held}");
        let newest = ring.lock().pieces.back().map(|piece| piece.bytes.clone()).unwrap();
        assert!(newest.ends_with(b"line 99999\n"));
    }

    #[test]
    fn many_small_writes_fill_the_ring_by_what_they_cost() {
        let (ring, start) = (OutputRing::new(), SystemTime::UNIX_EPOCH);
        for n in 0..100_000_u64 {
            ring.push_at(Stream::Stdout, b"\n", start + Duration::from_secs(n));
        }
        assert!(ring.lock().pieces.len() <= RING_BYTES / PIECE_COST);
    }
}
