//! Whose word counts: built in, the contract in code, the kind's stored contract, the job's own options.

use backstay::config::Settings;
use backstay::model::judge::Policy;
use backstay::model::outcome::{Attempted, Outcome};
use backstay::unit::mins;
use backstay::{
    Contract, Fail, Job, MemoryMost, OnAction, OnOom, Options, Request, Restart, Worker, enqueue,
    enqueue_many, show,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::database::{connect, fresh};

/// One option: how three layers say it, where it is stored, and what is stored when each of them is the highest that
/// says something; the first is what is built in.
struct Family {
    option: &'static str,
    layers: Vec<Value>,
    stored: &'static str,
    expected: Vec<&'static str>,
}

fn family(
    option: &'static str,
    layers: [Value; 3],
    stored: &'static str,
    expected: [&'static str; 4],
) -> Family {
    Family { option, layers: layers.to_vec(), stored, expected: expected.to_vec() }
}

/// An option that a single job has no word on.
fn file_or_code(
    option: &'static str,
    layers: [Value; 2],
    stored: &'static str,
    expected: [&'static str; 3],
) -> Family {
    Family { option, layers: layers.to_vec(), stored, expected: expected.to_vec() }
}

fn families() -> Vec<Family> {
    vec![
        family("queue", [json!("a"), json!("b"), json!("c")], "queue", ["default", "a", "b", "c"]),
        family("priority", [json!(1), json!("high"), json!(3)], "priority", ["5", "1", "2", "3"]),
        family("max_retries", [json!(1), json!(2), json!(0)], "max_retries", ["10", "1", "2", "0"]),
        family(
            "backoff",
            [json!({ "fixed": "1s" }), json!({ "list": ["2s"] }), json!({ "first": "3s" })],
            "policy -> 'backoff'",
            ["none", r#"{"fixed": "1s"}"#, r#"{"list": ["2s"]}"#, r#"{"first": "3s"}"#],
        ),
        family(
            "timeout",
            [json!("1s"), json!("2s"), json!("3s")],
            "timeout_ms",
            ["none", "1000", "2000", "3000"],
        ),
        family(
            "memory",
            [json!("32MiB"), json!("64MiB"), json!("96MiB")],
            "memory_bytes >> 20",
            ["none", "32", "64", "96"],
        ),
        family(
            "unique",
            [json!(true), json!({ "by": ["n"] }), json!("own")],
            "unique_label",
            ["none", r#"{"m": 2, "n": 1}"#, "[1]", "own"],
        ),
        family(
            "group",
            [json!({ "by": ["m"] }), json!({ "by": ["n"] }), json!("own")],
            "group_key",
            ["none", "[2]", "[1]", "own"],
        ),
        family(
            "limit_key",
            [json!({ "by": ["m"] }), json!("file"), json!("own")],
            "limit_key",
            ["none", "[2]", "file", "own"],
        ),
        family(
            "expires_in",
            [json!("1h"), json!("2h"), json!("3h")],
            "round(extract(epoch from expires_at - enqueued_at) / 3600)",
            ["none", "1", "2", "3"],
        ),
        family(
            "tags",
            [json!(["a"]), json!(["b"]), json!([])],
            "tags",
            ["none", "{a}", "{b}", "none"],
        ),
        file_or_code("crash_limit", [json!(1), json!(2)], "crash_limit", ["3", "1", "2"]),
        file_or_code("lost_limit", [json!(7), json!(100)], "lost_limit", ["3", "7", "100"]),
        file_or_code(
            "restart",
            [json!("never"), json!("never")],
            "policy ->> 'restart'",
            ["none", "never", "never"],
        ),
        file_or_code(
            "on",
            [json!({ "exited": { "delay": "1m" } }), json!({ "exit:3": "cancel" })],
            "policy -> 'on'",
            ["none", r#"{"exited": {"delay": "60000ms"}}"#, r#"{"exit:3": "cancel"}"#],
        ),
        file_or_code(
            "on_oom",
            [json!({ "retry": 2 }), json!({ "max": "3x" })],
            "policy -> 'on_oom'",
            ["none", r#"{"retry": 2}"#, r#"{"max": "3x"}"#],
        ),
        family(
            "meta",
            [json!({ "a": 1 }), json!({ "b": 2 }), json!({ "c": 3 })],
            "meta",
            ["none", r#"{"a": 1}"#, r#"{"b": 2}"#, r#"{"c": 3}"#],
        ),
    ]
}

#[tokio::test]
async fn each_option_comes_from_the_highest_layer_that_says_it_at_every_door() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    let mut wrong = Vec::new();
    for family in families() {
        for layers in 0..=family.layers.len() {
            for door in ["enqueue", "enqueue_rows", "enqueue_many"] {
                let stored = ask(&client, &family, layers, door).await;
                if stored != family.expected[layers] {
                    let (option, wanted) = (family.option, family.expected[layers]);
                    wrong.push(format!(
                        "{option} by {layers} layers, {door}: {stored}, not {wanted}"
                    ));
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Enqueues one job with the lowest `layers` layers saying the option, and gives what was stored.
async fn ask(client: &Client, family: &Family, layers: usize, door: &str) -> String {
    let said = |layer: usize| match layers > layer && layer < family.layers.len() {
        true => json!({ family.option: family.layers[layer] }),
        false => json!({}),
    };
    declare(client, said(1)).await;
    let mut options = said(2);
    let many = door == "enqueue_many";
    match many {
        true => options["contracts"] = json!({ "report": said(0) }),
        false => options["contract"] = said(0),
    }
    let args = json!({ "n": 1, "m": 2 });
    let text = match door {
        "enqueue" => "select id from backstay.enqueue('report', $1, $2)",
        "enqueue_rows" => "select id from backstay.enqueue_rows('report', array[$1::jsonb], $2)",
        _ => "select id from backstay.enqueue_many($1, $2)",
    };
    let args = if many { json!([{ "kind": "report", "args": args }]) } else { args };
    let id: i64 = client.query_one(text, &[&args, &options]).await.unwrap().get(0);
    let look = format!(
        "select coalesce(({})::text, 'none') from backstay.job where id = $1",
        family.stored
    );
    let stored = client.query_one(&look, &[&id]).await.unwrap().get(0);
    client.query("select backstay.cancel($1)", &[&id]).await.unwrap();
    stored
}

/// Writes the kind's contract as a worker does that starts with a file.
async fn declare(client: &Client, contract: Value) {
    let text = "insert into backstay.kind (name, contract, sensitive, hash, set_at) values ('report', $1, '{}', '', now())
                on conflict (name) do update set contract = excluded.contract";
    client.execute(text, &[&contract]).await.unwrap();
}

#[derive(Serialize, Deserialize)]
struct Report {
    n: i64,
}

impl Job for Report {
    const KIND: &'static str = "report";
    fn contract() -> Contract {
        Contract::new().queue("code").max_retries(3).timeout(mins(2)).tags(["code"])
    }
}

#[tokio::test]
async fn the_file_wins_over_the_code_and_the_call_over_both_from_rust() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    declare(&client, json!({ "queue": "file", "max_retries": 4 })).await;
    let own = Report { n: 2 }.with(Options::new().max_retries(5));
    let mut jobs = vec![enqueue(&client, Report { n: 1 }).await.unwrap()];
    jobs.push(enqueue(&client, own.clone()).await.unwrap());
    jobs.extend(enqueue_many(&client, [Report { n: 1 }, Report { n: 2 }]).await.unwrap());
    let bare = Request::new("report", json!({}));
    let other = Request::new("other", json!({}));
    jobs.extend(enqueue_many(&client, [Report { n: 1 }.into(), own, bare, other]).await.unwrap());

    let mut found = Vec::new();
    for job in jobs {
        let job = show(&client, job.id).await.unwrap().unwrap();
        found.push((job.queue, job.max_retries, job.tags.join(",")));
    }
    let job = |queue: &str, retries, tags: &str| (queue.to_owned(), retries, tags.to_owned());
    let (plain, own) = (job("file", 4, "code"), job("file", 5, "code"));
    let apart = [job("file", 4, ""), job("default", 10, "")];
    let expected = [&plain, &own, &plain, &plain, &plain, &own, &apart[0], &apart[1]];
    assert_eq!(found.iter().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn what_a_contract_in_code_may_not_say_is_refused_with_the_right_word() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    let cases = [
        (json!(7), "BS102", "JSON object"),
        (json!({ "priorty": 1 }), "BS101", "\"priority\""),
        (json!({ "priority": "hgih" }), "BS102", "high"),
        (json!({ "run_in": "5m" }), "BS102", "the job's own options"),
        (json!({ "idempotency_key": "a" }), "BS102", "the job's own options"),
        (json!({ "backoff": { "frist": "1s" } }), "BS101", "first"),
        (json!({ "crash_limit": 0 }), "BS102", "from 1 to 100"),
        (json!({ "lost_limit": 101 }), "BS102", "from 1 to 100"),
        (json!({ "restart": "nevr" }), "BS102", "\"never\""),
        (json!({ "on": 7 }), "BS102", "at most 20 entries"),
        (json!({ "on": { "timedout": "bury" } }), "BS102", "\"timed_out\""),
        (json!({ "on": { "completed": "bury" } }), "BS102", "costs a job nothing"),
        (json!({ "on": { "exit:256": "bury" } }), "BS102", "0 to 255"),
        (json!({ "on": { "error:a*b": "bury" } }), "BS102", "at its end"),
        (json!({ "on": { "failed": "bery" } }), "BS102", "\"bury\""),
        (json!({ "on": { "failed": { "delay": "8d" } } }), "BS102", "too long"),
        (json!({ "on": { "failed": 101 } }), "BS102", "from 0 to 100"),
        (json!({ "on_oom": { "retries": 1 } }), "BS101", "on_oom.retries"),
        (json!({ "on_oom": { "factor": 1 } }), "BS102", "from 1.1 to 10"),
        (json!({ "on_oom": { "max": "65x" } }), "BS102", "64x"),
        (json!({ "on_oom": { "max": "1MiB" } }), "BS102", "too small"),
        (json!({ "on_oom": { "queue": "a b" } }), "BS103", "at character 2"),
    ];
    for (contract, code, part) in cases {
        let options = Options::new().set("contract", &contract);
        let error = enqueue(&client, Request::new("x", json!({})).with(options)).await.unwrap_err();
        assert_eq!(error.code(), code, "{contract}: {error}");
        assert!(error.to_string().contains(part), "{contract}: {error}");
    }
    for word in ["on", "on_oom", "restart", "crash_limit", "lost_limit"] {
        let own = Options::new().set(word, 1);
        let error = enqueue(&client, Request::new("x", json!({})).with(own)).await.unwrap_err();
        assert_eq!(error.code(), "BS101", "{word}: {error}");
        assert!(error.to_string().contains("[kinds.x]"), "{word}: {error}");
    }
    let nothing = Options::new().set("contract", Value::Null).set("contract", json!({}));
    assert!(enqueue(&client, Request::new("x", json!({})).with(nothing)).await.unwrap().created);
}

#[tokio::test]
async fn a_contract_in_code_is_held_to_the_most_that_its_queue_allows() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    let declared = r#"insert into backstay.queue (name, settings, hash, set_at) values ('code', '{"timeout": "10s"}', '', now())"#;
    client.batch_execute(declared).await.unwrap();
    let error = enqueue(&client, Report { n: 1 }).await.unwrap_err();
    assert_eq!(error.code(), "BS102", "{error}");
    assert!(error.to_string().contains("timeout_max"), "{error}");
    declare(&client, json!({ "timeout": "20s" })).await;
    assert!(
        enqueue(&client, Report { n: 1 }).await.unwrap().created,
        "the file has another timeout"
    );
}

#[derive(Serialize, Deserialize)]
struct Careful {}

impl Job for Careful {
    const KIND: &'static str = "careful";
    fn contract() -> Contract {
        let billed = Outcome::ALL.into_iter().filter(|outcome| outcome.is_billed());
        let rules = billed.map(|outcome| (outcome.as_str(), OnAction::Retries(2)));
        let more = [("exit:3", OnAction::Cancel), ("error:Rate*", OnAction::Delay(mins(5)))];
        Contract::new()
            .crash_limit(1)
            .lost_limit(2)
            .on(rules.chain(more))
            .on_oom(OnOom { most: MemoryMost::Times(3.0), ..OnOom::default() })
            .restart(Restart::Never)
            .sensitive(["/card"])
    }
}

#[tokio::test]
async fn a_job_is_judged_by_what_its_code_declares() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    let id = enqueue(&client, Careful {}).await.unwrap().id;
    let text = "select crash_limit, lost_limit, policy::text from backstay.job where id = $1";
    let row = client.query_one(text, &[&id]).await.unwrap();
    let json: Option<String> = row.get("policy");
    let policy = Policy::of(10, row.get("crash_limit"), row.get("lost_limit"), json.as_deref());
    assert_eq!((policy.crash_limit, policy.lost_limit), (1, 2));
    assert_eq!((policy.restart, policy.on_oom.most), (Restart::Never, MemoryMost::Times(3.0)));
    let rate =
        Attempted { error_class: Some("RateLimited".to_owned()), ..Attempted::of(Outcome::Failed) };
    assert_eq!(policy.on.action(&rate), Some(&OnAction::Delay(mins(5))));
    for outcome in Outcome::ALL.into_iter().filter(|outcome| outcome.is_billed()) {
        let action = policy.on.action(&Attempted::of(outcome));
        assert_eq!(action, Some(&OnAction::Retries(2)), "{outcome}");
    }
}

#[test]
fn what_the_code_declares_of_a_kind_becomes_the_settings_of_its_worker() {
    let worker = Worker::without_state().handle(async |_: Careful| Ok::<_, Fail>(())).build();
    let settings = Settings::from_value(&worker.unwrap().tree()).unwrap();
    let kind = settings.kind("careful").unwrap();
    assert_eq!(kind.sensitive, ["/card"]);
    let said: Vec<&str> = kind.contract.keys().map(String::as_str).collect();
    assert_eq!(said, ["crash_limit", "lost_limit", "on", "on_oom", "restart"]);
}
