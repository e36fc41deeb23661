//! What every page has around it: where it is, who looks, and what was just done.

use std::time::SystemTime;

use axum::extract::OriginalUri;
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use backstay::tokens::Scope;

use super::asset;
use super::text::{self, Moment};
use crate::ask::{Call, typed};
use crate::problem::Problem;

/// The pages of the navigation: address, name, and the key that leads there behind `g`.
pub(super) const PLACES: &[(&str, &str, &str)] = &[("", "Overview", "o"), ("jobs", "Jobs", "j")];

/// What the frame of a page is made from.
pub(crate) struct Frame {
    /// What leads from this page to the first: all addresses are relative, so that any prefix before them will do.
    pub(super) base: String,
    /// Which of the places is open.
    pub(super) place: &'static str,
    pub(super) title: String,
    /// Who looks; none for whoever has not said so.
    pub(super) who: Option<String>,
    pub(super) may_operate: bool,
    pub(super) may_admin: bool,
    /// This page itself, from the first page on, for what comes back to it.
    pub(super) here: String,
    pub(super) now: SystemTime,
}

impl Frame {
    pub(super) fn of(call: &Call, place: &'static str, title: impl Into<String>) -> Frame {
        let around = Around::of(&call.parts);
        Frame {
            base: around.base,
            place,
            title: title.into(),
            who: call.caller.person().map(str::to_owned),
            may_operate: call.caller.check(&Scope::Operate).is_ok(),
            may_admin: call.caller.check(&Scope::Admin).is_ok(),
            here: around.here,
            now: SystemTime::now(),
        }
    }

    pub(super) fn places(&self) -> &'static [(&'static str, &'static str, &'static str)] {
        PLACES
    }

    /// Changes with the assets, so that browsers may keep them for ever.
    pub(super) fn version(&self) -> &'static str {
        asset::version()
    }

    /// An instant as markup: how long ago, and exactly on pointing at it. Nothing in it is from outside.
    pub(super) fn time(&self, at: &impl Moment) -> String {
        let at = at.at();
        let (exact, relative) = (text::to_the_second(at), text::relative(at, self.now));
        format!("<time datetime=\"{exact}\" title=\"{exact}\">{relative}</time>")
    }

    /// Where somebody signs in who wants to come back to this page.
    pub(super) fn sign_in(&self) -> String {
        format!("{}login?next={}", self.base, text::encoded(&self.here))
    }
}

/// Where a page is among the others.
pub(crate) struct Around {
    base: String,
    here: String,
}

impl Around {
    pub(crate) fn of(parts: &Parts) -> Around {
        let original = parts.extensions.get::<OriginalUri>().map(|uri| uri.0.path());
        Around { base: base(parts.uri.path(), original), here: here(&parts.uri) }
    }
}

/// What leads to the first page from a path within the router, which a browser may know by a longer one.
fn base(path: &str, original: Option<&str>) -> String {
    if path == "/" {
        // Mounted somewhere, the first page may be asked for without the slash at its end.
        let last = original.unwrap_or("/").rsplit('/').next().unwrap_or("");
        return if last.is_empty() { "./".into() } else { format!("./{last}/") };
    }
    match path.matches('/').count() - 1 {
        0 => "./".into(),
        ups => "../".repeat(ups),
    }
}

fn here(uri: &Uri) -> String {
    let path = uri.path_and_query().map_or("/", |all| all.as_str());
    path.trim_start_matches('/').to_owned()
}

/// A page as it is answered.
pub(super) fn respond(page: &impl askama::Template) -> Result<Response, Problem> {
    let text = page.render().map_err(|error| Problem::new("BS999", error.to_string()))?;
    Ok(typed(StatusCode::OK, HTML, text))
}

pub(super) const HTML: &str = "text/html; charset=utf-8";

/// What went wrong, as a page.
#[derive(askama::Template)]
#[template(path = "problem.html")]
struct Wrong<'a> {
    frame: Frame,
    status: u16,
    code: &'a str,
    detail: &'a str,
    hint: Option<&'a str>,
}

/// Says on a page what went wrong, under the status that it has everywhere.
pub(crate) fn tell(problem: Problem, around: Around) -> Response {
    let frame = Frame {
        base: around.base,
        place: "-",
        title: problem.title().to_owned(),
        who: None,
        may_operate: false,
        may_admin: false,
        here: around.here,
        now: SystemTime::now(),
    };
    let page = Wrong {
        frame,
        status: problem.status_code().as_u16(),
        code: problem.code(),
        detail: problem.detail(),
        hint: problem.remedy(),
    };
    match askama::Template::render(&page) {
        Ok(text) => problem.respond_as(HTML, text),
        Err(_) => problem.respond(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_finds_the_first_one_wherever_it_is_mounted() {
        assert_eq!(base("/", None), "./");
        assert_eq!(base("/", Some("/a/b/")), "./");
        assert_eq!(base("/", Some("/a/b")), "./b/");
        assert_eq!(base("/jobs", Some("/a/b/jobs")), "./");
        assert_eq!(base("/jobs/41", None), "../");
        assert_eq!(base("/dead/groups/ab", None), "../../");
    }
}
