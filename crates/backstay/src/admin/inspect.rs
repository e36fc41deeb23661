//! What operators look at: lists by pages, and single jobs with all that is known of them.

mod dead;
mod jobs;
mod machines;
mod output;

pub use crate::model::document::JobDocument;
pub use crate::model::printed::{PrintedLine, Stream};
pub use crate::model::status::{
    AttemptRecord, Bounded, DeadGroup, DeadLetter, JobFilter, JobTerms, KindStatus, MessageStatus,
    Page, PauseStatus, QueueStatus, ReplayStatus, RunningJob, WorkerStatus,
};
pub use dead::{dead_group, dead_groups, dead_letter, dead_letter_ids, dead_letters, export};
pub use jobs::{attempts, job, job_ids, jobs, terms};
pub use machines::{alerts, kinds, queues, replay, replays, running, workers};
pub use output::{OutputPart, PARTS_MOST, follow, output};

use crate::store::StoreError;

/// Ids that a mass verb takes at most.
pub const IDS_MOST: usize = 1_000_000;

/// Cuts the one item too many that says whether there is another page, and names where that begins.
fn page<T>(mut items: Vec<T>, limit: u16, place: impl Fn(&T) -> String) -> Page<T> {
    let more = items.len() > usize::from(limit);
    items.truncate(usize::from(limit));
    let next = if more { items.last().map(place) } else { None };
    Page { items, next }
}

/// One more than a page holds.
fn ask(limit: u16) -> i32 {
    i32::from(limit) + 1
}

/// An id as a cursor.
fn below(cursor: Option<&str>) -> Result<Option<i64>, StoreError> {
    cursor.map(|cursor| cursor.parse().map_err(|_| bad_cursor(cursor))).transpose()
}

fn bad_cursor(cursor: &str) -> StoreError {
    StoreError::Refused {
        sqlstate: "BS102".into(),
        message: format!("`{cursor}` is no cursor of this list"),
        detail: None,
        hint: Some("take the `next` of the page before, with the same filter".into()),
    }
}

/// More ids than a mass verb takes.
fn too_many() -> StoreError {
    StoreError::Refused {
        sqlstate: "BS109".into(),
        message: format!("more than {IDS_MOST} jobs pass this filter"),
        detail: None,
        hint: Some("narrow it, for instance with --since or --before".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_names_its_last_item_only_if_another_follows() {
        let of = |n: i64| page((0..n).collect(), 3, ToString::to_string);
        assert_eq!((of(3).items, of(3).next), (vec![0, 1, 2], None));
        assert_eq!((of(4).items, of(4).next), (vec![0, 1, 2], Some("2".into())));
    }
}
