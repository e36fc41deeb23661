//! Why a job does not run: one reason from a closed list, the first that applies, with who, since when, what to do, and an estimate.

mod ended;
mod facts;
mod line;
mod running;
mod waiting;

#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use serde::Serialize;

pub(crate) use facts::Facts;

use super::instant::Instant;
use super::state::State;
use super::unit::about;

/// The closed list of reasons; the first that applies is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// No job of this id is known, nor anything of one.
    NoSuchJob,
    /// It has ended, and only attempts of it are kept.
    Pruned,
    /// It is done.
    Completed,
    /// It was stopped for good, on purpose.
    Cancelled,
    /// It could not start in time.
    Expired,
    /// It is a dead letter.
    Dead,
    /// It runs.
    Running,
    /// It runs, and somebody wants it stopped.
    Cancelling,
    /// Its worker is silent; another takes it over.
    Lost,
    /// A worker has taken it, and it waits there for memory.
    InHand,
    /// It is not due yet.
    Scheduled,
    /// It waits for its next attempt.
    BackingOff,
    /// Its handler asked for a later start.
    Snoozed,
    /// Its worker gave it back for a while.
    Released,
    /// Workers were lost with it aboard, so it waits until no other such job runs.
    Suspect,
    /// Its queue or its kind is paused.
    Paused,
    /// No live worker of its queue knows its kind.
    UnknownKind,
    /// It is held back for a reason that this program does not know.
    Held,
    /// No live worker serves its queue.
    NoWorker,
    /// Workers cannot hold limits any more, so they claim nothing.
    LevelLost,
    /// Workers claim less, because the database or their memory is in trouble.
    Brake,
    /// The program that handles its kind does not boot.
    PoolBroken,
    /// Jobs of its kind crash again and again, so they start one at a time.
    KindBraked,
    /// It needs more memory than any worker has for all its jobs.
    NeedsMemory,
    /// All slots that it could take are busy, or kept for more urgent jobs.
    NoSlot,
    /// Others stand before it in line.
    Behind,
    /// The next look takes it.
    Ready,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Reason; 27] = [
        Reason::NoSuchJob,
        Reason::Pruned,
        Reason::Completed,
        Reason::Cancelled,
        Reason::Expired,
        Reason::Dead,
        Reason::Running,
        Reason::Cancelling,
        Reason::Lost,
        Reason::InHand,
        Reason::Scheduled,
        Reason::BackingOff,
        Reason::Snoozed,
        Reason::Released,
        Reason::Suspect,
        Reason::Paused,
        Reason::UnknownKind,
        Reason::Held,
        Reason::NoWorker,
        Reason::LevelLost,
        Reason::Brake,
        Reason::PoolBroken,
        Reason::KindBraked,
        Reason::NeedsMemory,
        Reason::NoSlot,
        Reason::Behind,
        Reason::Ready,
    ];

    /// The word that every door uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::NoSuchJob => "no_such_job",
            Reason::Pruned => "pruned",
            Reason::Completed => "completed",
            Reason::Cancelled => "cancelled",
            Reason::Expired => "expired",
            Reason::Dead => "dead",
            Reason::Running => "running",
            Reason::Cancelling => "cancelling",
            Reason::Lost => "lost",
            Reason::InHand => "in_hand",
            Reason::Scheduled => "scheduled",
            Reason::BackingOff => "backing_off",
            Reason::Snoozed => "snoozed",
            Reason::Released => "released",
            Reason::Suspect => "suspect",
            Reason::Paused => "paused",
            Reason::UnknownKind => "unknown_kind",
            Reason::Held => "held",
            Reason::NoWorker => "no_worker",
            Reason::LevelLost => "level_lost",
            Reason::Brake => "brake",
            Reason::PoolBroken => "pool_broken",
            Reason::KindBraked => "kind_braked",
            Reason::NeedsMemory => "needs_memory",
            Reason::NoSlot => "no_slot",
            Reason::Behind => "behind",
            Reason::Ready => "ready",
        }
    }
}

/// Why a job does not run, or that it does, or how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Why {
    /// Where the job stands; none: no such job is known.
    pub state: Option<State>,
    /// The first reason that applies.
    pub reason: Reason,
    /// The reason with its names and numbers, in one sentence without its end.
    pub text: String,
    /// Since when it has been so.
    pub since: Option<Instant>,
    /// What to do about it: a command, wherever there is one.
    pub remedy: Option<String>,
    /// About when its next attempt starts, if all goes on as in the last five minutes; none where that is not known.
    pub start_at: Option<Instant>,
}

impl Why {
    fn of(reason: Reason, text: impl Into<String>) -> Why {
        let text = text.into();
        Why { state: None, reason, text, since: None, remedy: None, start_at: None }
    }
}

/// Finds the reason.
pub(crate) fn why(facts: &Facts) -> Why {
    let Some(job) = &facts.job else { return ended::unknown(facts) };
    let why = match job.state {
        State::Completed | State::Cancelled | State::Dead => ended::why(job, facts),
        State::Running => running::why(job, facts),
        State::Scheduled => waiting::not_due(job, facts),
        State::Parked => waiting::held(job, facts),
        State::Ready => line::why(job, facts),
    };
    Why { state: Some(job.state), ..why }
}

impl Facts {
    /// How long ago something was, in words.
    fn ago(&self, at: Instant) -> String {
        about(at.age(self.now.into()))
    }

    fn after(&self, wait: Duration) -> Option<Instant> {
        SystemTime::from(self.now).checked_add(wait).and_then(|at| Instant::try_from(at).ok())
    }
}

/// The instants of a job document, which is for applications, too.
fn instant(at: Option<SystemTime>) -> Option<Instant> {
    at.and_then(|at| Instant::try_from(at).ok())
}

/// `1 job`, `4 jobs`.
fn jobs(n: u64) -> String {
    if n == 1 { "1 job".into() } else { format!("{n} jobs") }
}

/// The first line of an error, as long as a sentence bears.
fn brief(text: &str) -> String {
    const CHARS: usize = 120;
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(CHARS) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}
