//! Warm children of one program: idle, busy, recycled; and fresh processes for commands behind the same door.

use std::time::Duration;

use crate::output::OutputLimits;
use crate::run::{Order, Run};
use crate::spawn::{Launcher, Program};

/// Bounds a pool.
#[derive(Clone, Copy, Debug)]
pub struct PoolLimits {
    /// Attempts at once; default 4.
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

/// What a program said when it was ready.
#[derive(Clone, Debug, Default)]
pub struct Ready {
    /// The kinds that it runs; empty for commands.
    pub kinds: Vec<String>,
    /// Its name for people.
    pub name: Option<String>,
}

/// A program that cannot take jobs.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct BootFailed {
    /// What happened and what to do.
    pub message: String,
    /// The last 16 KiB of its stderr.
    pub stderr: String,
    /// `BS603` (not executable), `BS604` (boot failed) or `BS703` (no common protocol).
    pub code: &'static str,
}

/// Children of one program.
#[derive(Clone, Debug)]
pub struct Pool {}

impl Pool {
    /// Makes a pool without starting anything.
    pub fn new(launcher: Launcher, program: Program, limits: PoolLimits) -> Pool {
        drop((launcher, program, limits));
        todo!()
    }

    /// Boots one child, or for a command looks the program up; to be called before the first claim.
    ///
    /// # Errors
    /// [`BootFailed`], at the latest when `boot` is over.
    pub async fn boot(&self) -> Result<Ready, BootFailed> {
        todo!()
    }

    /// Starts an attempt as soon as fewer than `size` are under way; never fails, since a child that
    /// cannot be started is an ending too.
    ///
    /// # Cancellation
    /// Dropped while it waits for room, nothing was started.
    pub async fn run(&self, order: Order) -> Run {
        drop(order);
        todo!()
    }
}
