//! The pages for people: each once, with its address, what may stand in that, and what makes it. They see what the API shows.

mod act;
mod around;
mod audit;
mod bulk;
mod chart;
mod cron;
mod dead;
mod discarded;
mod find;
mod frame;
mod job;
mod jobs;
mod machines;
mod overview;
mod text;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::ACCEPT;

use crate::api::{self, OF_AUDIT, OF_BULK_PAGE, OF_DISCARDED, OF_GROUPS, OF_JOBS, OF_WORKERS};
use crate::ask::{Answering, Answers, Call, Endpoint, Needs, Verb};
use crate::problem::Problem;
use crate::query::{Field, Form, field};
pub(crate) use act::{Sent, done, path as form_path, read as read_form};
pub(crate) use around::Around;
pub(crate) use frame::tell;

const OF_CHARTS: &[Field] = &[api::RANGE];
const OF_FIND: &[Field] = &[field("q", Form::Text, "An id, or kind:NAME queue:NAME and such")];

const fn page(
    path: &'static str,
    does: &'static str,
    query: &'static [Field],
    run: fn(Call) -> Answering,
) -> Endpoint {
    let (verb, needs, answers) = (Verb::Get, Needs::Read, Answers::Text);
    Endpoint { verb, path, needs, does, query, body: &[], answers, run }
}

/// Every page.
#[rustfmt::skip]
pub(crate) static PAGES: &[Endpoint] = &[
    page("/", "Whether anything is late, dead or too big", OF_CHARTS, |call| Box::pin(overview::show(call))),
    page("/jobs", "Jobs, newest first", OF_JOBS, |call| Box::pin(jobs::show(call))),
    page("/jobs/{id}", "One job with all that is known of it", &[], |call| Box::pin(job::show(call))),
    page("/bulk/{verb}", "What one verb would do to all that pass a filter", OF_BULK_PAGE, |call| Box::pin(bulk::show(call))),
    page("/dead", "Dead letters by the error they have in common", OF_GROUPS, |call| Box::pin(dead::groups(call))),
    page("/dead/discarded", "Dead letters that were put aside", OF_DISCARDED, |call| Box::pin(discarded::show(call))),
    page("/dead/{fingerprint}", "One group of dead letters", api::OF_GROUP, |call| Box::pin(dead::group(call))),
    page("/queues", "Queues with what stands where", &[], |call| Box::pin(machines::queues(call))),
    page("/queues/{name}", "One queue over time", OF_CHARTS, |call| Box::pin(machines::queue(call))),
    page("/kinds", "Kinds with their terms and their memory", &[], |call| Box::pin(machines::kinds(call))),
    page("/kinds/{name}", "One kind over time, with its memory against its limit", OF_CHARTS, |call| Box::pin(machines::kind(call))),
    page("/cron", "Schedules with their next and their last ticks", &[], |call| Box::pin(cron::list(call))),
    page("/cron/{name}", "One schedule with what is to come and what has come", api::PAGE, |call| Box::pin(cron::show(call))),
    page("/cron/{name}/backfill", "What a back-fill of one schedule would do", api::OF_BACKFILL, |call| Box::pin(cron::backfill(call))),
    page("/workers", "Workers with what they run", OF_WORKERS, |call| Box::pin(machines::workers(call))),
    page("/alerts", "What people were told", api::PAGE, |call| Box::pin(machines::alerts(call))),
    Endpoint { needs: Needs::Audit,
        ..page("/audit", "Who did what", OF_AUDIT, |call| Box::pin(audit::show(call))) },
    page("/replays", "Replays, newest first", api::PAGE, |call| Box::pin(machines::replays(call))),
    page("/replays/{id}", "How far one replay is", &[], |call| Box::pin(machines::replay(call))),
    page("/find", "Leads to what was typed into the field above", OF_FIND, |call| Box::pin(find::go(call))),
];

/// What stands in an address for the page itself: what a form sends for a field that was left empty says nothing, and what was
/// just done is for the frame.
pub(crate) fn filled(raw: &str) -> String {
    let says = |pair: &&str| !pair.ends_with('=') && !pair.starts_with("did=");
    raw.split('&').filter(says).collect::<Vec<_>>().join("&")
}

/// Whether a request for a path that nobody knows came from a browser that shows pages.
pub(crate) fn is_wanted(request: &Request) -> bool {
    let accepts = request.headers().get(ACCEPT).and_then(|accepts| accepts.to_str().ok());
    !request.uri().path().starts_with("/api/")
        && accepts.is_some_and(|accepts| accepts.contains("text/html"))
}

/// A page, asked with another method than those it has; none where the path is no page.
pub(crate) fn wrong_method(request: &Request) -> Option<Problem> {
    let path = request.uri().path();
    let methods = match path.strip_prefix("/do/") {
        Some(_) => "POST",
        None => PAGES.iter().find(|page| page.is_at(path)).map(|_| "GET, HEAD")?,
    };
    let said = format!("this page knows {methods}, and not {}", request.method());
    let problem = Problem::new("BS804", said).status(StatusCode::METHOD_NOT_ALLOWED);
    Some(problem.allow(methods.into()))
}
