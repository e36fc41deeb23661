//! `backstay jobs cancel`, `backstay jobs promote`.

use std::time::{Duration, Instant};

use backstay::JobState;
use backstay::inspect::{self, AttemptRecord, JobDocument};
use backstay::operate::{self, Cancelled, Done};
use serde_json::json;

use super::super::connect::of_store;
use super::super::desk::{Desk, both_named, count, nothing_named};
use super::{none_fit, tell};
use crate::args::{CancelArgs, VerbArgs};
use crate::failure::{Exit, Failure};
use crate::print::{Printer, Table};

/// A running job is killed after its grace. Its worker hears of the cancel at once, or with its next beat within 5 s, and
/// says so within another second; longer means that the worker is silent.
const BESIDE_GRACE: Duration = Duration::from_secs(10);
/// The grace where the settings at hand name none.
const GRACE: Duration = Duration::from_secs(10);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(100);

/// The jobs that are meant: those that were named, or those that fit, in states where the verb can act.
pub(super) async fn meant(
    desk: &Desk<'_>,
    args: &VerbArgs,
    states: &[JobState],
) -> Result<Vec<i64>, Failure> {
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

pub(crate) async fn cancel(desk: &Desk<'_>, args: &CancelArgs) -> Result<Exit, Failure> {
    use JobState::{Parked, Ready, Running, Scheduled};
    let ids = meant(desk, &args.which, &[Scheduled, Parked, Ready, Running]).await?;
    if ids.is_empty() {
        return Ok(none_fit(desk));
    }
    let answers = operate::cancel(&desk.database, &ids, args.grace, desk.reason()).await;
    let answers = answers.map_err(|error| of_store(&error))?;
    let ends = answers.into_iter().map(|(id, answer)| End::new(id, answer)).collect();
    let ends = if args.no_wait { ends } else { watch(desk, ends).await? };
    Ok(report(desk.printer, &ends, args))
}

/// What became of one job.
struct End {
    id: i64,
    answer: Cancelled,
    /// As it stood when nobody waited any more.
    job: Option<JobDocument>,
    /// How its process ended, where it had one.
    attempt: Option<AttemptRecord>,
    after: Duration,
}

impl End {
    fn new(id: i64, answer: Cancelled) -> End {
        End { id, answer, job: None, attempt: None, after: Duration::ZERO }
    }
}

/// Waits until what ran is over.
async fn watch(desk: &Desk<'_>, mut ends: Vec<End>) -> Result<Vec<End>, Failure> {
    let begun = Instant::now();
    let grace = desk.settings.queues.iter().map(|queue| queue.grace).max().unwrap_or(GRACE);
    let wait = grace.max(GRACE) + BESIDE_GRACE;
    let runs = |end: &End| {
        end.answer == Cancelled::Cancelling
            && end.job.as_ref().is_none_or(|job| job.state == JobState::Running)
    };
    while begun.elapsed() < wait && ends.iter().any(runs) {
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
    for end in ends.iter_mut().filter(|end| end.job.is_some()) {
        let attempts = inspect::attempts(&desk.database, end.id).await;
        end.attempt = attempts.map_err(|error| of_store(&error))?.pop();
    }
    Ok(ends)
}

fn report(printer: &Printer, ends: &[End], args: &CancelArgs) -> Exit {
    let is_unasked = args.grace.is_some_and(|grace| grace.is_zero());
    if printer.is_json() {
        let items: Vec<_> = ends.iter().map(document).collect();
        printer.json(&json!({ "items": items, "next": null }));
    } else if let ([end], true) = (ends, printer.is_terminal()) {
        let (result, more) = words(end, is_unasked);
        printer.line(format!("job {} {result} {more}", end.id).trim_end());
    } else {
        let mut table = Table::new(&["JOB", "RESULT", ""]);
        for end in ends {
            let (result, more) = words(end, is_unasked);
            table.row([end.id.to_string(), result.to_owned(), more]);
        }
        printer.table(&table);
    }
    let is_told = |end: &End| args.no_wait && end.answer == Cancelled::Cancelling;
    if ends.iter().all(|end| is_cancelled(end) || is_told(end)) {
        Exit::Done
    } else {
        Exit::NotDone
    }
}

fn is_cancelled(end: &End) -> bool {
    end.answer == Cancelled::Cancelled
        || end.job.as_ref().is_some_and(|job| job.state == JobState::Cancelled)
}

fn words(end: &End, is_unasked: bool) -> (&'static str, String) {
    let Some(job) = &end.job else {
        return match end.answer {
            Cancelled::Cancelled => ("cancelled", "it had not begun".into()),
            Cancelled::Cancelling => ("told to stop", "it runs until it has stopped".into()),
            Cancelled::TooLate => ("too late", "it had ended before".into()),
            Cancelled::NotFound => ("not found", "BS301".into()),
            _ => ("not cancelled", String::new()),
        };
    };
    let after = format!("{:.1} s", end.after.as_secs_f32());
    match job.state {
        JobState::Cancelled => {
            ("cancelled", format!("after {after}; {}", how(end.attempt.as_ref(), is_unasked)))
        }
        JobState::Completed => ("completed", "it was done before it heard".into()),
        JobState::Dead => ("dead", job.reason.clone().unwrap_or_default()),
        JobState::Running => (
            "cancelling",
            format!("still running after {after}; is its worker alive? backstay workers list"),
        ),
        _ => ("not cancelled", format!("it is {} again", job.state)),
    }
}

/// How its process came to its end; `is_unasked` where it had no time to stop by itself.
fn how(attempt: Option<&AttemptRecord>, is_unasked: bool) -> String {
    match attempt.map(|attempt| (attempt.signal, attempt.exit_code)) {
        Some((Some(9), _)) if is_unasked => "it was killed at once".into(),
        Some((Some(9), _)) => "it had ignored SIGTERM and was killed".into(),
        Some((Some(15), _)) => "it ended on SIGTERM".into(),
        Some((Some(signal), _)) => format!("it ended by signal {signal}"),
        Some((None, Some(code))) => format!("it ended by itself with exit code {code}"),
        _ => "it stopped when it was asked".into(),
    }
}

fn document(end: &End) -> serde_json::Value {
    let answer = match end.answer {
        Cancelled::Cancelled => "cancelled",
        Cancelled::Cancelling => "cancelling",
        Cancelled::TooLate => "too_late",
        _ => "not_found",
    };
    let after_ms =
        end.job.as_ref().map(|_| u64::try_from(end.after.as_millis()).unwrap_or(u64::MAX));
    json!({
        "id": end.id.to_string(),
        "answer": answer,
        "state": end.job.as_ref().map(|job| job.state),
        "after_ms": after_ms,
        "attempt": end.attempt,
    })
}
