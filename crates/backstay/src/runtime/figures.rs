//! The figures of a worker, as its threads share them: nothing is counted where nobody asked for it.

use std::sync::{Arc, Mutex};

use crate::model::figures::{Family, Figures};

/// What this worker counts; empty where nobody reads it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally(Option<Arc<Mutex<Figures>>>);

impl Tally {
    pub(crate) fn new(is_read: bool) -> Tally {
        Tally(is_read.then(Arc::default))
    }

    pub(crate) fn note(&self, note: impl FnOnce(&mut Figures)) {
        if let Some(figures) = &self.0 {
            note(&mut figures.lock().expect("nobody panics while holding it"));
        }
    }

    pub(crate) fn families(&self) -> Vec<Family> {
        let figures = self.0.as_ref();
        figures.map_or_else(Vec::new, |figures| {
            figures.lock().expect("nobody panics while holding it").families()
        })
    }
}
