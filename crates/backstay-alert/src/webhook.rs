//! A signed POST of the alert as JSON, to addresses that may be called.

use std::pin::Pin;
use std::time::{Duration, SystemTime};

use backstay::config::{Network, Secret};
use backstay::model::alert::Alert;
use backstay::{Deliver, DeliverError};
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};

use crate::address::Reach;
use crate::reason::{Reason, causes};
use crate::{sign, tls};

/// A whole call may take this long.
const CALL: Duration = Duration::from_secs(5);
/// More of an answer is not read; what is read is thrown away.
const ANSWER_BYTES: usize = 64 * 1024;

/// Posts JSON. What it says of failures never holds the address, which may be a credential.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    client: Client,
    url: Url,
    reach: Reach,
}

impl Post {
    pub(crate) fn new(url: &Secret, allowed: &[Network]) -> Result<Self, Reason> {
        let url = Url::parse(url.expose()).map_err(|error| Reason::Url(error.to_string()))?;
        let reach = match url.scheme() {
            "https" => Reach::public(allowed),
            "http" if allowed.is_empty() => return Err(Reason::Plain),
            "http" => Reach::inner(allowed),
            other => return Err(Reason::Url(format!("`{other}` is neither http nor https"))),
        };
        reach.check_literal(&url)?;
        // A proxy of the environment would carry the call past the check of addresses, and so would a
        // redirect.
        let client = Client::builder()
            .tls_backend_preconfigured(tls::client()?)
            .dns_resolver(reach.clone())
            .no_proxy()
            .redirect(Policy::none())
            .timeout(CALL)
            .user_agent(concat!("backstay/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Reason::Client(causes(&error.without_url())))?;
        Ok(Self { client, url, reach })
    }

    /// Any 2xx is acceptance. Every other answer may change within three days, so none is final.
    pub(crate) async fn send(
        &self,
        body: Vec<u8>,
        headers: &[(&'static str, String)],
    ) -> Result<(), DeliverError> {
        self.reach.check_literal(&self.url).map_err(|why| DeliverError::later(why.to_string()))?;
        let mut request = self.client.post(self.url.clone()).body(body);
        request = request.header(CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let mut answer = request
            .send()
            .await
            .map_err(|error| DeliverError::later(causes(&error.without_url())))?;
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
