//! Why one job does not run.

use crate::model::why::{self, Why};
use crate::store::StoreError;
use crate::store::database::Database;
use crate::store::inspect as store;

/// Tells why a job does not run, or that it does, or how it ended: one reason from a closed list, with a remedy and an estimate.
///
/// ```
/// use backstay::inspect::{self, Reason, Why};
/// use backstay::testing::TestQueue;
/// use backstay::unit::hours;
/// use backstay::{Options, Queue, Request, Worker, enqueue};
/// use serde_json::json;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # if backstay::testing::is_skipped() { return Ok(()) }
/// let t = TestQueue::start(Worker::without_state().queue(Queue::new("default")).build()).await?;
/// let later = Request::new("report", json!({})).with(Options::new().run_in(hours(2)));
/// let id = enqueue(t.client(), later).await?.id;
/// let Why { reason, text, start_at, .. } = inspect::why(t.database(), id).await?;
/// assert_eq!((reason, reason.as_str()), (Reason::Scheduled, "scheduled"));
/// println!("{text}; about {start_at:?}");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// BS5xx from the database. A job that is not known is no error, but a reason.
pub async fn why(database: &Database, id: i64) -> Result<Why, StoreError> {
    Ok(why::why(&store::why(database, id).await?))
}
