//! The figures of a worker, as its threads share them.

use std::sync::{Arc, Mutex};

use crate::model::figures::{Family, Figures};

/// What this worker counts, for monitoring and for charts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally(Arc<Mutex<Figures>>);

impl Tally {
    pub(crate) fn note<T>(&self, note: impl FnOnce(&mut Figures) -> T) -> T {
        note(&mut self.0.lock().expect("nobody panics while holding it"))
    }

    pub(crate) fn families(&self) -> Vec<Family> {
        self.note(|figures| figures.families())
    }
}
