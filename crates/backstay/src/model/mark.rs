//! Low marks: where in a line a claim may begin, so that it does not walk over the dead rows of all that came before.

use std::collections::VecDeque;
use std::time::Duration;

/// How long ago a number must have been passed before a claim may begin at it.
///
/// Rows of transactions that took their numbers earlier and commit later lie below the mark; the looks from
/// the start find them (every 30 s, and whenever `lowered_seq` moves).
pub const MARGIN: Duration = Duration::from_secs(10);
/// One pair per this long is remembered, so that 64 of them span the margin.
const STEP: Duration = Duration::from_millis(200);
const PAIRS: usize = 64;

/// The low mark of one level of one queue, as one worker sees it. Times are monotonic, from any fixed start.
#[derive(Debug, Clone, Default)]
pub struct Mark {
    low: i64,
    seen: VecDeque<(Duration, i64)>,
}

impl Mark {
    /// Remembers the highest entry number that a claim returned.
    pub fn saw(&mut self, now: Duration, seq: i64) {
        self.age(now);
        let full = self.seen.len() >= PAIRS;
        match self.seen.back_mut() {
            // Joining a younger time to an older number only makes the mark more careful.
            Some(last) if full || now.saturating_sub(last.0) < STEP => {
                *last = (if full { now } else { last.0 }, last.1.max(seq));
            }
            _ => self.seen.push_back((now, seq)),
        }
    }

    /// Gives the entry number at which a claim may begin now.
    pub fn low(&mut self, now: Duration) -> i64 {
        self.age(now);
        self.low
    }

    /// Falls back to the start of the line.
    pub fn reset(&mut self) {
        *self = Mark::default();
    }

    fn age(&mut self, now: Duration) {
        while let Some(&(at, seq)) = self.seen.front() {
            // A pair gathers numbers for one step, so its newest may be that much younger than its time.
            if now.saturating_sub(at) < MARGIN + STEP {
                break;
            }
            self.low = self.low.max(seq);
            self.seen.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_counts_only_after_the_margin() {
        let mut mark = Mark::default();
        mark.saw(Duration::from_secs(1), 500);
        assert_eq!(mark.low(Duration::from_secs(10)), 0);
        assert_eq!(mark.low(Duration::from_secs(12)), 500);
        mark.reset();
        assert_eq!(mark.low(Duration::from_secs(100)), 0);
    }

    proptest! {
        #[test]
        fn the_mark_never_passes_a_number_younger_than_the_margin(
            steps in prop::collection::vec((0u64..3000, 0i64..1000), 1..300)
        ) {
            let mut mark = Mark::default();
            let (mut now, mut all) = (Duration::ZERO, Vec::new());
            for (wait, seq) in steps {
                now += Duration::from_millis(wait);
                mark.saw(now, seq);
                all.push((now, seq));
                let old = all.iter().filter(|(at, _)| now - *at >= MARGIN).map(|p| p.1).max().unwrap_or(0);
                prop_assert!(mark.low(now) <= old);
                prop_assert!(mark.seen.len() <= PAIRS);
            }
        }
    }
}
