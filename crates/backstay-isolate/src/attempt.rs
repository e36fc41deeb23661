//! One attempt in a child's hands: what is known about it so far, and how that becomes its report.

use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::ending::{Ending, Evidence, Exit, GroupOom, Memory, StopReason, ending, shell_signal};
use crate::limits::Limits;
use crate::output::OutputRing;
use crate::protocol::{Fault, LastWord};
use crate::run::{Instruction, Order, PeakSource, Report, RunEvent};
use crate::usage::Gauge;
use crate::watch::Facts;

/// Keeps times of the ladder within what a clock can count; settings allow 5 min.
const MAX_GRACE: Duration = Duration::from_secs(24 * 3600);

/// Events that may wait for the caller; then descriptor 3 is not read any more.
pub(crate) const EVENTS: usize = 16;

/// An event larger than this waits until the caller has taken all others, so that few large values
/// are in memory at once.
const LARGE_EVENT_BYTES: usize = 64 * 1024;

/// An order with the lines to its caller and its place among the pool's attempts.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) order: Order,
    pub(crate) events: mpsc::Sender<RunEvent>,
    pub(crate) report: oneshot::Sender<Report>,
    pub(crate) instructions: mpsc::UnboundedReceiver<Instruction>,
    pub(crate) output: OutputRing,
    pub(crate) gauge: Gauge,
    pub(crate) permit: OwnedSemaphorePermit,
}

impl Job {
    /// Ends an attempt that no child has taken.
    pub(crate) fn return_unstarted(self, report: Report) {
        drop(self.permit);
        // Nobody waits for it any more.
        let _unheard = self.report.send(report);
    }
}

#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) job: Job,
    pub(crate) started: Option<Instant>,
    pub(crate) reason: Option<StopReason>,
    pub(crate) last_word: Option<LastWord>,
    pub(crate) fault: Option<Fault>,
    pub(crate) detail: Option<String>,
    /// Waits for room in the caller's channel.
    pending: Option<RunEvent>,
    silent: bool,
    abandoned: bool,
}

/// What the caller does.
pub(crate) enum Nudge {
    Told(Instruction),
    /// It has taken the event that waited.
    Took,
    /// It has dropped the run.
    Abandoned,
}

/// How the process ended, as its shim tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub(crate) exit: Exit,
    pub(crate) survivor: bool,
    pub(crate) scratch_bytes: Option<u64>,
}

/// What the child's account adds to a report.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) command: bool,
    pub(crate) supervisor_stopping: bool,
    pub(crate) ended: Option<Ended>,
    pub(crate) facts: Facts,
    /// What the kernel did in the child's own control group.
    pub(crate) group_oom: Option<GroupOom>,
    /// The kernel has just killed something here for want of memory.
    pub(crate) kernel_kills_rose: bool,
    pub(crate) stderr: String,
    pub(crate) output_bytes: u64,
    pub(crate) pid: u32,
    pub(crate) name: Option<String>,
    pub(crate) limits: Limits,
    pub(crate) child_age: Duration,
    pub(crate) child_jobs: u32,
}

impl Attempt {
    pub(crate) fn new(mut job: Job) -> Attempt {
        job.order.grace = job.order.grace.min(MAX_GRACE);
        Attempt {
            job,
            started: None,
            reason: None,
            last_word: None,
            fault: None,
            detail: None,
            pending: None,
            silent: false,
            abandoned: false,
        }
    }

    /// Gives the time of its timeout, once it runs and as long as nothing else ends it.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.reason.is_some() || self.fault.is_some() {
            return None;
        }
        self.started?.checked_add(self.job.order.timeout)
    }

    /// Gives the time since it was started.
    pub(crate) fn wall(&self) -> Duration {
        self.started.map_or(Duration::ZERO, |started| started.elapsed())
    }

    pub(crate) fn is_blocked(&self) -> bool {
        self.pending.is_some()
    }

    /// Hands an event to the caller, or keeps it until there is room.
    pub(crate) fn emit(&mut self, event: RunEvent) {
        if self.abandoned {
            return;
        }
        if size(&event) > LARGE_EVENT_BYTES {
            self.pending = Some(event);
            return;
        }
        if let Err(mpsc::error::TrySendError::Full(event)) = self.job.events.try_send(event) {
            self.pending = Some(event);
        }
    }

    /// Waits for the caller.
    ///
    /// # Cancellation
    /// May be dropped at any time.
    pub(crate) async fn nudge(&mut self) -> Nudge {
        loop {
            let room = self
                .pending
                .as_ref()
                .map_or(1, |event| if size(event) > LARGE_EVENT_BYTES { EVENTS } else { 1 });
            tokio::select! {
                biased;
                told = self.job.instructions.recv(), if !self.silent => match told {
                    Some(instruction) => return Nudge::Told(instruction),
                    None => self.silent = true,
                },
                permits = self.job.events.reserve_many(room), if self.pending.is_some() => {
                    let event = self.pending.take();
                    if let (Ok(mut permits), Some(event)) = (permits, event)
                        && let Some(permit) = permits.next()
                    {
                        permit.send(event);
                    }
                    return Nudge::Took;
                }
                () = self.job.events.closed(), if !self.abandoned => {
                    self.abandoned = true;
                    self.pending = None;
                    return Nudge::Abandoned;
                }
                else => std::future::pending().await,
            }
        }
    }

    /// Delivers the event that waits, however long the caller takes.
    pub(crate) async fn deliver(&mut self) {
        while self.is_blocked() {
            // Too late for instructions: the process has ended.
            let _nudge = self.nudge().await;
        }
    }

    /// Judges the attempt; it tells the caller later, when the child has its next state.
    pub(crate) fn conclude(mut self, account: Account) -> Finished {
        let mut facts = account.facts;
        if let (Some(GroupOom::Own), Some(limit)) = (account.group_oom, account.limits.memory_bytes)
        {
            // Samples count files as well, and may be older than the end.
            (facts.peak_bytes, facts.peak_source) = (limit, Some(PeakSource::Limit));
        }
        let evidence = Evidence {
            reason: self.reason,
            boot_failed: self.started.is_none(),
            last_word: self.last_word.as_ref(),
            fault: self.fault.is_some(),
            exit: account.ended.map(|ended| ended.exit),
            command: account.command,
            supervisor_stopping: account.supervisor_stopping,
            memory: Memory {
                group: account.group_oom.unwrap_or_default(),
                peak_bytes: facts.peak_bytes,
                limit_bytes: account.limits.memory_bytes,
                kernel_kills_rose: account.kernel_kills_rose,
                stderr: &account.stderr,
            },
        };
        let (ending, late) = ending(&evidence);
        if ending == Ending::ProtocolError && self.fault.is_none() {
            self.fault = Some(Fault::NoResult);
            self.detail = Some("it exited with 0, but without `done` or `fail`".into());
        }
        let (exit_code, signal) = exit_numbers(account.ended, account.command, ending);
        let wall = self.wall();
        let report = Report {
            ending,
            last_word: self.last_word,
            signal,
            exit_code,
            late,
            survivor: account.ended.is_some_and(|ended| ended.survivor),
            wall,
            cpu: Some(facts.cpu),
            peak_bytes: facts.peak_source.map(|_| facts.peak_bytes),
            peak_source: facts.peak_source,
            processes_peak: facts.processes_peak,
            scratch_bytes: facts.scratch_bytes,
            limits: account.limits,
            child_age: account.child_age,
            child_jobs: account.child_jobs,
            stderr: account.stderr,
            output_bytes: account.output_bytes,
            pid: account.pid,
            name: account.name,
            fault: self.fault,
            detail: self.detail,
        };
        Finished { report, job: self.job }
    }
}

/// An attempt with its report, not yet told.
pub(crate) struct Finished {
    pub(crate) report: Report,
    job: Job,
}

impl Finished {
    /// Frees the attempt's place, then tells the caller: who hears of the end finds the place free.
    /// Report first, then the end of the events, so that the caller wakes once.
    pub(crate) fn tell(self) {
        drop(self.job.permit);
        // Nobody waits for it any more.
        let _unheard = self.job.report.send(self.report);
    }

    /// Tells the caller, but keeps the place closed.
    pub(crate) fn tell_stuck(self) -> OwnedSemaphorePermit {
        // Nobody waits for it any more.
        let _unheard = self.job.report.send(self.report);
        self.job.permit
    }
}

fn exit_numbers(ended: Option<Ended>, command: bool, ending: Ending) -> (Option<i32>, Option<i32>) {
    match ended.map(|ended| ended.exit) {
        None => (None, None),
        Some(Exit::Signal(signal)) => (None, Some(signal)),
        Some(Exit::Code(code)) => {
            let hidden = command && matches!(ending, Ending::Crashed | Ending::Killed);
            (Some(code), if hidden { shell_signal(code) } else { None })
        }
    }
}

fn size(event: &RunEvent) -> usize {
    match event {
        RunEvent::Checkpoint { value, .. } => value.get().len(),
        RunEvent::Enqueue { jobs, .. } => jobs.get().len(),
        RunEvent::Progress { note, .. } => note.as_ref().map_or(0, String::len),
        _ => 0,
    }
}
