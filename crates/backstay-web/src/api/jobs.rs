//! `/jobs`: lists, one job, its attempts, its output, and why it waits.

use std::fmt::Write;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use axum::response::Response;
use backstay::inspect::{self, JobDocument, Reason};

use crate::ask::{Call, json, typed};
use crate::problem::Problem;

/// Parts of output that one answer holds: with 64 KiB a part at most 4 MiB of text.
const PARTS: usize = 64;
/// Between looks at a job that somebody waits for: at first, and in the end.
const FIRST_LOOK: Duration = Duration::from_millis(50);
const LAST_LOOK: Duration = Duration::from_secs(1);

pub(super) async fn list(call: Call) -> Result<Response, Problem> {
    let (filter, cursor) = (call.query.filter()?, call.cursor()?);
    let page = inspect::jobs(call.pages(), &filter, cursor.as_deref(), call.limit()).await?;
    Ok(call.page(&page.items, page.next))
}

/// With `wait` it is looked at until it has ended, less and less often.
pub(super) async fn show(call: Call) -> Result<Response, Problem> {
    let Some(wait) = call.query.span("wait") else {
        return Ok(json(StatusCode::OK, &find(&call).await?));
    };
    let _place = call.service.live.waiting()?;
    let (until, mut pause) = (Instant::now() + wait, FIRST_LOOK);
    loop {
        let job = find(&call).await?;
        if !job.state.is_live() {
            return Ok(json(StatusCode::OK, &job));
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || call.service.live.is_stopping() {
            return Ok(json(StatusCode::ACCEPTED, &job));
        }
        tokio::time::sleep(pause.min(left)).await;
        pause = (pause * 2).min(LAST_LOOK);
    }
}

/// The job of the path.
async fn find(call: &Call) -> Result<JobDocument, Problem> {
    let id = call.id()?;
    inspect::job(call.pages(), id).await?.ok_or_else(|| unknown(id))
}

pub(super) fn unknown(id: i64) -> Problem {
    Problem::new("BS301", format!("there is no job {id}"))
        .hint("it may be past its retention, or it never was")
}

pub(super) async fn attempts(call: Call) -> Result<Response, Problem> {
    let id = call.id()?;
    let attempts = inspect::attempts(call.pages(), id).await?;
    if attempts.is_empty() {
        find(&call).await?;
    }
    Ok(call.page(&attempts, None))
}

pub(super) async fn why(call: Call) -> Result<Response, Problem> {
    let id = call.id()?;
    let why = inspect::why(call.pages(), id).await?;
    if why.reason == Reason::NoSuchJob { Err(unknown(id)) } else { Ok(json(StatusCode::OK, &why)) }
}

/// What is kept of a job's output, one line as one line.
pub(super) async fn output(call: Call) -> Result<Response, Problem> {
    let id = call.id()?;
    let attempt = call.query.text("attempt").and_then(|text| text.parse().ok());
    let streams = call.query.texts("stream");
    let (mut after, mut text, mut parts) = ((0, 0), String::new(), 0);
    while parts < PARTS {
        let found = inspect::output(call.pages(), id, after, attempt).await?;
        let Some(last) = found.last() else { break };
        after = (last.attempt, last.part);
        parts += found.len();
        let lines = found.iter().flat_map(|part| &part.lines);
        for line in lines.filter(|line| is_wanted(&streams, line.stream.as_str())) {
            writeln!(text, "{}", line.text).expect("a String takes any text");
        }
    }
    if parts == 0 {
        find(&call).await?;
    }
    Ok(typed(StatusCode::OK, "text/plain; charset=utf-8", text))
}

fn is_wanted(streams: &[String], stream: &str) -> bool {
    streams.is_empty() || streams.iter().any(|wanted| wanted == stream)
}
