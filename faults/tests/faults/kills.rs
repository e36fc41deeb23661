//! Workers that are killed at any moment, and one that is frozen past its lease.

use std::time::Duration;

use backstay::Options;

use crate::database::fresh;
use crate::handlers::SLOTS;
use crate::leaks;
use crate::place::Place;
use crate::process::{Process, chance, lives};
use crate::run::{Judgement, Run};

const WORKERS: usize = 3;

/// Sixty kills of workers whose handlers run in their own process.
pub(crate) fn inline() {
    hold(at_random("inline", 60));
}

/// Twenty kills of workers with children.
pub(crate) fn with_children() {
    hold(at_random("process", 20));
}

fn hold(judgement: Option<Judgement>) {
    let Some(judgement) = judgement else { return };
    let report = judgement.must_hold();
    assert!(!report.rescues.is_empty(), "no kill met a running job");
}

/// Kills workers at random moments under load, and looks for what they leave behind.
pub(crate) fn at_random(isolation: &str, kills: usize) -> Option<Judgement> {
    let db = fresh()?;
    let run = Run::begin(&db.url);
    let place = &run.place;
    let mut jobs = 400;
    place.add(0..jobs, 40);
    let mut workers: Vec<Process> = (0..WORKERS).map(|_| run.worker(isolation)).collect();
    place.until("a worker works", Duration::from_secs(20), |place| place.running() > 0);
    for _ in 0..kills {
        std::thread::sleep(Duration::from_millis(50 + chance(250)));
        let victim = usize::try_from(chance(WORKERS as u64)).unwrap();
        run.kill(&mut workers[victim]);
        workers[victim] = run.worker(isolation);
        place.keep_busy(&mut jobs, 100, 300, 40);
    }
    place.until_done(Duration::from_secs(60));
    println!("  {kills} kills, {jobs} jobs");
    assert_eq!(place.completed(), jobs, "every job is completed");
    let most = "select max(n) from (select count(*) n from backstay.attempt where outcome = 'lost' group by worker) w";
    assert!(place.number(most) <= i64::from(SLOTS), "no worker is lost twice");
    let unfair = "select count(*) from backstay.history where retry_count > 0 or crash_count > 0";
    assert_eq!(place.number(unfair), 0, "a kill of the worker bills neither retry nor crash");
    drop(workers);
    let left = leaks::left_behind(place);
    Some(run.judge().and(left))
}

/// Kills a worker beside another one that has long been up, at the usual times: how long its jobs wait for their rescue.
pub(crate) fn beside_another(kills: usize) -> Option<Judgement> {
    let db = fresh()?;
    let run = Run::begin(&db.url);
    let place = &run.place;
    let usual = [("FAULTS_TIMES", "normal")];
    let other = run.worker_in("inline", &usual);
    place.until("it is ready", Duration::from_secs(20), |_| other.has_said("worker.ready"));
    // Who rescues must have beaten for 5 s without a gap; that is what is promised, and no more.
    std::thread::sleep(Duration::from_secs(6));
    for n in 0..kills as i64 {
        let mut victim = run.worker_in("inline", &usual);
        let held = format!(
            "select count(*) from backstay.running r join backstay.worker w on w.id = r.worker where w.pid = {}",
            victim.pid()
        );
        place.until("it is ready", Duration::from_secs(20), |_| victim.has_said("worker.ready"));
        place.add(n * 12..n * 12 + 12, 400);
        place.until("it works", Duration::from_secs(20), |place| place.number(&held) > 0);
        run.kill(&mut victim);
        place.until("it is rescued", Duration::from_secs(20), |place| place.number(&held) == 0);
    }
    place.until_done(Duration::from_secs(60));
    drop(other);
    Some(run.judge())
}

/// The beats of a worker tell what its attempts use; whoever takes over writes the last of it down.
pub(crate) fn last_seen() {
    let Some(db) = fresh() else { return };
    let place = Place::open(&db.url);
    let mut worker = Process::start(&db.url, "process");
    let id = place.add_one(1, "hold", Options::new());
    let most = Duration::from_secs(20);
    let seen =
        "select count(*) from backstay.worker where (samples #>> '{0,rss}')::bigint > 41000000";
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

/// Somebody who takes over the jobs of a dead worker has them locked, and dies: the next one has not written them off.
pub(crate) fn half_rescued() {
    let Some(db) = fresh() else { return };
    let run = Run::begin(&db.url);
    let place = &run.place;
    let slots = i64::from(SLOTS);
    let mut victim = run.worker("inline");
    place.until("it beats", Duration::from_secs(20), |place| place.workers() == 1);
    place.add(0..slots, 3000);
    place.until("it is full", Duration::from_secs(5), |_| run.starts() == slots);
    let rescuer = Place::open(&db.url);
    rescuer.run("begin; select from backstay.running for update");
    let other = run.worker("inline");
    place.until("both beat", Duration::from_secs(20), |place| place.workers() == 2);
    run.kill(&mut victim);
    let marked = "select count(*) from backstay.worker where lost_at is not null";
    let most = Duration::from_secs(2);
    assert!(!place.comes_true(most, |place| place.number(marked) > 0), "its jobs were written off");
    drop(rescuer);
    place.until("the next one takes them over", Duration::from_secs(20), |place| {
        place.number("select count(*) from backstay.running where attempt = 2") == slots
    });
    place.until_done(Duration::from_secs(20));
    drop(other);
    run.finish();
}

/// A claim of a dead worker reaches the database after the worker was marked as lost: its jobs are found, too.
pub(crate) fn claimed_too_late() {
    let Some(db) = fresh() else { return };
    let run = Run::begin(&db.url);
    let place = &run.place;
    let mut victim = run.worker("inline");
    place.until("it beats", Duration::from_secs(20), |place| place.workers() == 1);
    place.add(0..1, 3000);
    place.until("it works", Duration::from_secs(5), |_| run.starts() == 1);
    run.kill(&mut victim);
    place.run("update backstay.worker set lost_at = now()");
    let other = run.worker("inline");
    place.until("it is found", Duration::from_secs(20), |place| {
        place.number("select count(*) from backstay.running where attempt = 2") == 1
    });
    place.until_done(Duration::from_secs(20));
    drop(other);
    run.finish();
}

/// A worker is stopped past its lease while its jobs run; another takes them over; it comes back.
pub(crate) fn frozen() {
    let Some(db) = fresh() else { return };
    let run = Run::begin(&db.url);
    let place = &run.place;
    let slots = i64::from(SLOTS);
    let frozen = run.worker("inline");
    place.until("it beats", Duration::from_secs(20), |place| place.workers() == 1);
    // Nothing but their own worker ends these.
    place.add_each(0..slots, 1500, |_| "");
    place.until("it is full", Duration::from_secs(5), |_| run.starts() == slots);
    run.freeze(&frozen);
    let other = run.worker("inline");
    // The lease of 3 s has to run out, and the other one must have beaten as long.
    place.until("the other has done it all", Duration::from_secs(20), |place| {
        place.completed() == slots
    });
    assert_eq!(place.number("select min(attempt)::bigint from backstay.history"), 2);
    run.thaw(&frozen);
    // Its handlers end now and settle, too late; then it works on like any other.
    place.until("it beats again", Duration::from_secs(10), |place| place.workers() == 2);
    place.add(100..140, 100);
    place.until_done(Duration::from_secs(20));
    assert_eq!(place.completed(), slots + 40);
    let again = "select count(distinct worker) from backstay.history where attempt = 1";
    assert_eq!(place.number(again), 2, "both work");
    place.until("it has been refused", Duration::from_secs(5), |_| run.stale() == slots);
    drop((frozen, other));
    run.finish();
}

/// A worker whose queue says `contact_lost = "kill"` is stopped: its child is gone before its lease is.
pub(crate) fn frozen_and_cut_off() {
    let Some(db) = fresh() else { return };
    let run = Run::begin(&db.url);
    let place = &run.place;
    let frozen = run.worker("cut off");
    let id = place.add_one(1, "never", Options::new());
    place.until("it runs", Duration::from_secs(20), |place| place.running() == 1);
    place.until("in a child", Duration::from_secs(20), |_| run.starts() == 1);
    let tree = frozen.descendants();
    run.freeze(&frozen);
    place
        .until("its tree is gone", Duration::from_secs(5), |_| !tree.iter().any(|pid| lives(*pid)));
    let leased = "select count(*) from backstay.worker where lease_until > statement_timestamp()";
    assert_eq!(place.number(leased), 1, "nobody may have taken its job yet");
    run.thaw(&frozen);
    let free = "select count(*) from backstay.running where attempt > 1 and crash_count = 0 and retry_count = 0";
    place.until("it runs again, and nothing is billed", Duration::from_secs(20), |place| {
        place.number(free) == 1
    });
    place.run(&format!("select backstay.cancel({id})"));
    place.until_done(Duration::from_secs(20));
    drop(frozen);
    run.finish();
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
