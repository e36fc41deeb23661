//! Jobs that are not wanted any more: waiting, running, and by their own handlers.

use std::sync::{Arc, OnceLock};

use backstay::testing::Drained;
use backstay::unit::mins;
use backstay::{Backoff, Cancelled, Ctx, Database, Fail, JobState, Options, cancel};

use crate::act::{Act, Live, add, queue, shown, until};
use crate::database::connect;

const CANCELLED: Drained =
    Drained { completed: 0, cancelled: 1, dead: 0, retried: 0, snoozed: 0, released: 0 };

#[tokio::test]
async fn a_waiting_job_is_gone_at_once() {
    let handler = async |_: Act| Ok::<_, Fail>(());
    let Some(t) = queue(1, handler).await else { return };
    let (now, later) =
        (add(&t, 1, Options::new()).await, add(&t, 2, Options::new().run_in(mins(5))).await);
    for id in [now, later] {
        assert_eq!(cancel(t.database(), id, "paid").await.unwrap(), Cancelled::Cancelled);
        let job = shown(&t, id).await;
        assert_eq!((job.state, job.reason.as_deref()), (JobState::Cancelled, Some("paid")));
        assert_eq!(cancel(t.database(), id, "").await.unwrap(), Cancelled::TooLate);
    }
    t.advance(mins(6)).await;
    assert_eq!(t.drain().await, Drained { cancelled: 2, ..Drained::default() });
}

#[tokio::test]
async fn a_running_job_is_told_and_ends_as_cancelled_even_if_it_finishes() {
    let handler = async |job: Act, ctx: Ctx| {
        ctx.cancelled().await;
        match job.n {
            1 => Err(Fail::from("stopped half-way")),
            _ => Ok(()),
        }
    };
    let Some(t) = queue(2, handler).await else { return };
    for n in 1..=2 {
        let id = add(&t, n, Options::new()).await;
        let stop = async {
            until("it runs", async || shown(&t, id).await.state == JobState::Running).await;
            assert_eq!(cancel(t.database(), id, "paid").await.unwrap(), Cancelled::Cancelling);
        };
        let (drained, ()) = tokio::join!(t.drain(), stop);
        assert_eq!(drained, CANCELLED);
        let job = shown(&t, id).await;
        assert_eq!((job.state, job.reason.as_deref()), (JobState::Cancelled, Some("paid")));
    }
}

#[tokio::test]
async fn a_job_that_fails_before_its_worker_hears_of_the_cancel_is_not_tried_again() {
    let database = Arc::new(OnceLock::<Database>::new());
    let own = database.clone();
    let handler = move |job: Act, ctx: Ctx| {
        let own = own.clone();
        async move {
            let answer = cancel(own.get().unwrap(), ctx.fence().job, "paid").await.unwrap();
            assert_eq!(answer, Cancelled::Cancelling);
            Err::<(), _>(match job.n {
                1 => Fail::from("at the same moment"),
                2 => Fail::snooze(mins(1)),
                _ => Fail::interrupted(),
            })
        }
    };
    let Some(t) = queue(1, handler).await else { return };
    database.set(t.database().clone()).ok().unwrap();
    for n in 1..=3 {
        let id = add(&t, n, Options::new()).await;
        t.drain().await;
        let job = shown(&t, id).await;
        assert_eq!((job.state, job.reason.as_deref()), (JobState::Cancelled, Some("paid")), "{n}");
    }
}

#[tokio::test]
async fn a_job_that_does_not_listen_is_ended_after_its_grace() {
    let handler = async |_: Act| {
        std::future::pending::<()>().await;
        Ok::<_, Fail>(())
    };
    let Some(t) = queue(1, handler).await else { return };
    let id = add(&t, 1, Options::new()).await;
    let stop = async {
        until("it runs", async || shown(&t, id).await.state == JobState::Running).await;
        cancel(t.database(), id, "paid").await.unwrap();
    };
    let (drained, ()) = tokio::join!(t.drain(), stop);
    assert_eq!(drained, CANCELLED);
}

#[tokio::test]
async fn a_handler_may_end_its_own_job_and_its_reason_stays() {
    let handler = async |_: Act| Err::<(), _>(Fail::cancel("the customer has left"));
    let Some(t) = queue(1, handler).await else { return };
    let id = add(&t, 1, Options::new()).await;
    assert_eq!(t.drain().await, CANCELLED);
    assert_eq!(shown(&t, id).await.reason.as_deref(), Some("the customer has left"));
}

#[tokio::test]
async fn a_verdict_that_waited_for_a_cancel_takes_its_job_out_of_running() {
    let (go, gone) = tokio::sync::watch::channel(false);
    let handler = move |_: Act| {
        let mut gone = gone.clone();
        async move {
            gone.wait_for(|gone| *gone).await.unwrap();
            Err::<(), _>(Fail::from("half-way"))
        }
    };
    let Some(live) = Live::start(1, handler, |_| ()).await else { return };
    let (mut operator, looker) = (connect(&live.place.url).await, connect(&live.place.url).await);
    let id = live.add(1, Options::new().backoff(Backoff::Fixed(mins(5)))).await;
    until("it runs", async || live.shown(id).await.state == JobState::Running).await;
    // The cancel has written its wish and not committed it, when the verdict comes.
    let cancelling = operator.transaction().await.unwrap();
    assert_eq!(cancel(&cancelling, id, "paid").await.unwrap(), Cancelled::Cancelling);
    go.send_replace(true);
    let waits = "select exists (select from pg_locks where not granted)";
    let waits = async || looker.query_one(waits, &[]).await.unwrap().get(0);
    until("the verdict waits for the cancel", waits).await;
    cancelling.commit().await.unwrap();
    let stands = async || live.shown(id).await.state != JobState::Running;
    until("the verdict is written", stands).await;
    let places = "select (select count(*) from backstay.running), (select count(*) from backstay.job), \
                  (select count(*) from backstay.scheduled) + (select count(*) from backstay.history)";
    let row = looker.query_one(places, &[]).await.unwrap();
    let [running, bodies, elsewhere]: [i64; 3] = [0, 1, 2].map(|at| row.get(at));
    assert_eq!((running, elsewhere), (0, 1), "with {bodies} bodies");
    live.stop().await;
}
