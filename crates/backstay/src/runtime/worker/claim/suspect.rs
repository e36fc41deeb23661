//! Jobs suspected of killing workers: one of them runs here at a time, so that nobody else pays when it does it again.

use super::Claims;
use crate::model::claim::Claimed;
use crate::model::event::{self, Event};
use crate::model::judge::put_off;
use crate::model::outcome::Outcome;
use crate::runtime::ended;
use crate::store::settle::{Facts, Settled};

impl Claims {
    /// Lets one suspect run, where none does. Of several that come at once it is the one with the lowest id: when this
    /// worker is lost, its rescuer finds the same one (`sql/duty/doomed.sql`).
    pub(super) fn choose_suspect(&mut self, claimed: &[Claimed]) {
        if self.state.suspect.is_none() {
            let suspects = claimed.iter().filter(|one| one.counters.is_suspect());
            self.state.suspect = suspects.map(|one| one.info.id).min();
        }
    }

    pub(super) fn is_second_suspect(&self, claimed: &Claimed) -> bool {
        claimed.counters.is_suspect() && self.state.suspect != Some(claimed.info.id)
    }

    /// Gives a second suspect back for a while; it has not begun.
    pub(super) fn put_off(&mut self, claimed: &Claimed) {
        let outcome = Outcome::Interrupted;
        self.note_end(claimed.info.id, &claimed.info.kind, outcome);
        event::emit(&Event::Released { job: ended::job_ref(&claimed.info), outcome });
        let detail = serde_json::json!({
            "outcome": outcome.as_str(), "late": false, "survivor": false, "suspect": true,
            "message": "suspected of having killed workers: it waits until no other suspect runs here",
        });
        let facts = Facts { detail: detail.to_string(), ..Facts::of(outcome) };
        let verdict = put_off(self.state.dice.roll());
        self.push(Settled { fence: claimed.fence(), verdict, facts });
    }

    pub(super) fn suspect_left(&mut self, job: i64) {
        if self.state.suspect == Some(job) {
            self.state.suspect = None;
        }
    }
}
