//! How a child ended: evidence in, one word out; pure, and the only place that knows which evidence comes first.

mod memory;

use std::fmt;

use crate::protocol::{LastWord, Then};

/// Names how one attempt ended, in the words of the attempt's `outcome`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// The work is done.
    Completed,
    /// The handler says that it failed; it may be tried again.
    Failed,
    /// The handler says that no retry can help.
    Rejected,
    /// The handler asks to be called again later.
    Snoozed,
    /// Somebody cancelled the job, or the handler did.
    Cancelled,
    /// Ended because the worker stops.
    Interrupted,
    /// Ended to save the host; nobody's fault.
    Evicted,
    /// The program never came to take a job.
    BootFailed,
    /// The lease is lost; nothing may be written for this attempt.
    Stale,
    /// Longer than its timeout.
    TimedOut,
    /// No sign of life for too long.
    Stalled,
    /// Over its memory limit, seen by the watch.
    MemoryLimit,
    /// Killed by the kernel over its own memory limit.
    OomKilled,
    /// Died in a way that looks like lack of memory.
    ProbableOom,
    /// Used more CPU time than it may.
    CpuLimit,
    /// Too many processes and threads.
    ProcessLimit,
    /// Wrote more to disk than it may.
    DiskLimit,
    /// Printed more than it may.
    OutputLimit,
    /// Broke the child protocol; see [`crate::Report::fault`].
    ProtocolError,
    /// Exited with a code that has no other meaning.
    Exited,
    /// Ended by a signal that programs give themselves (abort, segmentation fault).
    Crashed,
    /// Ended by a signal that came from elsewhere, not from us.
    Killed,
}

impl Ending {
    /// Gives the word in snake case, as it is stored.
    ///
    /// ```
    /// assert_eq!(backstay_isolate::Ending::TimedOut.as_str(), "timed_out");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Ending::Completed => "completed",
            Ending::Failed => "failed",
            Ending::Rejected => "rejected",
            Ending::Snoozed => "snoozed",
            Ending::Cancelled => "cancelled",
            Ending::Interrupted => "interrupted",
            Ending::Evicted => "evicted",
            Ending::BootFailed => "boot_failed",
            Ending::Stale => "stale",
            Ending::TimedOut => "timed_out",
            Ending::Stalled => "stalled",
            Ending::MemoryLimit => "memory_limit",
            Ending::OomKilled => "oom_killed",
            Ending::ProbableOom => "probable_oom",
            Ending::CpuLimit => "cpu_limit",
            Ending::ProcessLimit => "process_limit",
            Ending::DiskLimit => "disk_limit",
            Ending::OutputLimit => "output_limit",
            Ending::ProtocolError => "protocol_error",
            Ending::Exited => "exited",
            Ending::Crashed => "crashed",
            Ending::Killed => "killed",
        }
    }

    /// Says whether the process came to its end, or to the end of this job, in its own time: a warm child may then take
    /// another job, and nothing of it goes on elsewhere.
    pub fn keeps_child(self) -> bool {
        matches!(self, Ending::Completed | Ending::Failed | Ending::Rejected | Ending::Snoozed)
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Says why the supervisor ends an attempt; noted before the first signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The job was cancelled.
    Cancelled,
    /// Past its timeout; the child is asked first.
    TimedOut,
    /// No sign of life; the child is asked first.
    Stalled,
    /// The lease is lost: killed at once.
    Stale,
    /// The worker stops; the child is asked first.
    Shutdown,
    /// The host is in trouble: killed at once.
    Evicted,
    /// Printed more than it may: killed at once; the supervisor says so by itself, as of all limits.
    OutputLimit,
    /// Over its memory limit: killed at once.
    MemoryLimit,
    /// Used its CPU time: killed at once.
    CpuLimit,
    /// Too many processes and threads: killed at once.
    ProcessLimit,
    /// Wrote more than it may: killed at once.
    DiskLimit,
}

impl StopReason {
    /// Gives the word of the `cancel` message.
    pub fn as_str(self) -> &'static str {
        match self {
            StopReason::Cancelled => "cancelled",
            StopReason::TimedOut => "timed_out",
            StopReason::Stalled => "stalled",
            StopReason::Stale => "stale",
            StopReason::Shutdown => "shutdown",
            StopReason::Evicted => "evicted",
            StopReason::OutputLimit => "output_limit",
            StopReason::MemoryLimit => "memory_limit",
            StopReason::CpuLimit => "cpu_limit",
            StopReason::ProcessLimit => "process_limit",
            StopReason::DiskLimit => "disk_limit",
        }
    }

    /// Says whether the child is killed without being asked.
    pub(crate) fn at_once(self) -> bool {
        !matches!(
            self,
            StopReason::Cancelled
                | StopReason::TimedOut
                | StopReason::Stalled
                | StopReason::Shutdown
        )
    }

    /// Says whether this reason takes the place of one noted before.
    pub(crate) fn outranks(self, noted: StopReason) -> bool {
        self.at_once() && !noted.at_once()
    }

    /// Says whether a `done` that was read before the kill still counts.
    fn yields_to_done(self) -> bool {
        matches!(self, StopReason::TimedOut | StopReason::Stalled | StopReason::Shutdown)
    }

    fn ending(self) -> Ending {
        match self {
            StopReason::Cancelled => Ending::Cancelled,
            StopReason::TimedOut => Ending::TimedOut,
            StopReason::Stalled => Ending::Stalled,
            StopReason::Stale => Ending::Stale,
            StopReason::Shutdown => Ending::Interrupted,
            StopReason::Evicted => Ending::Evicted,
            StopReason::OutputLimit => Ending::OutputLimit,
            StopReason::MemoryLimit => Ending::MemoryLimit,
            StopReason::CpuLimit => Ending::CpuLimit,
            StopReason::ProcessLimit => Ending::ProcessLimit,
            StopReason::DiskLimit => Ending::DiskLimit,
        }
    }
}

/// How the process itself ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Code(i32),
    Signal(i32),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exited with {code}"),
            Exit::Signal(signal) => write!(f, "ended by signal {signal}"),
        }
    }
}

impl Exit {
    /// Says whether it was ended as a terminal or a service manager ends programs, also as a shell tells it.
    pub(crate) fn is_sent_by_others(self) -> bool {
        match self {
            Exit::Signal(signal) => SENT_BY_OTHERS.contains(&signal),
            Exit::Code(code) => {
                shell_signal(code).is_some_and(|signal| SENT_BY_OTHERS.contains(&signal))
            }
        }
    }

    /// Says whether SIGKILL ended it, also as a shell tells it.
    pub(crate) fn is_sigkill(self) -> bool {
        matches!(self, Exit::Signal(SIGKILL) | Exit::Code(SHELL_SIGKILL))
    }
}

/// Everything that is known when an attempt has ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Evidence<'a> {
    /// Our own reason, if we ended it.
    pub(crate) reason: Option<StopReason>,
    /// The program did not come to take a job.
    pub(crate) boot_failed: bool,
    /// A complete `done` or `fail`.
    pub(crate) last_word: Option<&'a LastWord>,
    /// The child broke the protocol.
    pub(crate) fault: bool,
    /// The process has ended, and how.
    pub(crate) exit: Option<Exit>,
    /// A command: exit codes speak.
    pub(crate) command: bool,
    /// The supervisor was told to stop within the last 2 s.
    pub(crate) supervisor_stopping: bool,
    /// What speaks for a lack of memory.
    pub(crate) memory: Memory<'a>,
}

/// What speaks for a lack of memory.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory<'a> {
    /// What the kernel did in the child's own control group.
    pub(crate) group: GroupOom,
    /// The kernel has just killed something around us.
    pub(crate) kernel_kills_rose: bool,
    pub(crate) peak_bytes: u64,
    pub(crate) limit_bytes: Option<u64>,
    /// The end of stderr.
    pub(crate) stderr: &'a str,
}

/// What the kernel did for want of memory in the control group of a child.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum GroupOom {
    /// Nothing, or there is no group.
    #[default]
    None,
    /// It killed, because the group had reached its own limit.
    Own,
    /// It killed, because all groups together had reached theirs.
    Victim,
}

const EX_DATAERR: i32 = 65;
const EX_TEMPFAIL: i32 = 75;

/// Finds the one word for what happened, and whether a `done` came late; the first rule that applies wins.
pub(crate) fn ending(evidence: &Evidence<'_>) -> (Ending, bool) {
    if let Some(reason) = evidence.reason {
        let done = matches!(evidence.last_word, Some(LastWord::Done { .. }));
        let late = done && reason.yields_to_done() && !evidence.fault;
        return if late { (Ending::Completed, true) } else { (reason.ending(), false) };
    }
    (unforced(evidence), false)
}

fn unforced(evidence: &Evidence<'_>) -> Ending {
    if evidence.boot_failed {
        return Ending::BootFailed;
    }
    if evidence.fault {
        return Ending::ProtocolError;
    }
    match (evidence.last_word, evidence.command) {
        (Some(fail @ LastWord::Fail { then, .. }), _) => {
            let retry = matches!(then, Then::Retry | Then::RetryIn);
            return if retry && memory::is_blamed(fail) {
                Ending::ProbableOom
            } else {
                said(*then)
            };
        }
        (Some(LastWord::Done { .. }), false) => return Ending::Completed,
        _ => {}
    }
    match (evidence.exit, evidence.command) {
        (Some(Exit::Code(0)), true) => Ending::Completed,
        (Some(Exit::Code(EX_DATAERR)), true) => Ending::Rejected,
        (Some(Exit::Code(EX_TEMPFAIL)), true) => Ending::Failed,
        (Some(exit), _) => died(exit, evidence),
        (None, _) => Ending::ProtocolError,
    }
}

/// What a `fail` line asks for.
fn said(then: Then) -> Ending {
    match then {
        Then::Retry | Then::RetryIn => Ending::Failed,
        Then::Snooze => Ending::Snoozed,
        Then::Dead => Ending::Rejected,
        Then::Cancel => Ending::Cancelled,
        Then::Interrupted => Ending::Interrupted,
    }
}

/// Nothing was said, and we did not end it.
fn died(exit: Exit, evidence: &Evidence<'_>) -> Ending {
    match evidence.memory.group {
        GroupOom::None => {}
        GroupOom::Own => return Ending::OomKilled,
        GroupOom::Victim => return Ending::Evicted,
    }
    let (code, signal) = match exit {
        Exit::Signal(signal) => (None, Some(signal)),
        Exit::Code(code) if evidence.command => (Some(code), shell_signal(code)),
        Exit::Code(code) => (Some(code), None),
    };
    match signal {
        Some(signal) => signalled(signal, evidence),
        None if code == Some(0) => Ending::ProtocolError,
        None if memory::was_short(&evidence.memory) => Ending::ProbableOom,
        None => Ending::Exited,
    }
}

/// A shell reports the signal that ended its last program as 128 + its number.
pub(crate) fn shell_signal(code: i32) -> Option<i32> {
    (129..=192).contains(&code).then(|| code - 128)
}

/// `SIGHUP`, `SIGINT`, `SIGTERM`: what a terminal or a service manager sends, in Linux' numbers.
const SENT_BY_OTHERS: [i32; 3] = [1, 2, 15];
const SIGKILL: i32 = 9;
const SHELL_SIGKILL: i32 = 128 + SIGKILL;
const SIGXCPU: i32 = 24;
const SIGXFSZ: i32 = 25;

/// `SIGILL`, `SIGTRAP`, `SIGABRT`, `SIGBUS`, `SIGSEGV`: how programs end that got no memory.
const OF_ITS_OWN_MAKING: [i32; 5] = [4, 5, 6, 7, 11];

fn signalled(signal: i32, evidence: &Evidence<'_>) -> Ending {
    match signal {
        SIGXCPU => Ending::CpuLimit,
        SIGXFSZ => Ending::DiskLimit,
        SIGKILL if evidence.memory.kernel_kills_rose => Ending::ProbableOom,
        SIGKILL => Ending::Killed,
        _ if OF_ITS_OWN_MAKING.contains(&signal) && memory::was_short(&evidence.memory) => {
            Ending::ProbableOom
        }
        _ if !SENT_BY_OTHERS.contains(&signal) => Ending::Crashed,
        _ if evidence.supervisor_stopping => Ending::Interrupted,
        _ => Ending::Killed,
    }
}

#[cfg(test)]
mod tests;
