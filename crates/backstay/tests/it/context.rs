//! What a handler leaves with its job: progress, checkpoints, jobs of its own, its output.

use std::time::Duration;

use backstay::testing::Drained;
use backstay::unit::mins;
use backstay::{Backoff, Ctx, Fail, Job, JobState, Options, Request};
use serde_json::value::RawValue;

use crate::act::{Act, Notes, add, number, queue, shown, until};

fn minutely() -> Options {
    Options::new().backoff(Backoff::Fixed(mins(1)))
}

#[tokio::test]
async fn progress_is_seen_while_the_job_runs() {
    let handler = async |_: Act, ctx: Ctx| {
        ctx.progress(40.0, "page 12 \0 of 30");
        ctx.cancelled().await;
        Ok::<_, Fail>(())
    };
    let Some(t) = queue(1, handler).await else { return };
    let id = add(&t, 1, Options::new()).await;
    let look = async {
        until("its progress shows", async || shown(&t, id).await.progress.is_some()).await;
        let progress = shown(&t, id).await.progress.unwrap();
        assert_eq!(progress.percent, Some(40.0));
        assert_eq!(progress.note.as_deref(), Some("page 12 \u{fffd} of 30"));
        backstay::cancel(t.database(), id, "").await.unwrap();
    };
    let (drained, ()) = tokio::join!(t.drain(), look);
    assert_eq!(drained.cancelled, 1);
}

#[tokio::test]
async fn a_checkpoint_is_handed_to_the_next_attempt() {
    let notes = Notes::new();
    let wrote = notes.clone();
    let handler = move |_: Act, ctx: Ctx| {
        let wrote = wrote.clone();
        async move {
            let page: u32 = ctx.restored().unwrap_or(0);
            wrote.add(page);
            if page < 20 {
                ctx.checkpoint(&(page + 10)).await?;
                return Err(Fail::from("half-way"));
            }
            Ok(page)
        }
    };
    let Some(t) = queue(1, handler).await else { return };
    let id = add(&t, 1, minutely()).await;
    for _ in 0..3 {
        t.drain().await;
        t.advance(mins(2)).await;
    }
    assert_eq!(notes.all(), [0, 10, 20]);
    assert_eq!(shown(&t, id).await.output.as_deref(), Some("20"));
}

#[tokio::test]
async fn a_checkpoint_over_the_limit_or_with_nul_is_refused_to_the_handler_alone() {
    let notes = Notes::new();
    let wrote = notes.clone();
    let handler = move |_: Act, ctx: Ctx| {
        let wrote = wrote.clone();
        async move {
            let large = ctx.checkpoint(&"x".repeat(70_000)).await.unwrap_err();
            wrote.add(large.code().to_owned());
            assert!(ctx.checkpoint(&"a\0b").await.is_err());
            ctx.checkpoint(&1).await?;
            Ok::<_, Fail>(())
        }
    };
    let Some(t) = queue(1, handler).await else { return };
    add(&t, 1, Options::new()).await;
    assert_eq!((t.drain().await.completed, notes.all()), (1, vec!["BS202".to_owned()]));
}

#[tokio::test]
async fn jobs_of_a_handler_come_with_its_completion_or_not_at_all() {
    let handler = async |job: Act, ctx: Ctx| {
        if job.n < 10 {
            ctx.enqueue(Act { n: 10 + job.n }.with(Options::new().run_in(mins(60)))).await?;
            ctx.enqueue(Act { n: 20 + job.n }.with(Options::new().run_in(mins(60)))).await?;
        }
        match job.n {
            1 => Err(Fail::dead("no")),
            _ => Ok(()),
        }
    };
    let Some(t) = queue(1, handler).await else { return };
    add(&t, 0, Options::new()).await;
    add(&t, 1, Options::new()).await;
    assert_eq!(t.drain().await, Drained { completed: 1, dead: 1, ..Drained::default() });
    t.expect_enqueued::<Act>(|act| act.n == 10).await;
    t.expect_enqueued::<Act>(|act| act.n == 20).await;
    assert_eq!(number(&t, "select count(*) from backstay.job").await, 2);
}

#[tokio::test]
async fn a_job_of_a_handler_that_is_refused_makes_its_completion_a_failure() {
    let handler = async |job: Act, ctx: Ctx| {
        if job.n == 2 || ctx.info().attempt == 1 {
            let options = Options::new().set("priorty", 3);
            ctx.enqueue(Request::new("other", serde_json::json!({})).with(options)).await?;
        }
        Ok::<_, Fail>(())
    };
    let Some(t) = queue(1, handler).await else { return };
    let id = add(&t, 1, Options::new()).await;
    assert_eq!(t.drain().await, Drained { retried: 1, ..Drained::default() });
    let message = shown(&t, id).await.error.unwrap().message.unwrap();
    assert!(message.starts_with("BS101") && message.contains("priority"), "{message}");
    assert_eq!(number(&t, "select count(*) from backstay.job where kind = 'other'").await, 0);
    t.advance(mins(2)).await;
    assert_eq!(t.drain().await.completed, 1);

    add(&t, 2, Options::new().max_retries(0)).await;
    assert_eq!(t.drain().await, Drained { dead: 1, ..Drained::default() }, "not for ever");
}

#[tokio::test]
async fn an_output_that_cannot_be_kept_never_undoes_the_completion() {
    let handler = async |job: Act| match job.n {
        1 => Ok::<_, Fail>("x".repeat(300_000)),
        2 => Ok("a\0b".to_owned()),
        _ => Ok("fine".to_owned()),
    };
    let Some(t) = queue(3, handler).await else { return };
    let mut ids = Vec::new();
    for n in 1..=3 {
        ids.push(add(&t, n, Options::new()).await);
    }
    assert_eq!(t.drain().await, Drained { completed: 3, ..Drained::default() });
    for id in &ids[..2] {
        let output = shown(&t, *id).await.output.unwrap();
        assert!(output.contains("backstay_note"), "{output}");
    }
    assert_eq!(shown(&t, ids[2]).await.output.as_deref(), Some("\"fine\""));
}

#[tokio::test]
async fn a_backslash_before_u0000_is_no_nul() {
    let Some(t) = queue(1, async |_: Act| Ok::<_, Fail>("\\u0000")).await else { return };
    let id = add(&t, 1, Options::new()).await;
    t.drain().await;
    assert_eq!(shown(&t, id).await.output.as_deref(), Some(r#""\\u0000""#));
}

#[tokio::test]
async fn texts_with_nul_and_of_any_length_are_kept_as_far_as_they_can_be() {
    let handler = async |job: Act| match job.n {
        1 => Err::<(), _>(Fail::dead(format!("a\0b{}", "x".repeat(100_000))).class("c\0d")),
        2 => Err(Fail::cancel("e\0f")),
        _ => Err(Fail::dead("g\0h").fingerprint("i\0j")),
    };
    let Some(t) = queue(3, handler).await else { return };
    for n in 1..=3 {
        add(&t, n, Options::new()).await;
    }
    assert_eq!(t.drain().await, Drained { dead: 2, cancelled: 1, ..Drained::default() });
    let kept = t.dead::<Act>().await;
    let of_first = kept.iter().find(|dead| dead.job == Some(Act { n: 1 })).unwrap();
    assert!(of_first.errors[0].starts_with("a\u{fffd}bxxx"), "{}", &of_first.errors[0][..20]);
    assert!(of_first.errors[0].len() <= 5000);
}

/// JSON that Rust takes and PostgreSQL does not.
fn lone_surrogate() -> Box<RawValue> {
    RawValue::from_string("\"\\ud800\"".to_owned()).unwrap()
}

#[tokio::test]
async fn a_verdict_that_is_refused_after_a_lock_timeout_does_not_stop_the_claims() {
    let handler = async |job: Act| {
        if job.n == 1 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok::<_, Fail>((job.n == 1).then(lone_surrogate))
    };
    let Some(t) = queue(1, handler).await else { return };
    let id = add(&t, 1, Options::new()).await;
    let hold = async {
        until("it runs", async || shown(&t, id).await.state == JobState::Running).await;
        let mut tx = t.sqlx().begin().await.unwrap();
        let lock = format!("select from backstay.running where job_id = {id} for update");
        sqlx_0_9::query(sqlx_0_9::AssertSqlSafe(lock)).execute(&mut *tx).await.unwrap();
        // Longer than the worker's lock timeout of 500 ms.
        tokio::time::sleep(Duration::from_millis(900)).await;
        tx.rollback().await.unwrap();
    };
    let (drained, ()) = tokio::join!(t.drain(), hold);
    assert_eq!(drained, Drained { completed: 1, ..Drained::default() });
    assert!(shown(&t, id).await.output.unwrap().contains("backstay_note"));
    add(&t, 2, Options::new()).await;
    assert_eq!(t.drain().await.completed, 1);
}
