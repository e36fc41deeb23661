//! Warm children: every ending, answers, floods, recycling, boot.

use std::time::{Duration, Instant};

use backstay_isolate::{Ending, Fault, LastWord, Pool, PoolLimits, Report, RunEvent, StopReason};
use serde_json::{Value, json};

use crate::Test;
use crate::run::*;

pub(crate) const TESTS: &[Test] = &[
    ("a_job_comes_back_with_its_output", a_job_comes_back_with_its_output),
    ("handlers_fail_reject_and_snooze_in_their_words", handlers_fail_reject_and_snooze),
    ("a_child_lives_on_after_orderly_endings", a_child_lives_on_after_orderly_endings),
    ("a_crash_is_told_and_the_child_replaced", a_crash_is_told_and_the_child_replaced),
    ("exits_without_a_result_are_told_apart", exits_without_a_result_are_told_apart),
    ("broken_rules_are_protocol_errors", broken_rules_are_protocol_errors),
    ("a_second_last_word_harms_nobody_else", a_second_last_word_harms_nobody_else),
    ("a_crash_after_done_is_completed", a_crash_after_done_is_completed),
    ("unknown_messages_are_ignored", unknown_messages_are_ignored),
    ("events_arrive_in_order_and_are_answered", events_arrive_in_order_and_are_answered),
    ("a_slow_caller_loses_no_event", a_slow_caller_loses_no_event),
    ("a_handler_that_spins_is_timed_out", a_handler_that_spins_is_timed_out),
    ("a_handler_that_obeys_ends_early", a_handler_that_obeys_ends_early),
    ("a_late_done_counts_after_a_timeout", a_late_done_counts_after_a_timeout),
    ("a_late_done_does_not_undo_a_cancel", a_late_done_does_not_undo_a_cancel),
    ("stale_and_evicted_are_killed_at_once", stale_and_evicted_are_killed_at_once),
    ("a_stop_under_way_can_be_hastened", a_stop_under_way_can_be_hastened),
    ("a_dropped_run_is_killed", a_dropped_run_is_killed),
    ("a_large_job_to_a_child_that_does_not_read_blocks_nobody", large_job_blocks_nobody),
    ("boot_failures_tell_why_and_never_hang", boot_failures_tell_why_and_never_hang),
    ("children_are_recycled_after_their_jobs", children_are_recycled_after_their_jobs),
    ("old_children_are_recycled", old_children_are_recycled),
    ("no_more_than_size_run_at_once", no_more_than_size_run_at_once),
    ("stderr_belongs_to_its_own_job", stderr_belongs_to_its_own_job),
    ("scratch_is_private_and_empty_for_every_job", scratch_is_private_and_empty),
    ("handlers_inherit_nothing_to_their_programs", handlers_inherit_nothing),
    ("the_environment_is_what_was_given", the_environment_is_what_was_given),
    ("cpu_time_is_of_this_job_only", cpu_time_is_of_this_job_only),
    ("a_python_program_serves_jobs", a_python_program_serves_jobs),
    ("a_drain_during_boot_is_heard_after_it", a_drain_during_boot_is_heard_after_it),
    ("idle_children_leave_with_their_pool", idle_children_leave_with_their_pool),
    ("an_idle_child_that_dies_harms_no_job", an_idle_child_that_dies_harms_no_job),
];

fn pool() -> Pool {
    rust("host", limits())
}

fn output(report: &Report) -> Value {
    match &report.last_word {
        Some(LastWord::Done { output: Some(output), .. }) => {
            serde_json::from_str(output.get()).unwrap()
        }
        other => panic!("no output: {other:?} in {report:?}"),
    }
}

fn pid(pool: &Pool) -> u64 {
    output(&report(pool, order("pid"))).as_u64().unwrap()
}

fn a_job_comes_back_with_its_output() {
    let pool = pool();
    let ready = block(pool.boot()).unwrap();
    assert_eq!((ready.kinds, ready.name), (vec!["echo".into()], Some("host".into())));
    let report = report(&pool, order_with("echo", json!({ "a": [1, "\u{e9}\n"] })));
    assert_eq!(report.ending, Ending::Completed, "{report:?}");
    assert_eq!(output(&report), json!({ "a": [1, "\u{e9}\n"] }));
    assert!(report.pid > 0 && !report.late && report.exit_code.is_none());
}

fn handlers_fail_reject_and_snooze() {
    let pool = pool();
    let cases = [
        ("fail", Ending::Failed),
        ("reject", Ending::Rejected),
        ("snooze", Ending::Snoozed),
        ("interrupted", Ending::Interrupted),
    ];
    for (kind, ending) in cases {
        let report = report(&pool, order(kind));
        assert_eq!(report.ending, ending, "{report:?}");
        let Some(LastWord::Fail { class, after, .. }) = report.last_word else { panic!() };
        assert_eq!((class.as_deref(), after), (Some("test"), Some(Duration::from_millis(1500))));
    }
}

fn a_child_lives_on_after_orderly_endings() {
    let pool = pool();
    let first = pid(&pool);
    for kind in ["echo", "fail", "reject", "snooze"] {
        report(&pool, order(kind));
        assert_eq!(pid(&pool), first, "after {kind}");
    }
    report(&pool, order("interrupted"));
    assert_ne!(pid(&pool), first);
}

fn a_crash_is_told_and_the_child_replaced() {
    let pool = pool();
    let first = pid(&pool);
    let cases =
        [("abort", Ending::Crashed, 6), ("segv", Ending::Crashed, 11), ("die", Ending::Killed, 9)];
    for (kind, ending, signal) in cases {
        let report = report(&pool, order(kind));
        assert_eq!((report.ending, report.signal), (ending, Some(signal)), "{report:?}");
        assert_eq!(report.stderr.contains("about to abort"), kind == "abort");
        assert!(report.last_word.is_none());
    }
    assert_ne!(pid(&pool), first);
}

fn exits_without_a_result_are_told_apart() {
    let pool = pool();
    let none = report(&pool, order("exit-0"));
    let fault = (none.ending, none.fault.map(Fault::code));
    assert_eq!(fault, (Ending::ProtocolError, Some("BS705")), "{none:?}");
    let three = report(&pool, order("exit-3"));
    assert_eq!((three.ending, three.exit_code), (Ending::Exited, Some(3)), "{three:?}");
}

fn broken_rules_are_protocol_errors() {
    let pool = pool();
    let cases = [
        ("garbage", Fault::BadLine, "BS701"),
        ("long-line", Fault::LineTooLong, "BS702"),
        ("other-job", Fault::UnexpectedMessage, "BS704"),
    ];
    for (kind, fault, code) in cases {
        let report = report(&pool, order(kind));
        assert_eq!((report.ending, report.fault), (Ending::ProtocolError, Some(fault)), "{kind}");
        assert_eq!(fault.code(), code);
        assert!(report.detail.is_some());
        until("the child is gone", Duration::from_secs(1), || !lives(report.pid));
    }
    assert_eq!(report(&pool, order("echo")).ending, Ending::Completed);
}

fn a_second_last_word_harms_nobody_else() {
    let pool = pool();
    assert_eq!(output(&report(&pool, order("twice"))), json!(1));
    assert_eq!(report(&pool, order("after-done")).ending, Ending::Completed);
    assert_eq!(report(&pool, order("echo")).ending, Ending::Completed);
}

fn a_crash_after_done_is_completed() {
    let pool = pool();
    let report = report(&pool, order("done-then-abort"));
    assert_eq!(report.ending, Ending::Completed);
    until("it is off the shelf", Duration::from_secs(2), || !lives(report.pid));
    assert_eq!(crate::run::report(&pool, order("echo")).ending, Ending::Completed);
}

fn unknown_messages_are_ignored() {
    assert_eq!(report(&pool(), order("unknown")).ending, Ending::Completed);
}

fn events_arrive_in_order_and_are_answered() {
    let pool = pool();
    block(async {
        let mut run = pool.run(order("speak")).await;
        assert!(
            matches!(run.next().await, RunEvent::Progress { percent: Some(p), note: Some(n) } if p == 50.0 && n == "half")
        );
        assert!(matches!(run.next().await, RunEvent::Log { message, .. } if message == "hello"));
        let RunEvent::Checkpoint { value, reference } = run.next().await else { panic!() };
        assert_eq!((value.get(), &reference), (r#"{"page":3}"#, &Some(json!("r1"))));
        run.answer(reference.unwrap(), false, Some("BS202".into()), Some("too large".into()));
        let RunEvent::Ended(report) = run.next().await else { panic!() };
        assert_eq!(output(&report), json!(["r1", false, "BS202"]));
    });
}

fn a_slow_caller_loses_no_event() {
    let pool = pool();
    block(async {
        let mut run = pool.run(order("flood-events")).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        for nth in 0..1000 {
            let RunEvent::Checkpoint { value, .. } = run.next().await else { panic!("{nth}") };
            assert!(value.get().starts_with(&format!("[{nth},")));
        }
        assert!(matches!(run.next().await, RunEvent::Ended(it) if it.ending == Ending::Completed));
    });
}

fn a_handler_that_spins_is_timed_out() {
    let pool = pool();
    let mut order = order("spin");
    order.timeout = Duration::from_millis(200);
    let report = report(&pool, order);
    assert_eq!(report.ending, Ending::TimedOut, "{report:?}");
    // SIGTERM at half the grace ends it: it does not catch that.
    assert!((500..800).contains(&report.wall.as_millis()), "{:?}", report.wall);
    // How much of it depends on who else wants the CPU: it runs in the background.
    assert!(report.cpu.unwrap() >= Duration::from_millis(10), "{:?}", report.cpu);
    assert!(!lives(report.pid));
}

fn a_handler_that_obeys_ends_early() {
    let pool = pool();
    let cases = [
        (StopReason::Cancelled, Ending::Cancelled, "cancelled"),
        (StopReason::Shutdown, Ending::Interrupted, "shutdown"),
        (StopReason::Stalled, Ending::Stalled, "stalled"),
    ];
    for (reason, ending, word) in cases {
        let start = Instant::now();
        let report = block(async {
            let mut run = pool.run(order("obey")).await;
            run.stopper().stop(reason);
            end(&mut run).await
        });
        // A stop may come before the child has booted; then nothing can be asked.
        assert_eq!(report.ending, ending, "{report:?}");
        assert!(start.elapsed() < Duration::from_secs(2), "the stop was lost");
        if let Some(LastWord::Fail { message, .. }) = &report.last_word {
            assert_eq!(message, word);
        }
        block(pool.boot()).unwrap();
    }
}

fn a_late_done_counts_after_a_timeout() {
    let pool = pool();
    let mut order = order("late");
    order.timeout = Duration::from_millis(100);
    let report = report(&pool, order);
    assert_eq!((report.ending, report.late), (Ending::Completed, true), "{report:?}");
    assert_eq!(output(&report), json!("late"));
    until("it is recycled", Duration::from_secs(1), || !lives(report.pid));
}

fn a_late_done_does_not_undo_a_cancel() {
    let pool = pool();
    block(pool.boot()).unwrap();
    let report = block(async {
        let mut run = pool.run(order("late")).await;
        run.stopper().stop(StopReason::Cancelled);
        run.stopper().stop(StopReason::TimedOut);
        end(&mut run).await
    });
    assert_eq!((report.ending, report.late), (Ending::Cancelled, false), "{report:?}");
    assert!(matches!(report.last_word, Some(LastWord::Done { .. })));
}

fn a_stop_under_way_can_be_hastened() {
    let pool = pool();
    let rows =
        [(StopReason::TimedOut, Ending::TimedOut), (StopReason::Cancelled, Ending::Cancelled)];
    for (first, ending) in rows {
        block(pool.boot()).unwrap();
        let mut order = order("spin");
        order.grace = Duration::from_secs(600);
        let start = Instant::now();
        let report = block(async {
            let mut run = pool.run(order).await;
            run.stopper().stop(first);
            run.stopper().stop_within(StopReason::Cancelled, Duration::from_millis(100));
            // Who has less time already is not given more.
            run.stopper().stop_within(StopReason::Cancelled, Duration::from_secs(300));
            end(&mut run).await
        });
        assert_eq!(report.ending, ending, "the first reason stands");
        let took = start.elapsed();
        assert!(took < Duration::from_secs(20), "{took:?}");
        assert!(!lives(report.pid));
    }
}

fn stale_and_evicted_are_killed_at_once() {
    let pool = pool();
    for (reason, ending) in
        [(StopReason::Stale, Ending::Stale), (StopReason::Evicted, Ending::Evicted)]
    {
        block(pool.boot()).unwrap();
        let start = Instant::now();
        let report = block(async {
            let mut run = pool.run(order("spin")).await;
            run.stopper().stop(StopReason::Cancelled);
            run.stopper().stop(reason);
            end(&mut run).await
        });
        assert_eq!(report.ending, ending);
        assert!(start.elapsed() < GRACE / 2, "{:?}", start.elapsed());
        assert!(!lives(report.pid));
    }
}

fn a_dropped_run_is_killed() {
    let pool = rust("host", PoolLimits { size: 1, ..limits() });
    let first = pid(&pool) as u32;
    block(async { drop(pool.run(order("spin")).await) });
    until("the child is gone", Duration::from_secs(2), || !lives(first));
    assert_ne!(pid(&pool) as u32, first);
}

fn large_job_blocks_nobody() {
    // It says that it is ready and never reads again.
    let script = r#"read hello <&4; echo '{"type":"ready","protocol":1}' >&3; exec sleep 60"#;
    let deaf = warm(&["sh", "-c", script], limits());
    let (deaf_report, other) = block(async {
        let mut order = order_with("echo", json!("x".repeat(6 * 1024 * 1024)));
        order.timeout = Duration::from_millis(400);
        let mut run = deaf.run(order).await;
        let other = pool();
        let quick = async { end(&mut other.run(crate::run::order("echo")).await).await };
        let quick = tokio::time::timeout(Duration::from_secs(2), quick).await.unwrap();
        (end(&mut run).await, quick)
    });
    assert_eq!(other.ending, Ending::Completed);
    assert_eq!(deaf_report.ending, Ending::TimedOut, "{deaf_report:?}");
    // The same size goes through to one that reads.
    let large = json!("x".repeat(6 * 1024 * 1024));
    let report = report(&pool(), order_with("echo", large.clone()));
    assert_eq!((report.ending, output(&report) == large), (Ending::Completed, true));
}

fn boot_failures_tell_why_and_never_hang() {
    let short = PoolLimits { boot: Duration::from_millis(300), ..limits() };
    let cases = [
        (rust("exit-at-boot", limits()), "exited with 3", "BS604"),
        (rust("silent-at-boot", short), "within 0.3 s", "BS604"),
        (rust("wrong-protocol", limits()), "protocol 9", "BS703"),
        (warm(&["no-such-program"], limits()), "`no-such-program` is not found", "BS603"),
        (warm(&["/etc/passwd"], limits()), "cannot be executed", "BS603"),
        (warm(&["sh", "-c", "kill -SEGV $$"], limits()), "signal 11", "BS604"),
        (warm(&["sh", "-c", "echo hello >&3; sleep 60"], limits()), "not a message", "BS703"),
    ];
    for (pool, part, code) in cases {
        let start = Instant::now();
        let failed = block(pool.boot()).unwrap_err();
        assert!(failed.message.contains(part), "{failed:?}");
        assert_eq!(failed.code, code, "{failed:?}");
        assert_eq!(failed.stderr.contains("no configuration"), part.ends_with('3'), "{failed:?}");
        let report = report(&pool, order("echo"));
        assert_eq!(report.ending, Ending::BootFailed, "{report:?}");
        assert!(report.detail.unwrap().contains(part));
        assert!(start.elapsed() < Duration::from_secs(3), "{part}: {:?}", start.elapsed());
    }
}

fn a_drain_during_boot_is_heard_after_it() {
    let slow = rust("slow-at-boot", limits());
    let report = block(async {
        // It is done only when it has heard of the drain.
        let mut order = order("drained");
        order.timeout = Duration::from_secs(3);
        let mut run = slow.run(order).await;
        run.stopper().drain(Duration::from_secs(2));
        end(&mut run).await
    });
    assert_eq!(report.ending, Ending::Completed, "{report:?}");
    until("it takes no further job", Duration::from_secs(2), || !lives(report.pid));
}

fn children_are_recycled_after_their_jobs() {
    let pool = rust("host", PoolLimits { recycle_jobs: 2, ..limits() });
    let pids = [pid(&pool), pid(&pool), pid(&pool), pid(&pool)];
    assert_eq!((pids[0] == pids[1], pids[2] == pids[3]), (true, true));
    assert_ne!(pids[1], pids[2]);
    until("the first has left", Duration::from_secs(1), || !lives(pids[0] as u32));
}

fn old_children_are_recycled() {
    let pool = rust("host", PoolLimits { recycle_age: Duration::ZERO, ..limits() });
    assert_ne!(pid(&pool), pid(&pool));
}

fn no_more_than_size_run_at_once() {
    let pool = rust("host", PoolLimits { size: 2, ..limits() });
    block(async {
        let first = pool.run(order("block")).await;
        let second = pool.run(order("block")).await;
        let third = tokio::time::timeout(Duration::from_millis(200), pool.run(order("pid"))).await;
        assert!(third.is_err(), "a third place was given");
        first.stopper().stop(StopReason::Evicted);
        let mut third = pool.run(order("pid")).await;
        assert_eq!(end(&mut third).await.ending, Ending::Completed);
        second.stopper().stop(StopReason::Evicted);
    });
}

fn stderr_belongs_to_its_own_job() {
    let pool = pool();
    for nth in 0..200 {
        let report = report(&pool, order_with("print", json!(nth)));
        assert_eq!(report.stderr, format!("stderr of {nth}\n"));
        assert_eq!(report.output_bytes as usize, 2 * report.stderr.len());
    }
}

fn scratch_is_private_and_empty() {
    let pool = pool();
    for pause in [0, 0, 150, 0] {
        // What was empty for a while need not be looked at again, until something is made in it.
        for _ in 0..2 {
            std::thread::sleep(Duration::from_millis(pause));
            assert_eq!(report(&pool, order("echo")).scratch_bytes, Some(0));
        }
        let littered = report(&pool, order("litter"));
        assert_eq!(output(&littered), json!([0, true, true]));
        assert!(littered.scratch_bytes.is_some_and(|bytes| bytes > 0), "{littered:?}");
    }
}

fn handlers_inherit_nothing() {
    // 3 is how the shell of the test opened the folder.
    assert_eq!(output(&report(&pool(), order("descriptors"))), json!("0 1 2 3"));
}

fn the_environment_is_what_was_given() {
    let names = output(&report(&pool(), order("environment")));
    let mut names: Vec<&str> = names.as_array().unwrap().iter().flat_map(Value::as_str).collect();
    names.sort_unstable();
    let given = ["LANG", "PATH"];
    let ours = ["BACKSTAY_CHILD", "BACKSTAY_SCRATCH", "PYTHONUNBUFFERED", "TMPDIR"];
    let mut expected = [&given[..], &ours].concat();
    expected.sort_unstable();
    assert_eq!(names, expected);
}

fn cpu_time_is_of_this_job_only() {
    let pool = pool();
    assert!(report(&pool, order("cpu")).cpu.unwrap() >= Duration::from_millis(200));
    assert!(report(&pool, order("echo")).cpu.unwrap() <= Duration::from_millis(50));
}

const PYTHON: &str = r#"
import json, os
out, inp = os.fdopen(3, "w"), os.fdopen(4)
def say(**message): print(json.dumps(message), file=out, flush=True)
for line in inp:
    m = json.loads(line)
    if m["type"] == "hello": say(type="ready", protocol=1, kinds=["add"], name="python")
    elif m["type"] == "job":
        try: say(type="done", id=m["id"], attempt=m["attempt"], output=sum(m["args"]))
        except Exception as e: say(type="fail", id=m["id"], attempt=m["attempt"], message=str(e))
    elif m["type"] == "drain": break
"#;

fn a_python_program_serves_jobs() {
    let Some(python) = python() else { return };
    let pool = warm(&[python, "-c", PYTHON], limits());
    assert_eq!(block(pool.boot()).unwrap().kinds, ["add"]);
    assert_eq!(output(&report(&pool, order_with("add", json!([1, 2, 3])))), json!(6));
    let failed = report(&pool, order_with("add", json!(["a"])));
    assert_eq!(failed.ending, Ending::Failed);
    assert_eq!(output(&report(&pool, order_with("add", json!([4])))), json!(4));
}

fn idle_children_leave_with_their_pool() {
    let pool = pool();
    let pid = pid(&pool) as u32;
    drop(pool);
    until("the child is gone", Duration::from_secs(3), || state(pid).is_none());
}

fn an_idle_child_that_dies_harms_no_job() {
    let pool = pool();
    for _ in 0..10 {
        let pid = pid(&pool) as u32;
        let raw = rustix::process::Pid::from_raw(pid as i32).unwrap();
        rustix::process::kill_process(raw, rustix::process::Signal::KILL).unwrap();
        until("the child is gone", Duration::from_secs(1), || state(pid).is_none());
    }
    assert_eq!(report(&pool, order("echo")).ending, Ending::Completed);
}

/// Prints how long a job that does nothing takes through one warm child (`-- --ignored`).
pub(crate) fn measure() {
    let pool = rust("host", PoolLimits { size: 1, recycle_jobs: u32::MAX, ..limits() });
    for name in ["shared runtime", "current thread"] {
        let mut times = Vec::with_capacity(20_000);
        let work = async {
            for _ in 0..20_000 {
                let start = Instant::now();
                end(&mut pool.run(order("echo")).await).await;
                times.push(start.elapsed());
            }
        };
        if name == "shared runtime" {
            block(async { tokio::time::timeout(Duration::from_secs(40), work).await.unwrap() });
        } else {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(work);
        }
        times.sort_unstable();
        let at = |share: f64| times[(times.len() as f64 * share) as usize].as_micros();
        println!("{name}: p50 {} us, p90 {} us, p99 {} us", at(0.5), at(0.9), at(0.99));
    }
    let fresh = crate::run::command(&["true"]);
    let mut times: Vec<Duration> = (0..300).map(|_| report(&fresh, order("x")).wall).collect();
    times.sort_unstable();
    println!("`true` as a command, from started to ended: p50 {:?}", times[150]);
    let mut times: Vec<Duration> = (0..300)
        .map(|_| {
            let start = Instant::now();
            report(&fresh, order("x"));
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!("`true` as a command, from order to report: p50 {:?}", times[150]);
}
