//! What orchestrators and monitors ask, without a token: is it alive, is it ready, what does this code mean.

use std::sync::Arc;
use std::time::Duration;

use crate::ask::{Service, finish, typed};
use crate::problem::Problem;
use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use backstay::model::code::Code;
use backstay::{Database, migrate};

/// The database must answer within this long to be of use.
const PATIENCE: Duration = Duration::from_secs(3);

const PATHS: [&str; 3] = ["/livez", "/readyz", "/healthz"];

/// Adds the paths that need no token.
pub(crate) fn routes(router: Router, service: &Arc<Service>) -> Router {
    let ready = |service: Arc<Service>| get(async move || finish(Ok(ready(&service).await)));
    router
        .route("/livez", get(async || finish(Ok(text(StatusCode::OK, "ok loops\n")))))
        .route("/readyz", ready(Arc::clone(service)))
        .route("/healthz", ready(Arc::clone(service)))
        .route("/errors/{code}", get(async |code: Path<String>| finish(explain(&code))))
}

/// Whether a path needs no token.
pub(crate) fn is_open(path: &str) -> bool {
    PATHS.contains(&path) || path.starts_with("/errors/")
}

fn text(status: StatusCode, text: impl Into<String>) -> Response {
    typed(status, "text/plain; charset=utf-8", text.into())
}

/// A line for each check.
async fn ready(service: &Service) -> Response {
    match service.health.get(look(&service.pages)).await {
        Ok(()) => text(StatusCode::OK, "ok database\nok schema\n"),
        Err(line) => text(StatusCode::SERVICE_UNAVAILABLE, format!("fail {line}\n")),
    }
}

async fn look(database: &Database) -> Result<(), String> {
    match tokio::time::timeout(PATIENCE, migrate::check(database)).await {
        Ok(Ok(())) => Ok(()),
        // Whoever asks here is nobody in particular, so it is only said what to look up.
        Ok(Err(error)) if error.code() == "BS501" => Err("database (BS501)".into()),
        Ok(Err(error)) => Err(format!("schema ({})", error.code())),
        Err(_) => Err("database (BS507)".into()),
    }
}

/// The page of a code, where the `type` of a problem points.
fn explain(code: &str) -> Result<Response, Problem> {
    let code = Code::of(code).ok_or_else(|| Problem::new("BS301", "there is no such code"))?;
    Ok(text(StatusCode::OK, code.help()))
}
