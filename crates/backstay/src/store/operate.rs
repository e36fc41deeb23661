//! The verbs of operators: one function per door, each with the statement of `sql/call/` that runs it.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::StoreError;
use super::database::Database;
use super::inspect;
use super::statement::{Link, Param, Sql, sql};
use crate::call::cancel::Cancelled;
use crate::call::enqueue::Enqueued;
use crate::model::document::JobDocument;
use crate::model::status::{Done, Revealed};

static CANCEL_EACH: Sql = sql!("call/cancel_each", [TEXT, TEXT]);
static PROMOTE_EACH: Sql = sql!("call/promote_each", [TEXT, TEXT]);
static EDIT_EACH: Sql = sql!("call/edit_each", [TEXT, TEXT, TEXT]);
static BURY_EACH: Sql = sql!("call/bury_each", [TEXT, TEXT]);
static REVEAL: Sql = sql!("call/reveal", [TEXT, TEXT]);
static PAUSE: Sql = sql!("call/pause", [TEXT, TEXT, TEXT]);
static RESUME: Sql = sql!("call/resume", [TEXT, TEXT, TEXT]);
static REVIVE: Sql = sql!("call/revive", [TEXT, TEXT]);
static REPLAY: Sql = sql!("call/replay", [TEXT, TEXT]);
static STOP_REPLAY: Sql = sql!("call/stop_replay", [TEXT, TEXT]);
static RESUME_REPLAY: Sql = sql!("call/resume_replay", [TEXT, TEXT]);
static DISCARD: Sql = sql!("call/discard", [TEXT, TEXT]);
static RESTORE: Sql = sql!("call/restore", [TEXT, TEXT]);
static ACKNOWLEDGE: Sql = sql!("call/acknowledge", [TEXT, TEXT]);
static TAIL: Sql = sql!("call/tail", [TEXT]);
static ACKNOWLEDGE_ALERT: Sql = sql!("call/acknowledge_alert", [TEXT, TEXT]);
static OWN: Sql = sql!("call/own", [TEXT, TEXT, TEXT]);
static MUTE: Sql = sql!("call/mute", [TEXT, TEXT]);
static TEST_CHANNEL: Sql = sql!("call/test_channel", [TEXT, TEXT]);
static DRAIN: Sql = sql!("call/drain", [TEXT, TEXT]);
static ENQUEUE_MANY: Sql = sql!("call/enqueue_many", [TEXT, TEXT]);

/// Runs a verb: text in, one JSON document out. Where it is done for somebody, the audit row of its transaction says so.
pub(super) async fn verb<T: DeserializeOwned>(
    database: &Database,
    sql: &'static Sql,
    params: &[&str],
) -> Result<T, StoreError> {
    database
        .call(async |link| {
            let Some(who) = database.behalf() else { return verb_on(link, sql, params).await };
            link.batch(&format!("begin; set local application_name = '{who}'")).await?;
            let done = verb_on(link, sql, params).await?;
            link.batch("commit").await?;
            Ok(done)
        })
        .await
}

async fn verb_on<T: DeserializeOwned>(
    link: &Link,
    sql: &'static Sql,
    params: &[&str],
) -> Result<T, StoreError> {
    let params: Vec<Param<'_>> = params.iter().map(|param| param as Param<'_>).collect();
    let row = link.query_one(sql, &params).await?;
    serde_json::from_str(row.get(0)).map_err(StoreError::garbled)
}

/// Ids as doors take them.
fn list(ids: &[i64]) -> String {
    serde_json::Value::from(ids).to_string()
}

/// Stops jobs; what became of each.
pub(crate) async fn cancel(
    database: &Database,
    ids: &[i64],
    options: &str,
) -> Result<Vec<(i64, Cancelled)>, StoreError> {
    #[derive(Deserialize)]
    struct One {
        id: String,
        answer: Cancelled,
    }
    let each: Vec<One> = verb(database, &CANCEL_EACH, &[&list(ids), options]).await?;
    let id = |one: &One| one.id.parse().map_err(StoreError::garbled);
    each.iter().map(|one| Ok((id(one)?, one.answer))).collect()
}

/// Lets waiting jobs come into line now.
pub(crate) async fn promote(
    database: &Database,
    ids: &[i64],
    options: &str,
) -> Result<Done, StoreError> {
    each(database, &PROMOTE_EACH, &[&list(ids), options]).await
}

/// Changes waiting jobs.
pub(crate) async fn edit(
    database: &Database,
    ids: &[i64],
    changes: &str,
    options: &str,
) -> Result<Done, StoreError> {
    each(database, &EDIT_EACH, &[&list(ids), changes, options]).await
}

/// Makes dead letters of waiting jobs.
pub(crate) async fn bury(
    database: &Database,
    ids: &[i64],
    options: &str,
) -> Result<Done, StoreError> {
    each(database, &BURY_EACH, &[&list(ids), options]).await
}

/// A verb that acts on one job, for each of several; what they came to together.
async fn each(database: &Database, sql: &'static Sql, params: &[&str]) -> Result<Done, StoreError> {
    let each: Vec<Done> = verb(database, sql, params).await?;
    let mut done = Done::default();
    each.into_iter().for_each(|one| done.add(one));
    Ok(done)
}

/// Args and meta of jobs as they are.
pub(crate) async fn reveal(
    database: &Database,
    ids: &[i64],
    options: &str,
) -> Result<Vec<Revealed>, StoreError> {
    verb(database, &REVEAL, &[&list(ids), options]).await
}

/// Starts nothing more of a queue or kind.
pub(crate) async fn pause(
    database: &Database,
    what: &str,
    name: &str,
    options: &str,
) -> Result<Done, StoreError> {
    verb(database, &PAUSE, &[what, name, options]).await
}

/// Ends a pause.
pub(crate) async fn resume(
    database: &Database,
    what: &str,
    name: &str,
    options: &str,
) -> Result<Done, StoreError> {
    verb(database, &RESUME, &[what, name, options]).await
}

/// Brings dead letters back into line.
pub(crate) async fn revive(
    database: &Database,
    ids: &[i64],
    options: &str,
) -> Result<Done, StoreError> {
    verb(database, &REVIVE, &[&list(ids), options]).await
}

/// Begins a replay.
pub(crate) async fn replay(
    database: &Database,
    filter: &str,
    options: &str,
) -> Result<Done, StoreError> {
    verb(database, &REPLAY, &[filter, options]).await
}

/// Stops a replay where it is.
pub(crate) async fn stop_replay(
    database: &Database,
    id: i64,
    options: &str,
) -> Result<Done, StoreError> {
    verb(database, &STOP_REPLAY, &[&id.to_string(), options]).await
}

/// Lets a stopped replay go on.
pub(crate) async fn resume_replay(
    database: &Database,
    id: i64,
    options: &str,
) -> Result<Done, StoreError> {
    verb(database, &RESUME_REPLAY, &[&id.to_string(), options]).await
}

/// Moves dead letters aside.
pub(crate) async fn discard(
    database: &Database,
    ids: &[i64],
    options: &str,
) -> Result<Done, StoreError> {
    verb(database, &DISCARD, &[&list(ids), options]).await
}

/// Takes back a discard.
pub(crate) async fn restore(
    database: &Database,
    ids: &[i64],
    options: &str,
) -> Result<Done, StoreError> {
    verb(database, &RESTORE, &[&list(ids), options]).await
}

/// Marks a group of dead letters as seen.
pub(crate) async fn acknowledge(
    database: &Database,
    fingerprint: &str,
    options: &str,
) -> Result<Done, StoreError> {
    verb(database, &ACKNOWLEDGE, &[fingerprint, options]).await
}

/// Says that somebody looks at what a job prints; false when it has ended.
pub(crate) async fn tail(database: &Database, id: i64) -> Result<bool, StoreError> {
    verb(database, &TAIL, &[&id.to_string()]).await
}

/// Has a test sent through an alert channel; the id of its message.
pub(crate) async fn test_channel(
    database: &Database,
    name: &str,
    options: &str,
) -> Result<i64, StoreError> {
    #[derive(Deserialize)]
    struct Made {
        id: String,
    }
    let made: Made = verb(database, &TEST_CHANNEL, &[name, options]).await?;
    made.id.parse().map_err(StoreError::garbled)
}

/// Takes the incident that a message tells of in hand.
pub(crate) async fn acknowledge_alert(
    database: &Database,
    message: i64,
    options: &str,
) -> Result<Done, StoreError> {
    verb(database, &ACKNOWLEDGE_ALERT, &[&message.to_string(), options]).await
}

/// Says who looks after a group of dead letters, or that nobody does.
pub(crate) async fn own(
    database: &Database,
    fingerprint: &str,
    owner: Option<&str>,
    options: &str,
) -> Result<Done, StoreError> {
    let owner = serde_json::Value::from(owner).to_string();
    verb(database, &OWN, &[fingerprint, &owner, options]).await
}

/// Silences the alerts of a group for a while.
pub(crate) async fn mute(
    database: &Database,
    fingerprint: &str,
    options: &str,
) -> Result<Done, StoreError> {
    verb(database, &MUTE, &[fingerprint, options]).await
}

/// Tells a worker to finish and leave.
pub(crate) async fn drain(
    database: &Database,
    worker: Uuid,
    options: &str,
) -> Result<Done, StoreError> {
    verb(database, &DRAIN, &[&worker.to_string(), options]).await
}

/// Does what `enqueue_many` does, shows what came of it, and takes all of it back.
pub(crate) async fn preview(
    database: &Database,
    jobs: &str,
    options: &str,
) -> Result<Vec<(Enqueued, Option<JobDocument>)>, StoreError> {
    #[derive(Deserialize)]
    struct Made {
        id: String,
        created: bool,
    }
    database
        .call(async |link| {
            link.batch("begin").await?;
            let made: Vec<Made> = verb_on(link, &ENQUEUE_MANY, &[jobs, options]).await?;
            let id = |one: &Made| one.id.parse().map_err(StoreError::garbled);
            let made: Vec<Enqueued> = made
                .iter()
                .map(|one| Ok(Enqueued { id: id(one)?, created: one.created }))
                .collect::<Result<_, StoreError>>()?;
            let ids: Vec<i64> = made.iter().map(|one| one.id).collect();
            let mut shown = inspect::job_documents_on(link, &ids).await?;
            link.batch("rollback").await?;
            let of = |one: &Enqueued, shown: &mut Vec<JobDocument>| {
                let at = shown.iter().position(|job| job.id == one.id)?;
                Some(shown.swap_remove(at))
            };
            Ok(made.into_iter().map(|one| (one, of(&one, &mut shown))).collect())
        })
        .await
}
