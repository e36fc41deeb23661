//! The testing kit itself: what it runs, what it leaves, what it says.

use std::time::{Duration, Instant};

use backstay::testing::{Drained, TestQueue, is_skipped};
use backstay::unit::{days, mins, secs};
use backstay::{BuildError, Ctx, Fail, Job, Options, Queue, Then, Worker, enqueue, enqueue_many};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize, Job, PartialEq)]
#[job(kind = "digest")]
struct Digest {
    user: i64,
}

#[derive(Debug, Serialize, Deserialize, Job)]
#[job(kind = "flaky")]
struct Flaky {
    then: String,
}

async fn digest(job: Digest) -> Result<String, Fail> {
    Ok(format!("to {}", job.user))
}

async fn flaky(job: Flaky, ctx: Ctx) -> Result<(), Fail> {
    match job.then.as_str() {
        "dead" => Err(Fail::dead("no use")),
        "snooze" if ctx.info().attempt == 1 => Err(Fail::snooze(mins(1))),
        "cancel" => Err(Fail::cancel("not wanted")),
        "retry" if ctx.info().attempt == 1 => Err("again".into()),
        "enqueue" => Ok(ctx.enqueue(Digest { user: 3 }).await?),
        "panic" => panic!("as asked"),
        _ => Ok(()),
    }
}

fn worker() -> Result<Worker<()>, BuildError> {
    Worker::without_state()
        .queue(Queue::new("default").slots(4))
        .handle(digest)
        .handle(flaky)
        .build()
}

fn flaky_job(then: &str) -> Flaky {
    Flaky { then: then.into() }
}

#[tokio::test]
async fn draining_three_jobs_takes_a_moment() {
    if is_skipped() {
        return;
    }
    let t = TestQueue::start(worker()).await.unwrap();
    let mut best = Duration::MAX;
    // Of several, since a busy machine may hold up any one.
    for _ in 0..5 {
        enqueue_many(t.sqlx(), (0..3).map(|user| Digest { user })).await.unwrap();
        let began = Instant::now();
        assert_eq!(t.drain().await, Drained { completed: 3, ..Drained::default() });
        best = best.min(began.elapsed());
    }
    assert!(best < Duration::from_millis(300), "{best:?}");
}

#[tokio::test]
async fn nothing_runs_before_the_test_says_so() {
    if is_skipped() {
        return;
    }
    let t = TestQueue::start(worker()).await.unwrap();
    let first = enqueue(t.client(), Digest { user: 1 }).await.unwrap().id;
    enqueue(t.client(), Digest { user: 2 }).await.unwrap();
    assert_eq!(t.expect_enqueued::<Digest>(|digest| digest.user == 1).await, first);
    assert_eq!(t.run_one().await, Drained { completed: 1, ..Drained::default() });
    t.expect_enqueued::<Digest>(|digest| digest.user == 2).await;
    assert_eq!(t.run_one().await.completed, 1);
    assert_eq!(t.run_one().await, Drained::default());
    t.expect_none::<Digest>().await;
    enqueue(t.client(), Digest { user: 3 }).await.unwrap();
    t.expect_enqueued::<Digest>(|digest| digest.user == 3).await;
    assert_eq!(t.drain().await.completed, 1);
}

#[tokio::test]
async fn every_end_is_counted_as_what_it_was() {
    if is_skipped() {
        return;
    }
    let t = TestQueue::start(worker()).await.unwrap();
    for then in ["dead", "snooze", "cancel", "retry", "enqueue", "ok"] {
        enqueue(t.sqlx(), flaky_job(then)).await.unwrap();
    }
    let expected =
        Drained { completed: 3, cancelled: 1, dead: 1, retried: 1, snoozed: 1, released: 0 };
    assert_eq!(t.drain().await, expected);
    let dead = t.dead::<Flaky>().await;
    assert_eq!((dead.len(), dead[0].reason.as_str()), (1, "rejected"));
    assert_eq!(
        (dead[0].job.as_ref().unwrap().then.as_str(), &*dead[0].errors),
        ("dead", &["no use".to_owned()][..])
    );

    t.advance(mins(2)).await;
    assert_eq!(t.drain().await, Drained { completed: 2, ..Drained::default() });
}

#[tokio::test]
async fn a_day_passes_at_once() {
    if is_skipped() {
        return;
    }
    let t = TestQueue::start(worker()).await.unwrap();
    let tomorrow = Options::new().run_in(days(1));
    enqueue(t.sqlx(), Digest { user: 1 }.with(tomorrow.clone())).await.unwrap();
    enqueue(t.sqlx(), Digest { user: 2 }.with(tomorrow.expires_in(days(2)))).await.unwrap();
    assert_eq!(t.drain().await, Drained::default());
    t.advance(days(1) - secs(60)).await;
    assert_eq!(t.drain().await, Drained::default());
    t.advance(days(3)).await;
    assert_eq!(t.drain().await, Drained { completed: 1, cancelled: 1, ..Drained::default() });
}

#[tokio::test]
async fn expectations_see_the_callers_transaction() {
    if is_skipped() {
        return;
    }
    let t = TestQueue::start(worker()).await.unwrap();
    let mut tx = t.sqlx().begin().await.unwrap();
    enqueue(&mut *tx, Digest { user: 7 }).await.unwrap();
    t.expect_enqueued_in::<Digest>(&mut tx, |digest| digest.user == 7).await;
    t.expect_none::<Digest>().await;
    tx.commit().await.unwrap();
    t.expect_enqueued::<Digest>(|digest| digest.user == 7).await;
}

#[tokio::test]
#[should_panic(expected = "no job of the kind `digest` is the one: 1 {\"user\": 1}")]
async fn an_expectation_that_fails_says_what_there_is() {
    if is_skipped() {
        panic!("no job of the kind `digest` is the one: 1 {{\"user\": 1}}");
    }
    let t = TestQueue::start(worker()).await.unwrap();
    enqueue(t.sqlx(), Digest { user: 1 }).await.unwrap();
    t.expect_enqueued::<Digest>(|digest| digest.user == 2).await;
}

#[tokio::test]
async fn the_clock_of_another_database_is_not_moved() {
    if is_skipped() {
        return;
    }
    let t = TestQueue::start(worker()).await.unwrap();
    let name = t.database().name().to_owned();
    t.client().batch_execute(&format!("comment on database {name} is null")).await.unwrap();
    let refused =
        t.client().batch_execute("select backstay.test_advance('1 hour')").await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "BS509");
}

#[tokio::test]
async fn a_handler_is_tried_without_a_database() {
    let worker = worker().unwrap();
    assert_eq!(worker.try_job((), Digest { user: 4 }).await.unwrap(), "to 4");
    let then = async |then: &str| worker.try_job((), flaky_job(then)).await.unwrap_err().then();
    assert_eq!(then("dead").await, Then::Dead);
    assert_eq!(then("retry").await, Then::Retry);
    assert_eq!(then("snooze").await, Then::Snooze(mins(1)));
    let panicked = worker.try_job((), flaky_job("panic")).await.unwrap_err();
    assert_eq!((panicked.then(), panicked.message()), (Then::Retry, "panicked: as asked"));
    assert!(worker.try_job((), flaky_job("enqueue")).await.unwrap().is_null());
}

#[tokio::test]
async fn a_worker_that_is_put_together_wrongly_does_not_start() {
    let twice = Worker::without_state().handle(digest).handle(digest).build();
    let Err(error) = TestQueue::start(twice).await else { panic!("it started") };
    assert_eq!(error.code(), "BS405");
}
