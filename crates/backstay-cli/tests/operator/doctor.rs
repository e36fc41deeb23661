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
