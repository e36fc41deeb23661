//! `top --once`: the picture as a table and a line about the workers.

use std::time::SystemTime;

use backstay::inspect::{BrakeStatus, RunningJob};
use backstay::unit::about;

use super::picture::{Picture, Sort};
use crate::print::{Printer, Table};

const MIB: u64 = 1024 * 1024;

pub(super) fn print(printer: &Printer, picture: &Picture, sort: Sort) {
    let headings = ["JOB", "KIND", "QUEUE", "ATTEMPT", "AGE", "CPU", "MEMORY", "NOTE"];
    let mut table = Table::new(&headings);
    for job in picture.sorted(sort) {
        table.row([
            job.id.clone(),
            job.kind.clone(),
            job.queue.clone(),
            job.attempt.to_string(),
            age(job),
            cpu(picture, job),
            memory(job),
            note(job),
        ]);
    }
    printer.table(&table);
    printer.note(foot(picture));
}

pub(super) fn age(job: &RunningJob) -> String {
    about(job.started_at.age(SystemTime::now()))
}

pub(super) fn cpu(picture: &Picture, job: &RunningJob) -> String {
    picture.cpu(job).map(|percent| format!("{percent:.0} %")).unwrap_or_default()
}

/// `410 of 1024 MiB`.
pub(super) fn memory(job: &RunningJob) -> String {
    let Some(used) = job.memory_bytes else { return String::new() };
    match job.memory_limit_bytes {
        Some(limit) => format!("{} of {} MiB", used / MIB, limit / MIB),
        None => format!("{} MiB", used / MIB),
    }
}

/// `40 %  page 12 of 30`.
pub(super) fn note(job: &RunningJob) -> String {
    let told = if job.cancelling { Some("stopping".to_owned()) } else { None };
    let percent = job.percent.map(|percent| format!("{percent:.0} %"));
    [told, percent, job.note.clone()].into_iter().flatten().collect::<Vec<_>>().join("  ")
}

/// `2 of 3 workers claim less: 5 statements ran out of time`.
pub(super) fn braked(picture: &Picture) -> Option<String> {
    let braked: Vec<&BrakeStatus> =
        picture.workers.iter().filter_map(|worker| worker.admission.brakes.first()).collect();
    let first = braked.first()?;
    let (n, all) = (braked.len(), picture.workers.len());
    Some(format!("{n} of {all} workers claim less: {}", first.reason))
}

/// `slots 2 of 6, memory 441 MiB, worker 018f6f1e on app-2 (rlimit)`.
pub(super) fn foot(picture: &Picture) -> String {
    let (busy, slots) = picture.slots();
    let memory = picture.memory() / MIB;
    let whose = match &picture.workers[..] {
        [] => "no worker lives; start one: backstay work".to_owned(),
        [one] => {
            let id = one.id.get(..8).unwrap_or(&one.id);
            format!("worker {id} on {} ({})", one.host, one.level)
        }
        many => format!("{} workers", many.len()),
    };
    let braked = braked(picture).map(|line| format!(", {line}")).unwrap_or_default();
    format!("slots {busy} of {slots}, memory {memory} MiB, {whose}{braked}")
}
