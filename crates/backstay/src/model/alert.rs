//! An alert: what people are told, by which rule, and how often a channel is tried.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::nearest::nearest;

mod compose;
mod fold;

pub use compose::{Scene, compose};
pub use fold::{
    Cause, Deaths, Folding, Group, GroupState, How, Incident, News, Pace, Raised, Subject, Told,
    fold, subjects,
};

/// The channel that is always there.
pub const LOG: &str = "log";

/// By which rule an alert was raised; each can be switched off and routed by its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rule {
    /// A job died of something that was never seen before.
    First,
    /// A job died of something that had been acknowledged, emptied, or quiet for a day.
    Again,
    /// Many jobs of a kind died within a few minutes.
    Burst,
    /// Jobs have waited in line for too long.
    QueueLate,
    /// Work is due in a queue and none is completed.
    NothingCompleted,
    /// Dead letters have been open for a day.
    Unread,
    /// A worker's lease ended without a goodbye.
    WorkerLost,
    /// Work is due that no live worker can take.
    NoWorker,
    /// Jobs of a kind that no worker knows are held back.
    HeldKind,
    /// A queue's program does not boot.
    PoolBroken,
    /// A kind is claimed less, because it hurts its host.
    KindBraked,
    /// A circuit breaker is open.
    BreakerOpen,
    /// A job needs more memory than any worker has.
    NeedsMemory,
    /// The attempts of a kind come close to their limit.
    TooBig,
    /// Claims are slowed down, because the database is in trouble.
    Brake,
    /// Something keeps the database from cleaning up.
    Horizon,
    /// A job was interrupted again and again without getting on.
    InterruptedOften,
    /// A cron tick was dropped or late.
    CronMissed,
    /// This installation starts nothing until somebody says so.
    HeldStart,
    /// Messages cannot be delivered.
    AlertsFailing,
    /// A worker cannot hold its jobs as it should: one was evicted for want of memory, or a level is lost.
    Isolation,
    /// A loop of a worker has not succeeded for too long.
    LoopSilent,
    /// Somebody tries out the channels.
    Test,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// It will get worse if nobody looks.
    Warning,
    /// Work is lost to people who wait for it, or will be soon.
    Error,
}

/// Whether an incident goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// It does.
    #[default]
    Open,
    /// It is over.
    Resolved,
}

impl Rule {
    /// All rules that can be routed.
    pub const ALL: [Self; 22] = [
        Self::First,
        Self::Again,
        Self::Burst,
        Self::QueueLate,
        Self::NothingCompleted,
        Self::Unread,
        Self::WorkerLost,
        Self::NoWorker,
        Self::HeldKind,
        Self::PoolBroken,
        Self::KindBraked,
        Self::BreakerOpen,
        Self::NeedsMemory,
        Self::TooBig,
        Self::Brake,
        Self::Horizon,
        Self::InterruptedOften,
        Self::CronMissed,
        Self::HeldStart,
        Self::AlertsFailing,
        Self::Isolation,
        Self::LoopSilent,
    ];

    /// Gives the word that every door uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Again => "again",
            Self::Burst => "burst",
            Self::QueueLate => "queue_late",
            Self::NothingCompleted => "nothing_completed",
            Self::Unread => "unread",
            Self::WorkerLost => "worker_lost",
            Self::NoWorker => "no_worker",
            Self::HeldKind => "held_kind",
            Self::PoolBroken => "pool_broken",
            Self::KindBraked => "kind_braked",
            Self::BreakerOpen => "breaker_open",
            Self::NeedsMemory => "needs_memory",
            Self::TooBig => "too_big",
            Self::Brake => "brake",
            Self::Horizon => "horizon",
            Self::InterruptedOften => "interrupted_often",
            Self::CronMissed => "cron_missed",
            Self::HeldStart => "held_start",
            Self::AlertsFailing => "alerts_failing",
            Self::Isolation => "isolation",
            Self::LoopSilent => "loop_silent",
            Self::Test => "test",
        }
    }

    /// Tells whether this rule speaks of dead letters.
    #[must_use]
    pub fn is_about_deaths(self) -> bool {
        matches!(self, Self::First | Self::Again | Self::Burst)
    }

    /// Tells how bad it is.
    #[must_use]
    pub fn severity(self) -> Severity {
        match self {
            Self::First
            | Self::Again
            | Self::Burst
            | Self::NothingCompleted
            | Self::WorkerLost
            | Self::NoWorker
            | Self::PoolBroken
            | Self::HeldStart
            | Self::AlertsFailing
            | Self::LoopSilent => Severity::Error,
            Self::Test => Severity::Info,
            _ => Severity::Warning,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownRule {
    /// Another word was probably meant.
    #[error("`{word}` is no alert rule; did you mean `{meant}`?")]
    Misspelt {
        /// The word as given.
        word: String,
        /// The nearest rule.
        meant: &'static str,
    },
    /// Nothing like it is known.
    #[error("`{word}` is no alert rule")]
    Unknown {
        /// The word as given.
        word: String,
    },
}

impl FromStr for Rule {
    type Err = UnknownRule;

    fn from_str(word: &str) -> Result<Self, UnknownRule> {
        if let Some(rule) = Self::ALL.into_iter().find(|rule| rule.as_str() == word) {
            return Ok(rule);
        }
        let shown = word.chars().take(64).collect();
        Err(match nearest(word, Self::ALL.map(Self::as_str)) {
            Some(meant) => UnknownRule::Misspelt { word: shown, meant },
            None => UnknownRule::Unknown { word: shown },
        })
    }
}

/// The document that channels get: the body of a webhook, the stdin of a command.
///
/// Fields are only ever added. Title and text do not hold the count, which may still grow until the
/// message is sent; [`Alert::headline`] joins them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// One message; a receiver that has seen it may drop it.
    pub id: String,
    /// One incident; the same for all its messages, so that a pager joins them.
    pub dedupe_key: String,
    /// Why it is told.
    pub rule: Rule,
    /// What it is about: a fingerprint, a queue, a worker.
    pub subject: String,
    /// How bad it is.
    pub severity: Severity,
    /// Whether it goes on.
    pub state: AlertState,
    /// One line.
    pub title: String,
    /// A few sentences: what happened, what to do.
    pub text: String,
    /// Where to look, if there is a dashboard.
    pub link: Option<String>,
    /// The name of the installation.
    pub environment: Option<String>,
    /// How often it happened since the last message about it.
    pub count: u64,
    /// The first time.
    #[serde(with = "instant")]
    pub first_at: Timestamp,
    /// The last time.
    #[serde(with = "instant")]
    pub last_at: Timestamp,
    /// The group of equal errors.
    pub fingerprint: Option<String>,
    /// Who looks after that group.
    pub owner: Option<String>,
    /// The kind of job.
    pub kind: Option<String>,
    /// The queue.
    pub queue: Option<String>,
    /// The newest job of it, without its args.
    pub job: Option<Value>,
}

impl Alert {
    /// Gives one line for lists, subjects and chats, with the count where it says something.
    #[must_use]
    pub fn headline(&self) -> String {
        let place = self.environment.as_deref().map_or(String::new(), |name| format!("[{name}] "));
        let over = if self.state == AlertState::Resolved { "over: " } else { "" };
        let often = if self.count > 1 { format!(" ({} times)", self.count) } else { String::new() };
        format!("{place}{over}{}{often}", self.title)
    }
}

/// Gives the key of an incident; all deaths of one group are one incident, whatever the rule.
#[must_use]
pub fn dedupe_key(environment: Option<&str>, rule: Rule, subject: &str) -> String {
    let place = environment.unwrap_or("backstay");
    let about = if rule.is_about_deaths() { "dead" } else { rule.as_str() };
    format!("{place}/{about}/{subject}")
}

const FIRST_TRY_AGAIN: Duration = Duration::from_secs(5);
const LONGEST_TRY_AGAIN: Duration = Duration::from_secs(15 * 60);
const GIVE_UP: Duration = Duration::from_secs(72 * 3600);

/// Gives the wait after the `tries`-th failed delivery: 5 s doubling to 15 min.
///
/// Nothing once the message has been due for 72 h: then it is undeliverable, kept and shown.
#[must_use]
pub fn next_try(tries: u32, due_for: Duration) -> Option<Duration> {
    if due_for >= GIVE_UP {
        return None;
    }
    let doubled = FIRST_TRY_AGAIN.saturating_mul(1 << tries.saturating_sub(1).min(16));
    Some(doubled.min(LONGEST_TRY_AGAIN))
}

/// Instants as RFC 3339, as at every door.
mod instant {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(at)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
