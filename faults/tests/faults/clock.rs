//! Workers whose wall clock is wrong: what decides is the database's, and spans are measured by a clock that nobody sets.

use std::path::Path;
use std::time::Duration;

use backstay::Options;
use backstay_postgres::template;

use crate::database::fresh;
use crate::handlers::SLOTS;
use crate::process::Process;
use crate::run::{Judgement, Run, must_hold};

const LONG: Duration = Duration::from_secs(20);

/// Where Debian's package puts it, on either of the usual machines.
const LIBRARIES: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];

/// Nothing may be wrong.
pub(crate) fn wrong() {
    must_hold(judged());
}

/// One worker lives an hour ahead, one an hour behind.
pub(crate) fn judged() -> Option<Judgement> {
    let named = std::env::var("FAULTS_FAKETIME").ok();
    let found = LIBRARIES.into_iter().find(|library| Path::new(library).is_file());
    let Some(library) = named.as_deref().or(found) else {
        template::note_skip("no `libfaketime` on this machine; Debian's package is called so");
        return None;
    };
    let db = fresh()?;
    let run = Run::begin(&db.url);
    let place = &run.place;
    let start = |offset| {
        let env = [
            ("LD_PRELOAD", library),
            ("FAKETIME", offset),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("DONT_FAKE_MONOTONIC", "1"),
        ];
        run.worker_in("inline", &env)
    };
    let mut workers = [start("+1h"), start("-1h")];
    place.until("both beat", LONG, |place| place.workers() == 2);
    let slots = 2 * i64::from(SLOTS);
    let later = Options::new().run_in(Duration::from_secs(2));
    let delayed: Vec<i64> = (100..110).map(|n| place.add_one(n, "", later.clone())).collect();
    // Longer than a lease of the fast times, so that whoever is judged by a wrong clock is judged in it.
    place.add(0..slots, 3500);
    place.until("both are full", LONG, |place| place.running() == slots);
    place.until_done(LONG);
    assert!(workers.iter_mut().all(Process::is_running), "a worker has ended");
    assert_eq!(place.completed(), slots + delayed.len() as i64);
    let again = "select count(*) from backstay.history where attempt > 1";
    assert_eq!(place.number(again), 0, "somebody was taken for dead");
    let early = format!(
        "select count(*) from backstay.history where job_id between {} and {} \
         and claimed_at < enqueued_at + interval '2 s'",
        delayed[0],
        delayed[delayed.len() - 1]
    );
    assert_eq!(place.number(&early), 0, "a job ran before its time");
    drop(workers);
    Some(run.judge())
}
