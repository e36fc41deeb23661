//! A worker that is told to end: what can finish does, the rest goes back, and it costs nothing.

use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::database::fresh;
use crate::handlers::SLOTS;
use crate::place::Place;
use crate::process::chance;
use crate::run::{Judgement, Run};

/// TERM while full: half of the jobs finish within the second, half do not.
pub(crate) fn term() {
    for isolation in ["inline", "process"] {
        let Some(db) = fresh() else { return };
        drain(Run::begin(&db.url), isolation);
    }
}

fn drain(run: Run, isolation: &str) {
    let (slots, half) = (i64::from(SLOTS), i64::from(SLOTS) / 2);
    let place = &run.place;
    let mut worker = run.worker(isolation);
    place.until("it beats", Duration::from_secs(20), |place| place.workers() == 1);
    // Of a known length: a completion in a transaction of its own takes a connection more.
    place.add_each(0..half, 700, |_| "");
    place.add_each(half..slots, 60_000, |_| "");
    place.until("it is full", Duration::from_secs(10), |_| run.starts() == slots);
    place.add(100..110, 5);
    let began = Instant::now();
    run.term(&worker);
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
    let next = run.worker(isolation);
    place.until_done(Duration::from_secs(20));
    assert_eq!(place.completed(), slots + 10);
    drop(next);
    run.finish();
}

/// Workers are told to end one after the other under load, each replaced at once: no start is lost, none happens twice.
pub(crate) fn rolling(drains: usize) -> Option<Judgement> {
    let db = fresh()?;
    let run = Run::begin(&db.url);
    let place = &run.place;
    let (mut jobs, isolations) = (0, ["inline", "process", "process"]);
    let mut workers = isolations.map(|isolation| run.worker(isolation));
    for n in 0..drains {
        place.keep_busy(&mut jobs, 60, 100, 100 + chance(1500));
        place.until("they work", Duration::from_secs(20), |place| place.running() > 0);
        std::thread::sleep(Duration::from_millis(chance(400)));
        let turn = n % workers.len();
        run.term(&workers[turn]);
        let next = run.worker(isolations[turn]);
        let status = workers[turn].wait(Duration::from_secs(10));
        assert!(status.success(), "{status}");
        workers[turn] = next;
    }
    place.until_done(Duration::from_secs(60));
    drop(workers);
    Some(run.judge())
}

/// As a service manager stops a service unless it is told otherwise: everything is signalled at once, jobs before their worker.
pub(crate) fn term_to_all() {
    let Some(db) = fresh() else { return };
    let run = Run::begin(&db.url);
    let place = &run.place;
    let slots = i64::from(SLOTS);
    let mut worker = run.worker("process");
    place.until("it beats", Duration::from_secs(20), |place| place.workers() == 1);
    place.add(0..slots, 60_000);
    place.until("it is full", Duration::from_secs(10), |_| run.starts() == slots);
    for pid in below(worker.pid()) {
        // One that is gone needs no signal.
        let _gone = kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM);
    }
    run.term(&worker);
    assert!(worker.wait(Duration::from_secs(10)).success());
    let back = place.texts(
        "select format('%s %s %s %s', interrupt_count, retry_count, crash_count, lost_count) \
         from backstay.ready where attempt > 0",
    );
    assert_eq!(back, vec!["1 0 0 0"; usize::from(SLOTS)]);
    run.finish();
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
