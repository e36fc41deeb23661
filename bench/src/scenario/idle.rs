//! What a worker costs that has nothing to do.

use std::time::Duration;

use super::workers;
use crate::Failure;
use crate::figures::Values;
use crate::peer::Subject;
use crate::process::Process;
use crate::server::{Place, Server};

/// A worker has settled down after this long, and its sessions have told of it.
const SETTLES: Duration = Duration::from_secs(10);

pub(super) fn measure(
    server: &mut Server,
    place: &mut Place,
    subject: &Subject,
    seconds: u64,
) -> Result<Values, Failure> {
    let mut workers = workers(place, subject, 1, false)?;
    workers.iter_mut().try_for_each(Process::go)?;
    std::thread::sleep(SETTLES);
    let (before, transactions) = (server.meter()?, server.transactions(place)?);
    std::thread::sleep(Duration::from_secs(seconds));
    let (after, ended) = (server.meter()?, server.transactions(place)?);
    let seconds = seconds as f64;
    let values = Values::from([
        ("transactions_per_s", (ended - transactions) as f64 / seconds),
        ("wal_kib_per_min", (after.wal - before.wal) as f64 / 1024.0 * 60.0 / seconds),
        ("rss_mib", workers.iter().map(Process::peak_mib).sum()),
    ]);
    workers.into_iter().try_for_each(|worker| worker.stop().map(drop))?;
    Ok(values)
}
