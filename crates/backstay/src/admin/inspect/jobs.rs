//! Jobs in every state: the live, the dead and the ended in one order, the newest first.

use super::{IDS_MOST, ask, below, page, too_many};
use crate::model::document::JobDocument;
use crate::model::state::State;
use crate::model::status::{AttemptRecord, JobFilter, JobTerms, Page};
use crate::store::StoreError;
use crate::store::database::Database;
use crate::store::inspect as store;

/// Lists jobs, newest first; `limit` at most 1,000.
///
/// # Errors
///
/// BS102 for a cursor of something else, BS5xx from the database.
pub async fn jobs(
    database: &Database,
    filter: &JobFilter,
    cursor: Option<&str>,
    limit: u16,
) -> Result<Page<JobDocument>, StoreError> {
    let ids = find(database, filter, below(cursor)?, ask(limit)).await?;
    let ids = page(ids, limit, ToString::to_string);
    let items = store::job_documents(database, &ids.items).await?;
    Ok(Page { items, next: ids.next })
}

/// The ids of all jobs that pass, newest first; at most [`IDS_MOST`].
///
/// # Errors
///
/// BS109 for more, BS5xx from the database.
pub async fn job_ids(database: &Database, filter: &JobFilter) -> Result<Vec<i64>, StoreError> {
    let most = i32::try_from(IDS_MOST).expect("a million fits") + 1;
    let ids = find(database, filter, None, most).await?;
    if ids.len() > IDS_MOST { Err(too_many()) } else { Ok(ids) }
}

/// One job in whatever state, with its args as people may see them.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn job(database: &Database, id: i64) -> Result<Option<JobDocument>, StoreError> {
    store::show_job(database, id).await
}

/// The attempts of a job that have ended, in their order; at most the last 200.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn attempts(database: &Database, id: i64) -> Result<Vec<AttemptRecord>, StoreError> {
    store::list_attempts(database, id).await
}

/// What a job carries, beside what its kind gives now; none where the job is not known.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn terms(database: &Database, id: i64) -> Result<Option<JobTerms>, StoreError> {
    store::show_origin(database, id).await
}

/// Each place gives its newest; together they are sorted anew.
async fn find(
    database: &Database,
    filter: &JobFilter,
    before: Option<i64>,
    n: i32,
) -> Result<Vec<i64>, StoreError> {
    let states = if filter.states.is_empty() { &State::ALL[..] } else { &filter.states };
    let mut ids = store::list_jobs(database, states, filter, before, n).await?;
    ids.sort_unstable_by(|a, b| b.cmp(a));
    ids.dedup();
    ids.truncate(usize::try_from(n).unwrap_or(0));
    Ok(ids)
}
