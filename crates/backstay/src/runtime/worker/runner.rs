//! Which way an attempt runs, and what holds for it: by queue and kind.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use backstay_isolate::{Launcher, Pool};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

use super::backends::Backends;
use super::bulkhead::{self, OwnTerms};
use super::requests::Requests;
use super::run::{self, Bounds, Lines, Stopping};
use super::tail::Tails;
use crate::model::claim::Claimed;
use crate::model::limits::InForce;
use crate::runtime::ended::{Ended, Terms, job_ref};
use crate::runtime::inline::Inline;

/// What an attempt needs to begin, once its way is chosen.
pub(crate) enum Way {
    /// In this process.
    Inline(Inline),
    /// In a child, or as a command; under these limits.
    Child(Pool, Arc<InForce>),
}

impl Clone for Way {
    fn clone(&self) -> Way {
        match self {
            Way::Inline(inline) => Way::Inline(inline.clone()),
            Way::Child(pool, terms) => Way::Child(pool.clone(), terms.clone()),
        }
    }
}

/// An attempt that has ended.
pub(crate) struct Finished {
    pub(crate) claimed: Claimed,
    pub(crate) ended: Ended,
}

/// One queue's handlers.
pub(crate) struct QueueWays {
    pub(crate) grace: Duration,
    pub(crate) timeout: Duration,
    pub(crate) timeout_max: Duration,
    pub(crate) snooze_max: i16,
    pub(crate) ways: HashMap<String, Way>,
}

/// Starts attempts and sends their ends to the claim loop.
pub(crate) struct Runner {
    pub(crate) queues: HashMap<String, QueueWays>,
    pub(crate) lean: BTreeSet<String>,
    pub(crate) kind_timeouts: HashMap<String, Duration>,
    pub(crate) own: OwnTerms,
    pub(crate) launcher: Option<Launcher>,
    pub(crate) backends: Backends,
    pub(crate) requests: Requests,
    pub(crate) tails: Tails,
    pub(crate) draining: watch::Receiver<bool>,
    pub(crate) finished: mpsc::Sender<Finished>,
    pub(crate) home: OnceLock<Handle>,
}

impl Runner {
    /// The runtime on which attempts are looked after.
    pub(crate) fn set_home(&self, home: Handle) {
        // It is set once, by the thread that owns the loop.
        drop(self.home.set(home));
    }

    /// Begins an attempt; its end comes over the channel.
    pub(crate) fn begin(&self, mut claimed: Claimed, stopping: Stopping) {
        let Some(queue) = self.queues.get(&claimed.info.queue) else { return };
        let Some(way) = queue.ways.get(&claimed.info.kind).cloned() else { return };
        let usual = || self.kind_timeouts.get(&claimed.info.kind).copied().unwrap_or(queue.timeout);
        let timeout = match claimed.timeout {
            Some(asked) => bulkhead::timeout(asked, queue.timeout_max, &job_ref(&claimed)),
            None => usual(),
        };
        claimed.info.timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        let (grace, requests, tails) = (queue.grace, self.requests.clone(), self.tails.clone());
        let backends = self.backends.clone();
        let own = match &way {
            Way::Child(_, terms) => self.own.of(terms, claimed.memory, &job_ref(&claimed)),
            Way::Inline(_) => None,
        };
        let (draining, finished) = (self.draining.clone(), self.finished.clone());
        let home = self.home.get().expect("set before the first claim");
        home.spawn(async move {
            let ended = match way {
                Way::Inline(inline) => {
                    inline.run(&claimed, grace, draining, stopping, &requests, &tails).await
                }
                Way::Child(pool, terms) => {
                    let is_own = own.is_some();
                    let bounds = Bounds { grace, terms: own.unwrap_or(terms), is_own };
                    let lines = Lines { requests: &requests, tails: &tails, backends: &backends };
                    run::run(&pool, &claimed, bounds, stopping, draining, lines).await
                }
            };
            // The loop has gone only when the worker ends without waiting; then the job is rescued or was given back.
            drop(finished.send(Finished { claimed, ended }).await);
        });
    }

    pub(crate) fn terms(&self, queue: &str, kind: &str) -> Terms {
        let snooze_max = self.queues.get(queue).map_or(i16::MAX, |queue| queue.snooze_max);
        Terms { snooze_max, lean: self.lean.contains(kind) }
    }

    /// The kinds of one queue that can be claimed.
    pub(crate) fn kinds_of(&self, queue: &str) -> Option<Vec<String>> {
        let mut kinds: Vec<String> = self
            .queues
            .get(queue)
            .map(|queue| queue.ways.keys().cloned().collect())
            .unwrap_or_default();
        kinds.sort();
        Some(kinds)
    }

    /// The kinds that any queue can take.
    pub(crate) fn kinds_of_all(&self) -> Option<Vec<String>> {
        Some(self.all_kinds().map(str::to_owned).collect())
    }

    pub(crate) fn all_kinds(&self) -> impl Iterator<Item = &str> {
        let all: BTreeSet<&str> =
            self.queues.values().flat_map(|queue| queue.ways.keys().map(String::as_str)).collect();
        all.into_iter()
    }

    /// Ends all children, and does not wait for it: the ends come over the channel.
    pub(crate) fn kill_all(&self) {
        if let (Some(launcher), Some(home)) = (self.launcher.clone(), self.home.get()) {
            home.spawn(async move { launcher.stop().await });
        }
    }

    /// Ends all children, and waits until they are gone.
    pub(crate) async fn stop(&self) {
        if let Some(launcher) = &self.launcher {
            launcher.stop().await;
        }
    }
}
