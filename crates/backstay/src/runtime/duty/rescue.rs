//! Takes over the jobs of workers that are lost, on proof of death, under the dead worker's own fence.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use uuid::Uuid;

use crate::failpoint::failpoint;
use crate::model::account;
use crate::model::event::{self, Event};
use crate::model::fingerprint::fingerprint;
use crate::model::job::{Fence, JobSet};
use crate::model::judge::{Bill, Policy, Verdict, judge, judge_lost};
use crate::model::lease::{Evidence, Looks, Sighting, Times, may_rescue};
use crate::model::outcome::{Attempted, Outcome};
use crate::model::sample::Sample;
use crate::runtime::looper::Dice;
use crate::runtime::worker::control::Shared;
use crate::store::duty::{self, Doomed, Suspect};
use crate::store::settle::{Facts, Settled, settle_for};
use crate::store::statement::Link;
use crate::store::{StoreError, record};

/// Jobs of one transaction.
const ROWS: i32 = 500;
/// Jobs of workers that nobody looks at any more are looked for this rarely, every 15 s: the search reads all that runs.
const STRAYS_EVERY: u32 = 3;

/// What this worker has seen of the others.
pub(crate) struct Rescue {
    me: Uuid,
    times: Times,
    shared: Shared,
    looks: Looks,
    looked_at: Option<Instant>,
    sweeps: u32,
    swept_at: Option<Instant>,
    dice: Dice,
}

impl Rescue {
    pub(crate) fn new(me: Uuid, times: Times, shared: Shared) -> Rescue {
        let dice = Dice::new(me.as_u128() ^ 0xdead);
        Rescue {
            me,
            times,
            shared,
            looks: Looks::default(),
            looked_at: None,
            sweeps: 0,
            swept_at: None,
            dice,
        }
    }

    /// After a reconnect an old look proves nothing.
    pub(crate) fn forget(&mut self) {
        self.looks.forget();
    }

    /// One round.
    pub(crate) async fn tick(&mut self, link: &Link) -> Result<(), StoreError> {
        let period = self.times.presence_look;
        if self.looked_at.is_some_and(|at| at.elapsed() < period.mul_f32(0.8)) {
            return Ok(());
        }
        self.looked_at = Some(Instant::now());
        let suspects = duty::suspects(link, self.me).await?;
        self.looks.keep(&suspects.iter().map(|suspect| suspect.worker).collect::<Vec<_>>());
        let now = self.shared.began.elapsed();
        let mut doomed = Vec::new();
        for suspect in &suspects {
            let lock_free = suspect.has_presence && suspect.lock_free;
            let free_for = self.looks.look(suspect.worker, now, lock_free, suspect.beat_at_ms);
            let seen = Sighting::Worker {
                goodbye: suspect.goodbye,
                lock_free: free_for,
                lease_over: suspect.lease_over_ms > 0,
                kills_itself: suspect.kills_itself,
            };
            if let Some(evidence) = self.may_rescue(&seen, suspect) {
                doomed.push((suspect.worker, evidence, suspect.seen_at));
            }
        }
        for (worker, evidence, seen_at) in doomed {
            self.rescue(link, worker, evidence, seen_at).await?;
        }
        self.sweep(link).await
    }

    fn may_rescue(&self, seen: &Sighting, suspect: &Suspect) -> Option<Evidence> {
        let gap_free = self
            .shared
            .book
            .lock()
            .expect("nobody panics while holding it")
            .gap_free(self.shared.began.elapsed());
        let server_up = Duration::from_millis(suspect.server_up_ms.max(0).unsigned_abs());
        may_rescue(seen, gap_free, server_up, &self.times)
    }

    /// Jobs of workers that have no row or are marked as lost, and jobs that run past every limit though their worker beats.
    async fn sweep(&mut self, link: &Link) -> Result<(), StoreError> {
        if self.swept_at.is_some_and(|at| at.elapsed() < self.times.lease_sweep) {
            return Ok(());
        }
        self.swept_at = Some(Instant::now());
        self.sweeps = self.sweeps.wrapping_add(1);
        let gap_free = self
            .shared
            .book
            .lock()
            .expect("nobody panics while holding it")
            .gap_free(self.shared.began.elapsed());
        if gap_free < self.times.gap_free_lease
            || self.sweeps % STRAYS_EVERY != 1 && self.times == Times::normal()
        {
            return Ok(());
        }
        for (worker, evidence, seen_at) in duty::strays(link, self.times.lease).await? {
            let evidence =
                if evidence == "deadline" { Evidence::Deadline } else { Evidence::NoRow };
            self.rescue(link, worker, evidence, seen_at).await?;
        }
        Ok(())
    }

    /// Settles all jobs of one lost worker, 500 in a transaction. What it claimed since it was seen to be lost stays with it:
    /// it has come back, and if not, the next look tells.
    async fn rescue(
        &mut self,
        link: &Link,
        worker: Uuid,
        evidence: Evidence,
        seen_at: Timestamp,
    ) -> Result<(), StoreError> {
        let (mut jobs, mut blamed) = (0, None);
        loop {
            link.batch("begin isolation level read committed").await?;
            let n = self.some(link, worker, evidence, seen_at, &mut blamed).await?;
            jobs += n;
            if n < usize::try_from(ROWS).expect("a small number") {
                break;
            }
        }
        match evidence {
            Evidence::Goodbye => duty::gone(link, worker).await?,
            Evidence::Deadline => {}
            _ => {
                duty::lost(link, worker, i32::try_from(jobs).unwrap_or(i32::MAX), evidence.as_str())
                    .await?
            }
        }
        if jobs > 0 {
            duty::wake(link).await?;
        }
        if jobs > 0 || !matches!(evidence, Evidence::Goodbye) {
            event::emit(&Event::WorkerLost { worker, evidence, jobs: jobs as u64 });
        }
        Ok(())
    }

    /// One transaction, with its commit. Who is `blamed` is found in the first: later ones no longer see a suspect that was settled.
    async fn some(
        &mut self,
        link: &Link,
        worker: Uuid,
        evidence: Evidence,
        seen_at: Timestamp,
        blamed: &mut Option<i64>,
    ) -> Result<usize, StoreError> {
        let only_overdue = evidence == Evidence::Deadline;
        let doomed = duty::doomed(link, worker, ROWS, only_overdue, seen_at).await?;
        failpoint!("rescue.after_lock", if !doomed.is_empty());
        *blamed = blamed.or(doomed.first().and_then(|job| job.suspect));
        let settled: Vec<Settled> =
            doomed.iter().map(|job| self.verdict(worker, job, evidence, *blamed)).collect();
        failpoint!("rescue.after_judge", if !settled.is_empty());
        record::begin("rescue", &settled);
        let done = write(link, worker, &settled).await;
        record::end("rescue", &settled, done.as_ref().ok());
        let done = done?;
        for (job, settled) in doomed.iter().zip(&settled).filter(|(job, _)| done.contains(&job.job))
        {
            self.note(job, settled);
        }
        Ok(doomed.len())
    }

    /// Counts what was taken from a lost worker; its own figures will not tell of it.
    fn note(&self, job: &Doomed, settled: &Settled) {
        self.shared.tally.note(|figures| {
            figures.rescued(&job.queue, &job.kind, settled.facts.outcome.as_str());
            match settled.verdict {
                Verdict::Bury { .. } => figures.ended(&job.queue, &job.kind, "dead"),
                Verdict::Cancel => figures.ended(&job.queue, &job.kind, "cancelled"),
                _ => {}
            }
        });
    }

    fn verdict(
        &mut self,
        worker: Uuid,
        job: &Doomed,
        evidence: Evidence,
        blamed: Option<i64>,
    ) -> Settled {
        let (crash_limit, lost_limit) = job.limits;
        let policy = Policy::of(job.max_retries, crash_limit, lost_limit, job.policy.as_deref());
        let jitter = self.dice.roll();
        let (outcome, verdict) = if job.cancelled {
            (Outcome::Cancelled, Verdict::Cancel)
        } else if evidence == Evidence::Deadline {
            let attempted = Attempted::of(Outcome::TimedOut);
            (Outcome::TimedOut, judge(&attempted, &job.counters, &policy, jitter))
        } else if evidence == Evidence::Goodbye {
            (Outcome::Interrupted, Verdict::Release { bill: Bill::Interrupt })
        } else {
            let beside_suspect = blamed.is_some_and(|blamed| blamed != job.job);
            (Outcome::Lost, judge_lost(&job.counters, &policy, beside_suspect, jitter))
        };
        let message = match outcome {
            Outcome::Lost => format!("the worker was lost while it ran ({})", evidence.as_str()),
            Outcome::TimedOut => {
                "ran past its timeout and all grace; its worker had lost its grip".to_owned()
            }
            other => other.as_str().to_owned(),
        };
        let print = fingerprint(&job.kind, outcome.as_str(), None, &message, None);
        let seen = job.sample.as_deref().and_then(|json| serde_json::from_str::<Sample>(json).ok());
        let told = seen.as_ref().map(account::last_seen).unwrap_or_default();
        let mut detail = serde_json::json!({
            "outcome": outcome.as_str(), "message": format!("{message}{told}"), "late": false,
            "survivor": false, "suspect": job.counters.is_suspect(),
        });
        if let Some(seen) = &seen {
            detail["cpu_ms"] = i32::try_from(seen.cpu_ms).unwrap_or(i32::MAX).into();
            detail["peak_kib"] = i32::try_from(seen.rss.div_ceil(1024)).unwrap_or(i32::MAX).into();
            detail["peak_source"] = "last".into();
        }
        let facts = Facts {
            detail: detail.to_string(),
            fingerprint: print.hash,
            title: print.title,
            reason: job.cancel_reason.clone().map_or(Cow::Borrowed("cancelled"), Cow::Owned),
            ..Facts::of(outcome)
        };
        Settled {
            fence: Fence { job: job.job, attempt: job.counters.attempt, worker },
            verdict,
            facts,
        }
    }
}

/// Writes the verdicts and commits; which jobs were settled.
async fn write(link: &Link, lost: Uuid, settled: &[Settled]) -> Result<JobSet, StoreError> {
    let done = settle_for(link, lost, settled).await?;
    failpoint!("rescue.before_commit", if !settled.is_empty());
    link.batch("commit").await?;
    failpoint!("rescue.after_commit", if !settled.is_empty());
    Ok(done)
}
