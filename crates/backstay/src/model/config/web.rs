//! `[web]`: where the HTTP API is, under which names it is asked, and who may ask.

use std::net::{Ipv4Addr, SocketAddr};

use super::fault::NOT_CLOSED;
use super::form;
use super::key::{Form, Keys, key};
use super::section::Section;

pub(super) const KEYS: Keys = Keys {
    now: &[
        key(
            "listen",
            Form::Text,
            "\"127.0.0.1:7432\"",
            "Address and port; one that others can reach needs auth = \"token\"",
        ),
        key(
            "hosts",
            Form::Texts,
            "[]",
            "Names under which it is asked, such as \"jobs.example.org\"; those of this machine need not be named",
        ),
        key(
            "auth",
            Form::Words(&["loopback", "token"]),
            "\"loopback\"",
            "Who may ask: loopback lets whoever is on this machine look without a token; token asks everybody for one",
        ),
        key(
            "read_only",
            Form::Switch,
            "false",
            "Nobody changes anything here, whatever their token allows elsewhere",
        ),
        key("work", Form::Switch, "false", "`backstay work` serves it, too"),
        key(
            "metrics",
            Form::Text,
            "",
            "Address and port at which each `backstay work` has its own figures and probes, without a token",
        ),
    ],
    later: &["base_path"],
    moved: &[],
};

/// Most names of one server.
const HOSTS: usize = 32;

/// Where the HTTP API is, and who may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSettings {
    /// Where it listens \[127.0.0.1:7432\].
    pub listen: SocketAddr,
    /// Names under which it is asked beside those of this machine, in small letters, perhaps with a port \[none\].
    pub hosts: Vec<String>,
    /// Who may ask \[loopback\].
    pub auth: WebAuth,
    /// Whether nobody changes anything here \[no\].
    pub read_only: bool,
    /// Whether a worker serves it, too \[no\].
    pub work: bool,
    /// Where a worker has its own figures and probes \[nowhere\].
    pub metrics: Option<SocketAddr>,
}

/// Who may ask the HTTP API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WebAuth {
    /// Whoever is on this machine may look; what changes something needs a token.
    #[default]
    Loopback,
    /// Everybody needs a token.
    Token,
}

pub(super) fn read(section: &Section<'_>) -> WebSettings {
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 7432));
    let address = |key: &str| {
        section.take(key, |_, value| {
            let text = value.as_text()?;
            text.parse().map_err(|_| {
                format!("`{text}` is no address with a port: write 127.0.0.1:7432 or [::1]:7432")
            })
        })
    };
    let (listen, metrics) = (address("listen"), address("metrics"));
    let hosts = section.take("hosts", |_, value| {
        let names = form::texts(value)?;
        if names.len() > HOSTS {
            return Err(format!("{} names, at most {HOSTS}", names.len()));
        }
        names.iter().map(|name| host(name)).collect::<Result<Vec<String>, String>>()
    });
    let settings = WebSettings {
        listen: listen.unwrap_or(here),
        hosts: hosts.unwrap_or_default(),
        auth: match section.word("auth") {
            Some("token") => WebAuth::Token,
            _ => WebAuth::Loopback,
        },
        read_only: section.switch("read_only"),
        work: section.switch("work"),
        metrics,
    };
    if settings.auth == WebAuth::Loopback && !settings.listen.ip().is_loopback() {
        let open = "others can reach this address, and nobody would be asked for a token: \
                    write auth = \"token\", and make one with `backstay tokens create`";
        section.fault(NOT_CLOSED, "listen", open);
    }
    settings
}

/// A name as it stands in a Host header.
fn host(text: &str) -> Result<String, String> {
    let name = text.to_ascii_lowercase();
    let (bare, port) = match name.rsplit_once(':') {
        Some((bare, port)) if !bare.ends_with(':') && !bare.contains(':') => (bare, Some(port)),
        _ => (name.as_str(), None),
    };
    let is_name = (1..=253).contains(&bare.len())
        && bare.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
    if is_name && port.is_none_or(|port| port.parse::<u16>().is_ok()) {
        return Ok(name);
    }
    Err(format!("`{text}` is no name of a host: write it like jobs.example.org, without https://"))
}
