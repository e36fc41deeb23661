//! How long a job waits after a failure: the policy as data, and the delay after the n-th retry.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::bounds;
use super::unit::{format_duration, parse_duration};

/// The wait between a failure and the next attempt; stored with the job, so that any worker can
/// judge it.
///
/// ```
/// use backstay::{Backoff, Options};
/// use backstay::unit::{hours, mins, secs};
/// let written: Backoff = serde_json::from_str(r#"{"first": "30s", "factor": 3, "cap": "2h"}"#)?;
/// assert_eq!(
///     written,
///     Backoff::Exponential { first: secs(30), factor: 3.0, cap: hours(2), jitter: 0.2 }
/// );
/// let steady = Options::new().backoff(Backoff::Fixed(mins(5)));
/// # let _ = steady;
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub enum Backoff {
    /// `min(cap, first * factor^(n-1))`, spread by the jitter.
    Exponential {
        /// The wait after the first failure, 0 s to 7 d.
        first: Duration,
        /// How much longer each wait is than the one before, 1 to 10.
        factor: f64,
        /// The longest wait before jitter, at most 7 d.
        cap: Duration,
        /// The part of the wait by which it varies up and down, 0 to 1.
        jitter: f64,
    },
    /// Always the same wait, at most 7 d.
    Fixed(Duration),
    /// One wait after the other, 1 to 20 of them; the last repeats.
    List(Vec<Duration>),
}

/// The longest wait that a policy may name.
pub const LONGEST_WAIT: Duration = Duration::from_secs(7 * 86_400);

const FIRST: Duration = Duration::from_secs(15);
const FACTOR: f64 = 2.0;
const CAP: Duration = Duration::from_secs(3600);
const JITTER: f64 = 0.2;

impl Default for Backoff {
    fn default() -> Self {
        Self::Exponential { first: FIRST, factor: FACTOR, cap: CAP, jitter: JITTER }
    }
}

/// Gives the wait after the `n`-th failure (from 1); `jitter` is a random number between 0 and 1.
///
/// Finite for every `n` and every policy, also one that was stored by hand. With a jitter of 0.5 the
/// wait is the exact one: between `first` and `cap`, and never shorter than the one before.
#[must_use]
pub fn delay(backoff: &Backoff, n: u32, jitter: f64) -> Duration {
    match backoff {
        Backoff::Fixed(wait) => (*wait).min(LONGEST_WAIT),
        Backoff::List(waits) => {
            let last = waits.len().saturating_sub(1);
            let at = (n.saturating_sub(1) as usize).min(last);
            waits.get(at).map_or(FIRST, |wait| (*wait).min(LONGEST_WAIT))
        }
        Backoff::Exponential { first, factor, cap, jitter: part } => {
            let wait = grown(*first, *factor, (*cap).min(LONGEST_WAIT), n);
            spread(wait, *part, jitter)
        }
    }
}

/// The exponent is capped before the power is taken: at 2^16 the smallest first wait has long
/// reached the longest cap, and a factor of 1 never grows.
fn grown(first: Duration, factor: f64, cap: Duration, n: u32) -> Duration {
    let exponent = n.saturating_sub(1).min(1024);
    let factor = if factor.is_finite() { factor.clamp(1.0, 10.0) } else { FACTOR };
    let seconds = first.as_secs_f64() * factor.powf(f64::from(exponent));
    if seconds.is_finite() && seconds < cap.as_secs_f64() {
        Duration::from_secs_f64(seconds)
    } else if first.is_zero() {
        Duration::ZERO
    } else {
        cap
    }
}

/// Multiplies by something between `1 - part` and `1 + part`, so that jobs which failed together do
/// not come back together.
fn spread(wait: Duration, part: f64, jitter: f64) -> Duration {
    let part = if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.0 };
    let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 0.5 };
    let shift = part * (2.0 * jitter - 1.0);
    if shift == 0.0 { wait } else { wait.mul_f64(1.0 + shift) }
}

/// Says what is wrong with a backoff.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BackoffError(String);

impl BackoffError {
    /// Gives the code of this error at every door.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "BS102"
    }
}

/// The three forms as they are written in options and settings.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    factor: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cap: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jitter: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fixed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    list: Option<Vec<String>>,
}

impl TryFrom<Written> for Backoff {
    type Error = BackoffError;

    fn try_from(written: Written) -> Result<Self, BackoffError> {
        let grows = written.first.is_some()
            || written.factor.is_some()
            || written.cap.is_some()
            || written.jitter.is_some();
        match (written.fixed, written.list, grows) {
            (Some(fixed), None, false) => Ok(Self::Fixed(wait("fixed", &fixed)?)),
            (None, Some(list), false) => read_list(&list),
            (None, None, _) => Ok(Self::Exponential {
                first: written.first.map_or(Ok(FIRST), |text| wait("first", &text))?,
                factor: between("factor", written.factor.unwrap_or(FACTOR), 1.0, 10.0)?,
                cap: written.cap.map_or(Ok(CAP), |text| wait("cap", &text))?,
                jitter: between("jitter", written.jitter.unwrap_or(JITTER), 0.0, 1.0)?,
            }),
            _ => Err(BackoffError(
                "a backoff has one of three forms: `first factor cap jitter`, or `fixed`, or `list`"
                    .into(),
            )),
        }
    }
}

fn read_list(list: &[String]) -> Result<Backoff, BackoffError> {
    if list.is_empty() || list.len() > bounds::BACKOFF_LIST {
        return Err(BackoffError(format!(
            "`list` has 1 to {} waits, this one has {}",
            bounds::BACKOFF_LIST,
            list.len()
        )));
    }
    let waits: Result<_, _> = list.iter().map(|text| wait("list", text)).collect();
    Ok(Backoff::List(waits?))
}

fn wait(option: &str, text: &str) -> Result<Duration, BackoffError> {
    let wait =
        parse_duration(text).map_err(|error| BackoffError(format!("`{option}`: {error}")))?;
    if wait > LONGEST_WAIT {
        return Err(BackoffError(format!("`{option}` is `{text}`; at most `7d`")));
    }
    Ok(wait)
}

fn between(option: &str, number: f64, least: f64, most: f64) -> Result<f64, BackoffError> {
    if (least..=most).contains(&number) {
        return Ok(number);
    }
    Err(BackoffError(format!("`{option}` is {number}; between {least} and {most}")))
}

impl From<Backoff> for Written {
    fn from(backoff: Backoff) -> Self {
        match backoff {
            Backoff::Exponential { first, factor, cap, jitter } => Self {
                first: Some(format_duration(first)),
                factor: Some(factor),
                cap: Some(format_duration(cap)),
                jitter: Some(jitter),
                ..Self::default()
            },
            Backoff::Fixed(wait) => Self { fixed: Some(format_duration(wait)), ..Self::default() },
            Backoff::List(waits) => Self {
                list: Some(waits.into_iter().map(format_duration).collect()),
                ..Self::default()
            },
        }
    }
}

#[cfg(test)]
mod tests;
