//! What people and programs look at: the statements of `sql/inspect/`.

use super::StoreError;
use super::database::Database;
use super::statement::{Sql, sql};

static BACKLOG: Sql = sql!("inspect/backlog", [TEXT_ARRAY]);

/// What some queues hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Jobs that run or could run now.
    pub open: i64,
    /// Dead letters.
    pub dead: i64,
}

/// Counts what is left to do in these queues.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn backlog(database: &Database, queues: &[String]) -> Result<Backlog, StoreError> {
    database
        .call(async |link| {
            let row = link.query_one(&BACKLOG, &[&queues]).await?;
            Ok(Backlog { open: row.get("open"), dead: row.get("dead") })
        })
        .await
}
