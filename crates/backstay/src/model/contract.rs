//! What every job of a kind gets, declared beside the kind in code.

use std::time::Duration;

use super::options::Options;
use super::priority::Priority;
use super::retry::Backoff;
use super::unique::{Key, Unique};
use super::unit::Bytes;

/// Options that all jobs of a kind share, unless a job says otherwise; same names as [`Options`].
///
/// It travels with each call. What `[kinds.NAME]` of the worker's `backstay.toml` says wins over it, and the options of
/// a job win over both.
///
/// ```
/// use backstay::{Contract, by};
/// use backstay::unit::mins;
/// let contract = Contract::new()
///     .queue("reports")
///     .timeout(mins(10))
///     .max_retries(5)
///     .unique(by(["tenant", "month"]))
///     .group(by(["tenant"]));
/// # let _ = contract;
/// ```
///
/// Everything else that may be declared:
///
/// ```
/// use backstay::{Backoff, Contract, Priority, by};
/// use backstay::unit::{hours, mib, mins, secs};
/// let contract = Contract::new()
///     .priority(Priority::LOW)
///     .backoff(Backoff::List(vec![secs(10), mins(5), hours(1)]))
///     .memory(mib(256))
///     .limit_key(by(["tenant"]))
///     .expires_in(hours(6))
///     .tags(["export"]);
/// assert_eq!(contract.to_json()["memory"], "256MiB");
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[must_use]
pub struct Contract(Options);

impl Contract {
    /// Declares nothing: all comes from the queue and the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The queue where its jobs stand. Default: `default`.
    pub fn queue(self, name: impl Into<String>) -> Self {
        Self(self.0.queue(name))
    }

    /// How urgent its jobs are. Default: [`Priority::NORMAL`].
    pub fn priority(self, priority: Priority) -> Self {
        Self(self.0.priority(priority))
    }

    /// Failures that are retried: 0 to 100. Default: 10.
    pub fn max_retries(self, retries: u16) -> Self {
        Self(self.0.max_retries(retries))
    }

    /// How long each retry waits. Default: 15 s, doubling, at most 1 h, with a fifth of jitter.
    pub fn backoff(self, backoff: Backoff) -> Self {
        Self(self.0.backoff(backoff))
    }

    /// The longest that one attempt may take: 1 s to the queue's `timeout_max`. Default: 15 min.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self(self.0.timeout(timeout))
    }

    /// The most memory that one attempt may use: 32 MiB to the queue's `memory_max`.
    pub fn memory(self, memory: Bytes) -> Self {
        Self(self.0.memory(memory))
    }

    /// Which of its jobs are the same one; see [`Unique`].
    pub fn unique(self, unique: impl Into<Unique>) -> Self {
        Self(self.0.unique(unique))
    }

    /// Whose job each is, mostly [`by`](super::unique::by) an arg that names the customer.
    pub fn group(self, key: impl Into<Key>) -> Self {
        Self(self.0.group(key))
    }

    /// The key that concurrency limits count by. Default: the group.
    pub fn limit_key(self, key: impl Into<Key>) -> Self {
        Self(self.0.limit_key(key))
    }

    /// Starts no attempt later than this after the enqueue, retries included.
    pub fn expires_in(self, after: Duration) -> Self {
        Self(self.0.expires_in(after))
    }

    /// Words to find its jobs by: at most 20 of 64 bytes.
    pub fn tags<T: Into<String>>(self, tags: impl IntoIterator<Item = T>) -> Self {
        Self(self.0.tags(tags))
    }

    /// The declared options under the names that every door uses; what could not be written is left to the enqueue.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::Value::Object(self.0.values().clone())
    }

    pub(crate) fn into_options(self) -> Options {
        self.0
    }
}
