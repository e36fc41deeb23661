//! What one worker says of itself to monitoring: its own figures, and whether it lives.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use backstay::Database;
use backstay::figures::Family;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ask::{finish, typed};
use crate::metrics::{self, Format};
use crate::options::Options;
use crate::router::service;
use crate::serve::take_in;
use crate::{api, health};

/// How often a place that is taken is tried again: the worker before this one may still be on its way out.
const AGAIN: Duration = Duration::from_secs(1);

/// Serves `/metrics` with these figures, `/livez` and `/readyz` at an address, for as long as it is polled; without a token, since
/// nothing of a job stands there. Where the address is taken it says so once and waits until it is free: what watches a worker
/// must not keep it from work.
///
/// ```no_run
/// # async fn example(worker: backstay::Worker<()>, database: backstay::Database) -> Result<(), Box<dyn std::error::Error>> {
/// let running = worker.start(&database).await?;
/// tokio::spawn(backstay_web::serve_figures(database, "127.0.0.1:9464".parse()?, running.figures()));
/// # Ok(())
/// # }
/// ```
pub async fn serve_figures(
    database: Database,
    at: SocketAddr,
    figures: impl Fn() -> Vec<Family> + Clone + Send + Sync + 'static,
) {
    let router = routes(&database, figures);
    let mut is_told = false;
    let listener = loop {
        match TcpListener::bind(at).await {
            Ok(listener) => break listener,
            Err(error) if !is_told => {
                is_told = true;
                tracing::warn!(target: "backstay", error_code = "BS402", "nobody can read this worker's figures yet: nothing can listen at {at}: {error}");
            }
            Err(_) => {}
        }
        tokio::time::sleep(AGAIN).await;
    };
    take_in(&listener, &router, &CancellationToken::new(), &TaskTracker::new()).await;
}

fn routes(
    database: &Database,
    figures: impl Fn() -> Vec<Family> + Clone + Send + Sync + 'static,
) -> Router {
    let service = service(database, Options::default(), CancellationToken::new());
    let page = move |headers: HeaderMap| {
        let format = Format::asked(&headers);
        let text = metrics::of_worker(&figures(), format);
        async move { finish(Ok(typed(StatusCode::OK, format.sort(), text))) }
    };
    let unknown = async |request: axum::extract::Request| {
        finish(Err(api::unknown_path(request.uri().path())))
    };
    health::routes(Router::new(), &service).route("/metrics", get(page)).fallback(unknown)
}
