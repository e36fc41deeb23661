//! Dead letters: by groups of the same error, and one by one.

use std::time::Instant;

use super::{IDS_MOST, ask, bad_cursor, page, too_far, too_many};
use crate::model::document::JobDocument;
use crate::model::status::{DeadGroup, DeadLetter, JobFilter, Page};
use crate::store::StoreError;
use crate::store::database::Database;
use crate::store::inspect as store;

/// Lists groups, the one that was hit last first. Of the filter, kinds, queues, fingerprint and owner count.
///
/// # Errors
///
/// BS102 for a cursor of something else, BS5xx from the database.
pub async fn dead_groups(
    database: &Database,
    filter: &JobFilter,
    cursor: Option<&str>,
    limit: u16,
) -> Result<Page<DeadGroup>, StoreError> {
    let after = cursor.map(|cursor| split(cursor).ok_or_else(|| bad_cursor(cursor))).transpose()?;
    let groups = store::list_groups(database, filter, after, ask(limit)).await?;
    let groups = page(groups, limit, |(group, us)| format!("{us}:{}", group.fingerprint));
    Ok(Page {
        items: groups.items.into_iter().map(|(group, _)| group).collect(),
        next: groups.next,
    })
}

/// One group; none where none of its letters is left.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn dead_group(
    database: &Database,
    fingerprint: &str,
) -> Result<Option<DeadGroup>, StoreError> {
    let filter = JobFilter { fingerprint: Some(fingerprint.into()), ..JobFilter::default() };
    Ok(store::list_groups(database, &filter, None, 1).await?.pop().map(|(group, _)| group))
}

/// Lists dead letters, the newest death first; with `discarded` those that were put aside instead. A filter by args looks at 2,000
/// letters: the page is what was found among them, perhaps nothing, and its `next` goes on from there.
///
/// # Errors
///
/// BS102 for a cursor of something else, BS5xx from the database.
pub async fn dead_letters(
    database: &Database,
    filter: &JobFilter,
    discarded: bool,
    cursor: Option<&str>,
    limit: u16,
) -> Result<Page<JobDocument>, StoreError> {
    let bad = |cursor| move || bad_cursor(cursor);
    let after = match cursor {
        Some(cursor) => {
            let (us, id) = split(cursor).ok_or_else(bad(cursor))?;
            Some((us, id.parse().map_err(|_| bad_cursor(cursor))?))
        }
        None => None,
    };
    let looked = store::list_letters(database, filter, discarded, after, ask(limit)).await?;
    let letters = page(looked.found, limit, place);
    let ids: Vec<i64> = letters.items.iter().map(|letter| letter.id).collect();
    let next = letters.next.or_else(|| looked.rest.as_ref().map(place));
    Ok(Page { items: store::job_documents(database, &ids).await?, next })
}

/// Where a list goes on behind a letter.
fn place(letter: &store::Letter) -> String {
    format!("{}:{}", letter.died_us, letter.id)
}

/// The ids of all letters that pass, and how many groups they come from; at most [`IDS_MOST`].
///
/// # Errors
///
/// BS109 for more, or where the args of all that there are cannot be looked into in time; BS5xx from the database.
pub async fn dead_letter_ids(
    database: &Database,
    filter: &JobFilter,
    discarded: bool,
) -> Result<(Vec<i64>, usize), StoreError> {
    let most = i32::try_from(IDS_MOST).expect("a million fits") + 1;
    let (mut letters, mut after, begun) = (Vec::new(), None, Instant::now());
    loop {
        let looked = store::list_letters(database, filter, discarded, after, most).await?;
        letters.extend(looked.found);
        after = looked.rest.map(|rest| (rest.died_us, rest.id));
        if after.is_none() {
            break;
        }
        if begun.elapsed() > database.patience() / 2 {
            return Err(too_far());
        }
    }
    if letters.len() > IDS_MOST {
        return Err(too_many());
    }
    let ids = letters.iter().map(|letter| letter.id).collect();
    let mut groups: Vec<String> = letters.into_iter().map(|letter| letter.fingerprint).collect();
    groups.sort_unstable();
    groups.dedup();
    Ok((ids, groups.len()))
}

/// What a dead letter has beyond its job document; none if the job is not dead.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn dead_letter(database: &Database, id: i64) -> Result<Option<DeadLetter>, StoreError> {
    Ok(store::show_letters(database, &[id]).await?.pop())
}

/// The same for many, in the order of the ids; what is no dead letter is left out.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn letters(database: &Database, ids: &[i64]) -> Result<Vec<DeadLetter>, StoreError> {
    store::show_letters(database, ids).await
}

/// Dead letters as they could be enqueued again, in the order of the ids: one JSON text each with `kind`, `args`,
/// `options`, and in `letter` what is known of the death. Secrets are hidden, as everywhere.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn export(database: &Database, ids: &[i64]) -> Result<Vec<String>, StoreError> {
    store::export_letters(database, ids).await
}

/// A microsecond and what tells letters or groups of the same microsecond apart.
fn split(cursor: &str) -> Option<(i64, String)> {
    let (us, rest) = cursor.split_once(':')?;
    Some((us.parse().ok()?, rest.to_owned()))
}
