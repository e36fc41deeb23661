//! One misbehaving program for each ending, in each language that is installed, at the level that is granted here.

use std::time::Duration;

use backstay_isolate::{
    Ending, LevelName, Limits, Mode, Order, OutputLimits, Pool, PoolLimits, Report, RunEvent,
    StopReason,
};
use serde_json::json;

use crate::run::*;
use crate::{Test, cgroup};

pub(crate) const TESTS: &[Test] = &[
    ("every_ending_is_told_of_rust", every_ending_is_told_of_rust),
    ("every_ending_is_told_of_node", every_ending_is_told_of_node),
    ("every_ending_is_told_of_python", every_ending_is_told_of_python),
    ("cpu_time_and_peak_are_near_the_truth", cpu_time_and_peak_are_near_the_truth),
];

/// The same where the kernel holds the limits.
pub(crate) const AT_CGROUP: &[Test] = &[
    ("every_ending_is_told_of_rust_by_the_kernel", every_ending_is_told_of_rust),
    ("every_ending_is_told_of_node_by_the_kernel", every_ending_is_told_of_node),
    ("every_ending_is_told_of_python_by_the_kernel", every_ending_is_told_of_python),
];

const MIB: u64 = 1024 * 1024;

/// Rows that run side by side.
const AT_ONCE: usize = 5;

fn by_kernel() -> bool {
    launcher().level().name == LevelName::Cgroup
}

/// Small enough that a program is at its limit soon; silence and CPU time only where they are meant, since a slow machine
/// makes everybody silent, and collecting garbage takes CPU time.
fn tight(ending: Ending) -> PoolLimits {
    let only = |meant: Ending, limit: u64| (meant == ending).then(|| Duration::from_millis(limit));
    let limits = Limits {
        memory_bytes: Some(128 * MIB),
        cpu_time: only(Ending::CpuLimit, if by_kernel() { 2_500 } else { 800 }),
        stall: only(Ending::Stalled, if by_kernel() { 4_000 } else { 500 }),
        processes: Some(40),
        disk_bytes: Some(8 * MIB),
        ..crate::run::limits().limits
    };
    let output = OutputLimits { total_bytes: MIB, ..OutputLimits::default() };
    PoolLimits { limits, output, boot: Duration::from_secs(30), ..crate::run::limits() }
}

fn patient() -> Order {
    let mut order = order_with("x", json!({}));
    order.timeout = Duration::from_secs(40);
    order.grace = Duration::from_millis(100);
    order
}

/// What is done to a program, or by it.
#[derive(Clone, Copy, PartialEq)]
enum Act {
    /// It ends by itself, or at its limit.
    Alone,
    /// It works before, and says what it has used: the report must come near to that.
    Works,
    /// It is stopped as soon as it has spoken.
    Stopped(StopReason),
    /// It is one that serves, and ends before it is ready.
    Boots,
}

/// A program in each language for one ending; Rust by the kind of its job.
struct Row {
    ending: Ending,
    act: Act,
    rust: &'static str,
    node: &'static str,
    python: &'static str,
}

const fn row(
    ending: Ending,
    act: Act,
    rust: &'static str,
    node: &'static str,
    python: &'static str,
) -> Row {
    Row { ending, act, rust, node, python }
}

/// Speaks, and then waits to be stopped.
const fn stopped(ending: Ending, reason: StopReason) -> Row {
    row(
        ending,
        Act::Stopped(reason),
        "wait",
        "require('fs').writeSync(3, '{\"type\":\"alive\"}\\n'); setTimeout(() => {}, 60000)",
        "import os, time; os.write(3, b'{\"type\":\"alive\"}\\n'); time.sleep(60)",
    )
}

/// Where the kernel holds the limits, memory ends at `oom_killed`, and a fork that is one too many fails in the program.
fn at_cgroup(ending: Ending) -> Ending {
    match ending {
        Ending::MemoryLimit => Ending::OomKilled,
        Ending::ProcessLimit => Ending::Exited,
        other => other,
    }
}

const ROWS: &[Row] = &[
    row(Ending::Completed, Act::Works, "echo", "", ""),
    row(Ending::Failed, Act::Works, "fail", "process.exit(75)", "raise SystemExit(75)"),
    row(Ending::Rejected, Act::Alone, "reject", "process.exit(65)", "raise SystemExit(65)"),
    row(
        Ending::Snoozed,
        Act::Alone,
        "snooze",
        "require('fs').writeSync(3, '{\"type\":\"fail\",\"message\":\"m\",\"then\":\"snooze\"}\\n')",
        "import os; os.write(3, b'{\"type\":\"fail\",\"message\":\"m\",\"then\":\"snooze\"}\\n')",
    ),
    row(Ending::Exited, Act::Works, "exit-3", "throw new Error('no')", "raise ValueError('no')"),
    row(Ending::Crashed, Act::Works, "abort", "process.abort()", "import os; os.abort()"),
    row(
        Ending::Killed,
        Act::Alone,
        "die",
        "process.kill(process.pid, 'SIGKILL')",
        "import os; os.kill(os.getpid(), 9)",
    ),
    row(
        Ending::ProtocolError,
        Act::Alone,
        "garbage",
        "require('fs').writeSync(3, 'what\\n'); setTimeout(() => {}, 60000)",
        "import os, time; os.write(3, b'what\\n'); time.sleep(60)",
    ),
    row(Ending::CpuLimit, Act::Alone, "spin", "for (;;);", "while True: pass"),
    row(
        Ending::ProcessLimit,
        Act::Alone,
        "processes",
        "const { spawn } = require('child_process'); \
         setInterval(() => { for (let i = 0; i < 5; i++) spawn('sleep', ['60']) }, 1)",
        "import subprocess\nwhile True: subprocess.Popen(['sleep', '60'])",
    ),
    row(
        Ending::DiskLimit,
        Act::Alone,
        "disk",
        "const fs = require('fs'); for (let i = 0; i < 16; i++) \
         fs.writeFileSync(process.env.TMPDIR + '/' + i, Buffer.alloc(1 << 20)); \
         setInterval(() => console.log('.'), 100)",
        "import os, time\nfor i in range(16): open(os.environ['TMPDIR'] + f'/{i}', 'wb').write(b'x' * (1 << 20))\n\
         while True: time.sleep(0.1); print('.')",
    ),
    row(
        Ending::OutputLimit,
        Act::Alone,
        "print-without-end",
        "for (;;) require('fs').writeSync(1, 'x'.repeat(1000))",
        "while True: print('x' * 1000)",
    ),
    row(
        Ending::Stalled,
        Act::Alone,
        "block",
        "setTimeout(() => {}, 60000)",
        "import time; time.sleep(60)",
    ),
    stopped(Ending::Cancelled, StopReason::Cancelled),
    stopped(Ending::TimedOut, StopReason::TimedOut),
    stopped(Ending::Interrupted, StopReason::Shutdown),
    stopped(Ending::Evicted, StopReason::Evicted),
    stopped(Ending::Stale, StopReason::Stale),
    row(Ending::BootFailed, Act::Boots, "exit-at-boot", "process.exit(3)", "raise SystemExit(3)"),
];

/// Apart from the others: beside a process that the kernel has just killed for want of memory, `killed` is in doubt.
const MEMORY: &[Row] = &[
    row(
        Ending::MemoryLimit,
        Act::Alone,
        "hog",
        "const held = []; for (;;) held.push(Buffer.alloc(16 << 20, 1))",
        "held = []\nwhile True: held.append(b'x' * (16 << 20))",
    ),
    row(
        Ending::ProbableOom,
        Act::Alone,
        "huge",
        "const held = []; for (;;) held.push(new Array(1000).fill({}))",
        "bytearray(8 << 30)",
    ),
];

/// How every program begins: its last words, or what it has used by then.
const NODE_WORDS: &str = "require('fs').writeSync(2, 'last words\\n');\n";
const NODE_WORKS: &str = "\
const held = Buffer.alloc(48 << 20, 1), used = () => (process.cpuUsage().user + process.cpuUsage().system) / 1000;
while (used() < 250);
const anon = /RssAnon:\\s+(\\d+)/.exec(require('fs').readFileSync('/proc/self/status', 'utf8'))[1];
require('fs').writeSync(2, `last words ${anon} ${Math.round(used())}\\n`);
";
const PYTHON_WORDS: &str = "import sys; print('last words', file=sys.stderr)\n";
const PYTHON_WORKS: &str = "\
import sys, time
held = b'x' * (48 << 20)
while time.process_time() < 0.25: pass
anon = [line for line in open('/proc/self/status') if line.startswith('RssAnon')][0].split()[1]
print('last words', anon, int(time.process_time() * 1000), file=sys.stderr)
";

/// How a row is run in one language.
type Start = dyn Fn(&Row) -> (Pool, Order) + Sync;

fn every_ending_is_told_of_rust() {
    check_all(&|_| true, &|row| {
        let begin = if row.act == Act::Works { "works" } else { "words" };
        let mut order = order_with(row.rust, json!({ "begin": begin }));
        (order.timeout, order.grace) = (patient().timeout, patient().grace);
        let program = if row.act == Act::Boots { row.rust } else { "host" };
        (rust(program, tight(row.ending)), order)
    });
    let pool = rust("host", tight(Ending::DiskLimit));
    let report = report(&pool, order_with("large-file", json!(null)));
    assert_eq!((report.ending, report.signal), (Ending::DiskLimit, Some(25)), "{report:?}");
}

fn every_ending_is_told_of_node() {
    let Some(node) = node() else { return };
    check_all(&is_worth_it, &|row| {
        of_script(&[node, "-e"], row, row.node, [NODE_WORDS, NODE_WORKS])
    });
}

fn every_ending_is_told_of_python() {
    let Some(python) = python() else { return };
    check_all(&is_worth_it, &|row| {
        of_script(&[python, "-c"], row, row.python, [PYTHON_WORDS, PYTHON_WORKS])
    });
}

fn of_script(program: &[&str], row: &Row, script: &str, begin: [&str; 2]) -> (Pool, Order) {
    let begin = begin[usize::from(row.act == Act::Works)];
    let mode = if row.act == Act::Boots { Mode::Warm } else { Mode::Command };
    let script = format!("{begin}{script}");
    let argv = [program, &[&script]].concat();
    (crate::run::program(&argv, mode, tight(row.ending)), patient())
}

/// A kernel that runs as a program starts interpreters ten times slower: there only what the kernel itself decides, unless
/// `BACKSTAY_TEST_ALL` asks for all.
fn is_worth_it(row: &Row) -> bool {
    let is_slow = std::env::var_os(cgroup::IN_USER_MODE).is_some();
    let decided = at_cgroup(row.ending) != row.ending || row.ending == Ending::ProbableOom;
    decided || !is_slow || std::env::var_os(cgroup::ALL).is_some()
}

fn check_all(is_meant: &dyn Fn(&Row) -> bool, start: &Start) {
    for rows in ROWS.chunks(AT_ONCE).chain([MEMORY]) {
        std::thread::scope(|scope| {
            for row in rows.iter().filter(|row| is_meant(row)) {
                scope.spawn(move || check(row, start));
            }
        });
    }
}

fn check(row: &Row, start: &Start) {
    let (pool, order) = start(row);
    let report = block(async {
        let mut run = pool.run(order).await;
        if let Act::Stopped(reason) = row.act {
            assert!(matches!(run.next().await, RunEvent::Alive));
            run.stopper().stop(reason);
        }
        end(&mut run).await
    });
    let name = format!("{} ({})", row.ending, row.rust);
    let expected = if by_kernel() { at_cgroup(row.ending) } else { row.ending };
    assert_eq!(report.ending, expected, "{name}: {report:?}");
    assert!(!report.survivor && report.limits.memory_bytes == Some(128 * MIB), "{name}");
    // A Rust handler has no words before its process has booted.
    let is_mute = row.act == Act::Boots && report.stderr.contains("no configuration");
    assert!(is_mute || report.stderr.contains("last words"), "{name}: {report:?}");
    if row.act == Act::Works {
        near_the_truth(&name, &report);
    }
    until("it is gone", Duration::from_secs(2), || {
        !lives(report.pid) || row.rust == "echo" || keeps(row)
    });
}

/// Within 20 % of what the program itself has said; a tick is 10 ms.
fn near_the_truth(name: &str, report: &Report) {
    let words = report.stderr.lines().find_map(|line| line.strip_prefix("last words ")).unwrap();
    let said: Vec<u64> = words.split(' ').map(|it| it.parse().unwrap()).collect();
    let (anon, cpu) = (said[0] as f64 * 1024.0, said[1] as f64);
    let (peak, ticks) = (report.peak_bytes.unwrap() as f64, report.cpu.unwrap().as_millis() as f64);
    assert!((anon * 0.8..=anon * 1.2).contains(&peak), "{name}: {anon} bytes: {report:?}");
    assert!((cpu * 0.8..=cpu * 1.2).contains(&ticks), "{name}: {cpu} ms: {report:?}");
}

/// A warm child lives on after these.
fn keeps(row: &Row) -> bool {
    matches!(row.ending, Ending::Failed | Ending::Rejected | Ending::Snoozed)
}

fn cpu_time_and_peak_are_near_the_truth() {
    let limits = Limits { memory_bytes: Some(512 * MIB), ..crate::run::limits().limits };
    let pool: Pool = rust("host", PoolLimits { limits, ..crate::run::limits() });
    let held = report(&pool, order_with("hold", json!({ "mib": 120, "ms": 250 })));
    let peak = held.peak_bytes.unwrap();
    assert!((120 * MIB..150 * MIB).contains(&peak), "{held:?}");
    let small = report(&pool, order_with("hold", json!({ "mib": 30, "ms": 250 })));
    let peak = small.peak_bytes.unwrap();
    assert!((30 * MIB..60 * MIB).contains(&peak), "the peak of the job before: {small:?}");
    let cpu = report(&pool, order("cpu")).cpu.unwrap();
    assert!((280..380).contains(&cpu.as_millis()), "{cpu:?} of 300 ms");
    let Some(python) = python() else { return };
    // Half in a descendant that is not even waited for.
    let script = "import os, time\n\
        held = b'x' * (60 << 20)\n\
        pid = os.fork()\n\
        if pid == 0: os.setsid(); other = b'y' * (60 << 20)\n\
        while time.process_time() < 0.4: pass\n\
        if pid: time.sleep(0.4)";
    let tree = report(
        &program(
            &[python, "-c", script],
            Mode::Command,
            PoolLimits { limits, ..crate::run::limits() },
        ),
        order("x"),
    );
    let (cpu, peak) = (tree.cpu.unwrap().as_millis(), tree.peak_bytes.unwrap());
    assert!((700..1100).contains(&cpu), "{cpu} ms of 800: {tree:?}");
    assert!(peak > 110 * MIB && tree.processes_peak == Some(2), "{tree:?}");
}
