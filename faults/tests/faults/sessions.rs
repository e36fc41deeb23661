//! Sessions that an administrator ends or interrupts, at random and aimed at one loop of a worker.

use std::time::Duration;

use crate::database::fresh;
use crate::place::Place;
use crate::process::{Process, chance};

const ROUNDS: u64 = 200;
const JOBS: i64 = 1600;
const LONG: Duration = Duration::from_secs(30);

/// Whose session is hit: one loop's, or any.
const AIMS: [&str; 4] = ["settle", "beat", "duty", "%"];
const VERBS: [&str; 2] = ["pg_terminate_backend", "pg_cancel_backend"];

const SESSIONS: &str = "select count(*) from pg_stat_activity \
     where datname = current_database() and application_name like 'backstay work %'";
const PRESENCES: &str = "select count(*) from pg_locks l join pg_database d on d.oid = l.database \
     where d.datname = current_database() and l.locktype = 'advisory' and l.classid = 1112757337 \
       and l.mode = 'ExclusiveLock'";

/// Two hundred sessions are ended or interrupted while jobs run.
pub(crate) fn ended() {
    let Some(db) = fresh() else { return };
    let place = Place::open(&db.url);
    let mut workers = ["inline", "process"].map(|isolation| Process::start(&db.url, isolation));
    place.until("both beat", LONG, |place| place.workers() == 2);
    // One for verdicts, one for beats, one for housekeeping.
    place.until("all loops are connected", LONG, |place| place.number(SESSIONS) == 6);
    place.add(0..JOBS, 20);
    for _ in 0..ROUNDS {
        let verb = VERBS[usize::try_from(chance(2)).unwrap()];
        let aim = AIMS[usize::try_from(chance(4)).unwrap()];
        // A session that has just been made may not have beaten yet, and nobody is that unlucky in 3 s of the usual times.
        place.run(&format!(
            "select {verb}(pid) from pg_stat_activity where datname = current_database() \
             and application_name like 'backstay work % {aim}' \
             and backend_start < clock_timestamp() - interval '0.3 s' order by random() limit 1"
        ));
        // Any moment of a turn.
        std::thread::sleep(Duration::from_millis(chance(50)));
    }
    place.until_done(LONG);
    assert!(workers.iter_mut().all(Process::is_running), "a worker has ended");
    assert_eq!((place.completed(), place.double_ends()), (JOBS, 0));
    let lost = "select count(*) from backstay.attempt where outcome = 'lost'";
    assert_eq!(place.number(lost), 0, "a live worker was rescued");
    assert_eq!(place.number("select count(*) from backstay.worker where lost_at is not null"), 0);
    place.until("as many sessions as before", LONG, |place| place.number(SESSIONS) == 6);
    place.until("one presence for each", LONG, |place| place.number(PRESENCES) == 2);
}
