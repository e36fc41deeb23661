//! How an attempt is ended: the ladder from asking to killing, and the kill of a whole tree of processes.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::process::{Process, below, of_session};
use crate::program::Mode;

/// A shim needs milliseconds to kill a tree; one that has not done it by now is stopped or stuck.
const SHIM_ANSWERS: Duration = Duration::from_secs(3);

/// Uninterruptible sleep can last; after this the attempt is settled without its process.
const GIVE_UP: Duration = Duration::from_secs(30);

/// How long a child may take to leave after `drain`.
const LEAVES: Duration = Duration::from_secs(2);

/// The kill of a tree takes milliseconds; this bounds it against a fork bomb.
const SWEEP: Duration = Duration::from_secs(2);

/// What was killed needs processor time to let go of its memory, and on a busy machine a job in the background gets the
/// least of it. Who still stands after this long, before the attempt is given up, is stuck.
const DIES: Duration = Duration::from_secs(20);

/// From one look at what was killed to the next.
const LOOK: Duration = Duration::from_millis(1);

/// The same in the end, where it takes long: looking must not take what dying needs.
const LAST_LOOK: Duration = Duration::from_millis(50);

/// What to do next to a child that is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Tell it: a `cancel` message, or SIGTERM for a command.
    Ask,
    /// SIGTERM to its group.
    Insist,
    /// SIGKILL to every process of its tree, by its shim.
    Kill,
    /// The shim does not do it: end the shim, and sweep from here.
    KillShim,
    /// Settle without waiting any longer.
    GiveUp,
}

/// The steps ahead, each with its time.
#[derive(Debug)]
pub(crate) struct Ladder {
    steps: VecDeque<(Instant, Step)>,
}

impl Ladder {
    pub(crate) fn asking(now: Instant, mode: Mode, grace: Duration) -> Ladder {
        let mut ladder = Ladder::killing(now + grace);
        if mode == Mode::Warm {
            ladder.steps.push_front((now + grace / 2, Step::Insist));
        }
        ladder.steps.push_front((now, Step::Ask));
        ladder
    }

    pub(crate) fn leaving(now: Instant) -> Ladder {
        Ladder::killing(now + LEAVES)
    }

    pub(crate) fn killing(at: Instant) -> Ladder {
        let steps =
            [(at, Step::Kill), (at + SHIM_ANSWERS, Step::KillShim), (at + GIVE_UP, Step::GiveUp)];
        Ladder { steps: steps.into() }
    }

    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.steps.front().map(|(at, _)| *at)
    }

    /// Takes the next step if its time has come.
    pub(crate) fn climb(&mut self, now: Instant) -> Option<Step> {
        if self.next_at()? > now {
            return None;
        }
        self.steps.pop_front().map(|(_, step)| step)
    }

    /// Says whether the kill is already behind us.
    pub(crate) fn has_killed(&self) -> bool {
        !self.steps.iter().any(|(_, step)| *step == Step::Kill)
    }

    /// Says whether the kill comes by then, or is behind us.
    pub(crate) fn kills_by(&self, then: Instant) -> bool {
        self.steps.iter().all(|(at, step)| *step != Step::Kill || *at <= then)
    }
}

/// Stops, then kills everything below `root` until nothing is left or 2 s have passed; `reap` takes
/// the dead away and says whether children remain.
pub(crate) fn kill_below(root: i32, reap: impl FnMut() -> bool) {
    kill_for(SWEEP, LOOK, reap, || below(root));
}

/// Kills what is left of a session whose shim has died; returns whether nothing is left.
pub(crate) fn kill_session(session: i32) -> bool {
    let remains = || !of_session(session).is_empty();
    kill_for(DIES, LAST_LOOK, remains, || of_session(session));
    !remains()
}

/// Kills for so long, or until nothing remains, with ever longer waits up to the longest.
fn kill_for(
    lasts: Duration,
    longest: Duration,
    mut remains: impl FnMut() -> bool,
    look: impl Fn() -> Vec<Process>,
) {
    let (until, mut wait) = (Instant::now() + lasts, LOOK);
    while remains() && Instant::now() < until {
        kill_until_quiet(&look);
        std::thread::sleep(wait);
        wait = (wait * 2).min(longest);
    }
}

/// Stops all before it kills the first, looking again until no new process appears: whoever sees a
/// sibling die has no time left to fork.
fn kill_until_quiet(look: impl Fn() -> Vec<Process>) {
    let mut stopped: HashSet<(i32, u64)> = HashSet::new();
    let mut processes = look();
    // A tree grows by at least one generation a round, or it is quiet; 64 bounds a fork bomb.
    for _ in 0..64 {
        let fresh: Vec<Process> =
            processes.iter().filter(|it| stopped.insert((it.pid, it.started))).copied().collect();
        if fresh.is_empty() {
            break;
        }
        fresh.iter().for_each(|process| process.signal(Signal::STOP));
        processes = look();
    }
    processes.iter().for_each(|process| process.signal(Signal::KILL));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(ladder: &mut Ladder, start: Instant) -> Vec<(u64, Step)> {
        let far = start + Duration::from_secs(3600);
        let mut steps = Vec::new();
        while let Some(at) = ladder.next_at() {
            let step = ladder.climb(far).unwrap();
            steps.push(((at - start).as_secs(), step));
        }
        steps
    }

    #[test]
    fn a_warm_child_is_told_then_signalled_then_killed() {
        let start = Instant::now();
        let mut ladder = Ladder::asking(start, Mode::Warm, Duration::from_secs(10));
        let expected = [
            (0, Step::Ask),
            (5, Step::Insist),
            (10, Step::Kill),
            (13, Step::KillShim),
            (40, Step::GiveUp),
        ];
        assert_eq!(seconds(&mut ladder, start), expected);
    }

    #[test]
    fn a_command_is_signalled_then_killed() {
        let start = Instant::now();
        let mut ladder = Ladder::asking(start, Mode::Command, Duration::from_secs(10));
        assert_eq!(ladder.climb(start), Some(Step::Ask));
        assert_eq!(ladder.climb(start + Duration::from_secs(9)), None);
        assert!(!ladder.has_killed());
        assert!(!ladder.kills_by(start + Duration::from_secs(9)));
        assert!(ladder.kills_by(start + Duration::from_secs(10)));
        assert_eq!(ladder.climb(start + Duration::from_secs(10)), Some(Step::Kill));
        assert!(ladder.has_killed() && ladder.kills_by(start));
    }
}
