//! Every bound of a pool: unit, default, range.

use std::time::Duration;

use crate::output::OutputLimits;

/// Bounds a pool.
#[derive(Clone, Copy, Debug)]
pub struct PoolLimits {
    /// Attempts at once; default 4, at least 1.
    pub size: usize,
    /// Time until `ready`; default 30 s.
    pub boot: Duration,
    /// Jobs per warm child; default 1,000. With 1 every attempt has a fresh child.
    pub recycle_jobs: u32,
    /// Age of a warm child; default 1 h.
    pub recycle_age: Duration,
    /// What an attempt may print.
    pub output: OutputLimits,
}

impl Default for PoolLimits {
    fn default() -> PoolLimits {
        PoolLimits {
            size: 4,
            boot: Duration::from_secs(30),
            recycle_jobs: 1_000,
            recycle_age: Duration::from_secs(3600),
            output: OutputLimits::default(),
        }
    }
}
