//! What an attempt uses right now, as the watch saw it last, for whoever looks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What the tree of an attempt used when it was last looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Resident memory in bytes.
    pub memory_bytes: u64,
    /// CPU time since the attempt began.
    pub cpu: Duration,
    /// Processes and threads.
    pub processes: u32,
}

/// Where the last look at one attempt stands; cheap to clone, clones share it.
#[derive(Clone, Debug, Default)]
pub struct Gauge {
    last: Arc<Mutex<Usage>>,
}

impl Gauge {
    /// Gives what the attempt's tree used when it was last looked at, at most 250 ms ago; costs nothing. All is 0 before the
    /// first look, and after the end all but the CPU time.
    pub fn read(&self) -> Usage {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set(&self, usage: Usage) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = usage;
    }
}
