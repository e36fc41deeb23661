//! Which jobs there is memory for: the budget of a worker, and what is reserved of it.

use std::collections::HashMap;

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

/// Keeps what is reserved of a budget; the reserved bytes never exceed it.
#[derive(Debug, Clone)]
pub struct Ledger {
    budget: u64,
    reserved: u64,
    held: HashMap<i64, u64>,
}

impl Ledger {
    /// Opens the ledger of a budget in bytes.
    #[must_use]
    pub fn new(budget: u64) -> Ledger {
        Ledger { budget, reserved: 0, held: HashMap::new() }
    }

    /// Gives the whole budget in bytes.
    #[must_use]
    pub fn budget(&self) -> u64 {
        self.budget
    }

    /// Gives what is not reserved.
    #[must_use]
    pub fn free(&self) -> u64 {
        self.budget - self.reserved
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
