//! One request as the paths see it, and what a path says of itself.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::{Body as Stream, Bytes};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::MethodFilter;
use backstay::Database;
use backstay::doctor::Report;
use backstay::tokens::Scope;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::auth::{Caller, Gate};
use crate::body::Body;
use crate::guard::dress;
use crate::kept::Kept;
use crate::limit::Limits;
use crate::live::Live;
use crate::metrics::Seen;
use crate::options::Options;
use crate::problem::Problem;
use crate::query::{Field, Query};

/// What all requests share.
pub(crate) struct Service {
    /// For verbs, and for looks that may take their time.
    pub(crate) database: Database,
    /// For pages that somebody waits for.
    pub(crate) pages: Database,
    pub(crate) options: Options,
    pub(crate) limits: Limits,
    /// Whether the database will do; what is wrong with it, in words that anybody may hear.
    pub(crate) health: Kept<Result<(), String>>,
    pub(crate) doctor: Kept<Arc<Report>>,
    /// What `/metrics` is made from.
    pub(crate) metrics: Kept<Result<Arc<Seen>, Problem>>,
    pub(crate) live: Arc<Live>,
    /// The description of the API, which never changes.
    pub(crate) openapi: Bytes,
}

impl Service {
    /// What finds out who asks.
    pub(crate) fn gate(&self) -> Gate<'_> {
        Gate { database: &self.pages, options: &self.options, limits: &self.limits }
    }
}

/// Where a request came from, as far as the server that took it in knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// What a path needs of whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    Read,
    Operate,
    Admin,
    Audit,
    /// To enqueue into some queue at least; into which, is looked at with the job.
    Enqueue,
}

impl Needs {
    /// The scope that whoever asks must have.
    pub(crate) fn scope(self) -> Scope {
        match self {
            Needs::Read => Scope::Read,
            Needs::Operate => Scope::Operate,
            Needs::Admin => Scope::Admin,
            Needs::Audit => Scope::Audit,
            Needs::Enqueue => Scope::Enqueue(None),
        }
    }
}

/// The methods of our paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Patch,
    Delete,
}

impl Verb {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Verb::Get => "GET",
            Verb::Post => "POST",
            Verb::Patch => "PATCH",
            Verb::Delete => "DELETE",
        }
    }

    pub(crate) fn filter(self) -> MethodFilter {
        match self {
            Verb::Get => MethodFilter::GET,
            Verb::Post => MethodFilter::POST,
            Verb::Patch => MethodFilter::PATCH,
            Verb::Delete => MethodFilter::DELETE,
        }
    }
}

/// One path with one method: all that is known of it, for the router and for its description.
pub(crate) struct Endpoint {
    pub(crate) verb: Verb,
    pub(crate) path: &'static str,
    pub(crate) needs: Needs,
    /// What it does, in one line.
    pub(crate) does: &'static str,
    /// Fields behind the question mark.
    pub(crate) query: &'static [Field],
    /// Fields of the body.
    pub(crate) body: &'static [Field],
    /// What it answers when all is well.
    pub(crate) answers: Answers,
    pub(crate) run: fn(Call) -> Answering,
}

/// What an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    /// A document of this name, with this status.
    One(u16, &'static str),
    /// A page of such documents.
    Page(&'static str),
    Text,
    /// Server-sent events.
    Stream,
}

impl Endpoint {
    /// Whether a path is one of this route.
    pub(crate) fn is_at(&self, path: &str) -> bool {
        let (mut route, mut path) = (self.path.split('/'), path.split('/'));
        loop {
            match (route.next(), path.next()) {
                (None, None) => return true,
                (Some(want), Some(got))
                    if want == got || want.starts_with('{') && !got.is_empty() => {}
                _ => return false,
            }
        }
    }
}

pub(crate) type Answering = Pin<Box<dyn Future<Output = Result<Response, Problem>> + Send>>;

/// A request that was let in.
pub(crate) struct Call {
    pub(crate) service: Arc<Service>,
    pub(crate) caller: Caller,
    pub(crate) path: Vec<(String, String)>,
    pub(crate) query: Query,
    pub(crate) body: Body,
    pub(crate) parts: Parts,
}

impl Call {
    /// A part of the path by its name in the route.
    pub(crate) fn part(&self, name: &str) -> &str {
        let found = self.path.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// The part of the path that is an id of a job, or of something else that is counted.
    pub(crate) fn id(&self) -> Result<i64, Problem> {
        let text = self.part("id");
        match text.parse() {
            Ok(id) if id > 0 && text.bytes().all(|b| b.is_ascii_digit()) => Ok(id),
            _ => Err(Problem::new("BS301", "an id is a whole number from 1")),
        }
    }

    pub(crate) fn pages(&self) -> &Database {
        &self.service.pages
    }

    /// How many items a page has.
    pub(crate) fn limit(&self) -> u16 {
        self.query.text("limit").and_then(|text| text.parse().ok()).unwrap_or(50)
    }

    /// Where the list goes on: the place within a cursor of this very list.
    pub(crate) fn cursor(&self) -> Result<Option<String>, Problem> {
        let Some(cursor) = self.query.text("cursor") else { return Ok(None) };
        match cursor.split_once('-') {
            Some((list, place)) if list == self.list() => Ok(Some(place.to_owned())),
            _ => Err(Problem::new("BS806", "this cursor is none of this list with this filter")
                .hint("take the `next` of the page before, with the same filter")
                .at("?cursor")),
        }
    }

    /// A page as it is answered.
    pub(crate) fn page<T: Serialize>(&self, items: &[T], next: Option<String>) -> Response {
        #[derive(Serialize)]
        struct Page<'a, T> {
            items: &'a [T],
            next: Option<String>,
        }
        json(StatusCode::OK, &Page { items, next: self.next(next) })
    }

    /// Where the next page of this list begins; it knows the list.
    pub(crate) fn next(&self, place: Option<String>) -> Option<String> {
        place.map(|place| format!("{}-{place}", self.list()))
    }

    /// Tells one list from another.
    fn list(&self) -> String {
        let all = format!("{} {}", self.parts.uri.path(), self.query.list());
        Sha256::digest(all.as_bytes())[..4].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A document as it is answered.
pub(crate) fn json(status: StatusCode, document: &impl Serialize) -> Response {
    match serde_json::to_vec(document) {
        Ok(bytes) => typed(status, "application/json", bytes),
        Err(error) => {
            Problem::new("BS999", format!("the answer cannot be written: {error}")).respond()
        }
    }
}

/// An answer of another sort.
pub(crate) fn typed(status: StatusCode, sort: &'static str, bytes: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Stream::from(bytes.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(sort));
    response
}

/// Pages for people.
pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// Sends a browser on to another place of this server.
pub(crate) fn see(place: &str) -> Response {
    let mut response = typed(StatusCode::SEE_OTHER, HTML, "");
    let place = HeaderValue::from_str(place).unwrap_or(HeaderValue::from_static("./"));
    response.headers_mut().insert(LOCATION, place);
    response
}

/// Whether a place that came with a request is one of this server: a link of somebody else cannot lead elsewhere by it.
pub(crate) fn is_ours(place: &str) -> bool {
    !place.starts_with('/')
        && place.bytes().all(|b| b.is_ascii_graphic() && b != b':' && b != b'\\')
}

/// What every answer looks like in the end.
pub(crate) fn finish(answered: Result<Response, Problem>) -> Response {
    dress(answered.unwrap_or_else(Problem::respond))
}
