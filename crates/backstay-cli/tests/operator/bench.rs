//! `backstay bench`: what it measures, and that nothing of it stays, however it ends.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Desk, desk};

/// Rows of every table of the schema; the limits of attempts are shared by all and stay.
const ROWS: &str = "
select string_agg(format('%s %s', c.relname,
         (xpath('/row/n/text()', query_to_xml(format('select count(*) as n from backstay.%I', c.relname), false, true, '')))[1]),
         E'\\n' order by c.relname)
  from pg_class c
 where c.relnamespace = 'backstay'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and c.relname <> 'terms'";
const WAITING: &str = "select count(*)::text from backstay.ready where queue = 'backstay_bench'";

fn text(desk: &Desk, sql: &'static str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(&desk.database.url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.query_one(sql, &[]).await.unwrap().get(0)
    })
}

/// A bench that is at work: some of its jobs wait.
fn at_work(desk: &Desk) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backstay"));
    command.args(["bench", "--jobs", "1000000", "--only", "bulk"]).env_clear();
    command.env("PATH", "/usr/bin:/bin").env("DATABASE_URL", &desk.database.url);
    command.current_dir(std::env::temp_dir()).stdout(Stdio::null()).stderr(Stdio::piped());
    let bench = command.spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while text(desk, WAITING) == "0" {
        assert!(Instant::now() < deadline, "the bench enqueues nothing");
        std::thread::sleep(Duration::from_millis(10));
    }
    bench
}

#[test]
fn a_bench_gives_its_figures_and_leaves_every_table_as_it_was() {
    let Some(desk) = desk() else { return };
    desk.enqueue(&["report"]);
    // Settings that a worker of other settings would change, and a past that it would forget.
    desk.sql(
        "update backstay.installation set args_bytes_max = 4711, strict_kinds = true, environment = 'staging';
         insert into backstay.history (job_id, enqueued_at, finished_at, attempt, retry_count, crash_count, lost_count,
           snooze_count, interrupt_count, revived_count, max_retries, priority, state, queue, kind, enqueued_by)
         values (1, now() - interval '9 years', now() - interval '9 years', 1, 0, 0, 0, 0, 0, 0, 10, 5, 'completed', 'default', 'report', 'app')",
    );
    let before = text(&desk, ROWS);
    let words =
        ["bench", "--json", "--jobs", "100", "--slots", "8", "--repeat", "1", "--seconds", "1"];
    let said = desk.run(&[&words[..], &["--only", "commit,bulk,drain,pickup"]].concat()).exits(0);
    let report = said.json();
    let figures = report["figures"].as_array().unwrap();
    let ids: Vec<_> = figures.iter().map(|figure| figure["id"].as_str().unwrap()).collect();
    assert_eq!(
        ids,
        [
            "round_trip_p50",
            "commit_p50",
            "commit_p99",
            "bulk_enqueue",
            "bulk_enqueue_wal",
            "drain",
            "drain_wal",
            "drain_lean",
            "drain_lean_wal",
            "pickup_p50",
            "pickup_p95",
            "pickup_p99",
        ]
    );
    for figure in figures {
        assert!(figure["median"].as_f64().unwrap() > 0.0, "{figure}");
    }
    assert!(report["server"]["durable"].is_boolean(), "{report}");
    assert_eq!(text(&desk, ROWS), before);
    let whole = "select format('%s %s %s', args_bytes_max, strict_kinds, environment) from backstay.installation";
    assert_eq!(text(&desk, whole), "4711 t staging");
}

#[test]
fn a_bench_that_is_interrupted_removes_what_it_made() {
    let Some(desk) = desk() else { return };
    let before = text(&desk, ROWS);
    let mut bench = at_work(&desk);
    let pid = rustix::process::Pid::from_child(&bench);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(bench.wait().unwrap().code(), Some(130));
    let mut said = String::new();
    bench.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("removed all that the bench had made"), "{said}");
    assert_eq!(text(&desk, ROWS), before);
}

#[test]
fn what_a_killed_bench_left_is_removed_by_the_next() {
    let Some(desk) = desk() else { return };
    let before = text(&desk, ROWS);
    let mut bench = at_work(&desk);
    let other = desk.run(&["bench", "--only", "commit"]).exits(75);
    assert!(other.err.contains("BS307: another bench runs in this database"), "{}", other.err);
    bench.kill().unwrap();
    bench.wait().unwrap();
    assert_ne!(text(&desk, WAITING), "0");
    let mut next = desk.run(&["bench", "--repeat", "1", "--only", "commit"]);
    // The server may take a moment to see that the dead one's session is over.
    while next.exit == 75 {
        next = desk.run(&["bench", "--repeat", "1", "--only", "commit"]);
    }
    let next = next.exits(0);
    assert!(next.err.contains("removed what a bench had left that was killed"), "{}", next.err);
    assert_eq!(text(&desk, ROWS), before);
}

#[test]
fn a_bench_refuses_production_and_a_queue_that_somebody_serves() {
    let Some(desk) = desk() else { return };
    desk.sql("update backstay.installation set environment = 'production'");
    let said = desk.run(&["bench", "--only", "commit"]).exits(2);
    assert!(said.err.contains("BS307: this is a production database"), "{}", said.err);
    desk.run(&["bench", "--repeat", "1", "--only", "commit", "--in-production"]).exits(0);
    desk.sql(
        "insert into backstay.worker (id, beat_at, lease_until, started_at, pid, slots, host, release, level, queues, kinds)
         values (gen_random_uuid(), now(), now() + interval '1 hour', now(), 7, 1, 'there', '1', 'none', '{backstay_bench}', '{}')",
    );
    let said = desk.run(&["bench", "--only", "commit", "--in-production"]).exits(1);
    assert!(said.err.contains("BS307: a worker serves the queue `backstay_bench`"), "{}", said.err);
    assert!(said.err.contains("process 7 on there"), "{}", said.err);
}

#[test]
fn a_bench_asks_for_the_right_to_remove_what_it_makes() {
    let Some(desk) = desk() else { return };
    let said = desk.run_as("backstay_viewer", &["bench", "--only", "commit"]).exits(77);
    assert!(said.err.contains("BS504"), "{}", said.err);
}
