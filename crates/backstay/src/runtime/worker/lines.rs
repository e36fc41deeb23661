//! Where the events of attempts go, and their ends.

use tokio::sync::{mpsc, watch};

use super::backends::Backends;
use super::requests::Requests;
use super::samples::Samples;
use super::tail::Tails;
use crate::model::claim::Claimed;
use crate::runtime::ended::Ended;

/// An attempt that has ended. Both are large, and pass through a task and a channel.
pub(crate) struct Finished {
    pub(crate) claimed: Box<Claimed>,
    pub(crate) ended: Box<Ended>,
}

/// What an attempt's events, and its end, go to; the same for all.
pub(crate) struct Lines {
    pub(crate) requests: Requests,
    pub(crate) tails: Tails,
    pub(crate) backends: Backends,
    pub(crate) samples: Samples,
    pub(crate) draining: watch::Receiver<bool>,
    pub(crate) finished: mpsc::Sender<Finished>,
}

impl Lines {
    /// Sends the end of an attempt to the loop.
    pub(crate) async fn end(&self, claimed: Box<Claimed>, ended: Box<Ended>) {
        // The loop has gone only when the worker ends without waiting; then the job is rescued or was given back.
        drop(self.finished.send(Finished { claimed, ended }).await);
    }
}
