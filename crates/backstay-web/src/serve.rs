//! Takes connections in: so many at once, each with a bound on how slowly it may speak, and an end that is not abrupt.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use backstay::Database;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_service::Service;

use crate::ask::Peer;
use crate::options::Options;
use crate::router::router_until;
use crate::stall::Stalling;

/// Connections at once; more wait until one ends.
const CONNECTIONS: usize = 2_048;
/// The headers of a request have come within this long, also of the next one on the same connection.
const HEADERS: Duration = Duration::from_secs(5);
/// Most headers of one request, and most bytes of them.
const HEADERS_MOST: usize = 64;
const HEADER_BYTES: usize = 32 * 1024;
/// Answers that are under way at the end have this long.
const GRACE: Duration = Duration::from_secs(5);
/// Pause after a connection that could not be taken in, since the reason is mostly that there are too many.
const BREATH: Duration = Duration::from_millis(100);

/// Why the HTTP API cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// BS402: nothing can listen there: another program does, or the address is none of this machine.
    #[error("nothing can listen at {at}: {cause}")]
    Listen {
        /// The address of the settings.
        at: SocketAddr,
        /// What the operating system says.
        cause: std::io::Error,
    },
}

impl ServeError {
    /// Gives the code, `BS` and three digits, that this failure has at every door.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            ServeError::Listen { .. } => "BS402",
        }
    }
}

/// Serves the HTTP API until `stop` is over, and then as long as answers under way need, at most 5 s. `ready` is told where it
/// listens, since port 0 is any that is free.
///
/// ```no_run
/// # async fn example(database: backstay::Database, settings: backstay::config::Settings) -> Result<(), backstay_web::ServeError> {
/// let stop = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
/// let options = backstay_web::Options::from(&settings.web);
/// backstay_web::serve(&database, settings.web.listen, options, stop, |at| println!("http://{at}")).await
/// # }
/// ```
///
/// # Errors
///
/// BS402 where nothing can listen at the address.
pub async fn serve(
    database: &Database,
    at: SocketAddr,
    options: Options,
    stop: impl Future<Output = ()>,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    let failed = |cause| ServeError::Listen { at, cause };
    let listener = TcpListener::bind(at).await.map_err(failed)?;
    ready(listener.local_addr().map_err(failed)?);
    let (stopping, tracker) = (CancellationToken::new(), TaskTracker::new());
    let router = router_until(database, options, stopping.clone());
    tokio::select! {
        () = stop => {}
        () = take_in(&listener, &router, &stopping, &tracker) => {}
    }
    drop(listener);
    stopping.cancel();
    tracker.close();
    // What does not end by itself ends with the process.
    let _ended = tokio::time::timeout(GRACE, tracker.wait()).await;
    Ok(())
}

/// Takes in whoever comes, until it is dropped.
pub(crate) async fn take_in(
    listener: &TcpListener,
    router: &Router,
    stopping: &CancellationToken,
    tracker: &TaskTracker,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let place = Arc::clone(&places).acquire_owned().await;
        match listener.accept().await {
            Ok((stream, peer)) => {
                let connection = speak(stream, peer, router.clone(), stopping.clone());
                tracker.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(_) => tokio::time::sleep(BREATH).await,
        }
    }
}

/// One connection until it ends; what goes wrong with it concerns its peer alone.
async fn speak(stream: TcpStream, peer: SocketAddr, router: Router, stopping: CancellationToken) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        let mut router = router.clone();
        async move {
            let answered: Result<_, Infallible> = router.call(request.map(Body::new)).await;
            answered
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_headers(HEADERS_MOST)
        .max_buf_size(HEADER_BYTES)
        .serve_connection(TokioIo::new(Stalling::new(stream)), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ended = connection.as_mut() => {}
        () = stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ended = connection.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// What a client gets that sends these bytes and then waits; time passes at once.
    async fn answer(sent: &[u8]) -> (String, Duration) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        let router = Router::new().route("/", get(async || "here"));
        tokio::spawn(speak(stream, peer, router, CancellationToken::new()));
        client.write_all(sent).await.unwrap();
        let (begun, mut all) = (tokio::time::Instant::now(), String::new());
        client.read_to_string(&mut all).await.unwrap();
        (all, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_finish_a_request_is_left_after_5_s() {
        let (got, after) = answer(b"GET / HTTP/1.1\r\nHost: loc").await;
        assert_eq!(got, "");
        assert!((HEADERS..HEADERS * 2).contains(&after), "{after:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_nothing_more_is_left_after_5_s() {
        let (got, after) = answer(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert!(got.starts_with("HTTP/1.1 200") && got.ends_with("here"), "{got}");
        assert!((HEADERS..HEADERS * 2).contains(&after), "{after:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn headers_without_end_are_not_read_for_ever() {
        let mut many = b"GET / HTTP/1.1\r\nHost: localhost\r\n".to_vec();
        (0..100).for_each(|n| many.extend(format!("X-{n}: a\r\n").bytes()));
        many.extend(b"\r\n");
        assert!(answer(&many).await.0.starts_with("HTTP/1.1 431"));
    }
}
