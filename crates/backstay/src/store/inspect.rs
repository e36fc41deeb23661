//! What people and programs look at: the statements of `sql/inspect/`.

use serde::de::DeserializeOwned;
use tokio_postgres::Row;

use super::StoreError;
use super::database::Database;
use super::statement::{Link, Sql, sql};
use crate::model::document::JobDocument;
use crate::model::status::{
    AttemptRecord, DeadGroup, DeadLetter, JobFilter, MessageStatus, QueueStatus, ReplayStatus,
    WorkerStatus,
};

static BACKLOG: Sql = sql!("inspect/backlog", [TEXT_ARRAY]);
static LIST_LINE: Sql = sql!(
    "inspect/list_line",
    [
        INT8, INT4, TEXT_ARRAY, TEXT_ARRAY, TEXT_ARRAY, TEXT, TEXT_ARRAY, TEXT, TEXT, UUID, TEXT,
        TEXT
    ]
);
static LIST_HELD: Sql = sql!(
    "inspect/list_held",
    [
        INT8, INT4, TEXT_ARRAY, TEXT_ARRAY, TEXT_ARRAY, TEXT, TEXT_ARRAY, TEXT, TEXT, UUID, TEXT,
        TEXT
    ]
);
static LIST_DEAD: Sql = sql!(
    "inspect/list_dead",
    [INT8, INT4, TEXT_ARRAY, TEXT_ARRAY, TEXT, TEXT_ARRAY, TEXT, TEXT, UUID, TEXT, TEXT]
);
static LIST_ENDED: Sql = sql!(
    "inspect/list_ended",
    [INT8, INT4, TEXT_ARRAY, TEXT_ARRAY, TEXT_ARRAY, TEXT, TEXT_ARRAY, TEXT, UUID, TEXT, TEXT]
);
static LIST_LETTERS: Sql = sql!(
    "inspect/list_letters",
    [
        INT8, INT8, INT4, TEXT_ARRAY, TEXT_ARRAY, TEXT, TEXT_ARRAY, TEXT, TEXT, TEXT, TEXT, TEXT,
        BOOL
    ]
);
static DOCUMENTS: Sql = sql!("inspect/documents", [INT8_ARRAY]);
static SHOW_JOB: Sql = sql!("inspect/show_job", [INT8]);
static LIST_ATTEMPTS: Sql = sql!("inspect/list_attempts", [INT8]);
static OUTPUT: Sql = sql!("inspect/output", [INT8, INT4, INT4, INT4, INT4]);
static LIST_GROUPS: Sql =
    sql!("inspect/list_groups", [TEXT_ARRAY, TEXT_ARRAY, TEXT, INT8, TEXT, INT4]);
static SHOW_LETTER: Sql = sql!("inspect/show_letter", [INT8]);
static LIST_QUEUES: Sql = sql!("inspect/list_queues", []);
static LIST_WORKERS: Sql = sql!("inspect/list_workers", [BOOL]);
static LIST_ALERTS: Sql = sql!("inspect/list_alerts", [INT8, INT4]);
static LIST_REPLAYS: Sql = sql!("inspect/list_replays", [INT8, INT8, INT4]);

/// A look changes nothing, goes by indexes whatever the statistics say, and gives up in time.
const LOOK: &str = "begin read only; set local enable_seqscan = off; set local enable_sort = off; \
    set local enable_hashjoin = off; set local enable_mergejoin = off; set local jit = off; \
    set local statement_timeout = '20s'; set local lock_timeout = '500ms'";

/// What some queues hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Jobs that run or could run now.
    pub open: i64,
    /// Dead letters.
    pub dead: i64,
}

/// Counts what is left to do in these queues.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn backlog(database: &Database, queues: &[String]) -> Result<Backlog, StoreError> {
    database
        .call(async |link| {
            let row = link.query_one(&BACKLOG, &[&queues]).await?;
            Ok(Backlog { open: row.get("open"), dead: row.get("dead") })
        })
        .await
}

/// Runs statements that only read, in one transaction.
pub(super) async fn look<T>(
    database: &Database,
    read: impl AsyncFnOnce(&Link) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    database
        .call(async |link| {
            link.batch(LOOK).await?;
            let seen = read(link).await?;
            link.batch("commit").await?;
            Ok(seen)
        })
        .await
}

/// Reads the JSON document in the first column of each row.
pub(super) fn documents<T: DeserializeOwned>(rows: &[Row]) -> Result<Vec<T>, StoreError> {
    rows.iter().map(|row| serde_json::from_str(row.get(0)).map_err(StoreError::garbled)).collect()
}

fn some(words: &[String]) -> Option<&[String]> {
    (!words.is_empty()).then_some(words)
}

/// The ids of one place's jobs, newest first, below `before`.
pub(crate) async fn list_live(
    database: &Database,
    states: &[String],
    filter: &JobFilter,
    before: Option<i64>,
    n: i32,
) -> Result<Vec<i64>, StoreError> {
    let sql = if states.iter().any(|state| state == "ready") { &LIST_LINE } else { &LIST_HELD };
    let (kinds, queues, tags) = (some(&filter.kinds), some(&filter.queues), some(&filter.tags));
    let (since, until) = times(filter);
    look(database, async |link| {
        let rows = link
            .query(
                sql,
                &[
                    &before,
                    &n,
                    &states,
                    &kinds,
                    &queues,
                    &filter.group,
                    &tags,
                    &filter.unique,
                    &filter.limit_key,
                    &filter.worker,
                    &since,
                    &until,
                ],
            )
            .await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    })
    .await
}

/// The ids of dead jobs, newest first, below `before`.
pub(crate) async fn list_dead(
    database: &Database,
    filter: &JobFilter,
    before: Option<i64>,
    n: i32,
) -> Result<Vec<i64>, StoreError> {
    let (kinds, queues, tags) = (some(&filter.kinds), some(&filter.queues), some(&filter.tags));
    let (since, until) = times(filter);
    look(database, async |link| {
        let rows = link
            .query(
                &LIST_DEAD,
                &[
                    &before,
                    &n,
                    &kinds,
                    &queues,
                    &filter.group,
                    &tags,
                    &filter.unique,
                    &filter.limit_key,
                    &filter.worker,
                    &since,
                    &until,
                ],
            )
            .await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    })
    .await
}

/// The ids of jobs that completed or were cancelled, newest first, below `before`.
pub(crate) async fn list_ended(
    database: &Database,
    states: &[String],
    filter: &JobFilter,
    before: Option<i64>,
    n: i32,
) -> Result<Vec<i64>, StoreError> {
    let (kinds, queues, tags) = (some(&filter.kinds), some(&filter.queues), some(&filter.tags));
    let (since, until) = times(filter);
    look(database, async |link| {
        let rows = link
            .query(
                &LIST_ENDED,
                &[
                    &before,
                    &n,
                    &states,
                    &kinds,
                    &queues,
                    &filter.group,
                    &tags,
                    &filter.unique,
                    &filter.worker,
                    &since,
                    &until,
                ],
            )
            .await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    })
    .await
}

/// A dead letter in a list: its id, when it died in microseconds, its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) id: i64,
    pub(crate) died_us: i64,
    pub(crate) fingerprint: String,
}

/// Dead letters, the newest death first, after the one given.
pub(crate) async fn list_letters(
    database: &Database,
    filter: &JobFilter,
    discarded: bool,
    after: Option<(i64, i64)>,
    n: i32,
) -> Result<Vec<Letter>, StoreError> {
    let (kinds, queues, tags) = (some(&filter.kinds), some(&filter.queues), some(&filter.tags));
    let (since, until) = times(filter);
    let (us, id) = after.unzip();
    look(database, async |link| {
        let rows = link
            .query(
                &LIST_LETTERS,
                &[
                    &us,
                    &id,
                    &n,
                    &kinds,
                    &queues,
                    &filter.group,
                    &tags,
                    &filter.unique,
                    &filter.limit_key,
                    &filter.fingerprint,
                    &since,
                    &until,
                    &discarded,
                ],
            )
            .await?;
        let letter =
            |row: &Row| Letter { id: row.get(0), died_us: row.get(1), fingerprint: row.get(2) };
        Ok(rows.iter().map(letter).collect())
    })
    .await
}

fn times(filter: &JobFilter) -> (Option<String>, Option<String>) {
    let text = |at: Option<crate::model::instant::Instant>| at.map(|at| at.to_string());
    (text(filter.since), text(filter.before))
}

/// The job documents of these ids, in their order; one that is gone is left out.
pub(crate) async fn job_documents(
    database: &Database,
    ids: &[i64],
) -> Result<Vec<JobDocument>, StoreError> {
    look(database, async |link| documents(&link.query(&DOCUMENTS, &[&ids]).await?)).await
}

/// The same on a connection whose transaction is open.
pub(super) async fn job_documents_on(
    link: &Link,
    ids: &[i64],
) -> Result<Vec<JobDocument>, StoreError> {
    documents(&link.query(&DOCUMENTS, &[&ids]).await?)
}

/// One job with its args as people may see them.
pub(crate) async fn show_job(
    database: &Database,
    id: i64,
) -> Result<Option<JobDocument>, StoreError> {
    let found = look(database, async |link| documents(&link.query(&SHOW_JOB, &[&id]).await?)).await;
    Ok(found?.pop())
}

/// The attempts of a job that ended, in their order; at most the last 200.
pub(crate) async fn list_attempts(
    database: &Database,
    id: i64,
) -> Result<Vec<AttemptRecord>, StoreError> {
    look(database, async |link| documents(&link.query(&LIST_ATTEMPTS, &[&id]).await?)).await
}

/// A part of what an attempt printed.
pub(crate) struct StoredPart {
    pub(crate) attempt: i32,
    pub(crate) part: i32,
    pub(crate) last: bool,
    pub(crate) text: String,
}

/// What is kept of a job's output behind a part, at most `n` parts in their order.
pub(crate) async fn output(
    database: &Database,
    id: i64,
    after: (i32, i32),
    attempt: Option<i32>,
    n: usize,
) -> Result<Vec<StoredPart>, StoreError> {
    let n = i32::try_from(n).unwrap_or(i32::MAX);
    let part = |row: &Row| StoredPart {
        attempt: row.get("attempt"),
        part: row.get("part"),
        last: row.get("last"),
        text: row.get("text"),
    };
    look(database, async |link| {
        let rows = link.query(&OUTPUT, &[&id, &after.0, &after.1, &attempt, &n]).await?;
        Ok(rows.iter().map(part).collect())
    })
    .await
}

/// Dead groups, the one that was hit last first; each with the microsecond of its last death.
pub(crate) async fn list_groups(
    database: &Database,
    filter: &JobFilter,
    after: Option<(i64, String)>,
    n: i32,
) -> Result<Vec<(DeadGroup, i64)>, StoreError> {
    let (kinds, queues) = (some(&filter.kinds), some(&filter.queues));
    let (us, fingerprint) = after.unzip();
    look(database, async |link| {
        let rows = link
            .query(&LIST_GROUPS, &[&kinds, &queues, &filter.fingerprint, &us, &fingerprint, &n])
            .await?;
        let groups = documents(&rows)?;
        Ok(groups.into_iter().zip(rows.iter().map(|row| row.get(1))).collect())
    })
    .await
}

/// What a dead letter has beyond its job document.
pub(crate) async fn show_letter(
    database: &Database,
    id: i64,
) -> Result<Option<DeadLetter>, StoreError> {
    let found =
        look(database, async |link| documents(&link.query(&SHOW_LETTER, &[&id]).await?)).await;
    Ok(found?.pop())
}

/// All queues, by name; at most 1,000.
pub(crate) async fn list_queues(database: &Database) -> Result<Vec<QueueStatus>, StoreError> {
    look(database, async |link| documents(&link.query(&LIST_QUEUES, &[]).await?)).await
}

/// Workers, at most 500; those that said goodbye only where asked.
pub(crate) async fn list_workers(
    database: &Database,
    gone: bool,
) -> Result<Vec<WorkerStatus>, StoreError> {
    look(database, async |link| documents(&link.query(&LIST_WORKERS, &[&gone]).await?)).await
}

/// Messages about alerts, newest first, below `before`.
pub(crate) async fn list_alerts(
    database: &Database,
    before: Option<i64>,
    n: i32,
) -> Result<Vec<MessageStatus>, StoreError> {
    look(database, async |link| documents(&link.query(&LIST_ALERTS, &[&before, &n]).await?)).await
}

/// Replays, newest first, below `before`, or one alone.
pub(crate) async fn list_replays(
    database: &Database,
    only: Option<i64>,
    before: Option<i64>,
    n: i32,
) -> Result<Vec<ReplayStatus>, StoreError> {
    look(database, async |link| documents(&link.query(&LIST_REPLAYS, &[&only, &before, &n]).await?))
        .await
}
