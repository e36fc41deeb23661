//! Counts what stands where, exactly, and never so often that the database works for that alone.

use std::time::{Duration, Instant};

use crate::store::statement::Link;
use crate::store::{StoreError, duty};

/// Queues that are counted; the first by name.
const QUEUES: i32 = 1000;
/// A count is followed by this many times its own length without one.
const REST: u32 = 20;

/// When it was done last, and how long that took.
#[derive(Debug, Default)]
pub(crate) struct Count {
    last: Option<(Instant, Duration)>,
}

impl Count {
    /// One round.
    pub(crate) async fn tick(&mut self, link: &Link) -> Result<(), StoreError> {
        if self.last.is_some_and(|(at, took)| at.elapsed() < took * REST) {
            return Ok(());
        }
        let began = Instant::now();
        duty::count(link, QUEUES).await?;
        self.last = Some((Instant::now(), began.elapsed()));
        Ok(())
    }
}
