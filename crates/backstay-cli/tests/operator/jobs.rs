//! `jobs list`, `show`, `cancel`, `promote`.

use crate::{bare, desk};

#[test]
fn a_list_is_tab_separated_for_programs_and_one_document_as_json() {
    let Some(desk) = desk() else { return };
    let later = desk.enqueue(&["report", "--run-in", "1h", "--priority", "high"]);
    let now = desk.enqueue(&["mail", "{\"n\": 1}", "--queue", "mails", "--tag", "a"]);
    let list = desk.run(&["jobs", "list"]).exits(0);
    let lines: Vec<Vec<&str>> = list.out.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(lines[0][..6], [&now, "mail", "mails", "ready", "normal", "0"]);
    assert_eq!(lines[1][..6], [&later, "report", "default", "scheduled", "high", "0"]);
    let page = desk.run(&["jobs", "list", "--json", "--limit", "1"]).exits(0).json();
    assert_eq!(page["items"][0]["id"], now);
    assert_eq!(page["items"][0]["tags"], serde_json::json!(["a"]));
    let cursor = page["next"].as_str().unwrap();
    let rest = desk.run(&["jobs", "list", "--json", "--cursor", cursor]).exits(0).json();
    assert_eq!((&rest["items"][0]["id"], &rest["next"]), (&later.into(), &serde_json::Value::Null));
    let none = desk.run(&["jobs", "list", "--kind", "mail", "--state", "running"]).exits(0);
    assert_eq!((none.out.as_str(), none.err.as_str()), ("", "no job fits\n"));
}

#[test]
fn a_job_is_shown_with_its_args_and_as_a_document_with_its_attempts() {
    let Some(desk) = desk() else { return };
    let id = desk.enqueue(&["report", "{\"month\": 11, \"token\": \"x\"}", "--group", "g"]);
    let shown = desk.run(&["jobs", "show", &id]).exits(0);
    let head =
        format!("report {id}  ready in default  priority normal  group g  retries 0 of 10\n");
    assert!(shown.out.starts_with(&head), "{}", shown.out);
    assert!(
        shown.out.contains("  args      {\"month\": 11, \"token\": \"***\"}\n"),
        "{}",
        shown.out
    );
    let document = desk.run(&["jobs", "show", &id, "--attempts", "--json"]).exits(0).json();
    assert_eq!(document["args"]["token"], "***");
    assert_eq!(document["attempts"], serde_json::json!([]));
    let unknown = desk.run(&["jobs", "show", "999"]).exits(1);
    assert!(unknown.err.starts_with("error BS301: there is no job 999\n"), "{}", unknown.err);
}

#[test]
fn cancel_says_what_became_of_each_job() {
    let Some(desk) = desk() else { return };
    let id = desk.enqueue(&["report"]);
    let done = desk.run(&["cancel", &id, "--reason", "wrong month"]).exits(0);
    assert_eq!(done.out, format!("{id}\tcancelled\tit had not begun\n"));
    let again = desk.run(&["jobs", "cancel", &id, "999", "--json"]).exits(1).json();
    let answers: Vec<&str> = again["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["answer"].as_str().unwrap())
        .collect();
    assert_eq!(answers, ["too_late", "not_found"]);
    let shown = desk.run(&["jobs", "show", &id, "--json"]).exits(0).json();
    assert_eq!((&shown["state"], &shown["reason"]), (&"cancelled".into(), &"wrong month".into()));
}

#[test]
fn a_filter_acts_only_on_as_many_as_were_expected() {
    let Some(desk) = desk() else { return };
    for _ in 0..3 {
        desk.enqueue(&["digest"]);
    }
    let silent = desk.run(&["jobs", "cancel", "--kind", "digest"]).exits(2);
    assert!(silent.err.contains("--expect 3, or --yes"), "{}", silent.err);
    let wrong = desk.run(&["jobs", "cancel", "--kind", "digest", "--expect", "9"]).exits(1);
    assert!(wrong.err.starts_with("error BS304: 3 jobs fit, 9 were expected\n"), "{}", wrong.err);
    let done = desk.run(&["jobs", "cancel", "--kind", "digest", "--expect", "3"]).exits(0);
    assert_eq!(done.out.lines().count(), 3);
    let none = desk.run(&["jobs", "cancel", "--kind", "digest", "--yes"]).exits(1);
    assert_eq!(none.err, "nothing fits; nothing was done\n");
    desk.run(&["jobs", "cancel"]).exits(2);
    desk.run(&["jobs", "cancel", "1", "--kind", "digest"]).exits(2);
}

#[test]
fn promote_brings_a_scheduled_job_into_line() {
    let Some(desk) = desk() else { return };
    let id = desk.enqueue(&["report", "--run-in", "1h"]);
    assert_eq!(desk.run(&["jobs", "promote", &id]).exits(0).out, "1 job promoted\n");
    let again = desk.run(&["jobs", "promote", &id]).exits(1);
    assert!(again.err.starts_with(&format!("{id}: BS302 ")), "{}", again.err);
    let json = desk.run(&["jobs", "promote", &id, "--json"]).exits(1).json();
    assert_eq!(json["skipped"][0]["code"], "BS302");
}

#[test]
fn without_a_database_a_verb_says_how_to_name_one() {
    let nobody = "postgres://nobody@127.0.0.1:1/none";
    let refused = bare(&["jobs", "list", "--database-url", nobody]).exits(69);
    assert!(refused.err.starts_with("error BS501: "), "{}", refused.err);
    // Where a private server happens to run, the verb joins it, and says so.
    let nothing = bare(&["jobs", "list"]);
    if !nothing.err.starts_with("no database is named: using the private one, PostgreSQL ") {
        assert!(nothing.exits(69).err.contains("DATABASE_URL"));
    }
}

#[test]
fn a_database_without_backstay_is_told_how_to_get_it() {
    let Some(desk) = desk() else { return };
    desk.sql("drop schema backstay cascade");
    for verb in [&["jobs", "list"][..], &["enqueue", "report"], &["jobs", "cancel", "1"]] {
        let said = desk.run(verb).exits(78);
        assert!(said.err.starts_with("error BS502: "), "{}", said.err);
        assert!(said.err.contains("backstay migrate up"), "{}", said.err);
    }
}

#[test]
fn words_of_other_queues_below_a_noun_are_answered_too() {
    for (typed, ours) in [
        (["dead", "retry"], "backstay dead revive ID"),
        (["jobs", "kill"], "backstay jobs cancel ID"),
        (["dead", "requeue"], "backstay dead revive ID"),
    ] {
        let said = bare(&[typed[0], typed[1], "5"]).exits(2);
        assert!(said.err.contains(ours), "{}", said.err);
    }
}

#[test]
fn waiting_jobs_are_edited_by_id_or_filter() {
    let Some(desk) = desk() else { return };
    let id = desk.enqueue(&["report", "{\"n\": 1}", "--tags", "a,b", "--group", "g"]);
    let verb = [
        "jobs",
        "edit",
        &id,
        "--priority",
        "urgent",
        "--tags",
        "c",
        "--args",
        "{\"n\":12345678901234567890123}",
    ];
    assert_eq!(desk.run(&verb).exits(0).out, "1 job changed\n");
    let job = desk.run(&["jobs", "show", &id, "--json"]).exits(0).json();
    assert_eq!((&job["priority"], &job["tags"]), (&0.into(), &serde_json::json!(["c"])));
    let shown = desk.run(&["jobs", "show", &id]).exits(0);
    assert!(shown.out.contains("12345678901234567890123}"), "every digit stays: {}", shown.out);
    // Larger than any number of a JSON tree: it is printed all the same.
    desk.run(&["jobs", "edit", &id, "--args", "{\"n\":1e400}"]).exits(0);
    assert!(desk.run(&["jobs", "show", &id, "--json"]).exits(0).out.contains("1000000"));
    desk.run(&["jobs", "edit", &id, "--args", "{}"]).exits(0);
    let many = ["jobs", "edit", "--group", "g", "--run-in", "1h", "--expect", "1"];
    desk.run(&many).exits(0);
    let job = desk.run(&["jobs", "show", &id, "--json"]).exits(0).json();
    assert_eq!(job["state"], "scheduled");
    let nothing = desk.run(&["jobs", "edit", &id]).exits(2);
    assert!(
        nothing.err.starts_with("error BS102: there is nothing to change\n"),
        "{}",
        nothing.err
    );
    desk.run(&["jobs", "edit", "--group", "g", "--args", "{}", "--yes"]).exits(2);
    let ended = desk.die("report");
    let late = desk.run(&["jobs", "edit", &ended, "--priority", "low"]).exits(1);
    assert!(late.err.starts_with(&format!("{ended}: BS302 ")), "{}", late.err);
}

#[test]
fn a_waiting_job_is_buried_with_its_reason() {
    let Some(desk) = desk() else { return };
    let id = desk.enqueue(&["report"]);
    let done = desk.run(&["jobs", "bury", &id, "--reason", "breaks the printer"]).exits(0);
    assert_eq!(done.out, "1 job buried; again: backstay dead revive ID\n");
    let job = desk.run(&["jobs", "show", &id, "--json"]).exits(0).json();
    assert_eq!((&job["state"], &job["reason"]), (&"dead".into(), &"buried".into()));
}

#[test]
fn a_list_is_narrowed_to_what_attempts_came_to() {
    let Some(desk) = desk() else { return };
    let failed = desk.enqueue(&["report", "--run-in", "1h"]);
    let other = desk.enqueue(&["report"]);
    desk.sql(&format!(
        "update backstay.scheduled set attempt = 1 where job_id = {failed};
         insert into backstay.attempt (job_id, ended_at, attempt, outcome, billed, queue, kind)
         values ({failed}, now(), 1, 'oom_killed', 'retry', 'default', 'report')"
    ));
    let find = |outcome: &str| {
        let list = desk.run(&["jobs", "list", "--outcome", outcome, "--json"]).exits(0).json();
        let items = list["items"].as_array().unwrap().iter();
        items.map(|job| job["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(find("oom_killed"), [failed]);
    assert_eq!(find("lost"), [""; 0]);
    let slip = desk.run(&["jobs", "list", "--outcome", "oom"]).exits(2);
    assert!(slip.err.starts_with("error BS102: --outcome: `oom` is no outcome\n"), "{}", slip.err);
    desk.run(&["jobs", "cancel", &other]).exits(0);
}

#[test]
fn an_operator_reveals_what_is_hidden_and_the_audit_tells() {
    let Some(desk) = desk() else { return };
    let id = desk.enqueue(&["report", "{\"token\": \"x\"}"]);
    let verb = ["jobs", "show", &id, "--reveal", "--reason", "ticket 812"];
    assert!(desk.run(&verb).exits(0).out.contains("{\"token\": \"x\"}"));
    desk.run_as("backstay_operator", &verb).exits(0);
    let refused = desk.run_as("backstay_viewer", &verb).exits(77);
    assert!(refused.err.starts_with("error BS504: "), "{}", refused.err);
    // Fails where the audit does not hold both looks.
    desk.sql(&format!(
        "select 1 / (count(*) = 2)::int from backstay.audit
          where verb = 'reveal' and target = '{id}' and reason = 'ticket 812'"
    ));
}

#[test]
fn the_options_of_a_job_tell_where_they_come_from() {
    let Some(desk) = desk() else { return };
    desk.sql(
        "insert into backstay.kind (name, contract, hash, set_at) values ('report', '{\"queue\": \"reports\"}', '', now())",
    );
    let id = desk.enqueue(&["report", "--priority", "urgent"]);
    let shown = desk.run(&["jobs", "show", &id, "--origin"]).exits(0);
    let origins = "  queue        reports  contract of the kind
  priority     urgent   its own, or an earlier contract
  max_retries  10       built in
  timeout      15m      built in
";
    assert!(shown.out.ends_with(origins), "{}", shown.out);
}

#[test]
fn a_value_that_cannot_be_is_told_as_every_other_door_tells_it() {
    for (typed, said) in [
        (["--run-in", "-5s"], "--run-in: `-5s` is negative\n  did you mean `5s`?\n"),
        (["--run-in", "300"], "--run-in: `300` has no unit\n  did you mean `300s`?\n"),
        (["--priority", "-1"], "--priority: "),
        (
            ["--max-retries", "-1"],
            "--max-retries: `-1` is no number of retries\n  write 0 to 100\n",
        ),
    ] {
        let said_by = bare(&["enqueue", "report", typed[0], typed[1]]).exits(2);
        assert!(said_by.err.starts_with(&format!("error BS102: {said}")), "{}", said_by.err);
    }
    let json = bare(&["--json", "enqueue", "report", "--timeout", "-1h"]).exits(2);
    assert!(json.err.starts_with("{\"error\":{\"causes\":[],\"code\":\"BS102\""), "{}", json.err);
}

#[test]
fn why_tells_the_reason_and_what_to_do_for_people_and_for_programs() {
    let Some(desk) = desk() else { return };
    let id = desk.enqueue(&["report", "--queue", "exports"]);
    let told = desk.run(&["why", &id]).exits(0);
    let text = "ready  no_worker: no live worker serves queue exports\n       backstay work --queues exports\n";
    assert_eq!(told.out, text);
    desk.run(&["queues", "pause", "exports", "--reason", "provider is down"]).exits(0);
    let why = desk.run(&["jobs", "why", &id, "--json"]).exits(0).json();
    assert_eq!((&why["state"], &why["reason"]), (&"ready".into(), &"paused".into()));
    assert_eq!(why["remedy"], "backstay queues resume exports");
    assert!(why["text"].as_str().unwrap().contains("(provider is down), until somebody"), "{why}");
    assert!(why["since"].is_string() && why["start_at"].is_null(), "{why}");
    let shown = desk.run(&["jobs", "show", &id]).exits(0);
    assert!(shown.out.contains("\n  waits     queue exports is paused for "), "{}", shown.out);
    desk.run(&["cancel", &id, "--reason", "wrong month"]).exits(0);
    let over = desk.run(&["why", &id]).exits(0);
    assert!(over.out.starts_with("cancelled 0 s ago: wrong month"), "{}", over.out);
    let none = desk.run(&["why", "999"]).exits(1);
    assert!(none.out.starts_with("no_such_job  no such job is known"), "{}", none.out);
}
