//! Commands: exit codes, lines on descriptor 3, stdin, output, and how they are stopped.

use std::time::{Duration, Instant};

use backstay_isolate::{
    Ending, LastWord, Mode, Order, OutputLimits, Pool, PoolLimits, Report, RunEvent, StopReason,
};
use serde_json::{Value, json};

use crate::Test;
use crate::run::*;

pub(crate) const TESTS: &[Test] = &[
    ("exit_codes_and_signals_have_their_words", exit_codes_and_signals_have_their_words),
    ("the_last_line_of_stderr_is_the_message", the_last_line_of_stderr_is_the_message),
    ("args_come_on_stdin", args_come_on_stdin),
    ("a_large_payload_to_a_program_that_never_reads_blocks_nobody", large_payload),
    ("lines_on_descriptor_3_are_heard", lines_on_descriptor_3_are_heard),
    ("a_fail_line_decides_whatever_the_exit", a_fail_line_decides_whatever_the_exit),
    ("bad_lines_are_protocol_errors", bad_lines_are_protocol_errors),
    ("a_missing_program_is_found_before_the_first_claim", a_missing_program_is_found),
    ("a_command_sees_descriptors_0_to_3_only", a_command_sees_descriptors_0_to_3_only),
    ("environment_and_scratch_are_as_given_and_removed", environment_and_scratch),
    ("timeouts_climb_from_term_to_kill", timeouts_climb_from_term_to_kill),
    ("a_command_that_obeys_term_ends_early", a_command_that_obeys_term_ends_early),
    ("a_signal_from_elsewhere_is_killed_or_interrupted", a_signal_from_elsewhere),
    ("a_gigabyte_on_stderr_costs_next_to_nothing", a_gigabyte_on_stderr),
    ("too_much_output_ends_it", too_much_output_ends_it),
    ("stderr_is_valid_text_whatever_was_written", stderr_is_valid_text),
    ("pythons_last_print_is_kept_at_a_kill", pythons_last_print_is_kept),
];

fn bytes(stdin: &str) -> Order {
    let mut order = order("command");
    order.stdin = stdin.as_bytes().to_vec();
    order
}

fn run(script: &str) -> Report {
    report(&shell(script), bytes("{}"))
}

fn output(report: &Report) -> Option<Value> {
    match &report.last_word {
        Some(LastWord::Done { output: Some(output), .. }) => {
            Some(serde_json::from_str(output.get()).unwrap())
        }
        _ => None,
    }
}

fn exit_codes_and_signals_have_their_words() {
    let cases = [
        ("exit 0", Ending::Completed, Some(0), None),
        ("exit 65", Ending::Rejected, Some(65), None),
        ("exit 75", Ending::Failed, Some(75), None),
        ("exit 1", Ending::Exited, Some(1), None),
        ("exit 64", Ending::Exited, Some(64), None),
        ("kill -ABRT $$", Ending::Crashed, None, Some(6)),
        ("kill -SEGV $$", Ending::Crashed, None, Some(11)),
        ("kill -KILL $$", Ending::Killed, None, Some(9)),
        ("kill -TERM $$", Ending::Killed, None, Some(15)),
        ("sh -c 'kill -ABRT $$'; exit $?", Ending::Crashed, Some(134), Some(6)),
        ("sh -c 'kill -KILL $$'; exit $?", Ending::Killed, Some(137), Some(9)),
        ("sh -c 'kill -SEGV $$'; exit $?", Ending::Crashed, Some(139), Some(11)),
    ];
    for (script, ending, code, signal) in cases {
        let report = run(script);
        let got = (report.ending, report.exit_code, report.signal);
        assert_eq!(got, (ending, code, signal), "{script}: {report:?}");
        assert!(report.last_word.is_none() && report.pid > 0);
    }
}

fn the_last_line_of_stderr_is_the_message() {
    let report = run("echo first >&2; echo 'disk is full' >&2; echo >&2; echo out; exit 75");
    assert_eq!(report.last_line(), Some("disk is full"));
    assert_eq!(report.stderr, "first\ndisk is full\n\n");
    assert_eq!(report.output_bytes, 24);
}

fn args_come_on_stdin() {
    let script = r#"printf '{"type":"done","output":%s}\n' "$(cat)" >&3"#;
    let report = report(&shell(script), bytes(r#"{"month": "2026-11"}"#));
    assert_eq!(output(&report), Some(json!({ "month": "2026-11" })));
}

fn large_payload() {
    let start = Instant::now();
    let payload = format!("\"{}\"", "x".repeat(8 * 1024 * 1024));
    assert_eq!(report(&shell("exit 0"), bytes(&payload)).ending, Ending::Completed);
    assert!(start.elapsed() < Duration::from_secs(2));
    let report = report(&shell("wc -c >&2"), bytes(&payload));
    assert_eq!(report.stderr.trim(), "8388610");
}

const LINES: &str = r#"
echo '{"type":"progress","percent":50,"note":"half"}' >&3
echo '{"type":"alive"}' >&3
echo '{"type":"log","level":"warn","message":"careful"}' >&3
echo '{"type":"checkpoint","value":{"page":3}}' >&3
echo '{"type":"enqueue","jobs":[{"kind":"x"}]}' >&3
echo '{"type":"weather"}' >&3
echo '{"type":"done","output":{"pages":30}}' >&3
"#;

fn lines_on_descriptor_3_are_heard() {
    let pool = shell(LINES);
    block(async {
        let mut run = pool.run(bytes("{}")).await;
        assert!(matches!(run.next().await, RunEvent::Progress { percent: Some(_), note: Some(_) }));
        assert!(matches!(run.next().await, RunEvent::Alive));
        assert!(matches!(run.next().await, RunEvent::Log { level, .. } if level == "warn"));
        assert!(
            matches!(run.next().await, RunEvent::Checkpoint { value, .. } if value.get().contains("page"))
        );
        assert!(
            matches!(run.next().await, RunEvent::Enqueue { jobs, .. } if jobs.get().starts_with('['))
        );
        let RunEvent::Ended(report) = run.next().await else { panic!() };
        assert_eq!(
            (report.ending, output(&report)),
            (Ending::Completed, Some(json!({ "pages": 30 })))
        );
    });
    let crashed = run(&format!("{LINES} exit 3"));
    assert_eq!((crashed.ending, output(&crashed).is_some()), (Ending::Exited, true));
}

fn a_fail_line_decides_whatever_the_exit() {
    let fail =
        |then: &str| format!(r#"echo '{{"type":"fail","message":"m","then":"{then}"}}' >&3;"#);
    for (then, exit, ending) in [
        ("retry", 0, Ending::Failed),
        ("dead", 0, Ending::Rejected),
        ("snooze", 1, Ending::Snoozed),
        ("cancel", 75, Ending::Cancelled),
    ] {
        assert_eq!(run(&format!("{} exit {exit}", fail(then))).ending, ending, "{then}");
    }
}

fn bad_lines_are_protocol_errors() {
    let done = r#"echo '{"type":"done"}' >&3;"#;
    for (script, code) in [
        ("echo nonsense >&3; sleep 20", "BS701"),
        ("head -c 9000000 /dev/zero >&3; sleep 20", "BS702"),
        (&format!("{done} {done} sleep 20"), "BS704"),
    ] {
        let start = Instant::now();
        let report = run(script);
        let got = (report.ending, report.fault.map(|fault| fault.code()));
        assert_eq!(got, (Ending::ProtocolError, Some(code)), "{script}: {report:?}");
        assert!(start.elapsed() < Duration::from_secs(2));
    }
}

fn a_missing_program_is_found() {
    let missing = command(&["no-such-program"]);
    assert_eq!(block(missing.boot()).unwrap_err().code, "BS603");
    let report = report(&missing, bytes("{}"));
    assert_eq!(report.ending, Ending::BootFailed);
    assert!(report.detail.unwrap().contains("no-such-program"));
    block(command(&["true"]).boot()).unwrap();
    block(command(&["/bin/true"]).boot()).unwrap();
    assert!(block(command(&["/etc/passwd"]).boot()).is_err());
}

fn a_command_sees_descriptors_0_to_3_only() {
    // The shell itself opens nothing while it expands the pattern, except the folder: 4.
    let report = run("echo /proc/self/fd/* >&2; readlink /proc/self/fd/0 >&2");
    let mut lines = report.stderr.lines();
    assert_eq!(lines.next().unwrap().replace("/proc/self/fd/", ""), "0 1 2 3 4", "{report:?}");
    let Some(python) = python() else { return };
    let list = "import os, sys; fds = [int(f) for f in os.listdir('/proc/self/fd')]\n\
                def open_(f):\n try: os.fstat(f); return True\n except OSError: return False\n\
                print([f for f in fds if open_(f)], file=sys.stderr)";
    let report = crate::run::report(&command(&[python, "-c", list]), bytes("{}"));
    assert_eq!(report.stderr.trim(), "[0, 1, 2, 3]");
    let script = "import os\nos.write(3, b'{\"type\":\"ready\",\"protocol\":1,\"name\":\"%s\"}\\n' % \
                  ' '.join(f for f in sorted(os.listdir('/proc/self/fd'))).encode())\nos.read(4, 99999)\nos.read(4, 9)";
    let ready = block(warm(&[python, "-c", script], limits()).boot()).unwrap();
    assert_eq!(ready.name.unwrap(), "0 1 2 3 4 5", "5 is the folder");
}

fn environment_and_scratch() {
    let script = r#"env | cut -d= -f1 | sort | tr '\n' ' ' >&2; echo >&2
        ls -ld "$BACKSTAY_SCRATCH" | cut -c1-10 >&2
        cat "$BACKSTAY_SCRATCH/checkpoint.json" >&2; echo >&2
        [ "$TMPDIR" = "$BACKSTAY_SCRATCH" ] && echo same >&2
        touch "$TMPDIR/x"; mkdir -p "$TMPDIR/a/b"; echo "$TMPDIR" >&2"#;
    let mut order = bytes("{}");
    order.env = vec![("BACKSTAY_JOB".into(), "7".into())];
    order.checkpoint = Some(raw(&json!({ "page": 3 })));
    let report = report(&shell(script), order);
    let lines: Vec<&str> = report.stderr.lines().collect();
    assert_eq!(
        lines[0].trim(),
        "BACKSTAY_JOB BACKSTAY_SCRATCH LANG PATH PWD PYTHONUNBUFFERED TMPDIR",
        "{report:?}"
    );
    assert_eq!(lines[1..4], ["drwx------", r#"{"page":3}"#, "same"]);
    let folder = std::path::PathBuf::from(lines[4]);
    until("the scratch folder is gone", Duration::from_secs(2), || !folder.exists());
}

fn timeouts_climb_from_term_to_kill() {
    let mut order = bytes("{}");
    order.timeout = Duration::from_millis(200);
    let report = report(&shell("trap 'echo no >&2' TERM; while :; do sleep 0.05; done"), order);
    assert_eq!((report.ending, report.signal), (Ending::TimedOut, Some(9)), "{report:?}");
    assert!(report.stderr.contains("no"));
    let wall = report.wall.as_millis();
    assert!((800..1100).contains(&wall), "timeout 200 ms + grace 600 ms: {wall}");
}

fn a_command_that_obeys_term_ends_early() {
    let pool = shell(
        r#"trap 'echo bye >&2; exit 75' TERM; echo '{"type":"alive"}' >&3; while :; do sleep 0.05; done"#,
    );
    for (reason, ending) in
        [(StopReason::Cancelled, Ending::Cancelled), (StopReason::Shutdown, Ending::Interrupted)]
    {
        let (report, took) = block(async {
            let mut run = pool.run(bytes("{}")).await;
            assert!(matches!(run.next().await, RunEvent::Alive));
            let start = Instant::now();
            run.stopper().stop(reason);
            (end(&mut run).await, start.elapsed())
        });
        assert_eq!((report.ending, report.exit_code), (ending, Some(75)), "{report:?}");
        assert_eq!(report.last_line(), Some("bye"));
        assert!(took < GRACE, "{took:?}");
    }
}

fn a_signal_from_elsewhere() {
    assert_eq!(run("kill -TERM $$").ending, Ending::Killed);
    // A launcher of its own, because the note lasts for 2 s.
    let launcher = backstay_isolate::Launcher::start().unwrap();
    launcher.note_stop_signal();
    let argv = ["sh", "-c", "kill -TERM $$"].map(str::to_owned).to_vec();
    let program = backstay_isolate::Program {
        argv: backstay_isolate::Argv::Command(argv),
        dir: None,
        env: environment(),
        mode: Mode::Command,
        hello: None,
    };
    let pool = Pool::new(launcher, program, limits());
    assert_eq!(report(&pool, bytes("{}")).ending, Ending::Interrupted);
}

fn a_gigabyte_on_stderr() {
    let before = own_cpu_ms();
    let mut order = bytes("{}");
    order.timeout = Duration::from_millis(2000);
    order.grace = Duration::from_millis(100);
    let report = report(&shell("head -c 1000000000 /dev/zero >&2"), order);
    let cost = own_cpu_ms() - before;
    assert_eq!(report.ending, Ending::TimedOut, "{report:?}");
    let mib = report.output_bytes / 1024 / 1024;
    assert!((4..=8).contains(&mib), "a burst of 4 MiB and 1 MiB/s: {mib}");
    assert!(report.stderr.len() <= 16 * 1024 && report.stderr.ends_with('\u{FFFD}'));
    assert!(cost <= 150, "{cost} ms of CPU in 2.1 s");
}

/// User and system time of this process in milliseconds.
fn own_cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10
}

fn too_much_output_ends_it() {
    let output = OutputLimits { total_bytes: 1024 * 1024, ..OutputLimits::default() };
    let pool = program(&["yes"], Mode::Command, PoolLimits { output, ..limits() });
    let report = report(&pool, bytes("{}"));
    assert_eq!(report.ending, Ending::OutputLimit, "{report:?}");
    assert!(report.output_bytes < 1024 * 1024 + 64 * 1024, "{}", report.output_bytes);
    assert!(!lives(report.pid));
}

fn stderr_is_valid_text() {
    let report = run(r"printf 'a\000b\377c\303' >&2; exit 1");
    assert_eq!(report.stderr, "a\u{FFFD}b\u{FFFD}c\u{FFFD}");
}

fn pythons_last_print_is_kept() {
    let Some(python) = python() else { return };
    let script =
        "import sys\nprint('on stdout')\nsys.stderr.write('last words\\n')\nwhile True: pass";
    let mut order = bytes("{}");
    order.timeout = Duration::from_millis(400);
    let report = report(&command(&[python, "-c", script]), order);
    assert_eq!((report.ending, report.last_line()), (Ending::TimedOut, Some("last words")));
    assert_eq!(report.output_bytes, 21);
}
