//! What a running attempt used when its worker last told: with each beat, of the largest only.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

/// Attempts of one beat: what a worker's row carries must stay small, and what matters is who takes most.
pub(crate) const MOST: usize = 32;

/// One attempt at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// The job's id; text, as in every document.
    pub job: String,
    /// The number of the attempt.
    pub attempt: i32,
    /// Resident memory of its processes, in bytes.
    pub rss: u64,
    /// The memory that they may have, in bytes.
    pub limit: Option<u64>,
    /// Processor time since it began, in milliseconds.
    pub cpu_ms: u64,
    /// How much isolation the host granted, such as `cgroup`.
    pub level: String,
}

/// Keeps the [`MOST`] with the most memory, the largest first.
pub(crate) fn largest(mut samples: Vec<Sample>) -> Vec<Sample> {
    samples.sort_by_key(|sample| Reverse(sample.rss));
    samples.truncate(MOST);
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_the_largest_are_told() {
        let sample = |n: u64| Sample {
            job: n.to_string(),
            attempt: 1,
            rss: n % 40,
            limit: None,
            cpu_ms: 0,
            level: "rlimit".into(),
        };
        let told = largest((0..40).map(sample).collect());
        let sizes: Vec<u64> = told.iter().map(|sample| sample.rss).collect();
        assert_eq!(sizes, (8..40).rev().collect::<Vec<_>>());
        assert!(largest(Vec::new()).is_empty());
    }
}
