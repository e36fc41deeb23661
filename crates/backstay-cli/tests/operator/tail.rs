//! `tail` and `cancel` on jobs that a real worker runs: programs that print slowly, in floods, in bad bytes, or do not stop.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::desk;
use crate::operator::crew::{Crew, crew};

/// The kinds of a test, each a shell script; `DIR` in one is a folder of its own.
const KINDS: [(&str, &str); 6] = [
    ("gated", "echo one; while [ ! -e DIR/go ]; do sleep 0.02; done; echo two"),
    ("quick", "echo quick"),
    (
        "fails",
        r"printf 'a\000b\377\033[31m\n'; cat; echo; echo postgres://ana:s3cret@db/x >&2; exit 3",
    ),
    ("flood", "yes '0123456789 a line of a flood' | head -c 2000000; echo; echo the end"),
    ("stubborn", "trap '' TERM; echo up; while :; do sleep 0.05; done"),
    ("polite", "trap 'exit 4' TERM; echo up; while :; do sleep 0.05; done"),
];

/// Starts a worker for the kinds; none where tests with a database are switched off.
fn tailed(name: &str) -> Option<Crew> {
    crew(&format!("tail-{name}"), |folder| {
        let mut text = "[queues.default]\nslots = 4\ngrace = \"300ms\"\n".to_owned();
        for (kind, script) in KINDS {
            let script = script.replace("DIR", folder.to_str().unwrap());
            let argv = serde_json::json!(["sh", "-c", script]);
            text += &format!("[kinds.{kind}]\ncommand = {argv}\nmax_retries = 0\n");
        }
        text
    })
}

impl Crew {
    /// Starts a command that goes on.
    fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backstay"));
        command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin");
        command.env("DATABASE_URL", &self.desk.database.url).current_dir(&self.folder);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs a job until it has said that it is up.
    fn up(&self, kind: &str) -> String {
        let id = self.desk.enqueue(&[kind]);
        let mut tail = self.spawn(&["tail", &id, "-f"]);
        let mut line = String::new();
        BufReader::new(tail.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "up\n");
        tail.kill().unwrap();
        tail.wait().unwrap();
        id
    }
}

#[test]
fn what_a_job_prints_is_seen_by_everybody_who_follows_it_while_it_runs() {
    let Some(crew) = tailed("follow") else { return };
    let id = crew.desk.enqueue(&["gated", "--run-in", "100ms"]);
    let mut tails =
        [crew.spawn(&["tail", &id, "-f"]), crew.spawn(&["jobs", "tail", &id, "-f", "--json"])];
    let mut outs = tails.each_mut().map(|tail| BufReader::new(tail.stdout.take().unwrap()));
    let mut lines = outs.each_mut().map(|out| {
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        line
    });
    assert_eq!(lines[0], "one\n");
    let json: Value = serde_json::from_str(&lines[1]).unwrap();
    assert_eq!(
        (&json["text"], &json["stream"], &json["attempt"]),
        (&"one".into(), &"out".into(), &1.into())
    );
    // Whoever comes later sees what came before, and need not wait for the end.
    assert_eq!(crew.desk.run(&["tail", &id]).exits(0).out, "one\n");

    std::fs::write(crew.folder.join("go"), "").unwrap();
    for (out, line) in outs.iter_mut().zip(&mut lines) {
        line.clear();
        out.read_to_string(line).unwrap();
    }
    assert_eq!(lines[0], "two\n");
    let end: Value = serde_json::from_str(lines[1].lines().last().unwrap()).unwrap();
    assert_eq!(
        (&end["end"]["state"], &end["end"]["id"]),
        (&"completed".into(), &id.as_str().into())
    );
    for tail in tails {
        let ended = tail.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(0));
        let err = String::from_utf8(ended.stderr).unwrap();
        assert!(
            err.is_empty() || err.starts_with(&format!("gated {id} completed after ")),
            "{err}"
        );
    }
}

#[test]
fn what_failed_is_kept_without_secrets_and_what_completed_is_not() {
    let Some(crew) = tailed("kept") else { return };
    let args = r#"{"token":"abc-123","n":1}"#;
    let (dead, done) = (crew.desk.enqueue(&["fails", args]), crew.desk.enqueue(&["quick"]));
    crew.wait_for(&dead, "dead");
    crew.wait_for(&done, "completed");
    let said = crew.desk.run(&["tail", &dead, "-f"]).exits(0);
    let out =
        "a\u{fffd}b\u{fffd}\\u{1b}[31m\n{\"n\": 1, \"token\": \"***\"}\npostgres://ana:***@db/x\n";
    assert_eq!(said.out, out);
    assert!(said.err.starts_with(&format!("fails {dead} is dead, ")), "{}", said.err);
    let only = crew.desk.run(&["tail", &dead, "--stream", "err", "--attempt", "1", "--json"]);
    let items = only.exits(0).json()["items"].as_array().unwrap().clone();
    assert_eq!((items.len(), &items[0]["text"]), (1, &"postgres://ana:***@db/x".into()));
    assert_eq!(crew.desk.run(&["tail", &dead, "--attempt", "2"]).exits(0).out, "");
    let shown = crew.desk.run(&["-v", "jobs", "show", &dead, "--attempts"]).exits(0);
    assert!(shown.out.contains("ana:***@") && !shown.out.contains("s3cret"), "{}", shown.out);

    let nothing = crew.desk.run(&["tail", &done]).exits(0);
    assert!(nothing.out.is_empty() && nothing.err.contains("keep_output"), "{}", nothing.err);
    crew.desk.sql(&format!("do $$ begin assert not exists (select from backstay.output_log where job_id = {done}); end $$"));
    crew.desk.sql("delete from backstay.dead_letter");
    let pruned = crew.desk.run(&["tail", &dead]).exits(0);
    assert_eq!(
        (pruned.out.as_str(), pruned.err.as_str()),
        (out, &*format!("job {dead} is past its retention\n"))
    );
}

#[test]
fn of_a_flood_the_end_is_seen_and_what_is_missing_is_said() {
    let Some(crew) = tailed("flood") else { return };
    // The wish is there before the job begins, or a short one would be over before anybody is heard.
    let id = crew.desk.enqueue(&["flood", "--run-in", "500ms"]);
    let said = crew.desk.run(&["tail", &id, "-f"]).exits(0);
    assert_eq!(said.out.lines().last(), Some("the end"));
    let notes = said.out.lines().filter(|line| line.contains("bytes are missing here")).count();
    assert!(notes >= 1 && said.out.len() < 1_000_000, "{notes} notes, {} bytes", said.out.len());
}

#[test]
fn a_job_that_waits_or_never_was_has_printed_nothing() {
    let Some(desk) = desk() else { return };
    let id = desk.enqueue(&["report", "--run-in", "1h"]);
    let said = desk.run(&["tail", &id]).exits(0);
    assert_eq!(
        said.err,
        format!("it has not begun, so it has printed nothing\nreport {id} is scheduled\n")
    );
    for flags in [&["tail", "999"][..], &["tail", "999", "-f"], &["jobs", "tail", "999", "--json"]]
    {
        assert!(desk.run(flags).exits(1).err.contains("BS301"), "{flags:?}");
    }
    desk.run(&["tail", &id, "--stream", "loud"]).exits(2);
    desk.run_as("backstay_viewer", &["tail", &id]).exits(0);
    desk.run_as("backstay_enqueuer", &["tail", &id]).exits(77);
}

#[test]
fn cancel_returns_when_it_is_over_and_says_how_it_ended() {
    let Some(crew) = tailed("cancel") else { return };
    let id = crew.up("stubborn");
    let said = crew.desk.run(&["cancel", &id]).exits(0);
    let (begin, end) =
        (format!("{id}\tcancelled\tafter "), "; it had ignored SIGTERM and was killed\n");
    assert!(said.out.starts_with(&begin) && said.out.ends_with(end), "{}", said.out);
    let id = crew.up("polite");
    let told = crew.desk.run(&["cancel", &id, "--json"]).exits(0).json();
    let item = &told["items"][0];
    assert_eq!((&item["state"], &item["attempt"]["exit_code"]), (&"cancelled".into(), &4.into()));
    assert!(item["after_ms"].as_u64().unwrap() < 5_000);
    let id = crew.up("polite");
    let told = crew.desk.run(&["cancel", &id, "--no-wait"]).exits(0);
    assert!(told.out.starts_with(&format!("{id}\ttold to stop\t")), "{}", told.out);
    crew.wait_for(&id, "cancelled");
}
