//! What becomes of children, for whoever wants to hear of it.

use std::fmt;
use std::time::Duration;

/// What became of a child.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ChildNews {
    /// Its process runs.
    Started {
        /// Which.
        pid: u32,
    },
    /// It can take jobs.
    Ready {
        /// Which.
        pid: u32,
        /// Since it was started.
        took: Duration,
    },
    /// It takes no further job, and another one stands in for it where one is needed.
    Recycled {
        /// Which.
        pid: u32,
        /// Why.
        cause: Wear,
    },
    /// It was killed with a job in hand.
    Killed {
        /// Which.
        pid: u32,
        /// The job's id.
        job: String,
        /// Why, in the words of outcomes.
        reason: &'static str,
    },
    /// It broke a rule of the protocol.
    BrokeRule {
        /// Which.
        pid: u32,
        /// The stable code of the rule.
        code: &'static str,
        /// What it did.
        detail: String,
    },
    /// It printed between two jobs, which is in nobody's output.
    StrayOutput {
        /// Which.
        pid: u32,
        /// How much.
        bytes: u64,
    },
    /// Its last job was done when it crashed.
    DirtyExit {
        /// Which.
        pid: u32,
        /// The job's id.
        job: String,
        /// How it ended.
        how: String,
    },
    /// It has ended.
    Ended {
        /// Which; 0 if it never ran.
        pid: u32,
        /// How.
        how: String,
    },
}

/// Why a warm child is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wear {
    /// It has run as many jobs as it may.
    Jobs,
    /// It is as old as it may become.
    Age,
    /// It holds too much memory while it does nothing.
    Memory,
    /// A process that a job has started is still there.
    Descendants,
    /// It holds many more files open than after its first job.
    Descriptors,
    /// Its job did not come to its own end.
    Ending,
    /// A job for another program needs its place.
    Place,
}

impl Wear {
    /// Gives a sentence for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Wear::Jobs => "it has run as many jobs as it may",
            Wear::Age => "it is as old as it may become",
            Wear::Memory => "it holds too much memory while it does nothing",
            Wear::Descendants => "a job left a process behind",
            Wear::Descriptors => "it holds many more files open than after its first job",
            Wear::Ending => "its job did not come to its own end",
            Wear::Place => "a job for another program needs its place",
        }
    }
}

impl fmt::Display for Wear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
