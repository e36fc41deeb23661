//! Handlers that do harm: each is billed for itself, and their neighbours notice nothing.

use std::time::Duration;

use backstay::Options;

use crate::database::fresh;
use crate::run::{Judgement, Run, must_hold};

/// What a handler does, how its attempt must have ended, and what is billed for it.
const HARM: &[(&str, &str, &str)] = &[
    ("abort", "crashed", "crash"),
    ("exit", "protocol_error", "nothing"),
    ("panic", "failed", "nothing"),
    ("never", "timed_out", "nothing"),
    ("block", "timed_out", "nothing"),
    ("huge", "protocol_error", "nothing"),
    // It is read at 1 MiB a second and no faster, so the time is over before the gigabyte is.
    ("stderr", "timed_out", "nothing"),
];

/// Nothing may be wrong.
pub(crate) fn all() {
    must_hold(at_once());
}

/// All of them at once, between jobs that only work.
pub(crate) fn at_once() -> Option<Judgement> {
    const JOBS: i64 = 50 * HARM.len() as i64;
    let db = fresh()?;
    let run = Run::begin(&db.url);
    let place = &run.place;
    let mut worker = run.worker("process");
    let last = |secs| Options::new().max_retries(0).timeout(Duration::from_secs(secs));
    let mut ids = Vec::new();
    for (n, (what, outcome, _)) in HARM.iter().enumerate() {
        // Who need not run out of time must not, where the processor has much else to do: nine megabytes take their time to
        // be written, and a panic looks its own stack up.
        let secs = if *outcome == "timed_out" { 2 } else { 60 };
        ids.push(place.add_one(1000 + n as i64, what, last(secs)));
        place.add(n as i64 * 50..n as i64 * 50 + 50, 5);
    }
    let large = place.add_one(2001, "large", last(60));
    place.until_done(Duration::from_secs(120));

    assert!(worker.is_running(), "the worker lives");
    let billed = "select count(*) from backstay.history where attempt > 1 or state <> 'completed'";
    assert_eq!((place.completed(), place.number(billed)), (JOBS + 1, 0), "neighbours pay nothing");
    for ((what, outcome, bill), id) in HARM.iter().zip(&ids) {
        let ends = place.texts(&format!(
            "select outcome || ' ' || billed from backstay.attempt where job_id = {id}"
        ));
        assert_eq!(ends, [format!("{outcome} {bill}")], "{what}");
    }
    let dead = place.number("select count(*) from backstay.dead_letter");
    assert_eq!(dead, HARM.len() as i64);
    let note = format!(
        "select count(*) from backstay.history_body where job_id = {large} and output ? 'backstay_note'"
    );
    assert_eq!(place.number(&note), 1);
    let kept = "select count(*) from backstay.attempt where octet_length(stderr) > 16384";
    assert_eq!(place.number(kept), 0, "of a gigabyte 16 KiB are kept");
    run.until_told();
    Some(run.judge())
}
