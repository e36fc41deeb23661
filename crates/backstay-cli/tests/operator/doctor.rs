//! `doctor`: a line per check, the verdict last, 0 or 1.

use crate::desk;

#[test]
fn the_last_line_says_ready_or_what_to_do_first() {
    let Some(desk) = desk() else { return };
    let well = desk.run(&["doctor"]).exits(0);
    assert_eq!(well.out.lines().last(), Some("ready"));
    assert!(well.out.lines().next().unwrap().starts_with("ok    server"), "{}", well.out);
    desk.enqueue(&["report", "--queue", "exports"]);
    let ill = desk.run(&["doctor"]).exits(1);
    let verdict = "not ready: start a worker with --queues exports";
    assert_eq!(ill.out.lines().last(), Some(verdict));
    let json = desk.run(&["doctor", "--json"]).exits(1).json();
    assert_eq!((&json["ready"], &json["verdict"]), (&false.into(), &verdict.into()));
    let queue = json["items"].as_array().unwrap().iter().find(|it| it["id"] == "queue").unwrap();
    assert_eq!(queue["health"], "fail");
    assert_eq!(queue["finding"], "1 job in `exports`, no worker serves it");
}

#[test]
fn a_database_without_backstay_is_not_ready() {
    let Some(desk) = desk() else { return };
    desk.sql("drop schema backstay cascade");
    let said = desk.run(&["doctor"]).exits(1);
    assert_eq!(said.out.lines().last(), Some("not ready: backstay migrate up"));
}

#[test]
fn what_must_always_hold_is_looked_at_as_whoever_may_look() {
    let Some(desk) = desk() else { return };
    let id = desk.enqueue(&["report"]);
    let well = desk.run(&["doctor", "--invariants"]).exits(0);
    let first = "ok    i01_one_place           Every job stands in exactly one place";
    assert_eq!(well.out.lines().next(), Some(first));
    assert_eq!(well.out.lines().last(), Some("all 14 hold"));
    for role in ["backstay_viewer", "backstay_worker", "backstay_auditor"] {
        let said = desk.run_as(role, &["doctor", "--invariants"]).exits(0);
        assert_eq!(said.out.lines().last(), Some("13 hold, 1 to look at, no defect"));
        assert!(said.out.contains("not visible to this login: grant pg_monitor"), "{}", said.out);
    }
    desk.run_as("backstay_enqueuer", &["doctor", "--invariants"]).exits(77);

    desk.sql(&format!("delete from backstay.job where id = {id}"));
    let ill = desk.run(&["doctor", "--invariants"]).exits(1);
    let finding = format!("1 found: {id} stands in ready without a body: backstay explain BS512");
    assert!(ill.out.contains(&finding), "{}", ill.out);
    let json = desk.run(&["doctor", "--invariants", "--json"]).exits(1).json();
    assert_eq!((&json["holds"], &json["part"]), (&false.into(), &serde_json::Value::Null));
    let item = &json["items"][1];
    assert_eq!((&item["id"], &item["standing"]), (&"i02_body_present".into(), &"broken".into()));
    assert_eq!((&item["sort"], &item["found"][0]["subject"]), (&"defect".into(), &id.into()));
}
