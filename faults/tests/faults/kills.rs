//! Workers that are killed at any moment, and one that is frozen past its lease.

use std::time::Duration;

use backstay::Options;
use rustix::process::Signal;

use crate::database::fresh;
use crate::handlers::SLOTS;
use crate::place::Place;
use crate::process::{Process, chance, lives};

const WORKERS: usize = 3;

/// Eighty kills of workers whose handlers run in their own process.
pub(crate) fn inline() {
    kill_at_random("inline", 80, 2500);
}

/// Twenty kills of workers with children.
pub(crate) fn with_children() {
    kill_at_random("process", 20, 400);
}

fn kill_at_random(isolation: &str, kills: usize, jobs: i64) {
    let Some(db) = fresh() else { return };
    let place = Place::open(&db.url);
    place.add(0..jobs, 40);
    let mut workers: Vec<Process> =
        (0..WORKERS).map(|_| Process::start(&db.url, isolation)).collect();
    place.until("a worker works", Duration::from_secs(20), |place| place.running() > 0);
    let (mut in_flight, mut more) = (0, jobs);
    for _ in 0..kills {
        std::thread::sleep(Duration::from_millis(50 + chance(250)));
        let victim = usize::try_from(chance(WORKERS as u64)).unwrap();
        let pid = workers[victim].pid();
        workers[victim].kill();
        in_flight += left_behind(&place, pid);
        workers[victim] = Process::start(&db.url, isolation);
        if place.number("select count(*) from backstay.job") < 100 {
            // Always under load.
            place.add(more..more + 300, 40);
            more += 300;
        }
    }
    place.until_done(Duration::from_secs(60));
    assert_eq!(place.completed(), more, "every job is completed");
    assert_eq!(place.double_ends(), 0);
    // A suspect that was put off has its attempt and never began.
    let repeats =
        place.number("select sum(attempt - 1)::bigint from backstay.history") - place.put_off();
    println!(
        "  {kills} kills, {more} jobs, {in_flight} in flight at the kills, {repeats} repeated"
    );
    assert!(repeats <= in_flight, "{repeats} repeats of {in_flight} in flight");
    assert!(in_flight > 0, "no kill met a running job");
    let most = "select max(n) from (select count(*) n from backstay.attempt where outcome = 'lost' group by worker) w";
    assert!(place.number(most) <= i64::from(SLOTS), "no worker is lost twice");
    let unfair = "select count(*) from backstay.history where retry_count > 0 or crash_count > 0";
    assert_eq!(place.number(unfair), 0, "a kill of the worker bills neither retry nor crash");
}

/// The jobs that a killed worker leaves behind, once the server has done what it was told last.
fn left_behind(place: &Place, pid: i32) -> i64 {
    let sessions = format!(
        "select count(*) from pg_stat_activity a join backstay.worker w on w.pid = {pid} \
         and a.application_name like 'backstay work ' || left(w.id::text, 8) || '%' \
         where a.datname = current_database()"
    );
    place.until("its sessions end", Duration::from_secs(5), |place| place.number(&sessions) == 0);
    place.number(&format!(
        "select count(*) from backstay.running r join backstay.worker w on w.id = r.worker where w.pid = {pid}"
    ))
}

/// The beats of a worker tell what its attempts use; whoever takes over writes the last of it down.
pub(crate) fn last_seen() {
    let Some(db) = fresh() else { return };
    let place = Place::open(&db.url);
    let mut worker = Process::start(&db.url, "process");
    let id = place.add_one(1, "hold", Options::new());
    let most = Duration::from_secs(20);
    let seen =
        "select count(*) from backstay.worker where (samples #>> '{0,rss}')::bigint > 40000000";
    place.until("a beat tells of the job", most, |place| place.number(seen) == 1);
    worker.kill();
    let _other = Process::start(&db.url, "process");
    let lost =
        format!("select count(*) from backstay.attempt where job_id = {id} and outcome = 'lost'");
    place.until("the job is taken over", most, |place| place.number(&lost) == 1);
    let ends = place.texts(&format!(
        "select message from backstay.attempt where job_id = {id} and peak_source = 'last' and peak_kib > 40000 and cpu_ms >= 0"
    ));
    let [end] = &ends[..] else { panic!("{ends:?}") };
    let middle = " MiB of ";
    let starts = "the worker was lost while it ran (presence), last seen at ";
    assert!(end.starts_with(starts) && end.contains(middle) && end.ends_with(" of CPU"), "{end}");
}

/// A worker is stopped past its lease while its jobs run; another takes them over; it comes back.
pub(crate) fn frozen() {
    let Some(db) = fresh() else { return };
    let place = Place::open(&db.url);
    let slots = i64::from(SLOTS);
    let frozen = Process::start(&db.url, "inline");
    place.until("it beats", Duration::from_secs(20), |place| place.workers() == 1);
    place.add(0..slots, 1500);
    place.until("it is full", Duration::from_secs(5), |place| place.running() == slots);
    frozen.signal(Signal::STOP);
    let _other = Process::start(&db.url, "inline");
    // The lease of 3 s has to run out, and the other one must have beaten as long.
    place.until("the other has done it all", Duration::from_secs(20), |place| {
        place.completed() == slots
    });
    assert_eq!(place.number("select min(attempt)::bigint from backstay.history"), 2);
    frozen.signal(Signal::CONT);
    // Its handlers end now and settle, too late; then it works on like any other.
    place.until("it beats again", Duration::from_secs(10), |place| place.workers() == 2);
    place.add(100..140, 100);
    place.until_done(Duration::from_secs(20));
    assert_eq!((place.completed(), place.double_ends()), (slots + 40, 0));
    let again = "select count(distinct worker) from backstay.history where attempt = 1";
    assert_eq!(place.number(again), 2, "both work");
    let late = "select count(*) from backstay.history where attempt > 2";
    assert_eq!(place.number(late), 0);
}

/// A worker whose queue says `contact_lost = "kill"` is stopped: its child is gone before its lease is.
pub(crate) fn frozen_and_cut_off() {
    let Some(db) = fresh() else { return };
    let place = Place::open(&db.url);
    let frozen = Process::start(&db.url, "cut off");
    place.add_one(1, "never", Options::new());
    place.until("it runs", Duration::from_secs(20), |place| place.running() == 1);
    place.until("in a child", Duration::from_secs(5), |_| frozen.descendants().len() >= 2);
    let tree = frozen.descendants();
    frozen.signal(Signal::STOP);
    place
        .until("its tree is gone", Duration::from_secs(5), |_| !tree.iter().any(|pid| lives(*pid)));
    let leased = "select count(*) from backstay.worker where lease_until > statement_timestamp()";
    assert_eq!(place.number(leased), 1, "nobody may have taken its job yet");
    frozen.signal(Signal::CONT);
    let free = "select count(*) from backstay.running where attempt > 1 and crash_count = 0 and retry_count = 0";
    place.until("it runs again, and nothing is billed", Duration::from_secs(20), |place| {
        place.number(free) == 1
    });
}

/// A worker is killed with a job aboard; the next one on this host says so, and the one after it does not.
pub(crate) fn told_by_the_next() {
    let Some(db) = fresh() else { return };
    let place = Place::open(&db.url);
    let mut first = Process::start(&db.url, "process");
    place.add_one(1, "never", Options::new());
    place.until("it runs", Duration::from_secs(20), |place| place.running() == 1);
    first.kill();
    let next = Process::start(&db.url, "process");
    let told = "ran here before, was lost with 1 jobs aboard";
    place.until("it is told", Duration::from_secs(20), |_| next.has_said(told));
    place.until("it beats", Duration::from_secs(20), |place| place.workers() >= 1);
    let last = Process::start(&db.url, "process");
    place.until("the last is ready", Duration::from_secs(20), |_| last.has_said("worker.ready"));
    assert!(!last.has_said("ran here before"), "it is told once, and who lives was not lost");
}
