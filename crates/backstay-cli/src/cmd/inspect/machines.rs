//! `backstay queues list`, `kinds list`, `workers list`, `alerts list`, `replays list`.

use backstay::inspect::{
    self, KindStatus, MessageStatus, PauseStatus, PeakStatus, QueueStatus, WorkerStatus,
};
use backstay::model::account::size;

use super::super::connect::of_store;
use super::super::desk::{Desk, count};
use super::super::operate;
use super::{ago, ago_maybe, brief, lasting, level, list_json, more};
use crate::args::{Page, WorkersListArgs};
use crate::failure::{Exit, Failure};
use crate::print::{Printer, Table};

/// Characters of a worker's id that people see: its time, and enough to type.
const ID_CHARS: usize = 13;

pub(crate) async fn queues(desk: &Desk<'_>) -> Result<Exit, Failure> {
    let queues = inspect::queues(&desk.database).await.map_err(|error| of_store(&error))?;
    let printer = desk.printer;
    if printer.is_json() {
        list_json(printer, &queues, None);
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        "QUEUE",
        "READY",
        "BY PRIORITY",
        "OLDEST",
        "RUNNING",
        "SCHEDULED",
        "PARKED",
        "DEAD",
        "SERVED",
    ]);
    for queue in &queues {
        let oldest = queue.oldest_ready_at.map(|at| lasting(printer, at)).unwrap_or_default();
        table.row([
            queue.name.clone(),
            queue.ready.to_string(),
            levels(queue),
            oldest,
            queue.running.to_string(),
            queue.scheduled.to_string(),
            queue.parked.to_string(),
            queue.dead.to_string(),
            served(printer, queue),
        ]);
    }
    printer.table(&table);
    if queues.is_empty() {
        printer.note("no queue is declared, served, or has a job");
    }
    Ok(Exit::Done)
}

/// `urgent 3, normal 40`.
fn levels(queue: &QueueStatus) -> String {
    let levels = queue
        .by_priority
        .iter()
        .filter_map(|(priority, jobs)| Some(format!("{} {jobs}", level(priority.parse().ok()?))));
    levels.collect::<Vec<_>>().join(", ")
}

pub(crate) fn paused(printer: &Printer, pause: &PauseStatus) -> String {
    let why = pause.reason.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    let until = pause.until.map(|at| format!(", ends {}", ago(printer, at))).unwrap_or_default();
    format!("paused {} by {}{why}{until}", ago(printer, pause.since), pause.by)
}

fn served(printer: &Printer, queue: &QueueStatus) -> String {
    if let Some(pause) = &queue.paused {
        return paused(printer, pause);
    }
    let workers = usize::try_from(queue.workers).unwrap_or(0);
    match (workers, queue.served_at) {
        (0, None) => "by nobody".into(),
        (0, Some(at)) => format!("by nobody, last {}", ago(printer, at)),
        _ => format!("by {}, {} slots", count(workers, "worker"), queue.slots),
    }
}

pub(crate) async fn kinds(desk: &Desk<'_>) -> Result<Exit, Failure> {
    let kinds = inspect::kinds(&desk.database).await.map_err(|error| of_store(&error))?;
    let printer = desk.printer;
    if printer.is_json() {
        list_json(printer, &kinds, None);
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        "KIND", "QUEUE", "DECLARED", "RUNNING", "PARKED", "DEAD", "MEMORY", "FITS", "SERVED",
    ]);
    for kind in &kinds {
        table.row([
            kind.name.clone(),
            kind.contract["queue"].as_str().unwrap_or_default().to_owned(),
            if kind.declared { ago_maybe(printer, kind.declared_at) } else { "no".into() },
            kind.running.to_string(),
            kind.parked.to_string(),
            kind.dead.to_string(),
            kind.memory.as_ref().map(used).unwrap_or_default(),
            fits(kind),
            known(printer, kind),
        ]);
    }
    printer.table(&table);
    if kinds.is_empty() {
        printer.note(
            "no kind is declared, known to a worker, or has a job that runs, is held or is dead",
        );
    }
    Ok(Exit::Done)
}

/// `79 MiB of 512 MiB`: what 99 of 100 attempts had less than, and what they may have.
fn used(memory: &PeakStatus) -> String {
    let p99 = size(memory.p99_bytes);
    match memory.limit_bytes {
        Some(limit) => format!("{p99} of {}", size(limit)),
        None => p99,
    }
}

/// The limit that fits what was used.
fn fits(kind: &KindStatus) -> String {
    let fits = kind.memory.as_ref().and_then(|memory| memory.suggested_bytes);
    fits.map(size).unwrap_or_default()
}

fn known(printer: &Printer, kind: &KindStatus) -> String {
    match (&kind.paused, usize::try_from(kind.workers).unwrap_or(0)) {
        (Some(pause), _) => paused(printer, pause),
        (None, 0) => "by nobody".into(),
        (None, workers) if kind.by_address => {
            format!("by an address, through {}", count(workers, "worker"))
        }
        (None, workers) => format!("by {}", count(workers, "worker")),
    }
}

pub(crate) async fn workers(desk: &Desk<'_>, args: &WorkersListArgs) -> Result<Exit, Failure> {
    let found = inspect::workers(&desk.database, args.gone).await;
    let workers = found.map_err(|error| of_store(&error))?;
    let printer = desk.printer;
    if printer.is_json() {
        list_json(printer, &workers, None);
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        "WORKER", "STATE", "HOST", "PID", "BUSY", "QUEUES", "KINDS", "LEVEL", "BEAT", "UP",
        "RELEASE",
    ]);
    for worker in &workers {
        table.row([
            shown_id(printer, worker),
            worker.state.clone(),
            worker.host.clone(),
            worker.pid.to_string(),
            format!("{} of {}", worker.running, worker.slots),
            worker.queues.join(","),
            worker.kinds.join(","),
            worker.level.clone(),
            ago(printer, worker.beat_at),
            lasting(printer, worker.started_at),
            worker.release.clone(),
        ]);
    }
    printer.table(&table);
    for worker in &workers {
        for line in worker.admission.lines() {
            printer.note(format!("worker {} on {} {line}", shown_id(printer, worker), worker.host));
        }
    }
    if workers.is_empty() {
        printer.note("no worker lives; start one: backstay work");
    }
    Ok(Exit::Done)
}

/// People type the beginning of an id, programs all of it.
fn shown_id(printer: &Printer, worker: &WorkerStatus) -> String {
    if printer.is_terminal() {
        worker.id.chars().take(ID_CHARS).collect()
    } else {
        worker.id.clone()
    }
}

pub(crate) async fn alerts(desk: &Desk<'_>, page: &Page) -> Result<Exit, Failure> {
    let found = inspect::alerts(&desk.database, page.cursor.as_deref(), page.limit).await;
    let found = found.map_err(|error| of_store(&error))?;
    let printer = desk.printer;
    if printer.is_json() {
        list_json(printer, &found.items, found.next.as_ref());
        return Ok(Exit::Done);
    }
    let mut table =
        Table::new(&["MESSAGE", "WHEN", "RULE", "CHANNEL", "STATE", "TIMES", "WHAT", "ERROR"]);
    for message in &found.items {
        let what = message.title.as_ref().unwrap_or(&message.subject);
        table.row([
            message.id.clone(),
            ago(printer, message.made_at),
            message.rule.clone(),
            message.channel.clone(),
            told(message),
            message.count.to_string(),
            brief(what),
            brief(message.last_error.as_deref().unwrap_or_default()),
        ]);
    }
    printer.table(&table);
    if found.items.is_empty() {
        printer.note("no alert has been sent");
    }
    more(printer, found.next.as_ref());
    Ok(Exit::Done)
}

/// What became of a message, and who has taken its incident in hand.
fn told(message: &MessageStatus) -> String {
    match &message.acknowledged_by {
        Some(by) => format!("{}, acknowledged ({by})", message.state),
        None => message.state.clone(),
    }
}

pub(crate) async fn replays(desk: &Desk<'_>, page: &Page) -> Result<Exit, Failure> {
    let found = inspect::replays(&desk.database, page.cursor.as_deref(), page.limit).await;
    let found = found.map_err(|error| of_store(&error))?;
    let printer = desk.printer;
    if printer.is_json() {
        list_json(printer, &found.items, found.next.as_ref());
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        "REPLAY",
        "STATE",
        "HANDLED",
        "COMPLETED",
        "DEAD",
        "OPEN",
        "SKIPPED",
        "RATE",
        "STARTED",
        "DONE",
        "BY",
        "REASON",
    ]);
    for replay in &found.items {
        table.row([
            replay.id.clone(),
            replay.state.clone(),
            format!("{} of {}", replay.handled, replay.total),
            replay.completed.to_string(),
            replay.dead.to_string(),
            replay.open.to_string(),
            replay.skipped.to_string(),
            operate::pace(replay).unwrap_or_default(),
            ago(printer, replay.started_at),
            ago_maybe(printer, replay.done_at),
            replay.by.clone(),
            brief(replay.reason.as_deref().unwrap_or_default()),
        ]);
    }
    printer.table(&table);
    if found.items.is_empty() {
        printer.note("there was no replay yet");
    }
    more(printer, found.next.as_ref());
    Ok(Exit::Done)
}
