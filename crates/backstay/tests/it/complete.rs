//! A handler that completes its job in its own transaction.

use backstay::testing::{Drained, TestQueue};
use backstay::{Ctx, Fail, JobState, Queue, State, Worker};
use sqlx_0_9::PgPool;

use crate::act::{Act, add, number, shown};

/// The pool of the application, which the worker is built with before the test has a database.
#[derive(Clone)]
struct App(std::sync::Arc<std::sync::OnceLock<PgPool>>);

async fn bill(job: Act, ctx: Ctx, State(app): State<App>) -> Result<(), Fail> {
    let mut tx = app.0.get().unwrap().begin().await?;
    if job.n == 4 {
        ctx.enqueue(Act { n: 5 }).await?;
    }
    sqlx_0_9::query("insert into ledger values ($1)").bind(job.n).execute(&mut *tx).await?;
    ctx.complete(&mut tx, "booked").await?;
    match (job.n, ctx.info().attempt) {
        // Dropped: rolled back, and yet it says that all went well.
        (2, 1) => drop(tx),
        // Committed, and then it fails.
        (3, _) => {
            tx.commit().await?;
            return Err(Fail::from("too late to fail"));
        }
        _ => tx.commit().await?,
    }
    Ok(())
}

async fn start() -> Option<TestQueue> {
    if backstay::testing::is_skipped() {
        return None;
    }
    let app = App(std::sync::Arc::default());
    let built = app.clone();
    let worker = Worker::new(move || {
        let app = built.clone();
        async move { Ok::<_, std::convert::Infallible>(app) }
    });
    let worker = worker.queue(Queue::new("default").slots(2)).handle(bill).build();
    let t = TestQueue::start(worker).await.unwrap();
    app.0.set(t.sqlx().clone()).unwrap();
    t.client().batch_execute("create table ledger (n bigint)").await.unwrap();
    Some(t)
}

#[tokio::test]
async fn the_entry_and_the_completion_commit_together() {
    let Some(t) = start().await else { return };
    let id = add(&t, 1, backstay::Options::new()).await;
    assert_eq!(t.drain().await, Drained { completed: 1, ..Drained::default() });
    assert_eq!(number(&t, "select count(*) from ledger").await, 1);
    let job = shown(&t, id).await;
    assert_eq!((job.state, job.output.as_deref()), (JobState::Completed, Some("\"booked\"")));
}

#[tokio::test]
async fn a_completion_that_was_never_committed_is_a_failure() {
    let Some(t) = start().await else { return };
    let once_a_minute =
        backstay::Options::new().backoff(backstay::Backoff::Fixed(backstay::unit::mins(1)));
    let id = add(&t, 2, once_a_minute).await;
    assert_eq!(t.drain().await, Drained { retried: 1, ..Drained::default() });
    let message = shown(&t, id).await.error.unwrap().message.unwrap();
    assert!(message.starts_with("BS203"), "{message}");
    assert_eq!(number(&t, "select count(*) from ledger").await, 0);
    t.advance(backstay::unit::mins(2)).await;
    assert_eq!(t.drain().await.completed, 1);
    assert_eq!(number(&t, "select count(*) from ledger").await, 1);
}

#[tokio::test]
async fn an_error_after_the_commit_changes_nothing() {
    let Some(t) = start().await else { return };
    let id = add(&t, 3, backstay::Options::new()).await;
    assert_eq!(t.drain().await, Drained { completed: 1, ..Drained::default() });
    assert_eq!(shown(&t, id).await.state, JobState::Completed);
    assert_eq!(number(&t, "select count(*) from ledger").await, 1);
}

#[tokio::test]
async fn jobs_that_would_be_lost_beside_it_are_refused() {
    let Some(t) = start().await else { return };
    let id = add(&t, 4, backstay::Options::new()).await;
    assert_eq!(t.drain().await, Drained { retried: 1, ..Drained::default() });
    let message = shown(&t, id).await.error.unwrap().message.unwrap();
    assert!(message.contains("call `enqueue` in the transaction"), "{message}");
    assert_eq!(number(&t, "select count(*) from ledger").await, 0);
}
