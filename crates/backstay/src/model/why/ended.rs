//! What is over, and what never was.

use super::facts::Letter;
use super::{Facts, Reason, Why, brief, instant};
use crate::model::document::JobDocument;
use crate::model::state::State;

pub(super) fn unknown(facts: &Facts) -> Why {
    let Some(last) = &facts.last else {
        return Why {
            remedy: Some("what there is: backstay jobs list".into()),
            ..Why::of(
                Reason::NoSuchJob,
                "no such job is known: its enqueue was never committed, it is another database's, or it \
                 ended and is past its retention",
            )
        };
    };
    let text = format!(
        "it has ended and is past its retention; its last attempt that is kept, number {}, came to {} {} ago",
        last.attempt,
        last.outcome,
        facts.ago(last.ended_at)
    );
    Why { since: Some(last.ended_at), ..Why::of(Reason::Pruned, text) }
}

pub(super) fn why(job: &JobDocument, facts: &Facts) -> Why {
    let at = instant(job.finished_at);
    let ago = at.map(|at| format!(" {} ago", facts.ago(at))).unwrap_or_default();
    let why = match (job.state, job.reason.as_deref()) {
        (State::Completed, _) => {
            Why::of(Reason::Completed, format!("completed{ago}, by attempt {}", job.attempt))
        }
        (State::Cancelled, Some("expired")) => {
            Why::of(Reason::Expired, format!("it expired{ago}, before it could start"))
        }
        (State::Cancelled, reason) => {
            let reason = reason.map(|reason| format!(": {}", brief(reason))).unwrap_or_default();
            Why::of(Reason::Cancelled, format!("cancelled{ago}{reason}"))
        }
        _ => dead(job, facts.letter.as_ref(), &ago),
    };
    Why { since: at, ..why }
}

fn dead(job: &JobDocument, letter: Option<&Letter>, ago: &str) -> Why {
    let Some(letter) = letter else { return Why::of(Reason::Dead, format!("dead{ago}")) };
    // A title begins with the reason.
    let mut text = format!("dead{ago}: {} (group {}", brief(&letter.title), letter.fingerprint);
    if letter.state == "acknowledged" || letter.state == "muted" {
        text += &format!(", {}", letter.state);
        text += &letter.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        text += &letter.note.as_ref().map(|note| format!(": {}", brief(note))).unwrap_or_default();
    }
    text.push(')');
    let id = job.id;
    let remedy = if letter.discarded_at.is_some() {
        let by = letter.discarded_by.as_deref().unwrap_or("somebody");
        text += &format!(", and discarded by {by}");
        format!("to have it back: backstay dead restore {id}")
    } else {
        format!("when what was wrong is mended: backstay dead revive {id}")
    };
    Why { remedy: Some(remedy), ..Why::of(Reason::Dead, text) }
}
