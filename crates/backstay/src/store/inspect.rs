//! What people and programs look at: the statements of `sql/inspect/`.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;

use super::StoreError;
use super::database::Database;
use super::statement::{Link, Param, Sql, sql};
use crate::model::document::JobDocument;
use crate::model::instant::Instant;
use crate::model::peak::Peaks;
use crate::model::series::{self, Series, SeriesName, SeriesRange, Span};
use crate::model::sought::Sought;
use crate::model::state::State;
use crate::model::status::{
    AttemptRecord, AuditEntry, AuditFilter, ChannelStatus, DeadGroup, DeadLetter, JobFilter,
    JobTerms, KindStatus, MessageStatus, QueueStatus, ReplayStatus, RunningJob, ServerStatus,
    WorkerStatus,
};
use crate::model::why::Facts;

static BACKLOG: Sql = sql!("inspect/backlog", [TEXT_ARRAY]);
/// Lists of jobs take the same filter, whichever place they look in.
macro_rules! listed {
    ($file:literal) => {
        sql!(
            $file,
            [
                INT8, INT4, TEXT_ARRAY, TEXT_ARRAY, TEXT_ARRAY, TEXT, TEXT_ARRAY, TEXT, TEXT, UUID,
                TEXT, TEXT, TEXT_ARRAY, INT8, INT8_ARRAY, TEXT, TEXT
            ]
        )
    };
}
static LIST_LINE: Sql = listed!("inspect/list_line");
static LIST_HELD: Sql = listed!("inspect/list_held");
static LIST_DEAD: Sql = listed!("inspect/list_dead");
static LIST_ENDED: Sql = listed!("inspect/list_ended");
static LIST_LETTERS: Sql = sql!(
    "inspect/list_letters",
    [
        INT8, INT8, INT4, TEXT_ARRAY, TEXT_ARRAY, TEXT, TEXT_ARRAY, TEXT, TEXT, TEXT, TEXT, TEXT,
        BOOL, TEXT_ARRAY, INT8_ARRAY, TEXT, TEXT, TEXT
    ]
);
static LAST_ID: Sql = sql!("inspect/last_id", []);
static NEXT_ID: Sql = sql!("inspect/next_id", [INT8]);
static HAS_ENDED: Sql = sql!("inspect/has_ended", [TEXT_ARRAY]);
static DOCUMENTS: Sql = sql!("inspect/documents", [INT8_ARRAY]);
static SHOW_JOB: Sql = sql!("inspect/show_job", [INT8]);
static LIST_ATTEMPTS: Sql = sql!("inspect/list_attempts", [INT8]);
static OUTPUT: Sql = sql!("inspect/output", [INT8, INT4, INT4, INT4, INT4]);
static LIST_GROUPS: Sql =
    sql!("inspect/list_groups", [TEXT_ARRAY, TEXT_ARRAY, TEXT, INT8, TEXT, INT4, TEXT]);
static SHOW_LETTERS: Sql = sql!("inspect/show_letters", [INT8_ARRAY]);
static LIST_QUEUES: Sql = sql!("inspect/list_queues", []);
static LIST_KINDS: Sql = sql!("inspect/list_kinds", []);
static LIST_RUNNING: Sql = sql!("inspect/list_running", [INT8]);
static SHOW_ORIGIN: Sql = sql!("inspect/show_origin", [INT8]);
static EXPORT_LETTERS: Sql = sql!("inspect/export_letters", [INT8_ARRAY]);
static LIST_WORKERS: Sql = sql!("inspect/list_workers", [BOOL]);
static LIST_ALERTS: Sql = sql!("inspect/list_alerts", [INT8, INT4]);
static LIST_CHANNELS: Sql = sql!("inspect/list_channels", []);
static LIST_AUDIT: Sql = sql!("inspect/list_audit", [INT8, INT4, TEXT, TEXT, TEXT, TEXT, TEXT]);
static SERIES: Sql = sql!("inspect/series", [INT2, INT4, INT4, TEXT, TEXT, TEXT]);
static DEPTHS: Sql = sql!("inspect/depths", [INT2, INT4, INT4, TEXT]);
static SERVER: Sql = sql!("inspect/server", []);
static WHY: Sql = sql!("inspect/why", [INT8]);
static LIST_REPLAYS: Sql = sql!("inspect/list_replays", [INT8, INT8, INT4]);

/// A look changes nothing, goes by indexes whatever the statistics say, and gives up in time.
const LOOK: &str = "begin read only; set local enable_seqscan = off; set local enable_sort = off; \
    set local enable_hashjoin = off; set local enable_mergejoin = off; set local jit = off; \
    set local lock_timeout = '500ms'";

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
/// ```no_run
/// use backstay::{Backlog, Database, backlog};
///
/// # async fn example(database: Database) -> Result<(), backstay::StoreError> {
/// let Backlog { open, dead } = backlog(&database, &["mail".into()]).await?;
/// println!("{open} to do, {dead} dead");
/// # Ok(())
/// # }
/// ```
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
            let most = database.patience().as_millis();
            link.batch(&format!("{LOOK}; set local statement_timeout = '{most}ms'")).await?;
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

/// How long a page looks for jobs that fit; it is answered in twice that.
const SEARCH: Duration = Duration::from_millis(40);
/// A span of ids that is looked through faster than this is followed by a wider one. Half of it is the planning of a statement over the
/// partitions of a week.
const QUICK: Duration = Duration::from_millis(25);
/// The ids of the first span, and how many times wider the next may be: 10,000 rows take 10 to 15 ms, and twenty times that where the
/// attempts or the args of each are looked at.
const SPAN: i64 = 10_000;
const SPAN_OF_DETAIL: i64 = 500;
const WIDER: i64 = 4;

/// Jobs that were found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Their ids, unsorted among places.
    pub(crate) ids: Vec<i64>,
    /// Ids below it were not looked at.
    pub(crate) rest: Option<i64>,
}

/// How far a list of jobs looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Through all jobs, however many fit nothing; where args are looked into, for half the time that a statement may take.
    All,
    /// As far as a page has time for: going down by spans of ids, since no index knows every filter.
    Page,
}

/// The ids of jobs that stand in these states, newest first, below `before`.
pub(crate) async fn list_jobs(
    database: &Database,
    states: &[State],
    filter: &JobFilter,
    before: Option<i64>,
    n: i32,
    reach: Reach,
) -> Result<Found, StoreError> {
    let places = places(states);
    // The other places are short.
    let is_long = places.iter().any(|sql| [LIST_LINE.name, LIST_ENDED.name].contains(&sql.name));
    let words: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
    let (kinds, queues, tags) = (some(&filter.kinds), some(&filter.queues), some(&filter.tags));
    let ((since, until), outcomes) = (times(filter), outcomes(filter));
    let (one_of, (members, text)) = (ids(filter), sought(filter));
    let is_bounded =
        filter.ids.is_empty() && (filter.with_args.is_some() || is_long && reach == Reach::Page);
    let patience = if reach == Reach::Page { SEARCH } else { database.patience() / 2 };
    look(database, async |link| {
        let begun = std::time::Instant::now();
        let (mut ids, mut top) = (Vec::new(), before);
        let is_detail = outcomes.is_some() || filter.with_args.is_some();
        let first = if is_detail { SPAN_OF_DETAIL } else { SPAN };
        let mut span = first;
        if is_bounded && top.is_none() {
            top = Some(link.query_one(&LAST_ID, &[]).await?.get::<_, i64>(0).saturating_add(1));
        }
        loop {
            let from = top.filter(|_| is_bounded).map_or(0, |top| top.saturating_sub(span).max(0));
            let looked = std::time::Instant::now();
            let params: [Param<'_>; 17] = [
                &top,
                &n,
                &words,
                &kinds,
                &queues,
                &filter.group,
                &tags,
                &filter.unique,
                &filter.limit_key,
                &filter.worker,
                &since,
                &until,
                &outcomes,
                &from,
                &one_of,
                &members,
                &text,
            ];
            for sql in &places {
                let rows = link.query(sql, &params).await?;
                ids.extend(rows.iter().map(|row| row.get::<_, i64>(0)));
            }
            let (took, in_all) = (looked.elapsed(), begun.elapsed());
            let is_full = i32::try_from(ids.len()).is_ok_and(|found| found >= n);
            if from == 0 || is_full || in_all + took > patience {
                let is_over =
                    from == 0 || ids.is_empty() && never_ended(link, &places, kinds).await?;
                return Ok(Found { ids, rest: (!is_over).then_some(from) });
            }
            top = Some(from);
            if took < QUICK {
                let next = link.query_one(&NEXT_ID, &[&from]).await?.get::<_, Option<i64>>(0);
                let next = next.map_or(0, |id| id.saturating_add(1));
                // Nothing is known of what lies beyond a wide gap, as little as at the start.
                let is_far = next.saturating_add(span) < from;
                span = if is_far { first } else { span.saturating_mul(WIDER) };
                top = Some(next);
            }
        }
    })
    .await
}

/// Whether a list of what has ended, of which nothing was found yet, need not go on: no job of its kinds has ever ended.
async fn never_ended(
    link: &Link,
    places: &[&Sql],
    kinds: Option<&[String]>,
) -> Result<bool, StoreError> {
    let is_of_ended = places.iter().all(|sql| sql.name == LIST_ENDED.name);
    match kinds.filter(|_| is_of_ended) {
        Some(kinds) => Ok(!link.query_one(&HAS_ENDED, &[&kinds]).await?.get::<_, bool>(0)),
        None => Ok(false),
    }
}

/// The statements that find jobs in these states.
fn places(states: &[State]) -> Vec<&'static Sql> {
    let any = |wanted: &[State]| states.iter().any(|state| wanted.contains(state));
    // The walk over those in line meets the others on its way.
    let live = if any(&[State::Ready]) { &LIST_LINE } else { &LIST_HELD };
    let all = [
        (any(&[State::Scheduled, State::Parked, State::Ready, State::Running]), live),
        (any(&[State::Dead]), &LIST_DEAD),
        (any(&[State::Completed, State::Cancelled]), &LIST_ENDED),
    ];
    all.into_iter().filter_map(|(wanted, sql)| wanted.then_some(sql)).collect()
}

/// A dead letter in a list: its id, when it died in microseconds, its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) id: i64,
    pub(crate) died_us: i64,
    pub(crate) fingerprint: String,
}

/// Dead letters whose args are looked into at once: some 50 us for each.
const LETTERS_OF_DETAIL: i32 = 2_000;

/// Dead letters that were found.
#[derive(Debug, Default)]
pub(crate) struct Letters {
    pub(crate) found: Vec<Letter>,
    /// The last that was looked at, where older ones were not.
    pub(crate) rest: Option<Letter>,
}

/// Dead letters, the newest death first, after the one given. Where args are looked into, some are looked at and no more.
pub(crate) async fn list_letters(
    database: &Database,
    filter: &JobFilter,
    discarded: bool,
    after: Option<(i64, i64)>,
    n: i32,
) -> Result<Letters, StoreError> {
    let (kinds, queues, tags) = (some(&filter.kinds), some(&filter.queues), some(&filter.tags));
    let ((since, until), outcomes) = (times(filter), outcomes(filter));
    let (one_of, (members, text)) = (ids(filter), sought(filter));
    let most = if filter.with_args.is_some() { LETTERS_OF_DETAIL } else { n };
    let (us, id) = after.unzip();
    look(database, async |link| {
        let rows = link
            .query(
                &LIST_LETTERS,
                &[
                    &us,
                    &id,
                    &most,
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
                    &outcomes,
                    &one_of,
                    &members,
                    &text,
                    &filter.owner,
                ],
            )
            .await?;
        let letter =
            |row: &Row| Letter { id: row.get(0), died_us: row.get(1), fingerprint: row.get(2) };
        let is_cut =
            filter.with_args.is_some() && usize::try_from(most).is_ok_and(|n| rows.len() >= n);
        let rest = rows.last().filter(|_| is_cut).map(letter);
        let found = rows.iter().filter(|row| row.get("fits")).map(letter).collect();
        Ok(Letters { found, rest })
    })
    .await
}

/// The jobs that are named, if any are.
fn ids(filter: &JobFilter) -> Option<&[i64]> {
    (!filter.ids.is_empty()).then_some(&filter.ids)
}

/// What is looked for in args: members, or a text.
fn sought(filter: &JobFilter) -> (Option<&str>, Option<&str>) {
    match &filter.with_args {
        None => (None, None),
        Some(Sought::Members(json)) => (Some(json), None),
        Some(Sought::Text(text)) => (None, Some(text)),
    }
}

fn times(filter: &JobFilter) -> (Option<String>, Option<String>) {
    let text = |at: Option<crate::model::instant::Instant>| at.map(|at| at.to_string());
    (text(filter.since), text(filter.before))
}

fn outcomes(filter: &JobFilter) -> Option<Vec<&'static str>> {
    let words: Vec<_> = filter.outcomes.iter().map(|outcome| outcome.as_str()).collect();
    (!words.is_empty()).then_some(words)
}

/// The documents that a statement finds.
pub(super) async fn seen<T: DeserializeOwned>(
    database: &Database,
    sql: &'static Sql,
    params: &[Param<'_>],
) -> Result<Vec<T>, StoreError> {
    look(database, async |link| documents(&link.query(sql, params).await?)).await
}

/// The job documents of these ids, in their order; one that is gone is left out.
pub(crate) async fn job_documents(
    database: &Database,
    ids: &[i64],
) -> Result<Vec<JobDocument>, StoreError> {
    seen(database, &DOCUMENTS, &[&ids]).await
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
    let found = seen(database, &SHOW_JOB, &[&id]).await;
    Ok(found?.pop())
}

/// The attempts of a job that ended, in their order; at most the last 200.
pub(crate) async fn list_attempts(
    database: &Database,
    id: i64,
) -> Result<Vec<AttemptRecord>, StoreError> {
    seen(database, &LIST_ATTEMPTS, &[&id]).await
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
        let all: [Param<'_>; 7] =
            [&kinds, &queues, &filter.fingerprint, &us, &fingerprint, &n, &filter.owner];
        let rows = link.query(&LIST_GROUPS, &all).await?;
        let groups = documents(&rows)?;
        Ok(groups.into_iter().zip(rows.iter().map(|row| row.get(1))).collect())
    })
    .await
}

/// What dead letters have beyond their job documents, in the order of the ids.
pub(crate) async fn show_letters(
    database: &Database,
    ids: &[i64],
) -> Result<Vec<DeadLetter>, StoreError> {
    seen(database, &SHOW_LETTERS, &[&ids]).await
}

/// All queues, by name; at most 1,000.
pub(crate) async fn list_queues(database: &Database) -> Result<Vec<QueueStatus>, StoreError> {
    seen(database, &LIST_QUEUES, &[]).await
}

/// All kinds, by name; at most 1,000.
pub(crate) async fn list_kinds(database: &Database) -> Result<Vec<KindStatus>, StoreError> {
    #[derive(Deserialize)]
    struct Found {
        #[serde(flatten)]
        kind: KindStatus,
        peaks: Peaks,
    }
    let found: Vec<Found> = seen(database, &LIST_KINDS, &[]).await?;
    let kind = |Found { kind, peaks }| KindStatus { memory: peaks.status(), ..kind };
    Ok(found.into_iter().map(kind).collect())
}

/// What the server says of itself.
pub(crate) async fn server(database: &Database) -> Result<ServerStatus, StoreError> {
    let found = seen(database, &SERVER, &[]).await?.pop();
    found.ok_or_else(|| StoreError::garbled("`inspect/server` gave no row"))
}

/// Figures over time.
pub(crate) async fn series(
    database: &Database,
    name: SeriesName,
    range: SeriesRange,
    queue: Option<&str>,
    kind: Option<&str>,
) -> Result<Series, StoreError> {
    let (step, width, points) = (range.step(), range.minutes(), range.points());
    let rows = look(database, async |link| match name.is_depth() {
        true => link.query(&DEPTHS, &[&step, &width, &points, &queue]).await,
        false => {
            let list = name.list();
            let params: [Param<'_>; 6] = [&step, &width, &points, &queue, &kind, &list];
            link.query(&SERIES, &params).await
        }
    });
    let rows = rows.await?;
    let last = rows.first().map_or(0, |row| row.get("last"));
    let span = |row: &Row| if name.is_depth() { depth(row) } else { span(row, name) };
    let spans: Vec<Span> = rows.iter().filter_map(span).collect();
    Ok(series::assemble(name, range, queue, kind, last, &spans))
}

fn number(row: &Row, name: &str) -> u64 {
    u64::try_from(row.get::<_, i64>(name)).unwrap_or(0)
}

/// What was counted in a span; nothing for the row that only tells which is the last.
fn span(row: &Row, of: SeriesName) -> Option<Span> {
    let counts = |name: &str| {
        let counts: Vec<i64> = if of.list() == Some(name) { row.get("counts") } else { Vec::new() };
        counts.into_iter().map(|n| u64::try_from(n).unwrap_or(0)).collect()
    };
    Some(Span {
        minute: row.get::<_, Option<i64>>("minute")?,
        started: number(row, "started"),
        completed: number(row, "completed"),
        cancelled: number(row, "cancelled"),
        dead: number(row, "dead"),
        failed: number(row, "failed"),
        waits: counts("waits"),
        runs: counts("runs"),
        peaks: counts("peaks"),
        ..Span::default()
    })
}

/// What stood where in a span.
fn depth(row: &Row) -> Option<Span> {
    Some(Span {
        minute: row.get::<_, Option<i64>>("minute")?,
        depth: ["ready", "scheduled", "parked", "running", "dead"].map(|name| number(row, name)),
        oldest_ms: number(row, "oldest_ms"),
        ..Span::default()
    })
}

/// Running jobs, or one of them, the longest running first; at most 2,000.
pub(crate) async fn list_running(
    database: &Database,
    id: Option<i64>,
) -> Result<Vec<RunningJob>, StoreError> {
    seen(database, &LIST_RUNNING, &[&id]).await
}

/// What a job carries, beside what its kind gives.
pub(crate) async fn show_origin(
    database: &Database,
    id: i64,
) -> Result<Option<JobTerms>, StoreError> {
    Ok(seen(database, &SHOW_ORIGIN, &[&id]).await?.pop())
}

/// All that says why a job does not run.
pub(crate) async fn why(database: &Database, id: i64) -> Result<Facts, StoreError> {
    let found = seen(database, &WHY, &[&id]).await?.pop();
    found.ok_or_else(|| StoreError::garbled("`inspect/why` gave no row"))
}

/// Dead letters as they could be enqueued again, in the order of the ids; JSON texts, so that every digit stays.
pub(crate) async fn export_letters(
    database: &Database,
    ids: &[i64],
) -> Result<Vec<String>, StoreError> {
    look(database, async |link| {
        let rows = link.query(&EXPORT_LETTERS, &[&ids]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    })
    .await
}

/// Workers, at most 500; those that said goodbye only where asked.
pub(crate) async fn list_workers(
    database: &Database,
    gone: bool,
) -> Result<Vec<WorkerStatus>, StoreError> {
    seen(database, &LIST_WORKERS, &[&gone]).await
}

/// Messages about alerts, newest first, below `before`.
pub(crate) async fn list_alerts(
    database: &Database,
    before: Option<i64>,
    n: i32,
) -> Result<Vec<MessageStatus>, StoreError> {
    seen(database, &LIST_ALERTS, &[&before, &n]).await
}

/// The alert channels of the worker that tells alerts, by name.
pub(crate) async fn list_channels(database: &Database) -> Result<Vec<ChannelStatus>, StoreError> {
    seen(database, &LIST_CHANNELS, &[]).await
}

/// What was done, newest first, below `before`.
pub(crate) async fn list_audit(
    database: &Database,
    filter: &AuditFilter,
    before: Option<i64>,
    n: i32,
) -> Result<Vec<AuditEntry>, StoreError> {
    let text = |at: Option<Instant>| at.map(|at| at.to_string());
    let (since, until) = (text(filter.since), text(filter.before));
    let AuditFilter { verb, target, actor, .. } = filter;
    seen(database, &LIST_AUDIT, &[&before, &n, verb, target, actor, &since, &until]).await
}

/// Replays, newest first, below `before`, or one alone.
pub(crate) async fn list_replays(
    database: &Database,
    only: Option<i64>,
    before: Option<i64>,
    n: i32,
) -> Result<Vec<ReplayStatus>, StoreError> {
    seen(database, &LIST_REPLAYS, &[&only, &before, &n]).await
}
