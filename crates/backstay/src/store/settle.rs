//! Verdicts on their way into the database: sorted by the file that writes them, as columns.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::StoreError;
use super::statement::{Link, Param, Sql, millis, sql};
use crate::model::job::{Fence, JobSet};
use crate::model::judge::{Bill, Verdict};
use crate::model::limits::InForce;
use crate::model::outcome::Outcome;

static COMPLETE: Sql = sql!(hot "attempt/complete",
[
    INT8_ARRAY, INT4_ARRAY, UUID, INT4_ARRAY, INT4_ARRAY, INT4_ARRAY, TEXT_ARRAY, TEXT, INT4_ARRAY,
    TEXT_ARRAY
]);
static COMPLETE_LEAN: Sql = sql!(hot "attempt/complete_lean", [INT8_ARRAY, INT4_ARRAY, UUID]);
static COMPLETE_AND_ENQUEUE: Sql = sql!(
    "attempt/complete_and_enqueue",
    [INT8, INT4, UUID, INT4, INT4, INT4, TEXT, TEXT, TEXT, INT4, TEXT]
);
static VERIFY: Sql = sql!("attempt/verify", [INT8_ARRAY, INT4_ARRAY, UUID]);
static RETRY: Sql =
    sql!(hot "attempt/retry", [INT8_ARRAY, INT4_ARRAY, UUID, INT8_ARRAY, TEXT_ARRAY, TEXT_ARRAY]);
static RETRY_LARGER: Sql = sql!(
    "attempt/retry_larger",
    [
        INT8_ARRAY, INT4_ARRAY, UUID, INT8_ARRAY, TEXT_ARRAY, TEXT_ARRAY, INT8_ARRAY, TEXT_ARRAY,
        TEXT_ARRAY
    ]
);
static SNOOZE: Sql =
    sql!(hot "attempt/snooze", [INT8_ARRAY, INT4_ARRAY, UUID, INT8_ARRAY, TEXT_ARRAY]);
static RELEASE: Sql =
    sql!(hot "attempt/release", [INT8_ARRAY, INT4_ARRAY, UUID, TEXT_ARRAY, TEXT_ARRAY]);
static RELEASE_LATER: Sql = sql!(
    "attempt/release_later",
    [INT8_ARRAY, INT4_ARRAY, UUID, INT8_ARRAY, TEXT_ARRAY, TEXT_ARRAY, TEXT_ARRAY]
);
static CANCEL: Sql = sql!("attempt/cancel", [INT8_ARRAY, INT4_ARRAY, UUID, TEXT_ARRAY, TEXT_ARRAY]);
static BURY: Sql = sql!(
    "attempt/bury",
    [INT8_ARRAY, INT4_ARRAY, UUID, TEXT_ARRAY, TEXT_ARRAY, TEXT_ARRAY, TEXT_ARRAY, TEXT_ARRAY]
);

/// What a turn sends on a direct connection without planning it anew.
pub(crate) const HOT: [&Sql; 5] = [&COMPLETE, &COMPLETE_LEAN, &RETRY, &SNOOZE, &RELEASE];

/// Whether a statement only looks: it names the jobs that still run, not those that it settled.
pub(crate) fn is_look(sql: &'static Sql) -> bool {
    std::ptr::eq(sql, &VERIFY)
}

/// A verdict with all that is written down beside it.
#[derive(Debug, Clone)]
pub(crate) struct Settled {
    pub(crate) fence: Fence,
    pub(crate) verdict: Verdict,
    pub(crate) facts: Facts,
}

impl Settled {
    pub(crate) fn is_burial(&self) -> bool {
        matches!(self.verdict, Verdict::Bury { .. })
    }
}

/// What is known of an attempt when it is settled.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) wall_ms: i32,
    pub(crate) cpu_ms: Option<i32>,
    pub(crate) peak_kib: Option<i32>,
    /// What it was allowed, where anything limited it.
    pub(crate) terms: Option<Arc<InForce>>,
    /// JSON, of a completed attempt.
    pub(crate) output: Option<String>,
    /// Nothing of it is kept when it completes.
    pub(crate) lean: bool,
    /// Jobs that come into being with the completion, as `enqueue_many` takes them.
    pub(crate) enqueue: Option<String>,
    /// The handler completed the job in a transaction of its own; here it is only looked after.
    pub(crate) already: bool,
    /// The columns of `attempt`, as a JSON object; of a completed attempt those that its line has none for, if any.
    pub(crate) detail: String,
    pub(crate) fingerprint: String,
    pub(crate) title: String,
    /// Why it was cancelled.
    pub(crate) reason: Cow<'static, str>,
    /// It is cancelled only where somebody has asked for that.
    pub(crate) if_asked: bool,
    pub(crate) outcome: Outcome,
}

impl Facts {
    /// Nothing but the outcome.
    pub(crate) fn of(outcome: Outcome) -> Facts {
        Facts {
            wall_ms: 0,
            cpu_ms: None,
            peak_kib: None,
            terms: None,
            output: None,
            lean: false,
            enqueue: None,
            already: false,
            detail: String::new(),
            fingerprint: String::new(),
            title: String::new(),
            reason: Cow::Borrowed(""),
            if_asked: false,
            outcome,
        }
    }

    fn terms_no(&self) -> Option<i32> {
        self.terms.as_ref().and_then(|terms| terms.number())
    }

    /// What the line of a completed attempt has no column for.
    fn rest(&self) -> Option<String> {
        Some(self.detail.clone()).filter(|detail| !detail.is_empty())
    }

    /// The columns of `attempt` with the number of the limits, which is known last.
    fn whole_detail(&self) -> String {
        match (self.terms_no(), self.detail.strip_prefix('{')) {
            (Some(number), Some(rest)) if rest.len() > 1 => {
                format!("{{\"terms_no\":{number},{rest}")
            }
            _ => self.detail.clone(),
        }
    }
}

/// A completion with jobs: id, attempt, wall_ms, cpu_ms, peak_kib, output, jobs, terms_no, detail.
type Enqueuing =
    (i64, i32, i32, Option<i32>, Option<i32>, Option<String>, String, Option<i32>, Option<String>);

/// Verdicts sorted by the file that writes them, as columns.
#[derive(Default)]
pub(crate) struct Columns {
    complete: Ended,
    lean: (Vec<i64>, Vec<i32>),
    enqueue: Vec<Enqueuing>,
    pub(crate) already: (Vec<i64>, Vec<i32>),
    retry: Moved,
    larger: Moved,
    more: More,
    snooze: Moved,
    release: Moved,
    release_later: Moved,
    cancel: Moved,
    bury: Moved,
}

#[derive(Default)]
struct Ended {
    ids: Vec<i64>,
    attempts: Vec<i32>,
    wall_ms: Vec<i32>,
    cpu_ms: Vec<Option<i32>>,
    peak_kib: Vec<Option<i32>>,
    outputs: Vec<Option<String>>,
    terms_no: Vec<Option<i32>>,
    details: Vec<Option<String>>,
}

/// What a job that ran out of memory gets next; beside [`Moved`].
#[derive(Default)]
struct More {
    bytes: Vec<i64>,
    queues: Vec<Option<String>>,
    marks: Vec<String>,
}

#[derive(Default)]
struct Moved {
    ids: Vec<i64>,
    attempts: Vec<i32>,
    delays_ms: Vec<i64>,
    bills: Vec<&'static str>,
    reasons: Vec<Option<String>>,
    fingerprints: Vec<String>,
    titles: Vec<String>,
    details: Vec<String>,
}

impl Moved {
    fn push(&mut self, settled: &Settled, delay: Duration, bill: Bill, reason: &str) {
        self.ids.push(settled.fence.job);
        self.attempts.push(settled.fence.attempt);
        self.delays_ms.push(millis(delay));
        self.bills.push(bill.as_str());
        let is_wish = settled.verdict == Verdict::Cancel && settled.facts.if_asked;
        self.reasons.push((!is_wish).then(|| reason.to_owned()));
        self.fingerprints.push(settled.facts.fingerprint.clone());
        self.titles.push(settled.facts.title.clone());
        self.details.push(settled.facts.whole_detail());
    }
}

impl Columns {
    /// In the order of their ids, by which the files find what belongs to one.
    pub(crate) fn of(settled: &[Settled]) -> Columns {
        let mut ascending: Vec<&Settled> = settled.iter().collect();
        ascending.sort_unstable_by_key(|one| (one.fence.job, one.fence.attempt));
        let mut columns = Columns::default();
        for one in ascending {
            columns.push(one);
        }
        columns
    }

    fn push(&mut self, one: &Settled) {
        let none = Duration::ZERO;
        match &one.verdict {
            Verdict::Complete => self.push_complete(one),
            Verdict::Retry { delay, bill, memory: None } => self.retry.push(one, *delay, *bill, ""),
            Verdict::Retry { delay, bill, memory: Some(memory) } => {
                self.larger.push(one, *delay, *bill, "");
                self.more.bytes.push(i64::try_from(memory.bytes).unwrap_or(i64::MAX));
                self.more.queues.push(memory.queue.clone());
                self.more.marks.push(memory.mark());
            }
            Verdict::Snooze { delay } => self.snooze.push(one, *delay, Bill::Snooze, ""),
            Verdict::Release { bill } => self.release.push(one, none, *bill, ""),
            Verdict::ReleaseLater { delay, bill } => {
                self.release_later.push(one, *delay, *bill, "released")
            }
            Verdict::PutOff { delay } => {
                self.release_later.push(one, *delay, Bill::Nothing, "suspect")
            }
            Verdict::Cancel => self.cancel.push(one, none, Bill::Nothing, &one.facts.reason),
            Verdict::Bury { reason, bill } => self.bury.push(one, none, *bill, reason.as_str()),
            Verdict::Drop => {}
        }
    }

    fn push_complete(&mut self, one: &Settled) {
        let (Fence { job, attempt, .. }, facts) = (one.fence, &one.facts);
        if facts.already {
            self.already.0.push(job);
            self.already.1.push(attempt);
            return;
        }
        if let Some(jobs) = &facts.enqueue {
            let output = facts.output.clone();
            self.enqueue.push((
                job,
                attempt,
                facts.wall_ms,
                facts.cpu_ms,
                facts.peak_kib,
                output,
                jobs.clone(),
                facts.terms_no(),
                facts.rest(),
            ));
            return;
        }
        if facts.lean {
            self.lean.0.push(job);
            self.lean.1.push(attempt);
            return;
        }
        let ended = &mut self.complete;
        ended.ids.push(job);
        ended.attempts.push(attempt);
        ended.wall_ms.push(facts.wall_ms);
        ended.cpu_ms.push(facts.cpu_ms);
        ended.peak_kib.push(facts.peak_kib);
        ended.outputs.push(facts.output.clone());
        ended.terms_no.push(facts.terms_no());
        ended.details.push(facts.rest());
    }

    /// The statements that these verdicts need, each with its parameters.
    pub(crate) fn params<'a>(
        &'a self,
        worker: &'a Uuid,
        release: &'a &'a str,
    ) -> Vec<(&'static Sql, Vec<Param<'a>>)> {
        let mut calls: Vec<(&'static Sql, Vec<Param<'a>>)> = Vec::new();
        let c = &self.complete;
        if !c.ids.is_empty() {
            let params: Vec<Param<'a>> = vec![
                &c.ids,
                &c.attempts,
                worker,
                &c.wall_ms,
                &c.cpu_ms,
                &c.peak_kib,
                &c.outputs,
                release,
                &c.terms_no,
                &c.details,
            ];
            calls.push((&COMPLETE, params));
        }
        if !self.lean.0.is_empty() {
            calls.push((&COMPLETE_LEAN, vec![&self.lean.0, &self.lean.1, worker]));
        }
        for (id, attempt, wall_ms, cpu_ms, peak_kib, output, jobs, terms_no, detail) in
            &self.enqueue
        {
            let params: Vec<Param<'a>> = vec![
                id, attempt, worker, wall_ms, cpu_ms, peak_kib, output, release, jobs, terms_no,
                detail,
            ];
            calls.push((&COMPLETE_AND_ENQUEUE, params));
        }
        if !self.already.0.is_empty() {
            calls.push((&VERIFY, vec![&self.already.0, &self.already.1, worker]));
        }
        let mut moved = |sql, moved: &Moved, params: Vec<Param<'a>>| {
            if !moved.ids.is_empty() {
                calls.push((sql, params));
            }
        };
        let m = &self.retry;
        moved(&RETRY, m, vec![&m.ids, &m.attempts, worker, &m.delays_ms, &m.bills, &m.details]);
        let (m, more) = (&self.larger, &self.more);
        let params: Vec<Param<'a>> = vec![
            &m.ids,
            &m.attempts,
            worker,
            &m.delays_ms,
            &m.bills,
            &m.details,
            &more.bytes,
            &more.queues,
            &more.marks,
        ];
        moved(&RETRY_LARGER, m, params);
        let m = &self.snooze;
        moved(&SNOOZE, m, vec![&m.ids, &m.attempts, worker, &m.delays_ms, &m.details]);
        let m = &self.release;
        moved(&RELEASE, m, vec![&m.ids, &m.attempts, worker, &m.bills, &m.details]);
        let m = &self.release_later;
        moved(
            &RELEASE_LATER,
            m,
            vec![&m.ids, &m.attempts, worker, &m.delays_ms, &m.bills, &m.details, &m.reasons],
        );
        let m = &self.cancel;
        moved(&CANCEL, m, vec![&m.ids, &m.attempts, worker, &m.reasons, &m.details]);
        let m = &self.bury;
        let params: Vec<Param<'a>> = vec![
            &m.ids,
            &m.attempts,
            worker,
            &m.reasons,
            &m.bills,
            &m.fingerprints,
            &m.titles,
            &m.details,
        ];
        moved(&BURY, m, params);
        calls
    }
}

/// Writes verdicts of a worker that is lost, in the transaction that has locked its jobs.
pub(crate) async fn settle_for(
    link: &Link,
    lost: Uuid,
    settled: &[Settled],
) -> Result<JobSet, StoreError> {
    let columns = Columns::of(settled);
    let mut done = JobSet::default();
    for (sql, params) in columns.params(&lost, &"") {
        done.extend(link.query(sql, &params).await?.iter().map(|row| row.get::<_, i64>(0)));
    }
    Ok(done)
}
