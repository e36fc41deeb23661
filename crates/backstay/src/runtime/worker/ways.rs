//! How each kind runs in each queue; what boots is booted before anything is claimed.

mod serve;

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;

use backstay_isolate::{Entry, Launcher, LauncherOptions, LevelName, Pool, PoolLimits, PoolSet};
use uuid::Uuid;

use super::backends;
use super::bulkhead;
use super::children;
use super::memory::Plan;
use super::program::{self, Access};
use super::runner::QueueWays;
use super::served::Served;
use super::start::StartError;
use super::way::Way;
use crate::model::config::{
    EnvSettings, Isolation, Memory, QueueSettings, RequireLevel, Runner, Settings,
};
use crate::model::event::{self, Event};
use crate::model::limits::Limits;
use crate::runtime::figures::Tally;
use crate::runtime::handler::Handlers;
use crate::runtime::inline::{Inline, InlineThreads};
use crate::runtime::push::{PushThread, Pushes};

pub(super) type StateError = Box<dyn Error + Send + Sync>;
pub(super) type Building<S> = Pin<Box<dyn Future<Output = Result<S, StateError>> + Send>>;
/// Builds the state of the handlers, in the process that runs them.
pub(super) type Connect<S> = Arc<dyn Fn() -> Building<S> + Send + Sync>;

/// What is built once for all queues while their ways are found.
pub(super) struct Setting<'a, S> {
    pub(super) handlers: &'a Handlers<S>,
    pub(super) connect: &'a Connect<S>,
    pub(super) commands: &'a BTreeMap<String, Vec<String>>,
    pub(super) settings: &'a Settings,
    /// How handlers reach their database.
    pub(super) access: Access,
    /// What the names of children begin with.
    pub(super) names: String,
    /// The memory of all jobs, and of one of which nothing is said.
    pub(super) plan: Plan,
    pub(super) worker: Uuid,
    /// Ways whose programs are there, and the first of those that do not boot.
    pub(super) sound: usize,
    pub(super) failed: Option<StartError>,
    pub(super) launcher: Option<Launcher>,
    /// By queue.
    pub(super) sets: HashMap<String, PoolSet>,
    pub(super) threads: Option<InlineThreads>,
    pub(super) inline: Option<Inline>,
    /// What sends attempts, by kind.
    pub(super) pushes: &'a Pushes,
    pub(super) push_thread: Option<PushThread>,
    pub(super) tally: Tally,
}

impl<S: Clone + Send + Sync + 'static> Setting<'_, S> {
    /// All queues with their ways; a worker that could run nothing is refused.
    pub(super) async fn queues(&mut self) -> Result<BTreeMap<String, QueueWays>, StartError> {
        let mut queues = BTreeMap::new();
        let settings = self.settings;
        for queue in &settings.queues {
            let (ways, served) = self.ways(queue).await?;
            let starts = |way: &Way| matches!(way, Way::Child(..));
            let starts_any = served.is_some() || ways.values().any(starts);
            let memory = starts_any
                .then(|| bulkhead::limits(queue, None, self.plan.auto).memory_bytes)
                .flatten();
            let ways = QueueWays {
                grace: queue.grace,
                timeout: queue.timeout,
                timeout_max: queue.timeout_max,
                snooze_max: i16::try_from(queue.snooze_max).unwrap_or(i16::MAX),
                memory,
                ways,
                served,
            };
            queues.insert(queue.name.clone(), ways);
        }
        self.refuse_if_useless()?;
        self.refuse_if_bare()?;
        Ok(queues)
    }

    /// How each kind runs in this queue; what boots is booted, before anything is claimed.
    async fn ways(
        &mut self,
        queue: &QueueSettings,
    ) -> Result<(BTreeMap<String, Way>, Option<Served>), StartError> {
        let mut ways = BTreeMap::new();
        let mut rust: Vec<(Isolation, Limits, Way)> = Vec::new();
        for kind in self.handlers.kinds() {
            let own = self.settings.kinds.iter().find(|declared| declared.name == kind);
            let isolation = own.and_then(|declared| declared.isolation).unwrap_or(queue.isolation);
            let limits = bulkhead::limits(queue, own, self.plan.auto);
            let known = rust.iter().find(|known| (known.0, known.1) == (isolation, limits));
            let way = match known {
                Some((.., way)) => way.clone(),
                None => {
                    let way = self.rust_way(queue, isolation, limits).await?;
                    rust.push((isolation, limits, way.clone()));
                    way
                }
            };
            ways.insert(kind.to_owned(), way);
        }
        let plain = EnvSettings::default();
        for (kind, argv) in self.commands {
            let limits = bulkhead::limits(queue, self.settings.kind(kind), self.plan.auto);
            let way = self.command_way(queue, argv.clone(), None, &plain, limits).await?;
            ways.insert(kind.clone(), way);
        }
        for kind in &self.settings.kinds {
            let way = match &kind.runner {
                Some(Runner::Command(argv)) => {
                    let limits = bulkhead::limits(queue, Some(kind), self.plan.auto);
                    let (argv, dir) = (argv.clone(), kind.dir.clone());
                    self.command_way(queue, argv, dir, &kind.env, limits).await?
                }
                Some(Runner::Serve(argv)) => self.serve_way(queue, kind, argv).await?,
                Some(Runner::Http(_)) => self.push_way(&kind.name)?,
                None => continue,
            };
            if ways.insert(kind.name.clone(), way).is_some() {
                let (kind, queue) = (kind.name.clone(), queue.name.clone());
                return Err(StartError::Duplicate { kind, queue });
            }
        }
        let served = self.served(queue, &ways).await?;
        Ok((ways, served))
    }

    /// Refuses a worker that could run nothing; one of whose programs some do not boot runs the others.
    fn refuse_if_useless(&mut self) -> Result<(), StartError> {
        match self.failed.take() {
            Some(failed) if self.sound == 0 => Err(failed),
            _ => Ok(()),
        }
    }

    async fn rust_way(
        &mut self,
        queue: &QueueSettings,
        isolation: Isolation,
        limits: Limits,
    ) -> Result<Way, StartError> {
        if isolation == Isolation::Inline {
            self.sound += 1;
            return Ok(Way::Inline(self.inline().await?));
        }
        let jobs = if isolation == Isolation::Fresh { 1 } else { queue.recycle.jobs };
        let bounds = PoolLimits { recycle_jobs: jobs, ..bulkhead::of_pool(queue, &limits) };
        let launcher = self.launcher()?;
        let terms = bulkhead::in_force(limits, launcher.level());
        let (set, program) = (self.set(queue), program::this_binary(&self.access));
        let pool = Pool::in_set(launcher, program, bounds, &set);
        self.boot(&pool, queue).await?;
        Ok(Way::Child(pool, terms))
    }

    async fn command_way(
        &mut self,
        queue: &QueueSettings,
        argv: Vec<String>,
        dir: Option<std::path::PathBuf>,
        env: &EnvSettings,
        limits: Limits,
    ) -> Result<Way, StartError> {
        let launcher = self.launcher()?;
        let terms = bulkhead::in_force(limits, launcher.level());
        let dir = dir.or_else(|| queue.dir.clone());
        let program = program::command(argv, dir, &[&queue.env, env], &self.access);
        let bounds = bulkhead::of_pool(queue, &limits);
        let pool = Pool::in_set(launcher, program, bounds, &self.set(queue));
        self.boot(&pool, queue).await?;
        Ok(Way::Child(pool, terms))
    }

    /// What all programs of a queue share.
    fn set(&mut self, queue: &QueueSettings) -> PoolSet {
        self.sets
            .entry(queue.name.clone())
            .or_insert_with(|| children::set(queue, self.tally.clone()))
            .clone()
    }

    fn push_way(&mut self, kind: &str) -> Result<Way, StartError> {
        let Some(target) = self.pushes.get(kind).cloned() else {
            return Err(StartError::NoPush { kind: kind.to_owned() });
        };
        let thread = match &mut self.push_thread {
            Some(thread) => thread,
            none => none.insert(PushThread::start()?),
        };
        self.sound += 1;
        Ok(Way::Push(thread.runner(target)))
    }

    fn launcher(&mut self) -> Result<Launcher, StartError> {
        match backstay_isolate::entry() {
            Entry::First => {}
            Entry::Late => return Err(StartError::EnteredLate),
            Entry::Missing => return Err(StartError::NotEntered),
        }
        if let Some(launcher) = &self.launcher {
            return Ok(launcher.clone());
        }
        let launcher = self.launcher.insert(self.start_launcher()?);
        launcher.name_children(backends::VARIABLE, self.names.as_str());
        Ok(launcher.clone())
    }

    fn start_launcher(&self) -> Result<Launcher, StartError> {
        let worker = &self.settings.worker;
        let place = worker.scratch_dir.clone().unwrap_or_else(backstay_isolate::scratch_default);
        let launcher = Launcher::start_with(LauncherOptions {
            scratch_dir: worker.scratch_dir.clone(),
            require: (worker.require_level == RequireLevel::Cgroup).then_some(LevelName::Cgroup),
            jobs_memory_bytes: Some(self.plan.budget),
        })?;
        let others = match worker.memory_budget {
            Memory::Auto => launcher.claim_memory().unwrap_or(0),
            Memory::Bytes(_) => 0,
        };
        if others > 0 {
            event::emit(&Event::BudgetShared { others: others as u64 });
        }
        if backstay_isolate::scratch_lies_in_memory(&place) {
            event::emit(&Event::ScratchInMemory { place: place.display().to_string() });
        }
        Ok(launcher)
    }

    /// Refuses a worker whose handlers all run inside it where more is required.
    fn refuse_if_bare(&self) -> Result<(), StartError> {
        let required = self.settings.worker.require_level;
        if self.launcher.is_some() || matches!(required, RequireLevel::Any | RequireLevel::Inline) {
            return Ok(());
        }
        // What only sends requests runs no handler here that a level could hold.
        if self.inline.is_none() && self.push_thread.is_some() {
            return Ok(());
        }
        Err(StartError::Level {
            required: required.as_str(),
            why: "all handlers run inside the worker, where nothing holds them".to_owned(),
            advice: "take `isolation = \"inline\"` out, so that handlers run in children",
        })
    }

    async fn inline(&mut self) -> Result<Inline, StartError> {
        if let Some(inline) = &self.inline {
            return Ok(inline.clone());
        }
        let threads = InlineThreads::start()?;
        let state = threads
            .build((self.connect)())
            .await
            .map_err(|error| StartError::State(error.to_string()))?;
        let state = state.map_err(|error| StartError::State(error.to_string()))?;
        let inline = threads.runner(self.handlers.clone(), state);
        self.threads = Some(threads);
        Ok(self.inline.insert(inline).clone())
    }

    /// Boots one child. A program that is not there is refused; one that does not boot is tried again later.
    async fn boot(&mut self, pool: &Pool, queue: &QueueSettings) -> Result<(), StartError> {
        let failed = match pool.boot().await {
            Ok(_) => {
                self.sound += 1;
                return Ok(());
            }
            Err(failed) => failed,
        };
        let tail = failed.stderr.trim();
        let message = if tail.is_empty() {
            failed.message.clone()
        } else {
            format!("{}: {tail}", failed.message)
        };
        let refusal = StartError::Boot { queue: queue.name.clone(), message, code: failed.code };
        if failed.code == NOT_EXECUTABLE {
            return Err(refusal);
        }
        pool.suspend(&failed);
        self.failed.get_or_insert(refusal);
        Ok(())
    }
}

/// No waiting makes such a program appear; whoever starts the worker wants to know at once.
const NOT_EXECUTABLE: &str = "BS603";
