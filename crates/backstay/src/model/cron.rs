//! When a schedule is due: its line in its zone, and what becomes of the ticks that nobody ran in time.
//!
//! The ticks of a schedule are a fixed set of instants, so the next one follows from the last, never from "now", and two
//! workers that look at different times see the same. A local time that a shift of the clock leaves out is due once, at the
//! shift; one that comes twice is due the first time. Where the hours are `*` or have a step, ticks follow the time that
//! has passed: every local time that the clock shows and the line names.

mod line;

use std::time::Duration;

use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, Zoned};
use serde::{Deserialize, Serialize};

pub use line::{BadLine, Line};

/// What is later than this was missed.
pub const LATE: Duration = Duration::from_secs(60);
/// A tick that runs later than this is told to people.
pub const VERY_LATE: Duration = Duration::from_secs(300);
/// Dropped ticks are counted up to here, so that a second's schedule after a fortnight costs milliseconds.
const COUNTED: u32 = 10_000;
/// Changes of a zone's offset within one search, twice a year for as long as a line is searched.
const SHIFTS: u32 = 64;

/// What is done about ticks that nobody ran in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Missed {
    /// The newest of them runs.
    #[default]
    Once,
    /// None of them runs.
    Skip,
    /// The newest `missed_max` of them run, the oldest first.
    All,
}

/// What is done when a tick comes and the job of an earlier one has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Overlap {
    /// The tick makes no job.
    #[default]
    Skip,
    /// The tick waits until the job has ended; one waits at most.
    Queue,
    /// The job is cancelled, and the tick waits until it has ended.
    Replace,
    /// Both run.
    Allow,
}

impl Missed {
    /// The words of all of them.
    pub const WORDS: &'static [&'static str] = &["once", "skip", "all"];

    /// Gives the word that every door uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Skip => "skip",
            Self::All => "all",
        }
    }

    /// Reads a word; one that an older version does not know counts as the default.
    #[must_use]
    pub fn of(word: &str) -> Self {
        [Self::Once, Self::Skip, Self::All]
            .into_iter()
            .find(|one| one.as_str() == word)
            .unwrap_or_default()
    }
}

impl Overlap {
    /// The words of all of them.
    pub const WORDS: &'static [&'static str] = &["skip", "queue", "replace", "allow"];

    /// Gives the word that every door uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Queue => "queue",
            Self::Replace => "replace",
            Self::Allow => "allow",
        }
    }

    /// Reads a word; one that an older version does not know counts as the default.
    #[must_use]
    pub fn of(word: &str) -> Self {
        [Self::Skip, Self::Queue, Self::Replace, Self::Allow]
            .into_iter()
            .find(|one| one.as_str() == word)
            .unwrap_or_default()
    }
}

/// A line in a zone: a fixed set of instants.
///
/// ```
/// use backstay::model::cron::Rhythm;
///
/// let daily = Rhythm::parse("30 2 * * *", "Europe/Paris").unwrap();
/// // In the night of 28 March 2027 there is no 02:30 in Paris.
/// let before = "2027-03-27T12:00:00Z".parse().unwrap();
/// assert_eq!(daily.after(before).unwrap().to_string(), "2027-03-28T01:00:00Z");
/// assert!(Rhythm::parse("0 0 30 2 *", "UTC").is_err());
/// ```
#[derive(Debug, Clone)]
pub struct Rhythm {
    line: Line,
    zone: TimeZone,
}

/// Why a line in a zone is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadRhythm {
    /// The line cannot be read, or names a date that never comes.
    #[error("{0}")]
    Line(#[from] BadLine),
    /// This host knows no such zone.
    #[error(
        "`{0}` is no time zone that this host knows; write a name such as Europe/Paris or UTC, and see that its zone files are installed"
    )]
    Zone(String),
}

impl Rhythm {
    /// Reads a line of five or six fields, or a word such as `@daily`, in a zone of the IANA database.
    ///
    /// # Errors
    ///
    /// A line that cannot be read or never comes, or a zone that this host does not know.
    pub fn parse(line: &str, zone: &str) -> Result<Self, BadRhythm> {
        let zone = find_zone(zone).ok_or_else(|| BadRhythm::Zone(clipped(zone)))?;
        Ok(Self { line: line.parse()?, zone })
    }

    /// Gives the first tick after an instant; none where the calendar ends.
    #[must_use]
    pub fn after(&self, instant: Timestamp) -> Option<Timestamp> {
        if self.line.follows_time() { self.passed(instant) } else { self.named(instant) }
    }

    /// Gives the next ticks after an instant, `n` at most.
    pub fn coming(&self, after: Timestamp, n: usize) -> impl Iterator<Item = Timestamp> + '_ {
        std::iter::successors(self.after(after), |last| self.after(*last)).take(n)
    }

    /// Shows an instant as the clock of the zone has it.
    #[must_use]
    pub fn local(&self, instant: Timestamp) -> Zoned {
        instant.to_zoned(self.zone.clone())
    }

    /// Tells whether ticks come less than so long apart, as the next hundred show.
    #[must_use]
    pub fn is_faster_than(&self, span: Duration, now: Timestamp) -> bool {
        let ticks: Vec<Timestamp> = self.coming(now, 100).collect();
        ticks.windows(2).any(|pair| pair[1].duration_since(pair[0]).unsigned_abs() < span)
    }

    /// Fixed times: each local time that the line names is due once, at the shift where the clock leaves it out.
    fn named(&self, after: Timestamp) -> Option<Timestamp> {
        let mut local = self.zone.to_datetime(after);
        loop {
            local = self.line.at_or_after(local)?;
            let ambiguous = self.zone.to_ambiguous_timestamp(local);
            let instant = match ambiguous.offset() {
                // Read with the offset of after the shift, a time that is left out lies before the shift.
                AmbiguousOffset::Gap { after, .. } => {
                    let before = after.to_timestamp(local).ok()?;
                    self.zone.following(before).next()?.timestamp()
                }
                _ => ambiguous.earlier().ok()?,
            };
            if instant > after {
                return Some(instant);
            }
            local = local.checked_add(SECOND).ok()?;
        }
    }

    /// Times by step: each instant at which the clock shows a time that the line names.
    fn passed(&self, after: Timestamp) -> Option<Timestamp> {
        let mut from = Timestamp::from_second(after.as_second()).ok()?;
        if from <= after {
            from = from.checked_add(SECOND).ok()?;
        }
        for _ in 0..SHIFTS {
            let offset = self.zone.to_offset(from);
            let found = self.line.at_or_after(offset.to_datetime(from))?;
            let found = offset.to_timestamp(found).ok()?;
            match self.zone.following(from).next() {
                Some(shift) if shift.timestamp() <= found => from = shift.timestamp(),
                _ => return Some(found),
            }
        }
        None
    }
}

const SECOND: SignedDuration = SignedDuration::from_secs(1);

fn find_zone(name: &str) -> Option<TimeZone> {
    if name == "UTC" {
        return Some(TimeZone::UTC);
    }
    TimeZone::get(name).ok()
}

fn clipped(text: &str) -> String {
    super::bounds::clip_chars(text, 100)
}

/// What is done about missed ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Which of them run.
    pub missed: Missed,
    /// Only ticks younger than this.
    pub within: Duration,
    /// So many with [`Missed::All`].
    pub most: u8,
}

/// What is to be done for a schedule at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// These ticks run, in this order.
    pub run: Vec<Timestamp>,
    /// These do not.
    pub dropped: Option<Dropped>,
    /// Ticks up to here are decided now.
    pub counted_to: Option<Timestamp>,
    /// The next one; none where the calendar ends.
    pub next: Option<Timestamp>,
}

/// Ticks that were missed and do not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped {
    /// How many.
    pub count: u32,
    /// There are more than were counted.
    pub is_more: bool,
    /// The first of them.
    pub first: Timestamp,
    /// The last of them that was seen.
    pub last: Timestamp,
}

/// Decides about all ticks after `counted_to` and up to `now`.
#[must_use]
pub fn plan(rhythm: &Rhythm, policy: &Policy, counted_to: Timestamp, now: Timestamp) -> Plan {
    let next = || rhythm.after(now.max(counted_to));
    let Some(first) = rhythm.after(counted_to).filter(|first| *first <= now) else {
        return Plan { next: next(), ..Plan::default() };
    };
    let late = before(now, LATE).max(counted_to);
    let mut run = match policy.missed {
        Missed::Skip => Vec::new(),
        Missed::Once => newest(rhythm, 1, before(now, policy.within).max(counted_to), late),
        Missed::All => newest(
            rhythm,
            usize::from(policy.most),
            before(now, policy.within).max(counted_to),
            late,
        ),
    };
    let dropped = dropped(rhythm, first, late, &run);
    run.extend(rhythm.coming(late, 120).take_while(|tick| *tick <= now));
    Plan { run, dropped, counted_to: Some(now), next: next() }
}

fn before(now: Timestamp, span: Duration) -> Timestamp {
    let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
    now.checked_sub(span).unwrap_or(Timestamp::MIN)
}

/// The newest `n` ticks after `from` and up to `to`, oldest first; looked for backwards in growing steps.
fn newest(rhythm: &Rhythm, n: usize, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    let mut span = SignedDuration::from_mins(2);
    loop {
        let start = to.checked_sub(span).unwrap_or(Timestamp::MIN).max(from);
        let mut found: Vec<Timestamp> =
            rhythm.coming(start, usize::MAX).take_while(|tick| *tick <= to).collect();
        if found.len() >= n || start <= from {
            return found.split_off(found.len().saturating_sub(n));
        }
        span = span.saturating_mul(4);
    }
}

/// What of the ticks from `first` up to `to` does not run.
fn dropped(rhythm: &Rhythm, first: Timestamp, to: Timestamp, run: &[Timestamp]) -> Option<Dropped> {
    let missed = std::iter::successors(Some(first), |last| rhythm.after(*last));
    let mut dropped: Option<Dropped> = None;
    for tick in missed.take_while(|tick| *tick <= to).filter(|tick| !run.contains(tick)) {
        let so_far =
            dropped.get_or_insert(Dropped { count: 0, is_more: false, first: tick, last: tick });
        if so_far.count == COUNTED {
            so_far.is_more = true;
            break;
        }
        so_far.count += 1;
        so_far.last = tick;
    }
    dropped
}

#[cfg(test)]
mod tests;
