//! Keys: what makes two jobs the same one, and whose job it is.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::unit::format_duration;

/// Top-level args whose values make a key; see [`by`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By(pub(crate) Vec<String>);

/// Makes a key of the values of some top-level args, as a JSON list: `[7,"2026-11"]`; a missing one
/// counts as null.
///
/// ```
/// use backstay::{Options, Unique, by};
/// let one_per_month = Options::new().unique(by(["tenant", "month"])).group(by(["tenant"]));
/// # let _ = (one_per_month, Unique::from(by(["tenant"])));
/// ```
pub fn by<const N: usize>(args: [&str; N]) -> By {
    By(args.map(str::to_owned).to_vec())
}

/// A key for `group` and `limit_key`: a text, or made of args by [`by`].
///
/// ```
/// use backstay::{By, Key, by};
/// let of_args: By = by(["tenant"]);
/// assert_eq!(Key::from(of_args.clone()), Key::By(of_args));
/// assert_eq!(Key::from("tenant-7"), Key::Text("tenant-7".into()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Key {
    /// This text, 1 to 256 bytes without control characters.
    Text(String),
    /// The values of these args.
    By(By),
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<By> for Key {
    fn from(by: By) -> Self {
        Self::By(by)
    }
}

impl Key {
    pub(crate) fn into_json(self) -> Value {
        match self {
            Self::Text(text) => Value::String(text),
            Self::By(By(args)) => json!({ "by": args }),
        }
    }
}

/// Which jobs of a kind are the same one, for how long, and what a second one comes to.
///
/// By default the key is held until the job has ended, and a second request answers with the id of
/// the job that holds it (`created` is false).
///
/// ```
/// use backstay::{Options, Unique};
/// use backstay::unit::mins;
/// // The newest request wins while the job still waits.
/// let reminder = Options::new().unique(Unique::key("order:7").replace());
/// // At most one report in ten minutes, whatever became of the last one.
/// let throttled = Options::new().unique(Unique::args().period(mins(10)));
/// // One that waits beside one that runs; a third request is refused with BS110.
/// let rebuild = Options::new().unique(Unique::key("search index").until_started().reject());
/// # let _ = (reminder, throttled, rebuild);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Unique(Map<String, Value>);

impl Unique {
    /// The same kind and this key: text of 1 byte to 1 KiB without control characters.
    pub fn key(key: impl Into<String>) -> Self {
        Self(Map::new()).set("key", key.into().into())
    }

    /// The same kind and the same args, all of them.
    pub fn args() -> Self {
        Self(Map::new())
    }

    /// Holds the key only until the job starts, so that one may run while the next one waits.
    pub fn until_started(self) -> Self {
        self.set("until", "started".into())
    }

    /// Holds the key for this long from now, even if the job has ended: 1 s to 30 d.
    pub fn period(self, period: Duration) -> Self {
        self.set("period_in", format_duration(period).into())
    }

    /// Refuses a second request with BS110.
    pub fn reject(self) -> Self {
        self.set("on_conflict", "reject".into())
    }

    /// Gives the waiting job the args, priority and time of the second request; its retries start anew.
    pub fn replace(self) -> Self {
        self.set("on_conflict", "replace".into())
    }

    fn set(mut self, name: &str, value: Value) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    /// Kind and all args without further wishes is the short form of the option.
    pub(crate) fn into_json(self) -> Value {
        if self.0.is_empty() { Value::Bool(true) } else { Value::Object(self.0) }
    }
}

impl From<By> for Unique {
    fn from(By(args): By) -> Self {
        Self(Map::new()).set("by", args.into())
    }
}

impl From<&str> for Unique {
    fn from(key: &str) -> Self {
        Self::key(key)
    }
}

impl From<String> for Unique {
    fn from(key: String) -> Self {
        Self::key(key)
    }
}
