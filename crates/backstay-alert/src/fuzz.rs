//! What the fuzzer feeds: addresses that are called, and those of mails.

use std::net::IpAddr;
use std::sync::LazyLock;

use backstay::config::{Network, Secret};
use rustls::ClientConfig;

use crate::call::Call;
use crate::email::Email;
use crate::tls;

static TLS: LazyLock<ClientConfig> =
    LazyLock::new(|| tls::client().expect("it needs nothing but this process"));

/// An address and the networks that are allowed, one a line. What is accepted is public, or allowed by name.
pub fn call_url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (url, networks) = text.split_once('\n').unwrap_or((text, ""));
    let networks: Vec<Network> = networks.lines().filter_map(|line| line.parse().ok()).collect();
    if Call::new(url, &networks, "worker.allow_networks", TLS.clone(), |client| client).is_err() {
        return;
    }
    let url = reqwest::Url::parse(url).expect("it was accepted");
    assert!(["http", "https"].contains(&url.scheme()), "{url}");
    let host = url.host_str().unwrap_or_default();
    let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() else { return };
    let is_inner = match address {
        IpAddr::V4(v4) => {
            v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_unspecified()
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unspecified() || v6.is_unicast_link_local(),
    };
    let is_allowed = networks.iter().any(|network| network.contains(address));
    assert!(is_allowed || !is_inner && url.scheme() == "https", "{url} would be called");
}

/// Sender, receiver and server of mails, one a line.
pub fn mail_address(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.splitn(3, '\n');
    let (from, to) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let smtp = Secret::new(lines.next().unwrap_or_default().to_owned());
    if let Err(reason) = Email::new(&[to.to_owned()], from, &smtp) {
        assert!(!reason.to_string().contains('\n'), "{reason}");
    }
}

#[cfg(test)]
mod tests {
    use crate::replay::replay;

    #[test]
    fn whatever_was_fed_to_the_readers_of_addresses_is_read_without_harm() {
        replay("call_url", super::call_url);
        replay("mail_address", super::mail_address);
    }
}
