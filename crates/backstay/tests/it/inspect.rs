//! What operators look at: lists in every state, pages, filters, single jobs, queues, workers.

use backstay::inspect::{
    JobFilter, attempts, dead_letter_ids, dead_letters, job, job_ids, jobs, kinds, queues, workers,
};
use backstay::{Database, Fail, JobState, Options, Priority, Request, enqueue};
use serde_json::json;

use crate::act::{Act, Live, until};
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
async fn a_page_that_finds_too_little_in_time_goes_on_and_misses_nothing() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    let client = connect(&db.url).await;
    // Few that fit beneath many that do not, a gap without any job, and one on top.
    client
        .batch_execute(
            "insert into backstay.job (id, enqueued_at, priority, max_retries, queue, kind, enqueued_by, args)
             select n, now(), 4, 3, 'q', case when n <= 3 or n = 900000000000 then 'rare' else 'report' end, 'app', '{}'
               from (select generate_series(1, 40000) union all select 900000000000) x(n);
             insert into backstay.ready (seq, job_id, ready_at, priority, queue, kind)
             select j.id, j.id, now(), 4, j.queue, j.kind from backstay.job j;
             insert into backstay.history (job_id, enqueued_at, finished_at, attempt, retry_count, crash_count, lost_count, snooze_count,
               interrupt_count, revived_count, max_retries, priority, state, queue, kind, enqueued_by)
             select n, now(), now(), 1, 0, 0, 0, 0, 0, 0, 3, 4, 'completed', 'q', case n when 50000 then 'rare' else 'report' end, 'app'
               from generate_series(40001, 80000) n;
             select setval('backstay.entry_seq', 900000000000)",
        )
        .await
        .unwrap();
    let rare = JobFilter { kinds: vec!["rare".into()], ..JobFilter::default() };
    let (mut seen, mut cursor, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = jobs(&database, &rare, cursor.as_deref(), 2).await.unwrap();
        seen.extend(page.items.iter().map(|job| job.id));
        pages += 1;
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, [900_000_000_000, 50_000, 3, 2, 1]);
    assert!(pages >= 3, "two on a page: {pages}");
    assert_eq!(job_ids(&database, &rare).await.unwrap(), seen, "what acts on all looks at all");
    let nothing = JobFilter { kinds: vec!["nope".into()], ..JobFilter::default() };
    let state = JobFilter { states: vec![JobState::Completed], ..nothing.clone() };
    let page = jobs(&database, &state, None, 50).await.unwrap();
    assert_eq!(
        (page.items.len(), page.next),
        (0, None),
        "a kind that never ended is known at once"
    );
}

#[tokio::test]
async fn args_are_looked_into_wherever_a_job_stands_and_what_is_hidden_is_not_found() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    let client = connect(&db.url).await;
    let made = one_in_each_state(&database, &db.url).await;
    let mut all: Vec<i64> = made.iter().map(|(id, _)| *id).collect();
    all.reverse();
    let other = json!({ "n": 2, "to": "Ana@example.org", "deep": { "list": [1, 2] } });
    let other = enqueue(&database, Request::new("mail", other)).await.unwrap().id;
    let find = async |typed: &str| {
        let with_args = Some(typed.parse().unwrap());
        let filter = JobFilter { with_args, ..JobFilter::default() };
        let page = jobs(&database, &filter, None, 50).await.unwrap();
        assert_eq!(page.next, None, "so few are looked into at once");
        let listed: Vec<i64> = page.items.iter().map(|job| job.id).collect();
        assert_eq!(job_ids(&database, &filter).await.unwrap(), listed, "{typed}");
        listed
    };
    assert_eq!(find(r#"{"n": 1}"#).await, all, "in every state");
    assert_eq!(find(r#"{"deep": {"list": [2]}}"#).await, [other]);
    assert_eq!(find("ana@EXAMPLE").await, [other], "whatever the case");
    assert!(find("hunter").await.is_empty(), "a secret cannot be guessed letter by letter");
    assert!(find(r#"{"password": "hunter2"}"#).await.is_empty());
    assert!(find("%").await.is_empty(), "no sign of it is a wildcard");
    let named = JobFilter { ids: vec![all[0], other, 999_999], ..JobFilter::default() };
    assert_eq!(job_ids(&database, &named).await.unwrap(), [other, all[0]]);

    // Dead letters are looked through some at a time; what was not looked at yet is on the next page.
    client
        .batch_execute(
            "insert into backstay.dead_letter
             select (jsonb_populate_record(d, jsonb_build_object('id', 1000000 + n, 'died_at', d.died_at - n * interval '1 s',
                       'args', jsonb_build_object('n', case when n % 1500 = 0 then 7 else 8 end)))).*
               from backstay.dead_letter d, generate_series(1, 4500) n",
        )
        .await
        .unwrap();
    let with_args = Some(r#"{"n": 7}"#.parse().unwrap());
    let sevens = JobFilter { with_args, ..JobFilter::default() };
    let (mut seen, mut cursor, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = dead_letters(&database, &sevens, false, cursor.as_deref(), 50).await.unwrap();
        seen.extend(page.items.iter().map(|job| job.id));
        pages += 1;
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!((seen.as_slice(), pages), (&[1_001_500, 1_003_000, 1_004_500][..], 3));
    assert_eq!(dead_letter_ids(&database, &sevens, false).await.unwrap(), (seen, 1));
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

/// 60 attempts of 40 to 45 MiB, one that a worker was lost with, one of long ago.
const PEAKS: &str = "
  insert into backstay.terms (hash, limits, level, holders) values (sha256('a'), '{\"memory_bytes\": 536870912}', 'rlimit', '{}');
  insert into backstay.attempt (job_id, ended_at, attempt, outcome, billed, queue, kind, peak_kib, peak_source, terms_no)
  select n, now() - interval '20 seconds', 1, 'exited', 'retry', 'q', 'act', 41000, 'sampled', 1 from generate_series(1, 20) n
   union all values (97, now() - interval '20 seconds', 1, 'lost', 'lost', 'q', 'act', 900000, 'last', 1),
                    (98, now() - interval '2 hours', 1, 'exited', 'retry', 'q', 'act', 900000, 'hwm', 1);
  insert into backstay.history (job_id, enqueued_at, finished_at, attempt, retry_count, crash_count, lost_count, snooze_count, interrupt_count,
         revived_count, max_retries, priority, state, queue, kind, enqueued_by, peak_kib, terms_no)
  select 100 + n, now(), now() - interval '30 seconds', 1, 0, 0, 0, 0, 0, 0, 1, 5, 'completed', 'q', 'act', 'me', 45000, 1 from generate_series(1, 40) n";

#[tokio::test]
async fn what_attempts_had_of_memory_is_counted_once_and_gives_a_limit_that_fits() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    client.batch_execute(PEAKS).await.unwrap();
    let handler = async |_: Act| Ok::<_, Fail>(());
    let live = Live::on(db, 1, handler, |_| ()).await;
    let memory = async || kinds(&live.database).await.unwrap().pop()?.memory;
    until("a worker has counted them", async || memory().await.is_some()).await;
    let memory = memory().await.unwrap();
    assert_eq!(memory.attempts, 60);
    // Between 1.5^9 and 1.5^10 MiB, of which 99 of 100 had less than the larger.
    assert_eq!(memory.p99_bytes, 59_049 << 10);
    assert_eq!((memory.limit_bytes, memory.suggested_bytes), (Some(512 << 20), Some(87 << 20)));
    live.running.drain().await;

    let again = include_str!("../../sql/duty/peaks.sql");
    let counted = client.query_one(again, &[&vec![1024], &1000]).await.unwrap();
    assert_eq!(counted.get::<_, i64>("counted"), 0);
    live.stop().await;
}
