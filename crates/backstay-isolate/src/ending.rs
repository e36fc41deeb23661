//! How a child ended: evidence in, one word out; pure, and the only place that knows which evidence comes first.

use std::fmt;

use crate::protocol::{LastWord, Then};

/// Names how one attempt ended, in the words of the attempt's `outcome`.
///
/// The words of memory, CPU, process and disk limits stand here because the list is closed; nothing
/// produces them before such limits are held.
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
        (Some(LastWord::Fail { then, .. }), _) => return said(*then),
        (Some(LastWord::Done { .. }), false) => return Ending::Completed,
        _ => {}
    }
    match evidence.exit {
        Some(exit) => exited(exit, evidence),
        None => Ending::ProtocolError,
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

fn exited(exit: Exit, evidence: &Evidence<'_>) -> Ending {
    let code = match exit {
        Exit::Signal(signal) => return signalled(signal, evidence.supervisor_stopping),
        Exit::Code(code) => code,
    };
    if !evidence.command {
        return if code == 0 { Ending::ProtocolError } else { Ending::Exited };
    }
    match code {
        0 => Ending::Completed,
        EX_DATAERR => Ending::Rejected,
        EX_TEMPFAIL => Ending::Failed,
        _ => match shell_signal(code) {
            Some(signal) => signalled(signal, evidence.supervisor_stopping),
            None => Ending::Exited,
        },
    }
}

/// A shell reports the signal that ended its last program as 128 + its number.
pub(crate) fn shell_signal(code: i32) -> Option<i32> {
    (129..=192).contains(&code).then(|| code - 128)
}

/// `SIGHUP`, `SIGINT`, `SIGKILL`, `SIGTERM`: what others send, in Linux' numbers.
const SENT_BY_OTHERS: [i32; 4] = [1, 2, 9, 15];
const SIGKILL: i32 = 9;
const SIGXCPU: i32 = 24;
const SIGXFSZ: i32 = 25;

fn signalled(signal: i32, supervisor_stopping: bool) -> Ending {
    match signal {
        SIGXCPU => Ending::CpuLimit,
        SIGXFSZ => Ending::DiskLimit,
        _ if !SENT_BY_OTHERS.contains(&signal) => Ending::Crashed,
        _ if supervisor_stopping && signal != SIGKILL => Ending::Interrupted,
        _ => Ending::Killed,
    }
}

#[cfg(test)]
mod tests;
