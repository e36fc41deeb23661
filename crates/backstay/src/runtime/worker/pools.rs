//! Watches the programs of all pools: one that does not boot is claimed for no longer, and people are told.

use backstay_isolate::{Health, Pool};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::Signal;

/// What happened to the program of a pool.
#[derive(Debug)]
pub(crate) struct PoolNews {
    pub(crate) queue: String,
    /// Of which kind, where a kind has a program of its own.
    pub(crate) kind: Option<String>,
    pub(crate) change: Change,
}

#[derive(Debug)]
pub(crate) enum Change {
    /// It does not boot, and why.
    Broken(String),
    /// It boots again.
    Mended,
    /// It announces other kinds than before.
    Announced,
}

/// One pool with its place.
pub(crate) struct Watched {
    pub(crate) queue: String,
    pub(crate) kind: Option<String>,
    pub(crate) pool: Pool,
}

/// Watches until the set is dropped; to be called on the runtime of the claim loop.
pub(crate) fn watch_all(
    pools: Vec<Watched>,
    level: Option<watch::Receiver<Option<String>>>,
    signals: &mpsc::Sender<Signal>,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    if let Some(lost) = level {
        tasks.spawn(watch_level(lost, signals.clone()));
    }
    for watched in pools {
        let health = watched.pool.health();
        tasks.spawn(watch(watched.queue, watched.kind, health, signals.clone()));
    }
    tasks
}

/// Passes on that limits cannot be held any more, and that they can again.
async fn watch_level(mut lost: watch::Receiver<Option<String>>, signals: mpsc::Sender<Signal>) {
    while lost.changed().await.is_ok() {
        let why = lost.borrow_and_update().clone();
        // The loop has gone: nobody claims any more.
        drop(signals.send(Signal::Level(why)).await);
    }
}

async fn watch(
    queue: String,
    kind: Option<String>,
    mut health: watch::Receiver<Health>,
    signals: mpsc::Sender<Signal>,
) {
    let mut was_broken = false;
    loop {
        let seen = health.borrow_and_update().clone();
        let change = match (&seen.broken, was_broken) {
            (Some(failed), false) => Some(Change::Broken(failed.to_string())),
            (None, true) => Some(Change::Mended),
            (None, false) => Some(Change::Announced),
            (Some(_), true) => None,
        };
        was_broken = seen.broken.is_some();
        if let Some(change) = change {
            let news = PoolNews { queue: queue.clone(), kind: kind.clone(), change };
            // The loop has gone: nobody claims any more.
            drop(signals.send(Signal::Pool(news)).await);
        }
        if health.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
