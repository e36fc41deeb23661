//! A PostgreSQL that goes away under load: at once, and for longer than any lease.

use std::time::Duration;

use backstay::{Database, migrate};
use backstay_postgres::{Cluster, Options};

use crate::process::{Process, chance};
use crate::run::{Judgement, Run};

/// Three immediate stops, each followed by a start.
pub(crate) fn restarts() {
    disturb(|run, cluster| {
        for _ in 0..3 {
            std::thread::sleep(Duration::from_millis(1500));
            run.server(|| cluster.restart().unwrap());
        }
    });
}

/// One stop for two leases.
pub(crate) fn away() {
    disturb(|run, cluster| {
        std::thread::sleep(Duration::from_millis(1500));
        run.server(|| {
            cluster.stop_fast();
            std::thread::sleep(Duration::from_secs(6));
            cluster.start().unwrap();
        });
    });
}

fn disturb(fault: impl FnOnce(&Run, &Cluster)) {
    const JOBS: i64 = 800;
    let cluster = Cluster::obtain(Options::own()).unwrap();
    install(&cluster.url("postgres"));
    let mut run = Run::begin(&cluster.url("postgres"));
    run.place.add(0..JOBS, 60);
    let mut workers = [run.worker("inline"), run.worker("process")];
    run.place.until("both work", Duration::from_secs(20), |place| {
        place.number("select count(distinct worker) from backstay.running") == 2
    });
    fault(&run, &cluster);
    run.place.reopen();
    run.place.until_done(Duration::from_secs(60));
    assert!(workers.iter_mut().all(Process::is_running), "a worker has ended");
    let place = &run.place;
    assert_eq!(place.completed(), JOBS);
    let lost =
        "select count(*) from backstay.attempt where outcome = 'lost' or billed <> 'nothing'";
    assert_eq!(place.number(lost), 0, "no worker was lost");
    assert_eq!(place.number("select count(*) from backstay.worker where lost_at is not null"), 0);
    assert_eq!(run.starts(), JOBS, "nothing was started again");
    run.finish();
}

/// The server is killed and comes back, again and again, under load.
pub(crate) fn crashes(times: usize) -> Option<Judgement> {
    let cluster = Cluster::obtain(Options::own()).unwrap();
    install(&cluster.url("postgres"));
    let mut run = Run::begin(&cluster.url("postgres"));
    let mut jobs = 0;
    let mut workers = [run.worker("inline"), run.worker("process")];
    for _ in 0..times {
        run.place.keep_busy(&mut jobs, 200, 300, 60);
        std::thread::sleep(Duration::from_millis(700 + chance(2000)));
        run.server(|| cluster.restart().unwrap());
        run.place.reopen();
    }
    run.place.until_done(Duration::from_secs(120));
    assert!(workers.iter_mut().all(Process::is_running), "a worker has ended");
    drop(workers);
    Some(run.judge())
}

pub(crate) fn install(url: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let database = Database::connect(url).await.unwrap();
        migrate::up(&database, &migrate::Options::default()).await.unwrap();
    });
}
