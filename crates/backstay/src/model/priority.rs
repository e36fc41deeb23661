//! Priorities, and in which order the levels of a queue are visited so that nobody starves.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::nearest::nearest;

/// How urgent a job is: 0 to 9, **lower runs first**. The default is [`Priority::NORMAL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Priority(u8);

/// The words for four of the levels.
const NAMED: [(&str, Priority); 4] = [
    ("urgent", Priority::URGENT),
    ("high", Priority::HIGH),
    ("normal", Priority::NORMAL),
    ("low", Priority::LOW),
];

impl Priority {
    /// Level 0: before everything else.
    pub const URGENT: Self = Self(0);
    /// Level 2.
    pub const HIGH: Self = Self(2);
    /// Level 5, the default.
    pub const NORMAL: Self = Self(5);
    /// Level 8.
    pub const LOW: Self = Self(8);
    /// Level 9, the last.
    pub const LAST: Self = Self(9);

    /// Makes a priority of a level.
    ///
    /// # Errors
    /// BS102 outside 0 to 9.
    ///
    /// ```
    /// use backstay::Priority;
    /// assert_eq!(Priority::new(2), Ok(Priority::HIGH));
    /// assert_eq!((Priority::HIGH.level(), Priority::HIGH.name()), (2, Some("high")));
    /// assert_eq!(Priority::new(6)?.band(), "low", "the label of metrics");
    /// assert_eq!(Priority::new(12).unwrap_err().code(), "BS102");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(level: i64) -> Result<Self, PriorityError> {
        match u8::try_from(level) {
            Ok(level) if level <= Self::LAST.0 => Ok(Self(level)),
            _ => Err(PriorityError::OutOfRange { level }),
        }
    }

    /// Gives the level, 0 to 9.
    #[must_use]
    pub fn level(self) -> u8 {
        self.0
    }

    /// Gives the word for the level, where it has one.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        NAMED.iter().find(|(_, priority)| *priority == self).map(|(name, _)| *name)
    }

    /// Gives the word for a level, or its number where it has none.
    ///
    /// ```
    /// use backstay::Priority;
    /// assert_eq!((Priority::word(2), Priority::word(6)), ("high".into(), "6".into()));
    /// ```
    #[must_use]
    pub fn word(level: i64) -> String {
        let named = Self::new(level).ok().and_then(Self::name);
        named.map_or_else(|| level.to_string(), str::to_owned)
    }

    /// Gives what people read in lists: the word, and for a level between two words that of its band with the number.
    ///
    /// ```
    /// use backstay::Priority;
    /// assert_eq!((Priority::told(2), Priority::told(6)), ("high".into(), "low (6)".into()));
    /// ```
    #[must_use]
    pub fn told(level: i64) -> String {
        match Self::new(level) {
            Ok(unnamed) if unnamed.name().is_none() => format!("{} ({level})", unnamed.band()),
            _ => Self::word(level),
        }
    }

    /// Gives the nearest of the four words that is not less urgent: the label of metrics.
    #[must_use]
    pub fn band(self) -> &'static str {
        NAMED.iter().find(|(_, priority)| self <= *priority).map_or("low", |(name, _)| *name)
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self::NORMAL
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

/// Says what is wrong with a priority.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PriorityError {
    /// A number that is no level.
    #[error(
        "priority {level} is not between 0 (first) and 9; write 0 to 9, or `urgent`, `high`, `normal`, `low`"
    )]
    OutOfRange {
        /// The number as given.
        level: i64,
    },
    /// A word that is no level.
    #[error("`{word}` is no priority; did you mean `{meant}`?")]
    Misspelt {
        /// The word as given.
        word: String,
        /// The nearest word.
        meant: &'static str,
    },
    /// Something else.
    #[error("`{word}` is no priority; write 0 to 9, or `urgent`, `high`, `normal`, `low`")]
    Unknown {
        /// The word as given.
        word: String,
    },
}

impl PriorityError {
    /// Gives the code of this error at every door.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "BS102"
    }
}

/// Reads a level or one of the four words, as typed on a command line.
impl FromStr for Priority {
    type Err = PriorityError;

    fn from_str(word: &str) -> Result<Self, PriorityError> {
        if let Ok(level) = word.parse::<i64>() {
            return Self::new(level);
        }
        by_name(word)
    }
}

fn by_name(word: &str) -> Result<Priority, PriorityError> {
    if let Some((_, priority)) = NAMED.iter().find(|(name, _)| *name == word) {
        return Ok(*priority);
    }
    let shown = word.chars().take(64).collect();
    Err(match nearest(word, NAMED.map(|(name, _)| name)) {
        Some(meant) => PriorityError::Misspelt { word: shown, meant },
        None => PriorityError::Unknown { word: shown },
    })
}

impl Serialize for Priority {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.0)
    }
}

/// In JSON and in the settings file a level is a number and a word is a text; `"3"` is refused,
/// since whoever writes it has mixed the two up.
impl<'de> Deserialize<'de> for Priority {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "expected a priority: 0 to 9, or `urgent`, `high`, `normal`, `low`"
        )]
        enum Written {
            Level(i64),
            Name(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Level(level) => Self::new(level),
            Written::Name(name) => by_name(&name),
        }
        .map_err(serde::de::Error::custom)
    }
}

/// How much of the starts goes to whoever has waited longest, whatever its level.
///
/// A share rather than a rising priority: ten thousand old jobs of a low level take their share and
/// no more, so a fresh urgent one still starts at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ageing {
    /// Part of the starts of a queue and worker, 0 to 0.5; 0 switches ageing off.
    pub share: f64,
    /// How long a job must have waited to be meant.
    pub after: Duration,
}

impl Default for Ageing {
    fn default() -> Self {
        Self { share: 0.10, after: Duration::from_secs(60) }
    }
}

/// Gives how many of the next `n` starts are ageing turns, after `starts` earlier ones.
///
/// However the starts are cut into claims, the turns add up to `floor(all starts * share)`.
///
/// ```
/// use backstay::model::priority::aged_turns;
/// assert_eq!((0..10).map(|starts| aged_turns(starts, 1, 0.1)).sum::<usize>(), 1);
/// assert_eq!(aged_turns(0, 100, 0.1), 10);
/// ```
#[must_use]
pub fn aged_turns(starts: u64, n: usize, share: f64) -> usize {
    let share = if share.is_finite() { share.clamp(0.0, 0.5) } else { 0.0 };
    // Only the remainder matters in the long run, and small numbers keep the fractions exact:
    // shares have at most a few decimals, so 10,000 starts are a whole number of turns.
    let starts = starts % 10_000;
    let turns = |count: f64| (count * share + 1e-9).floor();
    let due = turns(starts as f64 + n as f64) - turns(starts as f64);
    (due as usize).min(n)
}

/// One claim to be made: at most `n` jobs of the levels from 0 to `down_to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// The least urgent level that may be taken.
    pub down_to: Priority,
    /// How many jobs, at least 1.
    pub n: u16,
}

/// Splits the free slots of a queue into claims, so that reserved slots stay for urgent work.
///
/// `running` counts this worker's running jobs of the queue by level. A reserved slot in which a job
/// of its level or a more urgent one already runs is not kept free a second time.
#[must_use]
pub fn shares(free: u16, running: &[u16; 10], reserve: &[(Priority, u16)]) -> Vec<Share> {
    let mut taken = 0;
    let mut shares = Vec::new();
    for level in (0..=Priority::LAST.0).rev() {
        let room = free.saturating_sub(kept_free(level, running, reserve));
        if room > taken {
            shares.push(Share { down_to: Priority(level), n: room - taken });
            taken = room;
        }
    }
    shares
}

/// Slots that a job of `level` must leave free: the unused part of each more urgent reserve.
fn kept_free(level: u8, running: &[u16; 10], reserve: &[(Priority, u16)]) -> u16 {
    let unused = |(priority, slots): &(Priority, u16)| {
        let inside: u16 = running[..=usize::from(priority.0)].iter().sum();
        slots.saturating_sub(inside)
    };
    reserve.iter().filter(|(priority, _)| priority.0 < level).map(unused).sum()
}

#[cfg(test)]
mod tests;
