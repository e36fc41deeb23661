//! Folds what was raised into messages, and hands them to their channels until they are accepted.

use std::sync::Arc;

use tokio::sync::{Mutex, watch};

use crate::runtime::deliver::Channels;
use crate::store::StoreError;
use crate::store::statement::Link;

/// The alert duty of one worker.
pub(crate) struct Alerts {
    _link: Arc<Mutex<Option<Link>>>,
    _channels: Channels,
}

impl Alerts {
    pub(crate) fn new(link: Arc<Mutex<Option<Link>>>, channels: Channels) -> Alerts {
        Alerts { _link: link, _channels: channels }
    }

    pub(crate) async fn fold(_link: &Link, _channels: &Channels) -> Result<(), StoreError> {
        Ok(())
    }

    pub(crate) async fn deliver(self, mut stop: watch::Receiver<bool>) {
        drop(stop.wait_for(|stop| *stop).await);
    }
}
