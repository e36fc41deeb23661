//! `/login` and `/logout`: a person shows a token once, and the browser keeps a session in place of it.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::{get, post};
use backstay::sessions::{self, Role};
use backstay::tokens::TokenHolder;

use crate::ask::{HTML, Peer, Service, is_ours, see, typed};
use crate::asset;
use crate::cookie;
use crate::form::Form;
use crate::guard::{check_host, check_own_page, dress_page};
use crate::problem::Problem;
use crate::query::{decoded, encoded};

/// The paths with their methods.
pub(crate) const PATHS: [(&str, &[&str]); 2] =
    [("/login", &["GET", "POST"]), ("/logout", &["POST"])];

/// The first page.
const FIRST: &str = "./";

/// Adds them; whoever may come to the server may see them.
pub(crate) fn routes(router: Router, service: &Arc<Service>) -> Router {
    let (show, enter, leave) = (Arc::clone(service), Arc::clone(service), Arc::clone(service));
    let show = move |request: Request| async move { page_of(show_form(&show, request).await, "") };
    let enter = move |request: Request| async move {
        let next = next_of(request.uri().query().unwrap_or(""));
        page_of(sign_in(&enter, request).await, &next)
    };
    let leave = move |request: Request| async move { page_of(sign_out(&leave, request).await, "") };
    router.route("/login", get(show).post(enter)).route("/logout", post(leave))
}

/// What went wrong is said on the page itself, under the status that it has everywhere.
fn page_of(answered: Result<Response, Problem>, next: &str) -> Response {
    dress_page(answered.unwrap_or_else(|problem| {
        // Without a page there is the problem itself.
        match form(next, Some(problem.detail())) {
            Ok(page) => problem.respond_as(HTML, page),
            Err(_) => problem.respond(),
        }
    }))
}

async fn show_form(service: &Service, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    check_host(&service.options.hosts, &parts.uri, &parts.headers)?;
    let person = match cookie::session(&parts.headers) {
        Some(session) => sessions::person(&service.pages, session).await?,
        None => None,
    };
    let page = match person {
        Some(person) => signed_in(&person)?,
        None => form(&next_of(parts.uri.query().unwrap_or("")), None)?,
    };
    Ok(typed(StatusCode::OK, HTML, page))
}

async fn sign_in(service: &Service, request: Request) -> Result<Response, Problem> {
    let (parts, stream) = request.into_parts();
    check_host(&service.options.hosts, &parts.uri, &parts.headers)?;
    // Otherwise a page of somebody else could sign people in as whom it likes, and see what they do.
    check_own_page(&parts.headers)?;
    let sent = Form::receive(&parts, stream).await?;
    let (token, peer) = (sent.text("token").trim(), peer(&parts));
    let gate = service.gate();
    gate.check_patience(Some(token), peer)?;
    let address = peer.map_or_else(|| "an unknown address".into(), |peer| peer.to_string());
    let acting = service.database.on_behalf("web sign-in");
    let Some(begun) = sessions::sign_in(&acting, token, &address).await? else {
        gate.note_wrong(peer);
        return Err(Problem::new("BS801", "this token is unknown, has expired or was revoked"));
    };
    let next = next_of(parts.uri.query().unwrap_or(""));
    let mut response = see(if next == FIRST { home(&begun.person) } else { &next });
    let cookie = cookie::keep(&parts.headers, begun.session.expose());
    response.headers_mut().insert(SET_COOKIE, cookie);
    Ok(response)
}

async fn sign_out(service: &Service, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    check_host(&service.options.hosts, &parts.uri, &parts.headers)?;
    check_own_page(&parts.headers)?;
    if let Some(session) = cookie::session(&parts.headers) {
        sessions::sign_out(&service.database.on_behalf("web sign-out"), session).await?;
    }
    let mut response = see("login");
    response.headers_mut().insert(SET_COOKIE, cookie::forget(&parts.headers));
    Ok(response)
}

fn peer(parts: &Parts) -> Option<std::net::IpAddr> {
    parts.extensions.get::<Peer>().map(|peer| peer.0.ip())
}

/// The page that somebody who has signed in begins with: an auditor may see no other.
fn home(person: &TokenHolder) -> &'static str {
    if Role::of(&person.scopes) == Some(Role::Auditor) { "./audit" } else { FIRST }
}

/// Where somebody goes after signing in: a page of this server, which a link of somebody else cannot change into another.
fn next_of(query: &str) -> String {
    let next = query.split('&').find_map(|pair| pair.strip_prefix("next="));
    let next = next.and_then(|next| decoded(next).ok()).unwrap_or_default();
    let is_place = !next.is_empty() && next.len() <= 2_000 && is_ours(&next);
    if is_place { next } else { FIRST.into() }
}

/// The page, for somebody who has signed in and for who has not.
#[derive(askama::Template)]
#[template(path = "login.html")]
struct Login<'a> {
    title: &'a str,
    next: &'a str,
    wrong: Option<&'a str>,
    person: Option<&'a TokenHolder>,
    role: String,
    home: &'static str,
}

fn form(next: &str, wrong: Option<&str>) -> Result<String, Problem> {
    let next = encoded(next);
    let (role, person) = (String::new(), None);
    text(&Login { title: "Sign in", next: &next, wrong, person, role, home: FIRST })
}

fn signed_in(person: &TokenHolder) -> Result<String, Problem> {
    let role = Role::of(&person.scopes).map_or_else(String::new, |role| format!(" ({role})"));
    let home = home(person);
    text(&Login { title: "Signed in", next: "", wrong: None, person: Some(person), role, home })
}

fn text(page: &Login<'_>) -> Result<String, Problem> {
    page.render().map_err(|error| Problem::new("BS999", error.to_string()))
}

impl Login<'_> {
    fn version(&self) -> &'static str {
        asset::version()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_signing_in_nobody_lands_elsewhere() {
        for (query, place) in [
            ("", "./"),
            ("next=", "./"),
            ("next=jobs/41%3Fa=1", "jobs/41?a=1"),
            ("a=b&next=queues", "queues"),
            ("next=https://evil.org", "./"),
            ("next=https%3A%2F%2Fevil.org", "./"),
            ("next=//evil.org", "./"),
            ("next=/%2Fevil.org", "./"),
            ("next=%5C%5Cevil.org", "./"),
            ("next=javascript:alert(1)", "./"),
            ("next=a%0d%0aSet-Cookie:b", "./"),
            ("next=a%20b", "./"),
            ("next=%zz", "./"),
        ] {
            assert_eq!(next_of(query), place, "{query}");
        }
    }

    #[test]
    fn nothing_that_is_shown_is_markup() {
        let page = form("\"><script>", Some("<b>'&")).unwrap();
        assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");
        assert!(
            page.contains("&lt;b&gt;&#39;&amp;") && page.contains("login?next=%22%3E%3Cscript%3E")
        );
    }
}
