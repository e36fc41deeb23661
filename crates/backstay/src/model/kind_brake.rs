//! The brake of a kind: when its attempts crash or run out of memory again and again, they start one at a time.

use std::time::Duration;

use super::outcome::Outcome;

/// So many such ends without a completion between them brake a kind.
const ENDS: u32 = 5;
/// They must come from so many jobs: one job alone is stopped by its own counters.
const JOBS: usize = 3;
/// From one attempt to the next, doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LAST_PAUSE: Duration = Duration::from_secs(300);

/// What is known of one kind in one worker. Times are monotonic, counted from the worker's start.
#[derive(Debug, Default)]
pub(crate) struct KindBrake {
    ends: u32,
    /// At most [`JOBS`].
    jobs: Vec<i64>,
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    pause: Duration,
    next_at: Duration,
    /// The job whose attempt is under way.
    trial: Option<i64>,
}

/// What an end changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// From now on one attempt at a time.
    Braked,
    /// One has completed: all may start again.
    Freed,
}

impl KindBrake {
    /// Notes how an attempt of the kind ended. Ends that harm nobody neither count nor excuse.
    pub(crate) fn ended(&mut self, now: Duration, job: i64, outcome: Outcome) -> Option<Change> {
        if outcome == Outcome::Completed {
            let was_held = self.held.is_some();
            *self = KindBrake::default();
            return was_held.then_some(Change::Freed);
        }
        if let Some(held) = self.held.as_mut().filter(|held| held.trial == Some(job)) {
            held.trial = None;
            held.next_at = now + held.pause;
            held.pause = held.pause.saturating_mul(2).min(LAST_PAUSE);
        }
        if !does_harm(outcome) {
            return None;
        }
        self.ends = self.ends.saturating_add(1);
        if self.jobs.len() < JOBS && !self.jobs.contains(&job) {
            self.jobs.push(job);
        }
        if self.held.is_some() || self.ends < ENDS || self.jobs.len() < JOBS {
            return None;
        }
        self.held = Some(Held { pause: FIRST_PAUSE * 2, next_at: now + FIRST_PAUSE, trial: None });
        Some(Change::Braked)
    }

    pub(crate) fn is_on(&self) -> bool {
        self.held.is_some()
    }

    /// Nothing is held against the kind.
    pub(crate) fn is_blank(&self) -> bool {
        self.ends == 0
    }

    pub(crate) fn ends(&self) -> u32 {
        self.ends
    }

    /// Gives when the next attempt may start; nothing while one is under way.
    pub(crate) fn next_at(&self) -> Option<Duration> {
        self.held.as_ref().filter(|held| held.trial.is_none()).map(|held| held.next_at)
    }

    /// Notes that an attempt was begun under the brake.
    pub(crate) fn began(&mut self, job: i64) {
        if let Some(held) = &mut self.held {
            held.trial = Some(job);
        }
    }

    /// There was nothing to begin, so it is looked again later.
    pub(crate) fn look_again_at(&mut self, at: Duration) {
        if let Some(held) = self.held.as_mut().filter(|held| held.trial.is_none()) {
            held.next_at = at;
        }
    }
}

/// Whether it counts against a kind that an attempt ended like this.
pub(crate) fn does_harm(outcome: Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Crashed
            | Outcome::Killed
            | Outcome::MemoryLimit
            | Outcome::OomKilled
            | Outcome::ProbableOom
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn braked() -> KindBrake {
        let mut brake = KindBrake::default();
        for job in 0..4 {
            assert_eq!(brake.ended(at(0), job, Outcome::Crashed), None);
        }
        assert_eq!(brake.ended(at(0), 4, Outcome::OomKilled), Some(Change::Braked));
        brake
    }

    #[test]
    fn five_harmful_ends_of_three_jobs_brake_a_kind() {
        let brake = braked();
        assert_eq!((brake.is_on(), brake.next_at()), (true, Some(at(10))));
    }

    #[test]
    fn one_or_two_jobs_alone_do_not() {
        let mut brake = KindBrake::default();
        for n in 0..50 {
            assert_eq!(brake.ended(at(0), n % 2, Outcome::Crashed), None);
        }
        assert_eq!(brake.ended(at(0), 2, Outcome::Killed), Some(Change::Braked));
    }

    #[test]
    fn a_completion_between_makes_it_blank_and_a_failure_does_not() {
        let mut brake = KindBrake::default();
        for job in 0..4 {
            brake.ended(at(0), job, Outcome::Crashed);
            brake.ended(at(0), job, Outcome::Failed);
        }
        assert_eq!(brake.ended(at(0), 9, Outcome::Completed), None);
        assert!(brake.is_blank());
        for job in 0..4 {
            assert_eq!(brake.ended(at(0), job, Outcome::Crashed), None);
        }
    }

    #[test]
    fn one_attempt_at_a_time_with_growing_pauses_until_one_completes() {
        let mut brake = braked();
        let mut now = at(10);
        let mut pauses = Vec::new();
        for job in 10..18 {
            brake.began(job);
            assert_eq!(brake.next_at(), None, "one is under way");
            // Those that began before the brake change nothing.
            assert_eq!(brake.ended(now, 3, Outcome::Crashed), None);
            assert_eq!(brake.next_at(), None);
            assert_eq!(brake.ended(now, job, Outcome::Crashed), None);
            let next = brake.next_at().unwrap();
            pauses.push((next - now).as_secs());
            now = next;
        }
        assert_eq!(pauses, [20, 40, 80, 160, 300, 300, 300, 300]);
        brake.began(20);
        assert_eq!(brake.ended(now, 20, Outcome::Completed), Some(Change::Freed));
        assert!(!brake.is_on());
    }
}
