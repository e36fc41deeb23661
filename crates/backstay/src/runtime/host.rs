//! The child's side: a process that runs Rust handlers for a supervisor, one job at a time.

use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use backstay_isolate::{
    ChildEar, ChildLink, ChildSender, FromChild, Role, Then as ChildThen, ToChild,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::context::{Ctx, Denied, Say};
use super::fail::{Fail, Output, Then};
use super::handler::Handlers;
use super::inline::panic_text;
use crate::failpoint::failpoint;
use crate::model::claim::JobInfo;

/// The line to the supervisor, from [`enter`] until somebody serves on it.
static LINK: Mutex<Option<ChildLink>> = Mutex::new(None);

/// Finds out what this process is; the first statement of a `main` that hosts Rust handlers.
///
/// In a supervisor it returns at once, in the small process that stands between a supervisor and its child it never
/// returns, and in a child it returns so that `main` builds its worker, which then serves. [`crate::main`] has it
/// built in; a `main` of your own looks like this:
///
/// ```no_run
/// # use backstay::{Database, Worker};
/// # fn worker() -> Worker<()> { Worker::without_state() }
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     backstay::enter(); // before any thread or runtime exists
///     if !backstay::is_child() {
///         println!("what only the worker itself does, such as binding a port");
///     }
///     tokio::runtime::Runtime::new()?.block_on(async {
///         let worker = worker();
///         worker.serve().await; // a child stays in here
///         let database = Database::connect("postgres://worker@localhost/shop").await?;
///         worker.start(&database).await?.join().await;
///         Ok(())
///     })
/// }
/// ```
pub fn enter() {
    if let Role::Child(link) = backstay_isolate::enter() {
        *LINK.lock().expect("nobody panics while holding it") = Some(link);
    }
}

/// Takes the line to the supervisor, where this process is a child.
pub(crate) fn take_link() -> Option<ChildLink> {
    LINK.lock().expect("nobody panics while holding it").take()
}

/// Whether this process is a child of a worker, in which nobody serves yet; [`enter`] shows it at work.
pub fn is_child() -> bool {
    LINK.lock().expect("nobody panics while holding it").is_some()
}

/// Serves jobs until the supervisor says enough or is gone; never returns.
pub(crate) async fn serve<S, F>(link: ChildLink, handlers: Handlers<S>, state: F) -> !
where
    S: Clone + Send + Sync + 'static,
    F: Future<Output = Result<S, Box<dyn std::error::Error + Send + Sync>>>,
{
    let sender = link.sender();
    let ear = link.listen().unwrap_or_else(|error| {
        eprintln!("this child cannot listen to its supervisor: {error}");
        std::process::exit(70)
    });
    let state = match state.await {
        Ok(state) => state,
        Err(error) => {
            eprintln!("the worker's state cannot be built: {error}");
            std::process::exit(1);
        }
    };
    let (draining, drained) = watch::channel(false);
    let mut host = Host {
        sender,
        handlers,
        state,
        drained,
        draining,
        current: None,
        answers: HashMap::new(),
        next_ref: 0,
    };
    host.run(ear).await;
    std::process::exit(0)
}

struct Host<S> {
    sender: ChildSender,
    handlers: Handlers<S>,
    state: S,
    drained: watch::Receiver<bool>,
    draining: watch::Sender<bool>,
    current: Option<Current>,
    answers: HashMap<u64, oneshot::Sender<Result<(), Denied>>>,
    next_ref: u64,
}

struct Current {
    id: String,
    attempt: i32,
    ctx: Ctx,
    says: mpsc::Receiver<Box<Say>>,
    handler: JoinHandle<Result<Output, Fail>>,
}

enum Step {
    Message(Option<ToChild>),
    Said(Box<Say>),
    Ended(Result<Output, Fail>),
}

impl<S: Clone + Send + Sync + 'static> Host<S> {
    async fn run(&mut self, mut ear: ChildEar) {
        loop {
            match self.step(&mut ear).await {
                // The supervisor is gone: whatever this child does now, nobody may believe it.
                Step::Message(None) => return,
                Step::Message(Some(message)) => self.hear(message),
                Step::Said(say) => self.say(*say),
                Step::Ended(answer) => self.end(answer),
            }
            if self.current.is_none() && *self.drained.borrow() {
                return;
            }
        }
    }

    async fn step(&mut self, ear: &mut ChildEar) -> Step {
        let Some(current) = &mut self.current else { return Step::Message(ear.recv().await) };
        tokio::select! {
            biased;
            Some(say) = current.says.recv() => Step::Said(say),
            answer = &mut current.handler => Step::Ended(match answer {
                Ok(answer) => answer,
                Err(error) if error.is_panic() => Err(Fail::panic(panic_text(error.into_panic().as_ref()))),
                Err(_) => Err(Fail::interrupted()),
            }),
            message = ear.recv() => Step::Message(message),
        }
    }

    fn hear(&mut self, message: ToChild) {
        match message {
            ToChild::Hello { .. } => {
                failpoint!(pass "child.ready");
                self.send(&FromChild::Ready {
                    protocol: 1,
                    kinds: self.handlers.kinds().map(str::to_owned).collect(),
                    name: Some(format!("backstay {}", env!("CARGO_PKG_VERSION"))),
                });
            }
            ToChild::Job { id, attempt, raw } => self.begin(id, attempt, raw.get()),
            ToChild::Cancel { id, attempt, .. } => {
                if let Some(current) =
                    self.current.as_ref().filter(|job| job.id == id && job.attempt == attempt)
                {
                    current.ctx.stop();
                }
            }
            ToChild::Drain { .. } => {
                self.draining.send_replace(true);
            }
            ToChild::Answer { reference, ok, code, message } => {
                let waiting = reference.as_u64().and_then(|number| self.answers.remove(&number));
                let answer = match ok {
                    true => Ok(()),
                    false => Err(Denied::new(
                        &code.unwrap_or_else(|| "BS999".into()),
                        message.unwrap_or_default(),
                    )),
                };
                // The handler may have given up on the answer.
                drop(waiting.map(|waiting| waiting.send(answer)));
            }
        }
    }

    fn begin(&mut self, id: String, attempt: i32, line: &str) {
        #[derive(serde::Deserialize)]
        struct Scratch {
            scratch: Option<PathBuf>,
        }
        let read = serde_json::from_str::<JobInfo>(line)
            .and_then(|info| Ok((info, serde_json::from_str::<Scratch>(line)?)));
        let (info, scratch) = match read {
            Ok((info, Scratch { scratch })) => (info, scratch.unwrap_or_else(std::env::temp_dir)),
            Err(error) => {
                return self.fail(
                    id,
                    attempt,
                    Fail::undecodable(format!("the job cannot be read: {error}")),
                );
            }
        };
        let kind = info.kind.clone();
        let (ctx, says) = Ctx::new(Arc::new(info), scratch, self.drained.clone());
        match self.handlers.call(ctx.clone(), self.state.clone()) {
            Some(answer) => {
                self.current =
                    Some(Current { id, attempt, ctx, says, handler: tokio::spawn(answer) })
            }
            None => self.fail(
                id,
                attempt,
                Fail::dead(format!("this program has no handler for the kind `{kind}`")),
            ),
        }
    }

    fn say(&mut self, say: Say) {
        let Some(current) = &self.current else { return };
        let (id, attempt) = (current.id.clone(), current.attempt);
        let message = match say {
            Say::Progress { percent, note } => {
                FromChild::Progress { id, attempt, percent: Some(percent), note }
            }
            Say::Log { level, message } => {
                FromChild::Log { id, attempt, level: level.to_owned(), message, fields: None }
            }
            Say::Checkpoint { value, answer } => {
                FromChild::Checkpoint { id, attempt, value, reference: Some(self.wait_for(answer)) }
            }
            Say::Enqueue { jobs, answer } => {
                FromChild::Enqueue { id, attempt, jobs, reference: Some(self.wait_for(answer)) }
            }
        };
        self.send(&message);
    }

    fn wait_for(&mut self, answer: oneshot::Sender<Result<(), Denied>>) -> serde_json::Value {
        self.next_ref += 1;
        self.answers.insert(self.next_ref, answer);
        self.next_ref.into()
    }

    fn end(&mut self, answer: Result<Output, Fail>) {
        // What the handler said last goes out before its last word.
        while let Some(say) = self.current.as_mut().and_then(|current| current.says.try_recv().ok())
        {
            self.say(*say);
        }
        let Some(Current { id, attempt, ctx, .. }) = self.current.take() else { return };
        self.answers.clear();
        // A line without its end would come out with the next job's; where stdout is closed, nobody reads it.
        drop(std::io::stdout().flush());
        failpoint!(pass "child.done_before_frame");
        match answer {
            Ok(output) => {
                let completed_in_tx = ctx.has_completed();
                self.send(&FromChild::Done { id, attempt, output, completed_in_tx });
            }
            // Where the handler's own transaction has committed, this verdict finds no row and changes nothing.
            Err(fail) => self.fail(id, attempt, fail),
        }
        failpoint!(pass "child.done_after_frame");
    }

    fn fail(&self, id: String, attempt: i32, fail: Fail) {
        let parts = fail.into_parts();
        let (then, after) = match parts.then {
            Then::Retry => (ChildThen::Retry, None),
            Then::RetryIn(delay) => (ChildThen::RetryIn, Some(delay)),
            Then::Snooze(delay) => (ChildThen::Snooze, Some(delay)),
            Then::Dead => (ChildThen::Dead, None),
            Then::Cancel => (ChildThen::Cancel, None),
            Then::Interrupted => (ChildThen::Interrupted, None),
        };
        self.send(&FromChild::Fail {
            id,
            attempt,
            message: parts.message,
            class: parts.class,
            trace: parts.trace,
            fingerprint: parts.fingerprint,
            then,
            after_ms: after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
        });
    }

    fn send(&self, message: &FromChild) {
        if self.sender.send(message).is_err() {
            std::process::exit(0);
        }
    }
}
