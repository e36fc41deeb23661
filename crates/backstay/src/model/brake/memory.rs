//! When to claim nothing because memory is nearly used up, and when to end an attempt before the kernel ends everything.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The marks of `[worker] brake`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MemoryMarks {
    /// Per cent of the last 10 s in which everything stood still for want of memory \[10\]; on again at half of it.
    pub full_avg10: f64,
    /// Share of the limit that may be in use \[0.85\]; on again a tenth of the limit below.
    pub used: f64,
    /// Share of the limit from which on an attempt is ended to save the others \[0.95\].
    pub evict: f64,
}

/// Where and how often a worker looks at its memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryLook {
    /// The folder that holds `proc` and `sys` \[`/`\].
    pub root: PathBuf,
    /// Between two looks \[1 s\].
    pub every: Duration,
}

impl Default for MemoryLook {
    fn default() -> MemoryLook {
        MemoryLook { root: "/".into(), every: Duration::from_secs(1) }
    }
}

/// After an attempt was ended, until the next one may be: what it gave back must show first, or one shortage takes two.
const SETTLES: Duration = Duration::from_secs(1);
/// How much lower the use must be for claims to go on.
const USED_BACK: f64 = 0.10;

/// What is wrong with the memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shortage {
    /// Everything stood still for this share of the time, in per cent.
    Pressure(f64),
    /// This share of the limit is in use.
    Used(f64),
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shortage::Pressure(full) => {
                write!(f, "everything waits for memory {full:.0} % of the time")
            }
            Shortage::Used(used) => write!(f, "{:.0} % of the limit is in use", used * 100.0),
        }
    }
}

/// What a look changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Change {
    /// From now on nothing is claimed.
    On(Shortage),
    /// Claims go on.
    Off { lasted: Duration },
}

/// The brake of memory. Times are monotonic, counted from the worker's start.
#[derive(Debug, Clone)]
pub(crate) struct MemoryBrake {
    marks: MemoryMarks,
    on: Option<(Duration, Shortage)>,
    used: Option<f64>,
    evicted_at: Option<Duration>,
}

impl MemoryBrake {
    pub(crate) fn new(marks: MemoryMarks) -> MemoryBrake {
        MemoryBrake { marks, on: None, used: None, evicted_at: None }
    }

    /// Takes in what was seen; what the host does not say counts as good.
    pub(crate) fn see(
        &mut self,
        now: Duration,
        used: Option<f64>,
        full_avg10: Option<f64>,
    ) -> Option<Change> {
        self.used = used;
        let (mut full_most, mut used_most) = (self.marks.full_avg10, self.marks.used);
        if self.on.is_some() {
            (full_most, used_most) = (full_most / 2.0, used_most - USED_BACK);
        }
        let pressure = full_avg10.filter(|full| *full > full_most).map(Shortage::Pressure);
        let shortage = used.filter(|used| *used > used_most).map(Shortage::Used).or(pressure);
        match (self.on, shortage) {
            (None, Some(shortage)) => {
                self.on = Some((now, shortage));
                Some(Change::On(shortage))
            }
            (Some((since, _)), Some(shortage)) => {
                self.on = Some((since, shortage));
                None
            }
            (Some((since, _)), None) => {
                self.on = None;
                Some(Change::Off { lasted: now.saturating_sub(since) })
            }
            (None, None) => None,
        }
    }

    pub(crate) fn shortage(&self) -> Option<Shortage> {
        self.on.map(|(_, shortage)| shortage)
    }

    pub(crate) fn is_on(&self) -> bool {
        self.on.is_some()
    }

    /// The share in use, where it is so near to the end that an attempt has to go now.
    pub(crate) fn must_evict(&self, now: Duration) -> Option<f64> {
        let settles = self.evicted_at.is_some_and(|at| now < at + SETTLES);
        self.used.filter(|used| *used >= self.marks.evict && !settles)
    }

    /// The attempt that had to go has gone.
    pub(crate) fn note_evicted(&mut self, now: Duration) {
        self.evicted_at = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MARKS: MemoryMarks = MemoryMarks { full_avg10: 10.0, used: 0.85, evict: 0.95 };

    fn is_on(looks: &[(Option<f64>, Option<f64>)]) -> Vec<bool> {
        let mut brake = MemoryBrake::new(MARKS);
        let look = |(used, full): &(Option<f64>, Option<f64>)| {
            brake.see(Duration::ZERO, *used, *full);
            brake.is_on()
        };
        looks.iter().map(look).collect()
    }

    #[test]
    fn claims_stop_beyond_the_marks_and_go_on_well_below_them() {
        let used = |share: f64| (Some(share), None);
        let looks = [used(0.85), used(0.86), used(0.76), used(0.75), used(0.80)];
        assert_eq!(is_on(&looks), [false, true, true, false, false]);
        let full = |full: f64| (None, Some(full));
        let looks = [full(10.0), full(10.1), full(5.1), full(5.0), full(9.0)];
        assert_eq!(is_on(&looks), [false, true, true, false, false]);
        // Either is enough, and both must be over.
        let looks = [(Some(0.9), Some(20.0)), (Some(0.1), Some(8.0)), (Some(0.8), Some(0.0))];
        assert_eq!(is_on(&looks), [true, true, true]);
        assert_eq!(is_on(&[(None, None)]), [false]);
    }

    #[test]
    fn an_attempt_goes_only_at_the_very_end() {
        let mut brake = MemoryBrake::new(MARKS);
        brake.see(Duration::ZERO, Some(0.94), Some(100.0));
        assert_eq!(brake.must_evict(Duration::ZERO), None);
        brake.see(Duration::ZERO, Some(0.95), None);
        assert_eq!(brake.must_evict(Duration::ZERO), Some(0.95));
    }

    #[test]
    fn after_one_has_gone_the_next_goes_only_when_what_it_gave_back_had_time_to_show() {
        let mut brake = MemoryBrake::new(MARKS);
        brake.see(Duration::ZERO, Some(0.97), None);
        brake.note_evicted(Duration::from_secs(5));
        assert_eq!(brake.must_evict(Duration::from_millis(5_999)), None);
        assert_eq!(brake.must_evict(Duration::from_secs(6)), Some(0.97));
    }

    proptest! {
        #[test]
        fn on_and_off_take_turns_and_each_has_its_reason(
            looks in prop::collection::vec((0.0f64..1.2, 0.0f64..30.0), 0..100),
        ) {
            let (mut brake, mut was_on) = (MemoryBrake::new(MARKS), false);
            for (n, (used, full)) in looks.into_iter().enumerate() {
                let now = Duration::from_secs(n as u64);
                match brake.see(now, Some(used), Some(full)) {
                    Some(Change::On(_)) => prop_assert!(!was_on && (used > 0.85 || full > 10.0)),
                    Some(Change::Off { .. }) => prop_assert!(was_on && used <= 0.75 && full <= 5.0),
                    None => prop_assert_eq!(brake.is_on(), was_on),
                }
                was_on = brake.is_on();
                prop_assert_eq!(brake.shortage().is_some(), was_on);
            }
        }
    }
}
