//! The pages for people: each once, with its address, what may stand in that, and what makes it. They see what the API shows.

mod asset;
mod escape;
mod find;
mod frame;
mod job;
mod jobs;
mod overview;
mod text;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::ACCEPT;
use axum::response::Response;

use crate::api::OF_JOBS;
use crate::ask::{Answering, Answers, Call, Endpoint, Needs, Verb};
use crate::guard::dress_page;
use crate::problem::Problem;
use crate::query::{Field, Form, field};
pub(crate) use frame::{Around, tell};

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
    page("/", "Whether anything is late, dead or too big", &[], |call| Box::pin(overview::show(call))),
    page("/jobs", "Jobs, newest first", OF_JOBS, |call| Box::pin(jobs::show(call))),
    page("/jobs/{id}", "One job with all that is known of it", &[], |call| Box::pin(job::show(call))),
    page("/find", "Leads to what was typed into the field above", OF_FIND, |call| Box::pin(find::go(call))),
];

/// Adds what pages load.
pub(crate) fn assets(router: Router) -> Router {
    asset::routes(router, dress_page)
}

/// What a form sends for a field that was left empty says nothing.
pub(crate) fn filled(raw: &str) -> String {
    raw.split('&').filter(|pair| !pair.ends_with('=')).collect::<Vec<_>>().join("&")
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
    PAGES.iter().find(|page| page.is_at(path))?;
    let said = format!("this page knows GET, HEAD, and not {}", request.method());
    let problem = Problem::new("BS804", said).status(StatusCode::METHOD_NOT_ALLOWED);
    Some(problem.allow("GET, HEAD".into()))
}

/// Sends the browser to another of our pages.
fn see(place: &str) -> Response {
    use axum::http::HeaderValue;
    use axum::http::header::LOCATION;
    let mut response = crate::ask::typed(StatusCode::SEE_OTHER, frame::HTML, "");
    let place = HeaderValue::from_str(place).unwrap_or(HeaderValue::from_static("./"));
    response.headers_mut().insert(LOCATION, place);
    response
}
