//! A child that talks garbage: its own job pays, at once or a second later, and nobody else does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use backstay_isolate::Ending;

use crate::Test;
use crate::limits::own_memory;
use crate::run::*;

pub(crate) const TESTS: &[Test] = &[
    ("a_second_of_garbage_harms_nobody_else", a_second_of_garbage),
    ("random_bytes_are_a_broken_rule_at_once", random_bytes),
];

const MIB: u64 = 1 << 20;

/// As fast as it can it writes messages that a newer version might write, which cannot be refused; then a torn one.
const FLOOD: &str = "timeout 1 yes '{\"type\":\"weather\",\"id\":[[[[9e999]]]],\"value\":\"\\ud800\"}' >&3; \
    head -c 100000 /dev/urandom >&3; sleep 20";

fn a_second_of_garbage() {
    let (garbage, sibling) = (shell(FLOOD), rust("host", limits()));
    block(sibling.boot()).unwrap();
    let (over, before) = (AtomicBool::new(false), own_memory());
    let flood = async {
        let report = end(&mut garbage.run(order("x")).await).await;
        over.store(true, Ordering::Relaxed);
        report
    };
    let beside = async {
        let (mut jobs, mut slowest, mut most) = (0, Duration::ZERO, before);
        while !over.load(Ordering::Relaxed) {
            let start = Instant::now();
            let report = end(&mut sibling.run(order("pid")).await).await;
            assert_eq!(report.ending, Ending::Completed, "{report:?}");
            (jobs, slowest, most) =
                (jobs + 1, slowest.max(start.elapsed()), most.max(own_memory()));
        }
        (jobs, slowest, most.saturating_sub(before) / MIB)
    };
    let (report, (jobs, slowest, grown)) = block(async { tokio::join!(flood, beside) });
    assert_eq!(report.ending, Ending::ProtocolError, "{report:?}");
    assert!(report.wall >= Duration::from_millis(900), "{report:?}");
    println!("       beside it {jobs} jobs, the slowest {slowest:?}; {grown} MiB more");
    assert!(jobs >= 20 && slowest < Duration::from_secs(1), "{jobs} jobs, {slowest:?}");
    assert!(grown <= 16, "{grown} MiB");
}

fn random_bytes() {
    for script in ["cat /dev/urandom >&3", "head -c 100000 /dev/urandom >&3; sleep 20"] {
        let report = report(&shell(script), order("x"));
        assert_eq!(report.ending, Ending::ProtocolError, "{script}: {report:?}");
        assert!(report.wall < Duration::from_secs(3), "{script}: {report:?}");
    }
}
