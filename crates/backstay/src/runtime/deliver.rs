//! Where alerts go: the one socket for something plugged in from above.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::model::alert::Alert;
use crate::model::config::Route;

/// Why a channel did not take an alert.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct DeliverError {
    message: String,
    is_final: bool,
}

impl DeliverError {
    /// It may work in a moment: it is tried again, for 72 h.
    pub fn later(message: impl Into<String>) -> DeliverError {
        DeliverError { message: message.into(), is_final: false }
    }

    /// It will never work: the channel is set up wrongly.
    pub fn never(message: impl Into<String>) -> DeliverError {
        DeliverError { message: message.into(), is_final: true }
    }

    /// Whether trying again is of no use.
    pub fn is_final(&self) -> bool {
        self.is_final
    }
}

/// An alert channel of your own; [`Worker::channel`](crate::Worker::channel) takes it.
///
/// ```
/// use std::pin::Pin;
/// use backstay::{Alert, Deliver, DeliverError, Worker};
///
/// struct Pager { key: Option<String> }
///
/// impl Deliver for Pager {
///     fn deliver<'a>(
///         &'a self,
///         alert: &'a Alert,
///     ) -> Pin<Box<dyn Future<Output = Result<(), DeliverError>> + Send + 'a>> {
///         Box::pin(async move {
///             let Some(key) = &self.key else { return Err(DeliverError::never("the pager has no key")) };
///             println!("to the pager {key}: {}", alert.headline());
///             // What may work in a moment is tried again, for 72 h.
///             let answered = true;
///             if answered { Ok(()) } else { Err(DeliverError::later("no answer")) }
///         })
///     }
/// }
///
/// assert!(DeliverError::never("no key").is_final());
/// let worker = Worker::without_state().channel("pager", Pager { key: None });
/// # drop(worker);
/// ```
pub trait Deliver: Send + Sync + 'static {
    /// Hands one alert over; `Ok` means that the other side has accepted it. The same alert may come again.
    fn deliver<'a>(
        &'a self,
        alert: &'a Alert,
    ) -> Pin<Box<dyn Future<Output = Result<(), DeliverError>> + Send + 'a>>;
}

/// A dead-man's switch of your own: somebody outside who tells people when the calls stop. [`Channels`] takes it.
///
/// ```
/// use std::pin::Pin;
/// use std::sync::Arc;
/// use backstay::{Channels, DeliverError, Ping, Worker};
///
/// struct Watchman;
///
/// impl Ping for Watchman {
///     fn ping<'a>(&'a self) -> Pin<Box<dyn Future<Output = Result<(), DeliverError>> + Send + 'a>> {
///         Box::pin(async {
///             println!("all goes well");
///             Ok(())
///         })
///     }
/// }
///
/// let channels = Channels { dead_man: Some(Arc::new(Watchman)), ..Channels::default() };
/// let worker = Worker::without_state().channels(channels);
/// # drop(worker);
/// ```
pub trait Ping: Send + Sync + 'static {
    /// Says that all goes well: once a minute, by one worker of the fleet, while the database is there, jobs of lost workers are
    /// taken over and alerts are told. A call that fails is not repeated before the next.
    fn ping<'a>(&'a self) -> Pin<Box<dyn Future<Output = Result<(), DeliverError>> + Send + 'a>>;
}

/// All channels of a worker, and who gets what.
///
/// ```
/// use backstay::{Channels, Worker};
/// let none = Channels::default();
/// let worker = Worker::without_state().channels(none); // alerts go to the log alone
/// # drop(worker);
/// ```
#[derive(Clone, Default)]
pub struct Channels {
    /// By name.
    pub by_name: BTreeMap<String, Arc<dyn Deliver>>,
    /// Each route that fits gets an alert; where none fits, the log does. Without routes every channel gets all.
    pub routes: Vec<Route>,
    /// Between repeats of one incident.
    pub quiet: Option<Duration>,
    /// The name of the installation.
    pub environment: Option<String>,
    /// Who is called while all goes well.
    pub dead_man: Option<Arc<dyn Ping>>,
}

impl Channels {
    /// The names of the channels that are there, in order.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.by_name.keys().map(String::as_str).collect()
    }
}
