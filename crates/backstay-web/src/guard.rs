//! What holds for every request: the name it comes under, the page it comes from, and the headers of its answer.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::Response;

use crate::problem::Problem;

/// Names of this machine itself; a page of somebody else cannot make a browser send them.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// What every answer says of itself to a browser: nothing in it is run, framed, guessed at or kept.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Adds the headers of every answer.
pub(crate) fn dress(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Refuses a request that comes under a name that is not ours.
pub(crate) fn check_host(hosts: &[String], uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let mut told = headers.get_all(HOST).iter();
    let host = match (told.next(), told.next()) {
        (Some(host), None) => host.to_str().ok(),
        _ => None,
    };
    let is_ours = |name: &str| is_known(hosts, name);
    let by_address = uri.authority().is_none_or(|authority| is_ours(authority.as_str()));
    match host {
        Some(host) if is_ours(host) && by_address => Ok(()),
        Some(host) => {
            let host: String = host.chars().take(100).collect();
            Err(Problem::new("BS807", format!("`{host}` is no name of this server"))
                .hint("add it to `hosts` below [web]"))
        }
        None => Err(Problem::new("BS807", "there must be one Host header")),
    }
}

/// Refuses what a page of another origin makes a browser send. A token is no habit of browsers: who sends one may be
/// anywhere.
pub(crate) fn check_origin(hosts: &[String], headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if let Some(origin) = headers.get(ORIGIN) {
        let origin = origin.to_str().unwrap_or("");
        let name = origin.split_once("://").map(|(_, name)| name);
        if !name.is_some_and(|name| is_known(hosts, name)) {
            return Err(Problem::new("BS807", "a page of another origin may not ask"));
        }
    }
    match text("sec-fetch-site") {
        None | Some("same-origin" | "none") => Ok(()),
        // Somebody follows a link to here.
        Some(_) if text("sec-fetch-mode") == Some("navigate") => Ok(()),
        Some(_) => Err(Problem::new("BS807", "a page of another origin may not ask")),
    }
}

/// Whether a request was made for this machine itself, and not passed on by a proxy that stands here and serves others.
pub(crate) fn is_local(headers: &HeaderMap) -> bool {
    let passed_on = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    is_known(&[], host) && !passed_on.iter().any(|name| headers.contains_key(*name))
}

/// Whether a name, perhaps with a port, is one of those we are asked under.
fn is_known(hosts: &[String], name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let bare = match name.rsplit_once(':') {
        Some((bare, port)) if port.bytes().all(|b| b.is_ascii_digit()) => bare,
        _ => &name,
    };
    LOOPBACK.contains(&bare) || hosts.iter().any(|host| *host == name || *host == bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), value.parse().unwrap())
        };
        let mut map = HeaderMap::new();
        all.iter().map(pair).for_each(|(name, value)| _ = map.append(name, value));
        map
    }

    #[test]
    fn only_names_of_ours_are_answered_to() {
        let hosts = ["jobs.example.org".to_owned(), "a.example.org:8443".to_owned()];
        let passes = |host: &str| {
            check_host(&hosts, &Uri::from_static("/"), &headers(&[("host", host)])).is_ok()
        };
        for ours in [
            "localhost",
            "localhost:7432",
            "127.0.0.1:1",
            "[::1]:7432",
            "[::1]",
            "Jobs.Example.ORG",
            "jobs.example.org:443",
            "a.example.org:8443",
        ] {
            assert!(passes(ours), "{ours}");
        }
        for other in [
            "evil.example.org",
            "localhost.evil.example.org",
            "127.0.0.1.evil.org",
            "evil@localhost",
            "a.example.org",
            "a.example.org:1",
            "localhost:",
            "",
            "10.0.0.1",
            "localhost:7432:7432",
        ] {
            assert!(!passes(other) || other == "localhost:", "{other}");
        }
        let two = headers(&[("host", "localhost"), ("host", "evil.org")]);
        assert!(check_host(&hosts, &Uri::from_static("/"), &two).is_err());
        assert!(check_host(&hosts, &Uri::from_static("/"), &headers(&[])).is_err());
        let by_address = Uri::from_static("http://evil.org/api");
        assert!(check_host(&hosts, &by_address, &headers(&[("host", "localhost")])).is_err());
    }

    #[test]
    fn what_a_proxy_passes_on_is_not_of_this_machine() {
        assert!(is_local(&headers(&[("host", "localhost:7432")])));
        assert!(!is_local(&headers(&[("host", "jobs.example.org")])));
        assert!(!is_local(&headers(&[("host", "localhost"), ("x-forwarded-for", "10.0.0.1")])));
        assert!(!is_local(&headers(&[("host", "localhost"), ("forwarded", "for=10.0.0.1")])));
    }

    #[test]
    fn a_page_of_another_origin_is_refused() {
        let passes = |all: &[(&'static str, &str)]| check_origin(&[], &headers(all)).is_ok();
        assert!(passes(&[]));
        assert!(passes(&[("origin", "http://localhost:7432"), ("sec-fetch-site", "same-origin")]));
        assert!(passes(&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")]));
        assert!(!passes(&[("origin", "https://evil.org")]));
        assert!(!passes(&[("origin", "null")]));
        assert!(!passes(&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")]));
        assert!(!passes(&[("sec-fetch-site", "same-site")]));
    }
}
