//! One child's place among the children of its pools, until it takes no further job; and who hears of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::news::ChildNews;

/// Whoever hears what becomes of children.
pub(crate) type Told = Arc<dyn Fn(ChildNews) + Send + Sync>;

/// Counted as long as it takes jobs, or will.
pub(crate) struct Standing {
    standing: Arc<AtomicUsize>,
    told: Told,
    has_left: AtomicBool,
}

impl Standing {
    pub(crate) fn new(standing: Arc<AtomicUsize>, told: Told) -> Standing {
        standing.fetch_add(1, Ordering::AcqRel);
        Standing { standing, told, has_left: AtomicBool::new(false) }
    }

    pub(crate) fn leave(&self) {
        if !self.has_left.swap(true, Ordering::AcqRel) {
            self.standing.fetch_sub(1, Ordering::AcqRel);
        }
    }

    pub(crate) fn tell(&self, news: ChildNews) {
        (self.told)(news);
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        self.leave();
    }
}
