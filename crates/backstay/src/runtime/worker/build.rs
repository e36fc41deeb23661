//! Puts a worker together: handlers, queues, commands, channels; and serves as its child.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::backends::{self, Backends};
use super::lines::Lines;
use super::program::Access;
use super::queue::{Command, Http, Queue};
use super::runner::Runner;
use super::running::Running;
use super::samples::Samples;
use super::schedule::{Cron, Schedule};
use super::start::{self, Parts, StartError};
use super::ways::{Connect, Setting, StateError};
use super::{Allowance, FINISHED, bulkhead, control, memory, requests, tail};
use crate::model::claim::JobInfo;
use crate::model::config::{Fault, History, KindSettings, Origin, Settings, Value};
use crate::model::request::{Job, Request, RequestError};
use crate::runtime::around::Next;
use crate::runtime::context::Ctx;
use crate::runtime::deliver::{Channels, Deliver};
use crate::runtime::fail::{Fail, Output};
use crate::runtime::figures::Tally;
use crate::runtime::handler::{Handler, Handlers};
use crate::runtime::host;
use crate::runtime::push::Pushes;
use crate::runtime::trace::{Traced, Tracer};
use crate::store::database::Database;

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
    /// Two schedules of one name.
    #[error("the schedule `{0}` is declared twice; rename one of them")]
    DuplicateSchedule(String),
    /// A schedule whose job cannot be written as JSON.
    #[error("the job of schedule `{schedule}`: {error}")]
    Schedule {
        /// Which schedule.
        schedule: String,
        /// What is wrong with its job.
        error: RequestError,
    },
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
            BuildError::Duplicate(_) | BuildError::DuplicateSchedule(_) => "BS405",
            BuildError::Schedule { error: RequestError::Args(_), .. } => "BS104",
            BuildError::Schedule { .. } => "BS102",
            BuildError::UnknownQueue { .. } => "BS404",
            BuildError::Settings(faults) => faults.first().map_or("BS402", |fault| fault.code),
        }
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
    addresses: BTreeMap<&'static str, Http>,
    queues: Vec<Queue>,
    schedules: Vec<Schedule>,
    channels: Channels,
    pushes: Pushes,
    tracer: Option<Tracer>,
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
    ///
    /// ```
    /// use backstay::{Command, Job, Queue, Worker};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, Job)]
    /// #[job(kind = "render")]
    /// struct Render { page: u32 }
    ///
    /// #[derive(Clone)]
    /// struct App { greeting: String }
    ///
    /// let connect = async || Ok::<_, std::env::VarError>(App { greeting: std::env::var("GREETING")? });
    /// let worker = Worker::new(connect)
    ///     .queue(Queue::new("default").slots(2))
    ///     .command::<Render>(Command::new("node").arg("render.js"))
    ///     .build()
    ///     .unwrap();
    /// # drop(worker);
    /// ```
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
            addresses: BTreeMap::new(),
            queues: Vec::new(),
            schedules: Vec::new(),
            channels: Channels::default(),
            pushes: Pushes::new(),
            tracer: None,
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
        let is_known = self.has(H::Job::KIND) || !self.handlers.add(handler);
        self.declare::<H::Job>(is_known);
        self
    }

    /// Runs the jobs of a kind by a program.
    pub fn command<J: Job>(mut self, command: Command) -> Worker<S> {
        let is_known = self.has(J::KIND);
        self.commands.insert(J::KIND.to_owned(), command.0);
        self.declare::<J>(is_known);
        self
    }

    /// Sends the jobs of a kind to an address.
    pub fn http<J: Job>(mut self, address: Http) -> Worker<S> {
        let is_known = self.has(J::KIND);
        self.addresses.insert(J::KIND, address);
        self.declare::<J>(is_known);
        self
    }

    fn has(&self, kind: &str) -> bool {
        self.handlers.has(kind)
            || self.commands.contains_key(kind)
            || self.addresses.contains_key(kind)
    }

    fn declare<J: Job>(&mut self, is_known: bool) {
        if is_known {
            self.duplicate.get_or_insert_with(|| J::KIND.to_owned());
        }
        self.contracts.insert(J::KIND, J::contract().to_json());
    }

    /// Enqueues a job again and again, each tick at most once however many workers run; the file's `[cron.NAME]` wins over it.
    ///
    /// ```
    /// use backstay::{Cron, Job, Missed, Options, Overlap, Priority, Request, Worker};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, Job)]
    /// #[job(kind = "digest")]
    /// struct Digest { user: u32 }
    ///
    /// let daily = Cron::new("digest", "0 6 * * *").zone("Europe/Paris").missed(Missed::Once).overlap(Overlap::Skip);
    /// let low = Request::from(Digest { user: 1 }).with(Options::new().priority(Priority::LOW));
    /// let worker = Worker::without_state()
    ///     .cron(daily, Digest { user: 0 })
    ///     .cron(Cron::new("digest-of-one", "@weekly"), low)
    ///     .build();
    /// assert!(worker.is_ok());
    /// ```
    pub fn cron(mut self, cron: Cron, job: impl Into<Request>) -> Worker<S> {
        self.schedules.push(Schedule { cron, job: job.into() });
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

    /// Adds an alert channel of your own ([`Deliver`] shows one); every alert goes to it unless routes say otherwise.
    pub fn channel(mut self, name: impl Into<String>, channel: impl Deliver) -> Worker<S> {
        self.channels.by_name.insert(name.into(), Arc::new(channel));
        self
    }

    /// Adds many channels and the dead-man's switch, such as `backstay_alert::channels` makes them of the settings.
    pub fn channels(mut self, channels: Channels) -> Worker<S> {
        self.channels.by_name.extend(channels.by_name);
        self.channels.dead_man = channels.dead_man.or(self.channels.dead_man);
        self
    }

    /// Adds what sends the attempts of kinds whose settings name an address ([`Push`](crate::Push) shows one), such as
    /// `backstay_alert::pushes` makes of them.
    pub fn pushes(mut self, pushes: Pushes) -> Worker<S> {
        self.pushes.extend(pushes);
        self
    }

    /// Tells a tracing system of each attempt: `begin` is called as one begins, with its job and how long that stood in line,
    /// and says what its handler gets for a trace ([`Traced`]); or nothing, and the attempt is not traced. It is called on the
    /// thread that claims, so it must not block. A later call takes the place of an earlier one.
    ///
    /// ```
    /// use backstay::{AttemptEnd, Traced, Worker};
    ///
    /// let worker = Worker::without_state().trace(|job, waited| {
    ///     println!("{} begins after {waited:?} in line", job.id);
    ///     let trace = format!("00-{:032x}-{:016x}-01", job.id, job.attempt);
    ///     Some(Traced { trace, end: Box::new(|end: &AttemptEnd| println!("{}", end.outcome)) })
    /// });
    /// # drop(worker);
    /// ```
    pub fn trace(
        mut self,
        begin: impl Fn(&JobInfo, Duration) -> Option<Traced> + Send + Sync + 'static,
    ) -> Worker<S> {
        self.tracer = Some(Arc::new(begin));
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
        check_schedules(&self.schedules)?;
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
    ///
    /// ```no_run
    /// use backstay::config::{Origin, Settings, Value};
    /// use backstay::{Database, Worker};
    ///
    /// # async fn example(worker: Worker<()>) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut tree = worker.tree();
    /// let slots = Value::text("16", Origin::Env("SLOTS".into()));
    /// tree.lay(&["queues", "default", "slots"], slots);
    /// let settings = Settings::from_value(&tree).map_err(|faults| faults[0].to_string())?;
    /// let database = Database::connect("postgres://worker@localhost/shop").await?;
    /// worker.start_with(&database, settings).await?.join().await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn tree(&self) -> Value {
        let mut tree = Value::empty();
        let mut lay = |path: &[&str], json: serde_json::Value| {
            tree.lay(path, Value::from_json(&json, &Origin::Contract))
        };
        for queue in &self.queues {
            lay(&["queues", &queue.name, "slots"], queue.slots.unwrap_or(4).into());
            for (key, value) in &queue.keys {
                lay(&["queues", &queue.name, key], value.clone());
            }
        }
        for schedule in &self.schedules {
            lay(&["cron", &schedule.cron.name], schedule.to_json());
        }
        for (kind, contract) in &self.contracts {
            lay(&["kinds", kind], contract.clone());
            if let Some(address) = self.addresses.get(kind) {
                lay(&["kinds", kind, "http"], address.to_json());
            }
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
        let sent = self.addresses.keys().map(|kind| (*kind).to_owned());
        rust.chain(self.commands.keys().cloned()).chain(sent).collect()
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
        let plan = memory::plan(&settings).map_err(StartError::Memory)?;
        let id = control::fresh_id();
        let (requests, asked) = requests::channel();
        let (tails, keeper) = tail::channel(&settings);
        let (draining_sender, draining) = watch::channel(false);
        let (finished_sender, finished) = mpsc::channel(FINISHED);
        let tally = Tally::default();
        let mut setting = Setting {
            handlers: &self.handlers,
            connect: &self.connect,
            commands: &self.commands,
            settings: &settings,
            access: Access::of(&settings),
            names: backends::prefix(id),
            plan,
            worker: id,
            sound: 0,
            failed: None,
            launcher: None,
            sets: HashMap::new(),
            threads: None,
            inline: None,
            pushes: &self.pushes,
            push_thread: None,
            tally: tally.clone(),
        };
        let queues = setting.queues().await?;
        let (launcher, threads) = (setting.launcher.take(), setting.threads.take());
        let push_thread = setting.push_thread.take();
        let is_lean = |kind: &&KindSettings| matches!(kind.history, History::Lean);
        let runner = Runner {
            queues,
            announced: watch::Sender::default(),
            lean: settings.kinds.iter().filter(is_lean).map(|kind| kind.name.clone()).collect(),
            kind_timeouts: settings
                .kinds
                .iter()
                .filter_map(|kind| Some((kind.name.clone(), kind.timeout?)))
                .collect(),
            own: bulkhead::OwnTerms::default(),
            launcher,
            container: backstay_isolate::Container::look(),
            lines: Arc::new(Lines {
                requests,
                tails,
                backends: Backends::new(),
                samples: Samples::default(),
                draining,
                finished: finished_sender,
            }),
            home: OnceLock::new(),
            tally,
            tracer: self.tracer.clone(),
        };
        let channels = self.channels_of(&settings);
        start::start(
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
                push_thread,
                channels,
                allowance,
                memory: plan,
            },
        )
        .await
    }

    /// The channels, with what the settings say about who gets what.
    fn channels_of(&self, settings: &Settings) -> Channels {
        let mut channels = self.channels.clone();
        channels.routes.clone_from(&settings.alerts.routes);
        channels.quiet = Some(settings.alerts.quiet);
        channels.environment.clone_from(&settings.environment);
        channels
    }
}

/// Each name once, and each job can be written down.
fn check_schedules(schedules: &[Schedule]) -> Result<(), BuildError> {
    for (n, schedule) in schedules.iter().enumerate() {
        let name = &schedule.cron.name;
        if schedules[..n].iter().any(|earlier| earlier.cron.name == *name) {
            return Err(BuildError::DuplicateSchedule(name.clone()));
        }
        let job = schedule.job.args().map(drop).and(schedule.job.options().map(drop));
        job.map_err(|error| BuildError::Schedule { schedule: name.clone(), error })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use super::*;
    use crate::runtime::deliver::{DeliverError, Ping};

    struct Switch;

    impl Ping for Switch {
        fn ping<'a>(
            &'a self,
        ) -> Pin<Box<dyn Future<Output = Result<(), DeliverError>> + Send + 'a>> {
            Box::pin(async { Ok(()) })
        }
    }

    #[test]
    fn the_switch_that_comes_with_channels_is_the_workers_and_stays_with_those_that_bring_none() {
        let settings = Settings::from_value(&Value::empty()).unwrap();
        let switch = || Channels { dead_man: Some(Arc::new(Switch)), ..Channels::default() };
        let worker = Worker::without_state().channels(switch()).channels(Channels::default());
        assert!(worker.channels_of(&settings).dead_man.is_some());
        let none = Worker::without_state().channels(Channels::default());
        assert!(none.channels_of(&settings).dead_man.is_none());
    }
}
