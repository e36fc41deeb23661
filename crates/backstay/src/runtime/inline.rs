//! Handlers inside the worker's own process, on a runtime of their own: fast, and not to be killed.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::task::{JoinError, JoinHandle};

use super::context::Ctx;
use super::ended::Ended;
use super::fail::{Fail, Output};
use super::handler::Handlers;
use super::worker::lines::Lines;
use super::worker::requests::Line;
use super::worker::run::{Hurry, Stopping};
use super::worker::tail::Tail;
use crate::model::claim::Claimed;
use crate::model::outcome::Outcome;

/// Threads for inline handlers; they are for small asynchronous work.
const THREADS: usize = 2;

/// Starts the handler of a context, or says that its kind has none.
type Start = Arc<dyn Fn(Ctx) -> Option<JoinHandle<Result<Output, Fail>>> + Send + Sync>;

/// Runs handlers in this process.
#[derive(Clone)]
pub(crate) struct Inline {
    start: Start,
    scratch: Arc<Path>,
}

/// Keeps the runtime of inline handlers; dropping it does not wait for handlers that never end.
pub(crate) struct InlineThreads(Option<Runtime>);

impl Drop for InlineThreads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl InlineThreads {
    pub(crate) fn start() -> std::io::Result<InlineThreads> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(THREADS).thread_name("backstay-inline").enable_all();
        Ok(InlineThreads(Some(builder.build()?)))
    }

    /// Makes the runner of these handlers with this state.
    pub(crate) fn runner<S: Clone + Send + Sync + 'static>(
        &self,
        handlers: Handlers<S>,
        state: S,
    ) -> Inline {
        let handle = self.0.as_ref().expect("taken only when dropped").handle().clone();
        let start: Start = Arc::new(move |ctx| {
            let answer = handlers.call(ctx, state.clone())?;
            Some(handle.spawn(answer))
        });
        Inline { start, scratch: std::env::temp_dir().into() }
    }

    /// Builds the state on these threads, since its pools must live there.
    pub(crate) async fn build<S: Send + 'static>(
        &self,
        state: impl Future<Output = S> + Send + 'static,
    ) -> Result<S, JoinError> {
        self.0.as_ref().expect("taken only when dropped").spawn(state).await
    }
}

impl Inline {
    /// Runs one attempt to its end.
    pub(crate) async fn run(
        self,
        claimed: Box<Claimed>,
        grace: Duration,
        stopping: Stopping,
        lines: Arc<Lines>,
    ) {
        let mut tail = Tail::new(&lines.tails, &claimed, None);
        let ended = self.attend(&claimed, grace, stopping, &lines, &mut tail).await;
        let mut ended = Box::new(ended);
        tail.end(&claimed, &mut ended);
        lines.end(claimed, ended).await;
    }

    async fn attend(
        &self,
        claimed: &Claimed,
        grace: Duration,
        mut stopping: Stopping,
        lines: &Lines,
        tail: &mut Tail<'_>,
    ) -> Ended {
        let (began, info) = (Instant::now(), Arc::clone(&claimed.info));
        let (fence, timeout) = (info.fence(), Duration::from_millis(info.timeout_ms));
        let (ctx, mut says) = Ctx::new(info, self.scratch.clone(), lines.draining.clone());
        let Some(handler) = (self.start)(ctx.clone()) else {
            return Ended {
                message: Some("no handler for this kind".into()),
                ..Ended::bare(Outcome::BootFailed, began.elapsed())
            };
        };
        let mut line = Line::new(fence, lines.requests.clone());
        let mut handler = handler;
        let mut hurry: Option<(Hurry, Instant)> = None;
        let answer = loop {
            let deadline = match &hurry {
                None => began + timeout,
                Some((why, asked)) if why.is_stale() => *asked,
                Some((why, asked)) => *asked + why.grace.unwrap_or(grace),
            };
            tokio::select! {
                biased;
                answer = &mut handler => break answer,
                Some(say) = says.recv() => {
                    tail.hear(&say);
                    line.take(*say).await;
                }
                () = tail.due() => tail.send(claimed),
                asked = stopping.asked() => {
                    ctx.stop();
                    match &mut hurry {
                        Some((why, _)) if !asked.is_stale() => {
                            why.hasten(asked.grace);
                        }
                        _ => hurry = Some((asked, Instant::now())),
                    }
                }
                () = tokio::time::sleep_until(deadline.into()) => match &hurry {
                    None => {
                        ctx.stop();
                        hurry = Some((Hurry::timeout(), Instant::now()));
                    }
                    Some((why, _)) => {
                        // A future that does not yield cannot be stopped; its slot stays closed with it.
                        handler.abort();
                        let survived = tokio::time::timeout(Duration::from_millis(50), &mut handler).await.is_err();
                        return Ended { survivor: survived, ..why.ended(began.elapsed()) };
                    }
                },
            }
        };
        while let Ok(say) = says.try_recv() {
            tail.hear(&say);
            line.take(*say).await;
        }
        let mut ended = Ended::answered(flatten(answer), began.elapsed());
        ended.completed_in_tx =
            ctx.has_completed() && ended.attempted.outcome == Outcome::Completed;
        ended.enqueue = line.into_enqueue();
        match hurry {
            Some((why, _)) => why.read(ended),
            None => ended,
        }
    }
}

/// A panic is a failed attempt; nothing else notices.
pub(crate) fn flatten(answer: Result<Result<Output, Fail>, JoinError>) -> Result<Output, Fail> {
    match answer {
        Ok(answer) => answer,
        Err(error) if error.is_panic() => Err(Fail::panic(panic_text(error.into_panic().as_ref()))),
        Err(_) => Err(Fail::interrupted()),
    }
}

/// What a panic said.
pub(crate) fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    format!("panicked: {}", text.unwrap_or_else(|| "no text".to_owned()))
}
