//! No traces: what a build without the feature `otel` has in their place.

use backstay::Worker;

use crate::settings::Environment;

/// Nothing.
pub(crate) struct Traces;

impl Traces {
    pub(crate) fn start(_environment: &Environment) -> Traces {
        Traces
    }

    pub(crate) fn of<S>(&self, worker: Worker<S>) -> Worker<S> {
        worker
    }

    pub(crate) fn end(self) {}
}
