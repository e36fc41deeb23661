//! Pools that share a number of children, such as those of one queue, and whoever hears of them.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::news::{ChildNews, Wear};
use crate::shelf::Shelf;
use crate::standing::{Standing, Told};

/// Pools that share a number of children: where it is used up and a child of another pool is needed, the one that has done
/// nothing for the longest time goes. Cheap to clone.
#[derive(Clone)]
pub struct PoolSet {
    inner: Arc<Inner>,
}

struct Inner {
    most: usize,
    /// Children that take jobs, or will.
    standing: Arc<AtomicUsize>,
    /// One per pool, and as many as there are programs.
    shelves: Mutex<Vec<Weak<Shelf>>>,
    told: Told,
}

impl PoolSet {
    /// Makes a set of pools with at most `most` children together; `told` hears what becomes of them, on the thread that
    /// talks to all children, so it must not wait.
    pub fn new(most: usize, told: impl Fn(ChildNews) + Send + Sync + 'static) -> PoolSet {
        PoolSet {
            inner: Arc::new(Inner {
                most: most.max(1),
                standing: Arc::default(),
                shelves: Mutex::default(),
                told: Arc::new(told),
            }),
        }
    }

    pub(crate) fn join(&self, shelf: &Arc<Shelf>) {
        self.shelves().push(Arc::downgrade(shelf));
    }

    /// Counts a new child, after the longest idle one has gone where there are enough.
    pub(crate) fn enter(&self) -> Standing {
        while self.inner.standing.load(Ordering::Acquire) >= self.inner.most && self.retire() {}
        self.stand_in()
    }

    /// Counts a new child that takes the place of one which is about to go.
    pub(crate) fn stand_in(&self) -> Standing {
        Standing::new(self.inner.standing.clone(), self.inner.told.clone())
    }

    /// Sends the longest idle child away; says whether there was one.
    fn retire(&self) -> bool {
        let shelves: Vec<Arc<Shelf>> = {
            let mut shelves = self.shelves();
            shelves.retain(|shelf| shelf.strong_count() > 0);
            shelves.iter().filter_map(Weak::upgrade).collect()
        };
        let idle = shelves.iter().filter_map(|shelf| Some((shelf.longest_idle()?, shelf)));
        let Some(((_, number), shelf)) = idle.min_by_key(|((since, _), _)| *since) else {
            return false;
        };
        // Somebody may just have given it a job: then there is another look.
        if let Some(idle) = shelf.take(number) {
            idle.standing.leave();
            idle.standing.tell(ChildNews::Recycled { pid: idle.pid, cause: Wear::Place });
        }
        true
    }

    fn shelves(&self) -> MutexGuard<'_, Vec<Weak<Shelf>>> {
        self.inner.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for PoolSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let standing = self.inner.standing.load(Ordering::Relaxed);
        f.debug_struct("PoolSet")
            .field("most", &self.inner.most)
            .field("standing", &standing)
            .finish()
    }
}
