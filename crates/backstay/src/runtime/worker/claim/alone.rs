//! Verdicts that their batch could not write: one by one, and what is refused in every form is kept for later.

use std::time::{Duration, Instant};

use super::Claims;
use crate::model::event::{self, Event};
use crate::runtime::settle::{self, Alone};
use crate::store::StoreError;
use crate::store::settle::Settled;

/// What the database has refused in every form is offered again after this long: somebody may have mended what was wrong.
const OFFER_AGAIN: Duration = Duration::from_secs(30);

impl Claims {
    /// One verdict in the batch cannot be written: the others must not pay for it.
    pub(super) async fn settle_one_by_one(&mut self, error: &StoreError) -> Result<(), StoreError> {
        let all = std::mem::take(&mut self.state.gathered);
        event::emit(&Event::SettleSplit { count: all.len() as u64, error: error.to_string() });
        self.state.first_at = None;
        let mut rest = all.into_iter();
        while let Some(one) = rest.next() {
            if let Err(error) = self.settle_alone(one).await {
                rest.for_each(|one| self.push(one));
                return Err(error);
            }
        }
        self.state.only_settle = false;
        Ok(())
    }

    async fn settle_alone(&mut self, one: Settled) -> Result<(), StoreError> {
        let Some(link) = &self.state.link else {
            self.push(one);
            return Ok(());
        };
        match settle::alone(link, self.worker, &self.release, &one).await {
            Ok(Alone::Written(turn)) => self.conclude(vec![one], &turn),
            Ok(Alone::JobsRefused(why)) => {
                self.fails_after_all(one.fence.job, one.facts.wall_ms, "enqueue_refused", why)
            }
            Ok(Alone::Refused(error)) => self.keep(one, &error),
            Err(error) => {
                self.push(one);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Keeps a verdict that nobody can write. Its slot stays taken, so there are never more of them than slots.
    fn keep(&mut self, one: Settled, error: &StoreError) {
        let job = one.fence.job;
        tracing::error!(
            target: "backstay", error_code = "BS204", job_id = job,
            "the verdict of job {job} is refused in every form and kept; it is offered again in 30 s: {error}"
        );
        self.state.refused.push(one);
        self.state.offer_again_at = Some(Instant::now() + OFFER_AGAIN);
    }

    /// Offers what was refused once more, where that is due.
    pub(super) fn offer_again(&mut self, now: Instant) {
        if self.state.offer_again_at.is_some_and(|at| now >= at) {
            self.state.offer_again_at = None;
            let refused = std::mem::take(&mut self.state.refused);
            refused.into_iter().for_each(|one| self.push(one));
        }
    }
}
