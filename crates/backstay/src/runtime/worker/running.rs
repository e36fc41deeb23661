//! A worker that runs, as its owner holds it: drain, reload, hurry, quit, and what the testing kit allows.

use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::sync::sync;
use super::{Allowance, Signal};
use crate::model::config::Settings;
use crate::model::figures::Family;
use crate::runtime::figures::Tally;
use crate::store::StoreError;
use crate::store::database::{Database, Purpose};

/// A worker that runs.
///
/// ```no_run
/// # use backstay::config::Settings;
/// # use backstay::{Database, Worker};
/// use backstay::Running;
/// # async fn example(worker: Worker<()>, changed: Settings) -> Result<(), Box<dyn std::error::Error>> {
/// let database = Database::connect("postgres://worker@localhost/shop").await?;
/// let mut running: Running = worker.start(&database).await?;
/// println!("worker {} runs", running.id());
/// running.tell().await;                    // what runs, into the log
/// running.reload(&database, &changed).await?; // other slots, other contracts
/// running.stop_claiming().await;           // nothing new
/// running.drain().await;                   // finish, and leave
/// running.hurry().await;                   // said again: without more waiting
/// running.quit().await;                    // now
/// running.join().await;
/// # Ok(())
/// # }
/// ```
pub struct Running {
    pub(super) id: Uuid,
    pub(super) signals: mpsc::Sender<Signal>,
    pub(super) ended: oneshot::Receiver<()>,
    pub(super) tally: Tally,
}

impl Running {
    /// The worker's id: fresh for every process.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// What it has counted since its start, for monitoring.
    ///
    /// ```no_run
    /// # fn example(running: &backstay::Running) {
    /// use backstay::figures::{Family, Series};
    ///
    /// let figures = running.figures();
    /// for Family { name, help, series } in figures() {
    ///     match series {
    ///         Series::Counter(lines) | Series::Gauge(lines) => println!("{name} ({help}): {} lines", lines.len()),
    ///         Series::Histogram(lines) => lines.iter().for_each(|(labels, seen)| println!("{name} {labels:?}: {}", seen.sum())),
    ///     }
    /// }
    /// # }
    /// ```
    pub fn figures(&self) -> impl Fn() -> Vec<Family> + Clone + Send + Sync + 'static {
        let tally = self.tally.clone();
        move || tally.families()
    }

    /// Stops claiming, lets running jobs end within the drain timeout, and ends.
    pub async fn drain(&self) {
        // A worker that has ended already has nothing to drain.
        drop(self.signals.send(Signal::Drain).await);
    }

    /// Drains, and said a second time skips the wait: running jobs are stopped and given back.
    pub async fn hurry(&self) {
        // A worker that has ended already has nothing to drain.
        drop(self.signals.send(Signal::Hurry).await);
    }

    /// Stops claiming and stays: running jobs end, and nothing new begins until the process is replaced.
    pub async fn stop_claiming(&self) {
        self.allow(Allowance::Nothing).await;
    }

    /// Writes the running jobs to the log.
    pub async fn tell(&self) {
        // A worker that has ended already runs nothing.
        drop(self.signals.send(Signal::Tell).await);
    }

    /// Goes on with other settings, as far as they can change while jobs run: slots up to those of the start, ageing and
    /// reserve of each queue, and the fleet's part in the database (contracts of kinds, timeouts of queues, bounds).
    /// Everything else holds from the next start.
    ///
    /// # Errors
    ///
    /// BS5xx from the database, which then keeps the old part; what is this worker's own has changed.
    pub async fn reload(&self, database: &Database, settings: &Settings) -> Result<(), StoreError> {
        // A worker that has ended already runs nothing.
        drop(self.signals.send(Signal::Reload(settings.queues.clone())).await);
        if !settings.worker.apply {
            return Ok(());
        }
        let link = database.open(Purpose::Duty, Some(&self.id.to_string())).await?;
        sync(&link, settings).await.map(drop)
    }

    /// Ends now: what runs is killed and given back.
    pub async fn quit(&self) {
        // A worker that has ended already has nothing to end.
        drop(self.signals.send(Signal::Quit).await);
    }

    /// Sets what may be claimed, and waits until that holds.
    pub(crate) async fn allow(&self, allowance: Allowance) {
        let (heard, answer) = oneshot::channel();
        // A worker that has ended claims nothing either.
        drop(self.signals.send(Signal::Allow { allowance, heard }).await);
        drop(answer.await);
    }

    /// Ends now, and blocks until that is done: for drops, which cannot wait in another way.
    #[cfg(feature = "testing")]
    pub(crate) fn end_now(&mut self) {
        let (_, ended) = oneshot::channel();
        let ended = std::mem::replace(&mut self.ended, ended);
        let signals = self.signals.clone();
        let end = move || {
            // A worker that has ended already has nothing to end; the sender is dropped with its thread.
            drop(signals.blocking_send(Signal::Quit));
            drop(ended.blocking_recv());
        };
        // A runtime does not let its own threads block.
        drop(std::thread::spawn(end).join());
    }

    /// Waits until the worker has ended; at once if it has.
    pub async fn join(&mut self) {
        if !self.ended.is_terminated() {
            // The sender is dropped with the thread, which is an end too.
            drop((&mut self.ended).await);
        }
    }
}
