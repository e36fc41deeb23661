//! Which jobs there is memory for: the budget of a worker, and what is reserved of it.

use std::time::Duration;

use super::job::JobMap;

/// Of the limit, so that the kernel's own needs and what no limit counts have room, in hundredths.
const BUDGET_HUNDREDTHS: u64 = 90;

/// Gives the memory that all jobs of a worker may use together: 90 % of `limit`, less what the worker keeps for itself.
///
/// ```
/// use backstay::model::admit::budget;
/// assert_eq!(budget(1000, 100), 800);
/// ```
#[must_use]
pub fn budget(limit: u64, reserve: u64) -> u64 {
    (limit / 100 * BUDGET_HUNDREDTHS).saturating_sub(reserve)
}

/// From this share of the budget on a start is large, as a divisor.
const LARGE: u64 = 4;
/// From one start of a large job to the next: what the first takes is seen before the second takes as much.
const RAMP: Duration = Duration::from_millis(250);
/// What one eviction takes from the budget, as a divisor of what it was at the start.
const LOWERED: u64 = 10;

/// Keeps what is reserved of a budget; what is reserved never exceeds the budget of its time.
#[derive(Debug, Clone)]
pub struct Ledger {
    budget: u64,
    at_start: u64,
    reserved: u64,
    held: JobMap<u64>,
    /// No large job starts in a new process before.
    next_large: Duration,
}

impl Ledger {
    /// Opens the ledger of a budget in bytes.
    #[must_use]
    pub fn new(budget: u64) -> Ledger {
        Ledger {
            budget,
            at_start: budget,
            reserved: 0,
            held: JobMap::default(),
            next_large: Duration::ZERO,
        }
    }

    /// Gives the whole budget in bytes.
    #[must_use]
    pub fn budget(&self) -> u64 {
        self.budget
    }

    /// Gives what is not reserved; nothing where the budget was lowered below that.
    #[must_use]
    pub fn free(&self) -> u64 {
        self.budget.saturating_sub(self.reserved)
    }

    /// Lowers the budget by a tenth of what it was at the start, not below `least`; it never grows again.
    pub fn lower(&mut self, least: u64) {
        let lower = self.budget.saturating_sub(self.at_start / LOWERED);
        self.budget = lower.max(least).min(self.budget);
    }

    /// Reserves for a job that begins now, in a new process or not; false, and nothing changes, where there is no room,
    /// or a large one was started in a new process a moment ago. `now` is monotonic.
    pub fn begin(&mut self, now: Duration, job: i64, bytes: u64, is_new: bool) -> bool {
        let is_large = is_new && bytes > self.budget / LARGE;
        if is_large && now < self.next_large || !self.reserve(job, bytes) {
            return false;
        }
        if is_large {
            self.next_large = now + RAMP;
        }
        true
    }

    /// Tells for how many more jobs of this size there is room; any number where they need none.
    #[must_use]
    pub fn room_for(&self, bytes: u64) -> u64 {
        self.free().checked_div(bytes).unwrap_or(u64::MAX)
    }

    /// Reserves for a job; false, and nothing changes, where there is no room or it has a reservation already.
    pub fn reserve(&mut self, job: i64, bytes: u64) -> bool {
        if bytes > self.free() || self.held.contains_key(&job) {
            return false;
        }
        self.reserved += bytes;
        self.held.insert(job, bytes);
        true
    }

    /// Gives back what a job had; nothing where it had nothing.
    pub fn release(&mut self, job: i64) {
        self.reserved -= self.held.remove(&job).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_worker_keeps_its_own_part_and_small_hosts_have_none_to_give() {
        assert_eq!(budget(1 << 30, 128 << 20), (1 << 30) / 100 * 90 - (128 << 20));
        assert_eq!(budget(64 << 20, 128 << 20), 0);
    }

    #[test]
    fn what_is_given_back_can_be_reserved_again() {
        let mut ledger = Ledger::new(100);
        assert!(ledger.reserve(1, 60) && !ledger.reserve(2, 60));
        assert_eq!((ledger.free(), ledger.room_for(20), ledger.room_for(0)), (40, 2, u64::MAX));
        ledger.release(1);
        ledger.release(1);
        assert!(ledger.reserve(2, 100));
    }

    #[test]
    fn large_jobs_start_one_after_another_and_warm_children_do_not_wait() {
        let mut ledger = Ledger::new(1000);
        let at = Duration::from_millis;
        assert!(ledger.begin(at(0), 1, 251, true));
        assert!(!ledger.begin(at(249), 2, 251, true));
        assert!(ledger.begin(at(249), 3, 250, true) && ledger.begin(at(249), 4, 251, false));
        assert!(!ledger.begin(at(250), 2, 251, true), "there is no room");
        ledger.release(1);
        assert!(ledger.begin(at(250), 2, 251, true));
    }

    #[test]
    fn each_eviction_lowers_the_budget_by_a_tenth_of_the_first_and_not_below_the_largest_kind() {
        let mut ledger = Ledger::new(1000);
        assert!(ledger.reserve(1, 950));
        ledger.lower(300);
        assert_eq!((ledger.budget(), ledger.free()), (900, 0));
        (0..20).for_each(|_| ledger.lower(300));
        assert_eq!(ledger.budget(), 300);
        ledger.lower(5000);
        assert_eq!(ledger.budget(), 300, "it never grows");
        ledger.release(1);
        assert!(ledger.reserve(2, 300) && !ledger.reserve(3, 1));
    }

    proptest! {
        #[test]
        fn reserved_never_exceeds_the_budget_and_returns_to_nothing(
            budget in 0u64..10_000,
            steps in prop::collection::vec((0i64..20, 0u64..5_000, any::<bool>()), 0..200),
        ) {
            let mut ledger = Ledger::new(budget);
            for (job, bytes, gives_back) in steps {
                if gives_back {
                    ledger.release(job);
                } else {
                    let free = ledger.free();
                    let got = ledger.reserve(job, bytes);
                    prop_assert_eq!(ledger.free(), if got { free - bytes } else { free });
                }
                prop_assert_eq!(ledger.reserved, ledger.held.values().sum::<u64>());
                prop_assert!(ledger.reserved <= budget);
            }
            (0..20).for_each(|job| ledger.release(job));
            prop_assert_eq!(ledger.free(), budget);
        }
    }
}
