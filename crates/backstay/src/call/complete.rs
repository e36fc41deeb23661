//! What a handler does with its own attempt inside a transaction of its own.

use serde::Serialize;
use serde_json::{Map, Value};

use super::caller::{CallError, Caller, Refusal};
use super::text;
use crate::model::job::Fence;

/// Why a verb about one's own attempt was not carried out.
///
/// ```
/// use backstay::{AttemptError, CallError, Refusal};
/// fn may_go_on(error: &AttemptError) -> bool {
///     // Stale: another attempt may be running by now, so nothing of this one may be committed.
///     !matches!(error, AttemptError::Stale(_))
/// }
/// let stale = AttemptError::Stale(Refusal::new("BS201", "attempt 2 no longer holds job 4211"));
/// assert!(!may_go_on(&stale));
/// assert_eq!(AttemptError::from(CallError::unreached("reset")).code(), "BS501");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttemptError {
    /// BS201: this attempt no longer holds its job. Roll back: another attempt may be running.
    #[error("{0}")]
    Stale(Refusal),
    /// BS202: a checkpoint beyond 64 KiB; store the file and keep a reference.
    #[error("{0}")]
    CheckpointTooLarge(Refusal),
    /// BS101, BS102: a value that cannot be stored.
    #[error("{0}")]
    BadOption(Refusal),
    /// The database could not be asked, or failed for a reason of its own.
    #[error("{0}")]
    Database(#[from] CallError),
}

impl AttemptError {
    /// Gives the code, `BS` and three digits, that this failure has at every door.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Stale(_) => "BS201",
            Self::CheckpointTooLarge(_) => "BS202",
            Self::BadOption(refusal) if refusal.sqlstate == "BS101" => "BS101",
            Self::BadOption(_) => "BS102",
            Self::Database(error) => error.code(),
        }
    }

    fn of(error: CallError) -> Self {
        let Some(refusal) = error.refusal().cloned() else { return Self::Database(error) };
        match refusal.sqlstate.as_str() {
            "BS201" => Self::Stale(refusal),
            "BS202" => Self::CheckpointTooLarge(refusal),
            "BS101" | "BS102" | "22P02" | "22P05" => Self::BadOption(refusal),
            _ => Self::Database(error),
        }
    }
}

/// Makes sure that the attempt still holds its job, and keeps it so until the transaction ends.
///
/// No other attempt can start before the commit, so what is written in between is written once.
///
/// # Errors
/// BS201 if the attempt no longer holds the job, BS5xx for the database.
///
/// ```no_run
/// # use sqlx_0_9 as sqlx;
/// # async fn example(pool: sqlx::PgPool, fence: backstay::Fence) -> Result<(), Box<dyn std::error::Error>> {
/// let mut tx = pool.begin().await?;
/// backstay::assert_lease(&mut tx, &fence).await?;
/// sqlx::query("insert into page (n) values (1)").execute(&mut *tx).await?;
/// tx.commit().await?;
/// # Ok(())
/// # }
/// ```
pub async fn assert_lease(db: impl Caller, fence: &Fence) -> Result<(), AttemptError> {
    send(db, text::ASSERT_LEASE, fence, &[]).await
}

/// Notes how far the attempt is, visible with the transaction's commit: 0 to 100, with a note of at most 200 characters.
///
/// # Errors
/// BS201 if the attempt no longer holds the job, BS102 for a percentage out of range, BS5xx.
pub async fn progress(
    db: impl Caller,
    fence: &Fence,
    percent: f32,
    note: Option<&str>,
) -> Result<(), AttemptError> {
    let options: Map<String, Value> =
        note.map(|note| ("note".to_owned(), note.into())).into_iter().collect();
    let options = Value::Object(options).to_string();
    send(db, text::PROGRESS, fence, &[&percent.to_string(), &options]).await
}

/// Saves what the next attempt begins with, together with the rows of the transaction; at most 64 KiB of JSON.
///
/// # Errors
/// BS201 if the attempt no longer holds the job, BS202 for a value that is too large, BS5xx.
pub async fn checkpoint(
    db: impl Caller,
    fence: &Fence,
    value: &impl Serialize,
) -> Result<(), AttemptError> {
    send(db, text::CHECKPOINT, fence, &[&json("checkpoint", value)?]).await
}

/// Ends the job as done together with the transaction's rows: both, or neither. `&()` stands for no output.
///
/// # Errors
/// BS201 if the attempt no longer holds the job: roll back, another attempt may be running. BS5xx.
///
/// ```no_run
/// # use sqlx_0_9 as sqlx;
/// # async fn example(pool: sqlx::PgPool, fence: backstay::Fence) -> Result<(), Box<dyn std::error::Error>> {
/// let mut tx = pool.begin().await?;
/// sqlx::query("insert into ledger (account, cents) values (7, 4200)").execute(&mut *tx).await?;
/// backstay::complete(&mut tx, &fence, &()).await?;
/// tx.commit().await?;
/// # Ok(())
/// # }
/// ```
pub async fn complete(
    db: impl Caller,
    fence: &Fence,
    output: &impl Serialize,
) -> Result<(), AttemptError> {
    let output = json("output", output)?;
    let options =
        if output == "null" { "{}".to_owned() } else { format!("{{\"output\":{output}}}") };
    send(db, text::COMPLETE, fence, &[&options]).await
}

async fn send(
    db: impl Caller,
    text: &'static str,
    fence: &Fence,
    more: &[&str],
) -> Result<(), AttemptError> {
    let (job, attempt) = (fence.job.to_string(), fence.attempt.to_string());
    let worker = fence.worker.to_string();
    let params = [&[job.as_str(), &attempt, &worker], more].concat();
    db.call(text, &params).await.map(drop).map_err(AttemptError::of)
}

fn json(what: &str, value: &impl Serialize) -> Result<String, AttemptError> {
    serde_json::to_string(value).map_err(|e| {
        AttemptError::BadOption(Refusal::new("BS102", format!("the {what} is no JSON: {e}")))
    })
}
