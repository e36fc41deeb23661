//! Sends attempts to the addresses that handle their kinds: signed, and the answer read within its bound.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use backstay::config::{HttpHandler, Network, Runner, Secret, Settings};
use backstay::model::bounds::PUSH_ANSWER_BYTES;
use backstay::{Push, PushAnswer, PushError, PushRequest, Pushes};
use reqwest::Response;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use rustls::ClientConfig;

use crate::call::{Call, NoAnswer};
use crate::reason::{HandlerError, Reason};
use crate::{sign, tls};

/// From the question for the address of the host to the end of the handshake.
const CONNECT: Duration = Duration::from_secs(5);
/// A connection is used again within a burst of jobs, and not when its server may be about to close it.
const IDLE: Duration = Duration::from_secs(1);
/// The setting that allows inner networks.
const SETTING: &str = "worker.allow_networks";

/// Makes what sends the attempts of every kind whose settings name an address.
///
/// # Errors
///
/// BS402 for each address that makes no sense or may not be called. Nothing is called for that; a
/// name is looked up with each call.
pub fn pushes(settings: &Settings) -> Result<Pushes, Vec<HandlerError>> {
    let (mut pushes, mut errors) = (Pushes::new(), Vec::new());
    let mut tls = None;
    for kind in &settings.kinds {
        let Some(Runner::Http(handler)) = &kind.runner else { continue };
        match Handler::new(handler, &settings.worker.allow_networks, &mut tls) {
            Ok(handler) => drop(pushes.insert(kind.name.clone(), Arc::new(handler))),
            Err(reason) => errors.push(HandlerError { kind: kind.name.clone(), reason }),
        }
    }
    if errors.is_empty() { Ok(pushes) } else { Err(errors) }
}

/// The address of a kind.
struct Handler {
    call: Call,
    secret: Option<Secret>,
}

impl Handler {
    /// `tls` is made with the first handler, since reading the host's authorities takes a while.
    fn new(
        handler: &HttpHandler,
        allowed: &[Network],
        tls: &mut Option<ClientConfig>,
    ) -> Result<Self, Reason> {
        let tls = match tls {
            Some(tls) => tls.clone(),
            none => none.insert(tls::client()?).clone(),
        };
        let headers = own_headers(handler)?;
        let call = Call::new(&handler.url, allowed, SETTING, tls, |client| {
            client.connect_timeout(CONNECT).pool_idle_timeout(IDLE).default_headers(headers)
        })?;
        Ok(Self { call, secret: handler.secret.clone() })
    }

    async fn send(&self, request: &PushRequest) -> Result<PushAnswer, NoAnswer> {
        let mut headers = request.headers.clone();
        if let Some(secret) = &self.secret {
            let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
            headers.push((sign::HEADER, sign::sign(secret.expose(), now, &request.body)));
        }
        read(self.call.post(request.body.clone(), &headers).await?).await
    }
}

/// The headers of the settings; none of ours is among them, and where one was, ours would go out.
fn own_headers(handler: &HttpHandler) -> Result<HeaderMap, Reason> {
    let mut headers = HeaderMap::new();
    for (name, text) in &handler.headers {
        let wrong = || Reason::Header(name.clone());
        let name = HeaderName::try_from(name).map_err(|_| wrong())?;
        let mut value = HeaderValue::try_from(text.expose()).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

async fn read(mut answer: Response) -> Result<PushAnswer, NoAnswer> {
    let status = answer.status().as_u16();
    let retry_after = answer.headers().get(RETRY_AFTER);
    let retry_after = retry_after.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (mut body, mut is_cut) = (Vec::new(), false);
    while let Some(chunk) = answer.chunk().await? {
        let room = PUSH_ANSWER_BYTES - body.len();
        is_cut = chunk.len() > room;
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if is_cut {
            break;
        }
    }
    Ok(PushAnswer { status, retry_after, body, is_cut })
}

impl Push for Handler {
    fn push<'a>(
        &'a self,
        request: &'a PushRequest,
    ) -> Pin<Box<dyn Future<Output = Result<PushAnswer, PushError>> + Send + 'a>> {
        Box::pin(async {
            self.send(request).await.map_err(|why| PushError::new(format!("no answer: {why}")))
        })
    }
}
