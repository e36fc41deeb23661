//! Schedules and their ticks: the statements by which they are declared, ticked, retired, and looked at.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio_postgres::Row;
use uuid::Uuid;

use super::StoreError;
use super::database::Database;
use super::inspect::seen;
use super::operate::verb;
use super::statement::{Link, Sql, millis, sql};
use crate::model::cron::{Dropped, Missed, Policy};
use crate::model::status::{Done, ScheduleStatus, TickStatus};

static NEXT_LOOK: Sql = sql!(hot "duty/next_look", []);
static DUE_SCHEDULES: Sql = sql!("duty/due_schedules", [INT4]);
static TICK: Sql =
    sql!("duty/tick", [TEXT, TIMESTAMPTZ_ARRAY, TIMESTAMPTZ, TIMESTAMPTZ, INT8, TEXT, TEXT]);
static RETIRE_SCHEDULES: Sql = sql!("duty/retire_schedules", []);
static SYNC_SCHEDULES: Sql = sql!("duty/sync_schedules", [TEXT, UUID]);
static RUN: Sql = sql!("call/run", [TEXT, TEXT]);
static BACKFILL: Sql = sql!("call/backfill", [TEXT, TEXT, TEXT]);
static LIST_SCHEDULES: Sql = sql!("inspect/list_schedules", [TEXT]);
static LIST_TICKS: Sql = sql!("inspect/list_ticks", [TEXT, TIMESTAMPTZ, INT4]);

/// When somebody must look again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NextLook {
    /// How long until the next schedule is due.
    pub(crate) next_in: Option<Duration>,
    /// One is due already, or a tick waits for the end of an earlier job.
    pub(crate) due: bool,
}

/// Tells when a schedule is due.
pub(crate) async fn next_look(link: &Link) -> Result<NextLook, StoreError> {
    let row = link.query_one(&NEXT_LOOK, &[]).await?;
    let next_in = row.get::<_, Option<i64>>("next_in_ms");
    Ok(NextLook {
        next_in: next_in.map(|ms| Duration::from_millis(ms.max(0).unsigned_abs())),
        due: row.get("due"),
    })
}

/// A schedule whose time has come, locked.
#[derive(Debug, Clone)]
pub(crate) struct Due {
    pub(crate) name: String,
    pub(crate) line: String,
    pub(crate) zone: String,
    pub(crate) policy: Policy,
    pub(crate) counted_to: Timestamp,
    /// The database's clock.
    pub(crate) now: Timestamp,
}

/// Locks schedules whose time has come.
pub(crate) async fn due(link: &Link, n: i32) -> Result<Vec<Due>, StoreError> {
    let shown = |row: &Row| Due {
        name: row.get("name"),
        line: row.get("line"),
        zone: row.get("zone"),
        policy: Policy {
            missed: Missed::of(row.get("missed")),
            within: Duration::from_millis(row.get::<_, i64>("missed_within_ms").unsigned_abs()),
            most: u8::try_from(row.get::<_, i32>("missed_max")).unwrap_or(u8::MAX),
        },
        counted_to: row.get("counted_to"),
        now: row.get("now"),
    };
    Ok(link.query(&DUE_SCHEDULES, &[&n]).await?.iter().map(shown).collect())
}

/// What is to be settled of one schedule.
#[derive(Debug, Clone, Default)]
pub(crate) struct Decided {
    pub(crate) ticks: Vec<Timestamp>,
    pub(crate) counted_to: Option<Timestamp>,
    pub(crate) next: Option<Timestamp>,
    /// When to look again where there is no next.
    pub(crate) again_in: Duration,
    pub(crate) dropped: Option<Dropped>,
    pub(crate) error: Option<String>,
}

/// What became of a tick.
#[derive(Debug, Clone)]
pub(crate) struct Ticked {
    pub(crate) outcome: String,
    pub(crate) job: Option<i64>,
    pub(crate) note: Option<String>,
}

/// Settles what is due of a locked schedule.
pub(crate) async fn tick(
    link: &Link,
    name: &str,
    decided: &Decided,
) -> Result<Vec<Ticked>, StoreError> {
    let dropped = decided.dropped.map(|dropped| {
        let Dropped { count, is_more, first, last } = dropped;
        let [first, last] = [first, last].map(|at| at.to_string());
        json!({ "count": count, "more": is_more, "first": first, "last": last }).to_string()
    });
    let rows = link
        .query(
            &TICK,
            &[
                &name,
                &decided.ticks,
                &decided.counted_to,
                &decided.next,
                &millis(decided.again_in),
                &dropped,
                &decided.error,
            ],
        )
        .await?;
    let shown = |row: &Row| Ticked {
        outcome: row.get("outcome"),
        job: row.get("job_id"),
        note: row.get("note"),
    };
    Ok(rows.iter().map(shown).collect())
}

/// Stops schedules that no live worker declares any more; their names.
pub(crate) async fn retire(link: &Link) -> Result<Vec<String>, StoreError> {
    Ok(link.query(&RETIRE_SCHEDULES, &[]).await?.iter().map(|row| row.get(0)).collect())
}

/// Writes schedules (a JSON object by name): how many were new, and which names the database has of its own.
pub(crate) async fn sync(
    link: &Link,
    schedules: &str,
    worker: Uuid,
) -> Result<(i64, Vec<String>), StoreError> {
    let row = link.query_one(&SYNC_SCHEDULES, &[&schedules, &worker]).await?;
    Ok((row.get("changed"), row.get("theirs")))
}

/// Makes a job of a schedule now.
pub(crate) async fn run(
    database: &Database,
    name: &str,
    options: &str,
) -> Result<Done, StoreError> {
    verb(database, &RUN, &[name, options]).await
}

/// Makes the jobs of ticks that have passed.
pub(crate) async fn backfill(
    database: &Database,
    name: &str,
    ticks: &[Timestamp],
    options: &str,
) -> Result<Done, StoreError> {
    let ticks: Vec<String> = ticks.iter().map(ToString::to_string).collect();
    verb(database, &BACKFILL, &[name, &json!(ticks).to_string(), options]).await
}

/// All schedules by name, or one of them; at most 1,000.
pub(crate) async fn list(
    database: &Database,
    name: Option<&str>,
) -> Result<Vec<ScheduleStatus>, StoreError> {
    seen(database, &LIST_SCHEDULES, &[&name]).await
}

/// The ticks of a schedule before an instant, the newest first.
pub(crate) async fn ticks(
    database: &Database,
    name: &str,
    before: Option<Timestamp>,
    n: i32,
) -> Result<Vec<TickStatus>, StoreError> {
    seen(database, &LIST_TICKS, &[&name, &before, &n]).await
}
