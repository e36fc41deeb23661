//! What was counted over time.

use crate::model::series::{Series, SeriesName, SeriesRange};
use crate::store::StoreError;
use crate::store::database::Database;
use crate::store::inspect as store;

/// Shows figures over time, of one queue or kind where that is asked for. They come from lines that workers wrote as they worked, about 10 s
/// ago; no job is looked at. What a killed worker counted in its last seconds is missing. Of what stood where, nobody knows the kinds.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn series(
    database: &Database,
    name: SeriesName,
    range: SeriesRange,
    queue: Option<&str>,
    kind: Option<&str>,
) -> Result<Series, StoreError> {
    store::series(database, name, range, queue, kind).await
}
