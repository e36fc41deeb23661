//! Drives a connection, and passes on the hints that come over it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio_postgres::{AsyncMessage, Connection};

use super::StoreError;
use super::statement::Link;

/// Hints of one connection, folded: however many came, somebody is woken once.
#[derive(Clone)]
pub(crate) struct Notices {
    hints: Arc<Notify>,
    pinged: Arc<Notify>,
    last_ping: Arc<Mutex<String>>,
}

impl Notices {
    /// Waits for the next hint.
    pub(crate) async fn next(&self) {
        self.hints.notified().await;
    }

    fn take(&self, payload: &str) {
        if payload.is_empty() {
            self.hints.notify_one();
        } else if *self.last_ping.lock().expect("nobody panics while holding it") == payload {
            self.pinged.notify_one();
        }
    }
}

/// Starts the task that moves bytes for a connection; it ends with its client.
pub(crate) fn drive<S, T>(mut connection: Connection<S, T>) -> Notices
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let notices = Notices {
        hints: Arc::new(Notify::new()),
        pinged: Arc::new(Notify::new()),
        last_ping: Arc::default(),
    };
    let passed = notices.clone();
    tokio::spawn(async move {
        loop {
            match std::future::poll_fn(|cx| connection.poll_message(cx)).await {
                Some(Ok(AsyncMessage::Notification(notification))) => {
                    passed.take(notification.payload())
                }
                Some(Ok(_)) => {}
                // Whoever calls next hears that the connection is closed.
                Some(Err(_)) | None => return,
            }
        }
    });
    notices
}

/// Asks for hints on this connection.
pub(crate) async fn listen(link: &Link) -> Result<(), StoreError> {
    link.batch("listen backstay").await
}

/// Whether a notification that we send ourselves comes back in time; a half-open connection looks healthy otherwise.
pub(crate) async fn hears(
    link: &Link,
    notices: &Notices,
    ping: &str,
    most: Duration,
) -> Result<bool, StoreError> {
    ping.clone_into(&mut notices.last_ping.lock().expect("nobody panics while holding it"));
    link.query(&PING, &[&ping]).await?;
    Ok(tokio::time::timeout(most, notices.pinged.notified()).await.is_ok())
}

static PING: super::statement::Sql = super::statement::sql!("attempt/ping", [TEXT]);
