//! A claimed job: what the worker holds in its hands for one attempt.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::job::{Counters, Fence};

/// One job, claimed for one attempt.
#[derive(Debug)]
pub struct Claimed {
    /// What a handler may know of its job.
    pub info: Arc<JobInfo>,
    /// The number in line, for the low marks.
    pub seq: i64,
    /// The level it stood in.
    pub priority: i16,
    /// As they stand before this attempt is billed.
    pub counters: Counters,
    /// How many crashes and lost workers the job may cost.
    pub limits: (i16, i16),
    /// What differs from the built-in retry policy, as JSON.
    pub policy: Option<String>,
    /// Of this attempt, where the job has its own.
    pub timeout: Option<Duration>,
    /// Bytes of this attempt, where the job has its own.
    pub memory: Option<u64>,
    /// The time to start had passed before the claim.
    pub expired: bool,
    /// How long it stood in line.
    pub waited: Duration,
}

impl Claimed {
    /// Proves that this attempt holds the job.
    pub fn fence(&self) -> Fence {
        self.info.fence()
    }
}

/// What a handler may know of its job. It travels to children as the line `job` of the protocol.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobInfo {
    /// The job's id; a decimal string outside Rust.
    #[serde(with = "as_text")]
    pub id: i64,
    /// Which try this is, from 1; it only grows.
    pub attempt: i32,
    /// The worker that holds the job.
    pub worker: Uuid,
    /// The sort of work.
    pub kind: String,
    /// The line it stood in.
    pub queue: String,
    /// Failures that were retried so far.
    pub retry_count: i16,
    /// How many failures are retried at most.
    pub max_retries: i16,
    /// Whose job it is, where that was said.
    pub group: Option<String>,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// For people and tools: a JSON object.
    pub meta: Option<Box<RawValue>>,
    /// The W3C trace of the attempt, or of who enqueued the job where nobody traces attempts: `traceparent`, with its
    /// `tracestate` behind a blank where there is one.
    pub trace: Option<String>,
    /// The nominal instant of a scheduled job.
    pub cron_tick: Option<String>,
    /// When the application asked for it (RFC 3339, UTC).
    pub enqueued_at: String,
    /// How long this attempt may take, in milliseconds.
    pub timeout_ms: u64,
    /// What an earlier attempt left behind.
    pub checkpoint: Option<Box<RawValue>>,
    /// The JSON object that was enqueued, untouched.
    pub args: Box<RawValue>,
}

impl JobInfo {
    /// Proves that this attempt holds the job.
    pub fn fence(&self) -> Fence {
        Fence { job: self.id, attempt: self.attempt, worker: self.worker }
    }

    /// The trace as programs and servers expect it: `traceparent`, and beside it `tracestate`.
    pub(crate) fn trace_parts(&self) -> Option<(&str, Option<&str>)> {
        let trace = self.trace.as_deref()?;
        Some(match trace.split_once(' ') {
            Some((parent, state)) => (parent, Some(state)),
            None => (trace, None),
        })
    }
}

mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(id: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| de::Error::custom(format!("`{text}` is no job id")))
    }
}
