//! What a worker says and asks beside its turns: beats, looks, progress, checkpoints.

use std::time::Duration;

use tokio_postgres::Row;
use uuid::Uuid;

use super::StoreError;
use super::statement::{Link, Sql, millis, sql};
use crate::model::job::Fence;
use crate::model::limits::InForce;

static TERMS: Sql = sql!("attempt/terms", [TEXT, TEXT, TEXT]);
static PEEK: Sql = sql!(hot "attempt/peek", [TEXT_ARRAY, INT2_ARRAY, INT8_ARRAY, TEXT_ARRAY]);
static TAKEN: Sql = sql!("attempt/taken", [INT8_ARRAY, INT4_ARRAY, UUID]);
static MINE: Sql = sql!("attempt/mine", [UUID]);
static PROGRESS: Sql =
    sql!(hot "attempt/progress", [INT8_ARRAY, INT4_ARRAY, UUID, FLOAT4_ARRAY, TEXT_ARRAY]);
static CHECKPOINT: Sql = sql!(hot "attempt/checkpoint", [INT8, INT4, UUID, TEXT]);
static BEAT: Sql = sql!(hot "attempt/beat",
    [UUID, INT8, INT4, INT4, INT4, TEXT, TEXT, TEXT, TEXT_ARRAY, TEXT, TEXT, TEXT, TEXT]);
static CANCELS: Sql = sql!(hot "attempt/cancels", [UUID]);
static OUTPUT: Sql =
    sql!("attempt/output", [INT8_ARRAY, INT4_ARRAY, INT4_ARRAY, BOOL_ARRAY, TEXT_ARRAY]);
static GOODBYE: Sql = sql!("attempt/goodbye", [UUID]);

/// What is said so often that it is not planned anew on a direct connection.
pub(crate) const HOT: [&Sql; 2] = [&PEEK, &PROGRESS];

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

/// Finds the number of limits that attempts ran under; none where another worker is writing the same ones right now.
pub(crate) async fn terms(link: &Link, terms: &InForce) -> Result<Option<i32>, StoreError> {
    let (limits, holders) = (terms.limits.to_json().to_string(), terms.holders.to_string());
    let rows = link.query(&TERMS, &[&limits, &terms.level, &holders]).await?;
    Ok(rows.first().map(|row| row.get(0)))
}

/// Those of these attempts that no longer hold their jobs.
pub(crate) async fn taken(
    link: &Link,
    worker: Uuid,
    attempts: &[(i64, i32)],
) -> Result<Vec<i64>, StoreError> {
    let (ids, numbers): (Vec<i64>, Vec<i32>) = attempts.iter().copied().unzip();
    Ok(link.query(&TAKEN, &[&ids, &numbers, &worker]).await?.iter().map(|row| row.get(0)).collect())
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
    /// What keeps it from claiming, as JSON.
    pub(crate) admission: String,
    /// What holds each limit, as JSON.
    pub(crate) holders: Option<String>,
}

/// What a worker hears with each beat.
#[derive(Debug, Clone)]
pub(crate) struct BeatAnswer {
    pub(crate) drain: bool,
    /// The lease was over, or somebody had declared this worker lost.
    pub(crate) lost: bool,
    /// JSON: a list of id, attempt, reason, by.
    pub(crate) cancels: Option<String>,
    /// JSON: job -> milliseconds for which somebody looks at its output.
    pub(crate) wishes: Option<String>,
    pub(crate) server_started_ms: i64,
    pub(crate) server_now_ms: i64,
    /// JSON: duty -> milliseconds since it went well.
    pub(crate) duties: Option<String>,
    /// Sessions on the server, and how many it takes.
    pub(crate) sessions: (u32, u32),
}

/// Says that the worker lives, and what its largest attempts use (JSON).
pub(crate) async fn beat(
    link: &Link,
    me: &Introduction,
    samples: &str,
) -> Result<BeatAnswer, StoreError> {
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
                &samples,
                &me.admission,
                &me.holders,
            ],
        )
        .await?;
    Ok(BeatAnswer {
        drain: row.get::<_, Option<bool>>("drain").unwrap_or(false),
        lost: row.get("lost"),
        cancels: row.get("cancels"),
        wishes: row.get("wishes"),
        server_started_ms: row.get("server_started_ms"),
        server_now_ms: row.get("server_now_ms"),
        duties: row.get("duties"),
        sessions: (whole(&row, "sessions"), whole(&row, "sessions_most")),
    })
}

fn whole(row: &Row, name: &str) -> u32 {
    u32::try_from(row.get::<_, i32>(name)).unwrap_or(0)
}

/// Jobs of this worker that somebody wants to end, and all whose output somebody looks at, both as JSON.
pub(crate) async fn cancels(
    link: &Link,
    worker: Uuid,
) -> Result<(Option<String>, Option<String>), StoreError> {
    let row = link.query_one(&CANCELS, &[&worker]).await?;
    Ok((row.get("cancels"), row.get("wishes")))
}

/// A part of what an attempt printed.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) job: i64,
    pub(crate) attempt: i32,
    /// Counted from 1.
    pub(crate) part: i32,
    /// The attempt has ended, and this is the end of its output.
    pub(crate) last: bool,
    pub(crate) text: String,
}

/// Stores parts of what attempts printed.
pub(crate) async fn output(link: &Link, parts: &[Part]) -> Result<(), StoreError> {
    let ids: Vec<i64> = parts.iter().map(|part| part.job).collect();
    let attempts: Vec<i32> = parts.iter().map(|part| part.attempt).collect();
    let numbers: Vec<i32> = parts.iter().map(|part| part.part).collect();
    let lasts: Vec<bool> = parts.iter().map(|part| part.last).collect();
    let texts: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
    link.query(&OUTPUT, &[&ids, &attempts, &numbers, &lasts, &texts]).await.map(drop)
}

/// Says that the worker ends and holds no job.
pub(crate) async fn goodbye(link: &Link, worker: Uuid) -> Result<(), StoreError> {
    link.query(&GOODBYE, &[&worker]).await.map(|_| ())
}
