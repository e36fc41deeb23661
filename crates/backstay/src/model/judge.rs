//! Decides what becomes of a job: (outcome, counters, policy) to one verdict; exists once.

use std::time::Duration;

use super::job::Counters;
use super::outcome::{Attempted, Outcome};
use super::retry::delay;

mod oom;
mod policy;
mod reason;

pub use oom::{MemoryMost, MoreMemory, OnOom};
pub use policy::{OnAction, OnError, OnRule, OnRules, OnWhat, Policy, Restart};
pub use reason::Reason;

/// The counter that the end of an attempt adds one to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Bill {
    /// No counter: nobody's fault, or the end is not retried.
    Nothing,
    /// `retry_count`
    Retry,
    /// `crash_count`
    Crash,
    /// `lost_count`
    Lost,
    /// `interrupt_count`
    Interrupt,
    /// `snooze_count`
    Snooze,
}

impl Bill {
    /// Gives the word that is stored with the attempt.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Retry => "retry",
            Self::Crash => "crash",
            Self::Lost => "lost",
            Self::Interrupt => "interrupt",
            Self::Snooze => "snooze",
        }
    }
}

/// What becomes of the job.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Verdict {
    /// It is done.
    Complete,
    /// It is tried again later.
    Retry {
        /// How much later.
        delay: Duration,
        /// The counter to raise.
        bill: Bill,
        /// The memory that the next attempt gets, where this one ran out of it.
        memory: Option<MoreMemory>,
    },
    /// It is started later, because the handler asked; raises `snooze_count`.
    Snooze {
        /// How much later, 1 s to 366 d.
        delay: Duration,
    },
    /// It goes back to its old place in the line at once.
    Release {
        /// The counter to raise.
        bill: Bill,
    },
    /// It is given back for a little later, free of charge.
    ReleaseLater {
        /// How much later.
        delay: Duration,
        /// The counter to raise.
        bill: Bill,
    },
    /// A suspect is given back for a little later, free of charge: another one runs where it was claimed.
    PutOff {
        /// How much later, 24 to 36 s.
        delay: Duration,
    },
    /// It is stopped for good, on purpose.
    Cancel,
    /// It becomes a dead letter.
    Bury {
        /// Why.
        reason: Reason,
        /// The counter to raise. `retry_count` is none of them: it counts failures that were retried.
        bill: Bill,
    },
    /// Nothing is written, for somebody else holds the job.
    Drop,
}

impl Verdict {
    /// Whether there is to be another attempt.
    pub(crate) fn goes_on(&self) -> bool {
        match self {
            Self::Retry { .. } | Self::Snooze { .. } | Self::Release { .. } => true,
            Self::ReleaseLater { .. } | Self::PutOff { .. } => true,
            Self::Complete | Self::Cancel | Self::Bury { .. } | Self::Drop => false,
        }
    }
}

/// The shortest and the longest snooze, and the longest wait that a handler may ask for.
const SHORTEST_SNOOZE: Duration = Duration::from_secs(1);
const LONGEST_SNOOZE: Duration = Duration::from_secs(366 * 86_400);
/// A server that asks for more has probably got its clock wrong.
const LONGEST_PATIENCE: Duration = Duration::from_secs(24 * 3600);
/// A host that needed room has it again, or another host takes the job.
const AFTER_EVICTION: Duration = Duration::from_secs(30);
/// By then the other suspect has ended or another worker is free; a fifth of it is jitter, so that suspects part.
const BEHIND_A_SUSPECT: Duration = Duration::from_secs(30);
/// A program that does not boot is tried by its pool meanwhile.
const AFTER_BOOT_FAILURE: Duration = Duration::from_secs(5);

/// Decides what becomes of the job after `attempted`.
///
/// `counters` are those before this end is billed; `jitter` is a random number between 0 and 1.
/// Total: every input has a verdict, and every job that goes on failing, crashing or losing its
/// workers is buried in the end.
///
/// ```
/// use backstay::model::judge::{Policy, Reason, Verdict, judge};
/// use backstay::model::{job::Counters, outcome::{Attempted, Outcome}};
/// let used_up = Counters { retry_count: 10, ..Counters::default() };
/// let verdict = judge(&Attempted::of(Outcome::Failed), &used_up, &Policy::default(), 0.5);
/// assert!(matches!(verdict, Verdict::Bury { reason: Reason::Failed, .. }));
/// ```
#[must_use]
pub fn judge(attempted: &Attempted, counters: &Counters, policy: &Policy, jitter: f64) -> Verdict {
    let verdict = by_outcome(attempted, counters, policy, jitter);
    match policy.restart {
        Restart::Allowed => verdict,
        Restart::Never => not_again(verdict, attempted.outcome),
    }
}

/// Decides what becomes of a job whose worker was lost, `beside_suspect` or without one.
///
/// Where another job aboard was the suspect (one that has seen [`Counters::is_suspect`] many workers
/// die), this one costs nothing: nobody is buried for another's guilt.
#[must_use]
pub fn judge_lost(
    counters: &Counters,
    policy: &Policy,
    beside_suspect: bool,
    jitter: f64,
) -> Verdict {
    if beside_suspect && policy.restart == Restart::Allowed {
        return Verdict::Release { bill: Bill::Nothing };
    }
    judge(&Attempted::of(Outcome::Lost), counters, policy, jitter)
}

/// Gives what becomes of a suspect that was claimed while another one runs in the same worker. It has
/// not begun, so its policy has no say.
#[must_use]
pub fn put_off(jitter: f64) -> Verdict {
    Verdict::PutOff { delay: BEHIND_A_SUSPECT.mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0)) }
}

fn by_outcome(attempted: &Attempted, counters: &Counters, policy: &Policy, jitter: f64) -> Verdict {
    match attempted.outcome {
        Outcome::Completed => Verdict::Complete,
        Outcome::Cancelled => Verdict::Cancel,
        Outcome::Stale => Verdict::Drop,
        Outcome::Snoozed => snooze(attempted, counters, policy, jitter),
        Outcome::Rejected => bury(Reason::Rejected, Bill::Nothing),
        Outcome::Interrupted => Verdict::Release { bill: Bill::Interrupt },
        Outcome::Evicted => Verdict::ReleaseLater { delay: AFTER_EVICTION, bill: Bill::Nothing },
        Outcome::BootFailed => {
            Verdict::ReleaseLater { delay: AFTER_BOOT_FAILURE, bill: Bill::Nothing }
        }
        _ => by_rule(attempted, counters, policy, jitter),
    }
}

/// The handler's wish, as long as it has not wished too often.
fn snooze(attempted: &Attempted, counters: &Counters, policy: &Policy, jitter: f64) -> Verdict {
    if counters.snooze_count >= policy.snooze_max.max(0) {
        let unasked = Attempted { asked: None, ..attempted.clone() };
        return retry(&unasked, counters, policy, None, jitter);
    }
    let wish = attempted.asked.unwrap_or_else(|| delay(&policy.backoff, 1, 0.5));
    Verdict::Snooze { delay: wish.clamp(SHORTEST_SNOOZE, LONGEST_SNOOZE) }
}

/// Ends that count against the job: first what the policy's `on` rules say, then the built-in way.
fn by_rule(attempted: &Attempted, counters: &Counters, policy: &Policy, jitter: f64) -> Verdict {
    let action = policy.on.action(attempted);
    match action {
        Some(OnAction::Cancel) => Verdict::Cancel,
        Some(OnAction::Bury) => {
            bury(Reason::of_outcome(attempted.outcome), bill_of_burial(attempted.outcome))
        }
        _ if attempted.outcome.is_out_of_memory() => {
            out_of_memory(attempted, counters, policy, action, jitter)
        }
        _ => match attempted.outcome {
            Outcome::Crashed | Outcome::Killed => {
                crash(attempted, counters, policy, action, jitter)
            }
            Outcome::Lost => lost(attempted, counters, policy, action, jitter),
            _ => retry(attempted, counters, policy, action, jitter),
        },
    }
}

/// An ordinary failure: retried until the retries are used up.
fn retry(
    attempted: &Attempted,
    counters: &Counters,
    policy: &Policy,
    action: Option<&OnAction>,
    jitter: f64,
) -> Verdict {
    if counters.retry_count >= most(policy.max_retries, action) {
        return bury(Reason::of_outcome(attempted.outcome), Bill::Nothing);
    }
    let delay = wait(attempted, policy, action, counters.retry_count, jitter);
    Verdict::Retry { delay, bill: Bill::Retry, memory: None }
}

/// Out of memory: tried again with more, as often as `on_oom` allows, and never with the same size. Where nobody
/// knows what it was allowed, nothing can be more.
fn out_of_memory(
    attempted: &Attempted,
    counters: &Counters,
    policy: &Policy,
    action: Option<&OnAction>,
    jitter: f64,
) -> Verdict {
    let memory = attempted.allowed.and_then(|allowed| policy.on_oom.next(allowed));
    let used_up = counters.retry_count >= most(policy.max_retries, action);
    match memory {
        Some(memory) if !used_up => Verdict::Retry {
            delay: wait(attempted, policy, action, counters.retry_count, jitter),
            bill: Bill::Retry,
            memory: Some(memory),
        },
        _ => bury(Reason::OutOfMemory, Bill::Nothing),
    }
}

/// A crash is billed apart, since a job that kills its process is worse than one that fails.
fn crash(
    attempted: &Attempted,
    counters: &Counters,
    policy: &Policy,
    action: Option<&OnAction>,
    jitter: f64,
) -> Verdict {
    if is_last(counters.crash_count, policy.crash_limit, action) {
        return bury(Reason::Crashed, Bill::Crash);
    }
    let delay = wait(attempted, policy, action, counters.crash_count, jitter);
    Verdict::Retry { delay, bill: Bill::Crash, memory: None }
}

/// A lost worker proves nothing the first time, since machines go down: back at once.
fn lost(
    attempted: &Attempted,
    counters: &Counters,
    policy: &Policy,
    action: Option<&OnAction>,
    jitter: f64,
) -> Verdict {
    if is_last(counters.lost_count, policy.lost_limit, action) {
        return bury(Reason::CrashedWorker, Bill::Lost);
    }
    if counters.lost_count <= 0 && !matches!(action, Some(OnAction::Delay(_))) {
        return Verdict::Release { bill: Bill::Lost };
    }
    let delay = wait(attempted, policy, action, counters.lost_count - 1, jitter);
    Verdict::Retry { delay, bill: Bill::Lost, memory: None }
}

/// Work that must not begin twice ends here, unless it never began or asked for more time itself.
fn not_again(verdict: Verdict, outcome: Outcome) -> Verdict {
    if outcome == Outcome::BootFailed {
        return verdict;
    }
    match verdict {
        Verdict::Retry { bill, .. }
        | Verdict::Release { bill }
        | Verdict::ReleaseLater { bill, .. } => {
            let bill = if bill == Bill::Retry { Bill::Nothing } else { bill };
            bury(Reason::NotRestartable, bill)
        }
        other => other,
    }
}

fn bury(reason: Reason, bill: Bill) -> Verdict {
    Verdict::Bury { reason, bill }
}

/// Crashes and losses are counted also when they are the last; a failure only when it is retried.
fn bill_of_burial(outcome: Outcome) -> Bill {
    match outcome {
        Outcome::Crashed | Outcome::Killed => Bill::Crash,
        Outcome::Lost => Bill::Lost,
        _ => Bill::Nothing,
    }
}

/// An `on` rule may make the retries fewer, never more.
fn most(max_retries: i16, action: Option<&OnAction>) -> i16 {
    match action {
        Some(OnAction::Retries(most)) => max_retries.min(*most),
        _ => max_retries,
    }
}

/// Whether the end that is being judged reaches the limit of its kind; a limit below 1 is 1.
fn is_last(count: i16, limit: i16, action: Option<&OnAction>) -> bool {
    let with_this = count.max(0).saturating_add(1);
    let limit = match action {
        Some(OnAction::Retries(most)) => limit.min(most.saturating_add(1)),
        _ => limit,
    };
    with_this >= limit
}

/// The handler's wish, else the rule's delay, else the policy's backoff after `count` earlier ends; of
/// these two never less than a server asked for.
fn wait(
    attempted: &Attempted,
    policy: &Policy,
    action: Option<&OnAction>,
    count: i16,
    jitter: f64,
) -> Duration {
    if let Some(asked) = attempted.asked {
        return asked.min(LONGEST_SNOOZE);
    }
    let wait = match action {
        Some(OnAction::Delay(wait)) => *wait,
        _ => delay(&policy.backoff, count.max(0) as u32 + 1, jitter),
    };
    wait.max(attempted.not_before.unwrap_or_default().min(LONGEST_PATIENCE))
}

#[cfg(test)]
mod tests;
