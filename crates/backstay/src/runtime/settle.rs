//! Writes a verdict that its batch could not: alone, then with a note in place of its details; it is never dropped.

use uuid::Uuid;

use crate::model::judge::{Bill, Reason, Verdict};
use crate::store::StoreError;
use crate::store::settle::Settled;
use crate::store::sqlstate::Remedy;
use crate::store::statement::Link;
use crate::store::turn::{self, Turn};

/// Writes one verdict in a transaction of its own.
///
/// What the database refuses to store is replaced by a note; a completion whose jobs cannot be enqueued
/// becomes a failure, and what cannot be written at all is buried as `internal`, which tells somebody.
pub(crate) async fn alone(
    link: &Link,
    worker: Uuid,
    release: &str,
    one: &Settled,
) -> Result<Turn, StoreError> {
    let first = match turn::turn(link, worker, release, std::slice::from_ref(one), &[]).await {
        Err(error) if error.remedy() == Remedy::FailRow => error,
        answer => return answer,
    };
    let plain = plainer(one, &first);
    match turn::turn(link, worker, release, std::slice::from_ref(&plain), &[]).await {
        Err(error) if error.remedy() == Remedy::FailRow => {
            let buried = buried(&plain, &error);
            turn::turn(link, worker, release, std::slice::from_ref(&buried), &[]).await
        }
        answer => answer,
    }
}

/// The same verdict without what may have offended.
fn plainer(one: &Settled, error: &StoreError) -> Settled {
    let mut plain = one.clone();
    let note = format!("the details could not be stored ({})", error.code());
    if let (Verdict::Complete, Some(_)) = (&plain.verdict, &plain.facts.enqueue) {
        // The completion and its jobs come into being together or not at all.
        plain.facts.enqueue = None;
        plain.facts.detail = detail(
            "failed",
            &format!("{}: a job that it enqueued was refused: {error}", error.code()),
        );
        plain.verdict = Verdict::Retry {
            delay: std::time::Duration::from_secs(15),
            bill: Bill::Retry,
            memory: None,
        };
        return plain;
    }
    plain.facts.output =
        plain.facts.output.map(|_| serde_json::json!({ "backstay_note": note }).to_string());
    plain.facts.detail = detail("failed", &note);
    plain.facts.title = note.clone();
    plain.facts.reason = plain.facts.reason.replace('\0', "\u{fffd}");
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
