//! A turn: verdicts are written and new jobs taken in one transaction and one round trip.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::value::RawValue;
use tokio_postgres::{Column, Row};
use uuid::Uuid;

use super::StoreError;
use super::database::STEADY_PLANS_LOCALLY;
use super::record;
use super::settle::{self, Columns, Settled};
use super::statement::{self, Link, Param, Sql, millis, pipelined, sql};
use crate::failpoint::{self, failpoint};
use crate::model::claim::{Claimed, JobInfo};
use crate::model::job::{Counters, JobSet};

static GATE: Sql = sql!(hot "attempt/gate", [TEXT]);
static CLAIM: Sql = sql!(hot "attempt/claim",
    [TEXT, INT2_ARRAY, INT8_ARRAY, INT4, UUID, TEXT_ARRAY, INT4, INT4, INT8, INT8, INT8]);

/// What a turn sends on a direct connection without planning it anew.
pub(crate) const HOT: [&Sql; 2] = [&GATE, &CLAIM];

/// What to take from one queue.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) queue: String,
    pub(crate) levels: Vec<i16>,
    pub(crate) lows: Vec<i64>,
    pub(crate) n: i32,
    /// Larger jobs stay where they are; bytes.
    pub(crate) memory_most: Option<u64>,
    /// None: this worker takes every kind.
    pub(crate) kinds: Option<Vec<String>>,
    pub(crate) aged: i32,
    pub(crate) ageing: Duration,
    /// The longest that a job which says nothing of it may run.
    pub(crate) timeout: Duration,
    pub(crate) slack: Duration,
}

/// What a turn brought.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// Jobs whose verdict was written; the others were stale.
    pub(crate) accepted: JobSet,
    /// Jobs that their handlers said to have completed, and that still stand in `running`.
    pub(crate) unfinished: JobSet,
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
    record::begin("settle", settled);
    let turn = send(link, worker, release, settled, asks).await;
    record::end("settle", settled, turn.as_ref().ok().map(|turn| &turn.accepted));
    if let Ok(turn) = &turn {
        record::claimed(&turn.claimed);
    }
    turn
}

async fn send(
    link: &Link,
    worker: Uuid,
    release: &str,
    settled: &[Settled],
    asks: &[Ask],
) -> Result<Turn, StoreError> {
    failpoint!("settle.before_send", if !settled.is_empty());
    failpoint!("claim.before_send", if !asks.is_empty());
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
    let mut answers = committed(link, calls, settled, asks).await?;
    if answers.iter().any(Result::is_err) {
        return Err(first_cause(answers));
    }
    answers.remove(0)?;
    let mut turn = Turn::default();
    for (sql, _) in &settles {
        let rows = answers.remove(0)?;
        let ids = if settle::is_look(sql) { &mut turn.unfinished } else { &mut turn.accepted };
        ids.extend(rows.iter().map(|row| row.get::<_, i64>(0)));
    }
    turn.accepted.extend(columns.already.0.iter().filter(|id| !turn.unfinished.contains(id)));
    for ask in asks {
        answers.remove(0)?;
        let rows = answers.remove(0)?;
        turn.lowered = rows.first().map_or(turn.lowered, |row| row.get("lowered"));
        turn.claimed.push(claimed(&rows, worker, ask));
    }
    failpoint!("settle.after_commit", if !settled.is_empty());
    failpoint!("bury.after_commit", if settled.iter().any(Settled::is_burial));
    failpoint!("claim.after_commit", if turn.claimed.iter().any(|claimed| !claimed.is_empty()));
    Ok(turn)
}

/// Sends all with the commit behind it; where a test wants to break in before the commit, that goes out by itself.
async fn committed<'a>(
    link: &'a Link,
    mut calls: Vec<Call<'a>>,
    settled: &[Settled],
    asks: &[Ask],
) -> Result<Vec<Result<Vec<Row>, StoreError>>, StoreError> {
    let commit = command(link, "commit");
    if !failpoint::is_parted() {
        calls.push(commit);
        return Ok(pipelined(calls).await);
    }
    let mut answers = pipelined(calls).await;
    failpoint!("settle.before_commit", if !settled.is_empty());
    failpoint!("bury.before_commit", if settled.iter().any(Settled::is_burial));
    failpoint!("claim.before_commit", if !asks.is_empty());
    answers.push(commit.await);
    Ok(answers)
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
            budget_mib: ask
                .memory_most
                .map_or(i32::MAX, |bytes| i32::try_from(bytes >> 20).unwrap_or(i32::MAX)),
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

macro_rules! places {
    ($($column:ident),*) => {
        /// Where the columns of a claim stand, found once for an answer: to find one by name costs more than to read it.
        struct Places {
            $($column: usize,)*
        }

        impl Places {
            fn of(columns: &[Column]) -> Places {
                let at = |name| columns.iter().position(|column| column.name() == name);
                let at = |name| at(name).unwrap_or_else(|| panic!("the claim gives no column `{name}`"));
                Places { $($column: at(stringify!($column)),)* }
            }
        }
    };
}

places!(
    id,
    seq,
    attempt,
    retry_count,
    crash_count,
    lost_count,
    snooze_count,
    interrupt_count,
    max_retries,
    crash_limit,
    lost_limit,
    priority,
    kind,
    args,
    policy,
    timeout_ms,
    memory_bytes,
    group_key,
    tags,
    meta,
    trace,
    enqueued_at,
    ready_at,
    cron_tick,
    expired,
    checkpoint
);

/// The jobs of one answer; none where its only row says nothing but how far the line was lowered.
fn claimed(rows: &[Row], worker: Uuid, ask: &Ask) -> Vec<Claimed> {
    let Some(first) = rows.first() else { return Vec::new() };
    let (places, now) = (Places::of(first.columns()), first.get("now"));
    let mut all = Vec::with_capacity(rows.len());
    all.extend(rows.iter().filter_map(|row| one(row, &places, now, worker, ask)));
    all
}

fn one(row: &Row, at: &Places, now: Timestamp, worker: Uuid, ask: &Ask) -> Option<Claimed> {
    let id: i64 = row.get::<_, Option<i64>>(at.id)?;
    let raw = |place: usize| {
        row.get::<_, Option<String>>(place).and_then(|text| RawValue::from_string(text).ok())
    };
    let timeout = row
        .get::<_, Option<i64>>(at.timeout_ms)
        .map(|ms| Duration::from_millis(ms.max(0).unsigned_abs()));
    let instant = |place: usize| row.get::<_, Option<Timestamp>>(place).map(|at| at.to_string());
    let counters = Counters {
        attempt: row.get(at.attempt),
        retry_count: row.get(at.retry_count),
        crash_count: row.get(at.crash_count),
        lost_count: row.get(at.lost_count),
        snooze_count: row.get(at.snooze_count),
        interrupt_count: row.get(at.interrupt_count),
    };
    Some(Claimed {
        seq: row.get(at.seq),
        priority: row.get(at.priority),
        counters,
        limits: (row.get(at.crash_limit), row.get(at.lost_limit)),
        policy: row.get(at.policy),
        timeout,
        memory: row.get::<_, Option<i64>>(at.memory_bytes).map(i64::unsigned_abs),
        expired: row.get::<_, Option<bool>>(at.expired).unwrap_or(false),
        waited: waited(row.get(at.ready_at), now),
        info: Arc::new(JobInfo {
            id,
            attempt: counters.attempt,
            worker,
            kind: row.get(at.kind),
            queue: ask.queue.clone(),
            retry_count: counters.retry_count,
            max_retries: row.get(at.max_retries),
            group: row.get(at.group_key),
            tags: row.get::<_, Option<Vec<String>>>(at.tags).unwrap_or_default(),
            meta: raw(at.meta),
            trace: row.get(at.trace),
            cron_tick: instant(at.cron_tick),
            enqueued_at: instant(at.enqueued_at).unwrap_or_default(),
            timeout_ms: u64::try_from(timeout.unwrap_or(ask.timeout).as_millis())
                .unwrap_or(u64::MAX),
            checkpoint: raw(at.checkpoint),
            args: raw(at.args).expect("the column is jsonb and never null"),
        }),
    })
}

/// How long it stood in line; nothing where it is due only after the claim, by a clock that was set back.
fn waited(ready_at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(ready_at)).unwrap_or_default()
}
