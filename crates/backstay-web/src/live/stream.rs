//! The body of an answer that goes on: what is sent into one end comes out at the client's.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::response::Response;
use hyper::body::Frame;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

/// Texts on their way to a client that takes its time.
const ON_THE_WAY: usize = 16;

/// Where texts go in.
pub(super) struct Sender(mpsc::Sender<Bytes>);

impl Sender {
    /// Sends a text; false where the client has left.
    pub(super) async fn send(&mut self, text: String) -> bool {
        self.0.send(text.into()).await.is_ok()
    }

    /// Over when the client has left.
    pub(super) async fn closed(&self) {
        self.0.closed().await;
    }
}

/// Where they come out; it keeps its place for as long as it lives.
struct Events {
    texts: mpsc::Receiver<Bytes>,
    _place: OwnedSemaphorePermit,
}

impl HttpBody for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.texts.poll_recv(cx).map(|text| text.map(|text| Ok(Frame::data(text))))
    }
}

/// An answer of server-sent events.
pub(super) fn open(place: OwnedSemaphorePermit) -> (Sender, Response) {
    let (sender, texts) = mpsc::channel(ON_THE_WAY);
    let mut response = Response::new(Body::new(Events { texts, _place: place }));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // A proxy that gathers answers would hold events back.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    (Sender(sender), response)
}
