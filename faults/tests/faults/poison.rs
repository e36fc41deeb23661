//! A job that kills every worker that runs it, between jobs that only work.

use std::time::{Duration, Instant};

use backstay::{Backoff, Job, Options};

use crate::database::fresh;
use crate::handlers::Poison;
use crate::place::Place;
use crate::process::Process;
use crate::run::Run;

/// Two jobs that were aboard of two lost workers each stand in line side by side: one runs, and the other waits for its turn.
pub(crate) fn takes_turns() {
    let Some(db) = fresh() else { return };
    let place = Place::open(&db.url);
    let most = Duration::from_secs(20);
    place.add(0..2, 400);
    place.run("update backstay.ready set lost_count = 2, attempt = 2");
    let worker = Process::start(&db.url, "process");
    place.until("the second waits", most, |place| place.put_off() == 1);
    place.until("both are done", most, |place| {
        place.hasten_suspects();
        place.completed() == 2
    });
    let at_once = "select count(*) from backstay.history a join backstay.history b on a.job_id < b.job_id \
         where a.claimed_at < b.finished_at and b.claimed_at < a.finished_at";
    assert_eq!(place.number(at_once), 0, "they ran one after the other");
    drop(worker);
}

/// Whoever was aboard twice is a suspect, too; all are innocent but one.
pub(crate) fn convicts_itself() {
    const INNOCENT: i64 = 60;
    let Some(db) = fresh() else { return };
    let run = Run::begin(&db.url);
    let place = &run.place;
    let soon = Options::new().backoff(Backoff::Fixed(Duration::from_millis(50)));
    let poison = place.add_all([Poison {}.with(soon)])[0].id;
    // Aboard with it each time, and still at work when it kills, however long it takes to start.
    place.add(0..3, 1000);
    place.add(3..INNOCENT, 400);

    let mut worker = run.worker("process");
    let (mut killed, mut innocent, began) = (0, INNOCENT, Instant::now());
    while place.number("select count(*) from backstay.job") > 0 {
        let is_in_time = killed <= 3 && began.elapsed() < Duration::from_secs(60);
        assert!(is_in_time, "{killed} workers were killed");
        if !worker.is_running() {
            run.was_killed(&worker);
            killed += 1;
            worker = run.worker("process");
        }
        // Until it is convicted the other suspects wait, and there is always somebody who is none.
        if place.number("select count(*) from backstay.dead_letter") > 0 {
            place.hasten_suspects();
        } else if place.number("select count(*) from backstay.ready") < 4 {
            place.add(innocent..innocent + 8, 400);
            innocent += 8;
        }
        std::thread::sleep(Duration::from_millis(100));
    }

    let ends = place.texts(&format!(
        "select outcome || ' ' || billed || case when suspect then ' suspect' else '' end \
         from backstay.attempt where job_id = {poison} and outcome = 'lost' order by attempt"
    ));
    assert_eq!(ends, ["lost lost", "lost lost", "lost lost suspect"]);
    assert_eq!(killed, 3, "it killed no more workers than that");
    let dead =
        place.texts("select id || ' ' || reason || ' ' || lost_count from backstay.dead_letter");
    assert_eq!(dead, [format!("{poison} crashed_worker 3")]);
    let told =
        format!("select count(*) from backstay.alert where rule = 'death' and job_id = {poison}");
    assert_eq!(place.number(&told), 1, "somebody is told");

    assert_eq!(place.completed(), innocent);
    let most = "select max(lost_count)::bigint from backstay.history";
    assert!(place.number(most) <= 2, "an innocent job pays for two kills at most");
    let free =
        "select count(*) from backstay.attempt where outcome = 'lost' and billed = 'nothing'";
    assert!(place.number(free) > 0, "beside the suspect nobody paid");
    let together = "select count(*) from backstay.attempt a join backstay.attempt b on a.worker = b.worker \
         and a.job_id < b.job_id where a.suspect and b.suspect and a.outcome = 'lost' and b.outcome = 'lost' \
         and a.billed = 'lost' and b.billed = 'lost'";
    assert_eq!(place.number(together), 0, "no two suspects paid for one worker");
    run.finish();
}
