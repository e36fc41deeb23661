//! Schedules whose workers all die at the tick: each instant makes one job, and what nobody saw is caught up as its policy says.

use std::time::Duration;

use crate::database::fresh;
use crate::handlers::CRON;
use crate::place::Place;
use crate::process::{Process, chance};

const WORKERS: usize = 8;
const KILLS: usize = 8;
const LONG: Duration = Duration::from_secs(30);

/// One ticks each second, the other each hour.
const SCHEDULES: &str = r#"{
  "second": { "schedule": "* * * * * *", "kind": "act", "args": { "n": 1 }, "missed": "all", "overlap": "allow" },
  "hour":   { "schedule": "0 * * * *", "kind": "act", "args": { "n": 2 }, "missed": "all", "missed_max": 7, "overlap": "allow" }
}"#;

/// Nobody has looked for two weeks.
const TWO_WEEKS: &str =
    "update backstay.schedule set counted_to = statement_timestamp() - interval '14 days',
  look_at = statement_timestamp() where name = 'hour'";
const MADE: &str =
    "select count(*) from backstay.tick where schedule = 'hour' and job_id is not null";
const SECONDS: &str = "select count(*) from backstay.tick where schedule = 'second'";
/// Whatever the ticks say: jobs that there are or were.
const JOBS: &str =
    "select (select count(*) from backstay.job) + (select count(*) from backstay.history)
  + (select count(*) from backstay.dead_letter)";
const TICKS: &str = "select count(*) from backstay.tick where job_id is not null";
const GAPS: &str = "select count(*) from (
  select tick_at - lag(tick_at) over (order by tick_at) as gap from backstay.tick where schedule = 'second') t
  where gap <> interval '1 s'";
const LOST: &str =
    "select count(*) from backstay.tick where schedule = 'second' and outcome <> 'enqueued'";
/// Of what was missed the newest count, so between the first and the last that came none is left out.
const HOURS: &str = "select count(*) from (
  select tick_at - lag(tick_at) over (order by tick_at) as gap from backstay.tick
   where schedule = 'hour' and job_id is not null) t where gap <> interval '1 h'";

/// Kills all workers around a tick, again and again; then there are none for two weeks.
pub(crate) fn killed_at_the_tick() {
    let Some(db) = fresh() else { return };
    let place = Place::open(&db.url);
    let start = || -> Vec<Process> {
        (0..WORKERS).map(|_| Process::start_in(&db.url, "inline", &[(CRON, SCHEDULES)])).collect()
    };
    let mut workers = start();
    for _ in 0..KILLS {
        let before = place.number(SECONDS);
        place.until("it ticks", LONG, |place| place.number(SECONDS) > before);
        let to_next = "select ceil(extract(epoch from date_trunc('second', clock_timestamp()) + interval '1 s' - clock_timestamp()) * 1000)::bigint";
        let to_next = u64::try_from(place.number(to_next)).unwrap();
        // From 30 ms before the tick to 60 ms after it.
        std::thread::sleep(Duration::from_millis((to_next + chance(90)).saturating_sub(30)));
        workers.iter_mut().for_each(Process::kill);
        workers = start();
    }
    let made = place.number(MADE);
    workers.iter_mut().for_each(Process::kill);
    place.run(TWO_WEEKS);
    workers = start();
    place.until("the hours are caught up", LONG, |place| place.number(MADE) >= made + 7);
    let before = place.number(SECONDS);
    place.until("it ticks on", LONG, |place| place.number(SECONDS) > before + 1);
    drop(workers);
    let (jobs, ticks) = (place.number(JOBS), place.number(TICKS));
    println!("  {KILLS} kills of all, {ticks} ticks, {jobs} jobs");
    assert_eq!(jobs, ticks, "a tick has made two jobs, or a job none of its own");
    assert_eq!(place.number(GAPS), 0, "a second was left out");
    assert_eq!(place.number(LOST), 0, "a second made no job");
    assert_eq!(place.number(HOURS), 0, "an hour was left out");
    assert!(
        place.number(MADE) <= made + 8,
        "more hours than `missed_max` and the one that may have come meanwhile"
    );
}
