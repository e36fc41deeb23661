//! Who may look, who may act: the rights are the database's, and the commands say what is missing.

use crate::desk;

#[test]
fn a_viewer_looks_at_everything_and_an_operator_acts_too() {
    let Some(desk) = desk() else { return };
    let id = desk.enqueue(&["report", "--run-in", "1h"]);
    let dead = desk.die("report");
    let looks: [&[&str]; 12] = [
        &["top"],
        &["jobs", "list"],
        &["jobs", "list", "--outcome", "failed"],
        &["dead", "export"],
        &["kinds", "list"],
        &["jobs", "show", &id, "--attempts", "--origin"],
        &["dead", "list"],
        &["dead", "show", &dead],
        &["queues", "list"],
        &["workers", "list", "--gone"],
        &["alerts", "list"],
        &["replays", "list"],
    ];
    for role in ["backstay_viewer", "backstay_operator"] {
        for look in looks {
            desk.run_as(role, look).exits(0);
        }
    }
    let acts: [&[&str]; 4] = [
        &["jobs", "promote", &id],
        &["queues", "pause", "q"],
        &["dead", "revive", &dead],
        &["jobs", "cancel", &id, &dead],
    ];
    for act in acts {
        let refused = desk.run_as("backstay_viewer", act).exits(77);
        assert!(refused.err.starts_with("error BS504: "), "{}", refused.err);
        assert!(refused.err.contains("backstay_operator"), "{}", refused.err);
    }
    for act in acts {
        desk.run_as("backstay_operator", act).exits(0);
    }
}

#[test]
fn an_application_may_enqueue_and_not_look_around() {
    let Some(desk) = desk() else { return };
    desk.run_as("backstay_enqueuer", &["enqueue", "report"]).exits(0);
    desk.run_as("backstay_enqueuer", &["jobs", "list"]).exits(77);
    let doctor = desk.run_as("backstay_enqueuer", &["doctor"]).exits(1);
    let last = "not ready: grant backstay_viewer to this login";
    assert_eq!(doctor.out.lines().last(), Some(last));
}
