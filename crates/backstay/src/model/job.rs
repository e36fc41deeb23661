//! A job's fence and the counters that travel with it from place to place.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Proves that an attempt still holds its job; each change to a running job names it.
///
/// A fence that matches no row is *stale*: somebody else holds the job by now, or nobody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fence {
    /// The id of the job.
    pub job: i64,
    /// The number of the attempt, from 1; it only grows and is never given back.
    pub attempt: i32,
    /// The worker's id, fresh for every process start.
    pub worker: Uuid,
}

/// What has happened to a job so far; the same columns in every place where a job can stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// The number of the newest attempt, 0 before the first.
    pub attempt: i32,
    /// Failures that were retried; at most `max_retries` at every commit.
    pub retry_count: i16,
    /// Attempts that ended by a crash of their process.
    pub crash_count: i16,
    /// Attempts that ended by the loss of their worker.
    pub lost_count: i16,
    /// How often the handler asked for a later start.
    pub snooze_count: i16,
    /// How often a deploy or a stop took the job out of a worker's hands.
    pub interrupt_count: i16,
}

/// From this many lost workers on a job is suspected of having killed them.
const SUSPECT_FROM: i16 = 2;

impl Counters {
    /// Tells whether the job has been aboard so many lost workers that it runs apart from now on.
    #[must_use]
    pub fn is_suspect(&self) -> bool {
        self.lost_count >= SUSPECT_FROM
    }
}
