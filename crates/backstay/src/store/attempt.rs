//! Claims, verdicts and beats: the statements of `sql/attempt/`.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::value::RawValue;
use tokio_postgres::Row;
use uuid::Uuid;

use super::StoreError;
use super::database::STEADY_PLANS_LOCALLY;
use super::statement::{self, Link, Param, Sql, pipelined, sql};
use crate::model::claim::{Claimed, JobInfo};
use crate::model::job::{Counters, Fence};
use crate::model::judge::{Bill, Verdict};
use crate::model::outcome::Outcome;

static GATE: Sql = sql!(hot "attempt/gate", [TEXT]);
static CLAIM: Sql = sql!(hot "attempt/claim",
    [TEXT, INT2_ARRAY, INT8_ARRAY, INT4, UUID, TEXT_ARRAY, INT4, INT4, INT8, INT8, INT8]);
static PEEK: Sql = sql!(hot "attempt/peek", [TEXT_ARRAY, INT2_ARRAY, INT8_ARRAY, TEXT_ARRAY]);
static MINE: Sql = sql!("attempt/mine", [UUID]);
static COMPLETE: Sql = sql!(hot "attempt/complete",
    [INT8_ARRAY, INT4_ARRAY, UUID, INT4_ARRAY, INT4_ARRAY, INT4_ARRAY, TEXT_ARRAY, TEXT]);
static COMPLETE_LEAN: Sql = sql!(hot "attempt/complete_lean", [INT8_ARRAY, INT4_ARRAY, UUID]);
static COMPLETE_AND_ENQUEUE: Sql =
    sql!("attempt/complete_and_enqueue", [INT8, INT4, UUID, INT4, INT4, INT4, TEXT, TEXT, TEXT]);
static VERIFY: Sql = sql!("attempt/verify", [INT8_ARRAY, INT4_ARRAY, UUID]);
static RETRY: Sql =
    sql!(hot "attempt/retry", [INT8_ARRAY, INT4_ARRAY, UUID, INT8_ARRAY, TEXT_ARRAY, TEXT_ARRAY]);
static SNOOZE: Sql =
    sql!(hot "attempt/snooze", [INT8_ARRAY, INT4_ARRAY, UUID, INT8_ARRAY, TEXT_ARRAY]);
static RELEASE: Sql =
    sql!(hot "attempt/release", [INT8_ARRAY, INT4_ARRAY, UUID, TEXT_ARRAY, TEXT_ARRAY]);
static RELEASE_LATER: Sql = sql!(
    "attempt/release_later",
    [INT8_ARRAY, INT4_ARRAY, UUID, INT8_ARRAY, TEXT_ARRAY, TEXT_ARRAY]
);
static CANCEL: Sql = sql!("attempt/cancel", [INT8_ARRAY, INT4_ARRAY, UUID, TEXT_ARRAY, TEXT_ARRAY]);
static BURY: Sql = sql!(
    "attempt/bury",
    [INT8_ARRAY, INT4_ARRAY, UUID, TEXT_ARRAY, TEXT_ARRAY, TEXT_ARRAY, TEXT_ARRAY, TEXT_ARRAY]
);
static PROGRESS: Sql =
    sql!(hot "attempt/progress", [INT8_ARRAY, INT4_ARRAY, UUID, FLOAT4_ARRAY, TEXT_ARRAY]);
static CHECKPOINT: Sql = sql!(hot "attempt/checkpoint", [INT8, INT4, UUID, TEXT]);
static BEAT: Sql = sql!(hot "attempt/beat",
    [UUID, INT8, INT4, INT4, INT4, TEXT, TEXT, TEXT, TEXT_ARRAY, TEXT, TEXT]);
static CANCELS: Sql = sql!(hot "attempt/cancels", [UUID]);
static GOODBYE: Sql = sql!("attempt/goodbye", [UUID]);

/// What a turn sends on a direct connection without planning it anew.
pub(crate) const HOT: [&Sql; 9] =
    [&GATE, &CLAIM, &PEEK, &COMPLETE, &COMPLETE_LEAN, &RETRY, &SNOOZE, &RELEASE, &PROGRESS];

/// A verdict with all that is written down beside it.
#[derive(Debug, Clone)]
pub(crate) struct Settled {
    pub(crate) fence: Fence,
    pub(crate) verdict: Verdict,
    pub(crate) facts: Facts,
}

/// What is known of an attempt when it is settled.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) wall_ms: i32,
    pub(crate) cpu_ms: Option<i32>,
    pub(crate) peak_kib: Option<i32>,
    /// JSON, of a completed attempt.
    pub(crate) output: Option<String>,
    /// Nothing of it is kept when it completes.
    pub(crate) lean: bool,
    /// Jobs that come into being with the completion, as `enqueue_many` takes them.
    pub(crate) enqueue: Option<String>,
    /// The handler completed the job in a transaction of its own; here it is only looked after.
    pub(crate) already: bool,
    /// The columns of `attempt`, as a JSON object.
    pub(crate) detail: String,
    pub(crate) fingerprint: String,
    pub(crate) title: String,
    /// Why it was cancelled.
    pub(crate) reason: String,
    pub(crate) outcome: Outcome,
}

impl Facts {
    /// Nothing but the outcome.
    pub(crate) fn of(outcome: Outcome) -> Facts {
        Facts {
            wall_ms: 0,
            cpu_ms: None,
            peak_kib: None,
            output: None,
            lean: false,
            enqueue: None,
            already: false,
            detail: String::new(),
            fingerprint: String::new(),
            title: String::new(),
            reason: String::new(),
            outcome,
        }
    }
}

/// What to take from one queue.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) queue: String,
    pub(crate) levels: Vec<i16>,
    pub(crate) lows: Vec<i64>,
    pub(crate) n: i32,
    /// None: this worker takes every kind.
    pub(crate) kinds: Option<Vec<String>>,
    pub(crate) aged: i32,
    pub(crate) ageing: Duration,
    pub(crate) timeout: Duration,
    pub(crate) slack: Duration,
}

/// What a turn brought.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// Jobs whose verdict was written; the others were stale.
    pub(crate) accepted: HashSet<i64>,
    /// Jobs that their handlers said to have completed, and that still stand in `running`.
    pub(crate) unfinished: HashSet<i64>,
    /// One list per ask, in its order.
    pub(crate) claimed: Vec<Vec<Claimed>>,
    pub(crate) lowered: i64,
}

type Call<'a> = statement::Call<'a, Vec<Row>>;

/// Writes verdicts and takes new jobs, in one transaction and one round trip.
pub(crate) async fn turn(
    link: &Link,
    worker: Uuid,
    release: &str,
    settled: &[Settled],
    asks: &[Ask],
) -> Result<Turn, StoreError> {
    let columns = Columns::of(settled);
    let asked: Vec<Asked> = asks.iter().map(Asked::of).collect();
    let begin = if link.is_direct() {
        "begin isolation level read committed".to_owned()
    } else {
        format!("begin isolation level read committed; {STEADY_PLANS_LOCALLY}")
    };
    let settles = columns.params(&worker, &release);
    let claims: Vec<_> = asked.iter().map(|ask| ask.params(&worker)).collect();
    let mut calls: Vec<Call<'_>> = vec![command(link, &begin)];
    calls.extend(settles.iter().map(|(sql, params)| query(link, sql, params)));
    for ([gate, claim], ask) in claims.iter().map(|pair| [&pair.0, &pair.1]).zip(&asked) {
        debug_assert!(ask.n > 0);
        calls.push(query(link, &GATE, gate));
        calls.push(query(link, &CLAIM, claim));
    }
    calls.push(command(link, "commit"));
    let mut answers = pipelined(calls).await;
    if answers.iter().any(Result::is_err) {
        return Err(first_cause(answers));
    }
    answers.remove(0)?;
    let mut turn = Turn::default();
    for (sql, _) in &settles {
        let rows = answers.remove(0)?;
        let ids =
            if std::ptr::eq(*sql, &VERIFY) { &mut turn.unfinished } else { &mut turn.accepted };
        ids.extend(rows.iter().map(|row| row.get::<_, i64>(0)));
    }
    turn.accepted.extend(columns.already.0.iter().filter(|id| !turn.unfinished.contains(id)));
    for ask in asks {
        answers.remove(0)?;
        let rows = answers.remove(0)?;
        turn.lowered = rows.first().map_or(turn.lowered, |row| row.get("lowered"));
        turn.claimed.push(rows.iter().filter_map(|row| claimed(row, worker, ask)).collect());
    }
    Ok(turn)
}

/// The first error that is a cause: the statements behind it only say that the transaction had failed already.
fn first_cause(answers: Vec<Result<Vec<Row>, StoreError>>) -> StoreError {
    let is_echo = |error: &StoreError| matches!(error, StoreError::Refused { sqlstate, .. } if sqlstate == "25P02");
    let mut errors: Vec<StoreError> = answers.into_iter().filter_map(Result::err).collect();
    let at = errors.iter().position(|error| !is_echo(error)).unwrap_or(0);
    errors.swap_remove(at)
}

fn query<'a>(link: &'a Link, sql: &'static Sql, params: &'a [Param<'a>]) -> Call<'a> {
    Box::pin(link.query(sql, params))
}

fn command<'a>(link: &'a Link, text: &'a str) -> Call<'a> {
    Box::pin(async move { link.batch(text).await.map(|()| Vec::new()) })
}

/// An ask with its parameters in the types of the database.
struct Asked<'a> {
    ask: &'a Ask,
    n: i32,
    budget_mib: i32,
    ageing_ms: i64,
    timeout_ms: i64,
    slack_ms: i64,
}

impl<'a> Asked<'a> {
    fn of(ask: &'a Ask) -> Asked<'a> {
        Asked {
            ask,
            n: ask.n,
            budget_mib: i32::MAX,
            ageing_ms: millis(ask.ageing),
            timeout_ms: millis(ask.timeout),
            slack_ms: millis(ask.slack),
        }
    }

    fn params(&'a self, worker: &'a Uuid) -> (Vec<Param<'a>>, Vec<Param<'a>>) {
        let ask = self.ask;
        let claim: Vec<Param<'a>> = vec![
            &ask.queue,
            &ask.levels,
            &ask.lows,
            &self.n,
            worker,
            &ask.kinds,
            &self.budget_mib,
            &ask.aged,
            &self.ageing_ms,
            &self.timeout_ms,
            &self.slack_ms,
        ];
        (vec![&ask.queue], claim)
    }
}

fn claimed(row: &Row, worker: Uuid, ask: &Ask) -> Option<Claimed> {
    let id: i64 = row.get::<_, Option<i64>>("id")?;
    let raw = |name: &str| {
        row.get::<_, Option<String>>(name).and_then(|text| RawValue::from_string(text).ok())
    };
    let timeout = row
        .get::<_, Option<i64>>("timeout_ms")
        .map(|ms| Duration::from_millis(ms.max(0).unsigned_abs()));
    let instant = |name: &str| row.get::<_, Option<jiff::Timestamp>>(name).map(|at| at.to_string());
    Some(Claimed {
        seq: row.get("seq"),
        priority: row.get("priority"),
        counters: Counters {
            attempt: row.get("attempt"),
            retry_count: row.get("retry_count"),
            crash_count: row.get("crash_count"),
            lost_count: row.get("lost_count"),
            snooze_count: row.get("snooze_count"),
            interrupt_count: row.get("interrupt_count"),
        },
        limits: (row.get("crash_limit"), row.get("lost_limit")),
        policy: row.get("policy"),
        timeout,
        expired: row.get::<_, Option<bool>>("expired").unwrap_or(false),
        waited: Duration::from_millis(row.get::<_, i64>("waited_ms").max(0).unsigned_abs()),
        info: JobInfo {
            id,
            attempt: row.get("attempt"),
            worker,
            kind: row.get("kind"),
            queue: ask.queue.clone(),
            retry_count: row.get("retry_count"),
            max_retries: row.get("max_retries"),
            group: row.get("group_key"),
            tags: row.get::<_, Option<Vec<String>>>("tags").unwrap_or_default(),
            meta: raw("meta"),
            trace: row.get("trace"),
            cron_tick: instant("cron_tick"),
            enqueued_at: instant("enqueued_at").unwrap_or_default(),
            timeout_ms: u64::try_from(timeout.unwrap_or(ask.timeout).as_millis())
                .unwrap_or(u64::MAX),
            checkpoint: raw("checkpoint"),
            args: raw("args").expect("the column is jsonb and never null"),
        },
    })
}

/// A completion with jobs: id, attempt, wall_ms, cpu_ms, peak_kib, output, jobs.
type Enqueuing = (i64, i32, i32, Option<i32>, Option<i32>, Option<String>, String);

/// Verdicts sorted by the file that writes them, as columns.
#[derive(Default)]
struct Columns {
    complete: Ended,
    lean: (Vec<i64>, Vec<i32>),
    enqueue: Vec<Enqueuing>,
    already: (Vec<i64>, Vec<i32>),
    retry: Moved,
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
}

#[derive(Default)]
struct Moved {
    ids: Vec<i64>,
    attempts: Vec<i32>,
    delays_ms: Vec<i64>,
    bills: Vec<&'static str>,
    reasons: Vec<String>,
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
        self.reasons.push(reason.to_owned());
        self.fingerprints.push(settled.facts.fingerprint.clone());
        self.titles.push(settled.facts.title.clone());
        self.details.push(settled.facts.detail.clone());
    }
}

impl Columns {
    fn of(settled: &[Settled]) -> Columns {
        let mut columns = Columns::default();
        for one in settled {
            columns.push(one);
        }
        columns
    }

    fn push(&mut self, one: &Settled) {
        let none = Duration::ZERO;
        match &one.verdict {
            Verdict::Complete => self.push_complete(one),
            Verdict::Retry { delay, bill, .. } => self.retry.push(one, *delay, *bill, ""),
            Verdict::Snooze { delay } => self.snooze.push(one, *delay, Bill::Snooze, ""),
            Verdict::Release { bill } => self.release.push(one, none, *bill, ""),
            Verdict::ReleaseLater { delay, bill } => {
                self.release_later.push(one, *delay, *bill, "")
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
    }

    /// The statements that these verdicts need, each with its parameters.
    fn params<'a>(
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
            ];
            calls.push((&COMPLETE, params));
        }
        if !self.lean.0.is_empty() {
            calls.push((&COMPLETE_LEAN, vec![&self.lean.0, &self.lean.1, worker]));
        }
        for (id, attempt, wall_ms, cpu_ms, peak_kib, output, jobs) in &self.enqueue {
            let params: Vec<Param<'a>> =
                vec![id, attempt, worker, wall_ms, cpu_ms, peak_kib, output, release, jobs];
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
        let m = &self.snooze;
        moved(&SNOOZE, m, vec![&m.ids, &m.attempts, worker, &m.delays_ms, &m.details]);
        let m = &self.release;
        moved(&RELEASE, m, vec![&m.ids, &m.attempts, worker, &m.bills, &m.details]);
        let m = &self.release_later;
        moved(
            &RELEASE_LATER,
            m,
            vec![&m.ids, &m.attempts, worker, &m.delays_ms, &m.bills, &m.details],
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
) -> Result<HashSet<i64>, StoreError> {
    let columns = Columns::of(settled);
    let mut done = HashSet::new();
    for (sql, params) in columns.params(&lost, &"") {
        done.extend(link.query(sql, &params).await?.iter().map(|row| row.get::<_, i64>(0)));
    }
    Ok(done)
}

/// One look at all queues of a worker: which have something, and the value of `lowered_seq`.
pub(crate) async fn peek(
    link: &Link,
    queues: &[String],
    levels: &[i16],
    lows: &[i64],
    kinds: Option<&[String]>,
) -> Result<(i64, Vec<String>), StoreError> {
    let rows = link.query(&PEEK, &[&queues, &levels, &lows, &kinds]).await?;
    let lowered = rows.first().map_or(0, |row| row.get("lowered"));
    Ok((lowered, rows.iter().filter_map(|row| row.get::<_, Option<String>>("queue")).collect()))
}

/// What the database believes this worker is running: (job, attempt).
pub(crate) async fn mine(link: &Link, worker: Uuid) -> Result<Vec<(i64, i32)>, StoreError> {
    Ok(link.query(&MINE, &[&worker]).await?.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// One note of progress.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    pub(crate) fence: Fence,
    pub(crate) percent: Option<f32>,
    pub(crate) text: Option<String>,
}

/// Notes how far attempts are.
pub(crate) async fn progress(link: &Link, worker: Uuid, notes: &[Note]) -> Result<(), StoreError> {
    let ids: Vec<i64> = notes.iter().map(|note| note.fence.job).collect();
    let attempts: Vec<i32> = notes.iter().map(|note| note.fence.attempt).collect();
    let percents: Vec<Option<f32>> = notes.iter().map(|note| note.percent).collect();
    let texts: Vec<Option<&str>> = notes.iter().map(|note| note.text.as_deref()).collect();
    link.query(&PROGRESS, &[&ids, &attempts, &worker, &percents, &texts]).await?;
    Ok(())
}

/// Keeps a checkpoint; false when the attempt no longer holds the job.
pub(crate) async fn checkpoint(link: &Link, fence: Fence, value: &str) -> Result<bool, StoreError> {
    let rows =
        link.query(&CHECKPOINT, &[&fence.job, &fence.attempt, &fence.worker, &value]).await?;
    Ok(!rows.is_empty())
}

/// What a worker says of itself with each beat.
#[derive(Debug, Clone)]
pub(crate) struct Introduction {
    pub(crate) worker: Uuid,
    pub(crate) lease: Duration,
    pub(crate) presence: Option<i32>,
    pub(crate) slots: i32,
    pub(crate) host: String,
    pub(crate) release: String,
    pub(crate) level: String,
    pub(crate) queues: Vec<String>,
    pub(crate) kinds: String,
}

/// What a worker hears with each beat.
#[derive(Debug, Clone)]
pub(crate) struct BeatAnswer {
    pub(crate) drain: bool,
    /// JSON: a list of id, attempt, reason, by.
    pub(crate) cancels: Option<String>,
    pub(crate) server_started_ms: i64,
    pub(crate) server_now_ms: i64,
    /// JSON: duty -> milliseconds since it went well.
    pub(crate) duties: Option<String>,
}

/// Says that the worker lives.
pub(crate) async fn beat(link: &Link, me: &Introduction) -> Result<BeatAnswer, StoreError> {
    let pid = i32::try_from(std::process::id()).unwrap_or(i32::MAX);
    let lease_ms = millis(me.lease);
    let row = link
        .query_one(
            &BEAT,
            &[
                &me.worker,
                &lease_ms,
                &me.presence,
                &pid,
                &me.slots,
                &me.host,
                &me.release,
                &me.level,
                &me.queues,
                &me.kinds,
                &"[]",
            ],
        )
        .await?;
    Ok(BeatAnswer {
        drain: row.get::<_, Option<bool>>("drain").unwrap_or(false),
        cancels: row.get("cancels"),
        server_started_ms: row.get("server_started_ms"),
        server_now_ms: row.get("server_now_ms"),
        duties: row.get("duties"),
    })
}

/// Jobs of this worker that somebody wants to end, as JSON.
pub(crate) async fn cancels(link: &Link, worker: Uuid) -> Result<Option<String>, StoreError> {
    Ok(link.query_one(&CANCELS, &[&worker]).await?.get("cancels"))
}

/// Says that the worker ends and holds no job.
pub(crate) async fn goodbye(link: &Link, worker: Uuid) -> Result<(), StoreError> {
    link.query(&GOODBYE, &[&worker]).await.map(|_| ())
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
