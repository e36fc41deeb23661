//! What is in the hands of a worker: it runs, waits there for memory, is to be stopped, or its worker is gone.

use super::{Facts, Reason, Why, brief};
use crate::model::document::JobDocument;
use crate::model::status::WorkerStatus;
use crate::model::unit::format_size;

pub(super) fn why(job: &JobDocument, facts: &Facts) -> Why {
    let has_it = |worker: &&WorkerStatus| Some(&worker.id) == job.worker.as_ref();
    let worker = facts.workers.iter().find(has_it);
    let why = match worker {
        Some(worker) if matches!(worker.state.as_str(), "live" | "draining") => {
            let cancelling = || facts.cancel.as_ref().map(|_| cancelling(facts, worker));
            let in_hand = || in_hand(job, worker);
            cancelling().or_else(in_hand).unwrap_or_else(|| at_work(job, facts, worker))
        }
        silent => return lost(facts, silent),
    };
    Why { since: facts.since, ..why }
}

fn lost(facts: &Facts, worker: Option<&WorkerStatus>) -> Why {
    let text = match worker {
        Some(worker) => format!(
            "its worker on {} has been silent for {}; another takes the job over",
            worker.host,
            facts.ago(worker.beat_at)
        ),
        None => "its worker is not known any more; another takes the job over".into(),
    };
    let is_any = facts.workers.iter().any(|worker| worker.state == "live");
    let remedy =
        if is_any { "backstay workers list" } else { "no worker lives, start one: backstay work" };
    Why {
        since: worker.map(|worker| worker.beat_at),
        remedy: Some(remedy.into()),
        ..Why::of(Reason::Lost, text)
    }
}

fn cancelling(facts: &Facts, worker: &WorkerStatus) -> Why {
    let mut text = format!("it runs on {} and is told to stop", worker.host);
    if let Some(cancel) = &facts.cancel {
        text += &cancel.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        text += &cancel.reason.as_ref().map(|why| format!(": {}", brief(why))).unwrap_or_default();
    }
    Why::of(Reason::Cancelling, text)
}

fn in_hand(job: &JobDocument, worker: &WorkerStatus) -> Option<Why> {
    let needs = worker.admission.in_hand.get(&job.id.to_string())?;
    let text = format!(
        "waiting for memory: needs {}, free {}",
        format_size(*needs),
        format_size(worker.admission.memory_free)
    );
    Some(Why { remedy: Some("backstay top".into()), ..Why::of(Reason::InHand, text) })
}

fn at_work(job: &JobDocument, facts: &Facts, worker: &WorkerStatus) -> Why {
    let mut text = format!("attempt {} runs on {}", job.attempt, worker.host);
    text += &facts.since.map(|at| format!(" for {}", facts.ago(at))).unwrap_or_default();
    if let Some(progress) = &job.progress {
        text += &progress.percent.map(|percent| format!(", {percent} %")).unwrap_or_default();
        text += &progress.note.as_ref().map(|it| format!(", {}", brief(it))).unwrap_or_default();
    }
    let remedy = format!("what it prints: backstay tail {} -f", job.id);
    Why { remedy: Some(remedy), ..Why::of(Reason::Running, text) }
}
