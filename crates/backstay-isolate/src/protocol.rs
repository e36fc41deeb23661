//! The messages of child protocol v1, both directions, and what counts as a broken rule.

#[cfg(test)]
mod garbage;
pub(crate) mod read;
pub(crate) mod write;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// The protocol that this version speaks.
pub(crate) const PROTOCOL: u32 = 1;

/// The handler's own last word about an attempt.
#[derive(Clone, Debug)]
pub enum LastWord {
    /// The work is done.
    Done {
        /// Any JSON value.
        output: Option<Box<RawValue>>,
        /// The handler has completed the job in its own transaction.
        completed_in_tx: bool,
    },
    /// It is not.
    Fail {
        /// What went wrong, for people.
        message: String,
        /// The error's class, for rules.
        class: Option<String>,
        /// Where it went wrong.
        trace: Option<String>,
        /// What makes two errors the same, if the handler knows better.
        fingerprint: Option<String>,
        /// What the handler asks for.
        then: Then,
        /// For [`Then::RetryIn`] and [`Then::Snooze`].
        after: Option<Duration>,
    },
}

/// What a `fail` asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// Try again by the job's policy.
    #[default]
    Retry,
    /// Try again after a time of the handler's choice.
    RetryIn,
    /// Call again later; not a failure.
    Snooze,
    /// Never again.
    Dead,
    /// The job is not wanted any more.
    Cancel,
    /// Stopped on request, at a point from which it can go on.
    Interrupted,
}

/// Which rule of the protocol a child broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A line that is not a JSON object with a `type`, or whose fields have the wrong types.
    BadLine,
    /// A line over 8 MiB.
    LineTooLong,
    /// No `ready`, or one for another version.
    UnsupportedProtocol,
    /// About a job that is not in hand, or a second last word.
    UnexpectedMessage,
    /// Exit 0 without a last word.
    NoResult,
    /// The child asks and does not read the answers.
    AnswersUnread,
}

impl Fault {
    /// Gives the stable code of the broken rule.
    pub fn code(self) -> &'static str {
        match self {
            Fault::BadLine => "BS701",
            Fault::LineTooLong => "BS702",
            Fault::UnsupportedProtocol => "BS703",
            Fault::UnexpectedMessage | Fault::AnswersUnread => "BS704",
            Fault::NoResult => "BS705",
        }
    }
}

/// A message to the child, as the child reads it.
#[derive(Debug)]
pub enum ToChild {
    /// The first line.
    Hello {
        /// Versions that the supervisor speaks, best first.
        protocols: Vec<u32>,
        /// The whole object.
        raw: Box<RawValue>,
    },
    /// A job to run.
    Job {
        /// Its id.
        id: String,
        /// Its attempt.
        attempt: i32,
        /// The whole object, with `scratch`.
        raw: Box<RawValue>,
    },
    /// Stop the job in hand.
    Cancel {
        /// Its id.
        id: String,
        /// Its attempt.
        attempt: i32,
        /// `cancelled`, `timed_out`, `stalled`, `stale` or `shutdown`.
        reason: String,
        /// Time until the kill.
        grace: Duration,
    },
    /// Finish, then exit with 0; no further job comes.
    Drain {
        /// Time until the kill.
        deadline: Duration,
    },
    /// The answer to a checkpoint or an enqueue.
    Answer {
        /// The reference that was given.
        reference: Value,
        /// Accepted.
        ok: bool,
        /// The error's code.
        code: Option<String>,
        /// The error's text.
        message: Option<String>,
    },
}

/// A message from the child, as the child writes it.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromChild {
    /// Booted; answers `hello`.
    Ready {
        /// The chosen version.
        protocol: u32,
        /// The kinds that it runs.
        kinds: Vec<String>,
        /// A name for people.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// How far it is.
    Progress {
        /// The job.
        id: String,
        /// The attempt.
        attempt: i32,
        /// 0 to 100.
        #[serde(skip_serializing_if = "Option::is_none")]
        percent: Option<f32>,
        /// A short text.
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// It lives.
    Alive {
        /// The job.
        id: String,
        /// The attempt.
        attempt: i32,
    },
    /// A line for the job's output.
    Log {
        /// The job.
        id: String,
        /// The attempt.
        attempt: i32,
        /// `error`, `warn`, `info`, `debug` or `trace`.
        level: String,
        /// The text.
        message: String,
        /// Structured fields.
        #[serde(skip_serializing_if = "Option::is_none")]
        fields: Option<Box<RawValue>>,
    },
    /// A value to store.
    Checkpoint {
        /// The job.
        id: String,
        /// The attempt.
        attempt: i32,
        /// The value.
        value: Box<RawValue>,
        /// Makes the supervisor answer.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<Value>,
    },
    /// Jobs to enqueue when this one completes.
    Enqueue {
        /// The job.
        id: String,
        /// The attempt.
        attempt: i32,
        /// A list of `{kind, args, options}`.
        jobs: Box<RawValue>,
        /// Makes the supervisor answer.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<Value>,
    },
    /// The last word: done.
    Done {
        /// The job.
        id: String,
        /// The attempt.
        attempt: i32,
        /// Any JSON value.
        #[serde(skip_serializing_if = "Option::is_none")]
        output: Option<Box<RawValue>>,
        /// The handler has completed the job in its own transaction.
        completed_in_tx: bool,
    },
    /// The last word: not done.
    Fail {
        /// The job.
        id: String,
        /// The attempt.
        attempt: i32,
        /// What went wrong.
        message: String,
        /// The error's class.
        #[serde(skip_serializing_if = "Option::is_none")]
        class: Option<String>,
        /// Where it went wrong.
        #[serde(skip_serializing_if = "Option::is_none")]
        trace: Option<String>,
        /// What makes two errors the same.
        #[serde(skip_serializing_if = "Option::is_none")]
        fingerprint: Option<String>,
        /// What the handler asks for.
        then: Then,
        /// For `retry_in` and `snooze`, in milliseconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        after_ms: Option<u64>,
    },
}
