//! A hundred thousand jobs through warm children that are killed at random: nothing may be left over.

use std::time::{Duration, Instant};

use backstay_isolate::{Ending, LevelName, PoolLimits};
use rustix::process::{Pid, Signal, kill_process};

use crate::run::*;

/// Jobs, unless `SOAK_JOBS` says otherwise.
const JOBS: u64 = 100_000;
/// Attempts at once.
const SIZE: usize = 4;
/// One job in so many has its child killed, before, during or after it.
const KILLED: u64 = 200;

/// Prints what was there before and after; fails when something grew (`-- --ignored soak`).
pub(crate) fn soak() {
    let jobs = std::env::var("SOAK_JOBS").ok().and_then(|n| n.parse().ok()).unwrap_or(JOBS);
    let pool = rust("host", PoolLimits { size: SIZE, ..limits() });
    // What is made once, such as the runtime and its threads, is there before the count begins.
    report(&pool, order("echo"));
    let before = Left::now();
    let began = Instant::now();
    let (mut chance, mut killed) = (7u64, 0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut running = tokio::task::JoinSet::new();
        for _ in 0..jobs {
            chance = chance
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let kills = (chance >> 33).is_multiple_of(KILLED);
            let pool = pool.clone();
            running.spawn(async move {
                let report =
                    end(&mut pool.run(order(if kills { "die" } else { "echo" })).await).await;
                (report.ending, report.pid)
            });
            while running.len() >= SIZE {
                let (ending, pid) = running.join_next().await.unwrap().unwrap();
                match ending {
                    Ending::Completed if chance.is_multiple_of(KILLED) => kill(pid),
                    Ending::Completed => {}
                    Ending::Killed => killed += 1,
                    // The child was killed above while it had its next job.
                    other => panic!("{other}"),
                }
            }
        }
        // A task that was not polled to its end would keep the pool.
        while running.join_next().await.is_some() {}
    });
    println!("soak: level {}", launcher().level().name);
    println!("soak: {jobs} jobs, {killed} of them killed, {:.1} s", began.elapsed().as_secs_f32());
    drop(pool);
    // As a worker ends.
    block(launcher().stop());
    until("no child is left", Duration::from_secs(10), || Left::now().processes <= 1);
    let mut after = Left::now();
    let patience = Instant::now() + Duration::from_secs(10);
    while after.is_more_than(&before) && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(50));
        after = Left::now();
    }
    println!("soak: before {before:?}");
    println!("soak: after  {after:?}");
    assert!(!after.is_more_than(&before), "something was left over");
}

fn kill(pid: u32) {
    // A job may be over before the shim has told the pid of its child.
    let Some(pid) = Pid::from_raw(i32::try_from(pid).unwrap()) else { return };
    // It may have been recycled and reaped meanwhile.
    let _gone = kill_process(pid, Signal::KILL);
}

/// What this process holds.
#[derive(Debug)]
struct Left {
    descriptors: usize,
    threads: usize,
    /// This one and all below it, zombies among them.
    processes: usize,
    scratch: usize,
    /// Control groups of children, where they have some.
    groups: usize,
    rss_kib: u64,
}

impl Left {
    fn now() -> Left {
        let count = |path: String| std::fs::read_dir(path).map_or(0, Iterator::count);
        let own = std::process::id();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let roots = std::fs::read_dir(std::env::temp_dir()).unwrap().flatten();
        let mine = roots.filter(|root| {
            let name = root.file_name().to_string_lossy().into_owned();
            name.starts_with("backstay") && name.contains(&own.to_string())
        });
        Left {
            descriptors: count("/proc/self/fd".into()),
            threads: count("/proc/self/task".into()),
            processes: 1 + below(own),
            scratch: mine.map(|root| count(root.path().to_string_lossy().into_owned())).sum(),
            groups: if at_cgroup() { crate::cgroup::groups() } else { 0 },
            rss_kib: rss.trim().trim_end_matches(" kB").parse().unwrap(),
        }
    }

    /// More than what caches and the allocator keep. Threads for blocking work come and go.
    fn is_more_than(&self, before: &Left) -> bool {
        self.processes > 1
            || self.groups > 0
            || self.descriptors > before.descriptors
            || self.scratch > before.scratch
            || self.threads > before.threads + 2
            || self.rss_kib > before.rss_kib + 8 * 1024
    }
}

fn at_cgroup() -> bool {
    launcher().level().name == LevelName::Cgroup
}

/// Processes whose parents lead to this one.
fn below(own: u32) -> usize {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parents: std::collections::HashMap<u32, u32> = pids
        .filter_map(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let parent = stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()?;
            Some((pid, parent))
        })
        .collect();
    let leads = |mut pid: u32| {
        while let Some(parent) = parents.get(&pid) {
            if *parent == own {
                return true;
            }
            pid = *parent;
        }
        false
    };
    parents.keys().filter(|pid| leads(**pid)).count()
}
