//! Puts a worker together: handlers, queues, commands; and starts it, or serves as its child.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use backstay_isolate::{Launcher, Pool, PoolLimits};
use tokio::sync::{mpsc, watch};

use super::runner::{QueueWays, Runner};
use super::{
    Allowance, FINISHED, Parts, Running, StartError, Way, control, program, requests, tail,
};
use crate::model::config::{
    EnvSettings, Fault, History, Isolation, KindSettings, Origin, QueueSettings, Settings, Value,
};
use crate::model::request::Job;
use crate::runtime::around::Next;
use crate::runtime::context::Ctx;
use crate::runtime::deliver::{Channels, Deliver};
use crate::runtime::fail::{Fail, Output};
use crate::runtime::handler::{Handler, Handlers};
use crate::runtime::host;
use crate::runtime::inline::{Inline, InlineThreads};
use crate::store::database::Database;

type StateError = Box<dyn Error + Send + Sync>;
type Building<S> = Pin<Box<dyn Future<Output = Result<S, StateError>> + Send>>;
type Connect<S> = Arc<dyn Fn() -> Building<S> + Send + Sync>;

/// What is wrong with a worker as it was put together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Two handlers for one kind.
    #[error("the kind `{0}` is handled twice; leave one handler")]
    Duplicate(String),
    /// Settings that make no sense; each says where and what to do.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Settings(Vec<Fault>),
    /// A kind whose contract names a queue that this worker does not serve.
    #[error(
        "the kind `{kind}` belongs to the queue `{queue}`, which this worker does not serve; add `.queue(Queue::new(\"{queue}\"))`"
    )]
    UnknownQueue {
        /// Whose contract.
        kind: String,
        /// Which queue.
        queue: String,
    },
}

impl BuildError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            BuildError::Duplicate(_) => "BS405",
            BuildError::UnknownQueue { .. } => "BS404",
            BuildError::Settings(faults) => faults.first().map_or("BS402", |fault| fault.code),
        }
    }
}

/// A queue as it is declared in code; the same keys as `[queues.NAME]`, and the file wins.
///
/// ```
/// use backstay::Queue;
/// use backstay::unit::mins;
///
/// let reports = Queue::new("reports").slots(2).timeout(mins(30)).fresh();
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Queue {
    name: String,
    keys: Vec<(&'static str, String)>,
    slots: Option<u16>,
}

impl Queue {
    /// A queue with the built-in settings: 4 slots, warm children, a timeout of 15 minutes.
    pub fn new(name: impl Into<String>) -> Queue {
        Queue { name: name.into(), keys: Vec::new(), slots: None }
    }

    /// Jobs of this queue at once in one worker: 1 to 1,024 [4].
    pub fn slots(mut self, slots: u16) -> Queue {
        self.slots = Some(slots);
        self
    }

    /// How long one attempt may take: 1 s to 30 d [15 min].
    pub fn timeout(self, timeout: Duration) -> Queue {
        self.key("timeout", crate::unit::format_duration(timeout))
    }

    /// From "stop" to the end of the whole process tree: 0 to 5 min [10 s].
    pub fn grace(self, grace: Duration) -> Queue {
        self.key("grace", crate::unit::format_duration(grace))
    }

    /// Runs each attempt in a child of its own instead of a warm one: for leaky, native or untried code.
    pub fn fresh(self) -> Queue {
        self.key("isolation", "fresh".to_owned())
    }

    /// Runs handlers inside the worker's own process: fastest, and not to be killed.
    pub fn inline(self) -> Queue {
        self.key("isolation", "inline".to_owned())
    }

    fn key(mut self, name: &'static str, value: String) -> Queue {
        self.keys.push((name, value));
        self
    }
}

/// A program that runs the jobs of a kind, in any language: args on stdin, the exit code decides.
#[derive(Debug, Clone)]
#[must_use]
pub struct Command(Vec<String>);

impl Command {
    /// A program, looked up in `PATH`; never a shell.
    pub fn new(program: impl Into<String>) -> Command {
        Command(vec![program.into()])
    }

    /// One more argument.
    pub fn arg(mut self, argument: impl Into<String>) -> Command {
        self.0.push(argument.into());
        self
    }
}

/// A worker with its handlers, before it is started.
///
/// ```no_run
/// use backstay::{Fail, Job, Queue, Worker};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Job)]
/// #[job(kind = "greet")]
/// struct Greet { name: String }
///
/// async fn greet(job: Greet) -> Result<String, Fail> {
///     Ok(format!("hello {}", job.name))
/// }
///
/// fn worker() -> Result<Worker<()>, backstay::BuildError> {
///     Worker::without_state().queue(Queue::new("default").slots(8)).handle(greet).build()
/// }
///
/// fn main() -> std::process::ExitCode {
///     backstay::main(worker)
/// }
/// ```
#[must_use]
pub struct Worker<S> {
    connect: Connect<S>,
    handlers: Handlers<S>,
    contracts: BTreeMap<&'static str, serde_json::Value>,
    commands: BTreeMap<String, Vec<String>>,
    queues: Vec<Queue>,
    channels: Channels,
    duplicate: Option<String>,
}

impl Worker<()> {
    /// A worker whose handlers need nothing but their jobs.
    pub fn without_state() -> Worker<()> {
        Worker::new(async || Ok::<(), std::convert::Infallible>(()))
    }
}

impl<S: Clone + Send + Sync + 'static> Worker<S> {
    /// A worker whose state is built by `connect`: in each child, and in the worker itself for inline queues only.
    pub fn new<F, Fut, E>(connect: F) -> Worker<S>
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<S, E>> + Send + 'static,
        E: Into<StateError>,
    {
        let connect: Connect<S> = Arc::new(move || {
            let building = connect();
            Box::pin(async move { building.await.map_err(Into::into) })
        });
        Worker {
            connect,
            handlers: Handlers::new(),
            contracts: BTreeMap::new(),
            commands: BTreeMap::new(),
            queues: Vec::new(),
            channels: Channels::default(),
            duplicate: None,
        }
    }

    /// Serves a queue; without any, the queue `default`.
    pub fn queue(mut self, queue: Queue) -> Worker<S> {
        self.queues.push(queue);
        self
    }

    /// Adds the handler of a kind.
    pub fn handle<M, H: Handler<S, M>>(mut self, handler: H) -> Worker<S> {
        let kind = H::Job::KIND;
        if !self.handlers.add(handler) || self.commands.contains_key(kind) {
            self.duplicate.get_or_insert_with(|| kind.to_owned());
        }
        self.contracts.insert(kind, H::Job::contract().to_json());
        self
    }

    /// Runs the jobs of a kind by a program.
    pub fn command<J: Job>(mut self, command: Command) -> Worker<S> {
        let is_known = self.commands.insert(J::KIND.to_owned(), command.0).is_some();
        if is_known || self.handlers.has(J::KIND) {
            self.duplicate.get_or_insert_with(|| J::KIND.to_owned());
        }
        self.contracts.insert(J::KIND, J::contract().to_json());
        self
    }

    /// Puts a function around every run of a handler: for timing, tracing, or what all of them need. The first is outermost.
    ///
    /// ```
    /// use backstay::{Ctx, Fail, Next, Output, Worker};
    ///
    /// async fn timed(ctx: Ctx, next: Next) -> Result<Output, Fail> {
    ///     let (kind, began) = (ctx.info().kind.clone(), std::time::Instant::now());
    ///     let done = next.run(ctx).await;
    ///     println!("{kind} took {:?}", began.elapsed());
    ///     done
    /// }
    ///
    /// let worker = Worker::without_state().around(timed);
    /// # drop(worker);
    /// ```
    pub fn around<F, Fut>(mut self, around: F) -> Worker<S>
    where
        F: Fn(Ctx, Next) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Output, Fail>> + Send + 'static,
    {
        self.handlers.surround(Arc::new(move |ctx, next| Box::pin(around(ctx, next))));
        self
    }

    /// Adds an alert channel of your own; every alert goes to it unless routes say otherwise.
    pub fn channel(mut self, name: impl Into<String>, channel: impl Deliver) -> Worker<S> {
        self.channels.by_name.insert(name.into(), Arc::new(channel));
        self
    }

    /// Adds many channels, such as those that `backstay_alert::channels` makes of the settings.
    pub fn channels(mut self, channels: Channels) -> Worker<S> {
        self.channels.by_name.extend(channels.by_name);
        self
    }

    /// Checks what was put together.
    ///
    /// # Errors
    ///
    /// BS405 for a kind that is handled twice, BS404 for a queue that is not served, BS4xx for settings that make no sense.
    pub fn build(self) -> Result<Worker<S>, BuildError> {
        if let Some(kind) = self.duplicate {
            return Err(BuildError::Duplicate(kind));
        }
        let settings = Settings::from_value(&self.tree()).map_err(BuildError::Settings)?;
        for kind in &settings.kinds {
            let Some(queue) = &kind.queue else { continue };
            if !settings.queues.iter().any(|served| served.name == *queue) {
                return Err(BuildError::UnknownQueue {
                    kind: kind.name.clone(),
                    queue: queue.clone(),
                });
            }
        }
        Ok(self)
    }

    /// The settings that the code declares, as a tree over which a file may be laid.
    pub fn tree(&self) -> Value {
        let mut tree = Value::empty();
        let mut lay = |path: &[&str], json: serde_json::Value| {
            tree.lay(path, Value::from_json(&json, &Origin::Contract))
        };
        for queue in &self.queues {
            lay(&["queues", &queue.name, "slots"], queue.slots.unwrap_or(4).into());
            for (key, value) in &queue.keys {
                lay(&["queues", &queue.name, key], value.as_str().into());
            }
        }
        for (kind, contract) in &self.contracts {
            lay(&["kinds", kind], contract.clone());
            if self.queues.is_empty() {
                let home =
                    contract.get("queue").and_then(serde_json::Value::as_str).unwrap_or("default");
                lay(&["queues", home, "slots"], 4.into());
            }
        }
        tree
    }

    /// Leaves out the kinds that programs run.
    #[cfg(feature = "testing")]
    pub(crate) fn without_commands(mut self) -> Worker<S> {
        self.commands.clear();
        self
    }

    /// The kinds that it can run.
    #[cfg(feature = "testing")]
    pub(crate) fn kinds(&self) -> Vec<String> {
        let rust = self.handlers.kinds().map(str::to_owned);
        rust.chain(self.commands.keys().cloned()).collect()
    }

    #[cfg(feature = "testing")]
    pub(crate) fn handlers(&self) -> &Handlers<S> {
        &self.handlers
    }

    /// Serves jobs where this process is a child of a worker ([`crate::is_child`]), and never returns there.
    pub async fn serve(&self) {
        if let Some(link) = host::take_link() {
            host::serve(link, self.handlers.clone(), (self.connect)()).await;
        }
    }

    /// Starts with the settings that the code declares.
    ///
    /// In a child of a worker it serves jobs and never returns; so nothing that binds a port may stand before it.
    ///
    /// # Errors
    ///
    /// BS5xx from the database, BS604 when handlers do not boot or [`crate::enter`] did not come first.
    pub async fn start(self, database: &Database) -> Result<Running, StartError> {
        let settings = Settings::from_value(&self.tree())
            .map_err(|faults| StartError::State(BuildError::Settings(faults).to_string()))?;
        self.start_with(database, settings).await
    }

    /// Starts with settings that were read elsewhere.
    ///
    /// # Errors
    ///
    /// As [`Worker::start`].
    pub async fn start_with(
        self,
        database: &Database,
        settings: Settings,
    ) -> Result<Running, StartError> {
        self.start_allowed(database, settings, Allowance::All).await
    }

    /// Starts a worker that claims no more than it is allowed to.
    pub(crate) async fn start_allowed(
        self,
        database: &Database,
        settings: Settings,
        allowance: Allowance,
    ) -> Result<Running, StartError> {
        self.serve().await;
        let id = control::fresh_id();
        let (requests, asked) = requests::channel();
        let (tails, keeper) = tail::channel(&settings);
        let (draining_sender, draining) = watch::channel(false);
        let (finished_sender, finished) = mpsc::channel(FINISHED);
        let mut setting = Setting {
            worker: &self,
            settings: &settings,
            launcher: None,
            threads: None,
            inline: None,
        };
        let mut queues = HashMap::new();
        for queue in &settings.queues {
            let ways = setting.ways(queue).await?;
            queues.insert(
                queue.name.clone(),
                QueueWays {
                    grace: queue.grace,
                    timeout: queue.timeout,
                    snooze_max: i16::try_from(queue.snooze_max).unwrap_or(i16::MAX),
                    ways,
                },
            );
        }
        let (launcher, threads) = (setting.launcher.take(), setting.threads.take());
        let is_lean = |kind: &&KindSettings| matches!(kind.history, History::Lean);
        let runner = Runner {
            queues,
            lean: settings.kinds.iter().filter(is_lean).map(|kind| kind.name.clone()).collect(),
            kind_timeouts: settings
                .kinds
                .iter()
                .filter_map(|kind| Some((kind.name.clone(), kind.timeout?)))
                .collect(),
            launcher,
            requests,
            tails,
            draining,
            finished: finished_sender,
            home: OnceLock::new(),
        };
        let mut channels = self.channels.clone();
        channels.routes.clone_from(&settings.alerts.routes);
        channels.quiet = Some(settings.alerts.quiet);
        channels.environment.clone_from(&settings.environment);
        let level = if runner.launcher.is_some() { "process" } else { "inline" }.to_owned();
        super::start(
            id,
            Parts {
                database: database.clone(),
                settings,
                runner,
                finished,
                asked,
                keeper,
                draining: draining_sender,
                threads,
                channels,
                level,
                allowance,
            },
        )
        .await
    }
}

/// What is built once for all queues while their ways are found.
struct Setting<'a, S> {
    worker: &'a Worker<S>,
    settings: &'a Settings,
    launcher: Option<Launcher>,
    threads: Option<InlineThreads>,
    inline: Option<Inline>,
}

impl<S: Clone + Send + Sync + 'static> Setting<'_, S> {
    /// How each kind runs in this queue; what boots is booted, before anything is claimed.
    async fn ways(&mut self, queue: &QueueSettings) -> Result<HashMap<String, Way>, StartError> {
        let mut ways = HashMap::new();
        let mut rust: Vec<(Isolation, Way)> = Vec::new();
        for kind in self.worker.handlers.kinds() {
            let own = self.settings.kinds.iter().find(|declared| declared.name == kind);
            let isolation = own.and_then(|declared| declared.isolation).unwrap_or(queue.isolation);
            let way = match rust.iter().find(|(known, _)| *known == isolation) {
                Some((_, way)) => way.clone(),
                None => {
                    let way = self.rust_way(queue, isolation).await?;
                    rust.push((isolation, way.clone()));
                    way
                }
            };
            ways.insert(kind.to_owned(), way);
        }
        let plain = EnvSettings::default();
        for (kind, argv) in &self.worker.commands {
            let way = self.command_way(queue, argv.clone(), None, &plain).await?;
            ways.insert(kind.clone(), way);
        }
        for kind in &self.settings.kinds {
            let Some(crate::model::config::Runner::Command(argv)) = &kind.runner else { continue };
            let way = self.command_way(queue, argv.clone(), kind.dir.clone(), &kind.env).await?;
            ways.insert(kind.name.clone(), way);
        }
        Ok(ways)
    }

    async fn rust_way(
        &mut self,
        queue: &QueueSettings,
        isolation: Isolation,
    ) -> Result<Way, StartError> {
        if isolation == Isolation::Inline {
            return Ok(Way::Inline(self.inline().await?));
        }
        let jobs = if isolation == Isolation::Fresh { 1 } else { queue.recycle.jobs };
        let limits = PoolLimits {
            size: usize::from(queue.slots),
            boot: queue.boot,
            recycle_jobs: jobs,
            recycle_age: queue.recycle.age,
            ..PoolLimits::default()
        };
        let pool = Pool::new(self.launcher()?, program::this_binary(), limits);
        boot(&pool, queue).await?;
        Ok(Way::Child(pool))
    }

    async fn command_way(
        &mut self,
        queue: &QueueSettings,
        argv: Vec<String>,
        dir: Option<std::path::PathBuf>,
        env: &EnvSettings,
    ) -> Result<Way, StartError> {
        let limits = PoolLimits {
            size: usize::from(queue.slots),
            boot: queue.boot,
            ..PoolLimits::default()
        };
        let program = program::command(argv, dir.or_else(|| queue.dir.clone()), &[&queue.env, env]);
        let pool = Pool::new(self.launcher()?, program, limits);
        boot(&pool, queue).await?;
        Ok(Way::Child(pool))
    }

    fn launcher(&mut self) -> Result<Launcher, StartError> {
        // A child begins as this binary: without `enter` it would run the whole program again.
        if !host::was_entered() {
            return Err(StartError::NotEntered);
        }
        if let Some(launcher) = &self.launcher {
            return Ok(launcher.clone());
        }
        Ok(self.launcher.insert(Launcher::start()?).clone())
    }

    async fn inline(&mut self) -> Result<Inline, StartError> {
        if let Some(inline) = &self.inline {
            return Ok(inline.clone());
        }
        let threads = InlineThreads::start()?;
        let state = threads
            .build((self.worker.connect)())
            .await
            .map_err(|error| StartError::State(error.to_string()))?;
        let state = state.map_err(|error| StartError::State(error.to_string()))?;
        let inline = threads.runner(self.worker.handlers.clone(), state);
        self.threads = Some(threads);
        Ok(self.inline.insert(inline).clone())
    }
}

async fn boot(pool: &Pool, queue: &QueueSettings) -> Result<(), StartError> {
    let failed = |failed: backstay_isolate::BootFailed| {
        let tail = failed.stderr.trim();
        let message = if tail.is_empty() {
            failed.message.clone()
        } else {
            format!("{}: {tail}", failed.message)
        };
        StartError::Boot { queue: queue.name.clone(), message, code: failed.code }
    };
    pool.boot().await.map(drop).map_err(failed)
}
