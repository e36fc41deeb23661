//! Keys through a job's life: while it waits, fails and runs, and when it has ended.

use backstay::testing::{Drained, TestQueue};
use backstay::unit::mins;
use backstay::{Backoff, Enqueued, Fail, Job, Options, Unique, enqueue, find};

use crate::act::{Act, queue};

async fn keyed(t: &TestQueue, n: i64, unique: Unique) -> Enqueued {
    let options = Options::new().unique(unique).max_retries(1).backoff(Backoff::Fixed(mins(1)));
    enqueue(t.database(), Act { n }.with(options)).await.unwrap()
}

#[tokio::test]
async fn a_key_is_held_until_its_job_has_ended_however_it_ends() {
    let handler = async |job: Act, ctx: backstay::Ctx| match (job.n, ctx.info().attempt) {
        (0, _) => Ok(()),
        (1, _) => Err(Fail::cancel("no")),
        (2, 1) => Err(Fail::from("again")),
        _ => Err(Fail::from("dead")),
    };
    let Some(t) = queue(1, handler).await else { return };
    for n in 0..3 {
        let first = keyed(&t, n, Unique::key("k")).await;
        assert!(first.created, "the key was free before {n}");
        let second = keyed(&t, n, Unique::key("k")).await;
        assert_eq!((second.id, second.created), (first.id, false));
        t.drain().await;
        if n == 2 {
            assert_eq!(keyed(&t, n, Unique::key("k")).await.id, first.id, "while it backs off");
            t.advance(mins(2)).await;
            assert_eq!(t.drain().await.dead, 1);
        }
        assert_eq!(find(t.database(), "act", "k").await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_key_until_started_lets_the_next_one_wait_while_one_runs() {
    let handler = async |job: Act, ctx: backstay::Ctx| {
        if job.n == 0 {
            let next = Act { n: 1 }.with(Options::new().unique(Unique::key("k").until_started()));
            ctx.enqueue(next).await?;
        }
        Ok::<_, Fail>(())
    };
    let Some(t) = queue(1, handler).await else { return };
    assert!(keyed(&t, 0, Unique::key("k").until_started()).await.created);
    assert!(!keyed(&t, 0, Unique::key("k").until_started()).await.created);
    assert_eq!(t.drain().await, Drained { completed: 2, ..Drained::default() });
}

#[tokio::test]
async fn a_key_for_a_period_outlives_its_job() {
    let handler = async |_: Act| Ok::<_, Fail>(());
    let Some(t) = queue(1, handler).await else { return };
    let period = || Unique::key("k").period(mins(10));
    let first = keyed(&t, 1, period()).await;
    assert_eq!(t.drain().await.completed, 1);
    let second = keyed(&t, 1, period()).await;
    assert_eq!((second.id, second.created), (first.id, false));
    t.advance(mins(11)).await;
    assert!(keyed(&t, 1, period()).await.created);
    assert_eq!(t.drain().await.completed, 1);
}
