//! Jobs that harm whoever touches them: only they are billed.

use std::time::Duration;

use backstay::testing::Drained;
use backstay::unit::{mins, secs};
use backstay::{Backoff, Fail, JobState, Options};
use serde_json::json;

use crate::act::{Act, add, add_raw, number, queue, shown};

fn last() -> Options {
    Options::new().max_retries(0)
}

#[tokio::test]
async fn a_panic_is_one_failed_attempt_and_the_others_run() {
    let handler = async |job: Act| {
        assert!(job.n != 3, "three is too many");
        Ok::<_, Fail>(())
    };
    let Some(t) = queue(2, handler).await else { return };
    for n in 0..8 {
        add(&t, n, last()).await;
    }
    assert_eq!(t.drain().await, Drained { completed: 7, dead: 1, ..Drained::default() });
    let dead = t.dead::<Act>().await;
    assert_eq!(dead[0].errors, ["panicked: three is too many"]);
    let class = "select count(*) from backstay.attempt where error_class = 'panic'";
    assert_eq!(number(&t, class).await, 1);
}

#[tokio::test]
async fn args_that_cannot_be_read_fail_their_job_alone() {
    let Some(t) = queue(2, async |_: Act| Ok::<_, Fail>(())).await else { return };
    let bad = add_raw(&t, "act", json!({ "n": "seven" })).await;
    for n in 0..5 {
        add(&t, n, last()).await;
    }
    assert_eq!(t.drain().await, Drained { completed: 5, retried: 1, ..Drained::default() });
    let error = shown(&t, bad).await.error.unwrap();
    assert_eq!(error.outcome.as_deref(), Some("failed"));
    assert!(error.message.unwrap().contains("invalid type: string \"seven\""));
    let class = "select count(*) from backstay.attempt where error_class = 'undecodable'";
    assert_eq!(number(&t, class).await, 1);
}

#[tokio::test]
async fn a_kind_that_nobody_knows_is_set_aside_with_its_reason_and_never_fails() {
    let Some(t) = queue(1, async |_: Act| Ok::<_, Fail>(())).await else { return };
    let id = add_raw(&t, "unheard", json!({})).await;
    add(&t, 1, Options::new()).await;
    assert_eq!(t.drain().await.completed, 1);
    t.advance(mins(2)).await;
    crate::act::until("it is set aside", async || shown(&t, id).await.state == JobState::Parked)
        .await;
    let reason = "select count(*) from backstay.parked where reason = 'unknown_kind' and subject = 'unheard'";
    assert_eq!(number(&t, reason).await, 1);
    assert_eq!(t.drain().await, Drained::default());
    assert_eq!(shown(&t, id).await.attempt, 0);
}

#[tokio::test]
async fn a_handler_that_blocks_its_thread_costs_its_slot_and_nothing_else() {
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let stopped = std::sync::Arc::new(std::sync::Mutex::new(stopped));
    let handler = move |job: Act| {
        let stopped = stopped.clone();
        async move {
            if job.n == 0 {
                // Blocks the thread until the test lets go.
                let _timed_out = stopped.lock().unwrap().recv_timeout(Duration::from_secs(20));
            }
            Ok::<_, Fail>(())
        }
    };
    let Some(t) = queue(2, handler).await else { return };
    let options = last().timeout(secs(1)).backoff(Backoff::Fixed(mins(1)));
    add(&t, 0, options).await;
    for n in 1..6 {
        add(&t, n, Options::new()).await;
    }
    assert_eq!(t.drain().await, Drained { completed: 5, dead: 1, ..Drained::default() });
    assert_eq!(t.dead::<Act>().await[0].reason, "timed_out");
    let survivors = "select count(*) from backstay.attempt where survivor";
    assert_eq!(number(&t, survivors).await, 1);
    add(&t, 9, Options::new()).await;
    assert_eq!(t.drain().await.completed, 1, "the other slot is open");
    drop(stop);
}
