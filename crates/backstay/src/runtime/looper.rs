//! The shape of every loop: how long until the next round, with jitter, and with patience after an error.

use std::time::{Duration, Instant};

/// A tiny source of chance for jitter; nothing secret depends on it.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Loops of different workers must not keep step, so each starts from its own number.
    pub(crate) fn new(seed: u128) -> Dice {
        Dice((seed ^ (seed >> 64)) as u64 | 1)
    }

    /// A number from 0 up to 1.
    pub(crate) fn roll(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// `period` give or take a fifth, so that pollers do not march in step.
    pub(crate) fn about(&mut self, period: Duration) -> Duration {
        period.mul_f64(0.8 + 0.4 * self.roll())
    }
}

/// The wait after errors: from 50 ms, doubling to 5 s.
#[derive(Debug, Clone, Default)]
pub(crate) struct Patience {
    errors: u32,
}

impl Patience {
    pub(crate) fn after_error(&mut self, dice: &mut Dice) -> Duration {
        let wait = Duration::from_millis(50)
            .saturating_mul(1 << self.errors.min(7))
            .min(Duration::from_secs(5));
        self.errors = self.errors.saturating_add(1);
        dice.about(wait)
    }

    pub(crate) fn reset(&mut self) {
        self.errors = 0;
    }

    pub(crate) fn is_worn(&self) -> bool {
        self.errors > 0
    }
}

/// Spaces the connections of one loop, however soon each of them breaks.
#[derive(Debug)]
pub(crate) struct Redial {
    every: Duration,
    begun_at: Option<Instant>,
}

impl Redial {
    pub(crate) fn new(every: Duration) -> Redial {
        Redial { every, begun_at: None }
    }

    /// A connection is being made.
    pub(crate) fn begin(&mut self) {
        self.begun_at = Some(Instant::now());
    }

    /// How long until the next may be made; nothing when that is now.
    pub(crate) fn wait(&self) -> Duration {
        self.begun_at.map_or(Duration::ZERO, |at| self.every.saturating_sub(at.elapsed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_doubles_to_five_seconds_and_starts_anew() {
        let (mut dice, mut patience) = (Dice::new(7), Patience::default());
        let first = patience.after_error(&mut dice);
        assert!(first <= Duration::from_millis(60));
        for _ in 0..50 {
            assert!(patience.after_error(&mut dice) <= Duration::from_secs(6));
        }
        patience.reset();
        assert!(!patience.is_worn());
        assert!(patience.after_error(&mut dice) <= Duration::from_millis(60));
    }

    #[test]
    fn jitter_stays_within_a_fifth() {
        let mut dice = Dice::new(42);
        for _ in 0..1000 {
            let about = dice.about(Duration::from_secs(10));
            assert!(about >= Duration::from_secs(8) && about <= Duration::from_secs(12));
        }
    }
}
