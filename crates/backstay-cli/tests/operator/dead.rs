//! `dead list`, `show`, `revive`, `discard`, `restore`, `acknowledge`, `own`; `replays`.

use crate::{Desk, desk};

fn group(desk: &Desk) -> String {
    let list = desk.run(&["dead", "list", "--json"]).exits(0).json();
    list["items"][0]["fingerprint"].as_str().unwrap().to_owned()
}

#[test]
fn dead_letters_are_listed_by_groups_with_what_can_be_done() {
    let Some(desk) = desk() else { return };
    desk.die("report");
    let id = desk.die("report");
    let list = desk.run(&["dead", "list"]).exits(0);
    let fingerprint = group(&desk);
    assert!(list.out.starts_with(&format!("{fingerprint}\t2\t")), "{}", list.out);
    let last = format!(
        "2 dead letters, 1 open group.  Look: backstay dead show {fingerprint}   \
         Again: backstay dead revive --fingerprint {fingerprint}\n"
    );
    assert_eq!(list.err, last);
    let flat = desk.run(&["dead", "list", "--flat", "--limit", "1"]).exits(0);
    assert!(flat.out.starts_with(&format!("{id}\treport\t")), "{}", flat.out);
    let wanted = |looked: &str| {
        let found = ["dead", "list", "--flat", "--json", "--with-args", looked];
        desk.run(&found).exits(0).json()["items"].as_array().unwrap().len()
    };
    assert_eq!([wanted("{}"), wanted("nowhere in args")], [2, 0]);
    desk.run(&["dead", "list", "--flat", "--with-args", "{"]).exits(2);
    desk.run(&["dead", "list", "--tag", "a"]).exits(2);
    let shown = desk.run(&["dead", "show", &fingerprint]).exits(0);
    assert!(shown.out.starts_with(&format!("{fingerprint}  open  2 jobs of report in default\n")));
    let letter = desk.run(&["dead", "show", &id, "--json"]).exits(0).json();
    assert_eq!(letter["letter"]["fingerprint"], fingerprint);
    desk.run(&["dead", "show", "0badc0de"]).exits(1);
}

#[test]
fn a_letter_is_revived_by_its_id_also_with_other_args() {
    let Some(desk) = desk() else { return };
    let id = desk.die("report");
    let args = ["dead", "revive", &id, "--args", "[1]"];
    desk.run(&args).exits(2);
    let done = desk.run_with(&["dead", "revive", &id, "--args", "-"], "{\"n\": 2}").exits(0);
    assert_eq!(done.out, "1 job revived\n");
    let shown = desk.run(&["jobs", "show", &id, "--json"]).exits(0).json();
    assert_eq!((&shown["state"], &shown["args"]["n"]), (&"ready".into(), &2.into()));
    let again = desk.run(&["dead", "revive", &id, "--json"]).exits(1).json();
    assert_eq!(again["skipped"][0]["code"], "BS302");
}

#[test]
fn many_are_revived_by_a_replay_which_can_be_stopped_and_resumed() {
    let Some(desk) = desk() else { return };
    for _ in 0..3 {
        desk.die("report");
    }
    let fingerprint = group(&desk);
    let verb = ["dead", "revive", "--fingerprint", &fingerprint, "--expect", "3"];
    let mute = desk.run(&verb).exits(1);
    assert!(mute.err.starts_with("error BS305: a reason is required\n"), "{}", mute.err);
    let how = ["--reason", "back", "--first", "1", "--rate", "60/1m", "--stop-at", "20%"];
    let begun = desk.run(&[&verb[..], &how].concat()).exits(0);
    assert_eq!(begun.out, "replay 1: 1 first, then 2 more at 60/1m\n");
    let twice = desk.run(&[&verb[..], &how].concat()).exits(1);
    assert!(twice.err.starts_with("error BS302: replay 1 of this group"), "{}", twice.err);
    desk.run(&["replays", "stop", "1"]).exits(0);
    let list = desk.run(&["replays", "list"]).exits(0);
    assert!(list.out.starts_with("1\tstopped\t0 of 3\t0\t0\t0\t0\t60/1m\t"), "{}", list.out);
    assert_eq!(desk.run(&["replays", "resume", "1"]).exits(0).out, "replay 1 goes on\n");
    let json = desk.run(&["replays", "list", "--json"]).exits(0).json();
    assert_eq!(
        (&json["items"][0]["state"], &json["items"][0]["total"]),
        (&"running".into(), &3.into())
    );
    desk.run(&["replays", "stop", "7"]).exits(1);
}

#[test]
fn a_discard_wants_a_reason_and_is_taken_back_by_restore() {
    let Some(desk) = desk() else { return };
    let id = desk.die("report");
    let mute = desk.run(&["dead", "discard", &id]).exits(1);
    assert!(mute.err.starts_with("error BS305: "), "{}", mute.err);
    desk.run(&["dead", "discard", &id, "--reason", "customer is gone"]).exits(0);
    assert_eq!(desk.run(&["dead", "list"]).exits(0).err, "no dead letters\n");
    let aside = desk.run(&["dead", "list", "--discarded"]).exits(0);
    assert!(aside.out.starts_with(&format!("{id}\t")), "{}", aside.out);
    let back = desk.run(&["dead", "restore", "--kind", "report", "--expect", "1"]).exits(0);
    assert_eq!(back.out, "1 job restored\n");
}

#[test]
fn an_acknowledged_group_shows_who_has_seen_it() {
    let Some(desk) = desk() else { return };
    desk.die("report");
    let fingerprint = group(&desk);
    desk.run(&["dead", "ack", &fingerprint, "--note", "provider is down"]).exits(0);
    let list = desk.run(&["dead", "list"]).exits(0);
    assert!(list.out.contains("\tacknowledged (backstay: provider is down)\n"), "{}", list.out);
    let unknown = desk.run(&["dead", "acknowledge", "0badc0de"]).exits(1);
    assert!(unknown.err.starts_with("0badc0de: BS301 "), "{}", unknown.err);
}

#[test]
fn a_group_is_listed_with_its_owner_until_nobody_looks_after_it() {
    let Some(desk) = desk() else { return };
    desk.die("report");
    let fingerprint = group(&desk);
    let done = desk.run(&["dead", "own", &fingerprint, "ana", "--reason", "hers"]).exits(0);
    assert_eq!(done.out, format!("ana looks after {fingerprint}, also when it opens again\n"));
    let list = |more: &[&str]| desk.run(&[&["dead", "list"], more].concat()).exits(0).out;
    assert!(list(&[]).contains("\tana\topen\n"), "{}", list(&[]));
    assert_eq!((list(&["--owner", "ana"]), list(&["--owner", "ben"])), (list(&[]), String::new()));
    assert!(list(&["--flat", "--owner", "ana"]).contains("\treport\t"));
    let shown = desk.run(&["dead", "show", &fingerprint]).exits(0);
    assert!(shown.out.contains("\n  owner ana\n"), "{}", shown.out);
    // An acknowledgement and the next death leave it as it is.
    desk.run(&["dead", "ack", &fingerprint]).exits(0);
    desk.die("report");
    assert!(list(&[]).contains("\tana\t"), "{}", list(&[]));
    let away = desk.run(&["dead", "own", &fingerprint, "--nobody"]).exits(0);
    assert_eq!(away.out, format!("nobody looks after {fingerprint} any more\n"));
    assert_eq!(list(&["--owner", "ana"]), "");
    desk.run(&["dead", "own", &fingerprint]).exits(2);
    desk.run(&["dead", "own", &fingerprint, "ana", "--nobody"]).exits(2);
    desk.run(&["dead", "own", "0badc0de", "ana"]).exits(1);
}

#[test]
fn a_group_is_muted_for_a_while() {
    let Some(desk) = desk() else { return };
    desk.die("report");
    let fingerprint = group(&desk);
    let done = desk.run(&["dead", "mute", &fingerprint, "--for", "7d"]).exits(0);
    assert_eq!(done.out, format!("{fingerprint} muted for 7d; deaths are still counted\n"));
    let list = desk.run(&["dead", "list"]).exits(0);
    assert!(list.out.contains("\tmuted (backstay)\n"), "{}", list.out);
    desk.run(&["dead", "mute", &fingerprint]).exits(2);
}

#[test]
fn what_is_exported_can_be_enqueued_again_once_nothing_is_hidden() {
    let Some(desk) = desk() else { return };
    let id = desk.enqueue(&["report", "{\"token\": \"x\", \"n\": 1e400}", "--tags", "a,b"]);
    desk.sql(&format!("select backstay.bury({id})"));
    let hidden = desk.run(&["dead", "export"]).exits(0);
    assert!(hidden.out.contains("\"***\"") && !hidden.out.contains("\"x\""), "{}", hidden.out);
    let refused = desk.run_with(&["enqueue", "--file", "-"], &hidden.out).exits(1);
    assert!(refused.err.starts_with("error BS104: line 1 hides something"), "{}", refused.err);
    let open = desk.run(&["dead", "export", "--kind", "report", "--reveal"]).exits(0).out;
    let made = desk.run_with(&["enqueue", "--file", "-"], &open).exits(0);
    assert_eq!(made.out, "1 job enqueued\n");
    let list = desk.run(&["jobs", "list", "--state", "ready", "--json"]).exits(0).json();
    assert_eq!(list["items"][0]["tags"], serde_json::json!(["a", "b"]));
    let file = std::env::temp_dir().join(format!("backstay-export-{}", std::process::id()));
    let path = file.to_str().unwrap();
    let said = desk.run(&["dead", "export", "--to", path]).exits(0);
    assert_eq!(said.out, format!("1 dead letter written to {path}\n"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), hidden.out);
    desk.run(&["dead", "export", "--to", path]).exits(2);
    std::fs::remove_file(file).unwrap();
}
