//! How much memory the attempts of a kind had at their most, in 24 steps, and the limit that follows from it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Steps: each reaches 1.5 times as far as the one before, the first to 1 MiB, the last to 11 GiB.
const BUCKETS: u8 = 24;
const FIRST_KIB: f64 = 1024.0;
const STEP: f64 = 1.5;
/// Fewer attempts than this say too little.
const ENOUGH: u64 = 50;
/// What is suggested leaves this much room above what 99 of 100 attempts had.
const ROOM: f64 = 1.5;
/// No limit may be less.
const LEAST: u64 = 32 << 20;
const MIB: u64 = 1 << 20;

/// What the attempts of a kind had of memory in the last 30 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PeakStatus {
    /// How many attempts were counted.
    pub attempts: u64,
    /// 99 of 100 had less than this at their most, in bytes; the next of the steps, so up to half too much.
    pub p99_bytes: u64,
    /// What the newest of them might use.
    pub limit_bytes: Option<u64>,
    /// A limit that fits, in whole MiB; none while there are fewer than 50 attempts.
    pub suggested_bytes: Option<u64>,
}

/// How many attempts came to which step, as the database counts them.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Peaks {
    pub(crate) counts: BTreeMap<u8, u64>,
    pub(crate) limit_bytes: Option<u64>,
}

/// The bounds between the steps, in KiB.
pub(crate) fn bounds_kib() -> Vec<i32> {
    (0..BUCKETS - 1).map(|step| end_kib(step) as i32).collect()
}

fn end_kib(step: u8) -> f64 {
    (FIRST_KIB * STEP.powi(step.into())).round()
}

impl Peaks {
    /// What can be said of them; nothing where there are none.
    pub(crate) fn status(&self) -> Option<PeakStatus> {
        let attempts: u64 = self.counts.values().sum();
        let rank = attempts - attempts / 100;
        let mut seen = 0;
        let reaches = |(_, count): &(&u8, &u64)| {
            seen += **count;
            seen >= rank
        };
        let (step, _) = self.counts.iter().find(reaches)?;
        let p99_bytes = end_kib((*step).min(BUCKETS - 1)) as u64 * 1024;
        let fits = ((p99_bytes as f64 * ROOM) as u64).div_ceil(MIB) * MIB;
        Some(PeakStatus {
            attempts,
            p99_bytes,
            limit_bytes: self.limit_bytes,
            suggested_bytes: (attempts >= ENOUGH).then_some(fits.max(LEAST)),
        })
    }
}

impl PeakStatus {
    /// Says whether the limit may be too small: 1 attempt of 100 came near it.
    pub(crate) fn is_tight(&self) -> bool {
        self.suggested_bytes.is_some()
            && self.limit_bytes.is_some_and(|limit| self.p99_bytes > limit)
    }

    /// Says whether a quarter of the limit would do.
    pub(crate) fn is_ample(&self) -> bool {
        let fits = self.suggested_bytes.zip(self.limit_bytes);
        fits.is_some_and(|(fits, limit)| fits <= limit / 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peaks(counts: &[(u8, u64)], limit: Option<u64>) -> Option<PeakStatus> {
        Peaks { counts: counts.iter().copied().collect(), limit_bytes: limit }.status()
    }

    #[test]
    fn the_steps_reach_from_one_mib_to_eleven_gib() {
        let bounds = bounds_kib();
        assert_eq!((bounds.len(), bounds[0], bounds[1]), (23, 1024, 1536));
        assert!(bounds.is_sorted());
        assert_eq!(end_kib(BUCKETS - 1) as u64 / (1 << 20), 10, "a little less than 11 GiB");
    }

    #[test]
    fn a_limit_is_suggested_from_fifty_attempts_on_with_half_as_much_again() {
        assert_eq!(peaks(&[], None), None);
        let few = peaks(&[(10, 49)], None).unwrap();
        assert_eq!((few.attempts, few.p99_bytes, few.suggested_bytes), (49, 59_049 << 10, None));
        let enough = peaks(&[(10, 50)], None).unwrap();
        assert_eq!(enough.suggested_bytes, Some(87 * MIB), "1.5 times 57.7 MiB");
        assert_eq!(peaks(&[(0, 50)], None).unwrap().suggested_bytes, Some(LEAST));
    }

    #[test]
    fn one_attempt_of_a_hundred_does_not_count_and_the_second_does() {
        let p99 = |large| peaks(&[(3, 200 - large), (20, large)], None).unwrap().p99_bytes;
        assert_eq!(p99(2), 3456 << 10);
        assert_eq!(p99(3), (end_kib(20) as u64) << 10);
    }

    #[test]
    fn a_limit_is_tight_near_what_was_used_and_ample_far_above_it() {
        let with = |limit: u64| peaks(&[(10, 100)], Some(limit * MIB)).unwrap();
        assert!(with(57).is_tight() && !with(58).is_tight());
        assert!(with(4 * 87).is_ample() && !with(4 * 87 - 1).is_ample());
        let few = peaks(&[(10, 49)], Some(1)).unwrap();
        assert!(!few.is_tight() && !few.is_ample());
    }
}
