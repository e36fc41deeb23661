//! The end of a claim loop: what runs is told to stop, killed, or given back, step by step.

use std::collections::HashSet;
use std::time::Instant;

use uuid::Uuid;

use super::super::run::Hurry;
use super::Claims;
use crate::failpoint::failpoint;
use crate::model::config::ContactLost;
use crate::model::drain::{Left, Step};
use crate::model::event::{self, Event};
use crate::model::judge::{Bill, Verdict};
use crate::model::outcome::Outcome;
use crate::store::settle::{Facts, Settled};

impl Claims {
    /// Queues with `contact_lost = "kill"` end what runs before anybody may take it over. Where this process cannot, since
    /// it stands still, the shims of its children do.
    pub(super) fn let_go_where_cut_off(&self) {
        let hold = self.settings.times.hold();
        let is_cut_off = self.heard.borrow().at.is_some_and(|at| at.elapsed() > hold);
        if !is_cut_off {
            return;
        }
        for hand in self.state.hands.values() {
            if self.rooms[hand.room].queue.contact_lost == ContactLost::Kill {
                hand.stop.tell(Hurry::stale());
            }
        }
    }

    /// What runs and what is not written down yet.
    pub(super) fn left(&self) -> Left {
        let unsettled = self.state.gathered.len() + self.state.refused.len();
        Left { running: self.state.hands.len().saturating_sub(unsettled), unsettled }
    }

    pub(super) fn drain_step(&mut self) {
        let (now, left) = (self.state.began.elapsed(), self.left());
        while let Some(step) = self.state.drain.tick(now, left) {
            self.drain(step);
        }
    }

    pub(super) fn drain(&mut self, step: Step) {
        match step {
            Step::StopClaiming { left } => {
                self.draining.send_replace(true);
                let running = self.state.hands.len() as u64;
                event::emit(&Event::WorkerDraining { worker: self.worker, running, left });
            }
            Step::Cancel { .. } => {
                self.state.hands.values().for_each(|hand| hand.stop.tell(Hurry::shutdown()))
            }
            Step::Kill => self.runner.kill_all(),
            Step::Release => {
                failpoint!(pass "drain.before_release");
                // What was refused gets its last chance.
                self.state.offer_again_at = Some(Instant::now());
                self.give_all_back();
            }
            Step::SayGoodbye => {}
        }
    }

    /// What does not end is given back all the same: its process dies with ours, and its late word is stale.
    pub(super) fn give_all_back(&mut self) {
        let refused = self.state.refused.iter();
        let waiting: HashSet<i64> =
            self.state.gathered.iter().chain(refused).map(|settled| settled.fence.job).collect();
        let left: Vec<(i64, i32)> =
            self.state.hands.iter().map(|(job, hand)| (*job, hand.attempt)).collect();
        for (job, attempt) in left.into_iter().filter(|(job, _)| !waiting.contains(job)) {
            self.push(given_back(job, attempt, self.worker, Bill::Interrupt));
        }
    }
}

/// A job that goes back at once, with nothing to tell about it.
pub(super) fn given_back(job: i64, attempt: i32, worker: Uuid, bill: Bill) -> Settled {
    let fence = crate::model::job::Fence { job, attempt, worker };
    let detail = serde_json::json!({
        "outcome": "interrupted", "late": false, "survivor": false, "suspect": false,
        "message": "given back by its worker",
    });
    let facts = Facts { detail: detail.to_string(), ..Facts::of(Outcome::Interrupted) };
    Settled { fence, verdict: Verdict::Release { bill }, facts }
}
