//! A PostgreSQL that goes away under load: at once, and for longer than any lease.

use std::collections::HashMap;
use std::time::Duration;

use backstay::{Database, migrate};
use backstay_postgres::{Cluster, Options};

use crate::place::Place;
use crate::process::Process;

/// Three immediate stops, each followed by a start.
pub(crate) fn restarts() {
    disturb(|cluster| {
        for _ in 0..3 {
            std::thread::sleep(Duration::from_millis(1500));
            cluster.restart().unwrap();
        }
    });
}

/// One stop for two leases.
pub(crate) fn away() {
    disturb(|cluster| {
        std::thread::sleep(Duration::from_millis(1500));
        cluster.stop_fast();
        std::thread::sleep(Duration::from_secs(6));
        cluster.start().unwrap();
    });
}

fn disturb(fault: impl FnOnce(&Cluster)) {
    const JOBS: i64 = 800;
    let cluster = Cluster::obtain(Options::own()).unwrap();
    install(&cluster.url("postgres"));
    let mut place = Place::open(&cluster.url("postgres"));
    place.add(0..JOBS, 60);
    let starts = format!("{}/starts-{}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    drop(std::fs::remove_file(&starts));
    // Read by the workers and their children.
    let run = |isolation: &str| Process::start_with(&place.url, isolation, &starts);
    let mut workers = [run("inline"), run("process")];
    place.until("both work", Duration::from_secs(20), |place| {
        place.number("select count(distinct worker) from backstay.running") == 2
    });
    fault(&cluster);
    place.reopen();
    place.until_done(Duration::from_secs(60));
    assert!(workers.iter_mut().all(Process::is_running), "a worker has ended");
    assert_eq!((place.completed(), place.double_ends()), (JOBS, 0));
    let lost =
        "select count(*) from backstay.attempt where outcome = 'lost' or billed <> 'nothing'";
    assert_eq!(place.number(lost), 0, "no worker was lost");
    assert_eq!(place.number("select count(*) from backstay.worker where lost_at is not null"), 0);
    let mut counts: HashMap<String, usize> = HashMap::new();
    for line in std::fs::read_to_string(&starts).unwrap().lines() {
        *counts.entry(line.to_owned()).or_default() += 1;
    }
    let again: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
    assert_eq!((counts.len(), again.len()), (JOBS as usize, 0), "started again: {again:?}");
    drop(std::fs::remove_file(&starts));
}

pub(crate) fn install(url: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let database = Database::connect(url).await.unwrap();
        migrate::up(&database, &migrate::Options::default()).await.unwrap();
    });
}
