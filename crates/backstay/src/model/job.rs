//! A job's fence and the counters that travel with it from place to place.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

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

/// What is known of jobs, by their ids.
pub(crate) type JobMap<T> = HashMap<i64, T, BuildHasherDefault<IdHasher>>;

/// Some jobs, by their ids.
pub(crate) type JobSet = HashSet<i64, BuildHasherDefault<IdHasher>>;

/// Spreads ids by one multiplication. The database counts them up, so nobody can choose them to collide, and each job is
/// looked up a dozen times on its way.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct IdHasher(u64);

/// 2^64 divided by the golden ratio: neighbours end far from each other.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for IdHasher {
    fn write_i64(&mut self, id: i64) {
        self.0 = id.cast_unsigned().wrapping_mul(SPREAD);
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(SPREAD);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
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
