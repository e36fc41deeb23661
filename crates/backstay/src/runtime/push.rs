//! Handlers that are addresses: attempts are sent from a thread of their own, and end by being dropped there.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};

use super::ended::Ended;
use super::worker::lines::Lines;
use super::worker::run::{Hurry, Stopping};
use super::worker::tail::Tail;
use crate::model::claim::Claimed;
use crate::model::outcome::{Attempted, Outcome};
use crate::model::push::{Meaning, PushAnswer, PushRequest, meaning};

/// The class of an attempt that got no answer.
const NO_ANSWER: &str = "http_no_answer";

/// Why no answer came: no connection, no TLS, an address that may not be called, an answer that broke off.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct PushError(String);

impl PushError {
    /// Tells it to people; the text must not hold a secret.
    pub fn new(message: impl Into<String>) -> PushError {
        PushError(message.into())
    }
}

/// The address that handles the jobs of a kind.
///
/// `backstay_alert::pushes` makes them of the settings, with addresses checked and requests signed. One of your own:
///
/// ```
/// use std::pin::Pin;
/// use std::sync::Arc;
/// use backstay::{Push, PushAnswer, PushError, PushRequest, Pushes, Worker};
///
/// struct Mine;
///
/// impl Push for Mine {
///     fn push<'a>(
///         &'a self,
///         request: &'a PushRequest,
///     ) -> Pin<Box<dyn Future<Output = Result<PushAnswer, PushError>> + Send + 'a>> {
///         Box::pin(async move {
///             if request.body.is_empty() {
///                 return Err(PushError::new("the line is down"));
///             }
///             let body = br#"{"booked": true}"#.to_vec();
///             Ok(PushAnswer { status: 200, retry_after: None, body, is_cut: false })
///         })
///     }
/// }
///
/// let mut pushes = Pushes::new();
/// pushes.insert("charge".into(), Arc::new(Mine)); // of the kind whose settings say `http = "…"`
/// let worker = Worker::without_state().pushes(pushes);
/// # drop(worker);
/// ```
pub trait Push: Send + Sync + 'static {
    /// Sends one attempt, and reads at most 1 MiB of the answer. Any status is an answer.
    ///
    /// It runs on the one thread that all calls share, so it must not block.
    ///
    /// # Cancellation
    ///
    /// Is dropped when the attempt is cancelled or takes too long, and must end its connection then.
    fn push<'a>(
        &'a self,
        request: &'a PushRequest,
    ) -> Pin<Box<dyn Future<Output = Result<PushAnswer, PushError>> + Send + 'a>>;
}

/// What sends the attempts of each kind whose handler is an address.
pub type Pushes = BTreeMap<String, Arc<dyn Push>>;

/// The thread from which requests go out; dropping it ends what is under way, and does not wait for that.
pub(crate) struct PushThread {
    home: Handle,
    /// Its end ends the thread.
    _alive: oneshot::Sender<()>,
}

impl PushThread {
    pub(crate) fn start() -> std::io::Result<PushThread> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let home = runtime.handle().clone();
        let (alive, over) = oneshot::channel::<()>();
        std::thread::Builder::new().name("backstay-push".into()).spawn(move || {
            // Nothing is ever sent: what ends the wait is that the other end is gone.
            let _gone = runtime.block_on(over);
            runtime.shutdown_background();
        })?;
        Ok(PushThread { home, _alive: alive })
    }

    pub(crate) fn runner(&self, target: Arc<dyn Push>) -> Pushing {
        Pushing { home: self.home.clone(), target }
    }
}

/// Sends the attempts of one kind.
#[derive(Clone)]
pub(crate) struct Pushing {
    home: Handle,
    target: Arc<dyn Push>,
}

impl Pushing {
    /// Runs one attempt to its end.
    pub(crate) async fn run(self, claimed: Box<Claimed>, stopping: Stopping, lines: Arc<Lines>) {
        let mut tail = Tail::new(&lines.tails, &claimed, None);
        let mut ended = Box::new(self.attend(&claimed, stopping, &mut tail).await);
        tail.end(&claimed, &mut ended);
        lines.end(claimed, ended).await;
    }

    async fn attend(
        &self,
        claimed: &Claimed,
        mut stopping: Stopping,
        tail: &mut Tail<'_>,
    ) -> Ended {
        let began = Instant::now();
        let timeout = Duration::from_millis(claimed.info.timeout_ms);
        let deadline = Timestamp::now().checked_add(timeout).unwrap_or(Timestamp::MAX);
        let request = PushRequest::of(&claimed.info, deadline);
        let target = self.target.clone();
        // Dropping the set drops the call, on its own thread, and with it the connection.
        let mut call = JoinSet::new();
        call.spawn_on(async move { target.push(&request).await }, &self.home);
        let over = tokio::time::sleep(timeout);
        tokio::pin!(over);
        loop {
            tokio::select! {
                biased;
                Some(answer) = call.join_next() => return read(answer, began.elapsed()),
                asked = stopping.asked() => return asked.ended(began.elapsed()),
                () = &mut over => return Hurry::timeout().ended(began.elapsed()),
                () = tail.due() => tail.send(claimed),
            }
        }
    }
}

/// Reads what came back as the end of the attempt.
fn read(answer: Result<Result<PushAnswer, PushError>, JoinError>, wall: Duration) -> Ended {
    let (attempted, message) = match answer {
        Ok(Ok(answer)) => match meaning(&answer, Timestamp::now()) {
            Meaning::Completed { output } => {
                return Ended { output, ..Ended::bare(Outcome::Completed, wall) };
            }
            Meaning::NotDone { is_final, class, message, not_before } => {
                let outcome = if is_final { Outcome::Rejected } else { Outcome::Failed };
                let error_class = Some(class);
                (Attempted { not_before, error_class, ..Attempted::of(outcome) }, message)
            }
        },
        Ok(Err(error)) => {
            let error_class = Some(NO_ANSWER.to_owned());
            (Attempted { error_class, ..Attempted::of(Outcome::Failed) }, error.to_string())
        }
        Err(error) if error.is_panic() => {
            let error_class = Some("panic".to_owned());
            let message = "the code that sends the request panicked".to_owned();
            (Attempted { error_class, ..Attempted::of(Outcome::Failed) }, message)
        }
        // The thread has gone, and with it the worker.
        Err(_) => return Ended::bare(Outcome::Interrupted, wall),
    };
    Ended { message: Some(message), attempted, ..Ended::bare(Outcome::Failed, wall) }
}
