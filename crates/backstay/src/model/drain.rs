//! How a worker stops: a small state machine that is told the time and what is left, and says what
//! to do next.

use std::time::Duration;

/// How far a worker is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It works.
    Running,
    /// It claims nothing; its jobs may finish.
    Draining {
        /// Since when, on the monotonic clock.
        since: Duration,
    },
    /// What has not finished was told to stop.
    Cancelling {
        /// Since when.
        since: Duration,
    },
    /// What has not stopped is being killed.
    Killing {
        /// Since when.
        since: Duration,
    },
    /// The last verdicts are being written, and its jobs given back.
    Releasing {
        /// Since when.
        since: Duration,
    },
    /// It said goodbye; it never beats again.
    Gone,
}

/// What the worker is to do now; each is said once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Stop claiming, and tell the children that so much time is left.
    StopClaiming {
        /// Until what is left gets cancelled.
        left: Duration,
    },
    /// Ask every running job to stop.
    Cancel {
        /// Until it gets killed.
        grace: Duration,
    },
    /// Kill what still runs.
    Kill,
    /// Write the verdicts that wait, and give back every job that is still in hand.
    Release,
    /// Write the goodbye row, stop beating and exit.
    SayGoodbye,
}

/// What the worker still holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Attempts that still run.
    pub running: usize,
    /// Verdicts that are not yet accepted.
    pub unsettled: usize,
}

impl Left {
    /// Nothing is left.
    pub const NOTHING: Self = Self { running: 0, unsettled: 0 };
}

/// How long killed processes may take to go; a process in an uninterruptible wait must not hold up
/// a deploy, for its job is rescued anyway.
const KILL_WAIT: Duration = Duration::from_secs(5);
/// How long the last verdicts may take; without a database nobody can write them, and rescue will.
const RELEASE_WAIT: Duration = Duration::from_secs(5);
/// The most grace that a drain leaves between asking and killing.
const GRACE_MOST: Duration = Duration::from_secs(5);

/// A worker's way out.
#[derive(Debug, Clone)]
pub struct Drain {
    phase: Phase,
    timeout: Duration,
    grace: Duration,
}

impl Drain {
    /// Prepares a way out that takes `timeout` for what runs, of which `grace` (at most 5 s) lies
    /// between asking to stop and killing.
    #[must_use]
    pub fn new(timeout: Duration, grace: Duration) -> Self {
        Self { phase: Phase::Running, timeout, grace: grace.min(GRACE_MOST).min(timeout) }
    }

    /// Tells how far it is.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Tells whether new jobs may be taken.
    #[must_use]
    pub fn may_claim(&self) -> bool {
        self.phase == Phase::Running
    }

    /// Tells whether leases must still be renewed: until the goodbye, and never after it.
    #[must_use]
    pub fn must_beat(&self) -> bool {
        self.phase != Phase::Gone
    }

    /// Asks to stop: the first time it begins, the second time the wait is skipped, the third time
    /// the grace too.
    pub fn stop(&mut self, now: Duration) -> Option<Step> {
        match self.phase {
            Phase::Running => {
                self.phase = Phase::Draining { since: now };
                Some(Step::StopClaiming { left: self.wait() })
            }
            Phase::Draining { .. } => Some(self.cancel(now)),
            Phase::Cancelling { .. } => Some(self.kill(now)),
            Phase::Killing { .. } | Phase::Releasing { .. } | Phase::Gone => None,
        }
    }

    /// Asks to stop without any wait: kill, give back, exit.
    pub fn quit(&mut self, now: Duration) -> Option<Step> {
        match self.phase {
            Phase::Running | Phase::Draining { .. } | Phase::Cancelling { .. } => {
                Some(self.kill(now))
            }
            Phase::Killing { .. } | Phase::Releasing { .. } | Phase::Gone => None,
        }
    }

    /// Goes on by time and by what is left; to be called a few times a second and after each end.
    pub fn tick(&mut self, now: Duration, left: Left) -> Option<Step> {
        let over = |since: Duration, wait: Duration| now.saturating_sub(since) >= wait;
        match self.phase {
            Phase::Running | Phase::Gone => None,
            Phase::Draining { .. } | Phase::Cancelling { .. } | Phase::Killing { .. }
                if left.running == 0 =>
            {
                Some(self.release(now))
            }
            Phase::Draining { since } => over(since, self.wait()).then(|| self.cancel(now)),
            Phase::Cancelling { since } => over(since, self.grace).then(|| self.kill(now)),
            Phase::Killing { since } => over(since, KILL_WAIT).then(|| self.release(now)),
            Phase::Releasing { since } => {
                let done = left == Left::NOTHING || over(since, RELEASE_WAIT);
                done.then(|| self.say_goodbye())
            }
        }
    }

    fn wait(&self) -> Duration {
        self.timeout.saturating_sub(self.grace)
    }

    fn cancel(&mut self, now: Duration) -> Step {
        self.phase = Phase::Cancelling { since: now };
        Step::Cancel { grace: self.grace }
    }

    fn kill(&mut self, now: Duration) -> Step {
        self.phase = Phase::Killing { since: now };
        Step::Kill
    }

    fn release(&mut self, now: Duration) -> Step {
        self.phase = Phase::Releasing { since: now };
        Step::Release
    }

    fn say_goodbye(&mut self) -> Step {
        self.phase = Phase::Gone;
        Step::SayGoodbye
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn drain() -> Drain {
        Drain::new(s(25), s(10))
    }

    const BUSY: Left = Left { running: 3, unsettled: 1 };
    const WRITING: Left = Left { running: 0, unsettled: 1 };

    #[test]
    fn a_worker_with_stubborn_jobs_goes_all_the_way_in_time() {
        let mut drain = drain();
        assert_eq!(drain.tick(s(99), BUSY), None);
        assert_eq!(drain.stop(s(100)), Some(Step::StopClaiming { left: s(20) }));
        assert!(!drain.may_claim());
        assert_eq!(drain.tick(s(119), BUSY), None);
        assert_eq!(drain.tick(s(120), BUSY), Some(Step::Cancel { grace: s(5) }));
        assert_eq!(drain.tick(s(124), BUSY), None);
        assert_eq!(drain.tick(s(125), BUSY), Some(Step::Kill));
        assert_eq!(drain.tick(s(126), WRITING), Some(Step::Release));
        assert_eq!(drain.tick(s(127), WRITING), None);
        assert!(drain.must_beat());
        assert_eq!(drain.tick(s(128), Left::NOTHING), Some(Step::SayGoodbye));
        assert!(!drain.must_beat());
        assert_eq!(drain.tick(s(129), Left::NOTHING), None);
    }

    #[test]
    fn an_idle_worker_is_gone_at_once() {
        let mut drain = drain();
        assert!(drain.stop(s(1)).is_some());
        assert_eq!(drain.tick(s(1), Left::NOTHING), Some(Step::Release));
        assert_eq!(drain.tick(s(1), Left::NOTHING), Some(Step::SayGoodbye));
    }

    #[test]
    fn the_second_stop_skips_the_wait_and_the_third_the_grace() {
        let mut drain = drain();
        assert!(drain.stop(s(1)).is_some());
        assert_eq!(drain.stop(s(2)), Some(Step::Cancel { grace: s(5) }));
        assert_eq!(drain.stop(s(3)), Some(Step::Kill));
        assert_eq!(drain.stop(s(4)), None);
    }

    #[test]
    fn a_quit_kills_whatever_runs() {
        let mut drain = drain();
        assert_eq!(drain.quit(s(1)), Some(Step::Kill));
        assert_eq!(drain.quit(s(1)), None);
        assert_eq!(drain.tick(s(1), WRITING), Some(Step::Release));
    }

    #[test]
    fn a_process_that_cannot_be_killed_and_a_lost_database_hold_nobody_up() {
        let mut drain = drain();
        assert_eq!(drain.quit(s(0)), Some(Step::Kill));
        assert_eq!(drain.tick(s(5), BUSY), Some(Step::Release));
        assert_eq!(drain.tick(s(10), BUSY), Some(Step::SayGoodbye));
    }

    #[test]
    fn a_timeout_shorter_than_the_grace_cancels_at_once() {
        let mut drain = Drain::new(s(2), s(10));
        assert_eq!(drain.stop(s(0)), Some(Step::StopClaiming { left: s(0) }));
        assert_eq!(drain.tick(s(0), BUSY), Some(Step::Cancel { grace: s(2) }));
    }

    proptest! {
        #[test]
        fn a_drain_ends_from_every_state_says_each_step_once_and_goodbye_last(
            stops in prop::collection::vec((0u8..3, 0usize..3, 0usize..3), 0..20),
            timeout in 0u64..100, grace in 0u64..100,
        ) {
            let mut drain = Drain::new(s(timeout), s(grace));
            let mut said = Vec::new();
            let mut now = Duration::ZERO;
            for (what, running, unsettled) in stops {
                now += s(1);
                said.extend(match what {
                    0 => drain.stop(now),
                    1 => drain.quit(now),
                    _ => drain.tick(now, Left { running, unsettled }),
                });
                prop_assert_eq!(drain.must_beat(), !said.contains(&Step::SayGoodbye));
            }
            said.extend(drain.stop(now));
            for _ in 0..timeout + 20 {
                now += s(1);
                said.extend(drain.tick(now, BUSY));
            }
            prop_assert_eq!(drain.phase(), Phase::Gone);
            prop_assert_eq!(said.last(), Some(&Step::SayGoodbye));
            for (at, step) in said.iter().enumerate() {
                prop_assert!(!said[at + 1..].contains(step));
            }
            prop_assert!(said.contains(&Step::Release));
        }
    }
}
