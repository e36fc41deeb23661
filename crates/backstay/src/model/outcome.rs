//! What an attempt came to: one word from a closed list, whatever the evidence was.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::nearest::nearest;

/// The one word for how an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// The handler has done its work.
    Completed,
    /// The handler reported an error.
    Failed,
    /// The handler said that trying again is pointless.
    Rejected,
    /// The handler asked to be started later; nothing went wrong.
    Snoozed,
    /// Somebody, or the handler, wanted the job stopped for good.
    Cancelled,
    /// A deploy or a stop of the worker took the job out of its hands.
    Interrupted,
    /// The host needed room; not the job's fault.
    Evicted,
    /// The program with the handler never became ready.
    BootFailed,
    /// The attempt no longer held the job when it ended.
    Stale,
    /// It ran longer than its timeout.
    TimedOut,
    /// It showed no sign of life for too long.
    Stalled,
    /// It passed its memory limit and was stopped for it.
    MemoryLimit,
    /// The kernel killed it for memory, within its own limit group.
    OomKilled,
    /// It died in the way that programs die when memory runs out.
    ProbableOom,
    /// It used up its CPU time.
    CpuLimit,
    /// It started too many processes.
    ProcessLimit,
    /// It wrote more to disk than it may.
    DiskLimit,
    /// It wrote more output than it may.
    OutputLimit,
    /// The program broke the protocol, or ended without a result.
    ProtocolError,
    /// The program ended with an exit code that is not success.
    Exited,
    /// The program crashed.
    Crashed,
    /// Somebody else killed the program.
    Killed,
    /// Its worker was lost.
    Lost,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 23] = [
        Self::Completed,
        Self::Failed,
        Self::Rejected,
        Self::Snoozed,
        Self::Cancelled,
        Self::Interrupted,
        Self::Evicted,
        Self::BootFailed,
        Self::Stale,
        Self::TimedOut,
        Self::Stalled,
        Self::MemoryLimit,
        Self::OomKilled,
        Self::ProbableOom,
        Self::CpuLimit,
        Self::ProcessLimit,
        Self::DiskLimit,
        Self::OutputLimit,
        Self::ProtocolError,
        Self::Exited,
        Self::Crashed,
        Self::Killed,
        Self::Lost,
    ];

    /// Gives the word that every door uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Snoozed => "snoozed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
            Self::Evicted => "evicted",
            Self::BootFailed => "boot_failed",
            Self::Stale => "stale",
            Self::TimedOut => "timed_out",
            Self::Stalled => "stalled",
            Self::MemoryLimit => "memory_limit",
            Self::OomKilled => "oom_killed",
            Self::ProbableOom => "probable_oom",
            Self::CpuLimit => "cpu_limit",
            Self::ProcessLimit => "process_limit",
            Self::DiskLimit => "disk_limit",
            Self::OutputLimit => "output_limit",
            Self::ProtocolError => "protocol_error",
            Self::Exited => "exited",
            Self::Crashed => "crashed",
            Self::Killed => "killed",
            Self::Lost => "lost",
        }
    }

    /// Tells whether the attempt ran out of memory, by any of the three kinds of evidence.
    #[must_use]
    pub fn is_out_of_memory(self) -> bool {
        matches!(self, Self::MemoryLimit | Self::OomKilled | Self::ProbableOom)
    }

    /// Tells whether an `on` rule may speak of this outcome: those that count against the job.
    #[must_use]
    pub fn is_billed(self) -> bool {
        !matches!(
            self,
            Self::Completed
                | Self::Snoozed
                | Self::Cancelled
                | Self::Interrupted
                | Self::Evicted
                | Self::BootFailed
                | Self::Stale
                | Self::Rejected
        )
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no outcome; did you mean `{meant}`?")]
pub struct UnknownOutcome {
    word: String,
    meant: &'static str,
}

impl FromStr for Outcome {
    type Err = UnknownOutcome;

    fn from_str(word: &str) -> Result<Self, UnknownOutcome> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word).ok_or_else(|| {
            UnknownOutcome {
                word: word.chars().take(64).collect(),
                meant: nearest(word, Self::ALL.map(Self::as_str)).unwrap_or("failed"),
            }
        })
    }
}

/// An attempt that has ended, with all that the judge looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempted {
    /// The word for its end.
    pub outcome: Outcome,
    /// The wait that the handler asked for, with a retry or a snooze.
    pub asked: Option<Duration>,
    /// The shortest wait before the next attempt, whatever else decides it: a server asked for patience.
    pub not_before: Option<Duration>,
    /// The class of the error, such as `smtp.550` or `KeyError`.
    pub error_class: Option<String>,
    /// The exit code of the program, where there was one.
    pub exit_code: Option<i32>,
    /// How much memory it was allowed, where that was limited.
    pub allowed: Option<Allowed>,
}

/// The memory that an attempt was allowed, and how much more its job may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// Bytes of this attempt.
    pub bytes: u64,
    /// The most that a job may have where the next attempt runs, as far as the worker knows it.
    pub most: Option<u64>,
}

impl Attempted {
    /// Makes an ended attempt of which only the word is known.
    #[must_use]
    pub fn of(outcome: Outcome) -> Self {
        Self {
            outcome,
            asked: None,
            not_before: None,
            error_class: None,
            exit_code: None,
            allowed: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_as_its_outcome_also_in_json() {
        for outcome in Outcome::ALL {
            assert_eq!(outcome.as_str().parse(), Ok(outcome));
            assert_eq!(serde_json::to_string(&outcome).unwrap(), format!("\"{outcome}\""));
        }
        assert!("Failed".parse::<Outcome>().is_err());
    }
}
