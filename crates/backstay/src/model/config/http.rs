//! `http` of a kind: the address that handles its jobs, and the key that signs what is sent there.

use super::fault::BAD_VALUE;
use super::form;
use super::key::{Form, Keys, key};
use super::secret::Secret;
use super::section::Section;

const HTTP: Keys = Keys {
    now: &[
        key("url", Form::Text, "", "Where each attempt goes by POST; redirects are not followed"),
        key("secret", Form::Secret, "", "Signs each request, so that the receiver can trust it"),
    ],
    later: &["headers"],
    moved: &[],
};

/// The address that handles the jobs of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpHandler {
    /// Where each attempt goes; `https://` or `http://`, without a login.
    pub url: String,
    /// The key that signs each request; without it they are sent unsigned.
    pub secret: Option<Secret>,
}

/// Reads `http = "https://…"` or `http = { url = "https://…", secret = "…" }`.
pub(super) fn read(section: &Section<'_>) -> Option<HttpHandler> {
    let Some(value) = section.find("http") else {
        section.show("http", None);
        return None;
    };
    let is_table = value.entries().is_some() && form::source(value).is_err();
    if !is_table {
        return Some(HttpHandler { url: read_url(section, "http")?, secret: None });
    }
    let inner = section.inner("http", HTTP);
    if inner.find("url").is_none() {
        inner.missing("url", "give the address that gets each attempt");
    }
    let (url, secret) = (read_url(&inner, "url"), inner.secret("secret"));
    if secret.as_ref().is_some_and(|secret| secret.expose().is_empty()) {
        inner.fault(BAD_VALUE, "secret", "the key that signs the requests is empty");
    }
    Some(HttpHandler { url: url?, secret })
}

fn read_url(section: &Section<'_>, name: &str) -> Option<String> {
    let url = section.text(name)?;
    if let Some(message) = wrong_url(&url) {
        section.fault(BAD_VALUE, name, message);
        return None;
    }
    Some(url)
}

/// What is wrong with an address at first sight; whoever calls it parses the rest.
fn wrong_url(url: &str) -> Option<&'static str> {
    let Some(rest) = ["https://", "http://"].iter().find_map(|way| url.strip_prefix(way)) else {
        return Some("an address starts with https:// or http://");
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Some("an address holds no blanks");
    }
    if host.contains('@') {
        return Some("leave the login out of the address: the receiver can check the signature");
    }
    host.is_empty().then_some("the address names no host")
}
