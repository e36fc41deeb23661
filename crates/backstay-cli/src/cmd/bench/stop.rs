//! How a bench is stopped: between two calls, so that nothing is on its way to the server when its rows are removed.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::failure::{Exit, Failure};

/// Why there are no figures.
#[derive(Debug)]
pub(crate) enum Broken {
    /// Somebody stopped it.
    Told(Exit),
    /// It could not go on.
    Failed(Failure),
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Broken {
        Broken::Failed(failure)
    }
}

/// Whether somebody has stopped the bench.
#[derive(Clone)]
pub(crate) struct Stop(watch::Receiver<Option<Exit>>);

impl Stop {
    /// Listens to Ctrl-C and TERM from now on.
    pub(crate) fn at_signals() -> Result<Stop, Failure> {
        let failed = |error: std::io::Error| {
            Failure::new("BS999", "signals cannot be heard").because(&error)
        };
        let mut term = signal(SignalKind::terminate()).map_err(failed)?;
        let mut int = signal(SignalKind::interrupt()).map_err(failed)?;
        let (told, stop) = watch::channel(None);
        tokio::spawn(async move {
            let exit = tokio::select! {
                _ = int.recv() => Exit::Interrupted,
                _ = term.recv() => Exit::Terminated,
            };
            told.send_replace(Some(exit));
            // The last word is kept for whoever asks later.
            told.closed().await;
        });
        Ok(Stop(stop))
    }

    /// Goes on, or not.
    pub(crate) fn check(&self) -> Result<(), Broken> {
        self.0.borrow().map_or(Ok(()), |exit| Err(Broken::Told(exit)))
    }

    /// Waits, unless somebody stops it.
    pub(crate) async fn sleep(&self, span: Duration) -> Result<(), Broken> {
        let mut told = self.0.clone();
        tokio::select! {
            () = tokio::time::sleep(span) => {}
            _ = told.wait_for(Option::is_some) => {}
        }
        self.check()
    }
}
