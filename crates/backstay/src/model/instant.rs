//! A point in time as every document carries it: RFC 3339, printed in UTC.

use std::fmt;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time, to the microsecond.
///
/// ```
/// use backstay::model::instant::Instant;
///
/// let at: Instant = serde_json::from_str("\"2026-11-23T10:00:00+01:00\"").unwrap();
/// assert_eq!(at.to_string(), "2026-11-23T09:00:00Z");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Timestamp);

impl Instant {
    /// How long before `now` it was; nothing for what is still to come.
    #[must_use]
    pub fn age(self, now: SystemTime) -> Duration {
        now.duration_since(self.into()).unwrap_or_default()
    }

    /// How long after `now` it is; nothing for what has passed.
    #[must_use]
    pub fn ahead(self, now: SystemTime) -> Duration {
        SystemTime::from(self).duration_since(now).unwrap_or_default()
    }
}

impl Instant {
    pub(crate) fn timestamp(self) -> Timestamp {
        self.0
    }
}

impl From<Timestamp> for Instant {
    fn from(at: Timestamp) -> Instant {
        Instant(at)
    }
}

impl From<Instant> for SystemTime {
    fn from(at: Instant) -> SystemTime {
        at.0.into()
    }
}

impl TryFrom<SystemTime> for Instant {
    type Error = jiff::Error;

    fn try_from(at: SystemTime) -> Result<Instant, jiff::Error> {
        Timestamp::try_from(at).map(Instant)
    }
}

impl std::str::FromStr for Instant {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Instant, jiff::Error> {
        text.parse().map(Instant)
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Instant, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
