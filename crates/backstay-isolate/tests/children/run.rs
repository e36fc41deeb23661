//! What all tests need: a launcher, programs, orders, and waiting with a deadline.

use std::future::Future;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use backstay_isolate::{
    Argv, CpuPriority, Launcher, Limits, Mode, Order, Pool, PoolLimits, Program, Report, Run,
    RunEvent,
};
use serde_json::value::RawValue;
use serde_json::{Value, json};

pub(crate) const GRACE: Duration = Duration::from_millis(600);

pub(crate) fn block<T>(work: impl Future<Output = T>) -> T {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| tokio::runtime::Runtime::new().unwrap());
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(50), work).await }).unwrap()
}

pub(crate) fn launcher() -> Launcher {
    static LAUNCHER: OnceLock<Launcher> = OnceLock::new();
    LAUNCHER.get_or_init(|| Launcher::start().unwrap()).clone()
}

pub(crate) fn limits() -> PoolLimits {
    // In the background they would wait for whatever else this machine does, and most tests look at the clock.
    let limits = Limits { cpu_priority: CpuPriority::Normal, ..Limits::default() };
    PoolLimits { boot: Duration::from_secs(5), limits, ..PoolLimits::default() }
}

pub(crate) fn environment() -> Vec<(String, String)> {
    vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into()), ("LANG".into(), "C.UTF-8".into())]
}

/// Children of this binary; how they behave is said by their argument and by the job's kind.
pub(crate) fn rust(argument: &str, limits: PoolLimits) -> Pool {
    let argv = Argv::ThisBinary(vec![argument.to_owned()]);
    let (dir, hello) = (None, Some(raw(&json!({ "queue": "q" }))));
    Pool::new(
        launcher(),
        Program { argv, dir, env: environment(), mode: Mode::Warm, hello },
        limits,
    )
}

pub(crate) fn warm(argv: &[&str], limits: PoolLimits) -> Pool {
    program(argv, Mode::Warm, limits)
}

pub(crate) fn command(argv: &[&str]) -> Pool {
    program(argv, Mode::Command, limits())
}

/// A shell script as a command.
pub(crate) fn shell(script: &str) -> Pool {
    command(&["sh", "-c", script])
}

pub(crate) fn program(argv: &[&str], mode: Mode, limits: PoolLimits) -> Pool {
    let argv = Argv::Command(argv.iter().map(|it| (*it).to_owned()).collect());
    let program = Program { argv, dir: None, env: environment(), mode, hello: None };
    Pool::new(launcher(), program, limits)
}

pub(crate) fn raw(value: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap()
}

pub(crate) fn order(kind: &str) -> Order {
    order_with(kind, json!(null))
}

pub(crate) fn order_with(kind: &str, args: Value) -> Order {
    let mut order = Order::new("7", 2, Duration::from_secs(20), GRACE);
    order.job = raw(&json!({ "id": "7", "attempt": 2, "kind": kind, "args": args }));
    order
}

pub(crate) async fn end(run: &mut Run) -> Report {
    loop {
        if let RunEvent::Ended(report) = run.next().await {
            return *report;
        }
    }
}

/// Runs one order to its end.
pub(crate) fn report(pool: &Pool, order: Order) -> Report {
    block(async { end(&mut pool.run(order).await).await })
}

pub(crate) fn until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Says whether a process is there and not a zombie.
pub(crate) fn lives(pid: u32) -> bool {
    state(pid).is_some_and(|state| state != 'Z')
}

pub(crate) fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}

/// Pids of all processes whose command line holds the text, and which live.
pub(crate) fn with_text(text: &str) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let own = std::process::id();
    pids.filter(|pid| *pid != own && lives(*pid) && holds(*pid, text)).collect()
}

fn holds(pid: u32, text: &str) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline"))
        .is_ok_and(|line| String::from_utf8_lossy(&line).contains(text))
}

/// A duration for `sleep` that no other process uses, by which a process is found again.
pub(crate) fn unique_sleep() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let nth = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("3{:07}.{nth:03}", std::process::id())
}

pub(crate) fn python() -> Option<&'static str> {
    installed("python3")
}

pub(crate) fn node() -> Option<&'static str> {
    installed("node")
}

fn installed(program: &'static str) -> Option<&'static str> {
    let path = &environment()[0].1;
    let found = path.split(':').any(|place| Path::new(place).join(program).exists());
    if !found {
        println!("SKIPPED: {program} is not in {path}");
    }
    found.then_some(program)
}
