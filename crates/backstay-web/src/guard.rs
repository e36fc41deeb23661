//! What holds for every request: the name it comes under, the page it comes from, and the headers of its answer.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
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

/// What of it differs in a page for people. With `no-referrer` a browser would say `Origin: null` of the forms in it.
const OF_PAGES: [(HeaderName, &str); 2] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (REFERRER_POLICY, "same-origin"),
];

/// Adds the headers of a page for people.
pub(crate) fn dress_page(response: Response) -> Response {
    let mut response = dress(response);
    for (name, value) in OF_PAGES {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

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
pub(crate) fn check_origin(
    hosts: &[String],
    method: &Method,
    headers: &HeaderMap,
) -> Result<(), Problem> {
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
        Some(_) if method.is_safe() && text("sec-fetch-mode") == Some("navigate") => Ok(()),
        Some(_) => Err(Problem::new("BS807", "a page of another origin may not ask")),
    }
}

/// Refuses what does not come from a page of this very server, as browsers vouch for it; what they do not say counts as refused. It
/// holds for all that changes something by a habit of browsers, such as a cookie.
pub(crate) fn check_own_page(headers: &HeaderMap) -> Result<(), Problem> {
    let one = |name: HeaderName| {
        let mut all = headers.get_all(name).iter();
        match (all.next(), all.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    };
    let site = one(HeaderName::from_static("sec-fetch-site"));
    let origin = one(ORIGIN).and_then(|origin| {
        origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"))
    });
    let is_ours = match (origin, one(HOST)) {
        (Some(origin), Some(host)) => origin.eq_ignore_ascii_case(host),
        _ => false,
    };
    if is_ours && matches!(site, Some("same-origin" | "none")) {
        return Ok(());
    }
    Err(Problem::new("BS807", "what changes something must come from a page of this server")
        .hint("a program sends a token: Authorization: Bearer bst_..."))
}

/// Whether a browser says where a request comes from.
pub(crate) fn is_of_browser(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site")
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
        let passes =
            |all: &[(&'static str, &str)]| check_origin(&[], &Method::GET, &headers(all)).is_ok();
        assert!(passes(&[]));
        assert!(passes(&[("origin", "http://localhost:7432"), ("sec-fetch-site", "same-origin")]));
        assert!(passes(&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")]));
        assert!(!passes(&[("origin", "https://evil.org")]));
        assert!(!passes(&[("origin", "null")]));
        assert!(!passes(&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")]));
        assert!(!passes(&[("sec-fetch-site", "same-site")]));
    }

    #[test]
    fn what_changes_something_by_a_cookie_comes_from_a_page_of_this_very_server() {
        let passes = |origin: &str, site: &str| {
            let all = [("host", "localhost:7432"), ("origin", origin), ("sec-fetch-site", site)];
            let told: Vec<(&'static str, &str)> =
                all.into_iter().filter(|(_, value)| !value.is_empty()).collect();
            check_own_page(&headers(&told)).is_ok()
        };
        assert!(passes("http://localhost:7432", "same-origin"));
        assert!(passes("https://LOCALHOST:7432", "none"));
        for (origin, site) in [
            ("", ""),
            ("http://localhost:7432", ""),
            ("", "same-origin"),
            ("null", "same-origin"),
            ("http://localhost:3000", "same-site"),
            ("http://localhost:3000", "same-origin"),
            ("http://localhost", "same-origin"),
            ("http://localhost:7432", "cross-site"),
            ("https://evil.org", "cross-site"),
            ("http://localhost:7432.evil.org", "same-origin"),
            ("localhost:7432", "same-origin"),
        ] {
            assert!(!passes(origin, site), "{origin} {site}");
        }
        let posts =
            |all: &[(&'static str, &str)]| check_origin(&[], &Method::POST, &headers(all)).is_ok();
        assert!(!posts(&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")]));
    }
}
