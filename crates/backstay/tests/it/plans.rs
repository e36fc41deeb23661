//! The plans of what runs all the time, at whatever size the tables have and whatever the statistics say: each walks along
//! the index that it was written for. A plan that is right today and wrong at a million rows is found here, not at night.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use backstay_postgres::template::TestDatabase;
use serde_json::Value;
use tokio_postgres::{AsyncMessage, Client, NoTls};

use crate::database::{connect, fresh};

/// Tables that swing between nothing and millions of rows.
const HOT: [&str; 6] = ["ready", "scheduled", "parked", "running", "job", "unique_key"];
/// These have as many rows as ever ended, in partitions.
const LONG: [&str; 4] = ["history", "history_body", "attempt", "dead_letter"];
/// Statements of a worker's turns and of the duties beside them, with the indexes of hot tables that they may walk along.
const EXPECTED: [(&str, &[&str]); 18] = [
    ("attempt/claim", &["job_pkey", "ready_pkey"]),
    ("attempt/peek", &["ready_pkey"]),
    ("attempt/complete", &["job_pkey", "running_pkey", "unique_key_pkey"]),
    ("attempt/complete_lean", &["job_pkey", "running_pkey", "unique_key_pkey"]),
    ("attempt/retry", &["running_pkey"]),
    ("attempt/retry_larger", &["job_pkey", "running_pkey"]),
    ("attempt/release", &["running_pkey"]),
    ("attempt/release_later", &["running_pkey"]),
    ("attempt/snooze", &["running_pkey"]),
    ("attempt/bury", &["job_pkey", "running_pkey", "unique_key_pkey"]),
    ("attempt/cancel", &["job_pkey", "running_pkey", "unique_key_pkey"]),
    ("attempt/cancels", &["running_cancel"]),
    ("attempt/beat", &["running_cancel"]),
    ("duty/promote", &["scheduled_pkey"]),
    ("duty/look", &["ready_pkey"]),
    (
        "duty/expired",
        &[
            "job_expires",
            "job_pkey",
            "parked_pkey",
            "ready_again",
            "ready_pkey",
            "scheduled_job_id_key",
            "unique_key_pkey",
        ],
    ),
    (
        "duty/expired_keys",
        &["job_pkey", "unique_key_expires", "unique_key_pkey", "unique_key_started"],
    ),
    ("duty/park_unknown", &["ready_pkey"]),
];

/// Rows in every hot table; statistics come only from the `analyze` that is written here.
const QUIET: &str = "
do $$ declare t text; begin
  foreach t in array array['ready', 'scheduled', 'parked', 'running', 'job', 'unique_key'] loop
    execute format('alter table backstay.%I set (autovacuum_enabled = off)', t);
  end loop;
end $$;
select setval('backstay.entry_seq', 100000)";
const FILL: &str = "
insert into backstay.job (id, enqueued_at, priority, max_retries, queue, kind, enqueued_by, args)
select n, now(), 5, 10, 'default', 'noop', 'app', '{}' from generate_series($1::int, $2::int) n;
insert into backstay.ready (seq, job_id, ready_at, priority, queue, kind)
select n, n, now(), 5, 'default', 'noop' from generate_series($1::int, $2::int) n;
insert into backstay.scheduled (run_at, job_id, priority, queue, kind, why)
select now(), n, 5, 'default', 'noop', 'scheduled' from generate_series($1::int, $2::int) n;
insert into backstay.parked (job_id, seq, ready_at, since, priority, queue, kind, reason, subject)
select n, n, now(), now(), 5, 'default', 'noop', 'paused', 'noop' from generate_series($1::int, $2::int) n;
insert into backstay.running (job_id, seq, ready_at, claimed_at, deadline_at, worker, attempt, retry_count, crash_count, lost_count,
       snooze_count, interrupt_count, priority, queue, kind)
select n, n, now(), now(), now(), gen_random_uuid(), 1, 0, 0, 0, 0, 0, 5, 'default', 'noop' from generate_series($1::int, $2::int) n;
insert into backstay.unique_key (hash, job_id, until)
select sha256(n::text::bytea), n, 'finished' from generate_series($1::int, $2::int) n";
const ANALYZE: &str = "
analyze backstay.ready, backstay.scheduled, backstay.parked, backstay.running, backstay.job, backstay.unique_key";
const EMPTY: &str = "
delete from backstay.ready; delete from backstay.scheduled; delete from backstay.parked; delete from backstay.running;
delete from backstay.job; delete from backstay.unique_key";

/// What every session of a worker sets, as the product has it.
fn steady_plans() -> String {
    let source = include_str!("../../src/store/database.rs");
    let (_, rest) = source.split_once("const STEADY_PLANS: &str = \"").unwrap();
    let (text, _) = rest.split_once("\";").unwrap();
    text.replace("\\\n", " ")
}

fn rows(from: i32, to: i32) -> String {
    FILL.replace("$1::int", &from.to_string()).replace("$2::int", &to.to_string())
}

/// One after the other, each with the statistics of before.
async fn at_every_size(client: &Client, look: impl AsyncFn(&str)) {
    client.batch_execute(&format!("{QUIET}; {ANALYZE}")).await.unwrap();
    look("no row").await;
    client.batch_execute(&rows(1, 10)).await.unwrap();
    look("10 rows, with the statistics of none").await;
    client.batch_execute(&rows(11, 5_000)).await.unwrap();
    look("5,000 rows, with the statistics of none").await;
    client.batch_execute(ANALYZE).await.unwrap();
    look("5,000 rows").await;
    client.batch_execute(EMPTY).await.unwrap();
    look("no row, with the statistics of 5,000").await;
}

#[tokio::test]
async fn whatever_the_size_of_tables_hot_statements_walk_along_their_indexes() {
    let Some(db) = fresh() else { return };
    let client = worker(&db).await;
    let wrong = RefCell::new(Vec::new());
    at_every_size(&client, async |size| {
        for (name, allowed) in EXPECTED {
            let plan = plan(&client, name).await;
            let (read, walked) = (whole_reads(&plan), hot_indexes(&plan));
            if !read.is_empty()
                || walked.is_empty()
                || walked.iter().any(|it| !allowed.contains(&&**it))
            {
                let line = format!("{name} at {size}: reads {read:?}, walks along {walked:?}");
                wrong.borrow_mut().push(line);
            }
            if sorts_its_line(&plan) {
                wrong
                    .borrow_mut()
                    .push(format!("{name} at {size} sorts the line to find its head"));
            }
        }
    })
    .await;
    let wrong = wrong.into_inner();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The session of an application is its own: nothing of ours is set there, and its functions keep the plans of when the
/// tables were empty, since nothing tells them that they are not any more.
#[tokio::test]
async fn doors_that_were_planned_for_empty_tables_walk_along_indexes_of_full_ones() {
    let Some(db) = fresh() else { return };
    let (client, said) = listening(&db).await;
    if client.batch_execute("load 'auto_explain'").await.is_err() {
        return eprintln!("skipped: this server brings no auto_explain");
    }
    client.batch_execute(&format!("{QUIET}; {ANALYZE}; {TOLD}")).await.unwrap();
    for door in DOORS {
        // A function settles on a plan at its sixth call.
        for _ in 0..6 {
            call(&client, door).await;
        }
    }
    client.batch_execute(&rows(1, 5_000)).await.unwrap();
    let mut wrong = Vec::new();
    for door in DOORS {
        said.lock().unwrap().clear();
        call(&client, door).await;
        let plans: Vec<Value> = said.lock().unwrap().iter().filter_map(|it| told(it)).collect();
        assert!(!plans.is_empty(), "{door} told no plan");
        let read: BTreeSet<String> = plans.iter().flat_map(whole_reads).collect();
        if !read.is_empty() {
            wrong.push(format!("{door} reads {read:?}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Calls a door in vain. A job that is not there, or that stands elsewhere, is looked for all the same.
async fn call(client: &Client, door: &str) {
    let called = client.batch_execute(&format!("begin; {door}")).await;
    client.batch_execute("rollback").await.unwrap();
    let code = called.err().map(|error| error.code().map(|code| code.code().to_owned()));
    assert!(code.is_none_or(|code| code.is_some_and(|code| code.starts_with("BS"))), "{door}");
}

/// Calls with every sort of key, a key that is held already, and those that find a job by its id; 7 is among the jobs of
/// the fuller tables.
const DOORS: [&str; 14] = [
    "select backstay.enqueue('noop', '{}')",
    "select backstay.enqueue('noop', '{}', '{\"unique\": {\"key\": \"a\"}, \"idempotency_key\": \"b\", \"run_in\": \"5m\"}')
       from generate_series(1, 2)",
    "select backstay.enqueue('noop', '{}', '{\"unique\": {\"key\": \"a\", \"on_conflict\": \"replace\"}}') from generate_series(1, 2)",
    "select backstay.enqueue_many('[{\"kind\": \"noop\", \"args\": {}}, {\"kind\": \"noop\", \"args\": {}}]')",
    "select backstay.find('noop', 'a')",
    "select backstay.show(7)",
    "select backstay.cancel(7)",
    "select backstay.promote(7)",
    "select backstay.edit(7, '{\"priority\": \"high\"}')",
    "select backstay.bury(7)",
    "select backstay.assert_lease(7, 1, '00000000-0000-0000-0000-000000000001')",
    "select backstay.progress(7, 1, '00000000-0000-0000-0000-000000000001', 0.5)",
    "select backstay.checkpoint(7, 1, '00000000-0000-0000-0000-000000000001', '1')",
    "select backstay.complete(7, 1, '00000000-0000-0000-0000-000000000001')",
];
/// Every statement inside of a function tells its plan to the client.
const TOLD: &str = "
set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on; set auto_explain.log_format = json;
set auto_explain.log_level = notice";

/// A connection and what the server says beside its answers.
async fn listening(db: &TestDatabase) -> (Client, Arc<Mutex<Vec<String>>>) {
    let (client, mut connection) = tokio_postgres::connect(&db.url, NoTls).await.unwrap();
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = said.clone();
    tokio::spawn(async move {
        while let Some(Ok(message)) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notice(notice) = message {
                heard.lock().unwrap().push(notice.message().to_owned());
            }
        }
    });
    (client, said)
}

/// The plan in what `auto_explain` says.
fn told(said: &str) -> Option<Value> {
    let (_, json) = said.split_once("plan:\n")?;
    Some(serde_json::from_str::<Value>(json).ok()?["Plan"].take())
}

async fn worker(db: &TestDatabase) -> Client {
    let client = connect(&db.url).await;
    client.batch_execute(&steady_plans()).await.unwrap();
    client
}

/// How the server would run one of our statements, whatever its parameters are.
async fn plan(client: &Client, name: &str) -> Value {
    let path = format!("{}/sql/{name}.sql", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let n = (1..=40).take_while(|n| text.contains(&format!("${n}"))).count();
    let nulls = vec!["null"; n].join(", ");
    let execute = if n == 0 { "execute look".into() } else { format!("execute look({nulls})") };
    client.batch_execute(&format!("prepare look as {text}")).await.unwrap();
    let rows = client.simple_query(&format!("explain (format json) {execute}")).await.unwrap();
    client.batch_execute("deallocate look").await.unwrap();
    let json = rows.iter().find_map(|row| match row {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    serde_json::from_str::<Value>(json.unwrap()).unwrap()[0]["Plan"].take()
}

/// Whether the head of a line is found by sorting it: in the parts of that name of the claim and of the promotion.
fn sorts_its_line(plan: &Value) -> bool {
    let is_head =
        |node: &Value| ["CTE head", "CTE due"].iter().any(|it| node["Subplan Name"] == *it);
    let sorts = |node: &Value| node["Node Type"].as_str().is_some_and(|it| it.contains("Sort"));
    find(plan, &is_head).is_some_and(|head| find(head, &sorts).is_some())
}

/// The first node of which this is true, from the top.
fn find<'p>(node: &'p Value, is_it: &impl Fn(&Value) -> bool) -> Option<&'p Value> {
    if is_it(node) {
        return Some(node);
    }
    node["Plans"].as_array().into_iter().flatten().find_map(|inner| find(inner, is_it))
}

fn each(node: &Value, with: &mut impl FnMut(&Value)) {
    with(node);
    node["Plans"].as_array().into_iter().flatten().for_each(|inner| each(inner, with));
}

/// Hot and long tables that are read from end to end.
fn whole_reads(plan: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    each(plan, &mut |node| {
        let table = node["Relation Name"].as_str().unwrap_or_default();
        let is_long = LONG.iter().any(|name| table.starts_with(name));
        if node["Node Type"] == "Seq Scan" && (is_long || HOT.contains(&table)) {
            found.insert(table.to_owned());
        }
    });
    found
}

/// The indexes of hot tables along which a plan walks.
fn hot_indexes(plan: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    each(plan, &mut |node| {
        let index = node["Index Name"].as_str().unwrap_or_default();
        if HOT
            .iter()
            .any(|table| index.strip_prefix(table).is_some_and(|rest| rest.starts_with('_')))
        {
            found.insert(index.to_owned());
        }
    });
    found
}

#[test]
fn a_read_of_a_whole_table_and_a_sorted_line_are_seen_wherever_they_stand_in_a_plan() {
    let plan = serde_json::json!({ "Node Type": "Nested Loop", "Plans": [
        { "Node Type": "Seq Scan", "Relation Name": "attempt_default" },
        { "Node Type": "Seq Scan", "Relation Name": "pause" },
        { "Node Type": "Index Scan", "Relation Name": "ready", "Index Name": "ready_pkey" },
    ]});
    assert_eq!(whole_reads(&plan), BTreeSet::from(["attempt_default".to_owned()]));
    assert_eq!(hot_indexes(&plan), BTreeSet::from(["ready_pkey".to_owned()]));
    let head = serde_json::json!({ "Plans": [
        { "Node Type": "Limit", "Subplan Name": "CTE head", "Plans": [{ "Node Type": "Incremental Sort" }] },
    ]});
    assert!(sorts_its_line(&head) && !sorts_its_line(&plan));
}
