//! Stops a job, finds the holder of a key, shows a job: what an application may do with its own jobs.

use serde::Deserialize;
use serde_json::json;

use super::caller::{CallError, Caller, Refusal, read};
use super::text;
use crate::model::document::JobDocument;

/// What became of a job that was to be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cancelled {
    /// It waited and will not run.
    Cancelled,
    /// It runs; its worker ends it within the grace of its queue.
    Cancelling,
    /// It had ended before.
    TooLate,
    /// There is no such job, or this login may not see it.
    NotFound,
}

/// Why a verb was not carried out.
///
/// ```
/// use backstay::{CallError, OperateError};
/// fn say(error: &OperateError) -> String {
///     match error {
///         OperateError::NotAllowed(_) => "this job is not yours".into(),
///         OperateError::Database(_) => "try again in a moment".into(),
///         other => format!("{}: {other}", other.code()),
///     }
/// }
/// assert_eq!(say(&CallError::unreached("no route").into()), "try again in a moment");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperateError {
    /// BS101, BS102: an option that is unknown, or takes another value.
    #[error("{0}")]
    BadOption(Refusal),
    /// BS108, BS504: this login may not do that.
    #[error("{0}")]
    NotAllowed(Refusal),
    /// The database could not be asked, or failed for a reason of its own.
    #[error("{0}")]
    Database(#[from] CallError),
}

impl OperateError {
    /// Gives the code, `BS` and three digits, that this failure has at every door.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::BadOption(refusal) if refusal.sqlstate == "BS101" => "BS101",
            Self::BadOption(_) => "BS102",
            Self::NotAllowed(refusal) if refusal.sqlstate == "BS108" => "BS108",
            Self::NotAllowed(_) => "BS504",
            Self::Database(error) => error.code(),
        }
    }

    fn of(error: CallError) -> Self {
        match (error.code(), error.refusal().cloned()) {
            ("BS101" | "BS102", Some(refusal)) => Self::BadOption(refusal),
            ("BS108" | "BS504", Some(refusal)) => Self::NotAllowed(refusal),
            _ => Self::Database(error),
        }
    }
}

/// Stops a job for good, wherever it stands; `reason` stays with the job, at most 1 KiB, and may be empty.
///
/// In a transaction it counts with the commit. A running job is told at once, and ends soon after.
///
/// # Errors
/// BS102 for a reason that is too long, BS108 or BS504 without the right, BS5xx for the database.
///
/// # Cancellation
/// May be dropped: what was sent counts if the transaction commits.
///
/// ```no_run
/// # use sqlx_0_9 as sqlx;
/// use backstay::{Cancelled, cancel, find};
///
/// # async fn example(pool: sqlx::PgPool) -> Result<(), Box<dyn std::error::Error>> {
/// let mut tx = pool.begin().await?;
/// if let Some(reminder) = find(&mut tx, "reminder", "order:7").await? {
///     let done = cancel(&mut tx, reminder, "the order was paid").await?;
///     assert_ne!(done, Cancelled::NotFound);
/// }
/// tx.commit().await?;
/// # Ok(())
/// # }
/// ```
pub async fn cancel(db: impl Caller, id: i64, reason: &str) -> Result<Cancelled, OperateError> {
    let options = if reason.is_empty() { json!({}) } else { json!({ "reason": reason }) };
    let answer = db.call(text::CANCEL, &[&id.to_string(), &options.to_string()]).await;
    answer.and_then(|answer| read(&answer)).map_err(OperateError::of)
}

/// Finds the job that holds a unique key of a kind; [`cancel`] shows it at work.
///
/// # Errors
/// BS5xx for the database.
pub async fn find(db: impl Caller, kind: &str, key: &str) -> Result<Option<i64>, OperateError> {
    let answer = db.call(text::FIND, &[kind, key]).await;
    let id: Option<String> = answer.and_then(|answer| read(&answer)).map_err(OperateError::of)?;
    let id = id.map(|id| id.parse()).transpose().map_err(CallError::garbled)?;
    Ok(id)
}

/// Shows a job as it stands now: for "your report is at 40 %".
///
/// # Errors
/// BS5xx for the database.
///
/// ```no_run
/// # async fn example(client: tokio_postgres::Client) -> Result<(), Box<dyn std::error::Error>> {
/// if let Some(job) = backstay::show(&client, 4211).await? {
///     println!("{}: {}", job.kind, job.state);
/// }
/// # Ok(())
/// # }
/// ```
pub async fn show(db: impl Caller, id: i64) -> Result<Option<JobDocument>, OperateError> {
    let answer = db.call(text::SHOW, &[&id.to_string()]).await;
    answer.and_then(|answer| read(&answer)).map_err(OperateError::of)
}
