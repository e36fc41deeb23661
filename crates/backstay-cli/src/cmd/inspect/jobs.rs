//! `backstay jobs list`, `backstay jobs show`.

use std::time::Duration;

use backstay::JobState;
use backstay::inspect::{self, AttemptRecord, JobDocument, Reason, RunningJob, WorkerStatus};
use backstay::model::account::{size, span};
use backstay::model::instant::Instant;
use backstay::operate;

use super::super::connect::of_store;
use super::super::desk::Desk;
use super::attempts::{history, progress};
use super::origin::{self, Origin};
use super::{Beside, ago, ago_maybe, brief, instant, lasting, level, list_json, more};
use crate::args::{JobsListArgs, JobsShowArgs};
use crate::failure::{Exit, Failure};
use crate::print::{Printer, Table, visible};

pub(crate) async fn list(desk: &Desk<'_>, args: &JobsListArgs) -> Result<Exit, Failure> {
    let mut filter = args.filter.read()?;
    filter.states.clone_from(&args.state);
    filter.worker = args.worker;
    let page = &args.page;
    let mut cursor = page.cursor.clone();
    let found = loop {
        let found = inspect::jobs(&desk.database, &filter, cursor.as_deref(), page.limit).await;
        let found = found.map_err(|error| of_store(&error))?;
        // Nothing yet, of some millions: at a terminal one waits, and may give up.
        if !found.items.is_empty() || found.next.is_none() {
            break found;
        }
        cursor = found.next;
    };
    if desk.printer.is_json() {
        list_json(desk.printer, &found.items, found.next.as_ref());
        return Ok(Exit::Done);
    }
    desk.printer.table(&table(desk.printer, &found.items));
    if found.items.is_empty() {
        desk.printer.note("no job fits");
    }
    more(desk.printer, found.next.as_ref());
    Ok(Exit::Done)
}

pub(super) fn table(printer: &Printer, jobs: &[JobDocument]) -> Table {
    let mut table =
        Table::new(&["JOB", "KIND", "QUEUE", "STATE", "PRIORITY", "ATTEMPT", "WHEN", "NOTE"]);
    for job in jobs {
        table.row([
            job.id.to_string(),
            job.kind.clone(),
            job.queue.clone(),
            job.state.to_string(),
            level(job.priority),
            job.attempt.to_string(),
            when(printer, job),
            note(job),
        ]);
    }
    table
}

/// The instant that matters in this state.
fn when(printer: &Printer, job: &JobDocument) -> String {
    match job.state {
        JobState::Running => {
            instant(job.started_at).map(|at| lasting(printer, at)).unwrap_or_default()
        }
        JobState::Completed | JobState::Cancelled | JobState::Dead => {
            ago_maybe(printer, instant(job.finished_at))
        }
        _ => ago_maybe(printer, instant(job.run_at.or(job.enqueued_at))),
    }
}

/// What else is worth a look in this state.
fn note(job: &JobDocument) -> String {
    let reason = job.reason.clone().unwrap_or_default();
    let error = job.error.as_ref().and_then(|error| error.message.as_deref()).map(brief);
    match job.state {
        JobState::Running => progress(job),
        JobState::Dead => match error {
            Some(error) => format!("{reason}: {error}"),
            None => reason,
        },
        JobState::Scheduled if job.attempt > 0 => match error {
            Some(error) => format!("{} of {} retries: {error}", job.retry_count, job.max_retries),
            None => reason,
        },
        _ => reason,
    }
}

pub(crate) async fn show(desk: &Desk<'_>, args: &JobsShowArgs) -> Result<Exit, Failure> {
    let found = inspect::job(&desk.database, args.id).await.map_err(|error| of_store(&error))?;
    let mut job = found.ok_or_else(|| unknown(args.id))?;
    if args.reveal {
        reveal(desk, &mut job).await?;
    }
    let attempts = if args.attempts { attempts(desk, args.id).await? } else { Vec::new() };
    let origins = if args.origin { origins(desk, args.id).await? } else { Vec::new() };
    let workers = inspect::workers(&desk.database, true).await.map_err(|error| of_store(&error))?;
    let seen = seen(desk, &job).await?;
    let why = inspect::why(&desk.database, args.id).await.map_err(|error| of_store(&error))?;
    let why = Some(why).filter(|why| is_waiting(why.reason));
    if desk.printer.is_json() {
        desk.printer.json(&Beside {
            job: &job,
            letter: None,
            attempts: args.attempts.then_some(&attempts),
            origins: args.origin.then_some(&origins),
            seen: seen.as_ref(),
            why: why.as_ref(),
        });
        return Ok(Exit::Done);
    }
    desk.printer.line(headline(&job));
    if let Some(why) = &why {
        let remedy = why.remedy.as_ref().map(|it| format!(" ({it})")).unwrap_or_default();
        let line = format!("{}{remedy}", why.text);
        desk.printer.line(format!("  {:9} {}", "waits", visible(&line)));
    }
    desk.printer.line(facts(desk.printer, &job, &workers, seen.as_ref()).trim_end());
    if args.origin {
        desk.printer.line(origin::lines(&origins).trim_end());
    }
    if args.attempts {
        desk.printer.line(history(desk.printer, &job, &attempts, &workers).trim_end());
    }
    Ok(Exit::Done)
}

/// What runs as it should, and what is over, is told in other lines.
fn is_waiting(reason: Reason) -> bool {
    !matches!(
        reason,
        Reason::NoSuchJob
            | Reason::Pruned
            | Reason::Completed
            | Reason::Cancelled
            | Reason::Dead
            | Reason::Running
    )
}

/// What a running job used when its worker told last.
async fn seen(desk: &Desk<'_>, job: &JobDocument) -> Result<Option<RunningJob>, Failure> {
    if job.state != JobState::Running {
        return Ok(None);
    }
    let seen = inspect::running_job(&desk.database, job.id).await;
    Ok(seen.map_err(|error| of_store(&error))?.filter(|seen| seen.memory_bytes.is_some()))
}

/// Puts back what is hidden elsewhere; the audit tells that it was looked at.
async fn reveal(desk: &Desk<'_>, job: &mut JobDocument) -> Result<(), Failure> {
    let seen = operate::reveal(&desk.database, &[job.id], desk.reason()).await;
    if let Some(seen) = seen.map_err(|error| of_store(&error))?.pop() {
        job.args = seen.args.map(|args| args.get().to_owned());
        job.meta = Some(seen.meta.get().to_owned());
    }
    Ok(())
}

async fn origins(desk: &Desk<'_>, id: i64) -> Result<Vec<Origin>, Failure> {
    let terms = inspect::terms(&desk.database, id).await.map_err(|error| of_store(&error))?;
    Ok(terms.as_ref().map(origin::origins).unwrap_or_default())
}

pub(super) async fn attempts(desk: &Desk<'_>, id: i64) -> Result<Vec<AttemptRecord>, Failure> {
    inspect::attempts(&desk.database, id).await.map_err(|error| of_store(&error))
}

pub(super) fn unknown(id: i64) -> Failure {
    Failure::new("BS301", format!("there is no job {id}"))
        .hint("it may be past its retention; what there is: backstay jobs list")
}

/// `report 4187  running in reports  priority low  group tenant-7  retries 1 of 5`.
pub(crate) fn headline(job: &JobDocument) -> String {
    let mut line = format!("{} {}  {} in {}", job.kind, job.id, job.state, job.queue);
    line += &format!("  priority {}", level(job.priority));
    if let Some(group) = &job.group {
        line += &format!("  group {group}");
    }
    line += &format!("  retries {} of {}", job.retry_count, job.max_retries);
    for (count, word) in [
        (job.crash_count, "crashes"),
        (job.lost_count, "lost"),
        (job.snooze_count, "snoozes"),
        (job.revived_count, "revived"),
    ] {
        if count > 0 {
            line += &format!("  {word} {count}");
        }
    }
    if job.is_suspect() {
        line += "  suspect: it runs apart from other suspects";
    }
    line
}

/// One line for each thing that is known, its name first.
pub(super) fn facts(
    printer: &Printer,
    job: &JobDocument,
    workers: &[WorkerStatus],
    seen: Option<&RunningJob>,
) -> String {
    let at = |at| instant(at).map(|at| told(printer, at));
    let error = job.error.as_ref().and_then(|error| {
        let outcome = error.outcome.as_deref().unwrap_or("failed");
        Some(format!("{outcome}: {}", error.message.as_deref()?))
    });
    let is_waiting = !matches!(
        job.state,
        JobState::Running | JobState::Completed | JobState::Cancelled | JobState::Dead
    );
    let rows = [
        ("reason", job.reason.clone()),
        ("error", error),
        ("progress", Some(progress(job)).filter(|text| !text.is_empty())),
        ("enqueued", at(job.enqueued_at)),
        ("run at", at(job.run_at).filter(|_| is_waiting)),
        ("started", at(job.started_at)),
        ("finished", at(job.finished_at)),
        ("expires", at(job.expires_at)),
        ("worker", job.worker.as_deref().map(|id| place(id, workers))),
        ("uses", seen.and_then(|seen| uses(printer, seen))),
        ("unique", job.unique.clone()),
        ("tags", Some(job.tags.join(", ")).filter(|tags| !tags.is_empty())),
        ("limits", Some(job.limits.join(", ")).filter(|limits| !limits.is_empty())),
        ("memory", job.memory_bytes.map(size)),
        ("meta", job.meta.clone().filter(|meta| meta != "{}")),
        ("trace", job.trace.clone()),
        ("args", job.args.clone()),
        ("output", job.output.clone().filter(|output| output != "null")),
    ];
    // One fact is one line, so that no text of a job looks like a fact of ours.
    let line =
        |(name, value): (&str, Option<String>)| Some(format!("  {name:9} {}\n", visible(&value?)));
    rows.into_iter().filter_map(line).collect()
}

/// The instant, and on a terminal how long ago it was.
fn told(printer: &Printer, at: Instant) -> String {
    let whole = at.to_string();
    if !printer.is_terminal() {
        return whole;
    }
    let seconds = whole.split(['.', 'Z']).next().unwrap_or_default();
    format!("{seconds}Z  {}", ago(printer, at))
}

/// `410 MiB of 1 GiB, 6 min of CPU so far, seen 3 s ago`.
fn uses(printer: &Printer, seen: &RunningJob) -> Option<String> {
    let mut text = size(seen.memory_bytes?);
    if let Some(limit) = seen.memory_limit_bytes {
        text += &format!(" of {}", size(limit));
    }
    if let Some(cpu) = seen.cpu_ms {
        text += &format!(", {} of CPU so far", span(Duration::from_millis(cpu)));
    }
    if let Some(at) = seen.sampled_at {
        text += &format!(", seen {}", ago(printer, at));
    }
    Some(text)
}

fn place(id: &str, workers: &[WorkerStatus]) -> String {
    match workers.iter().find(|worker| worker.id == id) {
        Some(worker) => format!("{id} on {} ({})", worker.host, worker.state),
        None => id.to_owned(),
    }
}
