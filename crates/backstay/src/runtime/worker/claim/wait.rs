//! Jobs in hand for which there is no memory yet: they wait under their lease, oldest first.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::super::Finished;
use super::super::run::{Hurry, Stopping};
use super::Claims;
use crate::model::claim::Claimed;
use crate::model::outcome::Outcome;
use crate::model::unit::format_size;
use crate::runtime::ended::Ended;

/// From then on nothing else may take what the oldest needs.
const HAS_PATIENCE: Duration = Duration::from_secs(30);
/// Then it is given back, nobody's fault: another worker may have room.
const GIVES_UP: Duration = Duration::from_secs(300);
/// How often somebody who waits looks whether it was told to stop.
pub(super) const LOOK: Duration = Duration::from_millis(100);

/// A claimed job that is larger than what is free. Each has a slot, so there are never more than those.
pub(super) struct Waiting {
    pub(super) claimed: Box<Claimed>,
    stopping: Stopping,
    bytes: u64,
    since: Instant,
}

impl Claims {
    /// Begins a job, or lets it wait for memory.
    pub(super) fn admit(&mut self, claimed: Box<Claimed>, stopping: Stopping) {
        let bytes = self.runner.memory_of(&claimed);
        if self.may_begin(&claimed, bytes) {
            return self.begin_now(claimed, stopping);
        }
        self.state.waiting.push(Waiting { claimed, stopping, bytes, since: Instant::now() });
    }

    /// Begins what there is room for by now.
    pub(super) fn admit_waiting(&mut self) {
        let mut is_blocked = false;
        for one in std::mem::take(&mut self.state.waiting) {
            let waited = one.since.elapsed();
            if let Some(end) = one.end(waited) {
                self.gather(Finished { claimed: one.claimed, ended: Box::new(end) });
            } else if !is_blocked && self.may_begin(&one.claimed, one.bytes) {
                self.begin_now(one.claimed, one.stopping);
            } else {
                is_blocked |= waited >= HAS_PATIENCE;
                self.state.waiting.push(one);
            }
        }
    }

    fn begin_now(&mut self, mut claimed: Box<Claimed>, stopping: Stopping) {
        let trace = self.runner.trace(&mut claimed);
        if let Some(hand) = self.state.hands.get_mut(&claimed.info.id).filter(|_| trace.is_some()) {
            hand.trace = trace;
        }
        self.runner.begin(claimed, stopping);
    }

    /// Reserves for an attempt that begins now; those that begin together may find one and the same child warm.
    fn may_begin(&mut self, claimed: &Claimed, bytes: u64) -> bool {
        let is_new = self.runner.warm_for(claimed) <= self.state.begun;
        let now = self.state.began.elapsed();
        let may = self.state.ledger.begin(now, claimed.info.id, bytes, is_new);
        self.state.begun += usize::from(may);
        may
    }

    /// Jobs that wait, and how much they need, for people.
    pub(super) fn in_hand(&self) -> BTreeMap<String, u64> {
        let waiting = self.state.waiting.iter();
        waiting.map(|one| (one.claimed.info.id.to_string(), one.bytes)).collect()
    }

    /// Whether somebody has waited for so long that nothing else may begin.
    pub(super) fn somebody_starves(&self) -> bool {
        self.state.waiting.iter().any(|one| one.since.elapsed() >= HAS_PATIENCE)
    }
}

impl Waiting {
    /// How it ends without having begun.
    fn end(&self, waited: Duration) -> Option<Ended> {
        if let Some(told) = self.stopping.told() {
            return Some(told.ended(Duration::ZERO));
        }
        (waited >= GIVES_UP).then(|| Ended {
            message: Some(format!(
                "waited for memory in vain: it needs {}",
                format_size(self.bytes)
            )),
            ..Hurry::of(Outcome::Evicted).ended(Duration::ZERO)
        })
    }
}
