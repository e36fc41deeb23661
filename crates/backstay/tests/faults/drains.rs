//! A worker that is told to end: what can finish does, the rest goes back, and it costs nothing.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::database::fresh;
use crate::handlers::SLOTS;
use crate::place::Place;
use crate::process::Process;

/// TERM while full: half of the jobs finish within the second, half do not.
pub(crate) fn term() {
    for isolation in ["inline", "process"] {
        let Some(db) = fresh() else { return };
        drain(&Place::open(&db.url), isolation);
    }
}

fn drain(place: &Place, isolation: &str) {
    let (slots, half) = (i64::from(SLOTS), i64::from(SLOTS) / 2);
    let mut worker = Process::start(&place.url, isolation);
    place.until("it beats", Duration::from_secs(20), |place| place.workers() == 1);
    place.add(0..half, 700);
    place.add(half..slots, 60_000);
    place.until("it is full", Duration::from_secs(10), |place| place.running() == slots);
    place.add(100..110, 5);
    let began = Instant::now();
    worker.signal(Signal::TERM);
    let status = worker.wait(Duration::from_secs(10));
    // A second to wait, half a second of grace, and what killing takes.
    println!("  {isolation}: ended after {:.1} s", began.elapsed().as_secs_f32());
    assert!(status.success() && began.elapsed() < Duration::from_secs(4), "{status}");
    assert_eq!(place.completed(), half, "what ended in time is done, and nothing new was begun");
    assert_eq!((place.running(), place.workers()), (0, 0));
    let back = place.texts(
        "select format('%s %s %s %s', interrupt_count, retry_count, crash_count, lost_count) \
         from backstay.ready where attempt > 0",
    );
    assert_eq!(back, vec!["1 0 0 0"; usize::try_from(slots - half).unwrap()], "{isolation}");
    let alerts = "select count(*) from backstay.alert where rule = 'worker_lost'";
    assert_eq!(place.number(alerts), 0);
    place.run("update backstay.job set args = args || '{\"ms\": 5}'");
    let _next = Process::start(&place.url, isolation);
    place.until_done(Duration::from_secs(20));
    assert_eq!((place.completed(), place.double_ends()), (slots + 10, 0));
}
