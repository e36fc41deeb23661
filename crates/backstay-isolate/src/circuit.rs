//! Whether the program of a pool boots: after three failures in a row it is broken, until a trial boots.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::boot::{BootFailed, Ready};

/// One failure may be the machine's; three in a row are the program's.
const FAILURES: u32 = 3;

/// Pauses between trials: doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(60);
/// A program that was not broken for so long begins with the first pause again.
pub(crate) const CALM: Duration = Duration::from_secs(120);

/// What is known of a pool's program.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// What a child of it said last when it was ready; nothing as long as none ever was.
    pub ready: Option<Arc<Ready>>,
    /// Why it does not boot; set after three failures in a row, until a child boots again.
    pub broken: Option<Arc<BootFailed>>,
}

/// Counts boots, and tells whoever watches.
#[derive(Debug, Default)]
pub(crate) struct Circuit {
    failures: Mutex<u32>,
    health: watch::Sender<Health>,
}

impl Circuit {
    pub(crate) fn watch(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    pub(crate) fn broken(&self) -> Option<Arc<BootFailed>> {
        self.health.borrow().broken.clone()
    }

    pub(crate) fn ready(&self) -> Option<Arc<Ready>> {
        self.health.borrow().ready.clone()
    }

    /// A child is ready.
    pub(crate) fn booted(&self, ready: &Ready) {
        self.count(|failures| *failures = 0);
        self.mend(ready);
    }

    /// A command is there again, which does not prove that it starts: the next failure counts at once.
    pub(crate) fn found(&self, ready: &Ready) {
        self.count(|failures| *failures = FAILURES - 1);
        self.mend(ready);
    }

    /// A child ended before it was ready, and nobody had told it to.
    pub(crate) fn failed(&self, failed: &BootFailed) {
        let failures = self.count(|failures| *failures = failures.saturating_add(1));
        if failures >= FAILURES {
            self.health.send_modify(|health| health.broken = Some(Arc::new(failed.clone())));
        }
    }

    /// Breaks at once: it has never booted, and nothing may be claimed for it.
    pub(crate) fn cut(&self, failed: &BootFailed) {
        self.count(|failures| *failures = FAILURES - 1);
        self.failed(failed);
    }

    fn mend(&self, ready: &Ready) {
        self.health.send_if_modified(|health| {
            let known = health.ready.as_deref() == Some(ready) && health.broken.is_none();
            if !known {
                *health = Health { ready: Some(Arc::new(ready.clone())), broken: None };
            }
            !known
        });
    }

    fn count(&self, change: impl FnOnce(&mut u32)) -> u32 {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut failures);
        *failures
    }
}

/// Gives the pause before the n-th trial, counted from 0.
pub(crate) fn pause(trials: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << trials.min(6)).min(LAST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> BootFailed {
        BootFailed { message: "no module".into(), stderr: String::new(), code: "BS604" }
    }

    #[test]
    fn three_failures_in_a_row_break_it_and_one_boot_mends_it() {
        let circuit = Circuit::default();
        for _ in 0..2 {
            circuit.failed(&failed());
            assert!(circuit.broken().is_none());
        }
        circuit.booted(&Ready::default());
        circuit.failed(&failed());
        circuit.failed(&failed());
        assert!(circuit.broken().is_none(), "a boot between counts");
        circuit.failed(&failed());
        assert_eq!(circuit.broken().as_deref(), Some(&failed()));
        circuit.booted(&Ready::default());
        assert!(circuit.broken().is_none() && circuit.ready().is_some());
    }

    #[test]
    fn a_command_that_is_found_again_has_one_chance() {
        let circuit = Circuit::default();
        circuit.cut(&failed());
        assert!(circuit.broken().is_some());
        circuit.found(&Ready::default());
        assert!(circuit.broken().is_none());
        circuit.failed(&failed());
        assert!(circuit.broken().is_some());
    }

    #[test]
    fn trials_come_after_1_2_4_and_at_most_60_seconds() {
        let pauses: Vec<u64> = (0..9).map(|trials| pause(trials).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }
}
