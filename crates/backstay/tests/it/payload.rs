//! What comes in through a door is kept as it is or refused with a code, whatever it is: sizes, depths, numbers, hostile texts.

use backstay::{Options, Request, Unique, cancel, enqueue};
use serde_json::{Value, json};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::database::{connect, fresh};

/// Texts that have ended strings, statements, lines, formats and screens elsewhere.
const HOSTILE: [&str; 26] = [
    "it's",
    "\"quoted\"",
    "$$",
    "$1 $2",
    "back\\slash\\",
    "'; drop table backstay.job; --",
    "%s %I %L {} {0}",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "${HOME} `id` $(id)",
    "a\nb",
    "a\r\nBcc: x",
    "a\tb",
    "a\u{1}b",
    "a\u{1b}[31mb",
    "a\u{7f}b",
    "a\u{85}b",
    "a\u{9b}31mb",
    "a\u{202e}b",
    "a\u{2066}b\u{2069}",
    "a\u{200b}b",
    "\u{feff}a",
    "a\u{fffe}b",
    "e\u{301} \u{e9} \u{1f469}\u{200d}\u{1f4bb}",
    "a\0b",
];

/// The three functions, each given one job of some args as text.
const DOORS: [&str; 3] = [
    "select (backstay.enqueue('report', $1::text::jsonb, '{}')).id",
    "select backstay.enqueue_many(jsonb_build_array(jsonb_build_object('kind', 'report', 'args', $1::text::jsonb)), '{}')",
    "select backstay.enqueue_rows('report', array[$1::text::jsonb], '{}')",
];

/// What a door says to some args as text: nothing, or its code.
async fn refused(client: &Client, door: &str, args: &str) -> Option<String> {
    let ran = client.query_typed(door, &[(&args, Type::TEXT)]).await;
    ran.err().map(|error| error.code().map_or_else(|| error.to_string(), |it| it.code().into()))
}

/// A number within as many lists within args.
fn nested(lists: usize) -> String {
    format!("{{\"a\":{}1{}}}", "[".repeat(lists), "]".repeat(lists))
}

#[tokio::test]
async fn every_sql_door_refuses_the_same_args_with_the_same_code() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    let most = format!("{{\"a\": \"{}\"}}", "x".repeat(256 * 1024 - 9));
    let more = format!("{{\"a\": \"{}\"}}", "x".repeat(256 * 1024 - 8));
    let cases: [(&str, &str, Option<&str>); 19] = [
        ("the most bytes", &most, None),
        ("a byte more", &more, Some("BS105")),
        ("63 levels below args", &nested(62), None),
        ("64 levels below args", &nested(63), Some("BS106")),
        ("100,000 levels", &nested(100_000), Some("54001")),
        ("NUL in a value", r#"{"a": "b\u0000"}"#, Some("22P05")),
        ("NUL in a name", r#"{"\u0000": 1}"#, Some("22P05")),
        ("a high surrogate alone", r#"{"a": "\ud800"}"#, Some("22P02")),
        ("a low surrogate alone", r#"{"a": "\udc00"}"#, Some("22P02")),
        ("a pair of surrogates", r#"{"a": "\ud83d\ude00"}"#, None),
        ("a number beyond floats", r#"{"a": 1e400}"#, None),
        ("a number of 131,072 digits", r#"{"a": 1e131071}"#, None),
        ("a number beyond numerics", r#"{"a": 1e131072}"#, Some("22003")),
        ("a number that is none", r#"{"a": NaN}"#, Some("22P02")),
        ("a list", "[1]", Some("BS104")),
        ("a text", "\"a\"", Some("BS104")),
        ("null", "null", Some("BS104")),
        ("no JSON", "{a: 1}", Some("22P02")),
        ("nothing", "", Some("22P02")),
    ];
    for door in DOORS {
        for (what, args, code) in cases {
            let refused = refused(&client, door, args).await;
            assert_eq!(refused.as_deref(), code, "{what}: {door}");
        }
    }
}

#[tokio::test]
async fn numbers_and_long_names_are_kept_to_the_last_digit() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    let name = "n".repeat(1024);
    for args in [
        r#"{"n": 12345678901234567890123.4567890123456789}"#.to_owned(),
        r#"{"n": 9007199254740993}"#.to_owned(),
        r#"{"n": -0.10}"#.to_owned(),
        format!("{{\"{name}\": true}}"),
    ] {
        for door in DOORS {
            assert_eq!(refused(&client, door, &args).await, None, "{door}");
        }
        let kept = "select count(*) from backstay.job where args::text = $1";
        let kept: i64 = client.query_one(kept, &[&args]).await.unwrap().get(0);
        assert_eq!(kept, 3, "{args}");
    }
}

#[tokio::test]
async fn ten_thousand_jobs_are_the_most_in_a_call() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    for (jobs, code) in [(10_000, None), (10_001, Some("BS109"))] {
        let many = format!(
            "select count(*) from backstay.enqueue_many((select jsonb_agg(jsonb_build_object('kind', 'report')) from generate_series(1, {jobs})), '{{}}')"
        );
        let rows = format!(
            "select count(*) from backstay.enqueue_rows('report', array_fill('{{}}'::jsonb, array[{jobs}]), '{{}}')"
        );
        for door in [many, rows] {
            let said = client.batch_execute(&format!("begin; {door}")).await;
            let said = said.err().map(|error| error.code().unwrap().code().to_owned());
            assert_eq!(said.as_deref(), code, "{door}");
            client.batch_execute("rollback").await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_hostile_text_is_never_a_name() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    for text in HOSTILE {
        let kind = enqueue(&client, Request::new(text, json!({}))).await.unwrap_err();
        let queue = Request::new("report", json!({})).with(Options::new().queue(text));
        let queue = enqueue(&client, queue).await.unwrap_err();
        for error in [kind, queue] {
            // An option is JSON, which cannot hold NUL at all.
            let codes = if text.contains('\0') { ["BS103", "BS104"] } else { ["BS103"; 2] };
            assert!(codes.contains(&error.code()), "{text:?}: {} {error}", error.code());
            let said = error.to_string();
            assert!(!said.contains(['\u{1b}', '\n', '\r', '\0']), "{text:?}: {said:?}");
        }
    }
}

#[tokio::test]
async fn a_hostile_text_is_kept_as_it_is_or_refused_with_a_code() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    for (n, text) in HOSTILE.into_iter().enumerate() {
        let args = json!({ text: text, "list": [text] });
        let options = Options::new().set("meta", json!({ text: text }));
        let request = Request::new("report", args.clone()).with(options);
        match enqueue(&client, request).await {
            Ok(job) => {
                let kept = "select args::text, meta::text from backstay.job where id = $1";
                let row = client.query_one(kept, &[&job.id]).await.unwrap();
                let [kept, meta]: [Value; 2] =
                    [0, 1].map(|it| serde_json::from_str(row.get(it)).unwrap());
                assert_eq!((kept, meta), (args, json!({ text: text })), "{text:?}");
            }
            Err(error) => assert!(text.contains('\0'), "{text:?}: {error}"),
        }
        keys(&client, n, text).await;
        reason(&client, text).await;
    }
    let tables = "select count(*) from backstay.job";
    let jobs: i64 = client.query_one(tables, &[]).await.unwrap().get(0);
    assert!(jobs > 40, "{jobs}");
}

/// The same text as each key and as a tag.
async fn keys(client: &Client, n: usize, text: &str) {
    let options = Options::new()
        .unique(Unique::key(text))
        .set("idempotency_key", json!(text))
        .set("group", json!(text))
        .set("limit_key", json!(text))
        .set("tags", json!([text]));
    let request = Request::new(format!("keyed-{n}"), json!({})).with(options);
    match enqueue(client, request).await {
        Ok(job) => {
            let kept = "select group_key, limit_key, tags from backstay.job where id = $1";
            let row = client.query_one(kept, &[&job.id]).await.unwrap();
            let kept: (String, String, Vec<String>) = (row.get(0), row.get(1), row.get(2));
            assert_eq!(kept, (text.to_owned(), text.to_owned(), vec![text.to_owned()]));
        }
        Err(error) => {
            assert!(text.contains(|it: char| it < ' ' || it == '\u{7f}'), "{text:?}: {error}");
            assert!(["BS102", "BS104"].contains(&error.code()), "{text:?}: {error}");
        }
    }
}

/// The same text as the reason of a person.
async fn reason(client: &Client, text: &str) {
    let job = enqueue(client, Request::new("report", json!({}))).await.unwrap();
    let options = json!({ "reason": text }).to_string();
    let act = "select backstay.cancel($1::bigint, $2::text::jsonb)";
    let acted = client.query_typed(act, &[(&job.id, Type::INT8), (&options, Type::TEXT)]).await;
    if let Err(error) = acted {
        assert!(text.contains('\0'), "{text:?}: {error:?}");
        return cancel(client, job.id, "").await.map(drop).unwrap();
    }
    let kept = "select reason from backstay.audit where verb = 'cancel' order by id desc limit 1";
    let kept: Option<String> = client.query_one(kept, &[]).await.unwrap().get(0);
    assert_eq!(kept.as_deref(), Some(text));
}

#[tokio::test]
async fn a_key_made_of_args_tells_apart_what_it_does_not_show() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    let declared = "insert into backstay.kind (name, contract, hash, set_at, sensitive)
                    values ('pay', '{}', '', now(), '{/mail}')";
    client.batch_execute(declared).await.unwrap();
    let make = async |card: &str, unique: &Value| {
        let args = json!({ "order": 7, "card": card, "mail": format!("{card}@example.org") });
        let request = Request::new("pay", args).with(Options::new().set("unique", unique.clone()));
        enqueue(&client, request).await.unwrap()
    };
    for unique in [json!(true), json!({ "by": ["order", "card", "mail"] })] {
        let [first, again, other] = [
            make("4111-1111", &unique).await,
            make("4111-1111", &unique).await,
            make("5500-0000", &unique).await,
        ];
        assert_eq!((first.created, again.created, other.created), (true, false, true));
        let shown = "select \"unique\" from backstay.jobs where id = $1";
        let shown: String = client.query_one(shown, &[&first.id]).await.unwrap().get(0);
        assert!(!shown.contains("4111") && shown.contains("***"), "{shown}");
        client.batch_execute("delete from backstay.unique_key").await.unwrap();
    }
}
