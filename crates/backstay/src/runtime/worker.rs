//! The worker: starts its threads and loops, drains, stops.

pub(crate) mod build;
pub(crate) mod claim;
pub(crate) mod control;
pub(crate) mod program;
pub(crate) mod requests;
pub(crate) mod room;
pub(crate) mod run;
pub(crate) mod runner;
pub(crate) mod tail;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::json;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use self::claim::{Claims, State};
use self::control::{Control, Heard, Shared};
use self::room::Room;
pub(crate) use self::runner::{Finished, Runner};
use super::deliver::Channels;
use super::duties::Duties;
use super::inline::{Inline, InlineThreads};
use crate::model::config::{KindSettings, Settings};
use crate::model::drain::Drain;
use crate::model::event::{self, Event};
use crate::model::lease::BeatBook;
use crate::model::unit::{format_duration, format_size};
use crate::store::attempt::Introduction;
use crate::store::database::{Database, Purpose};
use crate::store::migrate::{self, MigrateError};
use crate::store::sqlstate::Remedy;
use crate::store::{StoreError, attempt, duty};

/// Verdicts on their way from attempts to the claim loop: more than all slots of one worker.
const FINISHED: usize = 4096;
/// Signals that may wait: wakes are folded, cancels come again with the next beat.
const SIGNALS: usize = 256;

/// Each try waits for a lock up to 500 ms.
const PREPARE_TRIES: u32 = 20;

/// What the claim loop is told from outside.
#[derive(Debug)]
pub(crate) enum Signal {
    /// There may be something to claim.
    Wake,
    /// The database is there again.
    Restored,
    /// Somebody wants this attempt to end.
    Cancel { job: i64, attempt: i32, reason: Option<String> },
    /// Stop claiming, finish, end.
    Drain,
    /// Stop, and where that was said before, without more waiting.
    Hurry,
    /// Kill what runs, and end.
    Quit,
    /// Write the running jobs to the log.
    Tell,
    /// Claim no more than this from now on; `heard` is answered when no claim of before is under way.
    Allow { allowance: Allowance, heard: oneshot::Sender<()> },
}

/// What a worker may claim; only the testing kit holds one back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Allowance {
    /// As many jobs as there are slots for.
    All,
    /// One job of this queue.
    #[allow(dead_code, reason = "only the testing kit steps a worker")]
    One { queue: String },
    /// No job.
    Nothing,
}

/// Why a worker did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The database failed.
    #[error("the worker cannot start")]
    Store(#[from] StoreError),
    /// The schema is not what this version serves.
    #[error("the worker cannot start")]
    Schema(#[from] MigrateError),
    /// A program that runs jobs does not boot.
    #[error("the handlers of queue `{queue}` do not boot: {message}")]
    Boot {
        /// Whose handlers.
        queue: String,
        /// What happened, and the end of its stderr.
        message: String,
        /// `BS603`, `BS604` or `BS703`.
        code: &'static str,
    },
    /// `backstay::enter()` did not come first.
    #[error(
        "handlers that run in children need `backstay::enter()` as the first statement of `main`, before any thread or runtime exists"
    )]
    NotEntered,
    /// The application's state cannot be built.
    #[error("the worker's state cannot be built: {0}")]
    State(String),
    /// A crash of the server could lose jobs, and the settings do not allow that.
    #[error(
        "the database is not durable: {0} is off; switch it on, or set `require_durable = false`"
    )]
    NotDurable(String),
    /// A thread or a folder cannot be made.
    #[error("the operating system refused")]
    Io(#[from] std::io::Error),
}

impl StartError {
    /// The stable code.
    pub fn code(&self) -> &str {
        match self {
            StartError::Store(error) => error.code(),
            StartError::Schema(error) => error.code(),
            StartError::Boot { code, .. } => code,
            StartError::NotDurable(_) => "BS508",
            StartError::NotEntered | StartError::State(_) => "BS604",
            StartError::Io(_) => "BS999",
        }
    }
}

/// A worker that runs.
pub struct Running {
    id: Uuid,
    signals: mpsc::Sender<Signal>,
    ended: oneshot::Receiver<()>,
}

impl Running {
    /// The worker's id: fresh for every process.
    pub fn id(&self) -> Uuid {
        self.id
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

    /// Waits until the worker has ended.
    pub async fn join(&mut self) {
        // The sender is dropped with the thread, which is an end too.
        drop((&mut self.ended).await);
    }
}

/// All that a worker is made of, once its handlers are erased.
pub(crate) struct Parts {
    pub(crate) database: Database,
    pub(crate) settings: Settings,
    pub(crate) runner: Runner,
    pub(crate) finished: mpsc::Receiver<Finished>,
    pub(crate) asked: requests::Asked,
    pub(crate) keeper: tail::Keeper,
    pub(crate) draining: watch::Sender<bool>,
    pub(crate) threads: Option<InlineThreads>,
    pub(crate) channels: Channels,
    pub(crate) level: String,
    pub(crate) allowance: Allowance,
}

/// Starts the threads; the worker is ready when its first beat was accepted.
pub(crate) async fn start(id: Uuid, parts: Parts) -> Result<Running, StartError> {
    let Parts {
        database,
        settings,
        runner,
        finished,
        asked,
        mut keeper,
        draining,
        threads,
        channels,
        level,
        allowance,
    } = parts;
    migrate::check(&database).await?;
    let link = database.open(Purpose::Duty, Some(&id.to_string())).await?;
    durable(&link, settings.database.require_durable).await?;
    let mut tries = 0;
    while let Err(error) = prepare(&link, &settings).await {
        // Workers that start at the same time wait for each other's locks.
        tries += 1;
        if error.remedy() != Remedy::Retry || tries == PREPARE_TRIES {
            return Err(error.into());
        }
    }
    let (signals, heard_signals) = mpsc::channel(SIGNALS);
    let (heard_sender, heard) = watch::channel(Heard::default());
    let (over_sender, over) = watch::channel(false);
    let began = Instant::now();
    let times = settings.worker.times;
    let book = Arc::new(Mutex::new(BeatBook::new(times.beat)));
    let me = introduction(id, &settings, &runner, level);
    let control = Control {
        database: database.clone(),
        me,
        times,
        book: book.clone(),
        began,
        heard: heard_sender,
        signals: signals.clone(),
        wishes: keeper.wishes(),
        over,
    };
    let control = control::start(control)?;
    let mut first = heard.clone();
    let waited = tokio::time::timeout(
        std::time::Duration::from_secs(20),
        first.wait_for(|heard| heard.beats > 0),
    )
    .await;
    if !matches!(waited, Ok(Ok(_))) {
        over_sender.send_replace(true);
        return Err(
            StoreError::Unreachable("the first beat was not accepted within 20 s".into()).into()
        );
    }
    let shared = Shared { book, heard: heard.clone(), began };
    let rooms: Vec<Room> = settings
        .queues
        .iter()
        .map(|queue| Room::new(queue.clone(), runner.kinds_of(&queue.name)))
        .collect();
    let (lows, low_watch) = watch::channel(Vec::new());
    let runner = Arc::new(runner);
    let grace = settings.queues.iter().map(|queue| queue.grace).max().unwrap_or_default();
    let drain = Drain::new(settings.worker.drain_timeout, grace);
    let claims = Claims {
        database: database.clone(),
        worker: id,
        release: release(),
        settings: settings.worker.clone(),
        rooms,
        runner: runner.clone(),
        finished,
        signals: heard_signals,
        asked,
        draining,
        lows,
        heard,
        state: State::new(id, began, drain, allowance),
    };
    let ready = Event::WorkerReady {
        worker: id,
        queues: settings.queues.iter().map(|queue| queue.name.clone()).collect(),
        slots: settings.queues.iter().map(|queue| u64::from(queue.slots)).sum(),
    };
    // The loops open their own connections: this one lives on the caller's runtime, which may stand still.
    drop(link);
    let duties = Duties::new(id, database.clone(), settings, shared, low_watch, channels);
    let (ended_sender, ended) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("backstay-worker".into()).spawn(move || {
        runtime.block_on(work(id, database, claims, duties, keeper, runner, over_sender));
        // Beating stops last: until here everybody knows that this worker lives.
        drop(control.join());
        drop(threads);
        event::emit(&Event::WorkerStopped { worker: id, released: 0 });
        // Nobody may be waiting for the end.
        let _unheard = ended_sender.send(());
    })?;
    event::emit(&ready);
    Ok(Running { id, signals, ended })
}

/// Says how durable the database is, and refuses one that is not where that was asked for.
async fn durable(link: &crate::store::statement::Link, required: bool) -> Result<(), StartError> {
    let weak = duty::weak_settings(link).await?;
    for setting in &weak {
        event::emit(&Event::DurabilityWeak { setting: format!("{setting} = off") });
    }
    if required && !weak.is_empty() {
        return Err(StartError::NotDurable(weak.join(", ")));
    }
    Ok(())
}

/// The life of a worker: claims until it is drained, with the duties beside it.
async fn work(
    id: Uuid,
    database: Database,
    claims: Claims,
    duties: Duties,
    keeper: tail::Keeper,
    runner: Arc<Runner>,
    over: watch::Sender<bool>,
) {
    // The loops start their tasks on this runtime, whose thread runs nothing of the user's.
    let (stop, stopped) = watch::channel(false);
    runner.set_home(tokio::runtime::Handle::current());
    let keeper = tokio::spawn(keeper.run(id, database.clone(), stopped.clone()));
    let duties = tokio::spawn(duties.run(stopped));
    claims.run().await;
    stop.send_replace(true);
    // A duty that panicked has said so in its own name; the others are stateless.
    drop(duties.await);
    drop(keeper.await);
    runner.stop().await;
    let farewell = async {
        let link = database.open(Purpose::Duty, Some(&id.to_string())).await?;
        duty::resign(&link, id).await?;
        attempt::goodbye(&link, id).await
    };
    if let Err(error) = farewell.await {
        tracing::warn!(target: "backstay", "goodbye was not heard; the lease will run out: {error}");
    }
    over.send_replace(true);
}

fn introduction(id: Uuid, settings: &Settings, runner: &Runner, level: String) -> Introduction {
    let slots: i32 = settings.queues.iter().map(|queue| i32::from(queue.slots)).sum();
    let kinds: serde_json::Map<String, serde_json::Value> =
        runner.all_kinds().map(|kind| (kind.to_owned(), json!(1))).collect();
    Introduction {
        worker: id,
        lease: settings.worker.times.lease,
        presence: None,
        slots,
        host: control::host_name(),
        release: release(),
        level,
        queues: settings.queues.iter().map(|queue| queue.name.clone()).collect(),
        kinds: serde_json::Value::Object(kinds).to_string(),
    }
}

pub(crate) fn release() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// Brings the database to where this worker can begin.
async fn prepare(
    link: &crate::store::statement::Link,
    settings: &Settings,
) -> Result<(), StoreError> {
    if settings.worker.apply {
        sync(link, settings).await?;
    }
    duty::partitions(link, &settings.retention).await
}

/// Writes the fleet's part of the settings to the database.
pub(crate) async fn sync(
    link: &crate::store::statement::Link,
    settings: &Settings,
) -> Result<i64, StoreError> {
    let queues: BTreeMap<&str, serde_json::Value> = settings
        .queues
        .iter()
        .map(|queue| {
            let mut said = json!({
                "timeout": format_duration(queue.timeout),
                "timeout_max": format_duration(queue.timeout_max),
                "contact_lost": queue.contact_lost.as_str(),
            });
            // The doors refuse what is above it; without it this worker still limits what a job gets.
            if let Some(most) = queue.limits.memory_max {
                said["memory_max"] = format_size(most).into();
            }
            (queue.name.as_str(), said)
        })
        .collect();
    let kinds: BTreeMap<&str, serde_json::Value> =
        settings.kinds.iter().map(|kind| (kind.name.as_str(), contract(kind))).collect();
    let args = i32::try_from(settings.bounds.args_bytes).unwrap_or(i32::MAX);
    let (queues, kinds) = (json!(queues).to_string(), json!(kinds).to_string());
    let changed = duty::sync(
        link,
        &queues,
        &kinds,
        args,
        settings.strict_kinds,
        settings.environment.as_deref(),
    )
    .await?;
    if changed > 0 {
        event::emit(&Event::ConfigApplied { what: format!("{changed} queues, kinds or bounds") });
    }
    Ok(changed)
}

fn contract(kind: &KindSettings) -> serde_json::Value {
    json!({ "contract": kind.contract, "sensitive": kind.sensitive })
}

/// What an attempt needs to begin, once its way is chosen.
pub(crate) enum Way {
    /// In this process.
    Inline(Inline),
    /// In a child, or as a command.
    Child(backstay_isolate::Pool),
}

impl Clone for Way {
    fn clone(&self) -> Way {
        match self {
            Way::Inline(inline) => Way::Inline(inline.clone()),
            Way::Child(pool) => Way::Child(pool.clone()),
        }
    }
}
