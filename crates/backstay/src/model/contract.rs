//! What every job of a kind gets, declared beside the kind in code.

use std::time::Duration;

use serde_json::{Map, Value};

use super::judge::{OnAction, OnOom, Restart};
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
///
/// use backstay::{MemoryMost, OnAction, OnOom, Restart};
/// let careful = Contract::new()
///     .crash_limit(1)
///     .lost_limit(2)
///     .on([("timed_out", OnAction::Bury), ("error:Rate*", OnAction::Delay(mins(5)))])
///     .on_oom(OnOom { retry: 2, most: MemoryMost::Times(8.0), ..OnOom::default() })
///     .restart(Restart::Never)
///     .sensitive(["/card", "/users/*/email"]);
/// # let _ = (contract, careful);
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

    /// The crash of its process at which a job is dead, whatever `max_retries` says: 1 to 100. Default: 3.
    pub fn crash_limit(self, crashes: u16) -> Self {
        Self(self.0.set("crash_limit", crashes))
    }

    /// The lost worker at which a job is dead: 1 to 100. Default: 3.
    pub fn lost_limit(self, workers: u16) -> Self {
        Self(self.0.set("lost_limit", workers))
    }

    /// What follows certain ends instead of the ordinary retry: at most 20, each an outcome such as `timed_out`, an exit
    /// code such as `exit:3`, or an error class such as `error:Rate*`.
    pub fn on<T: Into<String>>(self, rules: impl IntoIterator<Item = (T, OnAction)>) -> Self {
        let rules = rules.into_iter().map(|(end, action)| (end.into(), action.to_json()));
        Self(self.0.set("on", rules.collect::<Map<_, _>>()))
    }

    /// What follows when memory ran out. Default: once more with twice as much, at most four times the first size.
    pub fn on_oom(self, on_oom: OnOom) -> Self {
        Self(self.0.set("on_oom", on_oom.to_json()))
    }

    /// Whether work that was begun may begin again. Default: [`Restart::Allowed`].
    pub fn restart(self, restart: Restart) -> Self {
        Self(match restart {
            Restart::Allowed => self.0.without("restart"),
            Restart::Never => self.0.set("restart", "never"),
        })
    }

    /// Places in the args that are never shown, logged or sent: JSON pointers, with `*` for any entry. They hold from the
    /// start of a worker that has this code.
    pub fn sensitive<T: Into<String>>(self, pointers: impl IntoIterator<Item = T>) -> Self {
        let pointers: Vec<String> = pointers.into_iter().map(Into::into).collect();
        Self(self.0.set("sensitive", pointers))
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
    pub fn to_json(&self) -> Value {
        Value::Object(self.0.values().clone())
    }

    /// What travels with a call: what is hidden is for the fleet to say, and not for whoever enqueues.
    pub(crate) fn into_options(self) -> Options {
        self.0.without("sensitive")
    }
}
