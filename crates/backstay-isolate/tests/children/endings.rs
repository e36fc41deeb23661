//! One misbehaving program for each ending, in each language that is installed.

use std::time::Duration;

use backstay_isolate::{Ending, Limits, Mode, Order, OutputLimits, Pool, PoolLimits, Report};
use serde_json::json;

use crate::Test;
use crate::run::*;

pub(crate) const TESTS: &[Test] = &[
    ("every_ending_is_told_of_rust", every_ending_is_told_of_rust),
    ("every_ending_is_told_of_node", every_ending_is_told_of_node),
    ("every_ending_is_told_of_python", every_ending_is_told_of_python),
    ("cpu_time_and_peak_are_near_the_truth", cpu_time_and_peak_are_near_the_truth),
];

const MIB: u64 = 1024 * 1024;

/// Small enough that a program is at its limit soon; silence and CPU time only where they are meant, since a slow machine
/// makes everybody silent, and collecting garbage takes CPU time.
fn tight(ending: Ending) -> PoolLimits {
    let only = |meant: Ending, limit: u64| (meant == ending).then(|| Duration::from_millis(limit));
    let limits = Limits {
        memory_bytes: Some(128 * MIB),
        cpu_time: only(Ending::CpuLimit, 800),
        stall: only(Ending::Stalled, 500),
        processes: Some(40),
        disk_bytes: Some(8 * MIB),
        ..crate::run::limits().limits
    };
    let output = OutputLimits { total_bytes: MIB, ..OutputLimits::default() };
    PoolLimits { limits, output, ..crate::run::limits() }
}

fn patient() -> Order {
    let mut order = order("x");
    order.timeout = Duration::from_secs(10);
    order.grace = Duration::from_millis(100);
    order
}

/// A program in each language for one ending; Rust by the kind of its job.
struct Row {
    ending: Ending,
    rust: &'static str,
    node: &'static str,
    python: &'static str,
}

const fn row(ending: Ending, rust: &'static str, node: &'static str, python: &'static str) -> Row {
    Row { ending, rust, node, python }
}

const ROWS: &[Row] = &[
    row(Ending::Completed, "echo", "", ""),
    row(Ending::Failed, "fail", "process.exit(75)", "raise SystemExit(75)"),
    row(Ending::Rejected, "reject", "process.exit(65)", "raise SystemExit(65)"),
    row(Ending::Exited, "exit-3", "throw new Error('no')", "raise ValueError('no')"),
    row(Ending::Crashed, "abort", "process.abort()", "import os; os.abort()"),
    row(
        Ending::Killed,
        "die",
        "process.kill(process.pid, 'SIGKILL')",
        "import os; os.kill(os.getpid(), 9)",
    ),
    row(
        Ending::ProtocolError,
        "garbage",
        "require('fs').writeSync(3, 'what\\n'); setTimeout(() => {}, 60000)",
        "import os, time; os.write(3, b'what\\n'); time.sleep(60)",
    ),
    row(
        Ending::MemoryLimit,
        "hog",
        "const held = []; for (;;) held.push(Buffer.alloc(16 << 20, 1))",
        "held = []\nwhile True: held.append(b'x' * (16 << 20))",
    ),
    row(
        Ending::ProbableOom,
        "huge",
        "const held = []; for (;;) held.push(new Array(1000).fill({}))",
        "bytearray(8 << 30)",
    ),
    row(Ending::CpuLimit, "spin", "for (;;);", "while True: pass"),
    row(
        Ending::ProcessLimit,
        "processes",
        "const { spawn } = require('child_process'); \
         setInterval(() => { for (let i = 0; i < 5; i++) spawn('sleep', ['60']) }, 1)",
        "import subprocess\nwhile True: subprocess.Popen(['sleep', '60'])",
    ),
    row(
        Ending::DiskLimit,
        "disk",
        "const fs = require('fs'); for (let i = 0; i < 16; i++) \
         fs.writeFileSync(process.env.TMPDIR + '/' + i, Buffer.alloc(1 << 20)); \
         setInterval(() => console.log('.'), 100)",
        "import os, time\nfor i in range(16): open(os.environ['TMPDIR'] + f'/{i}', 'wb').write(b'x' * (1 << 20))\n\
         while True: time.sleep(0.1); print('.')",
    ),
    row(
        Ending::OutputLimit,
        "print-without-end",
        "for (;;) require('fs').writeSync(1, 'x'.repeat(1000))",
        "while True: print('x' * 1000)",
    ),
    row(Ending::Stalled, "block", "setTimeout(() => {}, 60000)", "import time; time.sleep(60)"),
];

fn every_ending_is_told_of_rust() {
    for row in ROWS {
        let mut order = order_with(row.rust, json!({}));
        (order.timeout, order.grace) = (patient().timeout, patient().grace);
        check(row, row.rust, &report(&rust("host", tight(row.ending)), order));
    }
    let pool = rust("host", tight(Ending::DiskLimit));
    let report = report(&pool, order_with("large-file", json!(null)));
    assert_eq!((report.ending, report.signal), (Ending::DiskLimit, Some(25)), "{report:?}");
}

fn every_ending_is_told_of_node() {
    let Some(node) = node() else { return };
    for row in ROWS {
        let pool = program(&[node, "-e", row.node], Mode::Command, tight(row.ending));
        check(row, row.node, &report(&pool, patient()));
    }
}

fn every_ending_is_told_of_python() {
    let Some(python) = python() else { return };
    for row in ROWS {
        let pool = program(&[python, "-c", row.python], Mode::Command, tight(row.ending));
        check(row, row.python, &report(&pool, patient()));
    }
}

fn check(row: &Row, program: &str, report: &Report) {
    assert_eq!(report.ending, row.ending, "{program}: {report:?}");
    assert!(!report.survivor && report.limits.memory_bytes == Some(128 * MIB));
    until("it is gone", Duration::from_secs(2), || {
        !lives(report.pid) || row.rust == "echo" || keeps(row)
    });
}

/// A warm child lives on after these.
fn keeps(row: &Row) -> bool {
    matches!(row.ending, Ending::Failed | Ending::Rejected)
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
