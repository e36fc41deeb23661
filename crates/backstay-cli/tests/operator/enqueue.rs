//! `enqueue`: one job with flags, many from a file, and only tried.

use std::process::Command;

use crate::{Desk, desk};

fn count(desk: &Desk) -> usize {
    let list = desk.run(&["jobs", "list", "--json", "--limit", "1000"]).exits(0).json();
    list["items"].as_array().unwrap().len()
}

#[test]
fn every_option_is_a_flag() {
    let Some(desk) = desk() else { return };
    let flags = "--queue q --priority urgent --run-in 5m --max-retries 3 --backoff {\"fixed\":\"30s\"} --timeout 90s \
                 --memory 64MiB --unique order:7 --group g --limit-key l --expires-in 1d --tag a --tag b \
                 --meta {\"by\":\"ana\"} --idempotency-key once";
    let typed: Vec<&str> =
        ["report", "{\"n\": 1}"].into_iter().chain(flags.split_whitespace()).collect();
    let id = desk.enqueue(&typed);
    let job = desk.run(&["jobs", "show", &id, "--json"]).exits(0).json();
    for (field, value) in [
        ("queue", "\"q\""),
        ("priority", "0"),
        ("max_retries", "3"),
        ("unique", "\"order:7\""),
        ("group", "\"g\""),
        ("tags", "[\"a\",\"b\"]"),
        ("meta", "{\"by\":\"ana\"}"),
        ("args", "{\"n\":1}"),
        ("state", "\"scheduled\""),
    ] {
        assert_eq!(job[field].to_string(), value, "{field}");
    }
    let kept = desk.run(&["enqueue", "report", "--unique", "order:7"]).exits(0);
    assert_eq!(kept.out, format!("{id}\tkept\n"));
}

#[test]
fn whoever_enqueues_within_a_trace_need_not_say_so() {
    let Some(desk) = desk() else { return };
    let [within, said] = [1, 2].map(|n| format!("00-{n:032x}-{n:016x}-01"));
    let flag = ["--trace", said.as_str()];
    for (more, trace) in [(&[][..], &within), (&flag[..], &said)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backstay"));
        command.args(["enqueue", "report", "--json"]).args(more).env_clear();
        command.env("DATABASE_URL", &desk.database.url).env("TRACEPARENT", &within);
        let id = crate::said(command, "").exits(0).json()["id"].as_str().unwrap().to_owned();
        let job = desk.run(&["jobs", "show", &id, "--json"]).exits(0).json();
        assert_eq!(job["trace"], trace.as_str());
    }
}

#[test]
fn args_come_from_a_file_or_stdin_and_slips_are_told_before_anything_is_sent() {
    let Some(desk) = desk() else { return };
    let made =
        desk.run_with(&["enqueue", "report", "-", "--json"], "{\"n\": 1e400}").exits(0).json();
    let shown = desk.run(&["jobs", "show", made["id"].as_str().unwrap()]).exits(0);
    assert!(shown.out.contains("{\"n\": 1000000"), "every digit stays: {}", shown.out);
    let slip = desk.run(&["enqueue", "report", "{\"n\":"]).exits(2);
    assert!(slip.err.starts_with("error BS104: the args are no JSON"), "{}", slip.err);
    desk.run(&["enqueue", "report", "[1]"]).exits(2);
    desk.run(&["enqueue", "report", "@/no/such/file"]).exits(2);
    let name = desk.run(&["enqueue", "re port"]).exits(1);
    assert!(name.err.starts_with("error BS103: "), "{}", name.err);
    assert_eq!(count(&desk), 1);
}

#[test]
fn only_tried_means_that_nothing_is_made() {
    let Some(desk) = desk() else { return };
    let tried =
        desk.run(&["enqueue", "report", "--dry-run", "--queue", "q", "--run-in", "1h"]).exits(0);
    assert!(
        tried.out.starts_with("report ") && tried.out.contains("scheduled in q"),
        "{}",
        tried.out
    );
    let bad = desk.run(&["enqueue", "report", "--dry-run", "--queue", "a b"]).exits(1);
    assert!(bad.err.starts_with("error BS103: option \"queue\""), "{}", bad.err);
    assert_eq!(count(&desk), 0);
}

#[test]
fn a_file_gives_a_job_per_line_and_an_error_names_its_line() {
    let Some(desk) = desk() else { return };
    let good = "{\"kind\": \"a\"}\n\n{\"kind\": \"b\", \"args\": {\"n\": 1}, \"options\": {\"priority\": \"high\"}}\n";
    let tried = desk.run_with(&["enqueue", "--file", "-", "--dry-run"], good).exits(0);
    assert_eq!((tried.out.as_str(), count(&desk)), ("2 jobs would be enqueued\n", 0));
    let made = desk.run_with(&["enqueue", "--file", "-", "--queue", "bulk"], good).exits(0);
    assert_eq!(made.out, "2 jobs enqueued\n");
    let list = desk.run(&["jobs", "list", "--queue", "bulk", "--json"]).exits(0).json();
    assert_eq!(list["items"][0]["priority"], 2);
    let slip = good.replace("options", "optoins");
    let slip = desk.run_with(&["enqueue", "--file", "-"], &slip).exits(1);
    assert!(slip.err.starts_with("error BS101: line 3: "), "{}", slip.err);
    let torn =
        desk.run_with(&["enqueue", "--file", "-"], "{\"kind\": \"a\"}\n{\"kind\"\n").exits(1);
    assert!(torn.err.starts_with("error BS104: line 2 is no JSON"), "{}", torn.err);
    assert_eq!(count(&desk), 2);
    desk.run(&["enqueue"]).exits(2);
}

#[test]
fn more_than_ten_thousand_lines_go_in_several_transactions() {
    let Some(desk) = desk() else { return };
    let mut lines = "{\"kind\":\"a\"}\n".repeat(10_001);
    lines += "{\"kind\":\"?\"}\n";
    let said = desk.run_with(&["enqueue", "--file", "-"], &lines).exits(1);
    assert!(said.err.starts_with("error BS103: line 10002: "), "{}", said.err);
    assert!(said.err.contains("lines up to 10000 are enqueued"), "{}", said.err);
    let queues = desk.run(&["queues", "list", "--json"]).exits(0).json();
    assert_eq!(queues["items"][0]["ready"], serde_json::json!({"count": 1000, "more": true}));
}
