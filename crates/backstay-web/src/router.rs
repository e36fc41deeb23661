//! Takes a request to its path: who asks, whether that is allowed, what it says, and the answer; the same for every path.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request};
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use backstay::Database;
use tokio_util::sync::CancellationToken;

use crate::ask::{Call, Endpoint, Needs, Peer, Service, finish};
use crate::auth::Caller;
use crate::body::{self, Body};
use crate::form::Form;
use crate::guard::{check_host, check_own_page, dress_page};
use crate::kept::Kept;
use crate::limit::Limits;
use crate::live::Live;
use crate::options::Options;
use crate::page::{self, Around, Sent};
use crate::problem::Problem;
use crate::query::Query;
use crate::{api, asset, health, login, openapi};

/// A page gives up after this long; people have.
const PAGE: Duration = Duration::from_secs(2);
/// Anybody may ask whether it is ready, so the database is asked no more often than this.
const HEALTH: Duration = Duration::from_secs(1);
/// However many ask for figures, the database is asked this often.
const METRICS: Duration = Duration::from_secs(5);
/// The doctor looks at much.
const DOCTOR: Duration = Duration::from_secs(10);
/// Any answer is begun within this long.
const ANSWER: Duration = Duration::from_secs(35);

/// All paths, to be served alone or mounted in an axum server of one's own.
///
/// ```no_run
/// use backstay_web::{Options, router};
///
/// # async fn example(database: backstay::Database) {
/// // Behind the login of the application that it is mounted in.
/// let app: axum::Router = axum::Router::new().nest("/jobs", router(&database, Options::default()));
/// # let _ = app;
/// # }
/// ```
pub fn router(database: &Database, options: Options) -> Router {
    router_until(database, options, CancellationToken::new())
}

/// The same, where streams end with `stop`.
pub(crate) fn router_until(
    database: &Database,
    options: Options,
    stop: CancellationToken,
) -> Router {
    let service = service(database, options, stop);
    let of_api = api::ENDPOINTS.iter();
    let api = of_api.clone().map(|it| (it.path.to_owned(), it.verb.filter(), it, Door::Api));
    let pages = page::PAGES.iter();
    let pages = pages.map(|it| (it.path.to_owned(), it.verb.filter(), it, Door::Page));
    let forms =
        of_api.filter_map(|it| Some((page::form_path(it)?, MethodFilter::POST, it, Door::Form)));
    let mut router = login::routes(health::routes(Router::new(), &service), &service);
    for (path, methods, endpoint, door) in api.chain(pages).chain(forms) {
        let service = Arc::clone(&service);
        let run = move |path: Result<RawPathParams, RawPathParamsRejection>, request: Request| {
            respond(Arc::clone(&service), endpoint, door, path, request)
        };
        router = router.route(&path, on(methods, run));
    }
    let not_allowed = async |request: Request| {
        let of_page = page::wrong_method(&request);
        finish(Err(of_page.unwrap_or_else(|| api::wrong_method(&request))))
    };
    asset::routes(router, dress_page).method_not_allowed_fallback(not_allowed).fallback(unknown)
}

async fn unknown(request: Request) -> Response {
    let problem = api::unknown_path(request.uri().path());
    if !page::is_wanted(&request) {
        return finish(Err(problem));
    }
    let (parts, _) = request.into_parts();
    dress_page(page::tell(problem, Around::of(&parts), true))
}

/// The answer of a path; of a page, what goes wrong is told on one, too.
async fn respond(
    service: Arc<Service>,
    endpoint: &'static Endpoint,
    door: Door,
    path: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
) -> Response {
    if door == Door::Api {
        return finish(answer(service, endpoint, door, path, request).await);
    }
    let (parts, stream) = request.into_parts();
    let around = Around::of(&parts);
    let request = Request::from_parts(parts, stream);
    let answered = answer(service, endpoint, door, path, request).await;
    dress_page(answered.unwrap_or_else(|problem| {
        // Whoever may not look at this page may look at none of them but the audit.
        let may_read = problem.code() != "BS802" || endpoint.needs != Needs::Read;
        page::tell(problem, around, may_read)
    }))
}

/// Who is behind a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// A program.
    Api,
    /// A browser, whose forms send a field also where nothing was typed into it.
    Page,
    /// A form in one of our pages.
    Form,
}

/// What all paths of one server share.
pub(crate) fn service(
    database: &Database,
    options: Options,
    stop: CancellationToken,
) -> Arc<Service> {
    Arc::new(Service {
        database: database.clone(),
        pages: database.with_patience(PAGE),
        options,
        limits: Limits::default(),
        health: Kept::new(HEALTH),
        doctor: Kept::new(DOCTOR),
        metrics: Kept::new(METRICS),
        live: Arc::new(Live::new(stop)),
        openapi: openapi::text().into(),
    })
}

async fn answer(
    service: Arc<Service>,
    endpoint: &'static Endpoint,
    door: Door,
    path: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, stream) = request.into_parts();
    check_host(&service.options.hosts, &parts.uri, &parts.headers)?;
    let path = path.map_err(|_| Problem::new("BS804", "the path is no UTF-8"))?;
    let path: Vec<(String, String)> =
        path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    if path.iter().any(|(_, value)| value.chars().any(char::is_control)) {
        return Err(Problem::new("BS804", "the path has a control character"));
    }
    let work = async {
        if door == Door::Form {
            check_own_page(&parts.headers)?;
        }
        let caller = caller(&service, &parts).await?;
        match endpoint.needs {
            Needs::Enqueue => caller.check_enqueue()?,
            other => caller.check(&other.scope())?,
        }
        let typed = parts.uri.query().unwrap_or("");
        let query = match door {
            Door::Api => Query::read(typed, endpoint.query)?,
            Door::Page | Door::Form => Query::read(&page::filled(typed), endpoint.query)?,
        };
        if door == Door::Form {
            let form = Form::receive(&parts, stream).await?;
            let Sent { body, verb, back } = page::read_form(&form, endpoint)?;
            let around = Around::of(&parts);
            let answered =
                (endpoint.run)(Call { service, caller, path, query, body, parts }).await?;
            return page::done(&around, &verb, &back, answered).await;
        }
        let bytes = body::receive(&parts.headers, stream).await?;
        let body = Body::read(&parts.headers, &bytes, endpoint.body)?;
        (endpoint.run)(Call { service, caller, path, query, body, parts }).await
    };
    let late = |_| Problem::new("BS507", format!("there was no answer within {ANSWER:?}"));
    tokio::time::timeout(ANSWER, work).await.map_err(late)?
}

/// Who asks.
async fn caller(service: &Service, parts: &Parts) -> Result<Caller, Problem> {
    let peer = parts.extensions.get::<Peer>().map(|peer| peer.0.ip());
    service.gate().caller(&parts.method, &parts.headers, peer).await
}
