//! `backstay jobs cancel`, `backstay jobs promote`.

use std::time::{Duration, Instant};

use backstay::JobState;
use backstay::inspect::{self, JobDocument};
use backstay::operate::{self, Cancelled, Done};
use serde_json::json;

use super::super::connect::of_store;
use super::super::desk::{Desk, both_named, count, nothing_named};
use super::{none_fit, tell};
use crate::args::VerbArgs;
use crate::failure::{Exit, Failure};
use crate::print::{Printer, Table};

/// A running job is given its grace (10 s unless set otherwise) and is then killed; longer means that its worker is silent.
const WAIT: Duration = Duration::from_secs(60);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(200);

/// The jobs that are meant: those that were named, or those that fit, in states where the verb can act.
async fn meant(desk: &Desk<'_>, args: &VerbArgs, states: &[JobState]) -> Result<Vec<i64>, Failure> {
    let mut filter = args.filter.read()?;
    match (args.ids.is_empty(), filter.is_empty()) {
        (true, true) => return Err(nothing_named()),
        (false, false) => return Err(both_named()),
        (false, true) => return Ok(args.ids.clone()),
        (true, false) => filter.states = states.to_vec(),
    }
    let ids = inspect::job_ids(&desk.database, &filter).await.map_err(|error| of_store(&error))?;
    if !ids.is_empty() {
        desk.confirm(ids.len(), &count(ids.len(), "job"), args.many.expect)?;
    }
    Ok(ids)
}

pub(crate) async fn promote(desk: &Desk<'_>, args: &VerbArgs) -> Result<Exit, Failure> {
    let ids = meant(desk, args, &[JobState::Scheduled]).await?;
    if ids.is_empty() {
        return Ok(none_fit(desk));
    }
    let done = operate::promote(&desk.database, &ids, desk.reason()).await;
    let done: Done = done.map_err(|error| of_store(&error))?;
    let sentence = format!("{} promoted", count(usize::try_from(done.count).unwrap_or(0), "job"));
    Ok(tell(desk, &done, &sentence))
}

pub(crate) async fn cancel(desk: &Desk<'_>, args: &VerbArgs) -> Result<Exit, Failure> {
    use JobState::{Parked, Ready, Running, Scheduled};
    let ids = meant(desk, args, &[Scheduled, Parked, Ready, Running]).await?;
    if ids.is_empty() {
        return Ok(none_fit(desk));
    }
    let answers = operate::cancel(&desk.database, &ids, desk.reason()).await;
    let answers = answers.map_err(|error| of_store(&error))?;
    let ends = watch(desk, answers).await?;
    Ok(report(desk.printer, &ends))
}

/// What became of one job.
struct End {
    id: i64,
    answer: Cancelled,
    /// As it stood when nobody waited any more.
    job: Option<JobDocument>,
    after: Duration,
}

/// Waits until what ran is over.
async fn watch(desk: &Desk<'_>, answers: Vec<(i64, Cancelled)>) -> Result<Vec<End>, Failure> {
    let begun = Instant::now();
    let mut ends: Vec<End> = answers
        .into_iter()
        .map(|(id, answer)| End { id, answer, job: None, after: Duration::ZERO })
        .collect();
    let runs = |end: &End| {
        end.answer == Cancelled::Cancelling
            && end.job.as_ref().is_none_or(|job| job.state == JobState::Running)
    };
    while begun.elapsed() < WAIT && ends.iter().any(runs) {
        for end in ends.iter_mut().filter(|end| runs(end)) {
            end.job = backstay::show(&desk.database, end.id).await.map_err(|error| {
                Failure::new("BS501", "the job was told to stop; what became of it is not known")
                    .because(&error)
            })?;
            end.after = begun.elapsed();
            if end.job.is_none() {
                end.answer = Cancelled::TooLate;
            }
        }
        let left = ends.iter().filter(|end| runs(end)).count();
        if left > 0 {
            desk.printer.status(&format!("{} told to stop ...", count(left, "running job")));
            tokio::time::sleep(LOOK).await;
        }
    }
    desk.printer.status("");
    Ok(ends)
}

fn report(printer: &Printer, ends: &[End]) -> Exit {
    if printer.is_json() {
        let items: Vec<_> = ends.iter().map(document).collect();
        printer.json(&json!({ "items": items, "next": null }));
    } else {
        let mut table = Table::new(&["JOB", "RESULT", ""]);
        for end in ends {
            let (result, more) = words(end);
            table.row([end.id.to_string(), result.to_owned(), more]);
        }
        printer.table(&table);
    }
    if ends.iter().all(is_cancelled) { Exit::Done } else { Exit::NotDone }
}

fn is_cancelled(end: &End) -> bool {
    end.answer == Cancelled::Cancelled
        || end.job.as_ref().is_some_and(|job| job.state == JobState::Cancelled)
}

fn words(end: &End) -> (&'static str, String) {
    let Some(job) = &end.job else {
        return match end.answer {
            Cancelled::Cancelled => ("cancelled", "it had not begun".into()),
            Cancelled::TooLate => ("too late", "it had ended before".into()),
            Cancelled::NotFound => ("not found", "BS301".into()),
            _ => ("cancelling", String::new()),
        };
    };
    let after = format!("{:.1} s", end.after.as_secs_f32());
    match job.state {
        JobState::Cancelled => ("cancelled", format!("it ran; stopped within {after}")),
        JobState::Completed => ("completed", "it was done before it heard".into()),
        JobState::Dead => ("dead", job.reason.clone().unwrap_or_default()),
        JobState::Running => (
            "cancelling",
            format!("still running after {after}; is its worker alive? backstay workers list"),
        ),
        _ => ("not cancelled", format!("it is {} again", job.state)),
    }
}

fn document(end: &End) -> serde_json::Value {
    let answer = match end.answer {
        Cancelled::Cancelled => "cancelled",
        Cancelled::Cancelling => "cancelling",
        Cancelled::TooLate => "too_late",
        _ => "not_found",
    };
    json!({ "id": end.id.to_string(), "answer": answer, "state": end.job.as_ref().map(|job| job.state) })
}
