//! `http` of a kind: the address that handles its jobs, and the key that signs what is sent there.

use super::fault::BAD_VALUE;
use super::form;
use super::key::{Form, Keys, key};
use super::secret::Secret;
use super::section::{self, Section};
use super::value::{Shape, quoted};
use crate::model::bounds;

const HTTP: Keys = Keys {
    now: &[
        key("url", Form::Text, "", "Where each attempt goes by POST; redirects are not followed"),
        key("secret", Form::Secret, "", "Signs each request, so that the receiver can trust it"),
        key(
            "headers",
            Form::Other("{ NAME = text, or { env } or { file } }"),
            "",
            "Sent with each request beside ours, such as a token that the receiver asks for",
        ),
    ],
    later: &[],
    moved: &[],
};

/// The address that handles the jobs of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpHandler {
    /// Where each attempt goes; `https://` or `http://`, without a login.
    pub url: String,
    /// The key that signs each request; without it they are sent unsigned.
    pub secret: Option<Secret>,
    /// Headers that go with each request beside ours: at most 20, none of them twice.
    pub headers: Vec<(String, Secret)>,
}

/// What is not the user's to set: what we send, and what belongs to the connection.
const TAKEN: [&str; 19] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "http2-settings",
    "idempotency-key",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];
/// What our own headers begin with.
const OURS: &str = "backstay-";

/// Reads `http = "https://…"` or `http = { url = "https://…", secret = "…", headers = { … } }`.
pub(super) fn read(section: &Section<'_>) -> Option<HttpHandler> {
    let Some(value) = section.find("http") else {
        section.show("http", None);
        return None;
    };
    let is_table = value.entries().is_some() && form::source(value).is_err();
    if !is_table {
        let url = read_url(section, "http")?;
        return Some(HttpHandler { url, secret: None, headers: Vec::new() });
    }
    let inner = section.inner("http", HTTP);
    if inner.find("url").is_none() {
        inner.missing("url", "give the address that gets each attempt");
    }
    let (url, secret) = (read_url(&inner, "url"), inner.secret("secret"));
    if secret.as_ref().is_some_and(|secret| secret.expose().is_empty()) {
        inner.fault(BAD_VALUE, "secret", "the key that signs the requests is empty");
    }
    let headers = read_headers(&inner);
    Some(HttpHandler { url: url?, secret, headers })
}

fn read_headers(section: &Section<'_>) -> Vec<(String, Secret)> {
    let mut headers: Vec<(String, Secret)> = Vec::new();
    for (name, value) in section.entries("headers") {
        if let Some(message) = wrong_name(name) {
            section.fault_at("headers", name, value, message);
            continue;
        }
        if headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
            section.fault_at("headers", name, value, "is there twice: names have no case here");
            continue;
        }
        let path = section::join(&section.at("headers"), name);
        let Some(text) = section.follow(value, &path) else { continue };
        if let Some(message) = wrong_text(&text) {
            section.fault_at("headers", name, value, message);
            continue;
        }
        // Any of them may be what opens the receiver's door.
        let shown = match &value.shape {
            Shape::Text(_) => quoted("***"),
            _ => value.to_string(),
        };
        section.show_entry("headers", name, shown, &value.origin);
        headers.push((name.to_owned(), Secret::new(text)));
    }
    if headers.len() > bounds::PUSH_HEADERS {
        let message = format!("{} headers, at most {}", headers.len(), bounds::PUSH_HEADERS);
        section.fault(BAD_VALUE, "headers", message);
    }
    headers
}

fn wrong_name(name: &str) -> Option<String> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || name.len() > 128 || !name.chars().all(is_token) {
        return Some("cannot be the name of a header: letters, digits and `-`, at most 128".into());
    }
    let lower = name.to_ascii_lowercase();
    let is_taken = TAKEN.contains(&lower.as_str()) || lower.starts_with(OURS);
    is_taken.then(|| "is not yours to set: it goes with each request as it must".into())
}

/// What is wrong with the value of a header, which may be a secret.
fn wrong_text(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some("the value is empty".into());
    }
    if text.len() > bounds::PUSH_HEADER_BYTES {
        let (length, most) = (text.len(), bounds::PUSH_HEADER_BYTES);
        return Some(format!("the value has {length} bytes, at most {most}"));
    }
    let is_plain = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    (!is_plain).then(|| {
        "the value is no plain text of one line: ASCII without control characters is wanted".into()
    })
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
