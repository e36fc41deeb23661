//! Whether the threads that a supervisor lives by still turn: each counts, and the spawner looks whether the count grows.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// Between two looks.
pub(crate) const LOOK: Duration = Duration::from_secs(1);
/// Children that are told to end get so long before this process ends without them; their shims do the rest.
const CHILDREN_END: Duration = Duration::from_secs(3);
/// What a process ends with that is broken and had better be started anew.
const BROKEN: i32 = 70;

/// The count of one thread, watched as long as this value lives; see [`crate::Launcher::pulse`].
#[derive(Debug)]
pub struct Pulse(Arc<AtomicU64>);

impl Pulse {
    /// Says that the thread turns.
    pub fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// How long one count has stood still, in looks: time in which nobody looked, since this process stood still or its host
/// slept, is held against nobody.
#[derive(Debug)]
struct Silence {
    count: u64,
    looks: u64,
    most: u64,
}

impl Silence {
    /// Says whether it has lasted for too long.
    fn look(&mut self, count: u64) -> bool {
        self.looks = if count == self.count { self.looks + 1 } else { 0 };
        self.count = count;
        self.looks >= self.most
    }
}

struct Watched {
    name: &'static str,
    pulse: Weak<AtomicU64>,
    silence: Silence,
}

/// All pulses of a process; as many as it has loops, which are few.
#[derive(Default)]
pub(crate) struct Pulses(Mutex<Vec<Watched>>);

impl Pulses {
    pub(crate) fn add(&self, name: &'static str, most: Duration) -> Pulse {
        let pulse = Pulse(Arc::default());
        let silence = Silence { count: 0, looks: 0, most: most.as_secs().max(1) };
        let watched = Watched { name, pulse: Arc::downgrade(&pulse.0), silence };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(watched);
        pulse
    }

    /// Looks once, and names a thread that has stood still for too long.
    fn look(&self) -> Option<&'static str> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut silent = None;
        all.retain_mut(|watched| {
            let Some(count) = watched.pulse.upgrade() else { return false };
            if watched.silence.look(count.load(Ordering::Relaxed)) {
                silent = Some(watched.name);
            }
            true
        });
        silent
    }
}

/// What the spawner needs to end a supervisor whose threads stand still.
pub(crate) struct Guard {
    pub(crate) pulses: Arc<Pulses>,
    pub(crate) stopping: watch::Sender<bool>,
    pub(crate) alive: watch::Receiver<usize>,
}

impl Guard {
    /// Looks once; does not return where a thread has stood still for too long.
    pub(crate) fn look(&self) {
        let Some(name) = self.pulses.look() else { return };
        tracing::error!(
            "{name} stands still, which is a bug; all children are killed, and this process ends"
        );
        self.stopping.send_replace(true);
        let end = Instant::now() + CHILDREN_END;
        while *self.alive.borrow() > 0 && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
        std::process::exit(BROKEN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_stands_still_is_silent_after_so_many_looks_and_not_before() {
        let mut silence = Silence { count: 0, looks: 0, most: 3 };
        assert_eq!([1, 1, 1, 1].map(|count| silence.look(count)), [false, false, false, true]);
        assert!(!silence.look(2), "it turns again");
        assert_eq!([2, 2, 2].map(|count| silence.look(count)), [false, false, true]);
    }

    #[test]
    fn a_pulse_is_watched_as_long_as_it_lives() {
        let pulses = Pulses::default();
        let (turns, stands) = (pulses.add("turns", LOOK * 2), pulses.add("stands", LOOK * 2));
        let look = || {
            turns.beat();
            pulses.look()
        };
        assert_eq!([look(), look(), look()], [None, Some("stands"), Some("stands")]);
        drop(stands);
        assert_eq!(look(), None);
    }
}
