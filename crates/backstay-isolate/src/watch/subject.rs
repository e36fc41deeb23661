//! One child under watch: what its attempt may use, what was seen, and the word when it is too much.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::cgroup::CpuMeter;
use crate::ending::StopReason;
use crate::limits::Limits;
use crate::run::PeakSource;
use crate::usage::{Gauge, Usage};
use crate::watch::memory::{Count, Exact, status};
use crate::watch::tree::{Look, Newest, Tree};
use crate::watch::verdict::{Held, Seen, breach, pace};
use crate::watch::{Watch, disk};

/// Between two looks at a child that runs nothing.
const IDLE: Duration = Duration::from_secs(5);

/// No tree is walked further: as many tasks as any limit allows.
const MOST_TASKS: u32 = 65_536;

/// A shorter attempt is not worth a look at the kernel's high water mark.
const SHORT: Duration = Duration::from_millis(50);

const TICK: Duration = Duration::from_millis(10);

/// Verdicts that may wait for the child's task: one for each rank, and then some.
pub(crate) const BREACHES: usize = 4;

/// A limit is passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Breach {
    /// By which attempt of the child, so that no other one pays.
    pub(crate) serial: u64,
    pub(crate) reason: StopReason,
}

/// What was seen of an attempt.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) peak_bytes: u64,
    pub(crate) peak_source: Option<PeakSource>,
    pub(crate) processes_peak: Option<u32>,
    pub(crate) scratch_bytes: Option<u64>,
    pub(crate) cpu: Duration,
}

impl Facts {
    pub(crate) fn note_memory(&mut self, bytes: u64, source: PeakSource) {
        if bytes > self.peak_bytes {
            self.peak_bytes = bytes;
            self.peak_source = Some(source);
        }
    }
}

/// A child under watch.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) limits: Limits,
    held: Held,
    /// What its control group has used, where there is one.
    meter: Option<Arc<CpuMeter>>,
    scratch: PathBuf,
    watch: Arc<Watch>,
    told: mpsc::Sender<Breach>,
    child: AtomicI32,
    /// Messages and output so far.
    signs: AtomicU64,
    account: Mutex<Account>,
    /// Of the watch's thread alone.
    sight: Mutex<Sight>,
}

/// What is known about what the child does now.
#[derive(Debug)]
struct Account {
    serial: u64,
    busy: bool,
    gauge: Gauge,
    began: Instant,
    /// What the tree had used before: in ticks, and by its control group's account.
    ticks_before: u64,
    cpu_before: Duration,
    /// The kernel's high water mark when the attempt was first seen.
    high_water_before: Option<u64>,
    /// It was set back when the attempt began: it is this attempt's own.
    fresh_peak: bool,
    facts: Facts,
    convicted: Option<StopReason>,
}

#[derive(Debug)]
struct Sight {
    tree: Tree,
    exact: Exact,
    serial: u64,
    due: Instant,
    seen_at: Instant,
    memory_bytes: u64,
    /// When it last gave a sign of life, and where its counters stood then.
    sign: (Instant, u64, u64),
    disk_due: Instant,
}

impl Subject {
    pub(crate) fn new(
        watch: Arc<Watch>,
        shim: u32,
        limits: Limits,
        held: Held,
        scratch: PathBuf,
        told: mpsc::Sender<Breach>,
    ) -> Subject {
        let now = Instant::now();
        let account = Account::new(0, now, Gauge::default(), true);
        let sight = Sight {
            tree: Tree::new(shim as i32),
            exact: Exact::default(),
            serial: 0,
            due: now,
            seen_at: now,
            memory_bytes: 0,
            sign: (now, 0, 0),
            disk_due: now + disk::FIRST,
        };
        Subject {
            limits,
            held,
            meter: None,
            scratch,
            watch,
            told,
            child: AtomicI32::new(0),
            signs: AtomicU64::new(0),
            account: Mutex::new(Account { high_water_before: Some(0), ..account }),
            sight: Mutex::new(sight),
        }
    }

    /// Goes by the account of a control group for CPU time.
    pub(crate) fn metered(self, meter: Option<Arc<CpuMeter>>) -> Subject {
        Subject { meter, ..self }
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes which process below the shim is the child itself.
    pub(crate) fn set_child(&self, pid: u32) {
        self.child.store(pid as i32, Ordering::Relaxed);
    }

    /// The child said or printed something.
    pub(crate) fn sign(&self) {
        self.signs.fetch_add(1, Ordering::Relaxed);
    }

    /// The first attempt of a process takes over the account of its boot, memory and all.
    pub(crate) fn adopt(&self, gauge: Gauge) {
        self.account().gauge = gauge;
    }

    /// Starts the account of an attempt; `cpu_before` is what the child had used so far, and `fresh_peak` says that the
    /// kernel's high water mark was just set back.
    pub(crate) fn begin(&self, gauge: Gauge, cpu_before: Duration, fresh_peak: bool) {
        let ticks_before = (cpu_before.as_millis() / TICK.as_millis()) as u64;
        let mut account = self.account();
        let next = Account::new(account.serial + 1, Instant::now(), gauge, true);
        *account = Account { ticks_before, cpu_before, fresh_peak, ..next };
        drop(account);
        self.watch.rouse();
    }

    /// Ends the account and gives what was seen; `alive`: the kernel can still be asked.
    pub(crate) fn end(&self, alive: bool) -> Facts {
        let mut account = self.account();
        let next = Account::new(account.serial + 1, Instant::now(), Gauge::default(), false);
        let ended = std::mem::replace(&mut *account, next);
        drop(account);
        let mut facts = ended.facts;
        if let (true, Some(before)) =
            (alive && ended.began.elapsed() > SHORT, ended.high_water_before())
        {
            let now = status(self.child.load(Ordering::Relaxed));
            let now = now.map_or(0, |status| status.high_water_bytes);
            if now > before {
                facts.note_memory(now, PeakSource::Hwm);
            }
        }
        facts
    }

    /// The child is ready and has nothing to do yet.
    pub(crate) fn rest(&self) {
        let mut account = self.account();
        if account.busy {
            *account = Account::new(account.serial + 1, Instant::now(), Gauge::default(), false);
        }
    }

    pub(crate) fn is_current(&self, serial: u64) -> bool {
        self.account().serial == serial
    }

    pub(super) fn is_busy(&self) -> bool {
        self.account().busy
    }

    /// Looks at the tree if it is time to; says when to look again, and whether something runs.
    pub(super) fn look_if_due(&self, now: Instant, newest: &mut Newest) -> (Instant, bool) {
        let (serial, busy) = {
            let account = self.account();
            (account.serial, account.busy)
        };
        let mut sight = self.sight.lock().unwrap_or_else(PoisonError::into_inner);
        let first = sight.serial != serial;
        if sight.due > now && !(first && busy) {
            return (sight.due, busy);
        }
        let most = self.limits.processes.filter(|_| self.held.processes).unwrap_or(MOST_TASKS);
        let look = sight.tree.look(now, newest, most);
        sight.due = now + self.judge(&mut sight, now, serial, first, &look);
        sight.serial = serial;
        (sight.due, busy)
    }

    /// Notes what was seen, tells the child's task if it is too much, and says when to look again.
    fn judge(
        &self,
        sight: &mut Sight,
        now: Instant,
        serial: u64,
        first: bool,
        look: &Look,
    ) -> Duration {
        let (memory_bytes, memory_is_sure) = self.weigh(sight, now, look);
        let mut account = self.account();
        if account.serial != serial {
            return Duration::ZERO;
        }
        if first {
            account.open(self.child.load(Ordering::Relaxed), look);
        }
        let signs = self.signs.load(Ordering::Relaxed);
        if first || (signs, look.ticks) != (sight.sign.1, sight.sign.2) {
            sight.sign = (now, signs, look.ticks);
        }
        let counted = TICK * look.ticks.saturating_sub(account.ticks_before) as u32;
        let metered = self.meter.as_ref().and_then(|meter| meter.read());
        let cpu = metered.map_or(counted, |used| used.saturating_sub(account.cpu_before));
        let idle = if account.busy { now.duration_since(sight.sign.0) } else { Duration::ZERO };
        let seen = Seen { memory_bytes, memory_is_sure, cpu, tasks: look.tasks, idle };
        account.note(&seen);
        if let Some(reason) = breach(&self.limits, self.held, &seen) {
            self.convict(&mut account, reason);
        }
        let (grown, between) = (
            memory_bytes.saturating_sub(sight.memory_bytes),
            now.duration_since(sight.seen_at).max(Duration::from_millis(1)),
        );
        (sight.memory_bytes, sight.seen_at) = (memory_bytes, now);
        if !account.busy {
            return IDLE;
        }
        pace(&self.limits, now.duration_since(account.began), &seen, grown, between)
    }

    fn convict(&self, account: &mut Account, reason: StopReason) {
        if account.convicted.is_some_and(|noted| !reason.outranks(noted)) {
            return;
        }
        account.convicted = Some(reason);
        // Full: what waits there is enough to end it.
        let _enough = self.told.try_send(Breach { serial: account.serial, reason });
    }

    /// Says how much memory the tree holds, and whether that is sure enough to convict.
    fn weigh(&self, sight: &mut Sight, now: Instant, look: &Look) -> (u64, bool) {
        let resident = look.resident_bytes();
        // Also where the kernel holds the limit, so that peaks of both levels mean the same.
        let Some(limit) = self.limits.memory_bytes else { return (resident, false) };
        if resident <= limit / 2 {
            return (resident, false);
        }
        let held = look.processes.iter().filter_map(|it| status(it.pid));
        let held: Vec<u64> = held.map(|status| status.held_bytes).collect();
        let (sum, most) = (held.iter().sum::<u64>(), held.iter().copied().max().unwrap_or(0));
        if sum <= limit || most > limit {
            return (if most > limit { most } else { sum }, true);
        }
        // Forks share pages: the sum would convict the innocent.
        match sight.exact.count(now, &look.pids()) {
            Count::Known(bytes) => (bytes, true),
            Count::NotYet => (most, false),
            Count::Unanswered => (sum, true),
        }
    }

    /// Measures the scratch folder if it is time to.
    pub(super) fn measure_if_due(&self, now: Instant) {
        let Some(limit) = self.limits.disk_bytes else { return };
        let serial = {
            let account = self.account();
            if !account.busy {
                return;
            }
            account.serial
        };
        if self.sight.lock().unwrap_or_else(PoisonError::into_inner).disk_due > now {
            return;
        }
        let measured = disk::measure(&self.scratch, disk::MOST_ENTRIES);
        let next = Instant::now() + disk::pause(now.elapsed());
        self.sight.lock().unwrap_or_else(PoisonError::into_inner).disk_due = next;
        let mut account = self.account();
        if account.serial != serial {
            return;
        }
        account.facts.scratch_bytes = Some(measured.bytes);
        if measured.bytes > limit {
            self.convict(&mut account, StopReason::DiskLimit);
        }
    }
}

impl Account {
    fn new(serial: u64, began: Instant, gauge: Gauge, busy: bool) -> Account {
        Account {
            serial,
            busy,
            gauge,
            began,
            ticks_before: 0,
            cpu_before: Duration::ZERO,
            fresh_peak: false,
            high_water_before: None,
            facts: Facts::default(),
            convicted: None,
        }
    }

    /// The first look at a new attempt of a child that has run others: what was before is not its own.
    fn open(&mut self, child: i32, look: &Look) {
        if self.high_water_before.is_some() {
            return;
        }
        let of_child = look.processes.iter().find(|it| it.pid == child);
        let of_child = of_child.map_or(look.ticks, |it| it.all_ticks());
        self.ticks_before += look.ticks.saturating_sub(of_child);
        self.high_water_before = self
            .high_water_before()
            .or_else(|| status(child).map(|status| status.high_water_bytes));
    }

    /// What of the kernel's high water mark is not this attempt's, if that is known.
    fn high_water_before(&self) -> Option<u64> {
        self.high_water_before.or(self.fresh_peak.then_some(0))
    }

    fn note(&mut self, seen: &Seen) {
        self.facts.note_memory(seen.memory_bytes, PeakSource::Sampled);
        self.facts.processes_peak = Some(self.facts.processes_peak.unwrap_or(0).max(seen.tasks));
        self.facts.cpu = seen.cpu;
        let (memory_bytes, cpu, processes) = (seen.memory_bytes, seen.cpu, seen.tasks);
        self.gauge.set(Usage { memory_bytes, cpu, processes });
    }
}
