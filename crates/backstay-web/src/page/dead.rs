//! Dead letters: their groups of the same error, and one group with what can be done about it.

use std::time::{Duration, SystemTime};

use axum::response::Response;
use backstay::JobDocument;
use backstay::inspect::{self, DeadGroup, JobFilter, Page};
use backstay::model::instant::Instant;

use super::frame::{Frame, respond};
use super::text;
use crate::ask::Call;
use crate::problem::Problem;

#[derive(askama::Template)]
#[template(path = "dead.html")]
struct Groups {
    frame: Frame,
    call: Call,
    groups: Vec<DeadGroup>,
    next: Option<String>,
}

#[derive(askama::Template)]
#[template(path = "group.html")]
struct Group {
    frame: Frame,
    group: DeadGroup,
    letters: Vec<JobDocument>,
    next: Option<String>,
    with_args: String,
    /// When the last one died that was looked at, where that was not all.
    looked_to: Option<Instant>,
}

pub(super) async fn groups(call: Call) -> Result<Response, Problem> {
    let (filter, cursor) = (call.query.filter()?, call.cursor()?);
    let page = inspect::dead_groups(call.pages(), &filter, cursor.as_deref(), call.limit()).await?;
    let frame = Frame::of(&call, "dead", "Dead letters");
    let next = call.next(page.next);
    respond(&Groups { frame, groups: page.items, next, call })
}

impl Groups {
    fn is_filtered(&self) -> bool {
        ["kind", "queue", "owner"].into_iter().any(|name| self.call.query.text(name).is_some())
    }
}

pub(super) async fn group(call: Call) -> Result<Response, Problem> {
    let fingerprint = call.part("fingerprint").to_owned();
    let unknown = || {
        Problem::new("BS301", format!("there is no group `{fingerprint}` of dead letters"))
            .hint("all of it may have been revived or discarded")
    };
    let group = inspect::dead_group(call.pages(), &fingerprint).await?.ok_or_else(unknown)?;
    let filter = JobFilter { fingerprint: Some(fingerprint.clone()), ..call.query.filter()? };
    let (cursor, with_args) = (call.cursor()?, call.query.value("with_args"));
    let page = inspect::dead_letters(call.pages(), &filter, false, cursor.as_deref(), call.limit())
        .await?;
    let looked_to = looked_to(&page, call.limit());
    let next = call.next(page.next);
    let frame = Frame::of(&call, "dead", format!("Group {fingerprint}"));
    respond(&Group { frame, group, letters: page.items, next, with_args, looked_to })
}

/// When the last letter died that a page looked at, where it holds less than there may be: its cursor begins with the microsecond.
pub(super) fn looked_to(page: &Page<JobDocument>, limit: u16) -> Option<Instant> {
    let next = page.next.as_deref().filter(|_| page.items.len() < usize::from(limit))?;
    let us = next.split_once(':')?.0.parse().ok()?;
    Instant::try_from(SystemTime::UNIX_EPOCH + Duration::from_micros(us)).ok()
}

impl Group {
    /// Where a verb is done to all letters of the group that pass, after a look at how many they are.
    fn to_all(&self, verb: &str) -> String {
        let mut place = format!(
            "{}bulk/{verb}?fingerprint={}",
            self.frame.base,
            text::encoded(&self.group.fingerprint)
        );
        if !self.with_args.is_empty() {
            place = format!("{place}&with_args={}", text::encoded(&self.with_args));
        }
        format!("{place}&back={}", text::encoded(self.frame.back()))
    }

    fn older(&self, next: &str) -> String {
        let args = match self.with_args.as_str() {
            "" => String::new(),
            args => format!("with_args={}&", text::encoded(args)),
        };
        let group = text::encoded(&self.group.fingerprint);
        format!("{}dead/{group}?{args}cursor={}", self.frame.base, text::encoded(next))
    }
}
