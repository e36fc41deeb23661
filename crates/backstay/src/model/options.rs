//! What a caller may ask for with one job, under the names that every door uses.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::{Map, Value};

use super::priority::Priority;
use super::retry::Backoff;
use super::unique::{Key, Unique};
use super::unit::{Bytes, format_duration, format_size};

/// Options of one job; what is left out comes from the kind's contract, its queue, or the defaults.
///
/// The server checks every value, so a wrong one comes back as an error with a hint.
///
/// ```
/// use backstay::{Options, Priority, Unique};
/// use backstay::unit::{mins, secs};
/// let options = Options::new()
///     .priority(Priority::URGENT)
///     .run_in(secs(30))
///     .timeout(mins(10))
///     .unique(Unique::key("digest:1").replace());
/// # let _ = options;
/// ```
///
/// All that can be asked for:
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use backstay::{Backoff, Options, by};
/// use backstay::unit::{hours, mib, mins, secs};
///
/// let tomorrow = SystemTime::now() + hours(24);
/// let options = Options::new()
///     .queue("mail")
///     .run_at(tomorrow)
///     .max_retries(3)
///     .backoff(Backoff::Fixed(secs(30)))
///     .memory(mib(512))
///     .idempotency_key("order-7-paid")
///     .group(by(["tenant"]))
///     .limit_key("smtp.example.com")
///     .expires_at(tomorrow + hours(1))
///     .tags(["digest", "tenant-7"])
///     .meta(serde_json::json!({ "asked_by": "the nightly run" }))
///     .trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
///     .notify(false)
///     .set("priority", "low");                    // by its name at every door
/// let short = Options::new().run_in(mins(5)).expires_in(hours(2)); // spans instead of instants
/// # let _ = (options, short);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[must_use]
pub struct Options {
    values: Map<String, Value>,
    /// Why a value could not be written down; said when the job is enqueued.
    broken: Option<String>,
}

impl Options {
    /// Asks for nothing special.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stands in this queue. Default: the kind's queue, else `default`.
    pub fn queue(self, name: impl Into<String>) -> Self {
        self.put("queue", Value::String(name.into()))
    }

    /// Runs before less urgent jobs of its queue. Default: [`Priority::NORMAL`].
    pub fn priority(self, priority: Priority) -> Self {
        self.put("priority", priority.level().into())
    }

    /// Does not start before this much time has passed: at most ten years. Replaces `run_at`.
    pub fn run_in(self, delay: Duration) -> Self {
        self.without("run_at").put("run_in", duration(delay))
    }

    /// Does not start before this instant; the past counts as now. Replaces `run_in`.
    pub fn run_at(self, at: SystemTime) -> Self {
        self.without("run_in").instant("run_at", at)
    }

    /// Failures that are retried: 0 to 100. Default: 10.
    pub fn max_retries(self, retries: u16) -> Self {
        self.put("max_retries", retries.into())
    }

    /// How long each retry waits. Default: 15 s, doubling, at most 1 h, with a fifth of jitter.
    pub fn backoff(self, backoff: Backoff) -> Self {
        self.set("backoff", backoff)
    }

    /// The longest that one attempt may take: 1 s to the queue's `timeout_max`. Default: 15 min.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.put("timeout", duration(timeout))
    }

    /// The most memory that one attempt may use: 32 MiB to the queue's `memory_max`.
    pub fn memory(self, memory: Bytes) -> Self {
        // The door takes whole KiB, and a limit must not come out smaller than asked for.
        let whole = memory.get().div_ceil(1024).saturating_mul(1024);
        self.put("memory", format_size(whole).into())
    }

    /// Only one such job at a time; see [`Unique`].
    pub fn unique(self, unique: impl Into<Unique>) -> Self {
        self.put("unique", unique.into().into_json())
    }

    /// A repeated call with this key within 24 h gives the first job's id, even after it has ended.
    pub fn idempotency_key(self, key: impl Into<String>) -> Self {
        self.put("idempotency_key", Value::String(key.into()))
    }

    /// Whose job it is, for fair share and per-key limits.
    pub fn group(self, key: impl Into<Key>) -> Self {
        self.put("group", key.into().into_json())
    }

    /// The key that concurrency limits count by. Default: the group.
    pub fn limit_key(self, key: impl Into<Key>) -> Self {
        self.put("limit_key", key.into().into_json())
    }

    /// Starts no attempt later than this from now, retries included. Replaces `expires_at`.
    pub fn expires_in(self, after: Duration) -> Self {
        self.without("expires_at").put("expires_in", duration(after))
    }

    /// Starts no attempt after this instant, retries included. Replaces `expires_in`.
    pub fn expires_at(self, at: SystemTime) -> Self {
        self.without("expires_in").instant("expires_at", at)
    }

    /// Words to find it by: at most 20 of 64 bytes.
    pub fn tags<T: Into<String>>(self, tags: impl IntoIterator<Item = T>) -> Self {
        let tags: Vec<Value> = tags.into_iter().map(|tag| Value::String(tag.into())).collect();
        self.put("tags", tags.into())
    }

    /// Notes for people and tools, which the handler sees too: a JSON object of at most 16 KiB.
    pub fn meta(self, meta: impl Serialize) -> Self {
        self.set("meta", meta)
    }

    /// The W3C `traceparent` of what asked for it.
    pub fn trace(self, traceparent: impl Into<String>) -> Self {
        self.put("trace", Value::String(traceparent.into()))
    }

    /// Whether waiting workers are told at once. Default: true; false before PREPARE TRANSACTION.
    pub fn notify(self, notify: bool) -> Self {
        self.put("notify", notify.into())
    }

    /// Sets an option by its name at the doors, for one that has no method here.
    pub fn set(mut self, name: &str, value: impl Serialize) -> Self {
        match serde_json::to_value(value) {
            Ok(value) => self.put(name, value),
            Err(e) => {
                self.broken.get_or_insert(format!("option `{name}` is no JSON: {e}"));
                self
            }
        }
    }

    fn put(mut self, name: &str, value: Value) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.values.remove(name);
        self
    }

    fn instant(mut self, name: &str, at: SystemTime) -> Self {
        match jiff::Timestamp::try_from(at) {
            Ok(at) => self.put(name, at.to_string().into()),
            Err(e) => {
                self.broken.get_or_insert(format!("option `{name}` is no instant: {e}"));
                self
            }
        }
    }

    /// These options where they say something, else those.
    pub(crate) fn or(self, those: Self) -> Self {
        let mut values = those.values;
        // Two ways to say one thing: the nearer word silences the other one altogether.
        for (one, other) in [("run_in", "run_at"), ("expires_in", "expires_at")] {
            if self.values.contains_key(one) || self.values.contains_key(other) {
                values.remove(one);
                values.remove(other);
            }
        }
        values.extend(self.values);
        Self { values, broken: self.broken.or(those.broken) }
    }

    pub(crate) fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// The options as the doors take them.
    pub(crate) fn values(&self) -> &Map<String, Value> {
        &self.values
    }
}

fn duration(duration: Duration) -> Value {
    format_duration(duration).into()
}
