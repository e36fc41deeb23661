//! Warm children of one program: idle, busy, recycled; and fresh processes for commands behind the same door.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::attempt::{EVENTS, Job};
use crate::child::{self, Delivery};
use crate::ending::Ending;
use crate::launcher::{Launcher, Shared};
use crate::output::OutputLimits;
use crate::run::{Order, Report, Run, Stopper};
use crate::spawn::{Argv, Mode, Program, find_program, is_executable};

/// Bounds a pool.
#[derive(Clone, Copy, Debug)]
pub struct PoolLimits {
    /// Attempts at once; default 4, at least 1.
    pub size: usize,
    /// Time until `ready`; default 30 s.
    pub boot: Duration,
    /// Jobs per warm child; default 1,000. With 1 every attempt has a fresh child.
    pub recycle_jobs: u32,
    /// Age of a warm child; default 1 h.
    pub recycle_age: Duration,
    /// What an attempt may print.
    pub output: OutputLimits,
}

impl Default for PoolLimits {
    fn default() -> PoolLimits {
        PoolLimits {
            size: 4,
            boot: Duration::from_secs(30),
            recycle_jobs: 1_000,
            recycle_age: Duration::from_secs(3600),
            output: OutputLimits::default(),
        }
    }
}

/// What a program said when it was ready.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// The kinds that it runs; empty for commands.
    pub kinds: Vec<String>,
    /// Its name for people.
    pub name: Option<String>,
}

/// A program that cannot take jobs.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct BootFailed {
    /// What happened and what to do.
    pub message: String,
    /// The last 16 KiB of its stderr.
    pub stderr: String,
    /// `BS603` (not executable), `BS604` (boot failed) or `BS703` (no common protocol).
    pub code: &'static str,
}

/// Children of one program; cheap to clone. When the last clone is gone, idle children leave.
#[derive(Clone)]
pub struct Pool {
    inner: Arc<Inner>,
}

/// What a pool and its children share; children hold it weakly.
pub(crate) struct Inner {
    pub(crate) launcher: Arc<Shared>,
    pub(crate) program: Program,
    pub(crate) limits: PoolLimits,
    places: Arc<Semaphore>,
    /// At most one per place, and one booted ahead.
    idle: Mutex<Vec<Idle>>,
    count: AtomicU64,
    ready: Mutex<Option<Ready>>,
}

/// An idle child.
pub(crate) struct Idle {
    pub(crate) number: u64,
    pub(crate) door: mpsc::Sender<Delivery>,
}

impl Pool {
    /// Makes a pool without starting anything.
    pub fn new(launcher: Launcher, program: Program, limits: PoolLimits) -> Pool {
        let inner = Inner {
            launcher: launcher.shared,
            program,
            limits,
            places: Arc::new(Semaphore::new(limits.size.clamp(1, Semaphore::MAX_PERMITS))),
            idle: Mutex::new(Vec::new()),
            count: AtomicU64::new(0),
            ready: Mutex::new(None),
        };
        Pool { inner: Arc::new(inner) }
    }

    /// Boots one child, or for a command looks the program up; to be called before the first claim.
    ///
    /// # Errors
    /// [`BootFailed`], at the latest when `boot` is over.
    pub async fn boot(&self) -> Result<Ready, BootFailed> {
        if self.inner.program.mode == Mode::Command {
            return self.inner.look_up();
        }
        if let Some(ready) = self.inner.booted_already() {
            return Ok(ready);
        }
        let (told, ready) = oneshot::channel();
        self.inner.start(None, Some(told));
        ready.await.unwrap_or_else(|_| {
            Err(BootFailed {
                message: "the launcher is stopped".into(),
                stderr: String::new(),
                code: "BS604",
            })
        })
    }

    /// Starts an attempt as soon as fewer than `size` are under way; never fails, since a child that
    /// cannot be started is an ending, too ([`Ending::BootFailed`]).
    ///
    /// # Cancellation
    /// Dropped while it waits for room, nothing was started.
    pub async fn run(&self, order: Order) -> Run {
        // The semaphore is never closed; without a place the order still gets its report.
        let permit = self.inner.places.clone().acquire_owned().await;
        let (events, heard) = mpsc::channel(EVENTS);
        let (report, reported) = oneshot::channel();
        let (told, instructions) = mpsc::unbounded_channel();
        let stopper = Stopper { instructions: told };
        if let Ok(permit) = permit {
            self.inner.dispatch(Job { order, events, report, instructions, permit });
        }
        Run { events: heard, report: reported, stopper }
    }
}

impl Inner {
    /// Gives a job to an idle child, the one used last, or to a new one.
    pub(crate) fn dispatch(self: &Arc<Self>, mut job: Job) {
        while let Some(Idle { door, .. }) = self.pop_idle() {
            let delivery = Delivery { job, door: door.clone() };
            match door.try_send(delivery) {
                Ok(()) => return,
                // It is leaving.
                Err(refused) => job = refused.into_inner().job,
            }
        }
        self.start(Some(job), None);
    }

    fn start(
        self: &Arc<Self>,
        job: Option<Job>,
        ready: Option<oneshot::Sender<Result<Ready, BootFailed>>>,
    ) {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let birth = child::Birth {
            number,
            pool: Arc::downgrade(self),
            launcher: self.launcher.clone(),
            program: self.program.clone(),
            limits: self.limits,
            job,
            ready,
        };
        self.launcher.converse(child::live(birth));
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pop_idle(&self) -> Option<Idle> {
        self.idle().pop()
    }

    pub(crate) fn shelve(&self, idle: Idle) {
        self.idle().push(idle);
    }

    /// Takes an idle child off the shelf; false if somebody has already given it a job.
    pub(crate) fn unshelve(&self, number: u64) -> bool {
        let mut idle = self.idle();
        let before = idle.len();
        idle.retain(|it| it.number != number);
        idle.len() < before
    }

    /// Takes an idle child off the shelf if another one stays there.
    pub(crate) fn unshelve_surplus(&self, number: u64) -> bool {
        let mut idle = self.idle();
        let before = idle.len();
        if before > 1 {
            idle.retain(|it| it.number != number);
        }
        idle.len() < before
    }

    pub(crate) fn note_ready(&self, ready: &Ready) {
        *self.ready.lock().unwrap_or_else(PoisonError::into_inner) = Some(ready.clone());
    }

    fn booted_already(&self) -> Option<Ready> {
        if self.idle().is_empty() {
            return None;
        }
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says at once what a first attempt would only find out.
    fn look_up(&self) -> Result<Ready, BootFailed> {
        let Argv::Command(argv) = &self.program.argv else { return Ok(Ready::default()) };
        let name = argv.first().map_or("", String::as_str);
        let dir = self.program.dir.as_deref();
        let found: Option<PathBuf> = find_program(name, &self.program.env, dir);
        if found.is_some_and(|path| is_executable(&path)) {
            return Ok(Ready::default());
        }
        let message = format!(
            "`{name}` is not an executable file in `PATH`; install it or name it with its folder"
        );
        Err(BootFailed { message, stderr: String::new(), code: "BS603" })
    }
}

/// Finds a new child for a job that one could not take.
pub(crate) fn redispatch(pool: &Weak<Inner>, job: Job) {
    match pool.upgrade() {
        Some(pool) => pool.dispatch(job),
        None => job.return_unstarted(Report::bare(Ending::Interrupted)),
    }
}

/// Keeps the place of an attempt whose process cannot be killed closed until that is gone.
pub(crate) type Place = OwnedSemaphorePermit;

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("program", &self.inner.program.argv).finish_non_exhaustive()
    }
}
