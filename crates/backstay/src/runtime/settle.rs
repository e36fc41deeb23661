//! Writes a verdict that its batch could not: alone, then with a note in place of its details; it is never dropped.

use uuid::Uuid;

use crate::model::judge::{Bill, Reason, Verdict};
use crate::store::StoreError;
use crate::store::settle::Settled;
use crate::store::sqlstate::Remedy;
use crate::store::statement::Link;
use crate::store::turn::{self, Turn};

/// What became of one verdict.
pub(crate) enum Alone {
    /// It is written.
    Written(Turn),
    /// It is a completion whose jobs the database refuses, so it is none; why.
    JobsRefused(String),
    /// The database refuses it in every form, also as a burial; why.
    Refused(StoreError),
}

/// Writes one verdict in a transaction of its own.
///
/// What the database refuses to store is replaced by a note, and what cannot be written at all is buried as
/// `internal`, which tells somebody. What cannot even be buried comes back, to be kept and tried again.
pub(crate) async fn alone(
    link: &Link,
    worker: Uuid,
    release: &str,
    one: &Settled,
) -> Result<Alone, StoreError> {
    let write = async |settled: &Settled| {
        turn::turn(link, worker, release, std::slice::from_ref(settled), &[]).await
    };
    let first = match write(one).await {
        Err(error) if error.remedy() == Remedy::FailRow => error,
        answer => return answer.map(Alone::Written),
    };
    let plain = plainer(one, &first);
    let second = match write(&plain).await {
        Err(error) if error.remedy() == Remedy::FailRow => error,
        answer => return answer.map(Alone::Written),
    };
    // It was not the output, so it is the jobs.
    if one.facts.enqueue.is_some() {
        return Ok(Alone::JobsRefused(refusal(&second)));
    }
    match write(&buried(&plain, &second)).await {
        Err(error) if error.remedy() == Remedy::FailRow => Ok(Alone::Refused(error)),
        answer => answer.map(Alone::Written),
    }
}

fn refusal(error: &StoreError) -> String {
    let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
    format!("{}: a job that it enqueued was refused: {error}{hint}", error.code())
}

/// The same verdict without what may have offended.
fn plainer(one: &Settled, error: &StoreError) -> Settled {
    let mut plain = one.clone();
    let note = format!("the details could not be stored ({})", error.code());
    plain.facts.output =
        plain.facts.output.map(|_| serde_json::json!({ "backstay_note": note }).to_string());
    plain.facts.detail = detail("failed", &note);
    plain.facts.title = note.clone();
    plain.facts.reason = plain.facts.reason.replace('\0', "\u{fffd}").into();
    plain
}

fn buried(one: &Settled, error: &StoreError) -> Settled {
    let mut buried = one.clone();
    let message = format!("the verdict could not be stored ({}): {error}", error.code());
    buried.facts.detail = detail("failed", &message);
    buried.facts.fingerprint = "internal".to_owned();
    buried.facts.title = "the verdict could not be stored".to_owned();
    buried.verdict = Verdict::Bury { reason: Reason::Internal, bill: Bill::Nothing };
    buried
}

fn detail(outcome: &str, message: &str) -> String {
    let message = crate::model::bounds::clip(message, crate::model::bounds::ERROR_MESSAGE_BYTES);
    serde_json::json!({ "outcome": outcome, "message": message, "late": false, "survivor": false, "suspect": false })
        .to_string()
}
