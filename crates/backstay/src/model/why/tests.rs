use serde_json::{Value, json};

use super::*;

fn worker(admission: &Value) -> Value {
    json!({
        "id": "018f6f1e", "state": "live", "host": "app-1", "pid": 1, "release": "1", "level": "rlimit", "slots": 4,
        "running": 0, "queues": ["default"], "kinds": ["export"], "direct": true, "admission": admission,
        "started_at": "2026-11-24T11:00:00Z", "beat_at": "2026-11-24T11:58:00Z", "lease_until": "2026-11-24T12:00:30Z",
        "drain_at": null, "goodbye_at": null, "lost_at": null,
    })
}

/// A job of kind `export` that has waited for two minutes, with workers that admit so much.
fn facts(state: &str, admissions: &[Value], changes: Value) -> Facts {
    let mut facts = json!({
        "now": "2026-11-24T12:00:00Z",
        "job": { "id": "7", "kind": "export", "queue": "default", "state": state, "priority": 5, "memory_bytes": 2_u64 << 30 },
        "since": "2026-11-24T11:58:00Z", "pauses": [], "ahead": { "count": 0, "more": false, "urgent": 0 },
        "workers": admissions.iter().map(worker).collect::<Vec<_>>(), "busy": [], "longest": [], "per_hour": null,
    });
    let Value::Object(changes) = changes else { panic!("an object of changes") };
    for (path, value) in changes {
        match path.split_once('.') {
            Some((outer, inner)) => facts[outer][inner] = value,
            None => facts[path] = value,
        }
    }
    // By way of a text, since parts of a job document are kept as they were written.
    serde_json::from_str(&facts.to_string()).unwrap()
}

#[track_caller]
fn check(facts: &Facts, reason: Reason, text: &str) -> Why {
    let why = why(facts);
    assert_eq!((why.reason, why.text.as_str()), (reason, text));
    why
}

#[test]
fn the_first_obstacle_is_told_and_none_where_one_worker_can_take_it() {
    let ready = "nothing stands in its way: the next look takes it";
    let of = |admissions: &[Value]| facts("ready", admissions, json!({}));
    let brake = json!({ "brakes": [{ "what": "memory", "reason": "92 % of the limit is in use", "since": "2026-11-24T11:58:00Z" }] });
    let told =
        "its worker on app-1 claims less, the memory is in trouble: 92 % of the limit is in use";
    check(&of(std::slice::from_ref(&brake)), Reason::Brake, told);
    check(&of(&[brake.clone(), json!({})]), Reason::Ready, ready);
    let lost = json!({ "level_lost": "no control group can be made: No such file", "brakes": brake["brakes"] });
    let told = "its worker on app-1 claims nothing: limits cannot be held, no control group can be made: No such file";
    check(&of(std::slice::from_ref(&lost)), Reason::LevelLost, told);
    check(&of(&[lost, json!({})]), Reason::Ready, ready);
    let broken = json!({ "pool_broken": { "default": ["export"] }, "kind_braked": ["export"] });
    check(&of(&[broken]), Reason::PoolBroken, "the program of export does not boot on app-1");
    let told = "attempts of export crash again and again, so they start one at a time";
    check(&of(&[json!({ "kind_braked": ["export"] })]), Reason::KindBraked, told);
    let told = "it needs 2GiB of memory, and all jobs together may use 1GiB on app-1";
    check(&of(&[json!({ "memory_budget": 1 << 30 })]), Reason::NeedsMemory, told);
    check(&of(&[json!({ "memory_budget": 2_u64 << 30 })]), Reason::Ready, ready);
    check(&of(&[]), Reason::NoWorker, "no live worker serves queue default");
}

#[test]
fn the_line_is_told_with_what_stands_before_the_job_and_an_estimate() {
    let behind = |count: u64, more: bool, urgent: u64, per_hour: Option<f64>| {
        let ahead = json!({ "count": count, "more": more, "urgent": urgent });
        facts("ready", &[json!({})], json!({ "ahead": ahead, "per_hour": per_hour }))
    };
    let told = "17 jobs stand before it in queue default, 3 of them more urgent; it starts in about 10 min";
    let why = check(&behind(17, false, 3, Some(100.0)), Reason::Behind, told);
    assert_eq!(why.start_at.unwrap().to_string(), "2026-11-24T12:10:12Z");
    let told = "1 job stands before it in queue default, more urgent than it; when it starts is not known, since \
                nothing of its queue ended lately";
    assert_eq!(check(&behind(1, false, 1, None), Reason::Behind, told).start_at, None);
    let told = "more than 10000 jobs stand before it in queue default; it starts in 2 h or later";
    check(&behind(10_000, true, 0, Some(4_500.0)), Reason::Behind, told);
}

#[test]
fn slots_are_full_by_what_runs_and_by_what_is_kept_for_more_urgent_jobs() {
    let two = json!({ "slots": { "default": { "count": 2 } } });
    let busy = |jobs: u16| json!([{ "worker": "018f6f1e", "priority": 5, "jobs": jobs }]);
    let longest = json!([{ "id": "4", "kind": "export", "worker": "018f6f1e", "since": "2026-11-24T11:48:00Z" }]);
    let changes = json!({ "busy": busy(2), "longest": longest, "per_hour": 10.0 });
    let told = "all 2 slots of queue default are busy, the longest with export 4 on app-1 for 12 min; it starts in \
                about 6 min";
    check(&facts("ready", std::slice::from_ref(&two), changes), Reason::NoSlot, told);
    let one = facts("ready", &[two], json!({ "busy": busy(1) }));
    assert_eq!(why(&one).reason, Reason::Ready);
    let kept = json!({ "slots": { "default": { "count": 2, "reserve": [[2, 1]] } } });
    let held = facts("ready", std::slice::from_ref(&kept), json!({ "busy": busy(1) }));
    assert!(
        why(&held)
            .text
            .starts_with("of 2 slots of queue default 1 are free and kept for more urgent jobs")
    );
    assert_eq!(why(&held).reason, Reason::NoSlot);
    let urgent = facts("ready", &[kept], json!({ "busy": busy(1), "job.priority": 2 }));
    assert_eq!(why(&urgent).reason, Reason::Ready);
}

#[test]
fn a_job_that_expires_before_it_would_start_says_so() {
    let soon = json!({ "job.expires_at": "2026-11-24T12:05:00Z", "ahead": { "count": 10, "more": false, "urgent": 0 }, "per_hour": 60.0 });
    let told = why(&facts("ready", &[json!({})], soon));
    assert!(
        told.text.ends_with("starts in about 10 min; it expires before that, in 5 min"),
        "{}",
        told.text
    );
    let nobody = json!({ "job.expires_at": "2026-11-24T12:05:00Z" });
    assert!(why(&facts("ready", &[], nobody)).text.ends_with("; it expires in 5 min"));
    let over = json!({ "job.expires_at": "2026-11-24T11:59:00Z" });
    assert_eq!(why(&facts("ready", &[], over)).reason, Reason::Expired);
}

#[test]
fn what_is_due_later_starts_then_unless_a_pause_lasts_longer_or_nobody_serves_it() {
    let run_at = "2026-11-24T14:00:00Z";
    let later = |admissions: &[Value], until: Value| {
        let pause = json!([{ "scope": "kind", "name": "export", "since": "2026-11-24T11:00:00Z", "until": until, "by": "ana", "reason": null }]);
        let pauses = if until == json!(0) { json!([]) } else { pause };
        facts("scheduled", admissions, json!({ "job.run_at": run_at, "pauses": pauses }))
    };
    let start = |facts: &Facts| why(facts).start_at.map(|at| at.to_string());
    let due = "due in 2 h, at 2026-11-24T14:00:00Z";
    check(&later(&[json!({})], json!(0)), Reason::Scheduled, due);
    assert_eq!(start(&later(&[json!({})], json!(0))).as_deref(), Some(run_at));
    assert_eq!(start(&later(&[json!({})], json!("2026-11-24T13:00:00Z"))).as_deref(), Some(run_at));
    let longer = later(&[json!({})], json!("2026-11-24T15:00:00Z"));
    assert_eq!(start(&longer).as_deref(), Some("2026-11-24T15:00:00Z"));
    check(
        &later(&[json!({})], Value::Null),
        Reason::Scheduled,
        &format!("{due}; kind export is paused then"),
    );
    let told = format!("{due}; no live worker serves queue default now");
    assert_eq!(check(&later(&[], json!(0)), Reason::Scheduled, &told).start_at, None);
}

#[test]
fn a_job_that_is_taken_and_waits_for_memory_says_how_much() {
    let has_it =
        |admission: Value| facts("running", &[admission], json!({ "job.worker": "018f6f1e" }));
    let holds = json!({ "in_hand": { "7": 2_u64 << 30 }, "memory_free": 1_u64 << 30 });
    check(&has_it(holds), Reason::InHand, "waiting for memory: needs 2GiB, free 1GiB");
    check(&has_it(json!({})), Reason::Running, "attempt 0 runs on app-1 for 2 min");
}

#[test]
fn the_page_tells_every_reason_once_in_the_order_of_the_list() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/why.md");
    let page = std::fs::read_to_string(page).unwrap();
    let words: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(word, _)| word)
        .collect();
    let all: Vec<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(words, all);
}
