//! What waits outside of the line: not due yet, or held back.

use super::facts::Pause;
use super::{Facts, Reason, Why, brief, instant};
use crate::model::document::JobDocument;
use crate::model::instant::Instant;
use crate::model::status::WorkerStatus;
use crate::model::unit::about;

pub(super) fn not_due(job: &JobDocument, facts: &Facts) -> Why {
    let run_at = instant(job.run_at).unwrap_or(facts.now);
    let due = match run_at > facts.now {
        true => format!("due in {}, at {run_at}", about(run_at.ahead(facts.now.into()))),
        false => "due now".to_owned(),
    };
    let (reason, mut text) = match job.reason.as_deref() {
        Some("backing_off") => (Reason::BackingOff, format!("{}; {due}", attempts(job))),
        Some("snoozed") => {
            let times = match job.snooze_count {
                1 => "once".to_owned(),
                n => format!("{n} times"),
            };
            (Reason::Snoozed, format!("its handler asked for a later start, {times} so far; {due}"))
        }
        Some("released") => {
            (Reason::Released, format!("its worker gave it back for a while; {due}"))
        }
        Some("suspect") => (
            Reason::Suspect,
            format!(
                "workers were lost with it aboard, so it waits until no other such job runs; {due}"
            ),
        ),
        _ => (Reason::Scheduled, due),
    };
    let mut start_at = Some(run_at.max(facts.now));
    if let Some(pause) = facts.pauses.iter().find(|pause| pause.holds_at(run_at)) {
        text += &format!("; {} {} is paused then", pause.scope, pause.name);
        start_at = pause.status.until;
    } else if !facts.workers.iter().any(|worker| worker.state == "live") {
        text += &format!("; no live worker serves queue {} now", job.queue);
        start_at = None;
    }
    text += &expires(job, facts, start_at);
    let remedy = format!("to have it run now: backstay jobs promote {}", job.id);
    Why { since: facts.since, remedy: Some(remedy), start_at, ..Why::of(reason, text) }
}

/// `attempt 2 of 6 came to failed: connect ECONNREFUSED`.
fn attempts(job: &JobDocument) -> String {
    let most = i32::from(job.max_retries) + 1;
    let of = if job.attempt <= most { format!(" of {most}") } else { String::new() };
    let mut text = format!("attempt {}{of}", job.attempt);
    let Some(error) = &job.error else { return format!("{text} went wrong") };
    text += &format!(" came to {}", error.outcome.as_deref().unwrap_or("failed"));
    text += &error.message.as_ref().map(|it| format!(": {}", brief(it))).unwrap_or_default();
    text
}

pub(super) fn held(job: &JobDocument, facts: &Facts) -> Why {
    let back = |reason, text: String| Why {
        since: facts.since,
        start_at: Some(facts.now),
        ..Why::of(reason, format!("{text}: it comes back into line in a moment"))
    };
    match job.reason.as_deref() {
        Some("paused") => match facts.pauses.first() {
            Some(pause) => paused(job, facts, pause),
            None => back(Reason::Paused, format!("kind {} is not paused any more", job.kind)),
        },
        Some("unknown_kind") => match facts.workers.iter().any(|worker| knows(worker, &job.kind)) {
            false => unknown_kind(job, facts),
            true => back(Reason::UnknownKind, format!("a worker knows kind {} again", job.kind)),
        },
        other => {
            let subject = facts.subject.as_deref().unwrap_or_default();
            let text = format!("held back: {} {subject}", other.unwrap_or("no reason is said"));
            Why { since: facts.since, ..Why::of(Reason::Held, text.trim_end()) }
        }
    }
}

pub(super) fn paused(job: &JobDocument, facts: &Facts, pause: &Pause) -> Why {
    let Pause { scope, name, status } = pause;
    let mut text =
        format!("{scope} {name} is paused for {} by {}", facts.ago(status.since), status.by);
    text += &status.reason.as_ref().map(|why| format!(" ({})", brief(why))).unwrap_or_default();
    text += &match status.until {
        Some(until) => format!(", for {} more", about(until.ahead(facts.now.into()))),
        None => ", until somebody resumes it".into(),
    };
    text += &expires(job, facts, status.until);
    Why {
        since: facts.since.max(Some(status.since)),
        remedy: Some(format!("backstay {scope}s resume {name}")),
        start_at: status.until,
        ..Why::of(Reason::Paused, text)
    }
}

pub(super) fn unknown_kind(job: &JobDocument, facts: &Facts) -> Why {
    let (kind, queue) = (&job.kind, &job.queue);
    let mut text = match facts.workers.iter().any(|worker| worker.state == "live") {
        true => format!("no live worker of queue {queue} knows kind {kind}"),
        false => format!("no worker knew kind {kind}, and now none serves queue {queue}"),
    };
    text += &expires(job, facts, None);
    let remedy = format!("start a worker that handles {kind}, or: backstay cancel {}", job.id);
    Why { since: facts.since, remedy: Some(remedy), ..Why::of(Reason::UnknownKind, text) }
}

pub(super) fn knows(worker: &WorkerStatus, kind: &str) -> bool {
    worker.state == "live" && worker.kinds.iter().any(|known| known == kind || known == "*")
}

/// What is said of a job that may start only for some time yet.
pub(super) fn expires(job: &JobDocument, facts: &Facts, start_at: Option<Instant>) -> String {
    let Some(at) = instant(job.expires_at) else { return String::new() };
    let left = about(at.ahead(facts.now.into()));
    match start_at {
        Some(start_at) if start_at < at => String::new(),
        Some(_) => format!("; it expires before that, in {left}"),
        None => format!("; it expires in {left}"),
    }
}

impl Pause {
    fn holds_at(&self, at: Instant) -> bool {
        self.status.until.is_none_or(|until| until > at)
    }
}
