//! One job: its life, its attempts with what they used of what they might, its output, its args, and why it waits.

use std::time::{Duration, SystemTime};

use axum::response::Response;
use backstay::inspect::{
    self, AttemptRecord, DeadLetter, OutputPart, PrintedLine, Reason, RunningJob, Why,
};
use backstay::{JobDocument, JobState};
use serde_json::Value;

use super::frame::{Frame, respond};
use super::text;
use crate::ask::Call;
use crate::problem::Problem;

/// Lines of output that the page shows, the last of them; the whole is a file of its own.
const LINES: usize = 500;

#[derive(askama::Template)]
#[template(path = "job.html")]
struct Page {
    frame: Frame,
    job: JobDocument,
    why: Why,
    attempts: Vec<Attempt>,
    running: Option<RunningJob>,
    letter: Option<DeadLetter>,
    lines: Vec<PrintedLine>,
    is_cut: bool,
}

/// An attempt, and what it used of what it might.
struct Attempt {
    record: AttemptRecord,
    meters: Vec<Meter>,
}

/// A part of a limit.
struct Meter {
    name: &'static str,
    used: u64,
    limit: u64,
    text: String,
}

impl Meter {
    /// From here on it is shown as near its limit.
    fn near(&self) -> u64 {
        self.limit / 100 * 80
    }

    /// Above this it is shown as having reached it.
    fn full(&self) -> u64 {
        self.limit.saturating_sub(1)
    }
}

/// A step in the life of a job.
struct Step {
    at: Option<SystemTime>,
    tone: &'static str,
    text: String,
}

pub(super) async fn show(call: Call) -> Result<Response, Problem> {
    let id = call.id()?;
    let database = call.pages();
    let job = inspect::job(database, id).await?.ok_or_else(|| {
        Problem::new("BS301", format!("there is no job {id}"))
            .hint("it may be past its retention, or it never was")
    })?;
    if job.state == JobState::Running {
        // So that its worker stores what it prints; a login that may only look sees it when the attempt has ended.
        inspect::follow(database, id).await.unwrap_or_default();
    }
    let (why, attempts, running, letter, parts) = tokio::try_join!(
        inspect::why(database, id),
        inspect::attempts(database, id),
        inspect::running_job(database, id),
        inspect::dead_letter(database, id),
        inspect::output(database, id, (0, 0), None),
    )?;
    let (lines, is_cut) = last_lines(parts);
    let frame = Frame::of(&call, "jobs", format!("{} {id}", text::brief(&job.kind, 60)));
    let attempts = attempts.into_iter().map(Attempt::of).collect();
    respond(&Page { frame, job, why, attempts, running, letter, lines, is_cut })
}

fn last_lines(parts: Vec<OutputPart>) -> (Vec<PrintedLine>, bool) {
    let is_full = parts.len() >= inspect::PARTS_MOST;
    let mut lines: Vec<PrintedLine> = parts.into_iter().flat_map(|part| part.lines).collect();
    let over = lines.len().saturating_sub(LINES);
    lines.drain(..over);
    (lines, over > 0 || is_full)
}

impl Attempt {
    fn of(record: AttemptRecord) -> Attempt {
        let limit = |name: &str| record.limits.as_ref()?.get(name).and_then(Value::as_u64);
        let whole = |n: Option<i32>| u64::try_from(n?).ok();
        let bytes = |n: Option<i64>| u64::try_from(n?).ok();
        let in_ms = |ms: &u64| text::span(Duration::from_millis(*ms));
        let plain = |n: &u64| text::grouped(*n);
        let meter = |name, used: Option<u64>, limit: Option<u64>, write: fn(&u64) -> String| {
            let (used, limit) = (used?, limit.filter(|limit| *limit > 0)?);
            let text = format!("{} of {}", write(&used), write(&limit));
            Some(Meter { name, used, limit, text })
        };
        let memory = whole(record.peak_kib).map(|kib| kib * 1024);
        let all = [
            meter("memory", memory, limit("memory_bytes"), text::size),
            meter("processor", whole(record.cpu_ms), limit("cpu_time_ms"), in_ms),
            meter("processes", whole(record.processes_peak), limit("processes"), plain),
            meter("disk", bytes(record.scratch_bytes), limit("disk_bytes"), text::size),
            meter("output", bytes(record.output_bytes), limit("output_bytes"), text::size),
        ];
        let meters = all.into_iter().flatten().collect();
        Attempt { record, meters }
    }

    fn took(&self) -> String {
        let ms = self.record.wall_ms.and_then(|ms| u64::try_from(ms).ok());
        ms.map(|ms| text::span(Duration::from_millis(ms))).unwrap_or_default()
    }

    /// Where it ran, and as what: for the last line of its card.
    fn place(&self) -> String {
        let record = &self.record;
        let child = |name: &str| record.child.as_ref()?.get(name).and_then(Value::as_i64);
        [
            record.host.as_ref().map(|host| format!("on {host}")),
            child("pid").map(|pid| format!("process {pid}")),
            record.level.as_ref().map(|level| format!("isolation {level}")),
            record.release.as_ref().map(|release| format!("release {release}")),
            record.signal.map(|signal| format!("signal {signal}")),
            record.exit_code.map(|code| format!("exit {code}")),
            record.suspect.then(|| "ran apart, as a suspect".into()),
            record.survivor.then(|| "left something that could not be ended".into()),
        ]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" · ")
    }

    fn tone(&self) -> &'static str {
        tone_of(&self.record.outcome)
    }
}

/// How an outcome is shown; its word stands beside it.
fn tone_of(outcome: &str) -> &'static str {
    match outcome {
        "completed" => "ok",
        "snoozed" | "interrupted" | "evicted" | "cancelled" | "stale" | "boot_failed" => "calm",
        _ => "bad",
    }
}

impl Page {
    /// What the page says first: why it waits, how it goes, or how it ended.
    fn is_waiting(&self) -> bool {
        !matches!(
            self.why.reason,
            Reason::Completed | Reason::Cancelled | Reason::Dead | Reason::Running
        )
    }

    /// Its life in the order in which it was.
    fn steps(&self) -> Vec<Step> {
        let step = |at, tone, text: String| Step { at, tone, text };
        let mut steps = vec![step(self.job.enqueued_at, "calm", "enqueued".into())];
        for Attempt { record, .. } in &self.attempts {
            let took = record.wall_ms.and_then(|ms| u64::try_from(ms).ok());
            let took = took.map(|ms| format!(" after {}", text::span(Duration::from_millis(ms))));
            let text = format!(
                "attempt {}: {}{}",
                record.attempt,
                record.outcome,
                took.unwrap_or_default()
            );
            let at = record.ended_at.or(record.claimed_at).map(SystemTime::from);
            steps.push(step(at, tone_of(&record.outcome), text));
        }
        let job = &self.job;
        match job.state {
            JobState::Running => {
                steps.push(step(job.started_at, "now", format!("attempt {} runs", job.attempt)));
            }
            JobState::Scheduled => steps.push(step(job.run_at, "now", "may start".into())),
            JobState::Dead => {
                let died = self.letter.as_ref().map(|letter| letter.died_at.into());
                steps.push(step(died.or(job.finished_at), "bad", "became a dead letter".into()));
            }
            JobState::Completed => steps.push(step(job.finished_at, "ok", "completed".into())),
            JobState::Cancelled => steps.push(step(job.finished_at, "calm", "cancelled".into())),
            _ => steps.push(step(None, "now", format!("is {}", job.state))),
        }
        steps
    }

    fn is_running(&self) -> bool {
        self.job.state == JobState::Running
    }

    fn is_scheduled(&self) -> bool {
        self.job.state == JobState::Scheduled
    }

    /// Priorities that it can be given.
    fn levels(&self) -> Vec<(i16, String)> {
        (0..10).map(|level| (level, text::level(level))).collect()
    }

    /// Its args for a form; none where something in them is hidden, which would come back as what hides it.
    fn editable_args(&self) -> Option<String> {
        self.args().filter(|args| !args.contains("\"***\""))
    }

    /// The end of the scale on which its memory is shown.
    fn memory_most(&self, seen: &RunningJob) -> u64 {
        seen.memory_limit_bytes.or(seen.memory_bytes).unwrap_or_default()
    }

    /// Short facts about it, by name.
    fn facts(&self) -> Vec<(&'static str, String)> {
        let job = &self.job;
        let counted = |n: i16| (n > 0).then(|| n.to_string());
        let some = |text: &Option<String>| text.clone();
        [
            ("priority", Some(text::level(job.priority))),
            ("retries", Some(format!("{} of {}", job.retry_count, job.max_retries))),
            ("crashes", counted(job.crash_count)),
            ("lost workers", counted(job.lost_count)),
            ("snoozes", counted(job.snooze_count)),
            ("interruptions", counted(job.interrupt_count)),
            ("revived", counted(job.revived_count)),
            ("unique key", some(&job.unique)),
            ("limits", (!job.limits.is_empty()).then(|| job.limits.join(", "))),
            ("batch", some(&job.batch)),
            ("memory", job.memory_bytes.as_ref().map(text::size)),
            ("trace", some(&job.trace)),
            ("asked for by", self.letter.as_ref().map(|letter| letter.enqueued_by.clone())),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }

    /// The error that is shown first: the whole message of the last attempt that had one.
    fn error(&self) -> Option<&AttemptRecord> {
        self.attempts
            .iter()
            .rev()
            .map(|attempt| &attempt.record)
            .find(|record| record.message.is_some())
    }

    fn args(&self) -> Option<String> {
        self.job.args.as_deref().map(text::pretty)
    }

    fn meta(&self) -> Option<String> {
        self.job.meta.as_deref().filter(|meta| *meta != "{}").map(text::pretty)
    }

    fn output(&self) -> Option<String> {
        self.job.output.as_deref().filter(|output| *output != "null").map(text::pretty)
    }
}
