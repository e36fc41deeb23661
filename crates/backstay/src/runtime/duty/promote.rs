//! Brings what is due into line, within a second of its time.

use std::time::{Duration, Instant};

use crate::failpoint::failpoint;
use crate::store::statement::Link;
use crate::store::{StoreError, duty};

/// Rows of one statement; while it is full the next follows at once.
const ROWS: i32 = 1000;
/// Statements of one round, so that other duties get their turn.
const ROUNDS: usize = 50;
/// The usual look begins this long before now; what is older was promoted before.
const LOOK_BACK: Duration = Duration::from_secs(60);
/// Every so often it begins at the start, for rows that were written late.
const FROM_START: Duration = Duration::from_secs(30);

/// When the next is due.
#[derive(Debug, Default)]
pub(crate) struct Promote {
    from_start_at: Option<Instant>,
    next_in: Option<Duration>,
}

impl Promote {
    /// The wait until the next round: until something is due, but no longer than usual.
    pub(crate) fn next_in(&self, usual: Duration) -> Duration {
        // A statement that runs a moment early finds nothing, so it is a moment late.
        self.next_in.map_or(usual, |next| usual.min(next + Duration::from_millis(2)))
    }

    /// One round.
    pub(crate) async fn tick(&mut self, link: &Link) -> Result<(), StoreError> {
        let from_start = self.from_start_at.is_none_or(|at| at.elapsed() >= FROM_START);
        let look_back = (!from_start).then_some(LOOK_BACK);
        let mut moved_all = 0;
        for _ in 0..ROUNDS {
            failpoint!("promote.before_send");
            let (moved, next_in) = duty::promote(link, ROWS, look_back).await?;
            failpoint!("promote.after_commit", if moved > 0);
            self.next_in = next_in;
            moved_all += moved;
            if moved < i64::from(ROWS) {
                break;
            }
            self.next_in = Some(Duration::ZERO);
        }
        if from_start {
            self.from_start_at = Some(Instant::now());
        }
        if moved_all > 0 {
            duty::wake(link).await?;
        }
        Ok(())
    }
}
