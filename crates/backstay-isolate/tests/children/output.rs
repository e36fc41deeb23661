//! What attempts print: lines under their own id, live, whatever the bytes are and however many.

use std::time::Duration;

use backstay_isolate::{Ending, OutputLimits, OutputLine, OutputReader, PoolLimits, Stream};
use serde_json::json;

use crate::Test;
use crate::run::*;

pub(crate) const TESTS: &[Test] = &[
    ("a_thousand_jobs_have_their_own_lines", a_thousand_jobs_have_their_own_lines),
    ("what_a_slow_reader_left_in_the_pipe_is_of_its_job", what_was_left_in_the_pipe),
    ("lines_can_be_read_while_the_command_runs", lines_can_be_read_while_the_command_runs),
    ("a_flood_keeps_its_last_lines", a_flood_keeps_its_last_lines),
    ("log_messages_are_lines_too", log_messages_are_lines_too),
];

fn texts(lines: &[OutputLine]) -> Vec<(Stream, &str)> {
    lines.iter().map(|line| (line.stream, line.text.as_str())).collect()
}

fn a_thousand_jobs_have_their_own_lines() {
    let pool = rust("host", limits());
    for id in 0..1_000 {
        let mut run = block(pool.run(order_with("print", json!(id))));
        let output = run.output();
        assert_eq!(block(end(&mut run)).ending, Ending::Completed);
        let mut lines = OutputReader::new(&output).rest(usize::MAX);
        lines.sort_by_key(|line| line.stream as usize);
        let (out, err) = (format!("stdout of {id}"), format!("stderr of {id}"));
        assert_eq!(texts(&lines), [(Stream::Stdout, out.as_str()), (Stream::Stderr, err.as_str())]);
    }
}

/// The bucket is empty when the job ends, so most of its output is still in the pipe.
fn what_was_left_in_the_pipe() {
    let output = OutputLimits { bytes_per_second: 1, burst_bytes: 1, ..OutputLimits::default() };
    let pool = rust("host", PoolLimits { output, size: 1, ..limits() });
    for id in 0..20 {
        let mut run = block(pool.run(order_with("print-much", json!(id))));
        let output = run.output();
        assert_eq!(block(end(&mut run)).ending, Ending::Completed);
        let lines = OutputReader::new(&output).rest(usize::MAX);
        let own = lines.iter().filter(|line| line.text.ends_with(&format!(" of {id}"))).count();
        assert_eq!((lines.len(), own), (1_000, 1_000));
    }
}

fn lines_can_be_read_while_the_command_runs() {
    let script =
        r"printf 'one\n'; printf 'tw\000\377o\r\n' >&2; printf 'unfinished'; exec sleep 60";
    let mut run = block(shell(script).run(order("any")));
    let mut reader = OutputReader::new(&run.output());
    let mut lines = Vec::new();
    until("both lines are there", Duration::from_secs(10), || {
        lines.extend(reader.lines(usize::MAX));
        lines.len() == 2
    });
    lines.sort_by_key(|line| line.stream as usize);
    assert_eq!(texts(&lines), [(Stream::Stdout, "one"), (Stream::Stderr, "tw\u{FFFD}\u{FFFD}o")]);
    run.stopper().stop(backstay_isolate::StopReason::Evicted);
    block(end(&mut run));
    assert_eq!(texts(&reader.rest(usize::MAX)), [(Stream::Stdout, "unfinished")]);
}

fn a_flood_keeps_its_last_lines() {
    let mut run = block(shell("seq 1 400000; echo last").run(order("any")));
    let output = run.output();
    let mut reader = OutputReader::new(&output);
    assert_eq!(block(end(&mut run)).ending, Ending::Completed);
    let lines = reader.rest(usize::MAX);
    assert_eq!(
        lines.first().map(|line| line.stream),
        Some(Stream::Note),
        "it says what is missing"
    );
    assert_eq!(
        texts(&lines[lines.len() - 2..]),
        [(Stream::Stdout, "400000"), (Stream::Stdout, "last")]
    );
    assert!(lines.iter().map(|line| line.text.len()).sum::<usize>() <= 256 * 1024);
}

fn log_messages_are_lines_too() {
    let script = r#"printf '%s\n' '{"type":"log","level":"warn","message":"half\nfull"}' >&3"#;
    let mut run = block(shell(script).run(order("any")));
    let output = run.output();
    block(end(&mut run));
    let lines = OutputReader::new(&output).rest(usize::MAX);
    assert_eq!(texts(&lines), [(Stream::Log, "warn: half"), (Stream::Log, "warn: full")]);
}
