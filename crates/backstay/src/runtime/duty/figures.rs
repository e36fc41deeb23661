//! Writes down what this worker counted, for charts; and adds up what all workers counted in minutes that are over.

use uuid::Uuid;

use crate::model::count::Minutes;
use crate::runtime::worker::control::Shared;
use crate::store::statement::Link;
use crate::store::{StoreError, duty};

/// Lines of one statement, and statements of one round.
const ROWS: i32 = 2000;
const ROUNDS: usize = 20;

/// What is not written down yet; what a killed worker counted in its last 10 seconds is lost with it.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    minutes: Minutes,
}

impl Figures {
    /// One round; also the last, when the worker has ended its last job.
    pub(crate) async fn tick(
        &mut self,
        link: &Link,
        me: Uuid,
        shared: &Shared,
    ) -> Result<(), StoreError> {
        // The server's clock, since minutes of all workers are added up.
        let Some(now) = shared.heard.borrow().server_now() else { return Ok(()) };
        let minute = i64::try_from(now.as_secs() / 60).unwrap_or(0);
        self.minutes.add(minute, shared.tally.note(|figures| figures.take_fresh()));
        if let Some(rows) = self.minutes.unwritten() {
            duty::write_figures(link, me, &rows).await?;
            self.minutes.written();
        }
        Ok(())
    }
}

/// Adds up what is over.
pub(crate) async fn fold(link: &Link) -> Result<(), StoreError> {
    for _ in 0..ROUNDS {
        if duty::fold_figures(link, ROWS).await? < i64::from(ROWS) {
            break;
        }
    }
    Ok(())
}
