//! What is known about a child, and the moves between its phases.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};

use crate::attempt::{Account, Attempt, Ended, Finished, Job};
use crate::boot::{BootError, BootFailed, Ready};
use crate::cgroup::{CpuMeter, Group};
use crate::child::between::Between;
use crate::kill::Ladder;
use crate::launcher::Shared;
use crate::limits::PoolLimits;
use crate::news::{ChildNews, Wear};
use crate::pipes::Wires;
use crate::process::Process;
use crate::program::{Mode, Program};
use crate::protocol::write;
use crate::run::PeakSource;
use crate::scratch;
use crate::shelf::{Delivery, Idle, Shelf};
use crate::standing::Standing;
use crate::usage::Usage;
use crate::watch::{BREACHES, Breach, Facts, Held, Subject, measure};

/// What is looked at of a scratch folder between two jobs: about a millisecond.
const QUICK_ENTRIES: usize = 500;

/// What the kernel's counters of CPU time are exact to.
const TICK: Duration = Duration::from_millis(10);

/// Takes a job back to the pool.
pub(crate) type GiveBack = Box<dyn Fn(Job) + Send + Sync>;

/// Everything a new child needs.
pub(crate) struct Birth {
    pub(crate) number: u64,
    /// What it is called in its environment.
    pub(crate) name: Option<String>,
    pub(crate) shelf: Weak<Shelf>,
    /// Finds another child for a job that this one cannot take.
    pub(crate) give_back: GiveBack,
    /// Starts another child before this one goes.
    pub(crate) replace: Box<dyn Fn() + Send + Sync>,
    /// Its place among the children of its pools, and who hears of it.
    pub(crate) standing: Arc<Standing>,
    pub(crate) launcher: Arc<Shared>,
    pub(crate) program: Program,
    pub(crate) limits: PoolLimits,
    pub(crate) job: Option<Job>,
    pub(crate) ready: Option<oneshot::Sender<Result<Ready, BootFailed>>>,
    /// Its control group, where there are such.
    pub(crate) group: Option<Group>,
    /// Until when it may run, where that is limited.
    pub(crate) holds: Option<watch::Receiver<Option<u64>>>,
}

impl Birth {
    /// Limits that come with a job bind a process that runs this job and no other.
    pub(crate) fn adopt_own_limits(&mut self) {
        if let Some(own) = self.job.as_ref().and_then(|job| job.order.limits) {
            self.limits.limits = own;
            self.limits.recycle_jobs = 1;
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Phase {
    Booting {
        until: Instant,
    },
    Idle {
        since: Instant,
    },
    Busy,
    /// Takes no further job.
    Leaving,
}

pub(super) struct Child {
    pub(super) number: u64,
    pub(super) name: Option<String>,
    pub(super) shelf: Weak<Shelf>,
    pub(super) give_back: GiveBack,
    pub(super) replace: Option<Box<dyn Fn() + Send + Sync>>,
    pub(super) standing: Arc<Standing>,
    pub(super) launcher: Arc<Shared>,
    pub(super) program: Program,
    pub(super) limits: PoolLimits,
    pub(super) scratch: PathBuf,
    pub(super) born: Instant,
    pub(super) phase: Phase,
    pub(super) wires: Wires,
    pub(super) deliveries: mpsc::Receiver<Delivery>,
    /// Our own door, while it is not on the pool's shelf.
    pub(super) door: Option<mpsc::Sender<Delivery>>,
    pub(super) doorless: bool,
    pub(super) stopping: watch::Receiver<bool>,
    pub(super) holds: Option<watch::Receiver<Option<u64>>>,
    pub(super) stop_seen: bool,
    /// It was told that the job in hand is its last.
    pub(super) draining: bool,
    /// What is left of the drain when its job is sent.
    pub(super) drain_after_job: Option<Duration>,
    pub(super) ready: Option<oneshot::Sender<Result<Ready, BootFailed>>>,
    pub(super) boot_error: Option<BootError>,
    /// It took jobs, or said that it could.
    pub(super) booted: bool,
    pub(super) attempt: Option<Attempt>,
    pub(super) previous: Option<(String, i32)>,
    pub(super) jobs: u32,
    pub(super) pid: u32,
    pub(super) group: Option<Group>,
    pub(super) subject: Arc<Subject>,
    pub(super) breaches: mpsc::Receiver<Breach>,
    pub(super) stat: Option<File>,
    /// Known from when it is ready.
    pub(super) between: Option<Between>,
    /// What its control group has used, where there is one.
    pub(super) meter: Option<Arc<CpuMeter>>,
    /// CPU time of its whole life, and how much of that is told in reports.
    pub(super) cpu: Duration,
    pub(super) cpu_told: Duration,
    pub(super) resident_bytes: u64,
    /// Time of attempts that ended since the two were read.
    pub(super) unread: Duration,
    /// The last attempt left something in the scratch folder.
    pub(super) littered: bool,
    /// The time of the folder's last change, where it is empty as of then.
    pub(super) empty_as_of: Option<SystemTime>,
    pub(super) ladder: Option<Ladder>,
    pub(super) mute_until: Option<Instant>,
    /// The place of an attempt that was settled without its process.
    pub(super) stuck: Option<OwnedSemaphorePermit>,
    pub(super) ended: Option<Ended>,
}

impl Child {
    pub(super) fn new(birth: Birth, wires: Wires, scratch: PathBuf) -> Child {
        let now = Instant::now();
        // One job at a time: whoever takes the door off the shelf is the only one who knocks.
        let (door, deliveries) = mpsc::channel(1);
        let stopping = birth.launcher.stopping();
        let mut wires = wires;
        let meter = birth.group.as_ref().and_then(Group::cpu_meter).map(Arc::new);
        let (subject, breaches) = watched(&birth, &wires, &scratch, meter.clone());
        if let (Some(job), Mode::Command) = (&birth.job, birth.program.mode) {
            // A command is its attempt from its first breath.
            wires.output.begin(job.output.clone());
            subject.adopt(job.gauge.clone());
        }
        Child {
            number: birth.number,
            name: birth.name,
            shelf: birth.shelf,
            give_back: birth.give_back,
            // One that has a single job is nobody's place to take.
            replace: (birth.limits.recycle_jobs > 1).then_some(birth.replace),
            standing: birth.standing,
            launcher: birth.launcher,
            program: birth.program,
            limits: birth.limits,
            scratch,
            born: now,
            phase: Phase::Booting { until: now + birth.limits.boot },
            wires,
            deliveries,
            door: Some(door),
            doorless: false,
            stopping,
            holds: birth.holds,
            stop_seen: false,
            draining: false,
            drain_after_job: None,
            ready: birth.ready,
            boot_error: None,
            booted: false,
            attempt: birth.job.map(Attempt::new),
            previous: None,
            jobs: 0,
            pid: 0,
            group: birth.group,
            subject,
            breaches,
            stat: None,
            between: None,
            meter,
            cpu: Duration::ZERO,
            cpu_told: Duration::ZERO,
            resident_bytes: 0,
            unread: Duration::ZERO,
            littered: false,
            empty_as_of: None,
            ladder: None,
            mute_until: None,
            stuck: None,
            ended: None,
        }
    }

    /// Says that a limit is passed; an attempt that has ended meanwhile is left alone.
    pub(super) fn convict(&mut self, breach: Breach) {
        if !self.subject.is_current(breach.serial) {
            return;
        }
        let booting = matches!(self.phase, Phase::Booting { .. }) && !self.is_command();
        match &self.attempt {
            _ if booting => {
                let word = breach.reason.as_str();
                self.boot_failed(format!("it passed a limit before it was ready: {word}"), "BS604");
            }
            Some(_) => self.stop(breach.reason),
            // It runs nothing, and takes nothing any more.
            None => self.kill(),
        }
    }

    pub(super) fn is_command(&self) -> bool {
        self.program.mode == Mode::Command
    }

    pub(super) fn greet(&mut self) {
        if !self.is_command() {
            let hello = write::hello(self.program.hello.as_deref());
            self.wires.say(&hello);
        }
    }

    /// Sends the job that is in hand; false if the child can never read it.
    pub(super) fn begin(&mut self) -> bool {
        if self.jobs == 0 {
            // Booting is nobody's work.
            self.take_cpu();
        }
        let Some(attempt) = &mut self.attempt else { return false };
        let fresh = self.between.as_mut().is_some_and(|it| it.reset_peak(Instant::now()));
        self.subject.begin(attempt.job.gauge.clone(), self.cpu, fresh);
        self.wires.read_output();
        let stray_bytes = self.wires.output.begin(attempt.job.output.clone());
        if stray_bytes > 0 && self.jobs > 0 {
            self.standing.tell(ChildNews::StrayOutput { pid: self.pid, bytes: stray_bytes });
        }
        let scratch = self.scratch.to_string_lossy();
        let line = write::job(&attempt.job.order.job, &scratch);
        attempt.started = Some(Instant::now());
        self.phase = Phase::Busy;
        let sent = self.wires.say_first(&line).is_ok();
        if self.jobs + 1 >= self.limits.recycle_jobs || self.is_old() {
            // Its last job: whoever comes next finds a child that is ready.
            self.start_successor();
        }
        match self.drain_after_job.take() {
            Some(left) if sent => self.wires.say(&write::drain(left)),
            _ => sent,
        }
    }

    /// Says whether a message may be taken in now.
    pub(super) fn listens(&self) -> bool {
        match &self.attempt {
            Some(attempt) => !attempt.is_blocked() && attempt.fault.is_none(),
            None => self.phase != Phase::Leaving,
        }
    }

    pub(super) fn finish(&mut self, ended: Option<Ended>) -> Option<Finished> {
        self.unread += self.attempt.as_ref().map_or(Duration::ZERO, Attempt::wall);
        // The kernel counts in ticks: what is shorter than one is told with the attempt that makes it full.
        let cpu =
            if ended.is_some() || self.unread >= TICK { self.take_cpu() } else { Duration::ZERO };
        let mut facts = self.subject.end(ended.is_none());
        facts.note_memory(self.resident_bytes, PeakSource::Sampled);
        let mut attempt = self.attempt.take()?;
        facts.cpu = facts.cpu.max(cpu);
        facts.scratch_bytes = self.scratch_bytes(ended).or(facts.scratch_bytes);
        attempt.job.gauge.set(Usage { cpu: facts.cpu, ..Usage::default() });
        let order = &mut attempt.job.order;
        self.previous = Some((std::mem::take(&mut order.id), order.attempt));
        if let (None, Some(error)) = (attempt.started, &self.boot_error) {
            attempt.detail = Some(error.message.clone());
        }
        let account = self.account(ended, facts);
        self.wires.output.end();
        Some(attempt.conclude(account))
    }

    fn account(&self, ended: Option<Ended>, facts: Facts) -> Account {
        Account {
            command: self.is_command(),
            supervisor_stopping: self.launcher.stop_was_noted(),
            ended,
            facts,
            // Asked only where it can matter: the answer costs as much as a small job.
            group_oom: self.group.as_ref().filter(|_| ended.is_some()).map(Group::oom),
            kernel_kills_rose: ended.is_some_and(|ended| ended.exit.is_sigkill())
                && self.launcher.watch.kernel_kills.rose(),
            stderr: self.wires.output.tail(),
            output_bytes: self.wires.output.since_mark(),
            pid: self.pid,
            name: self.name.clone(),
            limits: self.limits.limits,
            child_age: self.born.elapsed(),
            child_jobs: self.jobs,
        }
    }

    /// What the attempt has left in its folder, if that can be said without a long walk.
    fn scratch_bytes(&mut self, ended: Option<Ended>) -> Option<u64> {
        if let Some(ended) = ended {
            return ended.scratch_bytes;
        }
        let changed = scratch::last_change(&self.scratch);
        if changed.is_some() && changed == self.empty_as_of {
            self.littered = false;
            return Some(0);
        }
        self.littered = !scratch::is_empty(&self.scratch);
        self.empty_as_of = changed.filter(|_| !self.littered);
        if !self.littered {
            return Some(0);
        }
        let measured = measure(&self.scratch, QUICK_ENTRIES);
        (!measured.cut).then_some(measured.bytes)
    }

    pub(super) fn read_cpu(&mut self) {
        self.unread = Duration::ZERO;
        if let Some(used) = self.meter.as_ref().and_then(|meter| meter.read()) {
            self.cpu = self.cpu.max(used);
        }
        let Some(stat) = &self.stat else { return };
        let mut line = [0; 1024];
        let Ok(read) = stat.read_at(&mut line, 0) else { return };
        if let Some(process) = Process::parse(&line[..read]) {
            self.cpu = self.cpu.max(Duration::from_millis(process.all_ticks() * 10));
            self.resident_bytes = process.resident_pages * rustix::param::page_size() as u64;
        }
    }

    /// Gives what was used since the last call.
    pub(super) fn take_cpu(&mut self) -> Duration {
        self.read_cpu();
        let used = self.cpu.saturating_sub(self.cpu_told);
        self.cpu_told = self.cpu;
        used
    }

    pub(super) fn is_old(&self) -> bool {
        self.born.elapsed() >= self.limits.recycle_age
    }

    /// Starts the child that comes after this one, once.
    pub(super) fn start_successor(&mut self) {
        if let Some(replace) = self.replace.take() {
            replace();
        }
    }

    /// Says why this child takes no further job, if that is so.
    pub(super) fn wear(&mut self) -> Option<Wear> {
        let (jobs, now) = (self.jobs, Instant::now());
        let left = self.between.as_mut().and_then(|between| between.look(now, jobs));
        if self.jobs >= self.limits.recycle_jobs.max(1) {
            Some(Wear::Jobs)
        } else if self.is_old() {
            Some(Wear::Age)
        } else if self.is_fat() {
            Some(Wear::Memory)
        } else {
            left
        }
    }

    /// Goes, and leaves its place to another.
    pub(super) fn retire(&mut self, cause: Wear) {
        self.standing.tell(ChildNews::Recycled { pid: self.pid, cause });
        self.start_successor();
        self.leave();
    }

    /// Says whether so much stays in memory between jobs that a new process is better.
    pub(super) fn is_fat(&self) -> bool {
        let limit = self.limits.limits.memory_bytes;
        let share = self.limits.recycle_memory;
        limit.is_some_and(|limit| self.resident_bytes as f64 > limit as f64 * share)
    }

    /// What a job left in its folder goes away without anybody waiting for it.
    pub(super) fn tidy_scratch(&self) -> bool {
        if !self.littered {
            return true;
        }
        let aside = self.launcher.scratch.next();
        if scratch::renew(&self.scratch, &aside).is_err() {
            return false;
        }
        self.launcher.aside(move || scratch::remove(&aside));
        true
    }

    pub(super) fn go_idle(&mut self) {
        let (shelf, door) = (self.shelf.upgrade(), self.door.take());
        let (Some(shelf), Some(door)) = (shelf, door) else { return self.leave() };
        let since = Instant::now();
        self.phase = Phase::Idle { since };
        self.subject.rest();
        let standing = self.standing.clone();
        shelf.put(Idle { number: self.number, pid: self.pid, since, standing, door });
    }

    /// Takes no further job, and may go in peace.
    pub(super) fn leave(&mut self) {
        if self.phase == Phase::Leaving {
            return;
        }
        self.close_door();
        self.ladder = Some(Ladder::leaving(Instant::now()));
        self.wires.say(&write::drain(Duration::from_secs(2)));
        self.wires.hang_up();
    }

    /// Takes no further job, and is killed now.
    pub(super) fn kill(&mut self) {
        self.close_door();
        if !self.ladder.as_ref().is_some_and(Ladder::has_killed) {
            self.ladder = Some(Ladder::killing(Instant::now()));
        }
        self.tick(Instant::now());
    }

    pub(super) fn close_door(&mut self) {
        self.phase = Phase::Leaving;
        self.door = None;
        self.standing.leave();
        // A job that has it by now is given to another child.
        drop(self.shelf.upgrade().and_then(|shelf| shelf.take(self.number)));
        // A job that is already on its way is given to another child.
        self.deliveries.close();
    }
}

fn watched(
    birth: &Birth,
    wires: &Wires,
    scratch: &Path,
    meter: Option<Arc<CpuMeter>>,
) -> (Arc<Subject>, mpsc::Receiver<Breach>) {
    let (told, breaches) = mpsc::channel(BREACHES);
    let by_watch = birth.launcher.groups.is_none();
    let held = Held { memory: by_watch, processes: by_watch };
    let (watch, limits) = (birth.launcher.watch.clone(), birth.limits.limits);
    let subject =
        Subject::new(watch.clone(), wires.shim_pid, limits, held, scratch.to_owned(), told);
    (watch.add(subject.metered(meter)), breaches)
}
