//! What this worker does while memory is short: it claims nothing, and at the very end gives up one attempt for the others.

use std::time::SystemTime;

use backstay_isolate::MemoryNow;
use serde_json::json;

use super::super::control::host_name;
use super::super::run::Hurry;
use super::Claims;
use super::news::Raise;
use crate::model::alert::Rule;
use crate::model::brake::memory::{Change, MemoryBrake, MemoryMarks};
use crate::model::event::{self, Event, JobRef};
use crate::model::outcome::Outcome;
use crate::model::status::BrakeStatus;
use crate::model::unit::format_size;
use crate::runtime::ended::job_ref;

const MEMORY: &str = "memory";
/// What an alert about isolation is about.
const EVICTION: &str = "eviction";

/// The brake of memory, and what follows from it.
pub(super) struct Short {
    brake: MemoryBrake,
    on_since: SystemTime,
    /// The attempt that has to go; until it has, its memory is not free.
    evicted: Option<i64>,
}

impl Short {
    pub(super) fn new(marks: MemoryMarks) -> Short {
        let brake = MemoryBrake::new(marks);
        Short { brake, on_since: SystemTime::UNIX_EPOCH, evicted: None }
    }

    pub(super) fn is_on(&self) -> bool {
        self.brake.is_on()
    }

    /// For people.
    pub(super) fn status(&self) -> Option<BrakeStatus> {
        let reason = self.brake.shortage()?.to_string();
        Some(BrakeStatus { what: MEMORY.to_owned(), reason, since: self.on_since.try_into().ok()? })
    }
}

impl Claims {
    /// Takes in what the host said of its memory.
    pub(super) fn see_memory(&mut self, seen: MemoryNow) {
        if self.is_stepped() {
            return;
        }
        let now = self.state.began.elapsed();
        match self.state.short.brake.see(now, seen.used, seen.full_avg10) {
            None => {}
            Some(Change::On(shortage)) => {
                self.state.short.on_since = SystemTime::now();
                let reason = shortage.to_string();
                event::emit(&Event::BrakeOn { what: MEMORY, reason });
                self.publish_admission();
            }
            Some(Change::Off { lasted }) => {
                event::emit(&Event::BrakeOff { what: MEMORY, lasted });
                self.state.hungry = true;
                self.publish_admission();
            }
        }
        if let Some(used) = self.state.short.brake.must_evict(now) {
            self.evict(used);
        }
    }

    /// Ends the attempt that is nearest to its own limit, where none is on its way out.
    fn evict(&mut self, used: f64) {
        if self.state.short.evicted.is_some() {
            return;
        }
        let hands = &self.state.hands;
        let may_go = |job: i64, attempt: i32| {
            hands.get(&job).is_some_and(|hand| hand.attempt == attempt && !hand.stop.is_told())
        };
        let Some(job) = self.runner.lines.samples.fullest(may_go) else { return };
        let Some(hand) = hands.get(&job) else { return };
        let reason = format!(
            "ended to save the other jobs: {:.0} % of the memory limit was in use, and of all attempts it was nearest to its own",
            used * 100.0
        );
        event::emit(&Event::Evicted { job: job_ref(&hand.info), reason: reason.clone() });
        hand.stop.tell(Hurry { reason: Some(reason), ..Hurry::of(Outcome::Evicted) });
        self.state.short.evicted = Some(job);
    }

    /// An attempt was evicted, by us or by the kernel: somebody else uses memory here that was counted as ours, so less is
    /// given out until the next start.
    pub(super) fn note_evicted(&mut self, job: &JobRef) {
        self.state.ledger.lower(self.state.largest);
        let detail = json!({
            "host": host_name(),
            "job": job.id.to_string(),
            "budget": format_size(self.state.ledger.budget()),
        });
        self.raise(Raise {
            rule: Rule::Isolation,
            subject: EVICTION.to_owned(),
            kind: Some(job.kind.clone()),
            queue: Some(job.queue.clone()),
            detail,
        });
    }

    pub(super) fn evicted_left(&mut self, job: i64) {
        if self.state.short.evicted == Some(job) {
            self.state.short.evicted = None;
            self.state.short.brake.note_evicted(self.state.began.elapsed());
        }
    }
}
