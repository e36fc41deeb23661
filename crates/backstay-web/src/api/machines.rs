//! What runs jobs and tells of them: queues, kinds, workers, messages about alerts, replays.

use std::sync::Arc;
use std::time::SystemTime;

use axum::http::StatusCode;
use axum::response::Response;
use backstay::doctor::{self, Wishes};
use backstay::inspect::{self, SeriesName, SeriesRange};
use backstay::model::bounds::check_name;

use crate::ask::{Call, json, typed};
use crate::metrics::{Format, Seen};
use crate::problem::Problem;

/// Coming ticks of each schedule that are told unless somebody asks for more.
const COMING: usize = 3;

pub(super) async fn queues(call: Call) -> Result<Response, Problem> {
    Ok(call.page(&inspect::queues(call.pages()).await?, None))
}

pub(super) async fn kinds(call: Call) -> Result<Response, Problem> {
    Ok(call.page(&inspect::kinds(call.pages()).await?, None))
}

pub(super) async fn schedules(call: Call) -> Result<Response, Problem> {
    let n = call.query.text("next").and_then(|n| n.parse().ok()).unwrap_or(COMING);
    Ok(call.page(&inspect::schedules(call.pages(), n).await?, None))
}

pub(super) async fn ticks(call: Call) -> Result<Response, Problem> {
    let (name, cursor) = (call.part("name").to_owned(), call.cursor()?);
    let unknown = || Problem::new("BS301", format!("there is no schedule `{name}`"));
    inspect::schedule(call.pages(), &name, 0).await?.ok_or_else(unknown)?;
    let page = inspect::ticks(call.pages(), &name, cursor.as_deref(), call.limit()).await?;
    Ok(call.page(&page.items, page.next))
}

pub(super) async fn workers(call: Call) -> Result<Response, Problem> {
    let gone = call.query.flag("gone");
    Ok(call.page(&inspect::workers(call.pages(), gone).await?, None))
}

pub(super) async fn alerts(call: Call) -> Result<Response, Problem> {
    let cursor = call.cursor()?;
    let page = inspect::alerts(call.pages(), cursor.as_deref(), call.limit()).await?;
    Ok(call.page(&page.items, page.next))
}

pub(super) async fn channels(call: Call) -> Result<Response, Problem> {
    Ok(call.page(&inspect::channels(call.pages()).await?, None))
}

/// Who did what.
pub(super) async fn audit(call: Call) -> Result<Response, Problem> {
    let (filter, cursor) = (call.query.audit_filter()?, call.cursor()?);
    let page = inspect::audit(call.pages(), &filter, cursor.as_deref(), call.limit()).await?;
    Ok(call.page(&page.items, page.next))
}

/// What an autoscaler goes by.
pub(super) async fn backlog(call: Call) -> Result<Response, Problem> {
    let queue = call.part("name").to_owned();
    check_name(&queue)
        .map_err(|error| Problem::new("BS301", format!("there is no such queue: {error}")))?;
    let backlog = backstay::backlog(call.pages(), &[queue]).await?;
    Ok(json(StatusCode::OK, &serde_json::json!({ "jobs": backlog.open })))
}

/// What was counted over time.
pub(super) async fn series(call: Call) -> Result<Response, Problem> {
    let query = &call.query;
    let name = SeriesName::of(&query.value("name")).unwrap_or(SeriesName::Throughput);
    let range = SeriesRange::of(&query.value("range")).unwrap_or(SeriesRange::Day);
    let (queue, kind) = (query.text("queue"), query.text("kind"));
    if kind.is_some() && name.is_depth() {
        let said = format!("`{}` knows queues, and no kinds", name.as_str());
        return Err(Problem::new("BS102", said).at("?kind"));
    }
    let (queue, kind) = (queue.as_deref(), kind.as_deref());
    let series = inspect::series(call.pages(), name, range, queue, kind).await?;
    Ok(json(StatusCode::OK, &series))
}

pub(super) async fn replays(call: Call) -> Result<Response, Problem> {
    let cursor = call.cursor()?;
    let page = inspect::replays(call.pages(), cursor.as_deref(), call.limit()).await?;
    Ok(call.page(&page.items, page.next))
}

pub(super) async fn replay(call: Call) -> Result<Response, Problem> {
    let id = call.id()?;
    let found = inspect::replay(call.pages(), id).await?;
    let replay = found.ok_or_else(|| Problem::new("BS301", format!("there is no replay {id}")))?;
    Ok(json(StatusCode::OK, &replay))
}

pub(super) async fn doctor(call: Call) -> Result<Response, Problem> {
    let examine = async { Arc::new(doctor::examine(call.pages(), Wishes::default()).await) };
    let report = call.service.doctor.get(examine).await;
    Ok(json(StatusCode::OK, &*report))
}

pub(super) async fn openapi(call: Call) -> Result<Response, Problem> {
    Ok(typed(StatusCode::OK, "application/json", call.service.openapi.clone()))
}

/// Figures that are at most some seconds old, however often they are asked for.
pub(super) async fn metrics(call: Call) -> Result<Response, Problem> {
    let look = async { Ok(Arc::new(Seen::now(call.pages()).await?)) };
    let seen = call.service.metrics.get(look).await?;
    let sort = Format::asked(&call.parts.headers).sort();
    Ok(typed(StatusCode::OK, sort, seen.page(SystemTime::now())))
}
