//! Housekeeping: the statements of `sql/duty/`.

use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::StoreError;
use super::statement::{Link, Sql, millis, sql};
use crate::model::config::Retention;
use crate::model::job::Counters;

static LEAD: Sql = sql!("duty/lead", [UUID, INT8]);
static RESIGN: Sql = sql!("duty/resign", [UUID]);
static DUTY_DONE: Sql = sql!("duty/duty_done", [TEXT_ARRAY, UUID, INT4_ARRAY]);
static ALIVE: Sql = sql!("duty/alive", []);
static PROMOTE: Sql = sql!(hot "duty/promote", [INT4, INT8]);
static ADMIT_KINDS: Sql = sql!("duty/admit_kinds", [INT4]);
static PARK_UNKNOWN: Sql = sql!("duty/park_unknown", [INT4, INT8]);
static PARK_PAUSED: Sql = sql!("duty/park_paused", [INT4]);
static LOOK: Sql = sql!("duty/look", [TEXT_ARRAY, INT2_ARRAY, INT8_ARRAY]);
static EXPIRED: Sql = sql!("duty/expired", [INT4]);
static EXPIRED_KEYS: Sql = sql!("duty/expired_keys", [INT4]);
static SUSPECTS: Sql = sql!("duty/suspects", [UUID]);
static STRAYS: Sql = sql!("duty/strays", [INT8]);
static DOOMED: Sql = sql!("duty/doomed", [UUID, INT4, BOOL, TIMESTAMPTZ]);
static PREDECESSORS: Sql = sql!("duty/predecessors", [UUID, TEXT]);
static LOST: Sql = sql!("duty/lost", [UUID, INT4, TEXT]);
static GONE: Sql = sql!("duty/gone", [UUID]);
static PEAKS: Sql = sql!("duty/peaks", [INT4_ARRAY, INT4]);
static PRUNE: Sql = sql!("duty/prune", [INT4]);
static PRUNE_DEAD: Sql = sql!("duty/prune_dead", [INT4, INT8]);
static REPLAY_DUE: Sql = sql!("duty/replay_due", []);
static REPLAY_NEXT: Sql = sql!("duty/replay_next", [INT8, INT4, INT4]);
static REPLAY_STEP: Sql = sql!("duty/replay_step", [INT8, INT4, INT8, TEXT]);
static PRUNE_HISTORY: Sql = sql!("duty/prune_history", [INT4, INT8, INT8]);
static PARTITIONS: Sql = sql!("duty/partitions", [INT8, INT8, INT8, INT8]);
static SYNC: Sql = sql!("duty/sync", [TEXT, TEXT, INT4, BOOL, TEXT]);
static DURABILITY: Sql = sql!("duty/durability", []);
static WRITE_FIGURES: Sql = sql!("duty/write_figures", [UUID, TEXT]);
static FOLD_FIGURES: Sql = sql!("duty/fold_figures", [INT4]);
static PRUNE_FIGURES: Sql = sql!("duty/prune_figures", [INT4, INT8]);
static COUNT: Sql = sql!("duty/count", [INT4]);
static WAKE: Sql = sql!("duty/wake", []);

/// Takes or keeps the lead for `term`.
pub(crate) async fn lead(link: &Link, me: Uuid, term: Duration) -> Result<bool, StoreError> {
    Ok(!link.query(&LEAD, &[&me, &millis(term)]).await?.is_empty())
}

/// Gives the lead away.
pub(crate) async fn resign(link: &Link, me: Uuid) -> Result<(), StoreError> {
    link.query(&RESIGN, &[&me]).await.map(drop)
}

/// Notes which duties went well, and how long each took.
pub(crate) async fn duty_done(
    link: &Link,
    me: Uuid,
    done: &[(&str, Duration)],
) -> Result<(), StoreError> {
    let names: Vec<&str> = done.iter().map(|(name, _)| *name).collect();
    let ms: Vec<i32> =
        done.iter().map(|(_, took)| i32::try_from(took.as_millis()).unwrap_or(i32::MAX)).collect();
    link.query(&DUTY_DONE, &[&names, &me, &ms]).await.map(drop)
}

/// Whether jobs of lost workers are taken over and alerts are told.
pub(crate) async fn alive(link: &Link) -> Result<bool, StoreError> {
    Ok(link.query_one(&ALIVE, &[]).await?.get(0))
}

/// Brings what is due into line: how many were moved, and when the next is due.
pub(crate) async fn promote(
    link: &Link,
    n: i32,
    look_back: Option<Duration>,
) -> Result<(i64, Option<Duration>), StoreError> {
    let row = link.query_one(&PROMOTE, &[&n, &look_back.map(millis)]).await?;
    let next = row
        .get::<_, Option<i64>>("next_in_ms")
        .map(|ms| Duration::from_millis(ms.max(0).unsigned_abs()));
    Ok((row.get("moved"), next))
}

/// Brings back what is parked for no reason any more.
pub(crate) async fn admit_kinds(link: &Link, n: i32) -> Result<i64, StoreError> {
    Ok(link.query_one(&ADMIT_KINDS, &[&n]).await?.get("moved"))
}

/// Parks what no live worker can take.
pub(crate) async fn park_unknown(link: &Link, n: i32, after: Duration) -> Result<i64, StoreError> {
    Ok(link.query_one(&PARK_UNKNOWN, &[&n, &millis(after)]).await?.get("moved"))
}

/// Parks what belongs to a paused kind.
pub(crate) async fn park_paused(link: &Link, n: i32) -> Result<i64, StoreError> {
    Ok(link.query_one(&PARK_PAUSED, &[&n]).await?.get("moved"))
}

/// Looks for rows below marks that are old enough.
pub(crate) async fn look(
    link: &Link,
    queues: &[String],
    levels: &[i16],
    lows: &[i64],
) -> Result<(), StoreError> {
    link.query(&LOOK, &[&queues, &levels, &lows]).await.map(drop)
}

/// Ends waiting jobs whose time to start is over; their ids.
pub(crate) async fn expired(link: &Link, n: i32) -> Result<Vec<i64>, StoreError> {
    Ok(link.query(&EXPIRED, &[&n]).await?.iter().map(|row| row.get(0)).collect())
}

/// Forgets keys and pauses that are over.
pub(crate) async fn expired_keys(link: &Link, n: i32) -> Result<i64, StoreError> {
    Ok(link.query_one(&EXPIRED_KEYS, &[&n]).await?.get("gone"))
}

/// Server settings by which a crash could lose what was committed; none is best.
pub(crate) async fn weak_settings(link: &Link) -> Result<Vec<&'static str>, StoreError> {
    let row = link.query_one(&DURABILITY, &[]).await?;
    let all = ["fsync", "full_page_writes", "synchronous_commit"];
    Ok(all.into_iter().filter(|name| !row.get::<_, bool>(*name)).collect())
}

/// Says that there is something to claim.
pub(crate) async fn wake(link: &Link) -> Result<(), StoreError> {
    link.query(&WAKE, &[]).await.map(drop)
}

/// What the database shows of another worker.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Suspect {
    pub(crate) worker: Uuid,
    /// When this was seen, by the server's clock.
    pub(crate) seen_at: Timestamp,
    pub(crate) has_presence: bool,
    pub(crate) goodbye: bool,
    pub(crate) lease_over_ms: i64,
    pub(crate) beat_at_ms: i64,
    pub(crate) lock_free: bool,
    pub(crate) server_up_ms: i64,
    /// One of its queues ends what runs when contact is lost, and counts on the whole lease for it.
    pub(crate) kills_itself: bool,
}

/// Shows every other worker that is not known to be gone.
pub(crate) async fn suspects(link: &Link, me: Uuid) -> Result<Vec<Suspect>, StoreError> {
    let shown = |row: &Row| Suspect {
        worker: row.get("id"),
        seen_at: row.get("seen_at"),
        has_presence: row.get::<_, Option<i32>>("presence").is_some(),
        goodbye: row.get("goodbye"),
        lease_over_ms: row.get("lease_over_ms"),
        beat_at_ms: row.get("beat_at_ms"),
        lock_free: row.get("lock_free"),
        server_up_ms: row.get("server_up_ms"),
        kills_itself: row.get("kills_itself"),
    };
    Ok(link.query(&SUSPECTS, &[&me]).await?.iter().map(shown).collect())
}

/// Workers without a row that have jobs, and workers that let jobs run past every limit (`no_row`, `deadline`).
pub(crate) async fn strays(
    link: &Link,
    grace: Duration,
) -> Result<Vec<(Uuid, String, Timestamp)>, StoreError> {
    Ok(link
        .query(&STRAYS, &[&millis(grace)])
        .await?
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect())
}

/// A job of a lost worker, locked.
#[derive(Debug, Clone)]
pub(crate) struct Doomed {
    pub(crate) job: i64,
    pub(crate) kind: String,
    pub(crate) queue: String,
    pub(crate) counters: Counters,
    pub(crate) cancelled: bool,
    pub(crate) cancel_reason: Option<String>,
    pub(crate) max_retries: i16,
    pub(crate) limits: (i16, i16),
    pub(crate) policy: Option<String>,
    /// What its worker last saw of it, as JSON.
    pub(crate) sample: Option<String>,
    /// The suspect aboard, if there is one: it may be this job or another.
    pub(crate) suspect: Option<i64>,
}

/// Locks jobs of a lost worker that it claimed before it was seen to be lost, or only those past their deadline.
pub(crate) async fn doomed(
    link: &Link,
    lost: Uuid,
    n: i32,
    only_overdue: bool,
    seen_at: Timestamp,
) -> Result<Vec<Doomed>, StoreError> {
    let shown = |row: &Row| Doomed {
        job: row.get("job_id"),
        kind: row.get("kind"),
        queue: row.get("queue"),
        counters: Counters {
            attempt: row.get("attempt"),
            retry_count: row.get("retry_count"),
            crash_count: row.get("crash_count"),
            lost_count: row.get("lost_count"),
            snooze_count: row.get("snooze_count"),
            interrupt_count: row.get("interrupt_count"),
        },
        cancelled: row.get("cancelled"),
        cancel_reason: row.get("cancel_reason"),
        max_retries: row.get("max_retries"),
        limits: (row.get("crash_limit"), row.get("lost_limit")),
        policy: row.get("policy"),
        sample: row.get("sample"),
        suspect: row.get("suspect"),
    };
    let doomed = link.query(&DOOMED, &[&lost, &n, &only_overdue, &seen_at]).await?;
    Ok(doomed.iter().map(shown).collect())
}

/// Workers of this host that were lost and that nobody has told of, each with the jobs it had aboard.
pub(crate) async fn predecessors(
    link: &Link,
    me: Uuid,
    host: &str,
) -> Result<Vec<(Uuid, i64)>, StoreError> {
    let rows = link.query(&PREDECESSORS, &[&me, &host]).await?;
    Ok(rows.iter().map(|row| (row.get("id"), row.get("jobs"))).collect())
}

/// Marks a worker as lost, with an alert.
pub(crate) async fn lost(
    link: &Link,
    worker: Uuid,
    jobs: i32,
    evidence: &str,
) -> Result<(), StoreError> {
    link.query(&LOST, &[&worker, &jobs, &evidence]).await.map(drop)
}

/// Marks a worker that said goodbye as done with.
pub(crate) async fn gone(link: &Link, worker: Uuid) -> Result<(), StoreError> {
    link.query(&GONE, &[&worker]).await.map(drop)
}

/// Counts the memory of attempts that have ended since the last time, up to `n` that completed and `n` others; how many.
pub(crate) async fn peaks(link: &Link, bounds_kib: &[i32], n: i32) -> Result<i64, StoreError> {
    Ok(link.query_one(&PEAKS, &[&bounds_kib, &n]).await?.get("counted"))
}

/// Deletes what is past its keep, `n` rows of each sort at most.
pub(crate) async fn prune(link: &Link, n: i32) -> Result<i64, StoreError> {
    Ok(link.query_one(&PRUNE, &[&n]).await?.get("gone"))
}

/// Deletes discarded and acknowledged dead letters past their keep.
pub(crate) async fn prune_dead(
    link: &Link,
    n: i32,
    keep: Option<Duration>,
) -> Result<(), StoreError> {
    link.query(&PRUNE_DEAD, &[&n, &keep.map(millis)]).await.map(drop)
}

/// Deletes what has ended and is past the keep of its kind, `n` rows at most; how many there were.
pub(crate) async fn prune_history(
    link: &Link,
    n: i32,
    keep: &Retention,
) -> Result<i64, StoreError> {
    let [completed, cancelled] = [keep.completed, keep.cancelled].map(millis);
    Ok(link.query_one(&PRUNE_HISTORY, &[&n, &completed, &cancelled]).await?.get("gone"))
}

/// Writes what a worker counted in its last minutes: a JSON list of lines.
pub(crate) async fn write_figures(link: &Link, me: Uuid, rows: &str) -> Result<(), StoreError> {
    link.query(&WRITE_FIGURES, &[&me, &rows]).await.map(drop)
}

/// Adds up what all workers counted in minutes that are over, `n` lines at most; how many there were.
pub(crate) async fn fold_figures(link: &Link, n: i32) -> Result<i64, StoreError> {
    Ok(link.query_one(&FOLD_FIGURES, &[&n]).await?.get("folded"))
}

/// Forgets figures past their keep, `n` lines of each sort at most; how many there were.
pub(crate) async fn prune_figures(link: &Link, n: i32, keep: Duration) -> Result<i64, StoreError> {
    Ok(link.query_one(&PRUNE_FIGURES, &[&n, &millis(keep)]).await?.get("gone"))
}

/// Counts what stands where, of `n` queues at most.
pub(crate) async fn count(link: &Link, n: i32) -> Result<(), StoreError> {
    link.query(&COUNT, &[&n]).await.map(drop)
}

/// Makes partitions ahead and drops those past their keep.
pub(crate) async fn partitions(link: &Link, keep: &Retention) -> Result<(), StoreError> {
    let history = keep.completed.max(keep.cancelled);
    let spans = [history, keep.args_and_output, keep.attempts, keep.output_log].map(millis);
    link.query(&PARTITIONS, &[&spans[0], &spans[1], &spans[2], &spans[3]]).await.map(drop)
}

/// A replay whose next step has come.
#[derive(Debug, Clone)]
pub(crate) struct Replay {
    pub(crate) id: i64,
    pub(crate) total: i32,
    pub(crate) first: i32,
    pub(crate) next: i32,
    /// So many per so long; none: all at once.
    pub(crate) rate: Option<(i32, Duration)>,
    pub(crate) stop_at: f32,
    /// Of the last 50: ended, ended badly, not ended.
    pub(crate) settled: i64,
    pub(crate) bad: i64,
    pub(crate) open: i64,
}

/// Locks a replay whose time has come.
pub(crate) async fn replay_due(link: &Link) -> Result<Option<Replay>, StoreError> {
    let shown = |row: &Row| Replay {
        id: row.get("id"),
        total: row.get("total"),
        first: row.get("first"),
        next: row.get("next"),
        rate: row
            .get::<_, Option<i32>>("per_count")
            .zip(row.get::<_, Option<i64>>("per_ms"))
            .map(|(n, ms)| (n, Duration::from_millis(ms.max(1).unsigned_abs()))),
        stop_at: row.get("stop_at"),
        settled: row.get("settled"),
        bad: row.get("bad"),
        open: row.get("open"),
    };
    Ok(link.query(&REPLAY_DUE, &[]).await?.first().map(shown))
}

/// Revives the next `n` jobs of a replay after `from`.
pub(crate) async fn replay_next(link: &Link, id: i64, from: i32, n: i32) -> Result<(), StoreError> {
    link.query(&REPLAY_NEXT, &[&id, &from, &n]).await.map(drop)
}

/// Notes how far a replay has come.
pub(crate) async fn replay_step(
    link: &Link,
    id: i64,
    next: i32,
    again_in: Duration,
    state: &str,
) -> Result<(), StoreError> {
    link.query(&REPLAY_STEP, &[&id, &next, &millis(again_in), &state]).await.map(drop)
}

/// Writes queues and kinds (JSON objects by name) and what holds for the installation; how much of it was new.
pub(crate) async fn sync(
    link: &Link,
    queues: &str,
    kinds: &str,
    args_bytes_max: i32,
    strict_kinds: bool,
    environment: Option<&str>,
) -> Result<i64, StoreError> {
    let row = link
        .query_one(&SYNC, &[&queues, &kinds, &args_bytes_max, &strict_kinds, &environment])
        .await?;
    Ok(row.get("changed"))
}
