//! What a handler says at its end: its output, or why the job is not done and what it asks for.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde_json::value::RawValue;

/// What a handler gives when its job is done: JSON, or nothing.
pub type Output = Option<Box<RawValue>>;

/// What a handler asks for with a [`Fail`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Then {
    /// Try again by the retry policy of the job.
    Retry,
    /// Try again after this long; a failure all the same.
    RetryIn(Duration),
    /// Call again after this long (1 s to 366 d); costs no retry.
    Snooze(Duration),
    /// Never again: to the dead letters, reason `rejected`.
    Dead,
    /// The job is not wanted any more.
    Cancel,
    /// Stopped because the worker drains; goes on from its checkpoint and costs nothing.
    Interrupted,
}

/// The end of an attempt that did not complete its job.
///
/// `?` on any error makes one that is retried by the job's policy.
///
/// ```
/// use backstay::{Fail, Then};
///
/// fn year(month: &str) -> Result<u16, Fail> {
///     if month.len() != 7 {
///         return Err(Fail::dead("month must be YYYY-MM"));
///     }
///     Ok(month[..4].parse()?)
/// }
///
/// assert_eq!(year("x").unwrap_err().then(), Then::Dead);
/// assert_eq!(year("20x6-01").unwrap_err().then(), Then::Retry);
/// ```
///
/// What else a handler can ask for:
///
/// ```
/// use backstay::unit::{mins, secs};
/// use backstay::{Fail, Then};
///
/// assert_eq!(Fail::retry_in(secs(90), "rate limit").then(), Then::RetryIn(secs(90)));
/// assert_eq!(Fail::snooze(mins(30)).then(), Then::Snooze(mins(30)));
/// assert_eq!(Fail::cancel("the order was paid").then(), Then::Cancel);
/// assert_eq!(Fail::interrupted().then(), Then::Interrupted);
///
/// // `[kinds.mail] on = { "error:smtp.550" = "bury" }`, and one incident whatever the address.
/// let refused = Fail::from("no such mailbox: ana@example.org").class("smtp.550").fingerprint("mailbox");
/// assert_eq!(refused.message(), "no such mailbox: ana@example.org");
/// ```
pub struct Fail {
    then: Then,
    message: String,
    class: Option<String>,
    trace: Option<String>,
    fingerprint: Option<String>,
}

impl Fail {
    fn new(then: Then, message: String) -> Fail {
        Fail { then, message, class: None, trace: None, fingerprint: None }
    }

    fn of<E: Into<Box<dyn Error + Send + Sync>>>(then: Then, error: E) -> Fail {
        let error = error.into();
        let mut causes = Vec::new();
        let mut cause = error.source();
        while let Some(inner) = cause {
            causes.push(inner.to_string());
            cause = inner.source();
        }
        let mut fail = Fail::new(then, error.to_string());
        if !causes.is_empty() {
            fail.trace = Some(
                causes
                    .iter()
                    .map(|cause| format!("caused by: {cause}"))
                    .collect::<Vec<_>>()
                    .join("\n"),
            );
        }
        fail
    }

    /// Ends the job for good: no retry can help. It goes to the dead letters with reason `rejected`.
    pub fn dead<E: Into<Box<dyn Error + Send + Sync>>>(error: E) -> Fail {
        Fail::of(Then::Dead, error)
    }

    /// Fails the attempt, and names the delay before the next one instead of the job's backoff.
    pub fn retry_in<E: Into<Box<dyn Error + Send + Sync>>>(delay: Duration, error: E) -> Fail {
        Fail::of(Then::RetryIn(delay), error)
    }

    /// Asks to be called again after `delay` (1 s to 366 d); not a failure.
    pub fn snooze(delay: Duration) -> Fail {
        Fail::new(Then::Snooze(delay), "snoozed".to_owned())
    }

    /// Ends the job because it is not wanted any more.
    pub fn cancel<E: Into<Box<dyn Error + Send + Sync>>>(error: E) -> Fail {
        Fail::of(Then::Cancel, error)
    }

    /// Gives the job back because the worker drains; it costs nothing and goes on from its checkpoint.
    pub fn interrupted() -> Fail {
        Fail::new(Then::Interrupted, "interrupted".to_owned())
    }

    /// Names the class of the error, for the `on` rules of a kind.
    #[must_use]
    pub fn class(mut self, class: impl Into<String>) -> Fail {
        self.class = Some(class.into());
        self
    }

    /// Says which errors are the same one, where the message does not (at most 100 characters).
    #[must_use]
    pub fn fingerprint(mut self, fingerprint: impl Into<String>) -> Fail {
        self.fingerprint = Some(fingerprint.into());
        self
    }

    /// What it asks for.
    pub fn then(&self) -> Then {
        self.then
    }

    /// What went wrong, for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn panic(message: String) -> Fail {
        Fail::new(Then::Retry, message).class("panic")
    }

    pub(crate) fn undecodable(message: String) -> Fail {
        Fail::new(Then::Retry, message).class("undecodable")
    }

    pub(crate) fn into_parts(self) -> Parts {
        Parts {
            then: self.then,
            message: self.message,
            class: self.class,
            trace: self.trace,
            fingerprint: self.fingerprint,
        }
    }
}

/// A [`Fail`] taken apart, for the line to the supervisor and for the row.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) then: Then,
    pub(crate) message: String,
    pub(crate) class: Option<String>,
    pub(crate) trace: Option<String>,
    pub(crate) fingerprint: Option<String>,
}

impl fmt::Debug for Fail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.then, self.message)
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for Fail {
    fn from(error: E) -> Fail {
        let class = std::any::type_name::<E>();
        let fail = Fail::of(Then::Retry, error);
        match class {
            "&str" | "alloc::string::String" => fail,
            _ => fail.class(class.split('<').next().unwrap_or(class)),
        }
    }
}
