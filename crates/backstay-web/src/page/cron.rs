//! Schedules: what ticks when, what became of the last ticks, and a job now.

use std::time::SystemTime;

use axum::response::Response;
use backstay::inspect::{self, ComingTick, ScheduleStatus, TickStatus};
use backstay::model::instant::Instant;

use super::frame::{Frame, respond};
use super::text;
use crate::api::backfill;
use crate::ask::Call;
use crate::problem::Problem;
use crate::query::when;

/// Coming ticks on the page of one schedule.
const COMING: usize = 10;
/// Ticks that have come, on one page.
const TICKS: u16 = 50;

#[derive(askama::Template)]
#[template(path = "cron.html")]
struct Schedules {
    frame: Frame,
    schedules: Vec<ScheduleStatus>,
}

pub(super) async fn list(call: Call) -> Result<Response, Problem> {
    let schedules = inspect::schedules(call.pages(), 1).await?;
    respond(&Schedules { frame: Frame::of(&call, "cron", "Schedules"), schedules })
}

#[derive(askama::Template)]
#[template(path = "schedule.html")]
struct Schedule {
    frame: Frame,
    schedule: ScheduleStatus,
    ticks: Vec<TickStatus>,
    next: Option<String>,
}

pub(super) async fn show(call: Call) -> Result<Response, Problem> {
    let (name, cursor) = (call.part("name").to_owned(), call.cursor()?);
    let unknown = || Problem::new("BS301", format!("there is no schedule `{name}`"));
    let found = inspect::schedule(call.pages(), &name, COMING).await?;
    let schedule = found.ok_or_else(unknown)?;
    let page = inspect::ticks(call.pages(), &name, cursor.as_deref(), TICKS).await?;
    let frame = Frame::of(&call, "cron", format!("Schedule {name}"));
    let next = call.next(page.next);
    respond(&Schedule { frame, schedule, ticks: page.items, next })
}

#[derive(askama::Template)]
#[template(path = "backfill.html")]
struct Backfill {
    frame: Frame,
    name: String,
    from: Instant,
    to: Instant,
    ticks: Vec<Instant>,
}

/// Before the jobs of ticks that have passed are made: which ticks they are.
pub(super) async fn backfill(call: Call) -> Result<Response, Problem> {
    let name = call.part("name").to_owned();
    let span = |name: &str| call.query.text(name).map(|text| when(name, &text)).transpose();
    let needed = || Problem::new("BS102", "a back-fill needs a beginning").at("?from");
    let from = span("from")?.ok_or_else(needed)?;
    let now = Instant::try_from(SystemTime::now());
    let now = now.map_err(|error| Problem::new("BS999", error.to_string()))?;
    let to = span("to")?.unwrap_or(now);
    let ticks = backfill::ticks(call.pages(), &name, from, Some(to)).await?;
    let frame = Frame::of(&call, "cron", format!("Back-fill {name}"));
    respond(&Backfill { frame, name, from, to, ticks })
}

/// The next tick; one that is paused has none.
fn coming(schedule: &ScheduleStatus) -> Option<&ComingTick> {
    schedule.next.first().filter(|_| schedule.paused.is_none())
}

/// What keeps it from ticking, or may.
fn trouble(schedule: &ScheduleStatus) -> Option<String> {
    if schedule.retired_at.is_some() {
        return Some("retired: no live worker declares it".into());
    }
    if let Some(error) = &schedule.error {
        return Some(error.clone());
    }
    let is_orphan = schedule.origin == "file" && schedule.declared == 0;
    is_orphan.then(|| "no live worker declares it, so it does not tick".into())
}

/// What is done about ticks that were missed or overlap, in words.
fn policy(schedule: &ScheduleStatus) -> String {
    let missed = match schedule.missed.as_str() {
        "skip" => "missed ticks are dropped".to_owned(),
        "all" => format!("up to {} missed ticks run", schedule.missed_max),
        _ => "the newest missed tick runs".to_owned(),
    };
    let overlap = match schedule.overlap.as_str() {
        "queue" => "an overlapping one waits",
        "replace" => "an overlapping one takes the place of the earlier job",
        "allow" => "overlapping ones run side by side",
        _ => "an overlapping one is skipped",
    };
    format!("{missed}; {overlap}")
}

/// How a tick is shown; its word stands there, too.
fn tone(tick: &TickStatus) -> &'static str {
    match (tick.outcome.as_str(), tick.state.as_deref()) {
        ("refused", _) | (_, Some("dead")) => "bad",
        ("missed" | "skipped", _) => "warn",
        (_, Some("completed")) => "ok",
        _ => "",
    }
}
