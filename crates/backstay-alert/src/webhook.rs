//! A signed POST of the alert as JSON, to addresses that may be called.

use std::pin::Pin;
use std::time::{Duration, SystemTime};

use backstay::config::{Network, Secret};
use backstay::model::alert::Alert;
use backstay::{Deliver, DeliverError};
use reqwest::Response;

use crate::call::Call;
use crate::reason::Reason;
use crate::{sign, tls};

/// A whole call may take this long.
const WHOLE: Duration = Duration::from_secs(5);
/// The setting that allows inner networks.
const SETTING: &str = "alerts.allow_networks";
/// More of an answer is not read; what is read is thrown away.
const ANSWER_BYTES: usize = 64 * 1024;

/// Posts JSON. What it says of failures never holds the address, which may be a credential.
#[derive(Debug, Clone)]
pub(crate) struct Post(Call);

impl Post {
    pub(crate) fn new(url: &Secret, allowed: &[Network]) -> Result<Self, Reason> {
        let call = Call::new(url.expose(), allowed, SETTING, tls::client()?, |client| {
            client.timeout(WHOLE)
        })?;
        Ok(Self(call))
    }

    /// Any 2xx is acceptance. Every other answer may change within three days, so none is final.
    pub(crate) async fn send(
        &self,
        body: Vec<u8>,
        headers: &[(&'static str, String)],
    ) -> Result<(), DeliverError> {
        let sent = self.0.post(body, headers).await;
        let mut answer = sent.map_err(|why| DeliverError::later(why.to_string()))?;
        let status = answer.status();
        discard(&mut answer).await;
        if status.is_success() {
            return Ok(());
        }
        let hint = if status.is_redirection() { "; redirects are not followed" } else { "" };
        Err(DeliverError::later(format!("the answer was {status}{hint}")))
    }
}

/// Lets the connection be used again after a short answer; a long one is cut off with it.
async fn discard(answer: &mut Response) {
    let mut read = 0;
    // What is wrong with the rest of an answer does not matter: its status has come.
    while let Ok(Some(chunk)) = answer.chunk().await {
        read += chunk.len();
        if read > ANSWER_BYTES {
            break;
        }
    }
}

/// A webhook of one's own.
#[derive(Debug)]
pub(crate) struct Webhook {
    post: Post,
    secret: Secret,
}

impl Webhook {
    pub(crate) fn new(url: &Secret, secret: &Secret, allowed: &[Network]) -> Result<Self, Reason> {
        Ok(Self { post: Post::new(url, allowed)?, secret: secret.clone() })
    }

    async fn send(&self, alert: &Alert) -> Result<(), DeliverError> {
        let body = serde_json::to_vec(alert).expect("texts, numbers and JSON are JSON");
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
        let signature = sign::sign(self.secret.expose(), now, &body);
        let headers = [(sign::HEADER, signature), ("Idempotency-Key", alert.id.clone())];
        self.post.send(body, &headers).await
    }
}

impl Deliver for Webhook {
    fn deliver<'a>(
        &'a self,
        alert: &'a Alert,
    ) -> Pin<Box<dyn Future<Output = Result<(), DeliverError>> + Send + 'a>> {
        Box::pin(self.send(alert))
    }
}
