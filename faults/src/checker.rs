//! Joins the history of a run, the trail and what the database says at its end, and judges whether anything went wrong.
//!
//! | rule | finds |
//! |---|---|
//! | H1 | lost: an enqueue that was `ok`, and a job that the database does not know |
//! | H2 | unexpected: a job that nobody asked for, or that started before it was asked for or without a claim, or was cancelled by nobody |
//! | H3 | duplicated: two jobs for one key |
//! | H4 | lost: a job that has not ended, without a reason |
//! | H5 | unexpected: a start after the job has ended, or a claim after its cancel was accepted |
//! | H6 | stale-accepted: a verdict told `ok` that moved nothing of its own, or one told `stale` that moved something; unexpected: a dead letter that was revived and stays |
//! | H7 | duplicated: a start that no retry, snooze or release explains; explained where a fault lost the attempt before |
//! | H8 | duplicated, lost, unexpected: effects of jobs that complete in their own transaction, other than one a completed job, by the transaction that ended the attempt |
//! | H9 | overlap: two attempts at work at once; explained where the first was frozen or cut off for longer than a lease |
//! | H10 | untold: a dead letter whose incident no receiver accepted, or that has several |
//! | H11 | no finding: how long rescue took, by the fault that made it necessary |

use std::time::Duration;

use serde::Serialize;

use crate::facts::Facts;
use crate::history::{Fault, Line};

mod enqueue;
mod joined;
mod operate;
mod report;
mod rescue;
mod run;
mod settle;
mod takeover;
#[cfg(test)]
mod tests;
mod told;

use joined::Joined;

/// What was wrong, or only remarkable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule, such as `H6`.
    pub rule: &'static str,
    /// As what it counts.
    pub sort: Sort,
    /// The job, where one is known.
    pub job: Option<i64>,
    /// One sentence.
    pub what: String,
}

/// As what a finding counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// Work is gone.
    Lost,
    /// Something is there that may not be.
    Unexpected,
    /// Something is there more than once.
    Duplicated {
        /// Whether a fault explains it, so that it may be.
        explained: bool,
    },
    /// A verdict from the past was taken.
    StaleAccepted,
    /// Two attempts worked at one time.
    Overlap {
        /// Whether a fault explains it, so that it may be.
        explained: bool,
    },
    /// Nobody was told of a death.
    Untold,
}

impl Sort {
    /// Whether it may not be.
    #[must_use]
    pub fn is_wrong(self) -> bool {
        !matches!(self, Sort::Duplicated { explained: true } | Sort::Overlap { explained: true })
    }
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Jobs that producers know or the trail has seen.
    pub jobs: usize,
    /// Harm done.
    pub faults: usize,
    /// Operations of which nobody knows whether they were done.
    pub info: usize,
    /// Whatever was found.
    pub findings: Vec<Finding>,
    /// How long rescue took, by the fault before it.
    pub rescues: Vec<Rescues>,
    /// All that is known of each job about which something is wrong, in order.
    pub histories: Vec<JobHistory>,
}

/// How long it took until jobs of a lost worker could be claimed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rescues {
    /// What was done to their worker.
    pub fault: Fault,
    /// Attempts that were rescued.
    pub count: usize,
    /// Half of them took no longer, in milliseconds.
    pub p50_ms: u64,
    /// 99 of 100 took no longer.
    pub p99_ms: u64,
    /// None took longer.
    pub max_ms: u64,
}

/// The lines and the moves of one job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobHistory {
    /// The job.
    pub job: i64,
    /// JSON lines, those of the history and those of the trail, by time.
    pub lines: Vec<String>,
}

/// Judges a run, in which answers may have been forgotten by a standby that took over. `lease` is how long a worker must be out of touch before its jobs may be given to another.
#[must_use]
pub fn check(history: &[Line], facts: &Facts, lease: Duration) -> Report {
    let heard = &*takeover::forget(history);
    let joined = Joined::new(heard, facts);
    let findings: Vec<Finding> = [
        enqueue::check(&joined),
        run::check(&joined, lease),
        settle::check(&joined),
        operate::check(&joined),
        takeover::repeats(history, &joined),
        told::check(&joined),
    ]
    .concat();
    Report {
        jobs: joined.ids().len(),
        faults: joined.harms.len(),
        info: settle::unknown(heard) + enqueue::unknown(&joined),
        rescues: rescue::times(&joined),
        histories: report::histories(&joined, &findings),
        findings,
    }
}
