//! `/events`, and the output of a job for whoever wants to see it come.

use axum::http::header::ACCEPT;
use axum::response::Response;
use backstay::inspect;

use super::jobs::{self, unknown};
use crate::ask::Call;
use crate::live::{self, Followed, Wanted};
use crate::problem::Problem;

pub(super) async fn events(call: Call) -> Result<Response, Problem> {
    let wanted = Wanted {
        topics: call.query.texts("topics"),
        queues: call.query.texts("queue"),
        kinds: call.query.texts("kind"),
    };
    // A number that is none is of no stream of ours, as is one of another life of the server.
    let since = last(&call).map(|id| id.parse().unwrap_or(u64::MAX));
    live::events(&call.service.live, call.pages(), since, wanted)
}

/// What a job printed, and to whoever accepts a stream also what it prints.
pub(super) async fn output(call: Call) -> Result<Response, Problem> {
    let accepts = call.parts.headers.get(ACCEPT).and_then(|accepts| accepts.to_str().ok());
    if !accepts.is_some_and(|accepts| accepts.contains("text/event-stream")) {
        return jobs::output(call).await;
    }
    let job = call.id()?;
    if inspect::job(call.pages(), job).await?.is_none() {
        return Err(unknown(job));
    }
    let place = last(&call).and_then(|id| {
        let (attempt, part) = id.split_once('.')?;
        Some((attempt.parse().ok()?, part.parse().ok()?))
    });
    let followed = Followed {
        job,
        attempt: call.query.text("attempt").and_then(|text| text.parse().ok()),
        streams: call.query.texts("stream"),
        after: place.unwrap_or((0, 0)),
    };
    live::follow(&call.service.live, call.pages(), followed)
}

/// Where a client was that has come back.
fn last(call: &Call) -> Option<&str> {
    call.parts.headers.get("last-event-id").map(|id| id.to_str().unwrap_or(""))
}
