//! Why a job does not run: each reason of the closed list, true of a job in a real database.

use std::collections::BTreeSet;
use std::sync::Arc;

use backstay::inspect::{self, Reason, Why};
use backstay::model::instant::Instant;
use backstay::unit::{hours, mins, secs};
use backstay::{Database, Fail, JobState, Options, Priority, Request, enqueue};
use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::act::{Act, Live, until};
use crate::database::{claim, connect, fresh};

/// A database, and every reason that was told in it.
struct Stage {
    database: Database,
    client: Client,
    told: BTreeSet<&'static str>,
}

impl Stage {
    async fn job(&self, options: Options) -> i64 {
        let request = Request::new("report", json!({ "n": 1 })).with(options);
        enqueue(&self.database, request).await.unwrap().id
    }

    /// Changes rows, as the fleet would.
    async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    async fn why(&mut self, id: i64) -> Why {
        let why = inspect::why(&self.database, id).await.unwrap();
        self.told.insert(why.reason.as_str());
        self.says_the_same_by_sql(id, &why).await;
        why
    }

    /// The door has rules of its own: whoever changes those of one side sees here that the other side differs.
    async fn says_the_same_by_sql(&self, id: i64, why: &Why) {
        let told = self.client.query_one("select backstay.why($1)::text", &[&id]).await.unwrap();
        let told: Value = serde_json::from_str(told.get(0)).unwrap();
        let state = why.state.map(JobState::as_str);
        let of = |field: &str| told[field].as_str();
        assert_eq!((of("state"), of("reason")), (state, Some(why.reason.as_str())), "{told}");
        assert_eq!(of("remedy"), why.remedy.as_deref(), "{told}");
        let text = of("text").unwrap();
        assert!(!text.is_empty() && !text.contains("  "), "{told}");
        assert_eq!(told.as_object().unwrap().len(), 6, "{told}");
        let at = |field: &str| of(field).map(|at| at.parse::<Instant>().unwrap());
        assert_eq!(at("since"), why.since, "{told}");
        // What is told of the future is told from the moment of the look on.
        let (by_sql, by_rust) = (at("start_at"), why.start_at);
        assert_eq!(by_sql.is_some(), by_rust.is_some(), "{told} {why:?}");
        if let (Some(one), Some(other)) = (by_sql, by_rust) {
            assert!(one.age(other.into()).max(other.age(one.into())) < secs(5), "{told} {why:?}");
        }
    }

    #[track_caller]
    fn expect(why: &Why, reason: Reason, part: &str) {
        assert_eq!(why.reason, reason, "{why:?}");
        assert!(why.text.contains(part), "{why:?}");
    }

    /// The only worker, as it says with a beat that it stands; it serves `q` and knows `report`.
    async fn worker(&self, admission: Value) -> Uuid {
        let id = Uuid::now_v7();
        let text = "insert into backstay.worker (id, beat_at, lease_until, started_at, pid, slots, host, release, level, queues, kinds, admission)
                    values ($1, now(), now() + interval '1 min', now() - interval '1 hour', 7, 2, 'app-1', '1', 'rlimit', '{q}', '{\"report\": 1}', $2::text::jsonb)";
        self.run("delete from backstay.worker").await;
        self.client.execute(text, &[&id, &admission.to_string()]).await.unwrap();
        id
    }
}

fn q() -> Options {
    Options::new().queue("q")
}

#[tokio::test]
async fn every_reason_of_the_closed_list_is_told_of_a_job_of_which_it_is_true() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    let client = connect(&db.url).await;
    let mut stage = Stage { database, client, told: BTreeSet::new() };
    what_is_not_due(&mut stage).await;
    what_is_held(&mut stage).await;
    what_nobody_takes(&mut stage).await;
    what_workers_keep_from(&mut stage).await;
    what_waits_for_its_turn(&mut stage).await;
    what_runs(&mut stage).await;
    what_is_over(&mut stage).await;
    let all: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(stage.told, all);
}

async fn what_is_not_due(stage: &mut Stage) {
    stage.worker(json!({})).await;
    let id = stage.job(q().run_in(mins(150))).await;
    let why = stage.why(id).await;
    Stage::expect(&why, Reason::Scheduled, "due in 2 h, at 20");
    assert_eq!((why.state, why.start_at.is_some()), (Some(JobState::Scheduled), true));
    assert_eq!(why.remedy, Some(format!("to have it run now: backstay jobs promote {id}")));
    stage
        .run(
            "insert into backstay.attempt (job_id, attempt, ended_at, outcome, billed, queue, kind, message)
             select max(id), 2, now(), 'failed', 'retry', 'q', 'report', 'connect ECONNREFUSED' from backstay.job;
             update backstay.scheduled set attempt = 2, retry_count = 2, why = 'backing_off'",
        )
        .await;
    let why = stage.why(id).await;
    Stage::expect(
        &why,
        Reason::BackingOff,
        "attempt 2 of 11 came to failed: connect ECONNREFUSED; due in",
    );
    for (word, reason, part) in [
        ("snoozed", Reason::Snoozed, "asked for a later start, 3 times so far"),
        ("released", Reason::Released, "gave it back for a while"),
        ("suspect", Reason::Suspect, "until no other such job runs"),
    ] {
        stage.run(&format!("update backstay.scheduled set why = '{word}', snooze_count = 3")).await;
        Stage::expect(&stage.why(id).await, reason, part);
    }
    stage.run("delete from backstay.scheduled; delete from backstay.job; delete from backstay.attempt").await;
}

async fn what_is_held(stage: &mut Stage) {
    stage.worker(json!({})).await;
    stage
        .run("select backstay.pause('kind', 'report', '{\"reason\": \"provider is down\"}')")
        .await;
    let id = stage.job(q()).await;
    let why = stage.why(id).await;
    Stage::expect(&why, Reason::Paused, "kind report is paused for 0 s by");
    Stage::expect(&why, Reason::Paused, "(provider is down), until somebody resumes it");
    assert_eq!(why.state, Some(JobState::Parked));
    assert_eq!(why.remedy.as_deref(), Some("backstay kinds resume report"));
    stage.run("select backstay.resume('kind', 'report')").await;
    Stage::expect(&stage.why(id).await, Reason::Paused, "is not paused any more: it comes back");
    stage.run("update backstay.worker set kinds = '{\"mail\": 1}'; update backstay.parked set reason = 'unknown_kind'").await;
    let told = "no live worker of queue q knows kind report";
    Stage::expect(&stage.why(id).await, Reason::UnknownKind, told);
    stage.run("update backstay.worker set kinds = '{\"*\": 1}'").await;
    Stage::expect(&stage.why(id).await, Reason::UnknownKind, "knows kind report again");
    stage.run("update backstay.parked set reason = 'sequence', subject = 'job 4'").await;
    Stage::expect(&stage.why(id).await, Reason::Held, "held back: sequence job 4");
    stage.run("delete from backstay.parked; delete from backstay.job").await;
}

async fn what_nobody_takes(stage: &mut Stage) {
    stage.run("delete from backstay.worker").await;
    let id = stage.job(q().expires_in(hours(1))).await;
    let why = stage.why(id).await;
    Stage::expect(&why, Reason::NoWorker, "no live worker serves queue q; it expires in");
    assert_eq!(why.remedy.as_deref(), Some("backstay work --queues q"));
    stage.worker(json!({})).await;
    stage.run("update backstay.worker set beat_at = now() - interval '3 hours', lease_until = now() - interval '3 hours'").await;
    Stage::expect(&stage.why(id).await, Reason::NoWorker, ", the last was seen 3 h ago on app-1");
    stage.worker(json!({})).await;
    stage.run("update backstay.worker set drain_at = now()").await;
    Stage::expect(&stage.why(id).await, Reason::NoWorker, "the one on app-1 drains");
    stage.run("update backstay.worker set drain_at = null, kinds = '{\"mail\": 1}'").await;
    Stage::expect(&stage.why(id).await, Reason::UnknownKind, "knows kind report");
    stage.run("select backstay.pause('queue', 'q', '{\"for_in\": \"10m\"}')").await;
    let why = stage.why(id).await;
    Stage::expect(&why, Reason::Paused, "queue q is paused for 0 s by");
    assert!(why.start_at.is_some(), "it ends by itself");
    stage.run("select backstay.resume('queue', 'q'); update backstay.job set expires_at = now() - interval '1 s'").await;
    Stage::expect(&stage.why(id).await, Reason::Expired, "is over");
    stage.run("delete from backstay.ready; delete from backstay.job").await;
}

async fn what_workers_keep_from(stage: &mut Stage) {
    let id = stage.job(q().memory(backstay::unit::gib(2))).await;
    let brake = json!([{ "what": "database", "reason": "a beat took 2s", "since": "2026-11-24T11:58:00Z" }]);
    for (admission, reason, part) in [
        (json!({ "level_lost": "no control group" }), Reason::LevelLost, "no control group"),
        (json!({ "brakes": brake }), Reason::Brake, "the database is in trouble: a beat took 2s"),
        (
            json!({ "pool_broken": { "q": ["report"] } }),
            Reason::PoolBroken,
            "does not boot on app-1",
        ),
        (json!({ "kind_braked": ["report"] }), Reason::KindBraked, "crash again and again"),
        (json!({ "memory_budget": 1 << 30 }), Reason::NeedsMemory, "it needs 2GiB of memory"),
        (json!({}), Reason::Ready, "the next look takes it"),
    ] {
        stage.worker(admission).await;
        Stage::expect(&stage.why(id).await, reason, part);
    }
    stage.run("delete from backstay.ready; delete from backstay.job").await;
}

async fn what_waits_for_its_turn(stage: &mut Stage) {
    let first = stage.job(q()).await;
    let id = stage.job(q()).await;
    stage.job(q().priority(Priority::URGENT)).await;
    stage.worker(json!({})).await;
    let why = stage.why(id).await;
    Stage::expect(
        &why,
        Reason::Behind,
        "2 jobs stand before it in queue q, 1 of them more urgent; when it starts is not known",
    );
    assert_eq!(why.start_at, None);
    // What came to its end lately says how fast the line moves: 30 in the five minutes, and as many failures.
    stage
        .run(
            "insert into backstay.history (job_id, enqueued_at, claimed_at, finished_at, attempt, retry_count, crash_count, lost_count, snooze_count,
                    interrupt_count, revived_count, max_retries, priority, state, queue, kind, enqueued_by)
             select -n, now(), now(), now() - n * interval '9 s', 1, 0, 0, 0, 0, 0, 0, 10, 5, 'completed', 'q', 'report', 'x' from generate_series(1, 30) n;
             insert into backstay.attempt (job_id, attempt, ended_at, outcome, billed, queue, kind)
             select -n, 1, now() - n * interval '9 s', 'failed', 'retry', 'q', 'report' from generate_series(1, 30) n",
        )
        .await;
    let why = stage.why(id).await;
    Stage::expect(&why, Reason::Behind, "it starts in about ");
    let wait = why.start_at.unwrap().ahead(std::time::SystemTime::now());
    assert!(wait > secs(5) && wait < secs(11), "two jobs at one in five seconds: {wait:?}");
    stage.run("delete from backstay.history; delete from backstay.attempt").await;

    let full = json!({ "slots": { "q": { "count": 1 } } });
    let worker = stage.worker(full).await;
    claim(&stage.client, "q", "report").await;
    claim(&stage.client, "q", "report").await;
    stage.run(&format!("update backstay.running set worker = '{worker}' where job_id = {first}; delete from backstay.running where job_id <> {first}")).await;
    let told =
        format!("the one slot of queue q is busy, the longest with report {first} on app-1 for");
    Stage::expect(&stage.why(id).await, Reason::NoSlot, &told);
    stage
        .run("delete from backstay.running; delete from backstay.ready; delete from backstay.job")
        .await;
}

async fn what_runs(stage: &mut Stage) {
    let id = stage.job(q()).await;
    let fence = claim(&stage.client, "q", "report").await;
    Stage::expect(&stage.why(id).await, Reason::Lost, "not known any more");
    let worker = stage
        .worker(json!({ "in_hand": { id.to_string(): 2_u64 << 30 }, "memory_free": 1_u64 << 30 }))
        .await;
    stage.run(&format!("update backstay.running set worker = '{worker}'")).await;
    Stage::expect(&stage.why(id).await, Reason::InHand, "needs 2GiB, free 1GiB");
    stage.run("update backstay.worker set admission = '{}'").await;
    stage
        .client
        .execute(
            "select backstay.progress($1, $2, $3, 40, '{\"note\": \"page 12\"}')",
            &[&id, &fence.attempt, &worker],
        )
        .await
        .unwrap();
    Stage::expect(
        &stage.why(id).await,
        Reason::Running,
        "attempt 1 runs on app-1 for 0 s, 40 %, page 12",
    );
    stage.run(&format!("select backstay.cancel({id}, '{{\"reason\": \"wrong month\"}}')")).await;
    Stage::expect(&stage.why(id).await, Reason::Cancelling, "is told to stop by");
    stage.run("update backstay.worker set beat_at = now() - interval '2 min', lease_until = now() - interval '1 min'").await;
    let why = stage.why(id).await;
    Stage::expect(&why, Reason::Lost, "its worker on app-1 has been silent for 2 min");
    assert_eq!(why.remedy.as_deref(), Some("no worker lives, start one: backstay work"));
    stage.run("delete from backstay.running; delete from backstay.job").await;
}

async fn what_is_over(stage: &mut Stage) {
    let done = stage.job(q()).await;
    let fence = claim(&stage.client, "q", "report").await;
    let complete = "select backstay.complete($1, $2, $3)";
    stage.client.execute(complete, &[&done, &fence.attempt, &fence.worker]).await.unwrap();
    let why = stage.why(done).await;
    Stage::expect(&why, Reason::Completed, "completed 0 s ago, by attempt 1");
    assert_eq!(why.state, Some(JobState::Completed));

    let stopped = stage.job(q().run_in(mins(5))).await;
    backstay::cancel(&stage.database, stopped, "wrong month").await.unwrap();
    Stage::expect(&stage.why(stopped).await, Reason::Cancelled, "ago: wrong month");
    stage.run("update backstay.history set reason = 'expired' where state = 'cancelled'").await;
    Stage::expect(&stage.why(stopped).await, Reason::Expired, "before it could start");

    let dead = stage.job(q()).await;
    stage
        .run(&format!("select backstay.bury({dead}, '{{\"reason\": \"breaks the printer\"}}')"))
        .await;
    let why = stage.why(dead).await;
    Stage::expect(&why, Reason::Dead, "dead 0 s ago: buried: breaks the printer (group ");
    assert!(why.remedy.unwrap().ends_with(&format!("backstay dead revive {dead}")));
    stage.run(&format!("select backstay.discard(array[{dead}], '{{\"reason\": \"x\"}}')")).await;
    let why = stage.why(dead).await;
    Stage::expect(&why, Reason::Dead, ", and discarded by ");
    assert!(why.remedy.unwrap().ends_with(&format!("backstay dead restore {dead}")));

    stage
        .run(
            "insert into backstay.attempt (job_id, attempt, ended_at, outcome, billed, queue, kind)
             values (1000000, 3, now() - interval '12 days', 'failed', 'retry', 'q', 'report')",
        )
        .await;
    Stage::expect(
        &stage.why(1_000_000).await,
        Reason::Pruned,
        "number 3, came to failed 12 days ago",
    );
    let why = stage.why(1_000_001).await;
    Stage::expect(&why, Reason::NoSuchJob, "no such job is known");
    assert_eq!(why.state, None);
}

#[tokio::test]
async fn a_job_behind_a_busy_slot_starts_when_the_slot_is_free() {
    let gate = Arc::new(tokio::sync::Notify::new());
    let opened = Arc::clone(&gate);
    let handler = move |_: Act| {
        let opened = Arc::clone(&opened);
        async move {
            opened.notified().await;
            Ok::<_, Fail>(())
        }
    };
    let Some(live) = Live::start(1, handler, |_| {}).await else { return };
    let first = live.add(1, Options::new()).await;
    let second = live.add(2, Options::new()).await;
    let reason = async |id: i64| inspect::why(&live.database, id).await.unwrap();
    until("the first runs", async || reason(first).await.reason == Reason::Running).await;
    let told = format!("the one slot of queue default is busy, the longest with act {first} on ");
    until("its worker tells of its slot", async || reason(second).await.text.starts_with(&told))
        .await;
    assert_eq!(reason(second).await.reason, Reason::NoSlot);
    gate.notify_one();
    until("the second runs", async || reason(second).await.reason == Reason::Running).await;
    gate.notify_one();
    until("it is done", async || reason(second).await.reason == Reason::Completed).await;
    live.stop().await;
}
