//! The world outside of the shop: whoever gets its notifications, mails, payments, faxes and alerts, and counts them.

use std::collections::HashMap;
use std::io::Result;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value as Json, json};
use sha2::Sha256;
use tokio::net::TcpListener;

use super::http::{Answer, Call, serve};
use super::kinds::CHARGE_FAILURES;

/// How long a provider of the real world takes for an answer.
const SLOW: Duration = Duration::from_millis(40);

/// What has arrived.
#[derive(Debug, Default)]
pub(crate) struct Arrived {
    /// How often each idempotency key came.
    pub(crate) notifications: HashMap<String, u32>,
    /// Subjects in the order of arrival.
    pub(crate) mails: Vec<String>,
    pub(crate) charges: HashMap<i64, u32>,
    pub(crate) faxes: u32,
    pub(crate) alerts: Vec<Alert>,
}

/// One message of Backstay to people.
#[derive(Debug, Clone)]
pub(crate) struct Alert {
    pub(crate) document: Json,
    /// The signature is there and is that of our secret over this very body.
    pub(crate) is_signed: bool,
}

/// The sinks, which live as long as this.
#[derive(Debug)]
pub(crate) struct Sink {
    pub(crate) address: String,
    pub(crate) secret: String,
    arrived: Arc<Shared>,
    serving: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    arrived: Mutex<Arrived>,
    secret: String,
}

impl Sink {
    pub(crate) async fn open() -> Result<Sink> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let secret = uuid::Uuid::new_v4().simple().to_string();
        let arrived = Arc::new(Shared { arrived: Mutex::default(), secret: secret.clone() });
        let serving = tokio::spawn(serve(listener, arrived.clone(), take));
        Ok(Sink { address, secret, arrived, serving })
    }

    /// What has arrived so far; do not hold it over an `await`.
    pub(crate) fn arrived(&self) -> MutexGuard<'_, Arrived> {
        self.arrived.lock()
    }
}

impl Sink {
    /// Whether an alert of this rule came, signed.
    pub(crate) fn has_alert(&self, rule: &str) -> bool {
        self.arrived().alerts.iter().any(|alert| alert.is_signed && alert.document["rule"] == rule)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn take(shared: Arc<Shared>, call: Call) -> Answer {
    if call.path == "/alerts" {
        return alert(&shared, &call);
    }
    let body: Json = serde_json::from_slice(&call.body).unwrap_or_default();
    tokio::time::sleep(SLOW).await;
    let mut arrived = shared.lock();
    match call.path.as_str() {
        "/notifications" => notifications(&mut arrived, &body),
        "/mails" => {
            arrived.mails.push(body["subject"].as_str().unwrap_or_default().to_owned());
            Answer::json(200, &json!({}))
        }
        "/charges" => {
            let seen =
                arrived.charges.entry(body["order"].as_i64().unwrap_or_default()).or_default();
            *seen += 1;
            let status = if *seen <= CHARGE_FAILURES { 503 } else { 200 };
            Answer::json(status, &json!({ "try": *seen }))
        }
        "/faxes" => {
            arrived.faxes += 1;
            Answer::json(410, &json!({ "error": "nobody has this number any more" }))
        }
        _ => Answer::json(404, &json!({})),
    }
}

/// A key that was seen before is the same notification again: nobody gets it twice.
fn notifications(arrived: &mut Arrived, body: &Json) -> Answer {
    let keys = body["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut repeats = 0;
    for key in keys.iter().filter_map(|item| item["key"].as_str()) {
        let seen = arrived.notifications.entry(key.to_owned()).or_default();
        *seen += 1;
        repeats += u32::from(*seen > 1);
    }
    Answer::json(200, &json!({ "repeats": repeats }))
}

fn alert(shared: &Shared, call: &Call) -> Answer {
    let is_signed = call
        .header("backstay-signature")
        .is_some_and(|header| is_ours(&shared.secret, header, &call.body));
    let document = serde_json::from_slice(&call.body).unwrap_or_default();
    shared.lock().alerts.push(Alert { document, is_signed });
    Answer::json(if is_signed { 200 } else { 401 }, &json!({}))
}

/// Checks `t=<unix seconds>,v1=<HMAC-SHA-256 of "t.body" in hex>`, as any receiver would.
fn is_ours(secret: &str, header: &str, body: &[u8]) -> bool {
    let part = |name: &str| {
        header.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
    };
    let (Some(at), Some(signature)) = (part("t"), part("v1")) else { return false };
    signature == sign(secret, at, body)
}

/// The signature of a body at a time.
pub(crate) fn sign(secret: &str, at: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length is a key");
    mac.update(at.as_bytes());
    mac.update(b".");
    mac.update(body);
    hex(&mac.finalize().into_bytes())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_key_over_the_same_body_is_a_signature() {
        let header = format!("t=17,v1={}", sign("k", "17", b"body"));
        assert!(is_ours("k", &header, b"body"));
        assert!(!is_ours("k", &header, b"Body"));
        assert!(!is_ours("other", &header, b"body"));
        assert!(!is_ours("k", &header.replace("17", "18"), b"body"));
        assert!(!is_ours("k", "v1=", b"body"));
    }

    #[test]
    fn a_repeated_key_is_seen() {
        let mut arrived = Arrived::default();
        let body = json!({ "items": [{ "key": "a" }, { "key": "b" }] });
        assert_eq!(notifications(&mut arrived, &body).read()["repeats"], 0);
        assert_eq!(notifications(&mut arrived, &body).read()["repeats"], 2);
        assert_eq!(arrived.notifications.len(), 2);
    }
}
