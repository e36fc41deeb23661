//! Schedules as code declares them; the keys are those of `[cron.NAME]`, and the file wins.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::model::cron::{Missed, Overlap};
use crate::model::request::Request;
use crate::model::unit::format_duration;

/// When something is enqueued again and again; the same keys as `[cron.NAME]`, and the file wins.
///
/// ```
/// use backstay::unit::hours;
/// use backstay::{Cron, Missed, Overlap};
///
/// let nightly = Cron::new("nightly", "30 2 * * *").zone("Europe/Paris");
/// let exact = Cron::new("ledger", "0 * * * *").missed(Missed::All).missed_within(hours(48)).missed_max(48);
/// let steady = Cron::new("poll", "*/10 * * * * *").missed(Missed::Skip).overlap(Overlap::Queue);
/// # let _ = (nightly, exact, steady);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Cron {
    pub(super) name: String,
    keys: Map<String, Value>,
}

impl Cron {
    /// A schedule by its name and its line: `[second] minute hour day month weekday`, or `@hourly @daily @weekly @monthly @yearly`.
    pub fn new(name: impl Into<String>, line: impl Into<String>) -> Cron {
        let keys = Map::from_iter([("schedule".to_owned(), Value::from(line.into()))]);
        Cron { name: name.into(), keys }
    }

    /// The time zone of the line, by its IANA name [`UTC`].
    pub fn zone(self, zone: impl Into<String>) -> Cron {
        self.key("zone", zone.into())
    }

    /// What is done about ticks that nobody ran within a minute [`Missed::Once`].
    pub fn missed(self, missed: Missed) -> Cron {
        self.key("missed", missed.as_str())
    }

    /// Older ticks are dropped: 1 min to 60 d [24 h].
    pub fn missed_within(self, age: Duration) -> Cron {
        self.key("missed_within", format_duration(age))
    }

    /// The most ticks that [`Missed::All`] runs: 1 to 100 [10].
    pub fn missed_max(self, most: u8) -> Cron {
        self.key("missed_max", most)
    }

    /// What is done while the job of an earlier tick has not ended [`Overlap::Skip`].
    pub fn overlap(self, overlap: Overlap) -> Cron {
        self.key("overlap", overlap.as_str())
    }

    fn key(mut self, name: &str, value: impl Into<Value>) -> Cron {
        self.keys.insert(name.to_owned(), value.into());
        self
    }
}

/// A schedule and its job.
pub(super) struct Schedule {
    pub(super) cron: Cron,
    pub(super) job: Request,
}

impl Schedule {
    /// What a file would say; what cannot be written was refused when the worker was built.
    pub(super) fn to_json(&self) -> Value {
        let mut keys = self.cron.keys.clone();
        keys.insert("kind".into(), self.job.kind().into());
        let args = self.job.args().ok().and_then(|args| serde_json::from_str(args).ok());
        keys.insert("args".into(), args.unwrap_or_else(|| json!({})));
        if let Ok(asked) = self.job.options()
            && !asked.own.is_empty()
        {
            keys.insert("options".into(), asked.own.clone().into());
        }
        Value::Object(keys)
    }
}
