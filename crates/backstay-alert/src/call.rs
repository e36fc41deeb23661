//! A POST of JSON, to addresses that may be called and nowhere else.

use backstay::config::Network;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Response, Url};
use rustls::ClientConfig;

use crate::address::{Reach, Refused};
use crate::reason::{Reason, causes};

/// Calls one address. What it says of failures never holds the address, which may be a credential.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    client: Client,
    url: Url,
    reach: Reach,
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("{}", causes(.0))]
    Failed(reqwest::Error),
}

impl From<reqwest::Error> for NoAnswer {
    fn from(error: reqwest::Error) -> Self {
        Self::Failed(error.without_url())
    }
}

impl Call {
    /// Prepares the calls of one address; `setting` is where the networks of `allowed` are written.
    pub(crate) fn new(
        url: &str,
        allowed: &[Network],
        setting: &'static str,
        tls: ClientConfig,
        bounded: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Result<Self, Reason> {
        let url = Url::parse(url).map_err(|error| Reason::Url(error.to_string()))?;
        let reach = match url.scheme() {
            "https" => Reach::public(allowed, setting),
            "http" if allowed.is_empty() => return Err(Reason::Plain(setting)),
            "http" => Reach::inner(allowed, setting),
            other => return Err(Reason::Url(format!("`{other}` is neither http nor https"))),
        };
        reach.check_literal(&url)?;
        // A proxy of the environment would carry the call past the check of addresses, and so would a
        // redirect.
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(reach.clone())
            .no_proxy()
            .redirect(Policy::none())
            .user_agent(concat!("backstay/", env!("CARGO_PKG_VERSION")));
        let client = bounded(client)
            .build()
            .map_err(|error| Reason::Client(causes(&error.without_url())))?;
        Ok(Self { client, url, reach })
    }

    /// Sends a body, and waits for the head of the answer.
    pub(crate) async fn post(
        &self,
        body: Vec<u8>,
        headers: &[(&'static str, String)],
    ) -> Result<Response, NoAnswer> {
        self.reach.check_literal(&self.url)?;
        let mut request = self.client.post(self.url.clone()).body(body);
        request = request.header(CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        Ok(request.send().await?)
    }
}
