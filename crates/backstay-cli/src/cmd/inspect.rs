//! What operators look at: jobs, dead letters, queues, kinds, workers, alerts, replays.

mod attempts;
mod dead;
mod export;
mod jobs;
mod machines;
mod origin;
mod series;
mod tail;
mod why;

pub(crate) use dead::{list as list_dead, show as show_dead};
pub(crate) use export::export as export_dead;
pub(crate) use jobs::{headline, list as list_jobs, show as show_job};
pub(crate) use machines::{
    alerts as list_alerts, kinds as list_kinds, paused, queues as list_queues,
    replays as list_replays, workers as list_workers,
};
pub(crate) use series::series;
pub(crate) use tail::tail as tail_job;
pub(crate) use why::why;

use std::time::SystemTime;

use backstay::Priority;
use backstay::inspect::{AttemptRecord, DeadLetter, JobDocument, RunningJob, Why};
use backstay::model::instant::Instant;
use backstay::unit::about;
use serde::Serialize;

use crate::print::Printer;

/// How long ago, as people say it; the instant itself where a program reads.
pub(super) fn ago(printer: &Printer, at: Instant) -> String {
    if !printer.is_terminal() {
        return at.to_string();
    }
    let now = SystemTime::now();
    if at.ahead(now).is_zero() {
        format!("{} ago", about(at.age(now)))
    } else {
        format!("in {}", about(at.ahead(now)))
    }
}

fn ago_maybe(printer: &Printer, at: Option<Instant>) -> String {
    at.map(|at| ago(printer, at)).unwrap_or_default()
}

/// For how long something has been so.
fn lasting(printer: &Printer, since: Instant) -> String {
    if !printer.is_terminal() {
        return since.to_string();
    }
    about(since.age(SystemTime::now()))
}

/// The instants of a job document, which is for applications, too.
fn instant(at: Option<SystemTime>) -> Option<Instant> {
    at.and_then(|at| Instant::try_from(at).ok())
}

/// A list as one document.
pub(super) fn list_json(printer: &Printer, items: &impl Serialize, next: Option<&String>) {
    #[derive(Serialize)]
    struct List<'a, T> {
        items: &'a T,
        next: Option<&'a String>,
    }
    // Written as it is, not by way of a JSON tree, which cannot hold every number that PostgreSQL can.
    printer.json(&List { items, next });
}

/// A job document with what else is known of the job.
#[derive(Serialize)]
struct Beside<'a> {
    #[serde(flatten)]
    job: &'a JobDocument,
    #[serde(skip_serializing_if = "Option::is_none")]
    letter: Option<&'a DeadLetter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<&'a [AttemptRecord]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origins: Option<&'a [origin::Origin]>,
    /// What it used when its worker told last.
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<&'a RunningJob>,
    /// Why it does not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a Why>,
}

/// Says where the list goes on, to whoever reads it.
pub(super) fn more(printer: &Printer, next: Option<&String>) {
    if let Some(next) = next {
        printer.note(format!("more: --cursor {next}"));
    }
}

/// A text of a job on one line, cut to what a table can bear.
fn brief(text: &str) -> String {
    clipped(text, 72)
}

/// The first line of a text, with room for so many characters.
fn clipped(text: &str, chars: usize) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(chars) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}

/// The name of a level where it has one.
fn level(priority: i16) -> String {
    Priority::told(priority.into())
}
