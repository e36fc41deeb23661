//! Whose word counts: built in, the contract in code, the kind's stored contract, the job's own options.

use backstay::unit::mins;
use backstay::{Contract, Job, Options, Request, enqueue, enqueue_many, show};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::database::{connect, fresh};

/// One option: how three layers say it, where it is stored, and what is stored when each of them is the highest that
/// says something; the first is what is built in.
struct Family {
    option: &'static str,
    layers: [Value; 3],
    stored: &'static str,
    expected: [&'static str; 4],
}

fn families() -> Vec<Family> {
    let family = |option, layers, stored, expected| Family { option, layers, stored, expected };
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
    let said = |layer: usize| match layers > layer {
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
    ];
    for (contract, code, part) in cases {
        let options = Options::new().set("contract", &contract);
        let error = enqueue(&client, Request::new("x", json!({})).with(options)).await.unwrap_err();
        assert_eq!(error.code(), code, "{contract}: {error}");
        assert!(error.to_string().contains(part), "{contract}: {error}");
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
