//! What a supervisor of many children costs: its own memory, and the processor time of each of its threads.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use backstay_isolate::{Ending, PoolLimits};
use serde_json::json;

use crate::run::*;

/// Children, unless `FOOTPRINT_CHILDREN` says otherwise.
const CHILDREN: usize = 64;
/// In its first seconds an attempt is looked at more often.
const YOUNG: Duration = Duration::from_secs(2);
const SPAN: Duration = Duration::from_secs(8);

/// Prints what there is with no child, with many that wait, and with many at work (`-- --ignored footprint`).
pub(crate) fn footprint() {
    let asked = std::env::var("FOOTPRINT_CHILDREN").ok().and_then(|n| n.parse().ok());
    let children: usize = asked.unwrap_or(CHILDREN);
    let mut pool_limits = PoolLimits { size: children, ..limits() };
    pool_limits.limits.memory_bytes = Some(64 << 20);
    let pool = rust("host", pool_limits);
    launcher();
    println!("no child: {}", Memory::now());
    busy(&pool, children, Duration::ZERO);
    println!("{children} children that wait: {}", Memory::now());
    println!("  {}", Spent::in_span(SPAN));
    busy(&pool, children, SPAN);
    println!("{children} children that wait again: {}", Memory::now());
}

/// So many attempts at once that do nothing; what their first second and the rest cost is printed.
fn busy(pool: &backstay_isolate::Pool, children: usize, span: Duration) {
    let lasts = YOUNG * 3 + span;
    let mut long = order_with("hold", json!({ "mib": 1, "ms": lasts.as_millis() }));
    long.timeout = Duration::from_secs(120);
    let runs: Vec<_> = (0..children).map(|_| block(pool.run(long.clone()))).collect();
    let looked_at = |run: &backstay_isolate::Run| run.gauge().read().processes > 0;
    until("all run", Duration::from_secs(40), || runs.iter().all(looked_at));
    if !span.is_zero() {
        println!("{children} children at work: {}", Memory::now());
        println!("  in their first second {}", Spent::in_span(YOUNG / 2));
        std::thread::sleep(YOUNG);
        println!("  afterwards {}", Spent::in_span(span));
    }
    for mut run in runs {
        assert_eq!(block(end(&mut run)).ending, Ending::Completed);
    }
}

struct Memory {
    all_kib: u64,
    anonymous_kib: u64,
    threads: usize,
}

impl Memory {
    fn now() -> Memory {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse().unwrap()
        };
        let threads = std::fs::read_dir("/proc/self/task").unwrap().count();
        Memory { all_kib: field("VmRSS:"), anonymous_kib: field("RssAnon:"), threads }
    }
}

impl std::fmt::Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Memory { all_kib, anonymous_kib, threads } = self;
        write!(f, "{all_kib} KiB resident, {anonymous_kib} of it its own, {threads} threads")
    }
}

/// Processor time by the name of the thread.
struct Spent {
    by_thread: BTreeMap<String, u64>,
    span: Duration,
}

impl Spent {
    fn in_span(span: Duration) -> Spent {
        let (before, began) = (Spent::so_far(), Instant::now());
        std::thread::sleep(span);
        let mut after = Spent::so_far();
        for (name, nanos) in &mut after {
            *nanos -= before.get(name).copied().unwrap_or(0);
        }
        Spent { by_thread: after, span: began.elapsed() }
    }

    /// In nanoseconds, of the threads that are there.
    fn so_far() -> BTreeMap<String, u64> {
        let mut spent = BTreeMap::new();
        for task in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
            let read = |name: &str| std::fs::read_to_string(task.path().join(name));
            // One may end meanwhile.
            let (Ok(name), Ok(times)) = (read("comm"), read("schedstat")) else { continue };
            let nanos: u64 = times.split(' ').next().unwrap().parse().unwrap();
            *spent.entry(name.trim().to_owned()).or_default() += nanos;
        }
        spent
    }
}

impl std::fmt::Display for Spent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let share = |nanos: u64| nanos as f64 / self.span.as_nanos() as f64 * 100.0;
        let all: u64 = self.by_thread.values().sum();
        write!(f, "{:.2} % of a processor", share(all))?;
        for (name, nanos) in self.by_thread.iter().filter(|(_, nanos)| share(**nanos) >= 0.01) {
            write!(f, ", {name} {:.2} %", share(*nanos))?;
        }
        Ok(())
    }
}
