//! The closed list of reasons for which a job is dead.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::outcome::Outcome;

/// Why a job is a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The retries are used up; the last attempt failed.
    Failed,
    /// The retries are used up; the last program ended with an exit code other than success.
    Exited,
    /// The retries are used up; the last attempt ran longer than its timeout.
    TimedOut,
    /// The retries are used up; the last attempt showed no sign of life.
    Stalled,
    /// The retries are used up; the last attempt used up its CPU time.
    CpuLimit,
    /// The retries are used up; the last attempt started too many processes.
    ProcessLimit,
    /// The retries are used up; the last attempt wrote too much to disk.
    DiskLimit,
    /// The retries are used up; the last attempt wrote too much output.
    OutputLimit,
    /// The retries are used up; the last program broke the protocol.
    ProtocolError,
    /// The handler said that trying again is pointless.
    Rejected,
    /// It needs more memory than it can get.
    OutOfMemory,
    /// It crashed its process too often.
    Crashed,
    /// Too many workers were lost while it ran.
    CrashedWorker,
    /// It snoozed too often, and then used up its retries.
    SnoozeLimit,
    /// It could not start in time, and its expiry says that this is a death.
    Expired,
    /// It had started once, and it must not start twice.
    NotRestartable,
    /// Its args cannot be decrypted.
    Undecryptable,
    /// Its row could not be handled; the error says why.
    Internal,
    /// An operator buried it.
    Buried,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 19] = [
        Self::Failed,
        Self::Exited,
        Self::TimedOut,
        Self::Stalled,
        Self::CpuLimit,
        Self::ProcessLimit,
        Self::DiskLimit,
        Self::OutputLimit,
        Self::ProtocolError,
        Self::Rejected,
        Self::OutOfMemory,
        Self::Crashed,
        Self::CrashedWorker,
        Self::SnoozeLimit,
        Self::Expired,
        Self::NotRestartable,
        Self::Undecryptable,
        Self::Internal,
        Self::Buried,
    ];

    /// Gives the word that every door uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Exited => "exited",
            Self::TimedOut => "timed_out",
            Self::Stalled => "stalled",
            Self::CpuLimit => "cpu_limit",
            Self::ProcessLimit => "process_limit",
            Self::DiskLimit => "disk_limit",
            Self::OutputLimit => "output_limit",
            Self::ProtocolError => "protocol_error",
            Self::Rejected => "rejected",
            Self::OutOfMemory => "out_of_memory",
            Self::Crashed => "crashed",
            Self::CrashedWorker => "crashed_worker",
            Self::SnoozeLimit => "snooze_limit",
            Self::Expired => "expired",
            Self::NotRestartable => "not_restartable",
            Self::Undecryptable => "undecryptable",
            Self::Internal => "internal",
            Self::Buried => "buried",
        }
    }

    /// Gives the reason of a death that follows straight from this outcome.
    ///
    /// Outcomes from which nobody dies give `internal`, so that a mistake of ours is seen.
    #[must_use]
    pub fn of_outcome(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Failed => Self::Failed,
            Outcome::Exited => Self::Exited,
            Outcome::TimedOut => Self::TimedOut,
            Outcome::Stalled => Self::Stalled,
            Outcome::CpuLimit => Self::CpuLimit,
            Outcome::ProcessLimit => Self::ProcessLimit,
            Outcome::DiskLimit => Self::DiskLimit,
            Outcome::OutputLimit => Self::OutputLimit,
            Outcome::ProtocolError => Self::ProtocolError,
            Outcome::Rejected => Self::Rejected,
            Outcome::MemoryLimit | Outcome::OomKilled | Outcome::ProbableOom => Self::OutOfMemory,
            Outcome::Crashed | Outcome::Killed => Self::Crashed,
            Outcome::Lost => Self::CrashedWorker,
            Outcome::Snoozed => Self::SnoozeLimit,
            Outcome::Completed
            | Outcome::Cancelled
            | Outcome::Interrupted
            | Outcome::Evicted
            | Outcome::BootFailed
            | Outcome::Stale => Self::Internal,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no reason for a death")]
pub struct UnknownReason(String);

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(word: &str) -> Result<Self, UnknownReason> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.as_str() == word)
            .ok_or_else(|| UnknownReason(word.chars().take(64).collect()))
    }
}
