//! How many handlers have run in this process, since when, and, where it is wanted, when each began.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds of the wall clock, which all processes of a run share.
pub fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// What handlers count.
#[derive(Debug, Default)]
pub struct Counts {
    ran: AtomicU64,
    first_us: AtomicU64,
    begun: Option<Mutex<Vec<(u64, u64)>>>,
}

impl Counts {
    /// Starts at nothing.
    pub fn new(with_times: bool) -> Counts {
        Counts { begun: with_times.then(Mutex::default), ..Counts::default() }
    }

    /// All that a handler does.
    pub fn ran(&self, number: u64) {
        if let Some(begun) = &self.begun {
            begun.lock().unwrap_or_else(PoisonError::into_inner).push((number, now_us()));
        }
        if self.ran.fetch_add(1, Ordering::Relaxed) == 0 {
            self.first_us.store(now_us(), Ordering::Relaxed);
        }
    }

    /// Takes over what others have counted.
    pub fn set(&self, ran: u64, first_us: u64) {
        self.ran.store(ran, Ordering::Relaxed);
        self.first_us.store(first_us, Ordering::Relaxed);
    }

    /// So many handlers have run.
    pub fn total(&self) -> u64 {
        self.ran.load(Ordering::Relaxed)
    }

    /// When the first of them began; 0 while there is none.
    pub fn first_us(&self) -> u64 {
        self.first_us.load(Ordering::Relaxed)
    }

    /// Whether the beginnings are kept.
    pub fn has_times(&self) -> bool {
        self.begun.is_some()
    }

    /// Adds beginnings that were noted elsewhere.
    pub fn extend(&self, times: impl IntoIterator<Item = (u64, u64)>) {
        if let Some(begun) = &self.begun {
            begun.lock().unwrap_or_else(PoisonError::into_inner).extend(times);
        }
    }

    /// Number and beginning of each.
    pub fn times(&self) -> Vec<(u64, u64)> {
        let Some(begun) = &self.begun else { return Vec::new() };
        begun.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
