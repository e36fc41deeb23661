//! Who did what, when and why, newest first.

use axum::response::Response;
use backstay::inspect::{self, AuditEntry};

use super::frame::{Frame, respond};
use super::text;
use crate::ask::Call;
use crate::problem::Problem;

#[derive(askama::Template)]
#[template(path = "audit.html")]
struct Audit {
    frame: Frame,
    call: Call,
    entries: Vec<AuditEntry>,
    next: Option<String>,
}

pub(super) async fn show(call: Call) -> Result<Response, Problem> {
    let (filter, cursor) = (call.query.audit_filter()?, call.cursor()?);
    let page = inspect::audit(call.pages(), &filter, cursor.as_deref(), call.limit()).await?;
    let next = call.next(page.next);
    let frame = Frame::of(&call, "audit", "Audit");
    respond(&Audit { frame, entries: page.items, next, call })
}
