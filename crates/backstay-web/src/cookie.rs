//! The cookie that holds a session: under which name it is kept, and what a browser may do with it.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

use crate::guard::is_local;

/// Its name where browsers hold it to TLS, to this very host and to all of its paths.
const SECURE: &str = "__Host-backstay";
/// Its name on this machine, where there is no TLS.
const PLAIN: &str = "backstay_session";
/// Seconds that a session lasts.
const LASTS: u32 = 12 * 3600;

/// The session of a request. Two cookies of the name are none: one of them was planted.
pub(crate) fn session(headers: &HeaderMap) -> Option<&str> {
    let name = name(headers);
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs =
        lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut ours = pairs.filter(|(found, _)| *found == name).map(|(_, value)| value);
    match (ours.next(), ours.next()) {
        (Some(session), None) => Some(session),
        _ => None,
    }
}

/// Has the browser keep a session.
pub(crate) fn keep(headers: &HeaderMap, session: &str) -> HeaderValue {
    set(headers, session, LASTS)
}

/// Has the browser forget it.
pub(crate) fn forget(headers: &HeaderMap) -> HeaderValue {
    set(headers, "", 0)
}

fn set(headers: &HeaderMap, session: &str, seconds: u32) -> HeaderValue {
    let name = name(headers);
    let secure = if name == SECURE { "; Secure" } else { "" };
    let text =
        format!("{name}={session}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&text).expect("a session is hexadecimal")
}

/// A request that came through a proxy, or under a name of its own, is one of the network: there it goes by TLS or not at all.
fn name(headers: &HeaderMap) -> &'static str {
    if is_local(headers) { PLAIN } else { SECURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(host: &'static str, cookies: &[&'static str]) -> HeaderMap {
        let mut map = HeaderMap::new();
        map.insert("host", HeaderValue::from_static(host));
        cookies.iter().for_each(|cookie| _ = map.append(COOKIE, HeaderValue::from_static(cookie)));
        map
    }

    #[test]
    fn a_session_is_read_under_the_name_of_its_place_and_only_once() {
        let here = |cookies: &[&'static str]| {
            session(&headers("localhost:7432", cookies)).map(str::to_owned)
        };
        assert_eq!(here(&["a=b; backstay_session=12; c=d"]).as_deref(), Some("12"));
        assert_eq!(here(&["backstay_session=12; backstay_session=34"]), None);
        assert_eq!(here(&["backstay_session=12", "backstay_session=34"]), None);
        assert_eq!(here(&["xbackstay_session=12"]), None);
        let there = |cookie: &'static str| {
            session(&headers("jobs.example.org", &[cookie])).map(str::to_owned)
        };
        assert_eq!(there("backstay_session=12"), None, "any page of the domain can plant it");
        assert_eq!(there("__Host-backstay=12").as_deref(), Some("12"));
    }

    #[test]
    fn a_browser_keeps_it_from_scripts_from_other_sites_and_off_plain_wires() {
        let kept = |host| keep(&headers(host, &[]), "12").to_str().unwrap().to_owned();
        assert_eq!(
            kept("jobs.example.org"),
            "__Host-backstay=12; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure"
        );
        assert!(!kept("127.0.0.1:7432").contains("Secure"));
        let forgotten = forget(&headers("localhost", &[]));
        assert!(forgotten.to_str().unwrap().starts_with("backstay_session=; Path=/; Max-Age=0;"));
    }
}
