//! What operators look at: lists in every state, pages, filters, single jobs, queues, workers.

use backstay::inspect::{JobFilter, attempts, job, job_ids, jobs, queues, workers};
use backstay::{Database, JobState, Options, Priority, Request, enqueue};
use serde_json::json;

use crate::database::{claim, connect, fresh};

/// One job in each of five states; the ids in the order of their making, with the state.
async fn one_in_each_state(db: &Database, url: &str) -> Vec<(i64, JobState)> {
    let client = connect(url).await;
    let make = async |queue: &str, later: bool| {
        let options = Options::new().queue(queue).tags(["t"]).group("g");
        let options = if later { options.run_in(backstay::unit::hours(1)) } else { options };
        enqueue(db, Request::new("report", json!({ "n": 1, "password": "hunter2" })).with(options))
            .await
            .unwrap()
            .id
    };
    let running = make("a", false).await;
    assert_eq!(claim(&client, "a", "report").await.job, running);
    let ready = make("a", false).await;
    let scheduled = make("a", true).await;
    let cancelled = make("b", false).await;
    backstay::cancel(db, cancelled, "").await.unwrap();
    let dead = make("b", false).await;
    client.query("select backstay.bury($1)", &[&dead]).await.unwrap();
    vec![
        (running, JobState::Running),
        (ready, JobState::Ready),
        (scheduled, JobState::Scheduled),
        (cancelled, JobState::Cancelled),
        (dead, JobState::Dead),
    ]
}

#[tokio::test]
async fn pages_hold_every_job_of_every_state_once_newest_first() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    let mut made = one_in_each_state(&database, &db.url).await;
    made.reverse();
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page = jobs(&database, &JobFilter::default(), cursor.as_deref(), 2).await.unwrap();
        seen.extend(page.items.iter().map(|job| (job.id, job.state)));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
        assert_eq!(page.items.len(), 2);
    }
    assert_eq!(seen, made);
}

#[tokio::test]
async fn each_filter_narrows_the_list() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    let made = one_in_each_state(&database, &db.url).await;
    let find = async |filter: JobFilter| {
        let mut ids = job_ids(&database, &filter).await.unwrap();
        ids.reverse();
        ids
    };
    for (id, state) in &made {
        let states = vec![*state];
        assert_eq!(find(JobFilter { states, ..JobFilter::default() }).await, [*id], "{state}");
    }
    let all: Vec<i64> = made.iter().map(|(id, _)| *id).collect();
    let two = vec![JobState::Ready, JobState::Dead];
    assert_eq!(find(JobFilter { states: two, ..JobFilter::default() }).await, [all[1], all[4]]);
    let queues = vec!["b".to_owned()];
    assert_eq!(find(JobFilter { queues, ..JobFilter::default() }).await, all[3..]);
    let kinds = vec!["other".to_owned()];
    assert!(find(JobFilter { kinds, ..JobFilter::default() }).await.is_empty());
    let (tags, group) = (vec!["t".to_owned()], Some("g".to_owned()));
    assert_eq!(find(JobFilter { tags, group, ..JobFilter::default() }).await, all);
    let tags = vec!["t".to_owned(), "u".to_owned()];
    assert!(find(JobFilter { tags, ..JobFilter::default() }).await.is_empty());
    let before = Some("2020-01-01T00:00:00Z".parse().unwrap());
    assert!(find(JobFilter { before, ..JobFilter::default() }).await.is_empty());
    let since = Some("2020-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(find(JobFilter { since, ..JobFilter::default() }).await, all);
}

#[tokio::test]
async fn a_job_is_shown_in_every_state_with_its_args_and_without_its_secrets() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    for (id, state) in one_in_each_state(&database, &db.url).await {
        let shown = job(&database, id).await.unwrap().unwrap();
        assert_eq!(shown.state, state);
        let args: serde_json::Value = serde_json::from_str(&shown.args.unwrap()).unwrap();
        assert_eq!(args, json!({ "n": 1, "password": "***" }), "{state}");
    }
    assert_eq!(job(&database, 1_000_000).await.unwrap(), None);
}

#[tokio::test]
async fn a_cursor_of_something_else_is_refused() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    let error = jobs(&database, &JobFilter::default(), Some("x"), 2).await.unwrap_err();
    assert_eq!(error.code(), "BS102");
}

#[tokio::test]
async fn attempts_are_shown_in_their_order_also_those_that_only_the_dead_letter_remembers() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    let client = connect(&db.url).await;
    let id = enqueue(&database, Request::new("report", json!({}))).await.unwrap().id;
    let insert = "insert into backstay.attempt (job_id, attempt, ended_at, outcome, billed, queue, kind, message)
                  values ($1, $2, now(), 'failed', 'retry', 'default', 'report', 'no such file')";
    for attempt in [2, 1] {
        client.execute(insert, &[&id, &attempt]).await.unwrap();
    }
    let numbers = async || -> Vec<i32> {
        attempts(&database, id).await.unwrap().iter().map(|it| it.attempt).collect()
    };
    assert_eq!(numbers().await, [1, 2]);
    client.query("select backstay.bury($1)", &[&id]).await.unwrap();
    let copied = numbers().await;
    client.execute("delete from backstay.attempt", &[]).await.unwrap();
    assert_eq!(numbers().await, copied);
    assert!(copied.starts_with(&[1, 2]), "{copied:?}");
}

#[tokio::test]
async fn queues_tell_where_their_jobs_stand_and_who_serves_them() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    let client = connect(&db.url).await;
    let many: Vec<Request> = (0..1_005)
        .map(|n| {
            let level = if n < 1_002 { Priority::LOW } else { Priority::URGENT };
            let options = Options::new().queue("bulk").priority(level);
            Request::new("k", json!({})).with(options)
        })
        .collect();
    backstay::enqueue_many(&database, many).await.unwrap();
    let later = Options::new().queue("bulk").run_in(backstay::unit::hours(1));
    enqueue(&database, Request::new("k", json!({})).with(later)).await.unwrap();
    client
        .execute(
            "insert into backstay.worker (id, beat_at, lease_until, started_at, pid, slots, host, release, level, queues, kinds)
             values (gen_random_uuid(), now(), now() + interval '1 minute', now(), 1, 4, 'app-1', '1', 'process', '{bulk}', '{\"k\": 1}')",
            &[],
        )
        .await
        .unwrap();
    let found = queues(&database).await.unwrap();
    let [bulk] = &found[..] else { panic!("{found:?}") };
    assert_eq!((bulk.ready.to_string(), bulk.scheduled.to_string()), ("1003+".into(), "1".into()));
    let levels: Vec<String> =
        bulk.by_priority.iter().map(|(level, n)| format!("{level}:{n}")).collect();
    assert_eq!(levels, ["0:3", "8:1000+"]);
    assert_eq!((bulk.workers, bulk.slots, bulk.served_by.as_deref()), (1, 4, Some("app-1")));
    assert!(bulk.oldest_ready_at.is_some() && bulk.next_run_at.is_some());
}

#[tokio::test]
async fn a_worker_is_live_lost_or_gone_and_the_gone_are_shown_only_where_asked() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    let client = connect(&db.url).await;
    let insert = "insert into backstay.worker (id, beat_at, lease_until, started_at, pid, slots, host, release, level, queues, kinds, goodbye_at, lost_at)
                  select gen_random_uuid(), now(), now() + $2::text::interval, now(), 1, 4, $1, '1', 'process', '{q}', '{\"k\": 1}',
                         case when $1 = 'gone' then now() end, case when $1 = 'lost' then now() end";
    for (host, lease) in [("live", "1 minute"), ("lost", "-1 minute"), ("gone", "1 minute")] {
        client.execute(insert, &[&host, &lease]).await.unwrap();
    }
    for all in [false, true] {
        let found = workers(&database, all).await.unwrap();
        assert_eq!(found.len(), if all { 3 } else { 2 });
        for worker in found {
            assert_eq!(worker.state, worker.host);
            assert_eq!(worker.kinds, ["k"]);
        }
    }
}
