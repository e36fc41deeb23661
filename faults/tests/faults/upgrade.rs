//! A release is rolled out under load: the schema gains something, workers of the version before go on, and may start again.

use std::time::Duration;

use backstay::migrate::SCHEMA;

use crate::database::fresh;
use crate::process::{Process, chance};
use crate::run::{Judgement, Run};

const LONG: Duration = Duration::from_secs(20);

/// Once, as a suite has time for.
pub(crate) fn some() {
    if let Some(judgement) = rolled_out(6) {
        judgement.must_hold();
    }
}

/// The schema goes ahead while workers work; they are replaced one by one by others of their version; then it loses something.
pub(crate) fn rolled_out(restarts: usize) -> Option<Judgement> {
    let db = fresh()?;
    let run = Run::begin(&db.url);
    let place = &run.place;
    let isolations = ["inline", "process"];
    let mut workers = isolations.map(|isolation| run.worker(isolation));
    let mut jobs = 200;
    place.add(0..jobs, 60);
    place.until("both work", LONG, |place| {
        place.number("select count(distinct worker) from backstay.running") == 2
    });
    // What a release adds, as `migrate` adds it: by a lock that nobody has to wait for long.
    place.run(&format!(
        "begin; set local lock_timeout = '2s';
         alter table backstay.job add column of_the_future text;
         alter table backstay.running add column of_the_future text;
         insert into backstay.migration (version, name, phase, hash) values ({}, 'gains', 'pre', '');
         commit",
        SCHEMA + 1
    ));
    for n in 0..restarts {
        place.keep_busy(&mut jobs, 60, 100, 40 + chance(60));
        let turn = n % workers.len();
        run.term(&workers[turn]);
        let next = run.worker(isolations[turn]);
        assert!(workers[turn].wait(LONG).success());
        place.until("the next one is ready", LONG, |_| next.has_said("worker.ready"));
        workers[turn] = next;
    }
    place.run(&format!(
        "insert into backstay.migration (version, name, phase, hash) values ({}, 'loses', 'post', '')",
        SCHEMA + 2
    ));
    let mut refused = Process::start(&place.url, "inline");
    assert!(!refused.wait(LONG).success(), "what the schema has lost is missed at once");
    assert!(refused.has_said("TooNew"), "and it is said why");
    place.until_done(Duration::from_secs(60));
    drop(workers);
    Some(run.judge())
}
