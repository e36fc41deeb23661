//! What runs jobs and tells of them: queues, kinds, workers, messages about alerts, replays.

use axum::response::Response;
use backstay::inspect::{
    self, ChannelStatus, KindStatus, MessageStatus, ReplayStatus, RunningJob, SeriesName,
    SeriesRange, WorkerStatus,
};
use serde_json::Value;

use super::chart::{self, Chart, Spread};
use super::frame::{Frame, respond};
use super::overview::QueueLine;
use super::text;
use crate::ask::Call;
use crate::problem::Problem;

#[derive(askama::Template)]
#[template(path = "queues.html")]
struct Queues {
    frame: Frame,
    lines: Vec<QueueLine>,
}

pub(super) async fn queues(call: Call) -> Result<Response, Problem> {
    let (queues, workers) =
        tokio::try_join!(inspect::queues(call.pages()), inspect::workers(call.pages(), false))?;
    let frame = Frame::of(&call, "queues", "Queues");
    let line = |queue| QueueLine::of(queue, frame.now).with_slots(&workers);
    let lines = queues.into_iter().map(line).collect();
    respond(&Queues { frame, lines })
}

#[derive(askama::Template)]
#[template(path = "queue.html")]
struct OneQueue {
    frame: Frame,
    line: QueueLine,
    range: SeriesRange,
    charts: Vec<Chart>,
    waits: Spread,
}

/// One queue, and what it was like lately.
pub(super) async fn queue(call: Call) -> Result<Response, Problem> {
    let (name, range, database) =
        (call.part("name"), chart::range(&call, SeriesRange::Day), call.pages());
    let of = |series| inspect::series(database, series, range, Some(name), None);
    let (queues, workers, depth, lateness, waits, throughput, failures) = tokio::try_join!(
        inspect::queues(database),
        inspect::workers(database, false),
        of(SeriesName::Depth),
        of(SeriesName::Lateness),
        of(SeriesName::Waits),
        of(SeriesName::Throughput),
        of(SeriesName::Failures),
    )?;
    let found = queues.into_iter().find(|queue| queue.name == name);
    let queue = found.ok_or_else(|| Problem::new("BS301", "there is no such queue"))?;
    let frame = Frame::of(&call, "queues", format!("Queue {name}"));
    let line = QueueLine::of(queue, frame.now).with_slots(&workers);
    let charts = vec![
        Chart::of("Jobs by where they stood", &depth),
        Chart::of("The first in line waited", &lateness),
        Chart::of("Waits until the start", &waits),
        Chart::of("Throughput", &throughput),
        Chart::of("Failures", &failures),
    ];
    let waits = Spread::of("Waits by how long", &waits, None);
    respond(&OneQueue { frame, line, range, charts, waits })
}

#[derive(askama::Template)]
#[template(path = "kind.html")]
struct OneKind {
    frame: Frame,
    kind: KindStatus,
    range: SeriesRange,
    charts: Vec<Chart>,
    spreads: Vec<Spread>,
}

/// One kind, and what it was like lately.
pub(super) async fn kind(call: Call) -> Result<Response, Problem> {
    let (name, range, database) =
        (call.part("name"), chart::range(&call, SeriesRange::Day), call.pages());
    let of = |series| inspect::series(database, series, range, None, Some(name));
    let (kinds, rate, throughput, failures, runs, memory) = tokio::try_join!(
        inspect::kinds(database),
        of(SeriesName::SuccessRate),
        of(SeriesName::Throughput),
        of(SeriesName::Failures),
        of(SeriesName::Runs),
        of(SeriesName::Memory),
    )?;
    let found = kinds.into_iter().find(|kind| kind.name == name);
    let kind = found.ok_or_else(|| Problem::new("BS301", "there is no such kind"))?;
    let limit = kind.memory.and_then(|memory| memory.limit_bytes);
    let charts = vec![
        Chart::of("Success rate", &rate),
        Chart::of("Run times", &runs),
        Chart::of("Memory at its most", &memory),
        Chart::of("Throughput", &throughput),
        Chart::of("Failures", &failures),
    ];
    let spreads = vec![
        Spread::of("Attempts by how long they ran", &runs, None),
        Spread::of("Attempts by their memory", &memory, limit),
    ];
    let frame = Frame::of(&call, "kinds", format!("Kind {name}"));
    respond(&OneKind { frame, kind, range, charts, spreads })
}

#[derive(askama::Template)]
#[template(path = "kinds.html")]
struct Kinds {
    frame: Frame,
    kinds: Vec<KindStatus>,
}

pub(super) async fn kinds(call: Call) -> Result<Response, Problem> {
    let kinds = inspect::kinds(call.pages()).await?;
    respond(&Kinds { frame: Frame::of(&call, "kinds", "Kinds"), kinds })
}

/// The word for a level as the counts of a queue have it.
fn level_name(level: &str) -> String {
    level.parse().map_or_else(|_| level.to_owned(), text::level)
}

/// What a job of a kind gets that says nothing itself, as pairs.
fn terms(kind: &KindStatus) -> Vec<(String, String)> {
    let said = kind.contract.as_object().into_iter().flatten();
    said.map(|(name, value)| (name.clone(), word(value))).collect()
}

/// A value as people write it: `first 15s, factor 2`.
fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(all) => {
            let pairs = all.iter().map(|(name, value)| format!("{name} {}", word(value)));
            pairs.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// What its attempts had of memory, and the limit that would fit where this one does not.
fn memory(kind: &KindStatus) -> Option<(String, Option<String>)> {
    let memory = kind.memory.as_ref()?;
    let limit = memory.limit_bytes.map(|limit| format!(" of {}", text::size(&limit)));
    let used = format!("{}{}", text::size(&memory.p99_bytes), limit.unwrap_or_default());
    let fits = memory.suggested_bytes.filter(|fits| {
        memory.limit_bytes.is_none_or(|limit| memory.p99_bytes > limit || *fits <= limit / 4)
    });
    Some((used, fits.map(|fits| text::size(&fits))))
}

#[derive(askama::Template)]
#[template(path = "workers.html")]
struct Workers {
    frame: Frame,
    workers: Vec<(WorkerStatus, Vec<RunningJob>)>,
    gone: bool,
}

pub(super) async fn workers(call: Call) -> Result<Response, Problem> {
    let gone = call.query.flag("gone");
    let (workers, running) =
        tokio::try_join!(inspect::workers(call.pages(), gone), inspect::running(call.pages()))?;
    let frame = Frame::of(&call, "workers", "Workers");
    let of = |worker: WorkerStatus| {
        let here = running.iter().filter(|job| job.worker == worker.id).cloned().collect();
        (worker, here)
    };
    let workers = workers.into_iter().map(of).collect();
    respond(&Workers { frame, workers, gone })
}

/// Who holds which limit: `memory cgroup`.
fn holders(worker: &WorkerStatus) -> String {
    let held = worker.holders.as_ref().and_then(Value::as_object).into_iter().flatten();
    let held = held.map(|(limit, holder)| format!("{limit} {}", holder.as_str().unwrap_or("?")));
    held.collect::<Vec<_>>().join(", ")
}

/// How a state of a worker is shown; its word stands there, too.
fn tone(worker: &WorkerStatus) -> &'static str {
    match worker.state.as_str() {
        "live" => "ok",
        "draining" | "gone" => "",
        _ => "bad",
    }
}

#[derive(askama::Template)]
#[template(path = "alerts.html")]
struct Alerts {
    frame: Frame,
    channels: Vec<ChannelStatus>,
    messages: Vec<MessageStatus>,
    next: Option<String>,
}

pub(super) async fn alerts(call: Call) -> Result<Response, Problem> {
    let cursor = call.cursor()?;
    let (page, channels) = tokio::try_join!(
        inspect::alerts(call.pages(), cursor.as_deref(), call.limit()),
        inspect::channels(call.pages())
    )?;
    let next = call.next(page.next);
    let frame = Frame::of(&call, "alerts", "Alerts");
    respond(&Alerts { frame, channels, messages: page.items, next })
}

#[derive(askama::Template)]
#[template(path = "replays.html")]
struct Replays {
    frame: Frame,
    replays: Vec<ReplayStatus>,
    next: Option<String>,
}

pub(super) async fn replays(call: Call) -> Result<Response, Problem> {
    let cursor = call.cursor()?;
    let page = inspect::replays(call.pages(), cursor.as_deref(), call.limit()).await?;
    let next = call.next(page.next);
    respond(&Replays { frame: Frame::of(&call, "dead", "Replays"), replays: page.items, next })
}

pub(super) async fn replay(call: Call) -> Result<Response, Problem> {
    let id = call.id()?;
    let found = inspect::replay(call.pages(), id).await?;
    let replay = found.ok_or_else(|| Problem::new("BS301", format!("there is no replay {id}")))?;
    let frame = Frame::of(&call, "dead", format!("Replay {id}"));
    respond(&Replays { frame, replays: vec![replay], next: None })
}

/// `10 at first, then 60 in 1 min, stops at 20 %`.
fn pace(replay: &ReplayStatus) -> String {
    let rate = replay.rate().map(|(n, time)| format!(", then {n} in {}", text::span(time)));
    let percent = replay.stop_at * 100.0;
    format!("{} at first{}, stops when {percent:.0} % fail", replay.first, rate.unwrap_or_default())
}

/// How long after the first message of its incident it comes, of one that waits for its step.
fn step(message: &MessageStatus) -> Option<String> {
    let after = u64::try_from(message.after_ms).ok().filter(|after| *after > 0)?;
    (message.state == "waiting").then(|| text::span(std::time::Duration::from_millis(after)))
}

fn title(message: &MessageStatus) -> &str {
    message.title.as_deref().unwrap_or(&message.subject)
}

/// `1.5 GiB of 2 GiB reserved`.
fn reserved(worker: &WorkerStatus) -> String {
    let budget = worker.admission.memory_budget.unwrap_or_default();
    format!("{} of {} reserved", text::size(&used(worker)), text::size(&budget))
}

/// Bytes of its budget that its jobs have been promised.
fn used(worker: &WorkerStatus) -> u64 {
    let budget = worker.admission.memory_budget.unwrap_or_default();
    budget.saturating_sub(worker.admission.memory_free)
}
