//! Ends what a killed child left running in PostgreSQL: the server does not notice that its client is gone.

use std::sync::Arc;
use std::time::Duration;

use backstay_isolate::{Pool, Report};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::model::event::{self, Event};
use crate::store::StoreError;
use crate::store::backends;

/// The variable by which libpq and what follows it name their sessions.
pub(crate) const VARIABLE: &str = "PGAPPNAME";
/// Sessions at a time: many kills at once must not become a storm of connections.
const VISITS: usize = 2;
/// Then it is left to `client_connection_check_interval`.
const PATIENCE: Duration = Duration::from_secs(5);
/// A query may have been on its way when its sender was killed, so one look is not enough.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// Ends the sessions of killed children. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Backends {
    visits: Arc<Semaphore>,
    /// At most as many as attempts are killed within [`PATIENCE`].
    under_way: TaskTracker,
}

impl Backends {
    pub(crate) fn new() -> Backends {
        Backends { visits: Arc::new(Semaphore::new(VISITS)), under_way: TaskTracker::new() }
    }

    /// Looks after an attempt that has ended: a process that came to no end of its own may have left something running.
    pub(crate) fn after(&self, pool: &Pool, report: &Report) {
        if report.ending.keeps_child() {
            return;
        }
        // Without an address of its own nobody knows where the child was.
        let (Some(name), Some(url)) = (&report.name, pool.variable("DATABASE_URL")) else { return };
        let (visits, name, url) = (self.visits.clone(), name.clone(), url.to_owned());
        self.under_way.spawn(async move {
            let ended = tokio::time::timeout(PATIENCE, end(&visits, &url, &name)).await;
            match ended.unwrap_or(Err(StoreError::TimedOut(PATIENCE))) {
                Ok(0) => {}
                Ok(count) => event::emit(&Event::BackendsEnded { name, count }),
                Err(error) => event::emit(&Event::BackendsLeft { name, error: error.to_string() }),
            }
        });
    }

    /// Waits for what is under way: at most as long as one end may take.
    pub(crate) async fn finish(&self) {
        self.under_way.close();
        self.under_way.wait().await;
    }
}

/// Ends until a look finds nothing any more, and looks at least twice.
async fn end(visits: &Semaphore, url: &str, name: &str) -> Result<u64, StoreError> {
    let _turn = visits.acquire().await.expect("the semaphore is never closed");
    let visit = backends::visit(url).await?;
    let mut all = visit.end(name).await?;
    loop {
        tokio::time::sleep(BETWEEN_LOOKS).await;
        let more = visit.end(name).await?;
        if more == 0 {
            return Ok(u64::try_from(all).unwrap_or(0));
        }
        all = all.max(more);
    }
}

/// What the children of a worker are called, up to their number: short enough for the 63 bytes of a session's name.
pub(crate) fn prefix(worker: Uuid) -> String {
    let id = worker.simple().to_string();
    format!("backstay-{}-", &id[..8])
}
