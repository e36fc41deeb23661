//! What must hold in every database: it holds after the life of jobs, and each statement finds what does not keep it.

use std::path::Path;

use backstay::check::{self, Report, Standing};
use backstay::operate::{Pause, Revive, Scope};
use backstay::testing::{TestQueue, is_skipped};
use backstay::unit::{days, hours, mins};
use backstay::{
    BuildError, Ctx, Database, Fail, Job, Options, Queue, Request, Unique, Worker, cancel, enqueue,
    operate,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::database::{connect, fresh};

/// Rows as a defect would leave them, and what our own server says of itself, since nobody waits for it to be old.
const HELPERS: &str = include_str!("../sql/invariants.sql");

/// For each file: what is planted, and what must be found then; nothing for what is lawful.
const PLANTED: &[(&str, &[(&str, &str)])] = &[
    (
        "i01_one_place",
        &[
            ("select planted.body(1), planted.line(1), planted.later(1)", "1 stands in ready, scheduled"),
            ("select planted.body(1)", "1 stands in nowhere"),
            ("select planted.body(1), planted.line(1), planted.ended(1, '-1 min')", "1 stands in history, ready"),
            ("select planted.body(1), planted.line(1), planted.ended(2, '-1 min')", ""),
        ],
    ),
    (
        "i02_body_present",
        &[("select planted.later(2)", "2 stands in scheduled without a body")],
    ),
    (
        "i03_running_is_a_claim",
        &[
            ("select planted.body(3), planted.run(3)", "3 is held by a worker that has no lease"),
            ("select planted.worker('-1 h'), planted.body(3), planted.run(3)", ""),
            (
                "select planted.worker('-1 h'), planted.body(3), planted.run(3); update backstay.running set attempt = 0",
                "3 is claimed for attempt 0",
            ),
        ],
    ),
    (
        "i04_counters_sane",
        &[
            (
                "select planted.body(4), planted.line(4); update backstay.ready set attempt = 11, retry_count = 10, crash_count = 1",
                "",
            ),
            (
                "select planted.body(4), planted.line(4); update backstay.ready set attempt = 20, retry_count = 11",
                "4 attempt 20, retry_count 11 of 10, crash_count 0, lost_count 0",
            ),
            (
                "select planted.dead(4, 1); update backstay.dead_letter set retry_count = 1, lost_count = 1",
                "4 attempt 1, retry_count 1 of 10, crash_count 0, lost_count 1",
            ),
            (
                "select planted.body(4), planted.line(4); update backstay.ready set attempt = 1, crash_count = -1",
                "4 attempt 1, retry_count 0 of 10, crash_count -1, lost_count 0",
            ),
        ],
    ),
    (
        "i05_rescue_bound",
        &[
            (
                "select planted.worker('-1 h'), planted.body(5), planted.run(5); update backstay.worker set lease_until = clock_timestamp() - interval '10 s'",
                "",
            ),
            (
                "select planted.worker('-1 h'), planted.body(5), planted.run(5); update backstay.worker set lease_until = clock_timestamp() - interval '40 s'",
                "5 the lease of worker 00000000-0000-0000-0000-000000000001 is over since ",
            ),
        ],
    ),
    (
        "i06_has_a_mover",
        &[
            ("select planted.body(6), planted.line(6, '-20 min')", ""),
            ("select planted.worker('-1 min'), planted.body(6), planted.line(6, '-20 min')", ""),
            ("select planted.worker('-1 h'), planted.body(6), planted.line(6, '-9 min')", ""),
            ("select planted.worker('-1 h'), planted.body(6), planted.line(6, '-20 min')", "6 stands in line in `q` since "),
            (
                "select planted.worker('-1 h'), planted.body(6), planted.line(6, '-20 min'), backstay.pause('queue', 'q')",
                "",
            ),
            (
                "select planted.worker('-1 h'), planted.body(6), planted.line(6, '-20 min'), planted.body(5), planted.run(5)",
                "",
            ),
            (
                "select planted.worker('-1 h'), planted.body(6), planted.line(6, '-20 min'), planted.body(7), planted.run(7)",
                "6 stands in line in `q` since ",
            ),
            ("select planted.worker('-1 h'), planted.body(6), planted.later(6, '-30 s')", ""),
            ("select planted.worker('-1 h'), planted.body(6), planted.later(6, '-5 min')", "6 is due in `q` since "),
            (
                "select planted.worker('-1 h'), planted.body(6), planted.parked(6, 'paused'), backstay.pause('kind', 'k')",
                "",
            ),
            (
                "select planted.worker('-1 h'), planted.body(6), planted.parked(6, 'paused')",
                "6 is parked in `q` though what it waited for is there",
            ),
            (
                "select planted.worker('-1 h'), planted.body(6), planted.parked(6, 'unknown_kind'); update backstay.worker set kinds = '{\"other\": 1}'",
                "",
            ),
            (
                "select planted.worker('-1 h'), planted.body(6), planted.parked(6, 'unknown_kind')",
                "6 is parked in `q` though what it waited for is there",
            ),
        ],
    ),
    (
        "i07_dead_and_alert",
        &[
            ("select planted.dead(7, 3)", "7 died in attempt 3, and nobody was told"),
            ("select planted.dead(7, 3), planted.alert(7, 2)", "7 died in attempt 3, and nobody was told"),
            ("select planted.dead(7, 3), planted.alert(7, 2), planted.alert(7, 3)", ""),
        ],
    ),
    (
        "i08_alerts_move",
        &[
            (
                "select planted.alert(8, 1); update backstay.alert set raised_at = clock_timestamp() - interval '6 min'",
                "alert ",
            ),
            ("select planted.message(90, '-6 min')", "message 90 of the rule `death`, was due "),
            ("select planted.message(90, '-4 min')", ""),
            (
                "select planted.message(90, '-6 min'); update backstay.message set delivered_at = clock_timestamp()",
                "",
            ),
        ],
    ),
    (
        "i09_unique_keys",
        &[
            (
                "select planted.body(9), planted.line(9), planted.key(9); update backstay.job set unique_hash = sha256('9')",
                "",
            ),
            ("select planted.key(9)", "9 neither waits nor runs, and its unique key was left behind"),
            (
                "select planted.body(9), planted.line(9); update backstay.job set unique_hash = sha256('9')",
                "9 is unfinished, and its unique key is not held",
            ),
        ],
    ),
    (
        "i13_our_sessions",
        &[
            ("select planted.session('backstay work 018f6f1e settle', 'idle', '-1 min')", ""),
            ("select planted.session('psql', 'idle in transaction', '-1 min')", ""),
            ("select planted.session('backstay operate', 'idle in transaction', '-2 s')", ""),
            (
                "select planted.session('backstay operate', 'idle in transaction', '-6 s')",
                "4711 `backstay operate` is idle in transaction since ",
            ),
        ],
    ),
    (
        "i14_catalogue",
        &[
            (
                "create index broken on backstay.progress (at);
                 update pg_index set indisvalid = false where indexrelid = 'backstay.broken'::regclass",
                "broken is an invalid index",
            ),
            (
                "create sequence backstay.spent_seq as int; select setval('backstay.spent_seq', 1073741824)",
                "spent_seq is a sequence more than half used up",
            ),
            ("create table backstay.small (job_id int)", "small.job_id is an id of fewer than eight bytes"),
        ],
    ),
    (
        "i15_functions_closed",
        &[
            (
                "create function backstay.open() returns int language sql as 'select 1'",
                "backstay.open() may be called by everybody",
            ),
            (
                "create function backstay.loose() returns int language sql security definer as 'select 1';
                 revoke all on function backstay.loose() from public",
                "backstay.loose() runs as its owner with the search path of its caller",
            ),
        ],
    ),
    (
        "i16_sizes",
        &[
            (
                "select planted.body(16), planted.line(16); update backstay.job set args = jsonb_build_object('a', repeat('x', 4194400))",
                "16 has args of 4194409 bytes",
            ),
            (
                "select planted.dead(16, 1); update backstay.dead_letter set errors = to_jsonb(array[repeat('x', 5242880)])",
                "16 has errors of 5242884 bytes",
            ),
            (
                "select planted.body(16), planted.line(16); update backstay.job set args = jsonb_build_object('a', repeat('x', 4194000))",
                "",
            ),
        ],
    ),
    (
        "i24_pause_holds",
        &[
            (
                "select planted.body(24), planted.run(24, '-5 min'), planted.did('pause', '-10 min')",
                "24 of `q` was claimed ",
            ),
            ("select planted.body(24), planted.run(24, '-11 min'), planted.did('pause', '-10 min')", ""),
            (
                "select planted.body(24), planted.run(24, '-5 min'), planted.did('pause', '-10 min'), planted.did('resume', '-6 min')",
                "",
            ),
            (
                "select planted.ended(24, '-5 min'), planted.did('pause', '-10 min'), planted.did('resume', '-2 min')",
                "24 of `q` was claimed ",
            ),
            ("select planted.body(24), planted.run(24, '-5 min'), planted.did('pause', '-10 min', '-6 min')", ""),
            (
                "select planted.body(24), planted.run(24, '-7 min'), planted.did('pause', '-10 min', '-6 min')",
                "24 of `q` was claimed ",
            ),
        ],
    ),
];

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/invariant")
}

#[test]
fn no_statement_is_without_planted_rows_that_it_finds() {
    let mut files: Vec<String> = folder()
        .read_dir()
        .unwrap()
        .map(|file| file.unwrap().file_name().to_str().unwrap().replace(".sql", ""))
        .collect();
    files.sort();
    let planted: Vec<&str> = PLANTED.iter().map(|(file, _)| *file).collect();
    assert_eq!(files, planted);
    for (file, cases) in PLANTED {
        assert!(cases.iter().any(|(_, finding)| !finding.is_empty()), "{file} finds nothing");
    }
}

#[tokio::test]
async fn each_statement_finds_what_is_planted_and_passes_over_what_is_lawful() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    for (file, cases) in PLANTED {
        client.batch_execute(&format!("begin; {HELPERS}; savepoint clean")).await.unwrap();
        let text = std::fs::read_to_string(folder().join(format!("{file}.sql"))).unwrap();
        assert_eq!(found(&client, &text, None).await, [""; 0], "{file}: nothing is planted yet");
        for (plant, finding) in *cases {
            client.batch_execute(plant).await.unwrap_or_else(|e| panic!("{file}: {plant}: {e:?}"));
            let seen = found(&client, &text, None).await;
            if finding.is_empty() {
                assert_eq!(seen, [""; 0], "{file}: {plant}");
            } else {
                assert_eq!(seen.len(), 1, "{file}: {plant}: {seen:?}");
                assert!(seen[0].starts_with(finding), "{file}: {plant}: {seen:?}");
            }
            client.batch_execute("rollback to clean").await.unwrap();
        }
        client.batch_execute("rollback").await.unwrap();
    }
}

/// What a statement finds in a part of the jobs.
async fn found(client: &Client, text: &str, part: Option<i32>) -> Vec<String> {
    let rows = if text.contains("$1") {
        client.query_typed(text, &[(&part, Type::INT4)]).await
    } else {
        client.query_typed(text, &[]).await
    };
    let line = |row: &tokio_postgres::Row| {
        format!("{} {}", row.get::<_, &str>("subject"), row.get::<_, &str>("detail"))
    };
    rows.unwrap_or_else(|error| panic!("{text}: {error:?}")).iter().map(line).collect()
}

#[tokio::test]
async fn a_sixteenth_of_the_jobs_is_those_whose_id_leaves_that_number() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    client.batch_execute(&format!("begin; {HELPERS}")).await.unwrap();
    client.batch_execute("select planted.line(n) from generate_series(1, 40) n").await.unwrap();
    for file in ["i01_one_place", "i02_body_present"] {
        let text = std::fs::read_to_string(folder().join(format!("{file}.sql"))).unwrap();
        client.batch_execute("savepoint it").await.unwrap();
        if file == "i01_one_place" {
            client
                .batch_execute("select planted.later(n) from generate_series(1, 40) n")
                .await
                .unwrap();
        }
        let whole = found(&client, &text, None).await.len();
        let parts = [found(&client, &text, Some(3)).await, found(&client, &text, Some(9)).await];
        assert_eq!((whole, parts[0].len(), parts[1].len()), (40, 3, 2), "{file}");
        assert!(parts[0].iter().any(|line| line.starts_with("35 ")), "{parts:?}");
        client.batch_execute("rollback to it").await.unwrap();
    }
}

#[tokio::test]
async fn a_look_tells_defects_from_alarms_and_from_what_it_cannot_see() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    let database = Database::connect(&db.url).await.unwrap();
    let report = check::all(&database).await.unwrap();
    assert_eq!(report.verdict(), format!("all {} hold", PLANTED.len()));
    let plant = "insert into backstay.alert (raised_at, rule, subject) values (now() - interval '1 h', 'death', 'x')";
    client.batch_execute(plant).await.unwrap();
    let report = check::all(&database).await.unwrap();
    assert!(report.holds, "an alarm is no defect: {report:#?}");
    assert_eq!(standing(&report, "i08_alerts_move"), Standing::Broken);
    let plant = "insert into backstay.scheduled (run_at, job_id, priority, queue, kind, why)
                 values (now() + interval '1 h', 7, 5, 'q', 'k', 'scheduled')";
    client.batch_execute(plant).await.unwrap();
    let report = check::all(&database).await.unwrap();
    assert!(!report.holds);
    let broken = "broken: i02_body_present: 1 found: 7 stands in scheduled without a body";
    assert_eq!(report.verdict(), broken);
}

fn standing(report: &Report, id: &str) -> Standing {
    report.invariants.iter().find(|it| it.id == id).unwrap().standing
}

#[derive(Debug, Serialize, Deserialize, Job)]
#[job(kind = "act")]
struct Act {
    then: String,
}

async fn act(job: Act, ctx: Ctx) -> Result<(), Fail> {
    match job.then.as_str() {
        "dead" => Err(Fail::dead("no use")),
        "snooze" if ctx.info().attempt == 1 => Err(Fail::snooze(mins(1))),
        "cancel" => Err(Fail::cancel("not wanted")),
        "retry" if ctx.info().attempt < 3 => Err("again".into()),
        "panic" => panic!("as asked"),
        _ => Ok(()),
    }
}

fn worker() -> Result<Worker<()>, BuildError> {
    Worker::without_state().queue(Queue::new("default").slots(4)).handle(act).build()
}

#[tokio::test]
async fn all_hold_wherever_the_ordinary_life_of_jobs_leads() {
    if is_skipped() {
        return;
    }
    let t = TestQueue::start(worker()).await.unwrap();
    let database = t.database();
    let mut ids = Vec::new();
    for then in ["ok", "dead", "dead", "dead", "snooze", "cancel", "retry", "panic"] {
        let keyed = Options::new().unique(Unique::key(format!("{then} {}", ids.len())));
        let one = Act { then: then.into() }.with(keyed.max_retries(3));
        ids.push(enqueue(t.client(), one).await.unwrap().id);
    }
    let later = Request::new("act", json!({ "then": "ok" })).with(Options::new().run_in(hours(2)));
    let waits = enqueue(t.client(), later.clone()).await.unwrap().id;
    let buried = enqueue(t.client(), later).await.unwrap().id;
    holds(&t, "enqueued").await;
    t.drain().await;
    holds(&t, "run once").await;
    t.advance(mins(30)).await;
    t.drain().await;
    holds(&t, "tried again").await;

    cancel(t.client(), waits, "not needed").await.unwrap();
    operate::bury(database, &[buried], "for now").await.unwrap();
    operate::revive(database, &[ids[1]], &Revive::default(), "fixed").await.unwrap();
    operate::discard(database, &[ids[2], buried], "of no use").await.unwrap();
    operate::restore(database, &[buried], "of use").await.unwrap();
    holds(&t, "operated on").await;

    operate::pause(database, Scope::Queue, "default", Pause::default(), "an hour").await.unwrap();
    operate::pause(database, Scope::Kind, "act", Pause::default(), "an hour").await.unwrap();
    enqueue(t.client(), Act { then: "ok".into() }).await.unwrap();
    holds(&t, "paused").await;
    operate::resume(database, Scope::Queue, "default", "go on").await.unwrap();
    operate::resume(database, Scope::Kind, "act", "go on").await.unwrap();
    t.drain().await;
    holds(&t, "resumed").await;

    t.advance(days(8)).await;
    t.drain().await;
    for prune in ["prune", "prune_dead", "expired_keys"] {
        let path = folder().join(format!("../duty/{prune}.sql"));
        let text = std::fs::read_to_string(path).unwrap();
        let none: Option<i64> = None;
        let given: &[(&(dyn tokio_postgres::types::ToSql + Sync), Type)] = if prune == "prune_dead"
        {
            &[(&100_i32, Type::INT4), (&none, Type::INT8)]
        } else {
            &[(&100_i32, Type::INT4)]
        };
        t.client().query_typed(&text, given).await.unwrap();
    }
    holds(&t, "pruned").await;
    let left = "select count(*) from backstay.dead_letters where id = any($1)";
    let left = t.client().query_one(left, &[&vec![ids[2], ids[3]]]).await.unwrap();
    assert_eq!(left.get::<_, i64>(0), 1, "the discarded one is gone, the other stays");
}

async fn holds(t: &TestQueue, when: &str) {
    let report = check::all(t.database()).await.unwrap();
    assert!(report.holds, "{when}: {}", report.verdict());
}
