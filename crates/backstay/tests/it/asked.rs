//! Whatever options a caller sends, a job is made that every reader understands, or the call is refused with a code of
//! ours and a text for people: never with an error of PostgreSQL's own.
//!
//! `BACKSTAY_ASK_CASES=100000` makes a campaign of it.

use backstay::model::judge::OnRules;
use backstay::{Backoff, show};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Map, Value, json};
use tokio_postgres::Client;
use tokio_postgres::error::DbError;
use tokio_postgres::types::Type;

use crate::database::{connect, fresh};

const CASES: u32 = 250;

/// What is written where a text is asked for: right, nearly right, and never right.
const TEXTS: [&str; 46] = [
    "",
    " ",
    "0s",
    "1s",
    "15s",
    "90m",
    "1h30m",
    "7d",
    "366d",
    "367d",
    "99999999999d",
    "1e3s",
    "-1s",
    "1.5h",
    "15",
    "ms",
    "0.0000001s",
    "32MiB",
    "512MiB",
    "4TiB",
    "999999999999 TiB",
    "-1MiB",
    "reports",
    "a/b",
    "Ä",
    "ready\nor not",
    "2026-12-24T00:00:00Z",
    "2026-13-24",
    "9999-12-31T23:59:59Z",
    "999999-01-01T00:00:00Z",
    "infinity",
    "-infinity",
    "now",
    "epoch",
    "24:00",
    "urgent",
    "hgih",
    "5",
    "keep",
    "replace",
    "started",
    "bury",
    "never",
    "auto",
    "1x",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
];
const OPTIONS: [&str; 22] = [
    "queue",
    "priority",
    "run_in",
    "run_at",
    "max_retries",
    "backoff",
    "timeout",
    "memory",
    "unique",
    "idempotency_key",
    "group",
    "limit_key",
    "expires_in",
    "expires_at",
    "tags",
    "meta",
    "trace",
    "notify",
    "contract",
    "on",
    "on_oom",
    "crash_limit",
];
const INNER: [&str; 19] = [
    "key",
    "by",
    "until",
    "period_in",
    "on_conflict",
    "first",
    "factor",
    "cap",
    "jitter",
    "fixed",
    "list",
    "delay",
    "retry",
    "max",
    "error:*",
    "exit:3",
    "lost",
    "restart",
    "queue",
];

fn value() -> impl Strategy<Value = Value> {
    let numbers = prop_oneof![
        (-3_i64..12).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![0.5, 1e308, -0.0, 32767.0, 32768.0, 1e18]).prop_map(Value::from),
    ];
    let leaf = prop_oneof![
        6 => prop::sample::select(TEXTS.to_vec()).prop_map(Value::from),
        1 => (1_usize..2000).prop_map(|n| "x".repeat(n).into()),
        1 => "\\PC{0,6}".prop_map(Value::from),
        3 => numbers,
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let names = prop::sample::select([OPTIONS.as_slice(), &INNER].concat());
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names, inner), 0..4).prop_map(|fields| object(&fields)),
        ]
    })
}

fn object(fields: &[(&'static str, Value)]) -> Value {
    fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect::<Map<_, _>>()
        .into()
}

fn options() -> impl Strategy<Value = Value> {
    let name = prop_oneof![9 => prop::sample::select(OPTIONS.to_vec()), 1 => Just("prioritty")];
    prop_oneof![
        9 => prop::collection::vec((name, value()), 0..4).prop_map(|fields| object(&fields)),
        1 => value(),
    ]
}

fn kind() -> impl Strategy<Value = String> {
    prop_oneof![4 => Just("report".to_owned()), 1 => prop::sample::select(TEXTS.to_vec()).prop_map(str::to_owned)]
}

fn args() -> impl Strategy<Value = Value> {
    prop_oneof![3 => Just(json!({"tenant": 7})), 1 => value()]
}

fn is_ours(error: &tokio_postgres::Error) -> Result<(), TestCaseError> {
    let error: &DbError = error.as_db_error().expect("the server answers");
    prop_assert!(error.code().code().starts_with("BS"), "refused with {error:?}");
    prop_assert!(!error.message().is_empty(), "{error:?}");
    Ok(())
}

/// One call in a transaction that is taken back.
async fn ask(
    client: &Client,
    kind: &str,
    args: &Value,
    options: &Value,
) -> Result<(), TestCaseError> {
    client.batch_execute("begin").await.unwrap();
    let text = "select id, created from backstay.enqueue($1, $2, $3)";
    let params = [(&kind as _, Type::TEXT), (args as _, Type::JSONB), (options as _, Type::JSONB)];
    let answer = client.query_typed(text, &params).await;
    let checked = match answer {
        Err(error) => is_ours(&error),
        Ok(rows) => understood(client, rows[0].get("id")).await,
    };
    client.batch_execute("rollback").await.unwrap();
    checked
}

/// The readers of a job that was accepted: its document, and its policy without any leniency.
async fn understood(client: &Client, id: i64) -> Result<(), TestCaseError> {
    let shown = show(client, id).await;
    prop_assert!(shown.as_ref().is_ok_and(Option::is_some), "{shown:?}");
    let text = "select policy from backstay.job where id = $1";
    let policy: Option<Value> = client.query_one(text, &[&id]).await.unwrap().get(0);
    for (name, said) in policy.as_ref().and_then(Value::as_object).into_iter().flatten() {
        let read = match name.as_str() {
            "backoff" => {
                serde_json::from_value::<Backoff>(said.clone()).map(drop).map_err(|e| e.to_string())
            }
            "on" => OnRules::parse(said).map(drop).map_err(|error| error.to_string()),
            _ => Ok(()),
        };
        prop_assert!(read.is_ok(), "{name} {said} was accepted, and then: {read:?}");
    }
    Ok(())
}

#[test]
fn whatever_is_asked_of_enqueue_is_understood_or_refused_with_a_code_of_ours() {
    let Some(place) = fresh() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = runtime.block_on(connect(&place.url));
    let cases = std::env::var("BACKSTAY_ASK_CASES").ok().and_then(|text| text.parse().ok());
    let config =
        Config { cases: cases.unwrap_or(CASES), failure_persistence: None, ..Config::default() };
    let asked = TestRunner::new(config)
        .run(&(kind(), args(), options()), |(kind, args, options)| {
            runtime.block_on(ask(&client, &kind, &args, &options))
        });
    if let Err(error) = asked {
        panic!("{error}");
    }
}
