//! A worker that is told to end: what can finish does, the rest goes back, and it costs nothing.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

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
    let starts = Starts::new();
    let mut worker = Process::start_with(&place.url, isolation, &starts.0);
    place.until("it beats", Duration::from_secs(20), |place| place.workers() == 1);
    place.add(0..half, 700);
    place.add(half..slots, 60_000);
    place.until("it is full", Duration::from_secs(10), |_| starts.count() == slots);
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

/// A file in which every start of a handler is a line.
struct Starts(String);

impl Starts {
    fn new() -> Starts {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let (number, pid) = (NEXT.fetch_add(1, Ordering::Relaxed), std::process::id());
        Starts(format!("{}/drains-{pid}-{number}", env!("CARGO_TARGET_TMPDIR")))
    }

    fn count(&self) -> i64 {
        std::fs::read_to_string(&self.0).map_or(0, |text| text.lines().count() as i64)
    }
}

impl Drop for Starts {
    fn drop(&mut self) {
        // Nothing has started where it is not there.
        let _gone = std::fs::remove_file(&self.0);
    }
}

/// As a service manager stops a service unless it is told otherwise: everything is signalled at once, jobs before their worker.
pub(crate) fn term_to_all() {
    let Some(db) = fresh() else { return };
    let place = Place::open(&db.url);
    let slots = i64::from(SLOTS);
    let starts = Starts::new();
    let mut worker = Process::start_with(&place.url, "process", &starts.0);
    place.until("it beats", Duration::from_secs(20), |place| place.workers() == 1);
    place.add(0..slots, 60_000);
    place.until("it is full", Duration::from_secs(10), |_| starts.count() == slots);
    for pid in below(worker.pid()) {
        // One that is gone needs no signal.
        let _gone = kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM);
    }
    worker.signal(Signal::TERM);
    assert!(worker.wait(Duration::from_secs(10)).success());
    let back = place.texts(
        "select format('%s %s %s %s', interrupt_count, retry_count, crash_count, lost_count) \
         from backstay.ready where attempt > 0",
    );
    assert_eq!(back, vec!["1 0 0 0"; usize::from(SLOTS)]);
}

/// All processes below one, the nearest first.
fn below(root: i32) -> Vec<i32> {
    let (mut found, mut next) = (Vec::new(), vec![root]);
    while let Some(pid) = next.pop() {
        for task in std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let text = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            let children: Vec<i32> =
                text.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
            found.extend(&children);
            next.extend(children);
        }
    }
    found
}

pub(crate) fn enters_late() {
    let Some(db) = fresh() else { return };
    let place = Place::open(&db.url);
    let late = Command::new(std::env::current_exe().unwrap()).args(["late", &place.url]).output();
    let late = late.unwrap();
    let said = String::from_utf8_lossy(&late.stdout);
    assert!(said.starts_with("BS604: `backstay::enter()` came after a thread"), "{late:?}");
}
