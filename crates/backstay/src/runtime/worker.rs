//! The worker: what its parts say to each other, and where each of them stands.

pub(crate) mod backends;
pub(crate) mod budget;
pub(crate) mod build;
pub(crate) mod bulkhead;
pub(crate) mod children;
pub(crate) mod claim;
pub(crate) mod control;
pub(crate) mod lines;
pub(crate) mod memory;
pub(crate) mod pools;
pub(crate) mod pressure;
pub(crate) mod program;
pub(crate) mod queue;
pub(crate) mod requests;
pub(crate) mod room;
pub(crate) mod run;
pub(crate) mod runner;
pub(crate) mod running;
pub(crate) mod samples;
pub(crate) mod schedule;
pub(crate) mod served;
pub(crate) mod start;
pub(crate) mod sync;
pub(crate) mod tail;
pub(crate) mod way;
pub(crate) mod ways;

use std::time::Duration;

use tokio::sync::oneshot;

use crate::model::config::QueueSettings;

pub(crate) use self::lines::Finished;
pub(crate) use self::runner::Runner;
pub use self::running::Running;
pub use self::start::StartError;

/// Verdicts on their way from attempts to the claim loop: more than all slots of one worker.
const FINISHED: usize = 4096;

/// What the claim loop is told from outside.
#[derive(Debug)]
pub(crate) enum Signal {
    /// There may be something to claim.
    Wake,
    /// The database is there again.
    Restored,
    /// The lease was over before the last beat: others may have taken what runs here.
    Lost,
    /// Somebody wants this attempt to end, and may give it less time than its queue does.
    Cancel { job: i64, attempt: i32, reason: Option<String>, grace: Option<Duration> },
    /// Stop claiming, finish, end.
    Drain,
    /// Stop, and where that was said before, without more waiting.
    Hurry,
    /// Kill what runs, and end.
    Quit,
    /// Write the running jobs to the log.
    Tell,
    /// The program of a pool broke, was mended, or runs other kinds now.
    Pool(pools::PoolNews),
    /// What the host says of its memory.
    Memory(backstay_isolate::MemoryNow),
    /// Why children cannot be held any more as they were; none: they can again.
    Level(Option<String>),
    /// Go on with what of these can change while jobs run.
    Reload(Vec<QueueSettings>),
    /// Claim no more than this from now on; `heard` is answered when no claim of before is under way.
    Allow { allowance: Allowance, heard: oneshot::Sender<()> },
}

/// What a worker may claim; only the testing kit holds one back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Allowance {
    /// As many jobs as there are slots for.
    All,
    /// One job of this queue.
    #[allow(dead_code, reason = "only the testing kit steps a worker")]
    One { queue: String },
    /// No job.
    Nothing,
}

pub(crate) fn release() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
