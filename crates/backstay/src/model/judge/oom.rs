//! What follows when an attempt ran out of memory: more of it, as often as the policy allows, never the same size twice.

use serde_json::{Value, json};

use super::super::outcome::Allowed;
use super::super::unit::{format_size, parse_size};

/// What follows when an attempt ran out of memory.
#[derive(Debug, Clone, PartialEq)]
pub struct OnOom {
    /// How often the job is tried again with more; default 1.
    pub retry: u16,
    /// How much more each time; default 2.
    pub factor: f64,
    /// The most memory that it may get; default 4 times the first size.
    pub most: MemoryMost,
    /// The queue that it moves to, where larger workers are.
    pub queue: Option<String>,
    /// How often its memory was raised before; stored with the job as `raised`.
    pub raised: u16,
    /// Bytes of the attempt before the first raise; stored with the job as `first`.
    pub first: Option<u64>,
}

/// The most memory that a job gets after it ran out of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MemoryMost {
    /// So many times the size of the first attempt.
    Times(f64),
    /// So many bytes.
    Bytes(u64),
}

/// The memory of the next attempt, as the settle must store it with the job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoreMemory {
    /// So many bytes.
    pub bytes: u64,
    /// The queue to move to.
    pub queue: Option<String>,
    /// How often it was raised with this, and from which size; the next judge must know both.
    pub raised: u16,
    /// Bytes of the attempt before the first raise.
    pub first: u64,
}

impl MoreMemory {
    /// Gives what is laid over the job's `on_oom`, so that the next judge knows.
    #[must_use]
    pub fn mark(&self) -> String {
        json!({ "raised": self.raised, "first": self.first }).to_string()
    }
}

impl Default for OnOom {
    fn default() -> Self {
        Self {
            retry: 1,
            factor: 2.0,
            most: MemoryMost::Times(4.0),
            queue: None,
            raised: 0,
            first: None,
        }
    }
}

/// Sizes are stored in whole MiB, as the line of waiting jobs keeps them.
const MIB: u64 = 1 << 20;

impl OnOom {
    /// Gives the size after `allowed`, or nothing where the raises are used up or would change nothing.
    #[must_use]
    pub fn next(&self, allowed: Allowed) -> Option<MoreMemory> {
        if self.raised >= self.retry {
            return None;
        }
        let first = self.first.unwrap_or(allowed.bytes);
        let factor = if self.factor.is_finite() { self.factor.clamp(1.0, 64.0) } else { 2.0 };
        let ceiling = match self.most {
            MemoryMost::Times(times) if times.is_finite() => times_of(first, times.max(1.0)),
            MemoryMost::Times(_) => u64::MAX,
            MemoryMost::Bytes(bytes) => bytes,
        };
        let wanted = times_of(allowed.bytes, factor).div_ceil(MIB).saturating_mul(MIB);
        let bytes = wanted.min(ceiling).min(allowed.most.unwrap_or(u64::MAX));
        (bytes > allowed.bytes).then(|| MoreMemory {
            bytes,
            queue: self.queue.clone(),
            raised: self.raised + 1,
            first,
        })
    }

    /// What the policy asks for, as it is written in settings; what was already raised is no part of that.
    pub(crate) fn to_json(&self) -> Value {
        let most = match self.most {
            MemoryMost::Times(times) => format!("{times}x"),
            MemoryMost::Bytes(bytes) => format_size(bytes.next_multiple_of(MIB)),
        };
        let mut json = json!({ "retry": self.retry, "factor": self.factor, "max": most });
        if let Some(queue) = &self.queue {
            json["queue"] = queue.as_str().into();
        }
        json
    }

    pub(super) fn lenient(value: &Value) -> Self {
        let built_in = Self::default();
        let count = |key| {
            let number = value.get(key).and_then(Value::as_u64);
            number.and_then(|number| u16::try_from(number).ok())
        };
        let queue = value.get("queue").and_then(Value::as_str).filter(|queue| !queue.is_empty());
        Self {
            retry: count("retry").unwrap_or(built_in.retry),
            factor: value.get("factor").and_then(Value::as_f64).unwrap_or(built_in.factor),
            most: value.get("max").and_then(Value::as_str).and_then(most).unwrap_or(built_in.most),
            queue: queue.map(str::to_owned),
            raised: count("raised").unwrap_or(0),
            first: value.get("first").and_then(Value::as_u64),
        }
    }
}

/// A float is exact enough for sizes: the result is rounded up to MiB or only compared.
fn times_of(bytes: u64, times: f64) -> u64 {
    (bytes as f64 * times) as u64
}

/// Reads `4x` or a size.
fn most(text: &str) -> Option<MemoryMost> {
    match text.strip_suffix('x') {
        Some(times) => times.parse().ok().map(MemoryMost::Times),
        None => parse_size(text).ok().map(MemoryMost::Bytes),
    }
}
