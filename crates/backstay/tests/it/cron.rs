//! Schedules: each tick makes one job at most, whoever looks, and what overlaps or was missed follows the schedule's word.

use backstay::config::{Origin, Settings, Value};
use backstay::operate::{self, Pause, Scope};
use backstay::{Cron, Fail, Options, Overlap, Request, StartError, Worker, inspect};
use backstay_postgres::template::TestDatabase;
use serde_json::json;
use tokio_postgres::Client;

use crate::act::{Act, Live, until};
use crate::database::{connect, fresh};

/// A worker with one schedule, as its file would say it.
async fn live(schedule: serde_json::Value) -> Option<Live> {
    Some(on(fresh()?, schedule).await)
}

async fn on(place: TestDatabase, schedule: serde_json::Value) -> Live {
    let file = Value::from_json(&json!({ "cron": { "s": schedule } }), &Origin::Contract);
    let cron = Settings::from_value(&file).unwrap().cron;
    Live::on(place, 4, async |_: Act| Ok::<_, Fail>(()), |settings| settings.cron = cron).await
}

fn yearly() -> serde_json::Value {
    json!({ "schedule": "0 0 1 1 *", "kind": "act", "args": { "n": 1 } })
}

/// Moves the schedule back, as if nobody had looked since then.
async fn unseen_for(client: &Client, span: &str) {
    let text = format!(
        "update backstay.schedule set counted_to = statement_timestamp() - interval '{span}', look_at = statement_timestamp()"
    );
    client.batch_execute(&text).await.unwrap();
}

/// Outcomes of all ticks with how many there are of each.
async fn outcomes(client: &Client) -> Vec<(String, i64)> {
    let text = "select outcome, count(*) from backstay.tick group by 1 order by 1";
    let rows = client.query(text, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn one(client: &Client, text: &str) -> i64 {
    client.query_one(text, &[]).await.unwrap().get(0)
}

/// Whether jobs that schedules have made, in one snapshot, are as many as the ticks that say so.
const ONE_EACH: &str = "select (select count(*) from backstay.tick where job_id is not null)
  = (select count(*) from backstay.job where schedule is not null) + (select count(*) from backstay.history where schedule is not null)
  + (select count(*) from backstay.dead_letter where schedule is not null)";

#[tokio::test]
async fn a_schedule_of_the_file_makes_jobs_that_know_their_tick() {
    let Some(live) = live(json!({ "schedule": "* * * * * *", "kind": "act", "args": { "n": 7 }, "options": { "priority": "high" }, "overlap": "allow" })).await else { return };
    let client = connect(&live.place.url).await;
    until("three ticks have come", async || {
        one(&client, "select count(*) from backstay.tick where outcome = 'enqueued'").await >= 3
    })
    .await;
    let late = "select count(*) from backstay.tick where decided_at - tick_at > interval '1.5 s' or decided_at < tick_at";
    assert_eq!(one(&client, late).await, 0);
    let ticks = inspect::ticks(&live.database, "s", None, 50).await.unwrap().items;
    let job: i64 = ticks[ticks.len() - 1].job.as_ref().unwrap().parse().unwrap();
    let shown = live.shown(job).await;
    assert_eq!(shown.kind, "act");
    let seen = inspect::schedule(&live.database, "s", 5).await.unwrap().unwrap();
    assert_eq!((seen.next.len(), seen.declared, seen.origin.as_str()), (5, 1, "file"));
    let audit =
        "select count(*) from backstay.audit where verb = 'schedule' and target = 'schedule s'";
    assert_eq!(one(&client, audit).await, 1);
    assert!(client.query_one(ONE_EACH, &[]).await.unwrap().get::<_, bool>(0));
    live.stop().await;
}

#[tokio::test]
async fn g12_workers_that_look_at_the_same_moment_make_one_job_of_a_tick() {
    let Some(place) = fresh() else { return };
    let url = place.url.clone();
    let each =
        json!({ "schedule": "* * * * * *", "kind": "act", "args": { "n": 1 }, "overlap": "allow" });
    let first = on(place, each.clone()).await;
    let database = backstay::Database::connect(&url).await.unwrap();
    let mut others = Vec::new();
    for _ in 0..3 {
        let worker = crate::act::worker(1, async |_: Act| Ok::<_, Fail>(()));
        let mut settings = Settings::from_value(&worker.tree()).unwrap();
        settings.worker.times = backstay::model::lease::Times::fast();
        let file = Value::from_json(&json!({ "cron": { "s": each } }), &Origin::Contract);
        settings.cron = Settings::from_value(&file).unwrap().cron;
        others.push(worker.start_with(&database, settings).await.unwrap());
    }
    let client = connect(&url).await;
    until("ten ticks have come", async || {
        one(&client, "select count(*) from backstay.tick where outcome = 'enqueued'").await >= 5
    })
    .await;
    assert!(client.query_one(ONE_EACH, &[]).await.unwrap().get::<_, bool>(0));
    let gaps = "select count(*) from (select tick_at - lag(tick_at) over (order by tick_at) as gap from backstay.tick) g where gap <> interval '1 s'";
    assert_eq!(one(&client, gaps).await, 0, "no second was left out");
    for other in &mut others {
        other.quit().await;
        other.join().await;
    }
    first.stop().await;
}

#[tokio::test]
async fn of_missed_ticks_the_newest_runs_and_the_rest_is_told() {
    let mut hourly = yearly();
    hourly["schedule"] = "0 * * * *".into();
    let Some(live) = live(hourly).await else { return };
    let client = connect(&live.place.url).await;
    unseen_for(&client, "5 h 30 min").await;
    until("it is decided", async || !outcomes(&client).await.is_empty()).await;
    assert_eq!(outcomes(&client).await, [("enqueued".into(), 1), ("missed".into(), 1)]);
    let told = "select (detail ->> 'dropped')::bigint from backstay.alert where rule = 'cron_missed' and subject = 's'";
    assert!((4..=5).contains(&one(&client, told).await));
    // Looking again decides nothing anew.
    unseen_for(&client, "5 h 30 min").await;
    until("it was looked at", async || {
        one(&client, "select count(*) from backstay.schedule where look_at > statement_timestamp()")
            .await
            == 1
    })
    .await;
    let jobs = one(&client, "select count(*) from backstay.tick where job_id is not null").await;
    assert_eq!(jobs, 1, "each tick at most once ever");
    live.stop().await;
}

#[tokio::test]
async fn what_overlaps_is_skipped_or_waits_or_takes_the_place() {
    let Some(place) = fresh() else { return };
    let url = place.url.clone();
    let live = on(place, yearly()).await;
    let client = connect(&url).await;
    until("the worker has looked", async || {
        one(&client, "select count(*) from backstay.schedule where next_at is not null").await == 1
    })
    .await;
    let Live { mut running, place: _place, .. } = live;
    running.quit().await;
    running.join().await;
    // Nobody ticks now but this test, and nobody runs the jobs.
    let tick = async |at: &str| {
        let text = format!(
            "select outcome from backstay.tick('s', array['{at}'::timestamptz], now(), null, now(), null, null)"
        );
        let rows = client.query(text.as_str(), &[]).await.unwrap();
        rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>()
    };
    let overlap = async |word: &str| {
        let text = format!("update backstay.schedule set overlap = '{word}'");
        client.batch_execute(&text).await.unwrap();
    };
    assert_eq!(tick("2026-01-01T00:00:00Z").await, ["enqueued"]);
    assert_eq!(tick("2026-01-01T00:00:00Z").await, Vec::<String>::new(), "once is enough");
    assert_eq!(tick("2026-01-02T00:00:00Z").await, ["skipped"]);
    overlap("queue").await;
    assert_eq!(tick("2026-01-03T00:00:00Z").await, ["waiting"]);
    assert_eq!(tick("2026-01-04T00:00:00Z").await, ["skipped"], "one waits at most");
    client
        .batch_execute("select backstay.cancel(id) from backstay.job where schedule = 's'")
        .await
        .unwrap();
    assert_eq!(tick("2026-01-03T00:00:00Z").await, ["enqueued"], "the one that waited");
    overlap("replace").await;
    assert_eq!(tick("2026-01-05T00:00:00Z").await, ["waiting"]);
    let open = "select count(*) from backstay.job where schedule = 's'";
    assert_eq!(one(&client, open).await, 0, "the earlier job was cancelled");
    overlap("allow").await;
    assert_eq!(tick("2026-01-06T00:00:00Z").await, ["enqueued", "enqueued"]);
    assert_eq!(one(&client, open).await, 2);
}

#[tokio::test]
async fn a_paused_schedule_does_not_tick_and_catches_up_only_when_asked() {
    let Some(live) =
        live(json!({ "schedule": "0 * * * *", "kind": "act", "args": { "n": 1 } })).await
    else {
        return;
    };
    let client = connect(&live.place.url).await;
    let database = &live.database;
    operate::pause(database, Scope::Schedule, "s", Pause::default(), "quiet").await.unwrap();
    unseen_for(&client, "3 h").await;
    operate::resume(database, Scope::Schedule, "s", "on").await.unwrap();
    until("it was looked at", async || {
        one(&client, "select count(*) from backstay.schedule where next_at is not null").await == 1
    })
    .await;
    assert_eq!(outcomes(&client).await, []);
    operate::pause(database, Scope::Schedule, "s", Pause::default(), "quiet").await.unwrap();
    unseen_for(&client, "3 h").await;
    operate::resume_and_catch_up(database, "s", "on").await.unwrap();
    until("it has caught up", async || !outcomes(&client).await.is_empty()).await;
    let unknown = operate::pause(database, Scope::Schedule, "t", Pause::default(), "").await;
    assert_eq!(unknown.unwrap_err().code(), "BS301");
    live.stop().await;
}

#[tokio::test]
async fn people_run_a_schedule_now_and_fill_in_what_has_passed_once() {
    let Some(live) = live(
        json!({ "schedule": "0 0 * * *", "kind": "act", "args": { "n": 1 }, "overlap": "allow" }),
    )
    .await
    else {
        return;
    };
    let database = &live.database;
    let done = operate::run(database, "s", "asked for").await.unwrap();
    assert!(done.job.is_some());
    let now = std::time::SystemTime::now();
    let days = |n: u64| (now - std::time::Duration::from_secs(n * 86_400)).try_into().unwrap();
    let ticks = inspect::ticks_between(database, "s", days(5), days(0)).await.unwrap();
    assert_eq!(ticks.len(), 5);
    assert_eq!(operate::backfill(database, "s", &ticks, "it was down").await.unwrap().count, 5);
    let again = operate::backfill(database, "s", &ticks, "it was down").await.unwrap();
    assert_eq!((again.count, again.skipped.len()), (0, 5));
    let mute = operate::backfill(database, "s", &ticks, "").await.unwrap_err();
    assert_eq!(mute.code(), "BS305");
    let old = inspect::ticks_between(database, "s", days(100), days(90)).await.unwrap();
    assert_eq!(operate::backfill(database, "s", &old, "x").await.unwrap_err().code(), "BS102");
    live.stop().await;
}

#[tokio::test]
async fn a_schedule_that_the_database_has_of_its_own_is_not_taken_over() {
    let Some(place) = fresh() else { return };
    let client = connect(&place.url).await;
    client
        .batch_execute(
            "insert into backstay.schedule (name, set_at, counted_to, look_at, missed_within_ms, missed_max, line, zone, kind, args, options, missed, overlap, origin, hash, set_by)
             values ('s', now(), now(), now(), 1000, 1, '0 0 * * *', 'UTC', 'act', '{}', '{}', 'once', 'skip', 'database', '', 'me')",
        )
        .await
        .unwrap();
    let database = backstay::Database::connect(&place.url).await.unwrap();
    let worker = Worker::without_state()
        .cron(
            Cron::new("s", "@daily").overlap(Overlap::Allow),
            Request::new("act", json!({ "n": 1 })).with(Options::new()),
        )
        .build()
        .unwrap();
    let error = worker.start(&database).await.err().expect("it does not start");
    assert!(matches!(&error, StartError::Schedules(names) if names == "s"), "{error}");
    assert_eq!(error.code(), "BS405");
}

#[tokio::test]
async fn a_schedule_that_no_live_worker_declares_is_retired_and_comes_back() {
    let Some(live) = live(yearly()).await else { return };
    let client = connect(&live.place.url).await;
    let retire = include_str!("../../sql/duty/retire_schedules.sql");
    assert!(client.query(retire, &[]).await.unwrap().is_empty(), "it is declared");
    client.batch_execute("delete from backstay.declared; update backstay.schedule set unseen_since = now() - interval '6 min'").await.unwrap();
    until("it is retired", async || {
        client.query(retire, &[]).await.unwrap();
        one(&client, "select count(*) from backstay.schedule where retired_at is not null").await
            == 1
    })
    .await;
    let refused = operate::run(&live.database, "s", "").await.unwrap_err();
    assert_eq!(refused.code(), "BS302");
    let Live { mut running, place, .. } = live;
    running.quit().await;
    running.join().await;
    let live = on(place, yearly()).await;
    assert_eq!(
        one(&client, "select count(*) from backstay.schedule where retired_at is null").await,
        1
    );
    live.stop().await;
}
