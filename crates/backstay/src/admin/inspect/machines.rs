//! What runs jobs and tells of them: queues, workers, messages about alerts, replays.

use super::{ask, below, page};
use crate::model::status::{
    AuditEntry, AuditFilter, ChannelStatus, KindStatus, MessageStatus, Page, QueueStatus,
    ReplayStatus, RunningJob, ServerStatus, WorkerStatus,
};
use crate::store::StoreError;
use crate::store::database::Database;
use crate::store::inspect as store;

/// Lists queues that are declared, paused, served or have jobs, by name; at most 1,000.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn queues(database: &Database) -> Result<Vec<QueueStatus>, StoreError> {
    store::list_queues(database).await
}

/// Lists kinds that are declared, known to a worker, paused, or have jobs that run or are held, by name; at most 1,000.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn kinds(database: &Database) -> Result<Vec<KindStatus>, StoreError> {
    store::list_kinds(database).await
}

/// Lists workers, the youngest first; with `gone` also those that said goodbye. At most 500.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn workers(database: &Database, gone: bool) -> Result<Vec<WorkerStatus>, StoreError> {
    store::list_workers(database, gone).await
}

/// Lists running jobs, the longest running first, each with what its worker saw of it last; at most 2,000.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn running(database: &Database) -> Result<Vec<RunningJob>, StoreError> {
    store::list_running(database, None).await
}

/// One running job with what its worker saw of it last; none where it does not run.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn running_job(database: &Database, id: i64) -> Result<Option<RunningJob>, StoreError> {
    Ok(store::list_running(database, Some(id)).await?.pop())
}

/// Says how the server does: how old its oldest snapshot is, dead rows, sessions.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn server(database: &Database) -> Result<ServerStatus, StoreError> {
    store::server(database).await
}

/// Lists messages about alerts, newest first.
///
/// # Errors
///
/// BS102 for a cursor of something else, BS5xx from the database.
pub async fn alerts(
    database: &Database,
    cursor: Option<&str>,
    limit: u16,
) -> Result<Page<MessageStatus>, StoreError> {
    let messages = store::list_alerts(database, below(cursor)?, ask(limit)).await?;
    Ok(page(messages, limit, |message| message.id.clone()))
}

/// Lists the alert channels of the worker that tells alerts, by name; at most 200.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn channels(database: &Database) -> Result<Vec<ChannelStatus>, StoreError> {
    store::list_channels(database).await
}

/// Lists what operators and people who signed in did, newest first. A filter looks at the 100,000 entries before the cursor.
///
/// # Errors
///
/// BS102 for a cursor of something else, BS504 for a login that is no `backstay_auditor`, BS5xx from the database.
pub async fn audit(
    database: &Database,
    filter: &AuditFilter,
    cursor: Option<&str>,
    limit: u16,
) -> Result<Page<AuditEntry>, StoreError> {
    let entries = store::list_audit(database, filter, below(cursor)?, ask(limit)).await?;
    Ok(page(entries, limit, |entry| entry.id.clone()))
}

/// Lists replays, newest first.
///
/// # Errors
///
/// BS102 for a cursor of something else, BS5xx from the database.
pub async fn replays(
    database: &Database,
    cursor: Option<&str>,
    limit: u16,
) -> Result<Page<ReplayStatus>, StoreError> {
    let replays = store::list_replays(database, None, below(cursor)?, ask(limit)).await?;
    Ok(page(replays, limit, |replay| replay.id.clone()))
}

/// One replay.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn replay(database: &Database, id: i64) -> Result<Option<ReplayStatus>, StoreError> {
    Ok(store::list_replays(database, Some(id), None, 1).await?.pop())
}
