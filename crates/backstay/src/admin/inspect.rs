//! What operators look at: lists by pages, and single jobs with all that is known of them.
//!
//! ```
//! use backstay::inspect::{
//!     self, Admission, AttemptRecord, AuditEntry, AuditFilter, BrakeStatus, ChannelStatus, DeadGroup, DeadLetter, JobFilter, JobTerms, KindStatus, MessageStatus, OutputPart, Page, PauseStatus, PeakStatus, QueueSlots, QueueStatus, ReplayStatus, RunningJob, Series, SeriesName, SeriesPoint, SeriesRange, ServerStatus, SpreadStep, WorkerStatus,
//! };
//! use backstay::testing::TestQueue;
//! use backstay::{Queue, Request, Worker, enqueue, operate};
//! use serde_json::json;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # if backstay::testing::is_skipped() { return Ok(()) }
//! let t = TestQueue::start(Worker::without_state().queue(Queue::new("default")).build()).await?;
//! let database = t.database();
//! println!("a look with psql: {}", t.url());
//! let id = enqueue(t.client(), Request::new("report", json!({ "n": 1 }))).await?.id;
//!
//! let reports = JobFilter { kinds: vec!["report".into()], ..JobFilter::default() };
//! let page: Page<_> = inspect::jobs(database, &reports, None, 50).await?;
//! assert_eq!((page.items.len(), page.next), (1, None));
//! assert_eq!(inspect::job_ids(database, &reports).await?, [id]);
//! assert_eq!(inspect::job(database, id).await?.ok_or("there is one")?.kind, "report");
//! let attempts: Vec<AttemptRecord> = inspect::attempts(database, id).await?;
//! assert!(attempts.is_empty(), "it has not run");
//! let terms: Option<JobTerms> = inspect::terms(database, id).await?;
//! assert!(terms.is_some());
//! let running: Vec<RunningJob> = inspect::running(database).await?;
//! assert!(running.is_empty());
//! assert_eq!(inspect::running_job(database, id).await?, None);
//!
//! let queues: Vec<QueueStatus> = inspect::queues(database).await?;
//! assert!(queues.iter().any(|queue| queue.name == "default"));
//! if let Some(PauseStatus { since, by, .. }) = &queues[0].paused {
//!     println!("{} is paused since {since} by {by}", queues[0].name);
//! }
//! let kinds: Vec<KindStatus> = inspect::kinds(database).await?;
//! assert!(kinds.len() <= 1);
//! let workers: Vec<WorkerStatus> = inspect::workers(database, false).await?;
//! assert_eq!(workers.len(), 1);
//! let ServerStatus { horizon_age_seconds, .. } = inspect::server(database).await?;
//! assert!(horizon_age_seconds < 3600.0, "nothing keeps dead rows for long");
//! let series: Series = inspect::series(database, SeriesName::Runs, SeriesRange::Day, None, Some("report")).await?;
//! assert_eq!((series.points.len(), series.unit, series.lines), (288, "seconds", ["p50", "p95", "p99"].as_slice()));
//! for SeriesPoint { at, values, .. } in &series.points {
//!     println!("{at}: {values:?}");
//! }
//! for SpreadStep { below, count, .. } in &series.spread {
//!     println!("{count} ran for less than {below} s");
//! }
//! let Admission { brakes, slots, .. } = &workers[0].admission;
//! for (queue, QueueSlots { count, .. }) in slots {
//!     println!("{count} jobs of {queue} at once");
//! }
//! for BrakeStatus { what, reason, .. } in brakes {
//!     println!("it claims less because of the {what}: {reason}");
//! }
//!
//! operate::bury(database, &[id], "for the example").await?;
//! let groups: Vec<DeadGroup> = inspect::dead_groups(database, &reports, None, 50).await?.items;
//! assert!(inspect::dead_group(database, &groups[0].fingerprint).await?.is_some());
//! assert_eq!(inspect::dead_letters(database, &reports, false, None, 50).await?.items.len(), 1);
//! assert_eq!(inspect::dead_letter_ids(database, &reports, false).await?.0, [id]);
//! let letter: Option<DeadLetter> = inspect::dead_letter(database, id).await?;
//! assert_eq!(letter.into_iter().collect::<Vec<_>>(), inspect::letters(database, &[id]).await?);
//! assert_eq!(inspect::export(database, &[id]).await?.len(), 1);
//! let told: Vec<MessageStatus> = inspect::alerts(database, None, 50).await?.items;
//! let channels: Vec<ChannelStatus> = inspect::channels(database).await?;
//! assert!(told.len() <= 1, "its death is told within a second or two");
//! let buried = AuditFilter { verb: Some("bury".into()), ..AuditFilter::default() };
//! let done: Vec<AuditEntry> = inspect::audit(database, &buried, None, 50).await?.items;
//! assert_eq!(done[0].reason.as_deref(), Some("for the example"));
//! let replays: Vec<ReplayStatus> = inspect::replays(database, None, 50).await?.items;
//! assert!(replays.is_empty());
//! assert!(inspect::replay(database, 1).await?.is_none());
//! let printed: Vec<OutputPart> = inspect::output(database, id, (0, 0), None).await?;
//! assert!(printed.is_empty(), "it has printed nothing");
//! assert!(!inspect::follow(database, id).await?, "it does not run");
//! # Ok(())
//! # }
//! ```

mod cron;
mod dead;
mod jobs;
mod machines;
mod output;
mod series;
mod why;

pub use crate::model::document::JobDocument;
pub use crate::model::peak::PeakStatus;
pub use crate::model::printed::{PrintedLine, Stream};
pub use crate::model::series::{Series, SeriesName, SeriesPoint, SeriesRange, SpreadStep};
pub use crate::model::sought::{Sought, SoughtError};
pub use crate::model::status::{
    Admission, AttemptRecord, AuditEntry, AuditFilter, Bounded, BrakeStatus, ChannelStatus,
    ComingTick, DeadGroup, DeadLetter, JobFilter, JobTerms, KindStatus, MessageStatus, Page,
    PauseStatus, QueueSlots, QueueStatus, ReplayStatus, RunningJob, ScheduleStatus, ServerStatus,
    TickStatus, WorkerStatus,
};
pub use crate::model::why::{Reason, Why};
pub use cron::{COMING_MOST, schedule, schedules, ticks, ticks_between};
pub use dead::{
    dead_group, dead_groups, dead_letter, dead_letter_ids, dead_letters, export, letters,
};
pub use jobs::{attempts, job, job_ids, jobs, terms};
pub use machines::{
    alerts, audit, channels, kinds, queues, replay, replays, running, running_job, server, workers,
};
pub use output::{OutputPart, PARTS_MOST, follow, output};
pub use series::series;
pub use why::why;

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

/// More args than can be looked into before somebody loses patience.
fn too_far() -> StoreError {
    StoreError::Refused {
        sqlstate: "BS109".into(),
        message: "the args of all these jobs cannot be looked into in time".into(),
        detail: None,
        hint: Some("narrow it by kind, queue, since or before, or name jobs by their ids".into()),
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
