//! Starts a worker: its place in the database, its heart, its loops; and says why it could not.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use backstay_isolate::LauncherError;
use serde_json::json;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use super::budget;
use super::claim::{Claims, State};
use super::control::{self, Control, Heard, Shared};
use super::memory::Plan;
use super::room::Room;
use super::running::Running;
use super::sync::{sync, sync_schedules};
use super::{Allowance, Finished, Runner, Signal, pools, pressure, release, requests, tail};
use crate::failpoint::failpoint;
use crate::model::config::Settings;
use crate::model::drain::Drain;
use crate::model::event::{self, Event};
use crate::model::lease::BeatBook;
use crate::model::status::Admission;
use crate::runtime::deliver::Channels;
use crate::runtime::duties::Duties;
use crate::runtime::inline::InlineThreads;
use crate::runtime::push::PushThread;
use crate::store::attempt::Introduction;
use crate::store::database::{Database, Purpose};
use crate::store::migrate::{self, MigrateError};
use crate::store::sqlstate::Remedy;
use crate::store::statement::Link;
use crate::store::{StoreError, attempt, duty};

/// Signals that may wait: wakes are folded, cancels come again with the next beat.
const SIGNALS: usize = 256;

/// Each try waits for a lock up to 500 ms.
const PREPARE_TRIES: u32 = 20;

/// A database that takes longer for one small statement cannot serve a worker.
const FIRST_BEAT: Duration = Duration::from_secs(20);

/// Why a worker did not start.
///
/// ```no_run
/// use backstay::{Database, StartError, Worker};
///
/// # async fn example(worker: Worker<()>, database: Database) {
/// match worker.start(&database).await {
///     Ok(mut running) => running.join().await,
///     Err(StartError::Boot { queue, message, .. }) => eprintln!("queue {queue}: {message}"),
///     Err(other) => eprintln!("{}: {other}", other.code()),
/// }
/// # }
/// ```
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
    /// Two handlers for one kind.
    #[error("the kind `{kind}` is handled twice in queue `{queue}`; leave one handler")]
    Duplicate {
        /// Which kind.
        kind: String,
        /// Where.
        queue: String,
    },
    /// A kind whose handler is an address, in a worker that was given nothing to send with.
    #[error(
        "the kind `{kind}` is handled by an address, and this worker has nothing that sends requests; run it by `backstay work`, or add `.pushes(backstay_alert::pushes(&settings)?)`"
    )]
    NoPush {
        /// Which kind.
        kind: String,
    },
    /// `backstay::enter()` did not come first.
    #[error(
        "handlers that run in children need `backstay::enter()` as the first statement of `main`, before any thread or runtime exists"
    )]
    NotEntered,
    /// `backstay::enter()` came after a thread had started.
    #[error(
        "`backstay::enter()` came after a thread had started, as it does inside of `#[tokio::main]`; make it the first statement of a plain `main`, and start the runtime there"
    )]
    EnteredLate,
    /// The application's state cannot be built.
    #[error("the worker's state cannot be built: {0}")]
    State(String),
    /// A crash of the server could lose jobs, and the settings do not allow that.
    #[error(
        "the database is not durable: {0} is off; switch it on, or set `require_durable = false`"
    )]
    NotDurable(String),
    /// The queues promise more memory than there is.
    #[error("{0}")]
    Memory(String),
    /// Limits cannot be held here as strictly as is required.
    #[error("{required} is required, but not granted: {why}")]
    Level {
        /// What `require_level` says.
        required: &'static str,
        /// What stands against it.
        why: String,
        /// How to get it here, in one line.
        advice: &'static str,
    },
    /// The folder of the jobs' folders cannot be used.
    #[error("jobs get no folders below `{}`: {why}; give the worker another one: scratch_dir below [worker]", place.display())]
    Scratch {
        /// Which.
        place: PathBuf,
        /// What stands against it.
        why: String,
    },
    /// Schedules that the settings declare and the database has of its own.
    #[error(
        "declared here and made in the database: schedule {0}; rename it here, or remove the other"
    )]
    Schedules(String),
    /// A thread or a folder cannot be made.
    #[error("the operating system refused")]
    Io(#[from] std::io::Error),
}

impl From<LauncherError> for StartError {
    fn from(error: LauncherError) -> StartError {
        match error {
            LauncherError::Level { why, advice } => {
                StartError::Level { required: "cgroup", why, advice }
            }
            LauncherError::Scratch { place, why } => StartError::Scratch { place, why },
            LauncherError::Io(error) => StartError::Io(error),
            other => StartError::Io(std::io::Error::other(other)),
        }
    }
}

impl StartError {
    /// What to do about it, where the error does not say so itself.
    pub fn hint(&self) -> Option<&str> {
        match self {
            StartError::Level { advice, .. } => Some(advice),
            StartError::Store(error) => error.hint(),
            _ => None,
        }
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        match self {
            StartError::Store(error) => error.code(),
            StartError::Schema(error) => error.code(),
            StartError::Boot { code, .. } => code,
            StartError::Duplicate { .. } | StartError::Schedules(_) => "BS405",
            StartError::NotDurable(_) => "BS508",
            StartError::NotEntered | StartError::EnteredLate | StartError::State(_) => "BS604",
            StartError::NoPush { .. } => "BS402",
            StartError::Memory(_) => "BS408",
            StartError::Level { .. } => "BS601",
            StartError::Scratch { .. } => "BS402",
            StartError::Io(_) => "BS999",
        }
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
    pub(crate) push_thread: Option<PushThread>,
    pub(crate) channels: Channels,
    pub(crate) allowance: Allowance,
    /// What all jobs may use together.
    pub(crate) memory: Plan,
}

/// Starts the threads; the worker is ready when its first beat was accepted.
pub(crate) async fn start(id: Uuid, mut parts: Parts) -> Result<Running, StartError> {
    settle_in(id, &parts.database, &parts.settings).await?;
    let (signals, heard_signals) = mpsc::channel(SIGNALS);
    parts.runner.announce();
    let heart = beat(id, &mut parts, signals.clone()).await?;
    let (lows, low_watch) = watch::channel(Vec::new());
    let ready = ready(id, &parts.settings);
    let look = parts.settings.worker.memory_look.clone();
    event::emit(&parts.runner.level_reached());
    if let Some(shell) = backstay_isolate::shell_above() {
        event::emit(&Event::BehindShell { shell });
    }
    let Parts {
        database,
        settings,
        runner,
        finished,
        asked,
        keeper,
        draining,
        threads,
        push_thread,
        channels,
        ..
    } = parts;
    let rooms = settings
        .queues
        .iter()
        .map(|queue| Room::new(queue.clone(), runner.longest(queue), runner.kinds_of(&queue.name)))
        .collect();
    let grace = settings.queues.iter().map(|queue| queue.grace).max().unwrap_or_default();
    let drain = Drain::new(settings.worker.drain_timeout, grace);
    let tally = runner.tally.clone();
    let runner = Arc::new(runner);
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
        heard: heart.shared.heard.clone(),
        admission: heart.admission,
        state: State::new(
            id,
            heart.shared.began,
            drain,
            parts.allowance,
            parts.memory,
            &settings.worker,
        ),
    };
    let braked = claims.braked();
    let duties =
        Duties::new(id, database.clone(), settings, heart.shared, low_watch, braked, channels);
    let (ended_sender, ended) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let told = signals.clone();
    let looking = pressure::start(look, signals.clone())?;
    std::thread::Builder::new().name("backstay-worker".into()).spawn(move || {
        let (pools, level) = (runner.pools(), runner.level_lost());
        runtime.block_on(async {
            let watching = pools::watch_all(pools, level, &told);
            let ticks = control::tick(runner.launcher.clone(), "the worker thread");
            tokio::select! {
                () = work(id, database, claims, duties, keeper, runner, heart.over) => {}
                () = ticks => {}
            }
            drop(watching);
        });
        drop(looking);
        // Beating stops last: until here everybody knows that this worker lives.
        drop(heart.thread.join());
        drop(threads);
        drop(push_thread);
        event::emit(&Event::WorkerStopped { worker: id, released: 0 });
        // Nobody may be waiting for the end.
        let _unheard = ended_sender.send(());
    })?;
    event::emit(&ready);
    Ok(Running { id, signals, ended, tally })
}

/// Finds the schema, and makes what this worker needs before it can begin. The connection lives on the
/// caller's runtime, which may stand still later: so the loops open their own.
async fn settle_in(id: Uuid, database: &Database, settings: &Settings) -> Result<(), StartError> {
    migrate::check(database).await?;
    let link = database.open(Purpose::Duty, Some(&id.to_string())).await?;
    durable(&link, settings.database.require_durable).await?;
    budget::tell(&link, settings).await?;
    let mut tries = 0;
    let theirs = loop {
        match prepare(id, &link, settings).await {
            Ok(theirs) => break theirs,
            // Workers that start at the same time wait for each other's locks.
            Err(error) if error.remedy() == Remedy::Retry && tries < PREPARE_TRIES => tries += 1,
            Err(error) => return Err(error.into()),
        }
    };
    if !theirs.is_empty() {
        return Err(StartError::Schedules(theirs.join(", ")));
    }
    for (worker, jobs) in duty::predecessors(&link, id, &control::host_name()).await? {
        event::emit(&Event::PredecessorLost { worker, jobs: jobs.unsigned_abs() });
    }
    Ok(())
}

/// The thread that beats, and what the loops hear from it.
struct Heart {
    thread: std::thread::JoinHandle<()>,
    shared: Shared,
    /// What it says of this worker's claims.
    admission: watch::Sender<String>,
    /// Ends it.
    over: watch::Sender<bool>,
}

/// Starts beating, and waits until the first beat was accepted.
async fn beat(
    id: Uuid,
    parts: &mut Parts,
    signals: mpsc::Sender<Signal>,
) -> Result<Heart, StartError> {
    let (heard_sender, heard) = watch::channel(Heard::default());
    let (over, over_watch) = watch::channel(false);
    let me = introduction(id, &parts.settings, &parts.runner);
    let (admission, admission_watch) = watch::channel(me.admission.clone());
    let (times, tally) = (parts.settings.worker.times, parts.runner.tally.clone());
    let (began, book) = (Instant::now(), Arc::new(Mutex::new(BeatBook::new(times.beat))));
    let thread = control::start(Control {
        database: parts.database.clone(),
        me,
        times,
        book: book.clone(),
        began,
        heard: heard_sender,
        signals,
        wishes: parts.keeper.wishes(),
        kinds: parts.runner.announced.subscribe(),
        samples: parts.runner.lines.samples.clone(),
        admission: admission_watch,
        launcher: parts.runner.launcher.clone(),
        tally: tally.clone(),
        over: over_watch,
    })?;
    let mut first = heard.clone();
    let first = tokio::time::timeout(FIRST_BEAT, first.wait_for(|heard| heard.beats > 0));
    if !matches!(first.await, Ok(Ok(_))) {
        over.send_replace(true);
        let unheard = StoreError::Unreachable("the first beat was not accepted within 20 s".into());
        return Err(unheard.into());
    }
    Ok(Heart { thread, shared: Shared { book, heard, began, tally }, admission, over })
}

fn ready(id: Uuid, settings: &Settings) -> Event {
    Event::WorkerReady {
        worker: id,
        queues: settings.queues.iter().map(|queue| queue.name.clone()).collect(),
        slots: settings.queues.iter().map(|queue| u64::from(queue.slots)).sum(),
    }
}

/// Says how durable the database is, and refuses one that is not where that was asked for.
async fn durable(link: &Link, required: bool) -> Result<(), StartError> {
    let weak = duty::weak_settings(link).await?;
    for setting in &weak {
        event::emit(&Event::DurabilityWeak { setting: format!("{setting} = off") });
    }
    if required && !weak.is_empty() {
        return Err(StartError::NotDurable(weak.join(", ")));
    }
    Ok(())
}

/// Brings the database to where this worker can begin; the schedules of the settings that the database has of its own.
async fn prepare(id: Uuid, link: &Link, settings: &Settings) -> Result<Vec<String>, StoreError> {
    let mut theirs = Vec::new();
    if settings.worker.apply {
        sync(link, settings).await?;
        theirs = sync_schedules(link, settings, id).await?;
    }
    if settings.worker.housekeeping {
        duty::partitions(link, &settings.retention).await?;
    }
    Ok(theirs)
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
    runner.lines.backends.finish().await;
    let farewell = async {
        let link = database.open(Purpose::Duty, Some(&id.to_string())).await?;
        duty::resign(&link, id).await?;
        failpoint!("drain.before_goodbye");
        attempt::goodbye(&link, id).await
    };
    if let Err(error) = farewell.await {
        tracing::warn!(target: "backstay", "goodbye was not heard; the lease will run out: {error}");
    }
    over.send_replace(true);
}

fn introduction(id: Uuid, settings: &Settings, runner: &Runner) -> Introduction {
    let slots: i32 = settings.queues.iter().map(|queue| i32::from(queue.slots)).sum();
    // What its claims come to is told by the loop, from its first round on.
    let admission = Admission {
        memory_of_one: runner.memory_of_one(),
        by_address: runner.by_address(),
        ..Admission::default()
    };
    Introduction {
        worker: id,
        lease: settings.worker.times.lease,
        presence: None,
        slots,
        host: control::host_name(),
        release: release(),
        level: runner.level(),
        queues: settings.queues.iter().map(|queue| queue.name.clone()).collect(),
        kinds: json!(runner.all_kinds()).to_string(),
        admission: json!(admission).to_string(),
        holders: runner.holders(),
    }
}
