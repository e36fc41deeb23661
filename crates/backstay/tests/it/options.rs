//! Options of enqueue: each is taken, and a wrong value is answered with what to write.

use std::time::{Duration, SystemTime};

use backstay::unit::{days, hours, mib, mins, secs};
use backstay::{
    Backoff, Contract, Job, JobState, Options, Priority, Request, Unique, by, enqueue, show,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::database::{connect, fresh};

#[derive(Serialize, Deserialize)]
struct Report {
    tenant: i64,
    month: String,
}

impl Job for Report {
    const KIND: &'static str = "report";
    fn contract() -> Contract {
        Contract::new()
            .queue("reports")
            .priority(Priority::LOW)
            .max_retries(5)
            .unique(by(["tenant", "month"]))
            .group(by(["tenant"]))
            .tags(["month"])
    }
}

fn report(month: &str) -> Report {
    Report { tenant: 7, month: month.into() }
}

#[tokio::test]
async fn a_contract_in_code_is_what_each_job_gets() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    let first = enqueue(&client, report("2026-11")).await.unwrap();
    let again = enqueue(&client, report("2026-11")).await.unwrap();
    let other =
        enqueue(&client, report("2026-12").with(Options::new().max_retries(0))).await.unwrap();
    assert_eq!((again.id, again.created, other.created), (first.id, false, true));
    let job = show(&client, first.id).await.unwrap().unwrap();
    assert_eq!((job.queue.as_str(), job.priority, job.max_retries), ("reports", 8, 5));
    assert_eq!((job.group.as_deref(), job.tags), (Some("[7]"), vec!["month".to_owned()]));
    assert_eq!(job.unique.as_deref(), Some(r#"[7,"2026-11"]"#));
    assert_eq!(show(&client, other.id).await.unwrap().unwrap().max_retries, 0);
}

#[tokio::test]
async fn every_option_is_taken_as_it_is_written_here() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    let at = SystemTime::now() + days(1);
    let all = Options::new()
        .queue("exports")
        .priority(Priority::URGENT)
        .run_at(at)
        .max_retries(3)
        .backoff(Backoff::Fixed(secs(30)))
        .timeout(mins(20))
        .memory(mib(100))
        .unique(Unique::key("k").until_started().replace())
        .idempotency_key("call-1")
        .group("tenant-7")
        .limit_key("host-1")
        .expires_in(days(2))
        .tags(["a", "b"])
        .meta(json!({ "who": "ana" }))
        .trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .notify(false);
    let job = enqueue(&client, Request::new("export", json!({})).with(all)).await.unwrap();
    let job = show(&client, job.id).await.unwrap().unwrap();
    assert_eq!(job.state, JobState::Scheduled);
    assert_eq!((job.queue.as_str(), job.priority, job.max_retries), ("exports", 0, 3));
    assert_eq!((job.group.as_deref(), job.unique.as_deref()), (Some("tenant-7"), Some("k")));
    assert_eq!(job.tags, ["a", "b"]);
    assert_eq!(serde_json::from_str::<Value>(&job.meta.unwrap()).unwrap(), json!({ "who": "ana" }));
    let apart = |left: SystemTime, right: SystemTime| {
        left.duration_since(right).or_else(|_| right.duration_since(left)).unwrap()
    };
    assert!(apart(job.run_at.unwrap(), at) < Duration::from_millis(1));
    assert!(apart(job.expires_at.unwrap(), at + days(1)) < mins(1));
}

#[tokio::test]
async fn the_other_forms_are_taken_too() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    let list = vec![mins(1), mins(5), hours(1)];
    let curve = Backoff::Exponential { first: secs(1), factor: 3.0, cap: hours(2), jitter: 0.0 };
    for options in [
        Options::new().run_in(Duration::ZERO),
        Options::new().run_in(Duration::from_millis(1500)),
        Options::new().run_at(SystemTime::UNIX_EPOCH),
        Options::new().backoff(Backoff::List(list)),
        Options::new().backoff(curve),
        Options::new().unique(Unique::args().reject()),
        Options::new().unique(Unique::from(by(["n"])).period(hours(1))),
        Options::new().group(by(["tenant"])).limit_key(by(["n", "absent"])),
        Options::new().expires_at(SystemTime::now() + hours(1)),
        Options::new().set("priority", "high").set("queue", Value::Null),
    ] {
        let request =
            Request::new("export", json!({ "n": 1, "tenant": "x" })).with(options.clone());
        let job = enqueue(&client, request).await;
        assert!(job.as_ref().is_ok_and(|job| job.created), "{options:?}: {job:?}");
    }
}

#[tokio::test]
async fn a_wrong_value_is_answered_with_what_to_write() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    // Option, value, code, and what the sentence for people must contain.
    let cases = [
        ("priorty", json!(1), "BS101", "\"priority\""),
        ("weight", json!(1), "BS101", "not available in this version"),
        ("queue", json!("no spaces"), "BS103", "queue"),
        ("queue", json!("q".repeat(129)), "BS103", "128"),
        ("priority", json!(12), "BS102", "9"),
        ("priority", json!("3"), "BS102", "3"),
        ("priority", json!("hgih"), "BS102", "high"),
        ("run_in", json!("300"), "BS102", "300s"),
        ("run_in", json!(300), "BS102", "300s"),
        ("run_in", json!("-5s"), "BS102", "run_in"),
        ("run_in", json!("1 month"), "BS102", "days"),
        ("run_in", json!("4000d"), "BS102", "too long"),
        ("run_at", json!("2026-11-23T09:00:00"), "BS102", "run_at"),
        ("run_at", json!("soon"), "BS102", "run_at"),
        ("max_retries", json!(-1), "BS102", "max_retries"),
        ("max_retries", json!(101), "BS102", "100"),
        ("max_retries", json!("5"), "BS102", "max_retries"),
        ("backoff", json!({ "frist": "1s" }), "BS101", "first"),
        ("backoff", json!({ "factor": 11 }), "BS102", "factor"),
        ("backoff", json!({ "list": [] }), "BS102", "list"),
        ("timeout", json!("10ms"), "BS102", "1s"),
        ("memory", json!("512MB"), "BS102", "512MiB"),
        ("memory", json!("1MiB"), "BS102", "32 MiB"),
        ("unique", json!(7), "BS102", "unique"),
        ("unique", json!({ "key": "a", "until": "startd" }), "BS102", "started"),
        ("unique", json!("k".repeat(1025)), "BS102", "1024"),
        ("unique", json!({ "key": "a", "period_in": "1ms" }), "BS102", "period_in"),
        ("idempotency_key", json!(""), "BS102", "idempotency_key"),
        ("group", json!("g".repeat(257)), "BS102", "256"),
        ("group", json!("a\u{1}b"), "BS102", "control character"),
        ("limit_key", json!(5), "BS102", "limit_key"),
        ("expires_in", json!("0s"), "BS102", "expires_in"),
        ("tags", json!("a"), "BS102", "tags"),
        ("tags", json!(["t".repeat(65)]), "BS102", "64"),
        ("tags", json!((0..21).map(|n| n.to_string()).collect::<Vec<_>>()), "BS102", "20"),
        ("meta", json!([]), "BS102", "meta"),
        ("meta", json!({ "a": "m".repeat(17 * 1024) }), "BS102", "meta"),
        ("notify", json!("yes"), "BS102", "notify"),
    ];
    let mut wrong = Vec::new();
    for (name, value, code, part) in cases {
        let shown = value.to_string().chars().take(60).collect::<String>();
        let request = Request::new("export", json!({})).with(Options::new().set(name, value));
        let (said_code, said) = match enqueue(&client, request).await {
            Ok(_) => ("none".to_owned(), "taken".to_owned()),
            Err(error) => (error.code().to_owned(), error.to_string()),
        };
        // The value itself may be long; a sentence for people is not.
        if said_code != code || !said.contains(part) || said.chars().count() > 300 {
            wrong.push(format!("{name} = {shown}: {code} with `{part}`, not {said_code} {said}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[tokio::test]
async fn more_than_the_queue_allows_is_refused_where_the_queue_is_declared() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    let declared = r#"insert into backstay.queue (name, settings, hash, set_at)
        values ('reports', '{"timeout": "5m", "memory_max": "1GiB"}', '', now())"#;
    client.batch_execute(declared).await.unwrap();
    let ask = |options: Options| Request::new("x", json!({})).with(options.queue("reports"));
    for options in [Options::new().timeout(mins(21)), Options::new().memory(mib(1025))] {
        let error = enqueue(&client, ask(options)).await.unwrap_err();
        assert_eq!(error.code(), "BS102", "{error}");
        assert!(error.to_string().contains("_max"), "{error}");
    }
    let most = Options::new().timeout(mins(20)).memory(mib(1024));
    assert!(enqueue(&client, ask(most)).await.unwrap().created);
    let elsewhere = Request::new("x", json!({})).with(Options::new().timeout(days(30)));
    assert!(enqueue(&client, elsewhere).await.unwrap().created);
}

#[tokio::test]
async fn a_malformed_trace_is_dropped_and_the_job_is_not() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    let request = Request::new("export", json!({})).with(Options::new().trace("nonsense"));
    assert!(enqueue(&client, request).await.unwrap().created);
}

#[tokio::test]
async fn args_beyond_their_bounds_are_refused() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    let deep = (0..64).fold(json!(1), |inner, _| json!({ "a": inner }));
    let cases = [
        (json!({ "a": "x".repeat(300 * 1024) }), "BS105"),
        (json!({ "a": "x".repeat(2 * 1024 * 1024) }), "BS105"),
        (json!({ "pad": "x".repeat(200), "a": deep }), "BS106"),
        (json!([1]), "BS104"),
        (json!({ "a": "b\0c" }), "BS104"),
    ];
    for (args, code) in cases {
        let error = enqueue(&client, Request::new("export", args)).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(!error.to_string().contains("xxxx"), "args never stand in an error");
    }
    let shallow = (0..62).fold(json!(1), |inner, _| json!({ "a": inner }));
    enqueue(&client, Request::new("export", shallow)).await.unwrap();
}

#[tokio::test]
async fn a_kind_without_a_lawful_name_is_refused() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    for kind in ["", "two words", "naïve", &"k".repeat(129)] {
        let error = enqueue(&client, Request::new(kind, json!({}))).await.unwrap_err();
        assert_eq!(error.code(), "BS103", "{kind}: {error}");
    }
    enqueue(&client, Request::new("k".repeat(128), json!({}))).await.unwrap();
}
