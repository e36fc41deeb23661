//! How a worker ends: what runs may finish, what does not is given back free of charge.

use std::time::{Duration, Instant};

use backstay::{Ctx, Fail, JobState, Options};

use crate::act::{Act, Live, Notes, until};
use crate::database::connect;

#[tokio::test]
async fn a_draining_worker_lets_running_jobs_finish_and_starts_no_other() {
    let handler = async |_: Act, ctx: Ctx| {
        while !ctx.is_draining() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok::<_, Fail>("finished")
    };
    let Some(mut live) = Live::start(1, handler, |_| ()).await else { return };
    let first = live.add(1, Options::new()).await;
    until("it runs", async || live.shown(first).await.state == JobState::Running).await;
    let second = live.add(2, Options::new()).await;
    live.running.drain().await;
    live.running.join().await;
    assert_eq!(live.shown(first).await.state, JobState::Completed);
    let waits = live.shown(second).await;
    assert_eq!((waits.state, waits.attempt), (JobState::Ready, 0));
    let client = connect(&live.place.url).await;
    let goodbyes = "select count(*) from backstay.worker where goodbye_at is not null";
    assert_eq!(client.query_one(goodbyes, &[]).await.unwrap().get::<_, i64>(0), 1);
}

#[tokio::test]
async fn what_does_not_end_in_time_goes_back_to_its_place_for_free() {
    let notes = Notes::new();
    let wrote = notes.clone();
    let handler = move |job: Act, ctx: Ctx| {
        let wrote = wrote.clone();
        async move {
            if job.n == 1 {
                ctx.cancelled().await;
                wrote.add("told");
                ctx.checkpoint(&7).await?;
                return Err(Fail::interrupted());
            }
            std::future::pending::<()>().await;
            Ok(())
        }
    };
    let quickly = |settings: &mut backstay::config::Settings| {
        settings.worker.drain_timeout = Duration::from_millis(200);
    };
    let Some(mut live) = Live::start(2, handler, quickly).await else { return };
    let ids = [live.add(1, Options::new()).await, live.add(2, Options::new()).await];
    for id in ids {
        until("it runs", async || live.shown(id).await.state == JobState::Running).await;
    }
    let began = Instant::now();
    live.running.drain().await;
    live.running.join().await;
    assert!(began.elapsed() < Duration::from_secs(4), "took {:?}", began.elapsed());
    assert_eq!(notes.all(), ["told"]);
    for id in ids {
        let job = live.shown(id).await;
        assert_eq!((job.state, job.attempt), (JobState::Ready, 1));
        assert_eq!((job.interrupt_count, job.retry_count, job.lost_count), (1, 0, 0));
    }
    let client = connect(&live.place.url).await;
    let places = "select count(*) from backstay.ready where seq = job_id";
    assert_eq!(
        client.query_one(places, &[]).await.unwrap().get::<_, i64>(0),
        2,
        "their old places"
    );
}

#[tokio::test]
async fn a_second_wish_skips_the_wait() {
    let handler = async |_: Act, ctx: Ctx| {
        ctx.cancelled().await;
        Err::<(), _>(Fail::interrupted())
    };
    let Some(mut live) = Live::start(1, handler, |_| ()).await else { return };
    let id = live.add(1, Options::new()).await;
    until("it runs", async || live.shown(id).await.state == JobState::Running).await;
    let began = Instant::now();
    live.running.hurry().await;
    live.running.hurry().await;
    live.running.join().await;
    assert!(began.elapsed() < Duration::from_secs(5), "it waited for {:?}", began.elapsed());
    assert_eq!(live.shown(id).await.state, JobState::Ready);
}

#[tokio::test]
async fn an_operator_drains_a_worker_from_afar() {
    let handler = async |_: Act| Ok::<_, Fail>(());
    let Some(mut live) = Live::start(1, handler, |_| ()).await else { return };
    let client = connect(&live.place.url).await;
    let drain = format!("select backstay.drain('{}'::uuid)", live.running.id());
    client.batch_execute(&drain).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(5), live.running.join()).await;
    assert!(ended.is_ok(), "it did not hear of it");
}
