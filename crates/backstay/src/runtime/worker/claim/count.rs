//! What the claim loop tells monitoring, and whoever traces attempts.

use super::Claims;
use super::ahead::Place;
use crate::model::claim::Claimed;
use crate::model::figures::Standing;
use crate::model::judge::Verdict;
use crate::model::outcome::Outcome;
use crate::runtime::ended::Ended;

impl Claims {
    pub(super) fn count_claim(&self, claimed: &Claimed) {
        let info = &claimed.info;
        self.runner.tally.note(|figures| {
            figures.claimed(&info.queue, &info.kind, claimed.priority, claimed.waited);
        });
    }

    /// Notes how an attempt ended, if it had begun.
    pub(super) fn count_end(&self, claimed: &Claimed, ended: &Ended) {
        let info = &claimed.info;
        let had_slot = |hand: &super::Hand| matches!(hand.place, Place::Slot(_));
        if !self.state.hands.get(&info.id).is_some_and(had_slot) {
            return;
        }
        self.runner.tally.note(|figures| {
            let outcome = ended.attempted.outcome.as_str();
            figures.ran(&info.queue, &info.kind, outcome, ended.wall, ended.cpu, ended.peak_bytes);
        });
    }

    /// Keeps how a traced attempt ended, until that is written down.
    pub(super) fn trace_end(&mut self, claimed: &Claimed, ended: &Ended) {
        let hand = self.state.hands.get_mut(&claimed.info.id);
        if let Some(open) = hand.and_then(|hand| hand.trace.as_mut()) {
            open.ended(ended.traced());
        }
    }

    /// Takes over what the database made of it.
    pub(super) fn trace_settled(&mut self, job: i64, outcome: Outcome) {
        let hand = self.state.hands.get_mut(&job);
        if let Some(open) = hand.and_then(|hand| hand.trace.as_mut()) {
            open.settled(outcome);
        }
    }

    /// Notes that a verdict was written after which the job goes nowhere any more.
    pub(super) fn count_settled(&self, job: i64, verdict: &Verdict) {
        let Some(hand) = self.state.hands.get(&job) else { return };
        let state = match verdict {
            Verdict::Complete => "completed",
            Verdict::Cancel => "cancelled",
            Verdict::Bury { .. } => "dead",
            _ => return,
        };
        self.runner.tally.note(|figures| figures.ended(&hand.info.queue, &hand.info.kind, state));
    }

    pub(super) fn count_standing(&self) {
        self.runner.tally.note(|figures| {
            figures.called(self.database.calls());
            self.rooms.iter().for_each(|room| figures.slots(&room.queue.name, room.slots_now()));
            figures.stands(Standing {
                memory_budget: self.state.ledger.budget(),
                memory_reserved: self.state.ledger.budget() - self.state.ledger.free(),
                is_braked: self.held_until().is_some() || self.state.short.is_on(),
                level: self.runner.level(),
            });
        });
    }
}
