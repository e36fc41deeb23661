//! Jobs of workers that are lost: who may take them over, by what evidence, at what price.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backstay::unit::mins;
use backstay::{Ctx, Fail, Fence, JobState, Options, assert_lease, complete};
use tokio::sync::Notify;
use tokio_postgres::Client;

use crate::act::{Act, Live, until};
use crate::database::{claim, connect, fresh};

/// A worker row as a beat would write it; `lease` is an interval from now.
async fn worker_row(client: &Client, fence: &Fence, lease: &str, presence: &str, more: &str) {
    let sql = format!(
        "insert into backstay.worker (id, beat_at, lease_until, started_at, presence, pid, slots, host, release, level, queues, kinds, goodbye_at) \
         values ('{}', now(), now() + interval '{lease}', now(), {presence}, 1, 1, 'gone', '0', 'inline', '{{default}}', '{{}}', {more})",
        fence.worker
    );
    client.batch_execute(&sql).await.unwrap();
}

/// A live worker, and a job that a dead one holds. The live one takes nothing before the test looks.
async fn with_a_dead_worker() -> Option<(Live, Client, Fence)> {
    let handler = async |_: Act, ctx: Ctx| {
        ctx.checkpoint(&1).await?;
        Ok::<_, Fail>("by the living")
    };
    let live = Live::start(1, handler, |_| ()).await?;
    let client = connect(&live.place.url).await;
    client.batch_execute("select backstay.pause('queue', 'default')").await.unwrap();
    let id = live.add(1, Options::new()).await;
    // The claim of a worker that will not come back, past the pause.
    client.batch_execute("begin; delete from backstay.pause").await.unwrap();
    let fence = claim(&client, "default", "act").await;
    client.batch_execute("commit").await.unwrap();
    assert_eq!(fence.job, id);
    Some((live, client, fence))
}

#[tokio::test]
async fn a_goodbye_that_leaves_jobs_behind_is_taken_up_at_once_for_free() {
    let Some((live, client, fence)) = with_a_dead_worker().await else { return };
    worker_row(&client, &fence, "1 hour", "null", "now()").await;
    until("it is done", async || live.shown(fence.job).await.state == JobState::Completed).await;
    let job = live.shown(fence.job).await;
    assert_eq!((job.attempt, job.lost_count, job.retry_count), (2, 0, 0));
    live.stop().await;
}

#[tokio::test]
async fn a_free_presence_lock_is_death_and_is_billed_as_lost() {
    let Some((live, client, fence)) = with_a_dead_worker().await else { return };
    worker_row(&client, &fence, "1 hour", "123456", "null").await;
    let began = Instant::now();
    until("it is rescued", async || live.shown(fence.job).await.lost_count == 1).await;
    assert!(began.elapsed() > Duration::from_millis(300), "one look is no evidence");
    let job = live.shown(fence.job).await;
    assert_eq!((job.retry_count, job.crash_count), (0, 0));
    let told: i64 = client
        .query_one("select count(*) from backstay.alert where rule = 'worker_lost'", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(told, 1);
    live.stop().await;
}

#[tokio::test]
async fn a_worker_that_holds_its_lock_and_its_lease_is_left_alone() {
    let Some((live, client, fence)) = with_a_dead_worker().await else { return };
    worker_row(&client, &fence, "1 hour", "123457", "null").await;
    client.batch_execute("select pg_advisory_lock(1112757337, 123457)").await.unwrap();
    // Longer than every wait before a rescue.
    tokio::time::sleep(Duration::from_millis(4500)).await;
    let job = live.shown(fence.job).await;
    assert_eq!((job.state, job.attempt), (JobState::Running, 1));
    complete(&client, &fence, &()).await.unwrap();
    live.stop().await;
}

#[tokio::test]
async fn a_lease_that_is_over_is_death_and_late_verdicts_change_nothing() {
    let Some((live, client, fence)) = with_a_dead_worker().await else { return };
    worker_row(&client, &fence, "1 second", "null", "null").await;
    until("it is rescued", async || live.shown(fence.job).await.lost_count == 1).await;
    assert_eq!(assert_lease(&client, &fence).await.unwrap_err().code(), "BS201");
    assert_eq!(complete(&client, &fence, &()).await.unwrap_err().code(), "BS201");
    until("it is done", async || live.shown(fence.job).await.state == JobState::Completed).await;
    assert_eq!(live.shown(fence.job).await.output.as_deref(), Some("\"by the living\""));
    live.stop().await;
}

#[tokio::test]
async fn a_job_of_a_worker_that_has_no_row_is_found() {
    let Some((live, client, fence)) = with_a_dead_worker().await else { return };
    // As if it had been claimed a minute ago.
    client
        .batch_execute("update backstay.running set claimed_at = claimed_at - interval '1 minute'")
        .await
        .unwrap();
    until("it is rescued", async || live.shown(fence.job).await.lost_count == 1).await;
    live.stop().await;
}

#[tokio::test]
async fn a_verdict_of_an_attempt_that_is_not_the_current_one_changes_nothing() {
    let stolen = Arc::new(Notify::new());
    let waits = stolen.clone();
    let handler = move |job: Act| {
        let waits = waits.clone();
        async move {
            if job.n == 1 {
                waits.notified().await;
            }
            Ok::<_, Fail>("stale")
        }
    };
    let Some(live) = Live::start(1, handler, |_| ()).await else { return };
    let client = connect(&live.place.url).await;
    let id = live.add(1, Options::new()).await;
    until("it runs", async || live.shown(id).await.state == JobState::Running).await;
    let steal = format!(
        "update backstay.running set attempt = 2, worker = gen_random_uuid() where job_id = {id}"
    );
    client.batch_execute(&steal).await.unwrap();
    let other = live.add(2, Options::new()).await;
    stolen.notify_one();
    let done = async || live.shown(other).await.state == JobState::Completed;
    until("the slot is free again", done).await;
    let job = live.shown(id).await;
    assert_eq!((job.state, job.attempt), (JobState::Running, 2));
    live.stop().await;
}

/// Says that its handler is gone, however it went.
struct Gone(Arc<Notify>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::test]
async fn a_worker_that_has_lost_its_lease_stops_what_others_hold_and_only_that() {
    let gone = Arc::new(Notify::new());
    let handler = {
        let (gone, release) = (gone.clone(), Arc::new(Notify::new()));
        move |job: Act, ctx: Ctx| {
            let (gone, release) = (gone.clone(), release.clone());
            async move {
                match job.n {
                    // Never ends by itself, and listens to nobody.
                    1 => {
                        let _gone = Gone(gone);
                        std::future::pending::<()>().await;
                    }
                    2 => release.notified().await,
                    _ => release.notify_one(),
                }
                ctx.checkpoint(&job.n).await?;
                Ok::<_, Fail>("ours")
            }
        }
    };
    let Some(live) = Live::start(3, handler, |settings| settings.queues[0].grace = mins(1)).await
    else {
        return;
    };
    let client = connect(&live.place.url).await;
    let taken = live.add(1, Options::new()).await;
    let kept = live.add(2, Options::new()).await;
    for id in [taken, kept] {
        until("it runs", async || live.shown(id).await.state == JobState::Running).await;
    }
    // What another worker does to one that was frozen.
    let rescue = format!(
        "update backstay.running set attempt = 2, worker = gen_random_uuid() where job_id = {taken};
         update backstay.worker set lost_at = now()"
    );
    client.batch_execute(&rescue).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(5), gone.notified()).await;
    assert!(ended.is_ok(), "the handler whose job is another's runs on");
    live.add(3, Options::new()).await;
    until("the other one was left alone", async || {
        live.shown(kept).await.output.as_deref() == Some("\"ours\"")
    })
    .await;
    let job = live.shown(taken).await;
    assert_eq!((job.state, job.attempt), (JobState::Running, 2), "the other's job is untouched");
    live.stop().await;
}

#[tokio::test]
async fn a_job_from_before_its_kind_was_known_is_left_to_its_worker_for_as_long_as_its_kind_may_run()
 {
    let Some(place) = fresh() else { return };
    let client = connect(&place.url).await;
    client.batch_execute("select backstay.enqueue('act', '{\"n\": 1}')").await.unwrap();
    let handler = async |_: Act, ctx: Ctx| {
        ctx.cancelled().await;
        Ok::<_, Fail>(())
    };
    let live = Live::on(place, 1, handler, |settings| {
        let kind = settings.kinds.iter_mut().find(|kind| kind.name == "act").unwrap();
        kind.timeout = Some(mins(40));
    })
    .await;
    let net = "select (deadline_at > claimed_at + interval '40 min') from backstay.running";
    let seen = async || client.query_opt(net, &[]).await.unwrap().map(|row| row.get::<_, bool>(0));
    until("it runs", async || seen().await.is_some()).await;
    assert_eq!(seen().await, Some(true), "another worker would take it while it may still run");
    live.stop().await;
}

#[tokio::test]
async fn what_a_worker_claims_after_the_look_that_condemned_it_is_not_taken_away() {
    let Some((live, client, fence)) = with_a_dead_worker().await else { return };
    let doomed = |seen: &str| {
        let seen =
            format!("r.claimed_at <= (select claimed_at {seen} from backstay.running limit 1)");
        let text = include_str!("../../sql/duty/doomed.sql");
        assert!(text.contains("r.claimed_at <= $4::timestamptz"));
        text.replace("r.claimed_at <= $4::timestamptz", &seen)
    };
    let (before, after) = (doomed("- interval '1 us'"), doomed("+ interval '1 us'"));
    let params: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&fence.worker, &500_i32, &false];
    assert!(client.query(&before, &params).await.unwrap().is_empty());
    assert_eq!(client.query(&after, &params).await.unwrap().len(), 1);
    live.stop().await;
}
