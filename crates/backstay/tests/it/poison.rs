//! Jobs that harm whoever touches them: only they are billed.

use std::time::Duration;

use backstay::testing::Drained;
use backstay::unit::{mins, secs};
use backstay::{Backoff, Ctx, Fail, JobState, Options};
use serde_json::json;
use serde_json::value::RawValue;

use crate::act::{Act, Live, add, add_raw, number, queue, shown, until};
use crate::database::connect;

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
    until("it is set aside", async || shown(&t, id).await.state == JobState::Parked).await;
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

#[tokio::test]
async fn a_verdict_that_the_database_refuses_in_every_form_holds_up_no_other_job() {
    let handler = async |job: Act| match job.n {
        0 => Err(Fail::dead("as asked")),
        _ => Ok(()),
    };
    let Some(live) = Live::start(2, handler, |_| ()).await else { return };
    let client = connect(&live.place.url).await;
    // What an operator's own rule may do.
    let rule = "create function public.no() returns trigger language plpgsql as \
                $$ begin raise check_violation using message = 'no dead letters here'; end $$; \
                create trigger no before insert on backstay.dead_letter execute function public.no()";
    client.batch_execute(rule).await.unwrap();
    let refused = live.add(0, Options::new()).await;
    for n in 1..=20 {
        live.add(n, Options::new()).await;
    }
    let done = "select count(*) from backstay.history where state = 'completed'";
    let completed = async || client.query_one(done, &[]).await.unwrap().get::<_, i64>(0) == 20;
    until("the others are done", completed).await;
    assert_eq!(live.shown(refused).await.state, JobState::Running, "its verdict is kept, not lost");
    client.batch_execute("drop trigger no on backstay.dead_letter").await.unwrap();
    let Live { mut running, database, place } = live;
    running.drain().await;
    running.join().await;
    let job = backstay::show(&database, refused).await.unwrap().unwrap();
    assert_eq!(job.state, JobState::Dead, "it is written once the database takes it");
    drop(place);
}

#[tokio::test]
async fn an_output_that_jsonb_refuses_becomes_a_note_and_keeps_no_slot() {
    let handler = async |job: Act| {
        let deep = || "[".repeat(100_000) + &"]".repeat(100_000);
        let text = match job.n {
            0 => deep(),
            1 => r#""\ud800""#.to_owned(),
            2 => "1e999999".to_owned(),
            _ => "7".to_owned(),
        };
        Ok::<_, Fail>(RawValue::from_string(text).unwrap())
    };
    let Some(t) = queue(2, handler).await else { return };
    let mut ids = Vec::new();
    for n in 0..6 {
        ids.push(add(&t, n, last()).await);
    }
    assert_eq!(t.drain().await, Drained { completed: 6, ..Drained::default() });
    for (n, id) in ids.into_iter().enumerate() {
        let job = shown(&t, id).await;
        let output = job.output.unwrap();
        let is_note = output.contains("backstay_note");
        assert_eq!(is_note, n < 3, "{n}: {output}");
    }
    // Both slots are open: two more run side by side.
    add(&t, 7, last()).await;
    add(&t, 8, last()).await;
    assert_eq!(t.drain().await.completed, 2);
}

#[tokio::test]
async fn an_output_that_jsonb_refuses_is_not_blamed_on_the_jobs_beside_it() {
    let handler = async |job: Act, ctx: Ctx| {
        if job.n == 0 {
            ctx.enqueue(Act { n: 1 }).await?;
        }
        Ok::<_, Fail>(RawValue::from_string(r#""\ud800""#.to_owned()).unwrap())
    };
    let Some(t) = queue(1, handler).await else { return };
    let id = add(&t, 0, last()).await;
    assert_eq!(t.drain().await, Drained { completed: 2, ..Drained::default() });
    let output = shown(&t, id).await.output.unwrap();
    assert!(output.contains("backstay_note"), "{output}");
}
