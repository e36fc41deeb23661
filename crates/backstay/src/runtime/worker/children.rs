//! The children of a queue: how many all its programs have together, and what becomes of them, as events.

use backstay_isolate::{ChildNews, PoolSet};

use crate::model::config::QueueSettings;
use crate::model::event::{self, Event};
use crate::model::figures::Figures;
use crate::runtime::figures::Tally;

/// The pools of one queue, which have no more children together than it has slots.
pub(crate) fn set(queue: &QueueSettings, tally: Tally) -> PoolSet {
    let name = queue.name.clone();
    PoolSet::new(usize::from(queue.slots), move |news| {
        tally.note(|figures| count(figures, &name, &news));
        if let Some(event) = event_of(name.clone(), news) {
            event::emit(&event);
        }
    })
}

fn count(figures: &mut Figures, queue: &str, news: &ChildNews) {
    match news {
        ChildNews::Started { .. } => figures.child_started(queue),
        ChildNews::Ready { took, .. } => figures.child_ready(queue, *took),
        ChildNews::Killed { reason, .. } => figures.child_killed(queue, reason),
        _ => {}
    }
}

fn event_of(queue: String, news: ChildNews) -> Option<Event> {
    Some(match news {
        ChildNews::Started { pid } => Event::ChildStarted { queue, pid },
        ChildNews::Ready { pid, took } => Event::ChildReady { queue, pid, took },
        ChildNews::Recycled { pid, cause } => {
            Event::ChildRecycled { queue, pid, reason: cause.to_string() }
        }
        ChildNews::Killed { pid, job, reason } => {
            Event::ChildKilled { queue, pid, job: number(&job), reason: reason.to_owned() }
        }
        ChildNews::BrokeRule { pid, code, detail } => {
            Event::ChildProtocolError { queue, pid, code, error: detail }
        }
        ChildNews::StrayOutput { pid, bytes } => {
            Event::ChildStrayOutput { queue, pid, count: bytes }
        }
        ChildNews::DirtyExit { pid, job, how } => {
            Event::ChildDirtyExit { queue, pid, job: number(&job), reason: how }
        }
        ChildNews::Ended { pid, how } => Event::ChildEnded { queue, pid, reason: how },
        _ => return None,
    })
}

/// Ids of jobs are numbers that children get as text.
fn number(job: &str) -> i64 {
    job.parse().unwrap_or(0)
}
