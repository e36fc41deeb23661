//! The attempts of a job for people: how each ended, what it used of what it was allowed, and in which process.

use std::time::Duration;

use backstay::JobState;
use backstay::inspect::{AttemptRecord, JobDocument, WorkerStatus};
use backstay::model::account::size;

use super::{clipped, instant, lasting};
use crate::print::Printer;

/// How far the running attempt is.
pub(super) fn progress(job: &JobDocument) -> String {
    let Some(progress) = &job.progress else { return String::new() };
    let percent = progress.percent.map(|percent| format!("{percent:.0} %"));
    [percent, progress.note.clone()].into_iter().flatten().collect::<Vec<_>>().join("  ")
}

/// A line for each attempt, and with `-v` the end of what it printed; the running one last.
pub(super) fn history(
    printer: &Printer,
    job: &JobDocument,
    attempts: &[AttemptRecord],
    workers: &[WorkerStatus],
) -> String {
    let mut text = String::new();
    for attempt in attempts {
        text += &format!("{}\n", attempt_line(attempt));
        if printer.verbosity() > 0 {
            for line in terms(attempt) {
                text += &format!("       {line}\n");
            }
            let said = attempt.trace.iter().chain(&attempt.stderr);
            for line in said.flat_map(|text| text.lines()) {
                text += &format!("       | {line}\n");
            }
        }
    }
    if job.state == JobState::Running {
        let host = workers.iter().find(|worker| Some(&worker.id) == job.worker.as_ref());
        let host = host.map_or("?", |worker| &worker.host);
        let since = instant(job.started_at).map(|at| lasting(printer, at)).unwrap_or_default();
        let line = format!("  {:>2}  running     {host}  {since}  {}", job.attempt, progress(job));
        text += &format!("{}\n", line.trim_end());
    }
    if text.is_empty() { "  no attempt yet\n".into() } else { text }
}

fn attempt_line(attempt: &AttemptRecord) -> String {
    let span = |ms: i32| spell(Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
    let mut line = format!("  {:>2}  {:10}", attempt.attempt, attempt.outcome);
    if let Some(host) = &attempt.host {
        line += &format!("  {host}");
    }
    if let Some(ms) = attempt.wall_ms {
        line += &format!("  {}", span(ms));
    }
    if let Some(ms) = attempt.cpu_ms {
        line += &format!("  cpu {}", span(ms));
    }
    if let Some(kib) = attempt.peak_kib {
        line += &format!("  peak {}", peak(kib, attempt.limits.as_ref()));
    }
    match (attempt.exit_code, attempt.signal) {
        (_, Some(signal)) => line += &format!("  signal {signal}"),
        (Some(code), None) if code != 0 => line += &format!("  exit {code}"),
        _ => {}
    }
    if attempt.suspect {
        line += "  suspect";
    }
    if let Some(message) = &attempt.message {
        line += &format!("  \"{}\"", clipped(message, SENTENCE_CHARS));
    }
    line.trim_end().to_owned()
}

/// A sentence about the end of an attempt, with what follows from it.
const SENTENCE_CHARS: usize = 160;

/// `310 MiB of 512 MiB`.
fn peak(kib: i32, limits: Option<&serde_json::Value>) -> String {
    let peak = size(u64::try_from(kib).unwrap_or(0) * 1024);
    match limits.and_then(|limits| limits["memory_bytes"].as_u64()) {
        Some(limit) => format!("{peak} of {}", size(limit)),
        None => peak,
    }
}

/// What the attempt was allowed, by whom that was held, and which process ran it: a line each.
fn terms(attempt: &AttemptRecord) -> Vec<String> {
    let pairs = |value: &Option<serde_json::Value>| {
        let entries = value.as_ref().and_then(serde_json::Value::as_object)?;
        let shown = entries.iter().map(|(name, value)| match value.as_str() {
            Some(word) => format!("{name} {word}"),
            None => format!("{name} {value}"),
        });
        Some(shown.collect::<Vec<_>>().join("  ")).filter(|text| !text.is_empty())
    };
    let level = attempt.level.as_deref().unwrap_or("unknown");
    [
        pairs(&attempt.limits).map(|text| format!("limits   {text}")),
        pairs(&attempt.holders).map(|text| format!("held by  level {level}  {text}")),
        pairs(&attempt.child).map(|text| format!("child    {text}")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// `41.2 s`, `12 min`.
fn spell(span: Duration) -> String {
    match span.as_millis() {
        0..1_000 => format!("{} ms", span.as_millis()),
        1_000..100_000 => format!("{:.1} s", span.as_secs_f32()),
        _ => backstay::unit::about(span),
    }
}
