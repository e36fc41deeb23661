//! Jobs in every state: the live, the dead and the ended in one order, the newest first.

use super::{IDS_MOST, ask, below, page, too_far, too_many};
use crate::model::document::JobDocument;
use crate::model::state::State;
use crate::model::status::{AttemptRecord, JobFilter, JobTerms, Page};
use crate::store::StoreError;
use crate::store::database::Database;
use crate::store::inspect::{self as store, Found, Reach};

/// Lists jobs, newest first; `limit` at most 1,000. A filter that few jobs pass is not looked up to the end: after some 40 ms the page is
/// what was found so far, perhaps nothing, and its `next` goes on from there. Only a page without `next` is the last.
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
    let found = find(database, filter, below(cursor)?, ask(limit), Reach::Page).await?;
    let ids = page(found.ids, limit, ToString::to_string);
    let items = store::job_documents(database, &ids.items).await?;
    Ok(Page { items, next: ids.next.or_else(|| found.rest.map(|rest| rest.to_string())) })
}

/// The ids of all jobs that pass, newest first; at most [`IDS_MOST`].
///
/// # Errors
///
/// BS109 for more, or where the args of all that there are cannot be looked into in time; BS5xx from the database.
pub async fn job_ids(database: &Database, filter: &JobFilter) -> Result<Vec<i64>, StoreError> {
    let most = i32::try_from(IDS_MOST).expect("a million fits") + 1;
    let Found { ids, rest } = find(database, filter, None, most, Reach::All).await?;
    if ids.len() > IDS_MOST {
        return Err(too_many());
    }
    // What acts on all that pass must have looked at all there are.
    if rest.is_some() { Err(too_far()) } else { Ok(ids) }
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
    reach: Reach,
) -> Result<Found, StoreError> {
    let states = if filter.states.is_empty() { &State::ALL[..] } else { &filter.states };
    let mut found = store::list_jobs(database, states, filter, before, n, reach).await?;
    found.ids.sort_unstable_by(|a, b| b.cmp(a));
    found.ids.dedup();
    found.ids.truncate(usize::try_from(n).unwrap_or(0));
    Ok(found)
}
