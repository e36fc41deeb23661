//! The threads of a supervisor through which all its children are started, heard, watched and ended.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak, mpsc};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::watch as state;

use crate::cgroup::Groups;
use crate::level::{Level, LevelName};
use crate::pulse::{Guard, Pulse, Pulses};
use crate::scratch::{self, ScratchRoot};
use crate::shim::hold::boot_ms;
use crate::spawn::{self, SpawnOrder};
use crate::watch::Watch;

/// A signal that reaches a child this soon after one to the supervisor had the same sender.
const SAME_SENDER: Duration = Duration::from_secs(2);

/// Whoever signals all processes of a service reaches a child before its supervisor at times, but not by more.
const SUPERVISOR_LATER: Duration = Duration::from_millis(300);

/// How long [`Launcher::stop`] waits: a sweep takes at most 2 s, a shim that hangs 3 s more.
const STOP: Duration = Duration::from_secs(6);

/// Between looks at whether a lost level is there again: at first, and at most.
const REGAIN: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(60)];

/// Starts and ends children, with threads that spawn, talk, watch and measure; one per process is enough.
///
/// When the last clone and the last pool are gone, the threads end, and with them all children.
#[derive(Clone)]
pub struct Launcher {
    pub(crate) shared: Arc<Shared>,
}

/// What pools and children share.
pub(crate) struct Shared {
    spawner: mpsc::Sender<SpawnOrder>,
    pipes: Handle,
    pub(crate) scratch: ScratchRoot,
    level: Level,
    pub(crate) groups: Option<Groups>,
    /// Why children cannot be held any more as the level says.
    lost: state::Sender<Option<String>>,
    pub(crate) watch: Arc<Watch>,
    /// Children whose shims are not reaped yet.
    alive: state::Sender<usize>,
    stopping: state::Sender<bool>,
    stop_noted: state::Sender<Option<Instant>>,
    names: OnceLock<Names>,
    /// Until when held children may run, in milliseconds on CLOCK_BOOTTIME; nothing before the first word.
    holds: state::Sender<Option<u64>>,
    pulses: Arc<Pulses>,
}

/// How children are called.
struct Names {
    variable: String,
    prefix: String,
    count: AtomicU64,
}

/// How a launcher is started.
#[derive(Clone, Debug, Default)]
pub struct LauncherOptions {
    /// Where scratch folders are made; one that is not there is made for its owner alone, one that is there must be
    /// the caller's own. Default: [`crate::scratch_default`], which may be shared.
    pub scratch_dir: Option<PathBuf>,
    /// The least that the host must grant; default: whatever it grants.
    pub require: Option<LevelName>,
    /// What all children together may hold in memory, in bytes; default: as much as each may. Held at level `cgroup`.
    pub jobs_memory_bytes: Option<u64>,
}

/// Why no children can be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LauncherError {
    /// The host does not grant the level that is required (BS601).
    #[error("level `cgroup` is required, but not granted: {why}")]
    Level {
        /// What stands against it.
        why: String,
        /// How to get it here, in one line.
        advice: &'static str,
    },
    /// The folder for scratch folders cannot be used.
    #[error("scratch folders cannot be made below `{}`: {why}", place.display())]
    Scratch {
        /// Which.
        place: PathBuf,
        /// What stands against it.
        why: String,
    },
    /// A thread cannot be made.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl LauncherError {
    /// Gives the stable code, if there is one.
    pub fn code(&self) -> Option<&'static str> {
        match self {
            LauncherError::Level { .. } => Some("BS601"),
            LauncherError::Scratch { .. } | LauncherError::Io(_) => None,
        }
    }
}

impl Launcher {
    /// Starts the threads, with the usual options.
    ///
    /// # Errors
    /// When a thread or the scratch folder cannot be made.
    pub fn start() -> Result<Launcher, LauncherError> {
        Launcher::start_with(LauncherOptions::default())
    }

    /// Starts the threads, and finds out how exactly limits can be held here.
    ///
    /// # Errors
    /// [`LauncherError`], also where the host does not grant the level that is asked for.
    pub fn start_with(options: LauncherOptions) -> Result<Launcher, LauncherError> {
        let scratch = scratch_root(options.scratch_dir)?;
        let groups = Groups::prepare(options.jobs_memory_bytes);
        let level = match &groups {
            Ok(groups) => Level::cgroup(groups),
            Err(why) => Level::rlimit(why),
        };
        if options.require == Some(LevelName::Cgroup) && level.name != LevelName::Cgroup {
            scratch.remove();
            return Err(LauncherError::Level {
                why: level.why.unwrap_or_default(),
                advice: level.advice.unwrap_or_default(),
            });
        }
        Ok(Launcher::start_at(scratch, level, groups.ok())?)
    }

    fn start_at(
        scratch: ScratchRoot,
        level: Level,
        groups: Option<Groups>,
    ) -> io::Result<Launcher> {
        // Bounded by use: each child waits for the answer to its one order.
        let (spawner, orders) = mpsc::channel();
        let (stopping, mut stopped) = state::channel(false);
        let (alive, _) = state::channel(0);
        let pulses = Arc::<Pulses>::default();
        let guard =
            Guard { pulses: pulses.clone(), stopping: stopping.clone(), alive: alive.subscribe() };
        std::thread::Builder::new()
            .name("backstay-spawn".into())
            .spawn(move || spawn::spawner(orders, guard))?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let pipes = runtime.handle().clone();
        std::thread::Builder::new().name("backstay-pipes".into()).spawn(move || {
            runtime.block_on(async { while stopped.changed().await.is_ok() {} });
            // A folder that takes long to remove must not hold the process.
            runtime.shutdown_background();
        })?;
        let (stop_noted, _) = state::channel(None);
        let (lost, _) = state::channel(None);
        let (watch, names) = (Watch::start()?, OnceLock::new());
        let (holds, _) = state::channel(None);
        let shared = Shared {
            spawner,
            pipes,
            scratch,
            level,
            groups,
            lost,
            watch,
            alive,
            stopping,
            stop_noted,
            names,
            holds,
            pulses,
        };
        Ok(Launcher { shared: Arc::new(shared) })
    }

    /// Says how exactly limits are held here.
    pub fn level(&self) -> &Level {
        &self.shared.level
    }

    /// Tells why children cannot be held any more as [`Launcher::level`] says, from when that is until it is over;
    /// meanwhile none is started, and attempts end as `boot_failed`.
    pub fn level_lost(&self) -> state::Receiver<Option<String>> {
        self.shared.lost.subscribe()
    }

    /// Notes that this supervisor plans with all the memory there is, and counts the other processes with the same scratch
    /// folder that do so, too: together they would use it more than once.
    ///
    /// # Errors
    /// When the note cannot be left in the scratch folder.
    pub fn claim_memory(&self) -> io::Result<usize> {
        self.shared.scratch.claim_memory()
    }

    /// Gives each child from now on a name of its own, `prefix` and a number, in a variable of its environment unless
    /// its program has that already; so that what it leaves elsewhere can be told from all else. Said once.
    pub fn name_children(&self, variable: impl Into<String>, prefix: impl Into<String>) {
        let (variable, prefix) = (variable.into(), prefix.into());
        // Said twice, the first holds.
        let _known = self.shared.names.set(Names { variable, prefix, count: AtomicU64::new(1) });
    }

    /// Lets the children of pools with `held` run for so long from now on. Their shims kill them when it is over, also
    /// where this process stands still or the whole host has slept; such attempts end as `stale`.
    pub fn hold(&self, time: Duration) {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.shared.holds.send_replace(Some(boot_ms().saturating_add(ms)));
    }

    /// Watches a thread that must never stand still: one that does not [`Pulse::beat`] for `most`, in whole seconds, is a
    /// bug that nothing in this process can mend. All children are killed then, and the process exits with 70.
    pub fn pulse(&self, name: &'static str, most: Duration) -> Pulse {
        self.shared.pulses.add(name, most)
    }

    /// Notes that the supervisor was told to stop: signals that reach children within the next 2 s, or just before,
    /// then count as interruptions, since a terminal or a service manager signals all at once.
    pub fn note_stop_signal(&self) {
        self.shared.stop_noted.send_replace(Some(Instant::now()));
    }

    /// Kills all children with their trees at once and waits until they are gone, at most 6 s;
    /// attempts under way end as `interrupted`, later ones do not start.
    pub async fn stop(&self) {
        self.shared.stopping.send_replace(true);
        let mut alive = self.shared.alive.subscribe();
        let gone = alive.wait_for(|alive| *alive == 0);
        if tokio::time::timeout(STOP, gone).await.is_err() {
            tracing::error!("children could not be ended within 6 s");
        }
        self.shared.scratch.remove();
    }
}

fn scratch_root(place: Option<PathBuf>) -> Result<ScratchRoot, LauncherError> {
    let named = place.as_deref().map_or(Ok(()), scratch::claim);
    let place = place.unwrap_or_else(scratch::scratch_default);
    named
        .and_then(|()| ScratchRoot::make(&place))
        .map_err(|error| LauncherError::Scratch { place, why: error.to_string() })
}

impl Shared {
    pub(crate) fn spawn_shim(&self, order: SpawnOrder) -> io::Result<()> {
        self.spawner.send(order).map_err(|_| io::Error::other("the spawner thread is gone"))
    }

    /// A control group could not be made or entered: whoever starts children is told, and it is tried again.
    pub(crate) fn lose_level(self: &Arc<Self>, why: &str) {
        let lose = |lost: &mut Option<String>| lost.is_none() && lost.replace(why.into()).is_none();
        if self.lost.send_if_modified(lose) {
            self.pipes.spawn(regain(Arc::downgrade(self)));
        }
    }

    /// Children that do not start are no fault of their program now.
    pub(crate) fn has_lost_level(&self) -> bool {
        self.lost.borrow().is_some()
    }

    /// Names a child in its environment; none where nobody asked for names, or its program has one.
    pub(crate) fn name(&self, env: &mut Vec<(String, String)>) -> Option<String> {
        let names = self.names.get()?;
        if env.iter().any(|(variable, _)| *variable == names.variable) {
            return None;
        }
        let number = names.count.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}{number}", names.prefix);
        env.push((names.variable.clone(), name.clone()));
        Some(name)
    }

    /// Runs the conversation with one child on the pipes thread.
    pub(crate) fn converse(self: &Arc<Self>, life: impl Future<Output = ()> + Send + 'static) {
        self.alive.send_modify(|alive| *alive += 1);
        let counted = Counted(self.clone());
        // In a box, since a block holds what it awaits twice: as it came, and as it runs.
        let life = Box::pin(life);
        self.pipes.spawn(async move {
            life.await;
            drop(counted);
        });
    }

    /// Runs something beside the children that ends by itself.
    pub(crate) fn look_after(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.pipes.spawn(work);
    }

    /// Runs something that may block for long.
    pub(crate) fn aside(&self, work: impl FnOnce() + Send + 'static) {
        self.pipes.spawn_blocking(work);
    }

    pub(crate) fn holds(&self) -> state::Receiver<Option<u64>> {
        self.holds.subscribe()
    }

    pub(crate) fn stopping(&self) -> state::Receiver<bool> {
        self.stopping.subscribe()
    }

    pub(crate) fn stop_was_noted(&self) -> bool {
        self.stop_noted.borrow().is_some_and(|at| at.elapsed() < SAME_SENDER)
    }

    /// A child was ended by a signal as service managers send it: waits a moment for the supervisor to be told as well.
    pub(crate) async fn await_stop_note(&self) {
        let mut noted = self.stop_noted.subscribe();
        let fresh = |at: &Option<Instant>| at.is_some_and(|at| at.elapsed() < SAME_SENDER);
        // Nobody has told it: then the signal was meant for the child.
        let _alone = tokio::time::timeout(SUPERVISOR_LATER, noted.wait_for(fresh)).await;
    }
}

/// Tries until a group can be made as for a child.
async fn regain(shared: Weak<Shared>) {
    let [mut pause, most] = REGAIN;
    loop {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(most);
        let Some(shared) = shared.upgrade() else { return };
        let trial = shared.clone();
        // Making and removing a group may wait for others.
        let tried = tokio::task::spawn_blocking(move || trial.groups.as_ref().map(Groups::probe));
        if let Ok(None | Some(Ok(()))) = tried.await {
            shared.lost.send_replace(None);
            return;
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.watch.close();
        if let Some(groups) = &self.groups {
            groups.close();
        }
        self.scratch.remove();
    }
}

/// Counts a child as long as its life is not over, also if that ends in a panic.
struct Counted(Arc<Shared>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.alive.send_modify(|alive| *alive -= 1);
    }
}

impl fmt::Debug for Launcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Launcher").field("alive", &*self.shared.alive.borrow()).finish()
    }
}
