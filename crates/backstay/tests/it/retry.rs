//! What becomes of an attempt that failed and of one that asked for more time.

use std::time::Duration;

use backstay::testing::Drained;
use backstay::unit::{mins, secs};
use backstay::{Backoff, Ctx, Fail, JobState, Options};

use crate::act::{Act, Notes, add, number, queue, shown};

fn minutely() -> Options {
    Options::new().backoff(Backoff::Fixed(mins(1)))
}

#[tokio::test]
async fn a_failure_is_tried_again_after_its_wait_and_not_before() {
    let handler = async |_: Act, ctx: Ctx| match ctx.info().attempt {
        1 => Err(Fail::from("the sink is down")),
        _ => Ok("sent"),
    };
    let Some(t) = queue(1, handler).await else { return };
    let id = add(&t, 1, minutely()).await;
    assert_eq!(t.drain().await, Drained { retried: 1, ..Drained::default() });

    let job = shown(&t, id).await;
    assert_eq!((job.state, job.attempt, job.retry_count), (JobState::Scheduled, 1, 1));
    let error = job.error.unwrap();
    assert_eq!((error.attempt, error.outcome.as_deref()), (Some(1), Some("failed")));
    assert_eq!(error.message.as_deref(), Some("the sink is down"));

    t.advance(secs(50)).await;
    assert_eq!(t.drain().await, Drained::default());
    t.advance(secs(11)).await;
    assert_eq!(t.drain().await, Drained { completed: 1, ..Drained::default() });
    let job = shown(&t, id).await;
    assert_eq!((job.attempt, job.retry_count, job.output.as_deref()), (2, 1, Some("\"sent\"")));
}

#[tokio::test]
async fn each_wait_doubles_by_default_within_its_jitter() {
    let handler = async |_: Act| Err::<(), _>(Fail::from("no"));
    let Some(t) = queue(1, handler).await else { return };
    let id = add(&t, 1, Options::new()).await;
    let mut expected = 15.0;
    for _ in 0..5 {
        assert_eq!(t.drain().await.retried, 1);
        let sql = format!(
            "select (extract(epoch from run_at - backstay.clock()) * 1000)::bigint \
             from backstay.scheduled where job_id = {id}"
        );
        let wait = number(&t, &sql).await as f64 / 1000.0;
        assert!(wait > expected * 0.8 - 1.0 && wait < expected * 1.2, "{wait} for {expected}");
        t.advance(Duration::from_secs_f64(wait + 0.5)).await;
        expected *= 2.0;
    }
}

#[tokio::test]
async fn a_handler_may_name_the_wait_itself() {
    let handler = async |_: Act, ctx: Ctx| match ctx.info().attempt {
        1 => Err(Fail::retry_in(mins(10), "rate limited").class("http.429")),
        _ => Ok(()),
    };
    let Some(t) = queue(1, handler).await else { return };
    let id = add(&t, 1, minutely()).await;
    assert_eq!(t.drain().await.retried, 1);
    t.advance(mins(9)).await;
    assert_eq!(t.drain().await, Drained::default());
    t.advance(mins(2)).await;
    assert_eq!(t.drain().await.completed, 1);
    assert_eq!(shown(&t, id).await.retry_count, 1, "it was a failure all the same");
    let class = "select count(*) from backstay.attempt where error_class = 'http.429'";
    assert_eq!(number(&t, class).await, 1);
}

#[tokio::test]
async fn a_snooze_costs_no_retry() {
    let handler = async |_: Act, ctx: Ctx| match ctx.info().attempt {
        1..=3 => Err(Fail::snooze(mins(5))),
        _ => Ok(()),
    };
    let Some(t) = queue(1, handler).await else { return };
    let id = add(&t, 1, Options::new().max_retries(0)).await;
    for _ in 0..3 {
        assert_eq!(t.drain().await, Drained { snoozed: 1, ..Drained::default() });
        t.advance(mins(5)).await;
    }
    assert_eq!(t.drain().await.completed, 1);
    let job = shown(&t, id).await;
    assert_eq!((job.attempt, job.retry_count, job.snooze_count), (4, 0, 3));
}

#[tokio::test]
async fn attempts_see_how_often_they_were_tried() {
    let notes = Notes::new();
    let wrote = notes.clone();
    let handler = move |_: Act, ctx: Ctx| {
        let info = ctx.info();
        wrote.add((info.attempt, info.retry_count, info.max_retries));
        async { Err::<(), _>(Fail::from("no")) }
    };
    let Some(t) = queue(1, handler).await else { return };
    add(&t, 1, minutely().max_retries(2)).await;
    for _ in 0..3 {
        t.drain().await;
        t.advance(mins(2)).await;
    }
    assert_eq!(notes.all(), [(1, 0, 2), (2, 1, 2), (3, 2, 2)]);
}

#[tokio::test]
async fn an_attempt_past_its_timeout_is_ended_and_tried_again() {
    let notes = Notes::new();
    let wrote = notes.clone();
    let handler = move |_: Act, ctx: Ctx| {
        let wrote = wrote.clone();
        async move {
            if ctx.info().attempt == 1 {
                ctx.cancelled().await;
                wrote.add("told");
                std::future::pending::<()>().await;
            }
            Ok::<_, Fail>(())
        }
    };
    let Some(t) = queue(1, handler).await else { return };
    let id = add(&t, 1, minutely().timeout(secs(1))).await;
    assert_eq!(t.drain().await, Drained { retried: 1, ..Drained::default() });
    assert_eq!(notes.all(), ["told"]);
    let error = shown(&t, id).await.error.unwrap();
    assert_eq!(error.outcome.as_deref(), Some("timed_out"));
    t.advance(mins(2)).await;
    assert_eq!(t.drain().await.completed, 1);
}
