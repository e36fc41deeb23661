//! Dead letters: their groups of the same error, and one group with what can be done about it.

use axum::response::Response;
use backstay::JobDocument;
use backstay::inspect::{self, DeadGroup, JobFilter};

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
        ["kind", "queue"].into_iter().any(|name| self.call.query.text(name).is_some())
    }
}

pub(super) async fn group(call: Call) -> Result<Response, Problem> {
    let fingerprint = call.part("fingerprint").to_owned();
    let unknown = || {
        Problem::new("BS301", format!("there is no group `{fingerprint}` of dead letters"))
            .hint("all of it may have been revived or discarded")
    };
    let group = inspect::dead_group(call.pages(), &fingerprint).await?.ok_or_else(unknown)?;
    let filter = JobFilter { fingerprint: Some(fingerprint.clone()), ..JobFilter::default() };
    let cursor = call.cursor()?;
    let page = inspect::dead_letters(call.pages(), &filter, false, cursor.as_deref(), call.limit())
        .await?;
    let next = call.next(page.next);
    let frame = Frame::of(&call, "dead", format!("Group {fingerprint}"));
    respond(&Group { frame, group, letters: page.items, next })
}
