//! The testing kit: a database of its own for each test, a worker that runs until idle, a clock that moves.
//!
//! A test gets a private copy of a migrated template (some 50 ms; the first test of a machine's day starts a
//! PostgreSQL first) with the application's own worker on it. The worker claims nothing until it is told to, so
//! that a test can look at what was enqueued, move the clock, and then let everything run that is due.
//!
//! ```
//! use backstay::testing::TestQueue;
//! use backstay::unit::secs;
//! use backstay::{BuildError, Fail, Job, Options, Worker, enqueue};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize, Job)]
//! #[job(kind = "digest")]
//! struct Digest { user: i64 }
//!
//! async fn digest(job: Digest) -> Result<String, Fail> {
//!     Ok(format!("to {}", job.user))
//! }
//!
//! fn worker() -> Result<Worker<()>, BuildError> {
//!     Worker::without_state().handle(digest).build()
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! # if backstay::testing::is_skipped() { return }
//! // In a `#[tokio::test]`:
//! let t = TestQueue::start(worker()).await.unwrap();
//! enqueue(t.sqlx(), Digest { user: 1 }.with(Options::new().run_in(secs(30)))).await.unwrap();
//!
//! t.expect_enqueued::<Digest>(|digest| digest.user == 1).await;
//! assert_eq!(t.drain().await.completed, 0, "it is not due yet");
//!
//! t.advance(secs(31)).await;
//! assert_eq!(t.drain().await.completed, 1);
//! t.expect_none::<Digest>().await;
//! # }
//! ```
//!
//! What a handler makes of its args can be tried without any database: [`Worker::try_job`](crate::Worker::try_job).
//!
//! `BACKSTAY_TEST_DATABASE_URL` names another server to make the databases on; `DATABASE_URL` is never read.

mod clock;
mod expect;
pub(crate) mod place;
mod queue;
mod trial;

pub use backstay_postgres::template::is_skipped;

pub use expect::Dead;
pub use queue::{Drained, TestError, TestQueue};
