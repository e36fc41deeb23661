//! One trial per limit: a runaway, its bound, and what was measured.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use backstay_isolate::{
    Argv, CpuPriority, Launcher, Limits, Mode, Order, OutputLimits, Pool, PoolLimits, Program,
    Report, Run, RunEvent, StopReason,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::super::row::Row;
use super::bounds::{CPU_TIME, GRACE, MEMORY_BYTES, OUTPUT_BYTES, PROCESSES, TIMEOUT};
use super::judgement::{self, Gone};
use crate::args::Runaway;

/// Longer than any trial takes where the limits hold.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long is looked for what should be gone.
const AFTERMATH: Duration = Duration::from_secs(1);

pub(super) async fn memory(launcher: &Launcher) -> Row {
    let limits = Limits { memory_bytes: Some(MEMORY_BYTES), ..limits() };
    judgement::memory(&ended(launcher, Runaway::Memory, limits, patient()).await)
}

pub(super) async fn processes(launcher: &Launcher) -> Row {
    let limits = Limits { processes: Some(PROCESSES), ..limits() };
    judgement::processes(&ended(launcher, Runaway::Processes, limits, patient()).await)
}

pub(super) async fn cpu_time(launcher: &Launcher) -> Row {
    let limits = Limits { cpu_time: Some(CPU_TIME), ..limits() };
    judgement::cpu_time(&ended(launcher, Runaway::CpuTime, limits, patient()).await)
}

pub(super) async fn timeout(launcher: &Launcher) -> Row {
    let order = Order::new("1", 1, TIMEOUT, GRACE);
    judgement::timeout(&ended(launcher, Runaway::Timeout, limits(), order).await)
}

pub(super) async fn output(launcher: &Launcher) -> Row {
    judgement::output(&ended(launcher, Runaway::Output, limits(), patient()).await)
}

/// Ends a job whose grandchild has a session of its own and no parent left.
pub(super) async fn escape(launcher: &Launcher) -> Row {
    let mut run = let_loose(launcher, Runaway::Escape, limits(), patient()).await;
    let pids = match pids(&mut run, 2).await {
        Ok(pids) => pids,
        Err(report) => return judgement::escape(&report, None),
    };
    run.stopper().stop(StopReason::Evicted);
    let report = end(&mut run).await;
    let gone = wait_until_gone(&pids, Instant::now()).await;
    judgement::escape(&report, Some(gone))
}

/// Kills the shim, the process between us and the job.
pub(super) async fn orphan(launcher: &Launcher) -> Row {
    let mut run = let_loose(launcher, Runaway::Orphan, limits(), patient()).await;
    let pids = match pids(&mut run, 2).await {
        Ok(pids) => pids,
        Err(report) => return judgement::orphan(&report, None),
    };
    let start = Instant::now();
    let killed = shim_of(&pids).is_some_and(|shim| pidfd_send_signal(shim, Signal::KILL).is_ok());
    if !killed {
        run.stopper().stop(StopReason::Evicted);
    }
    let report = end(&mut run).await;
    let gone = wait_until_gone(&pids, start).await;
    judgement::orphan(&report, killed.then_some(gone))
}

fn limits() -> Limits {
    // What is measured is the limit, and not how busy the machine is.
    Limits { cpu_priority: CpuPriority::Normal, ..Limits::default() }
}

fn patient() -> Order {
    Order::new("1", 1, PATIENCE, Duration::ZERO)
}

async fn let_loose(launcher: &Launcher, runaway: Runaway, limits: Limits, order: Order) -> Run {
    let argv = ["/proc/self/exe", "__limits", runaway.word()].map(str::to_owned).to_vec();
    let program = Program {
        argv: Argv::Command(argv),
        dir: None,
        env: Vec::new(),
        mode: Mode::Command,
        hello: None,
    };
    let output = OutputLimits { total_bytes: OUTPUT_BYTES, ..OutputLimits::default() };
    let limits = PoolLimits { size: 1, output, limits, ..PoolLimits::default() };
    Pool::new(launcher.clone(), program, limits).run(order).await
}

async fn ended(launcher: &Launcher, runaway: Runaway, limits: Limits, order: Order) -> Report {
    end(&mut let_loose(launcher, runaway, limits, order).await).await
}

async fn end(run: &mut Run) -> Report {
    loop {
        if let RunEvent::Ended(report) = run.next().await {
            return *report;
        }
    }
}

/// A process that stays itself, whatever becomes of its number.
struct Process {
    pid: u32,
    handle: OwnedFd,
}

impl Process {
    fn open(pid: u32) -> Option<Process> {
        let number = Pid::from_raw(i32::try_from(pid).ok()?)?;
        let handle = pidfd_open(number, PidfdFlags::empty()).ok()?;
        Some(Process { pid, handle })
    }

    fn is_gone(&self) -> bool {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut [PollFd::new(&self.handle, PollFlags::IN)], Some(&now)).is_ok_and(|n| n > 0)
    }
}

/// Waits until so many processes of the runaway have said who they are; its report if it ends before.
async fn pids(run: &mut Run, count: usize) -> Result<Vec<Process>, Report> {
    let mut known = Vec::new();
    while known.len() < count {
        match run.next().await {
            RunEvent::Progress { note: Some(note), .. } => {
                known.extend(note.parse().ok().and_then(Process::open));
            }
            RunEvent::Ended(report) => return Err(*report),
            _ => {}
        }
    }
    Ok(known)
}

/// The process between us and the job: our own child, and nothing else is ever killed.
fn shim_of(pids: &[Process]) -> Option<OwnedFd> {
    let own = std::process::id();
    let parents = pids.iter().filter_map(|process| parent(process.pid));
    let shim = parents.into_iter().find(|pid| parent(*pid) == Some(own))?;
    Some(Process::open(shim)?.handle)
}

fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()
}

async fn wait_until_gone(pids: &[Process], since: Instant) -> Gone {
    let until = Instant::now() + AFTERMATH;
    loop {
        let left = pids.iter().filter(|process| !process.is_gone()).count();
        if left == 0 || Instant::now() >= until {
            return Gone { left, of: pids.len(), after: since.elapsed() };
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
