//! Sessions that an administrator ends or interrupts, at random and aimed at one loop of a worker.

use std::time::Duration;

use crate::database::fresh;
use crate::place::Place;
use crate::process::{Process, chance};
use crate::run::{Judgement, Run, must_hold};

const ROUNDS: u64 = 200;
const JOBS: i64 = 800;
const LONG: Duration = Duration::from_secs(30);

/// Whose session is hit: one loop's, or any.
const AIMS: [&str; 4] = ["settle", "beat", "duty", "%"];
const VERBS: [&str; 2] = ["pg_terminate_backend", "pg_cancel_backend"];

const SESSIONS: &str = "select count(*) from pg_stat_activity \
     where datname = current_database() and application_name like 'backstay work %'";
const PRESENCES: &str = "select count(*) from pg_locks l join pg_database d on d.oid = l.database \
     where d.datname = current_database() and l.locktype = 'advisory' and l.classid = 1112757337 \
       and l.mode = 'ExclusiveLock'";

/// Once, as a suite has time for.
pub(crate) fn ended() {
    must_hold(at_random());
}

/// Two hundred sessions are ended or interrupted while jobs run.
pub(crate) fn at_random() -> Option<Judgement> {
    let db = fresh()?;
    let run = Run::begin(&db.url);
    let place = &run.place;
    // A session of the fast times is away for too long as soon as the machine is busy.
    let usual = [("FAULTS_TIMES", "normal")];
    let mut workers = ["inline", "process"].map(|isolation| run.worker_in(isolation, &usual));
    // One for verdicts, one for beats, one for housekeeping.
    place.until("all loops are connected", LONG, |place| place.number(SESSIONS) == 6);
    place.add(0..JOBS, 20);
    run.server(|| (0..ROUNDS).for_each(|_| hit_one(place)));
    place.until_done(LONG);
    assert!(workers.iter_mut().all(Process::is_running), "a worker has ended");
    assert_eq!(place.completed(), JOBS);
    let lost = "select count(*) from backstay.attempt where outcome = 'lost'";
    assert_eq!(place.number(lost), 0, "a live worker was rescued");
    assert_eq!(place.number("select count(*) from backstay.worker where lost_at is not null"), 0);
    place.until("as many sessions as before", LONG, |place| place.number(SESSIONS) == 6);
    place.until("one presence for each", LONG, |place| place.number(PRESENCES) == 2);
    drop(workers);
    Some(run.judge())
}

/// Ends or interrupts one session, and waits until any moment of a turn.
fn hit_one(place: &Place) {
    let verb = VERBS[usize::try_from(chance(2)).unwrap()];
    let aim = AIMS[usize::try_from(chance(4)).unwrap()];
    // One that has just been made may not have done anything yet.
    place.run(&format!(
        "select {verb}(pid) from pg_stat_activity where datname = current_database() \
         and application_name like 'backstay work % {aim}' \
         and backend_start < clock_timestamp() - interval '0.3 s' order by random() limit 1"
    ));
    std::thread::sleep(Duration::from_millis(chance(50)));
}
