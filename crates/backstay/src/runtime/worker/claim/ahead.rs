//! Jobs that are held for the next free slot, in queues whose jobs are short (`model/ahead.rs`).

use std::time::{Duration, Instant};

use super::super::Finished;
use super::super::run::Stopping;
use super::Claims;
use super::drain::given_back;
use crate::model::claim::Claimed;
use crate::model::judge::Bill;

/// What has waited for this long waits behind long work: another worker may have a slot for it.
const GIVES_BACK: Duration = Duration::from_millis(250);

/// Where a job is that this worker holds.
pub(super) enum Place {
    /// It waits for a slot, or ended before it had one.
    Ahead,
    /// In a slot since then.
    Slot(Instant),
    /// It has ended; its verdict is not written yet.
    Ended,
}

/// A claimed job that waits for a slot.
pub(super) struct Next {
    pub(super) claimed: Box<Claimed>,
    stopping: Stopping,
    room: usize,
    level: usize,
    since: Instant,
}

impl Claims {
    /// Gives a claimed job its slot, or lets it wait for one.
    pub(super) fn admit_or_hold(&mut self, claimed: Box<Claimed>, stopping: Stopping) {
        let Some(hand) = self.state.hands.get(&claimed.info.id) else { return };
        let room = hand.room;
        // A turn that age was given is not taken back here: it begins as the most urgent would.
        let is_aged = claimed.waited >= self.rooms[room].queue.ageing.after;
        let level = if is_aged { 0 } else { hand.level };
        let next = Next { claimed, stopping, room, level, since: Instant::now() };
        if self.rooms[room].has_slot() {
            return self.enter_slot(next);
        }
        let before = self.state.ahead.partition_point(|other| other.level <= level);
        self.state.ahead.insert(before, next);
    }

    /// Begins what there are slots for by now. A worker that drains begins nothing.
    pub(super) fn begin_ahead(&mut self) {
        let is_draining = !self.state.drain.may_claim();
        for next in std::mem::take(&mut self.state.ahead) {
            if let Some(told) = next.stopping.told() {
                let ended = Box::new(told.ended(Duration::ZERO));
                self.gather(Finished { claimed: next.claimed, ended });
            } else if is_draining || next.since.elapsed() >= GIVES_BACK {
                self.rooms[next.room].forget_runs();
                let (job, attempt) = (next.claimed.info.id, next.claimed.info.attempt);
                self.push(given_back(job, attempt, self.worker, Bill::Nothing));
            } else if self.rooms[next.room].has_slot() {
                self.enter_slot(next);
            } else {
                self.state.ahead.push(next);
            }
        }
    }

    fn enter_slot(&mut self, next: Next) {
        if let Some(hand) = self.state.hands.get_mut(&next.claimed.info.id) {
            hand.place = Place::Slot(Instant::now());
        }
        self.rooms[next.room].enter_slot();
        self.admit(next.claimed, next.stopping);
    }

    /// Opens the slot of a job that has ended.
    pub(super) fn leave_slot(&mut self, job: i64) {
        let Some(hand) = self.state.hands.get_mut(&job) else { return };
        if let Place::Slot(since) = std::mem::replace(&mut hand.place, Place::Ended) {
            self.rooms[hand.room].leave_slot(since.elapsed());
        }
    }

    /// When the oldest has waited for too long.
    pub(super) fn ahead_until(&self) -> Option<Instant> {
        self.state.ahead.iter().map(|next| next.since + GIVES_BACK).min()
    }
}
