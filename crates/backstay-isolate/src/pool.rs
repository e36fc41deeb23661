//! Warm children of one program: idle, busy, recycled; and fresh processes for commands behind the same door.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::attempt::{EVENTS, Job};
use crate::boot::{BootFailed, Ready};
use crate::child;
use crate::circuit::{self, Health};
use crate::ending::Ending;
use crate::launcher::{Launcher, Shared};
use crate::limits::PoolLimits;
use crate::output::OutputRing;
use crate::pool_set::PoolSet;
use crate::program::{Argv, Mode, Program, find_program, is_executable};
use crate::run::{Order, Report, Run, Stopper};
use crate::shelf::{Delivery, Idle, Shelf};
use crate::standing::Standing;
use crate::usage::Gauge;

/// Keeps the end of a boot within what a clock can count; settings allow 10 min.
const MAX_BOOT: Duration = Duration::from_secs(24 * 3600);

/// Children of one program; cheap to clone. When the last clone is gone, idle children leave.
#[derive(Clone)]
pub struct Pool {
    inner: Arc<Inner>,
}

struct Inner {
    launcher: Arc<Shared>,
    program: Program,
    limits: PoolLimits,
    places: Arc<Semaphore>,
    shelf: Arc<Shelf>,
    set: PoolSet,
    /// Children started so far.
    count: AtomicU64,
}

impl Pool {
    /// Makes a pool without starting anything.
    pub fn new(launcher: Launcher, program: Program, limits: PoolLimits) -> Pool {
        Pool::in_set(launcher, program, limits, &PoolSet::new(usize::MAX, |_| {}))
    }

    /// Makes a pool that shares a number of children with the others of its set.
    pub fn in_set(
        launcher: Launcher,
        program: Program,
        mut limits: PoolLimits,
        set: &PoolSet,
    ) -> Pool {
        limits.boot = limits.boot.min(MAX_BOOT);
        let inner = Inner {
            launcher: launcher.shared,
            program,
            limits,
            places: Arc::new(Semaphore::new(limits.size.clamp(1, Semaphore::MAX_PERMITS))),
            shelf: Arc::default(),
            set: set.clone(),
            count: AtomicU64::new(0),
        };
        let inner = Arc::new(inner);
        set.join(&inner.shelf);
        let health = inner.shelf.circuit.watch();
        inner.launcher.look_after(mend(Arc::downgrade(&inner), health));
        Pool { inner }
    }

    /// Gives what is known of the program, now and whenever it changes; it ends with the pool.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.inner.shelf.circuit.watch()
    }

    /// Gives what a child of it said last when it was ready.
    pub fn known(&self) -> Option<Arc<Ready>> {
        self.inner.shelf.circuit.ready()
    }

    /// Says whether both are clones of one pool.
    pub fn is_same(&self, other: &Pool) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Says whether nothing but trials is started for now.
    pub fn is_broken(&self) -> bool {
        self.inner.shelf.circuit.broken().is_some()
    }

    /// Takes the program for broken after a first boot that failed: nothing is started for it but
    /// trials, until one of them boots.
    pub fn suspend(&self, failed: &BootFailed) {
        self.inner.shelf.circuit.cut(failed);
    }

    /// Boots one child, or for a command looks the program up; to be called before the first claim.
    ///
    /// # Errors
    /// [`BootFailed`], at the latest when `boot` is over.
    pub async fn boot(&self) -> Result<Ready, BootFailed> {
        if self.inner.program.mode == Mode::Command {
            return self.inner.look_up();
        }
        if let Some(ready) = self.inner.shelf.ready() {
            return Ok(ready);
        }
        self.inner.try_one().await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Says how many children wait for a job.
    pub fn idle(&self) -> usize {
        self.inner.shelf.count()
    }

    /// Gives a variable of its program's environment.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let env = &self.inner.program.env;
        env.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
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
        let (output, gauge) = (OutputRing::new(), Gauge::default());
        if let Ok(permit) = permit {
            let (output, gauge) = (output.clone(), gauge.clone());
            let job = Job { order, events, report, instructions, output, gauge, permit };
            self.inner.dispatch(job);
        }
        Run { events: heard, report: reported, stopper, output, gauge }
    }
}

impl Inner {
    /// Gives a job to an idle child, the one used last, or to a new one; a job with limits of its own
    /// always gets a new one.
    fn dispatch(self: &Arc<Self>, mut job: Job) {
        if job.order.limits.is_some() {
            return self.start(Some(job), None, self.set.enter());
        }
        while let Some(Idle { door, .. }) = self.shelf.pop() {
            let delivery = Delivery { job, door: door.clone() };
            match door.try_send(delivery) {
                Ok(()) => return,
                // It is leaving.
                Err(refused) => job = refused.into_inner().job,
            }
        }
        match self.shelf.circuit.broken() {
            None => self.start(Some(job), None, self.set.enter()),
            Some(failed) => job.return_unstarted(Report {
                detail: Some(failed.message.clone()),
                stderr: failed.stderr.clone(),
                ..Report::bare(Ending::BootFailed)
            }),
        }
    }

    /// Starts a child without a job.
    fn try_one(self: &Arc<Self>) -> oneshot::Receiver<Result<Ready, BootFailed>> {
        let (told, ready) = oneshot::channel();
        if self.program.mode == Mode::Command {
            let found = self.look_up();
            if let Ok(ready) = &found {
                self.shelf.circuit.found(ready);
            }
            // The other end is here.
            let _heard = told.send(found);
        } else {
            self.start(None, Some(told), self.set.enter());
        }
        ready
    }

    fn start(
        self: &Arc<Self>,
        job: Option<Job>,
        ready: Option<oneshot::Sender<Result<Ready, BootFailed>>>,
        standing: Standing,
    ) {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let (pool, successor) = (Arc::downgrade(self), Arc::downgrade(self));
        let birth = child::Birth {
            number,
            name: None,
            shelf: Arc::downgrade(&self.shelf),
            standing: Arc::new(standing),
            give_back: Box::new(move |job| redispatch(&pool, job)),
            replace: Box::new(move || replace(&successor)),
            launcher: self.launcher.clone(),
            program: self.program.clone(),
            limits: self.limits,
            job,
            ready,
            group: None,
            holds: None,
        };
        self.launcher.converse(child::live(birth));
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

fn stopped() -> BootFailed {
    let message = "the launcher is stopped".into();
    BootFailed { message, stderr: String::new(), code: "BS604" }
}

/// As long as the program is broken, tries it now and then, until the pool is gone.
async fn mend(pool: Weak<Inner>, mut health: watch::Receiver<Health>) {
    let mut trials = 0;
    loop {
        // Between a command that was found and its start it may look mended: the pauses go on growing.
        let calm = tokio::time::sleep(circuit::CALM);
        tokio::select! {
            broken = health.wait_for(|health| health.broken.is_some()) => match broken {
                Ok(_) => {}
                Err(_) => return,
            },
            () = calm, if trials > 0 => {
                trials = 0;
                continue;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(circuit::pause(trials)) => trials += 1,
            mended = health.wait_for(|health| health.broken.is_none()) => match mended {
                Ok(_) => continue,
                Err(_) => return,
            },
        }
        let Some(ready) = pool.upgrade().map(|pool| pool.try_one()) else { return };
        // How it went is told to the circuit, which is watched here.
        let _told = ready.await;
    }
}

/// Starts a child for one that is about to go, unless another one waits already.
fn replace(pool: &Weak<Inner>) {
    let Some(pool) = pool.upgrade() else { return };
    if pool.shelf.count() == 0 && pool.shelf.circuit.broken().is_none() {
        pool.start(None, None, pool.set.stand_in());
    }
}

/// Finds a new child for a job that one could not take.
fn redispatch(pool: &Weak<Inner>, job: Job) {
    match pool.upgrade() {
        Some(pool) => pool.dispatch(job),
        None => job.return_unstarted(Report::bare(Ending::Interrupted)),
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("program", &self.inner.program.argv).finish_non_exhaustive()
    }
}
