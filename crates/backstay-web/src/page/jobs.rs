//! The list of jobs with its filter.

use axum::response::Response;
use backstay::inspect;
use backstay::{JobDocument, JobState};

use super::frame::{Frame, respond};
use super::text;
use crate::ask::Call;
use crate::problem::Problem;

/// Fields of the filter that stand in a part of their own, since they are rarely used.
const RARE: [(&str, &str); 7] = [
    ("tag", "a word of its tags"),
    ("unique", "its unique key"),
    ("limit_key", "its limit key"),
    ("worker", "the id of its worker"),
    ("outcome", "failed, timed_out, memory_limit …"),
    ("since", "90m, or 2026-11-23T09:00:00Z"),
    ("before", "90m, or 2026-11-23T09:00:00Z"),
];

#[derive(askama::Template)]
#[template(path = "jobs.html")]
struct Jobs {
    frame: Frame,
    call: Call,
    items: Vec<JobDocument>,
    next: Option<String>,
    /// The id down to which was looked, where that was not all.
    looked_to: Option<String>,
}

pub(super) async fn show(call: Call) -> Result<Response, Problem> {
    let (filter, cursor) = (call.query.filter()?, call.cursor()?);
    let page = inspect::jobs(call.pages(), &filter, cursor.as_deref(), call.limit()).await?;
    let frame = Frame::of(&call, "jobs", "Jobs");
    let is_short = page.items.len() < usize::from(call.limit());
    let looked_to = page.next.clone().filter(|_| is_short);
    let next = call.next(page.next);
    respond(&Jobs { frame, items: page.items, next, looked_to, call })
}

impl Jobs {
    fn states(&self) -> [JobState; 7] {
        JobState::ALL
    }

    fn is_state(&self, state: &JobState) -> bool {
        self.call.query.texts("state") == [state.as_str()]
    }

    fn is_any_state(&self) -> bool {
        self.call.query.texts("state").is_empty()
    }

    fn rare(&self) -> [(&'static str, &'static str); 7] {
        RARE
    }

    fn has_rare(&self) -> bool {
        RARE.iter().any(|(name, _)| self.call.query.text(name).is_some())
    }

    fn is_filtered(&self) -> bool {
        self.call.query.pairs().iter().any(|(name, _)| !["limit", "cursor"].contains(name))
    }

    /// Whether it says which jobs are meant, in whatever state: then something can be done to all of them.
    fn is_narrow(&self) -> bool {
        let rest = ["state", "limit", "cursor"];
        self.call.query.pairs().iter().any(|(name, _)| !rest.contains(name))
    }

    /// This list in another state; in all of them where that is empty.
    fn in_state(&self, state: &str) -> String {
        self.address(&["state", "cursor"], (!state.is_empty()).then_some(("state", state)))
    }

    /// Where a verb is done to all that pass this filter, after a look at how many they are.
    fn to_all(&self, verb: &str) -> String {
        let list = self.address(&["state", "cursor", "limit"], None);
        let query = list.split_once('?').map_or("", |(_, query)| query);
        let back = text::encoded(self.frame.back());
        format!("{}bulk/{verb}?{query}&back={back}", self.frame.base)
    }

    /// The address of this list without some fields, and with another.
    fn address(&self, without: &[&str], with: Option<(&str, &str)>) -> String {
        self.frame.list(&self.call.query, without, with)
    }
}

/// What a list says of a job in a few words: its error, its reason, how far it is.
fn remark(job: &JobDocument) -> String {
    let percent = job.progress.as_ref().and_then(|progress| progress.percent);
    let error = job.error.as_ref().and_then(|error| error.message.as_deref());
    match (percent, error, &job.reason) {
        (Some(percent), ..) if job.state == JobState::Running => format!("{percent:.0} %"),
        (_, Some(error), _) if job.state != JobState::Completed => text::brief(error, 90),
        (_, _, Some(reason)) => text::brief(reason, 90),
        _ => String::new(),
    }
}
