//! Carries one direction of a connection, message by message, and does to it what the rules say.

use std::collections::VecDeque;
use std::future::pending;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;

use super::message::{Kind, Message, Reader};
use super::rules::{Harm, Rules, Way};

/// Bytes that wait at most before no more are read, as in the buffers of a real line.
const HELD_BYTES: usize = 1 << 20;
/// What is read at once.
const READ_BYTES: usize = 16 << 10;
/// A slow line gives this many small portions a second.
const PORTIONS: u32 = 20;

/// The connection is no more.
#[derive(Debug)]
pub(super) struct Broken;

/// One direction of one connection.
pub(super) struct Pump<'a> {
    pub(super) from: ReadHalf<'a>,
    pub(super) to: WriteHalf<'a>,
    pub(super) reader: Reader,
    pub(super) way: Way,
    pub(super) name: &'a str,
    pub(super) rules: watch::Receiver<Rules>,
    pub(super) state: State,
}

/// What is under way.
pub(super) struct State {
    line: VecDeque<Piece>,
    held: usize,
    /// Bytes that have arrived since the rules were set.
    passed: u64,
    /// When a slow line takes the next portion.
    free_at: Instant,
    dice: u64,
    is_over: bool,
}

/// A message, or what is left of it.
struct Piece {
    due: Instant,
    bytes: Vec<u8>,
    sent: usize,
}

impl State {
    /// Begins with these messages; chance begins with `seed`.
    pub(super) fn new(seed: u64, first: Option<Message>) -> State {
        let mut state = State {
            line: VecDeque::new(),
            held: 0,
            passed: 0,
            free_at: Instant::now(),
            dice: seed | 1,
            is_over: false,
        };
        first.into_iter().for_each(|message| state.push(message.bytes, Duration::ZERO));
        state
    }

    /// What was sent first arrives first, whatever chance says.
    fn push(&mut self, bytes: Vec<u8>, late: Duration) {
        let after = self.line.back().map(|piece| piece.due);
        let due = after.max(Some(Instant::now() + late)).expect("one of them is there");
        self.held += bytes.len();
        self.line.push_back(Piece { due, bytes, sent: 0 });
    }

    fn roll(&mut self) -> f64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        (self.dice >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl Pump<'_> {
    /// Runs until the sender is done and everything has arrived.
    pub(super) async fn run(mut self) -> Result<(), Broken> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let harm = self.rules.borrow_and_update().harm(Some(self.name), self.way);
            self.state.passed = 0;
            if self.run_under(&harm, &mut buffer).await? {
                return Ok(());
            }
        }
    }

    /// Runs until the rules change, or to the end: then it is true.
    async fn run_under(&mut self, harm: &Harm, buffer: &mut [u8]) -> Result<bool, Broken> {
        loop {
            if self.state.is_over && self.state.line.is_empty() {
                // The other side may be gone already.
                let _gone = self.to.shutdown().await;
                return Ok(true);
            }
            let wants_more = !self.state.is_over && self.state.held < HELD_BYTES;
            let due = self.due(harm);
            tokio::select! {
                changed = self.rules.changed() => return changed.map(|()| false).map_err(|_| Broken),
                read = self.from.read(buffer), if wants_more => match read {
                    Ok(0) | Err(_) => self.end(harm),
                    Ok(count) => self.take(&buffer[..count], harm)?,
                },
                () = until(due) => self.deliver(harm).await?,
            }
        }
    }

    fn due(&self, harm: &Harm) -> Option<Instant> {
        if harm.is_silent {
            return None;
        }
        Some(self.state.line.front()?.due.max(self.state.free_at))
    }

    fn take(&mut self, bytes: &[u8], harm: &Harm) -> Result<(), Broken> {
        self.reader.feed(bytes);
        while let Some(message) = self.reader.next_message().map_err(|_| Broken)? {
            let is_dropped =
                matches!(message.kind, Kind::Letter(letter) if harm.dropped.contains(&letter));
            if !is_dropped {
                let late = harm.by + harm.jitter.mul_f64(self.state.roll());
                self.state.push(message.bytes, late);
            }
        }
        Ok(())
    }

    /// The sender has nothing more, perhaps in the middle of a message.
    fn end(&mut self, harm: &Harm) {
        self.state.is_over = true;
        let rest = self.reader.rest().to_vec();
        if !rest.is_empty() {
            self.state.push(rest, harm.by);
        }
    }

    async fn deliver(&mut self, harm: &Harm) -> Result<(), Broken> {
        let Some(piece) = self.state.line.front_mut() else { return Ok(()) };
        let mut count = piece.bytes.len() - piece.sent;
        if let Some(rate) = harm.bytes_per_second {
            count = count.min((rate / PORTIONS).max(1) as usize);
            self.state.free_at =
                Instant::now() + Duration::from_secs_f64(count as f64 / f64::from(rate));
        }
        if let Some(after) = harm.cut_after {
            let left = after.saturating_sub(self.state.passed);
            count = count.min(usize::try_from(left).unwrap_or(usize::MAX));
        }
        let next = &piece.bytes[piece.sent..piece.sent + count];
        self.to.write_all(next).await.map_err(|_| Broken)?;
        piece.sent += count;
        self.state.held -= count;
        self.state.passed += count as u64;
        if piece.sent == piece.bytes.len() {
            self.state.line.pop_front();
        }
        if harm.cut_after.is_some_and(|after| self.state.passed >= after) {
            return Err(Broken);
        }
        Ok(())
    }
}

/// Waits until then, or for ever.
pub(super) async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => pending().await,
    }
}
