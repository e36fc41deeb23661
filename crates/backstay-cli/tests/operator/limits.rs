//! Programs that want more than they may have, run by a real worker: what becomes of them, and what people are told.

use serde_json::json;

use crate::operator::crew::{crew, crew_as};

const MIB: u64 = 1 << 20;
/// Takes memory until it is stopped; should nothing stop it, a fence of its own does at 1 GiB.
const HOG: &str = "ulimit -v 1048576; exec tail /dev/zero";

fn kind(name: &str, script: &str, rest: &str) -> String {
    format!("[kinds.{name}]\ncommand = {}\n{rest}\n", json!(["sh", "-c", script]))
}

#[test]
fn a_job_that_ran_out_of_memory_gets_more_once_and_is_dead_when_that_is_too_little() {
    let hog = kind(
        "hog",
        HOG,
        "memory = \"64MiB\"\nbackoff = { fixed = \"0s\" }\non_oom = { retry = 1, factor = 2, queue = \"large\" }",
    );
    let queues = "[queues.default]\ngrace = \"300ms\"\n[queues.large]\nmemory = \"1GiB\"\n";
    let Some(crew) = crew("limits-hog", |_| format!("{queues}{hog}")) else { return };
    let id = crew.desk.enqueue(&["hog"]);
    let job = crew.wait_for(&id, "dead");
    assert_eq!((&job["reason"], &job["queue"]), (&"out_of_memory".into(), &"large".into()));
    assert_eq!(job["memory_bytes"], 128 * MIB, "what its next attempt would get, too");
    let attempts = job["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 2, "never the same size twice");
    for (attempt, mib, follows) in [
        (&attempts[0], 64, "; it will be tried once more with 128 MiB in queue `large`"),
        (&attempts[1], 128, ""),
    ] {
        let outcome = attempt["outcome"].as_str().unwrap();
        assert!(["memory_limit", "oom_killed"].contains(&outcome), "{outcome}");
        assert_eq!(attempt["limits"]["memory_bytes"], mib * MIB);
        assert_eq!(attempt["limits"]["processes"], 256);
        assert!(attempt["child"]["pid"].as_i64().unwrap() > 1);
        assert!(["cgroup", "rlimit"].contains(&attempt["level"].as_str().unwrap()));
        assert!(attempt["holders"]["memory"].is_string());
        let peak = attempt["peak_kib"].as_u64().unwrap() * 1024;
        assert!(peak > mib * MIB / 2, "{peak} of {mib} MiB");
        let message = attempt["message"].as_str().unwrap();
        let middle = format!(" of {mib} MiB after ");
        assert!(message.starts_with("killed: used ") && message.contains(&middle), "{message}");
        assert!(message.contains(" of CPU") && message.ends_with(follows), "{message}");
    }
    let shown = crew.desk.run(&["jobs", "show", &id, "--attempts", "-v"]).exits(0).out;
    assert!(shown.contains("  memory    128 MiB\n"), "{shown}");
    assert!(shown.contains("memory_bytes 67108864"), "{shown}");
    let groups = crew.desk.run(&["dead", "list", "--json"]).json();
    let title = groups["items"][0]["title"].as_str().unwrap();
    assert!(title.starts_with("out_of_memory: killed: used "), "{title}");
    let log = crew.log();
    assert!(log.contains("it will be tried once more with 128 MiB"), "{log}");

    // Whoever revives it gives it another chance, from the size that it has.
    crew.desk.run(&["dead", "revive", &id]).exits(0);
    crew.wait_until("it has died again", || {
        let job = crew.desk.run(&["jobs", "show", &id, "--attempts", "--json"]).json();
        job["state"] == "dead" && job["memory_bytes"] == 256 * MIB
    });
}

#[test]
fn a_job_may_ask_for_other_limits_than_its_queue_gives_up_to_its_most() {
    let settings =
        "[queues.default]\nmemory = \"64MiB\"\nprocesses = 32\ncpu_priority = \"idle\"\n";
    let fails = kind("fails", "exit 3", "max_retries = 0\nfiles = 64");
    let quick = kind("quick", "exit 0", "");
    let Some(crew) = crew("limits-own", |_| format!("{settings}{fails}{quick}")) else { return };
    let refused = crew.desk.run(&["enqueue", "fails", "--memory", "257MiB"]);
    assert_ne!(refused.exit, 0);
    assert!(refused.err.contains("at most 256 MiB"), "{}", refused.err);

    let own = crew.desk.enqueue(&["fails", "--memory", "96MiB"]);
    let usual = crew.desk.enqueue(&["fails"]);
    let limits = |id: &str, state: &str| crew.wait_for(id, state)["attempts"][0]["limits"].clone();
    let (own, usual) = (limits(&own, "dead"), limits(&usual, "dead"));
    assert_eq!(
        (&own["memory_bytes"], &usual["memory_bytes"]),
        (&json!(96 * MIB), &json!(64 * MIB))
    );
    for limits in [&own, &usual] {
        assert_eq!(
            (&limits["processes"], &limits["files"], &limits["cpu_priority"]),
            (&json!(32), &json!(64), &json!("idle"))
        );
        assert!(limits.get("cpu_time_ms").is_none(), "what is not limited is not there");
    }
    let done = crew.desk.enqueue(&["quick"]);
    assert_eq!(limits(&done, "completed")["memory_bytes"], 64 * MIB, "kept for a completion, too");
    crew.desk.sql("do $$ begin assert (select count(*) from backstay.attempt) = 2; end $$");
}

#[test]
fn a_job_that_ignores_everything_is_killed_at_once_when_its_grace_is_taken_away() {
    let settings = "[queues.default]\ngrace = \"4m\"\n";
    let deaf = kind("deaf", "trap '' TERM; while :; do sleep 1; done", "");
    let Some(crew) = crew("limits-deaf", |_| format!("{settings}{deaf}")) else { return };
    let id = crew.desk.enqueue(&["deaf"]);
    crew.wait_for(&id, "running");
    crew.desk.run(&["jobs", "cancel", &id, "--no-wait", "--reason", "wrong month"]).exits(0);
    let begun = std::time::Instant::now();
    let killed = crew.desk.run(&["cancel", &id, "--grace", "0s"]).exits(0);
    let ends = killed.out.split_once(" s; ").map(|(_, how)| how.trim_end());
    assert_eq!(ends, Some("it was killed at once"), "{}", killed.out);
    let took = begun.elapsed();
    assert!(took < std::time::Duration::from_secs(60), "{took:?}");
    let job = crew.wait_for(&id, "cancelled");
    assert_eq!(job["reason"], "wrong month", "the first reason stands");
    let long = crew.desk.run(&["cancel", &id, "--grace", "6m"]).exits(2);
    assert!(long.err.starts_with("error BS102: --grace: `6m` is not 0s to 5m\n"), "{}", long.err);
}

/// Root may read everything; so the worker runs as somebody else where the test is root.
const NOBODY: u32 = 65_534;

#[test]
fn a_handler_cannot_read_the_environment_of_its_worker() {
    let user = rustix::process::getuid().is_root().then_some(NOBODY);
    // The parent of the program is its shim, whose parent is the worker.
    let script =
        "cat /proc/$PPID/environ /proc/$(cut -d' ' -f4 /proc/$PPID/stat)/environ >&2; exit 65";
    let Some(crew) = crew_as("sealed", user, |_| kind("spy", script, "")) else { return };
    let id = crew.desk.enqueue(&["spy"]);
    let job = crew.wait_for(&id, "dead");
    let said = job["attempts"][0].to_string();
    assert!(said.contains("/environ: Permission denied"), "{said}");
    assert!(!said.contains("postgres://"), "{said}");
}
