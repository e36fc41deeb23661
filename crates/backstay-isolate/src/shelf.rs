//! The idle children of a pool, the one used last on top.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::mpsc;

use crate::attempt::Job;
use crate::boot::Ready;
use crate::circuit::Circuit;
use crate::standing::Standing;

/// A job for an idle child, with the door through which it becomes idle again.
pub(crate) struct Delivery {
    pub(crate) job: Job,
    pub(crate) door: mpsc::Sender<Delivery>,
}

/// An idle child.
pub(crate) struct Idle {
    pub(crate) number: u64,
    pub(crate) pid: u32,
    pub(crate) since: Instant,
    pub(crate) standing: Arc<Standing>,
    pub(crate) door: mpsc::Sender<Delivery>,
}

/// Where idle children stand; children hold it weakly, so that its end closes their doors.
#[derive(Default)]
pub(crate) struct Shelf {
    /// At most one per place of the pool, and those that were booted ahead.
    idle: Mutex<Vec<Idle>>,
    /// Whether the program boots; its watchers learn from its end that the pool is gone.
    pub(crate) circuit: Circuit,
}

impl Shelf {
    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn put(&self, idle: Idle) {
        self.idle().push(idle);
    }

    pub(crate) fn pop(&self) -> Option<Idle> {
        self.idle().pop()
    }

    /// Takes a child off; nothing comes back if somebody has already given it a job.
    pub(crate) fn take(&self, number: u64) -> Option<Idle> {
        let mut idle = self.idle();
        let place = idle.iter().position(|it| it.number == number)?;
        Some(idle.remove(place))
    }

    /// Gives the child that has stood here for the longest time, and since when.
    pub(crate) fn longest_idle(&self) -> Option<(Instant, u64)> {
        self.idle().iter().map(|it| (it.since, it.number)).min()
    }

    /// Takes a child off if another one stays; says whether it did.
    pub(crate) fn take_surplus(&self, number: u64) -> bool {
        let mut idle = self.idle();
        let before = idle.len();
        if before > 1 {
            idle.retain(|it| it.number != number);
        }
        idle.len() < before
    }

    pub(crate) fn count(&self) -> usize {
        self.idle().len()
    }

    /// Gives what the program said when it was ready, if a child of it stands here.
    pub(crate) fn ready(&self) -> Option<Ready> {
        if self.idle().is_empty() {
            return None;
        }
        self.circuit.ready().map(|ready| Ready::clone(&ready))
    }
}
