//! What every page has around it: where it is, who looks, and what was just done.

use std::time::SystemTime;

use axum::http::StatusCode;
use axum::response::Response;
use backstay::tokens::Scope;

use super::act;
use super::around::Around;
use super::text::{self, Moment};
use crate::ask::{Call, HTML, typed};
use crate::asset;
use crate::problem::Problem;
use crate::query::Query;

/// The pages of the navigation: address, name, and the key that leads there behind `g`.
pub(super) const PLACES: &[(&str, &str, &str)] = &[
    ("", "Overview", "o"),
    ("jobs", "Jobs", "j"),
    ("dead", "Dead letters", "d"),
    ("queues", "Queues", "q"),
    ("kinds", "Kinds", "k"),
    ("cron", "Schedules", "s"),
    ("workers", "Workers", "w"),
    ("alerts", "Alerts", "a"),
    ("audit", "Audit", "u"),
];

/// What the frame of a page is made from.
pub(crate) struct Frame {
    /// What leads from this page to the first: all addresses are relative, so that any prefix before them will do.
    pub(super) base: String,
    /// Which of the places is open.
    pub(super) place: &'static str,
    pub(super) title: String,
    /// Who looks; none for whoever has not said so.
    pub(super) who: Option<String>,
    /// Whether there is more to see than the audit.
    pub(super) may_read: bool,
    pub(super) may_operate: bool,
    pub(super) may_admin: bool,
    /// This page itself, from the first page on, for what comes back to it.
    pub(super) here: String,
    pub(super) now: SystemTime,
    /// What was just done, by a form that led here.
    pub(super) did: Option<String>,
}

impl Frame {
    pub(super) fn of(call: &Call, place: &'static str, title: impl Into<String>) -> Frame {
        let around = Around::of(&call.parts);
        Frame {
            base: around.base,
            place,
            title: title.into(),
            who: call.caller.person().map(str::to_owned),
            may_read: call.caller.check(&Scope::Read).is_ok(),
            may_operate: call.caller.check(&Scope::Operate).is_ok(),
            may_admin: call.caller.check(&Scope::Admin).is_ok(),
            here: around.here,
            now: SystemTime::now(),
            did: act::told(call.parts.uri.query().unwrap_or("")),
        }
    }

    /// The pages that lead on from here; an auditor has one.
    pub(super) fn places(&self) -> &'static [(&'static str, &'static str, &'static str)] {
        if self.may_read { PLACES } else { &PLACES[PLACES.len() - 1..] }
    }

    /// Changes with the assets, so that browsers may keep them for ever.
    pub(super) fn version(&self) -> &'static str {
        asset::version()
    }

    /// The address of this page's list without some fields of its filter, and with another.
    pub(super) fn list(
        &self,
        query: &Query,
        without: &[&str],
        with: Option<(&str, &str)>,
    ) -> String {
        let kept = query.pairs().iter().filter(|(name, _)| !without.contains(name));
        let kept = kept.map(|(name, value)| (*name, value.as_str()));
        let pairs =
            kept.chain(with).map(|(name, value)| format!("{name}={}", text::encoded(value)));
        let pairs: Vec<String> = pairs.collect();
        let mark = if pairs.is_empty() { "" } else { "?" };
        format!("{}{}{mark}{}", self.base, self.place, pairs.join("&"))
    }

    /// This page itself, without what stands behind its question mark.
    pub(super) fn bare(&self) -> &str {
        self.here.split('?').next().unwrap_or_default()
    }

    /// Where this list goes on.
    pub(super) fn older(&self, query: &Query, next: &str) -> String {
        self.list(query, &["cursor"], Some(("cursor", next)))
    }

    /// An instant as markup: how long ago, and exactly on pointing at it. Nothing in it is from outside.
    pub(super) fn time(&self, at: &impl Moment) -> String {
        let at = at.at();
        let (exact, relative) = (text::to_the_second(at), text::relative(at, self.now));
        format!("<time datetime=\"{exact}\" title=\"{exact}\">{relative}</time>")
    }

    /// This page for what leads away from it and back; only its place where it is too long for an address.
    pub(super) fn back(&self) -> &str {
        if self.here.len() <= 1_000 { &self.here } else { self.place }
    }

    /// Where somebody signs in who wants to come back to this page.
    pub(super) fn sign_in(&self) -> String {
        format!("{}login?next={}", self.base, text::encoded(&self.here))
    }
}

/// A page as it is answered.
pub(super) fn respond(page: &impl askama::Template) -> Result<Response, Problem> {
    let text = page.render().map_err(|error| Problem::new("BS999", error.to_string()))?;
    Ok(typed(StatusCode::OK, HTML, text))
}

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
pub(crate) fn tell(problem: Problem, around: Around, may_read: bool) -> Response {
    let frame = Frame {
        base: around.base,
        place: "-",
        title: problem.title().to_owned(),
        // It may not be known; the page behind this link knows.
        who: (problem.status_code() != StatusCode::UNAUTHORIZED).then(|| "Account".into()),
        may_read,
        may_operate: false,
        may_admin: false,
        here: around.here,
        now: SystemTime::now(),
        did: None,
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
