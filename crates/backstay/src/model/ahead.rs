//! How many jobs a queue may hold beyond its slots, so that a slot which gets free need not wait for the database.
//!
//! Where jobs take a millisecond, asking for the next ones takes longer than running them. So a queue whose jobs have all
//! been short for a while holds some that wait for a slot, for a few milliseconds. What is held so cannot be overtaken by
//! more urgent work, and is lost with its worker like all that it holds: therefore few, and only where they are short.

use std::time::Duration;

/// What is held waits this long for a slot at most, as far as the last runs tell.
const WAIT: Duration = Duration::from_millis(10);
/// Slots and what waits for them are no more than this together; a queue of more slots holds nothing beyond them.
const HELD_MOST: u16 = 64;
/// Until enough short runs were seen, a run is taken to last this long.
const UNKNOWN: Duration = Duration::from_secs(1);
/// A short run takes this part off what a run is taken to last; a longer one counts whole, at once.
const FADES: u32 = 16;

/// What the runs of one queue have lately lasted.
#[derive(Debug, Clone)]
pub struct Ahead {
    lasts: Duration,
}

impl Default for Ahead {
    fn default() -> Ahead {
        Ahead { lasts: UNKNOWN }
    }
}

impl Ahead {
    /// Notes how long a job was in its slot.
    pub fn ran(&mut self, took: Duration) {
        self.lasts = took.max(self.lasts - self.lasts / FADES);
    }

    /// Gives how many jobs may be held beyond so many slots.
    ///
    /// ```
    /// use std::time::Duration;
    /// use backstay::model::ahead::Ahead;
    ///
    /// let mut ahead = Ahead::default();
    /// assert_eq!(ahead.beyond(8), 0);
    /// (0..200).for_each(|_| ahead.ran(Duration::from_micros(500)));
    /// assert_eq!(ahead.beyond(8), 56);
    /// ahead.ran(Duration::from_secs(2));
    /// assert_eq!(ahead.beyond(8), 0);
    /// ```
    #[must_use]
    pub fn beyond(&self, slots: u16) -> u16 {
        let most = HELD_MOST.saturating_sub(slots);
        let turns = WAIT.as_micros() / self.lasts.as_micros().max(1);
        u16::try_from(turns.saturating_mul(slots.into())).unwrap_or(u16::MAX).min(most)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_held_is_bounded_and_begins_within_the_wait(
            slots in 1..2000u16,
            runs in prop::collection::vec(0..3_000_000u64, 0..300),
        ) {
            let mut ahead = Ahead::default();
            runs.iter().for_each(|micros| ahead.ran(Duration::from_micros(*micros)));
            let beyond = ahead.beyond(slots);
            prop_assert!(beyond == 0 || slots + beyond <= HELD_MOST);
            // Each slot has so many to run before the last of them begins.
            let rounds = u32::from(beyond.div_ceil(slots));
            let last = Duration::from_micros(runs.last().copied().unwrap_or(0));
            prop_assert!(beyond == 0 || last * rounds <= WAIT + last);
        }

        #[test]
        fn one_long_run_ends_it_for_as_long_as_it_is_remembered(micros in 80_001..10_000_000u64) {
            let mut ahead = Ahead::default();
            (0..500).for_each(|_| ahead.ran(Duration::from_micros(100)));
            prop_assert!(ahead.beyond(8) > 0);
            ahead.ran(Duration::from_micros(micros));
            prop_assert_eq!(ahead.beyond(8), 0);
        }
    }
}
