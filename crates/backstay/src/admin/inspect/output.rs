//! What jobs print: what is kept of it, and the wish to see it while it comes.

use crate::model::printed::{self, PrintedLine};
use crate::store::StoreError;
use crate::store::database::Database;
use crate::store::inspect as store;
use crate::store::operate;

/// Parts of one answer of [`output`]: with 64 KiB a part at most 1 MiB of text.
pub const PARTS_MOST: usize = 16;

/// A part of what an attempt printed, as it was stored.
///
/// ```
/// use backstay::inspect::{OutputPart, PrintedLine, Stream};
///
/// fn show(part: &OutputPart) {
///     for PrintedLine { stream, text, .. } in &part.lines {
///         let mark = if *stream == Stream::Err { "!" } else { " " };
///         println!("{}{mark} {text}", part.attempt);
///     }
/// }
/// # let _ = show;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutputPart {
    /// Which attempt, from 1.
    pub attempt: i32,
    /// Its number within the attempt, from 1.
    pub part: i32,
    /// The attempt has ended, and this is the end of its output.
    pub last: bool,
    /// The lines in it.
    pub lines: Vec<PrintedLine>,
}

/// Reads what is kept of a job's output behind the part `after` (attempt and number; `(0, 0)` for all), of one attempt or
/// of all in their order; at most [`PARTS_MOST`] parts. Secrets are blanked.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn output(
    database: &Database,
    id: i64,
    after: (i32, i32),
    attempt: Option<i32>,
) -> Result<Vec<OutputPart>, StoreError> {
    let parts = store::output(database, id, after, attempt, PARTS_MOST).await?;
    let read = |part: store::StoredPart| OutputPart {
        lines: printed::read(part.attempt, &part.text).collect(),
        attempt: part.attempt,
        part: part.part,
        last: part.last,
    };
    Ok(parts.into_iter().map(read).collect())
}

/// Says that somebody looks at what a job prints: for 30 s its worker stores that once a second, where [`output`] finds it.
/// To go on looking, say it again every 10 s. False when the job has ended, or never was.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn follow(database: &Database, id: i64) -> Result<bool, StoreError> {
    operate::tail(database, id).await
}
