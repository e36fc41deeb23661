//! Counts how much memory attempts had at their most, so that people can be told which limit fits a kind.

use crate::model::peak;
use crate::store::statement::Link;
use crate::store::{StoreError, duty};

/// Attempts of one round that completed, and that did not: of a faster minute the rest is not counted.
const ROWS: i32 = 50_000;

/// One round.
pub(crate) async fn tick(link: &Link) -> Result<(), StoreError> {
    duty::peaks(link, &peak::bounds_kib(), ROWS).await.map(drop)
}
