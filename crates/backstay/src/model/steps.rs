//! How often something was how much, in fixed steps of which each reaches half as far again as the one before.

use std::time::Duration;

const FACTOR: f64 = 1.5;

/// A scale of steps; the last is open.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Steps {
    first: f64,
    count: usize,
}

/// How long something took, in seconds: 44 steps, the first to 1 ms, the last from 7 h on.
pub const SPANS: Steps = Steps { first: 0.001, count: 44 };
/// How much memory something had, in bytes: 24 steps, the first to 1 MiB, the last from 7 GiB on; the same as suggested limits go by.
pub const SIZES: Steps = Steps { first: 1_048_576.0, count: 24 };

impl Steps {
    /// Gives the step of a value.
    #[must_use]
    pub fn of(self, value: f64) -> usize {
        (0..self.count - 1).find(|step| value < self.end(*step)).unwrap_or(self.count - 1)
    }

    /// Gives where a step ends.
    #[must_use]
    pub fn end(self, step: usize) -> f64 {
        let step = i32::try_from(step.min(self.count)).expect("fewer than 100 steps");
        self.first * FACTOR.powi(step)
    }

    /// Gives where a step begins.
    #[must_use]
    pub fn start(self, step: usize) -> f64 {
        if step == 0 { 0.0 } else { self.end(step - 1) }
    }

    /// Gives what that part of all values is less than, between the ends of its step as if they were spread evenly there; nothing
    /// where nothing was counted. `part` is from 0 to 1.
    ///
    /// ```
    /// use backstay::model::steps::SPANS;
    ///
    /// let p50 = SPANS.quantile(&[0, 0, 10], 0.5).unwrap();
    /// assert!(p50 > 0.0015 && p50 < 0.00225);
    /// ```
    #[must_use]
    pub fn quantile(self, counts: &[u64], part: f64) -> Option<f64> {
        let all: u64 = counts.iter().sum();
        let rank = all as f64 * part;
        let mut before = 0.0;
        for (step, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let count = *count as f64;
            if before + count >= rank {
                let (start, end) = (self.start(step), self.end(step));
                return Some(start + (end - start) * ((rank - before) / count).clamp(0.0, 1.0));
            }
            before += count;
        }
        None
    }
}

/// Counts a value; a list is only as long as it must be.
pub(crate) fn saw(counts: &mut Vec<u64>, steps: Steps, value: f64) {
    let step = steps.of(value);
    if counts.len() <= step {
        counts.resize(step + 1, 0);
    }
    counts[step] += 1;
}

/// Adds counts to counts.
pub(crate) fn add(counts: &mut Vec<u64>, more: &[u64]) {
    counts.resize(counts.len().max(more.len()), 0);
    counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
}

/// Whole milliseconds.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stands_between_the_ends_of_its_step() {
        for value in [0.0, 0.000_9, 0.001, 0.02, 1.0, 59.9, 3600.0] {
            let step = SPANS.of(value);
            assert!(SPANS.start(step) <= value && value < SPANS.end(step), "{value}");
        }
        assert_eq!(SPANS.of(1e9), 43);
        assert_eq!(SIZES.of(1e15), 23);
    }

    #[test]
    fn memory_has_the_steps_by_which_limits_are_suggested() {
        let bounds = crate::model::peak::bounds_kib();
        for (step, bound) in bounds.iter().enumerate() {
            assert!((SIZES.end(step) / 1024.0 - f64::from(*bound)).abs() < 1.0, "{step}");
        }
    }

    #[test]
    fn a_quantile_is_within_half_of_the_truth() {
        let mut counts = Vec::new();
        (1..=1000).for_each(|n| saw(&mut counts, SPANS, f64::from(n) / 1000.0));
        for (part, truth) in [(0.5, 0.5), (0.95, 0.95), (0.99, 0.99)] {
            let found = SPANS.quantile(&counts, part).unwrap();
            assert!(found > truth / 1.5 && found < truth * 1.5, "{part}: {found}");
        }
        assert_eq!(SPANS.quantile(&[], 0.5), None);
        assert_eq!(SPANS.quantile(&[0, 0], 0.5), None);
    }

    #[test]
    fn counts_of_different_lengths_are_added() {
        let mut counts = vec![1, 2];
        add(&mut counts, &[1, 1, 1]);
        add(&mut counts, &[]);
        assert_eq!(counts, [2, 3, 1]);
    }
}
