//! Takes or keeps the lead, which saves work and on which nothing depends.

use std::time::Duration;

use uuid::Uuid;

use crate::store::statement::Link;
use crate::store::{StoreError, duty};

/// One round: the term is three beats long.
pub(crate) async fn tick(link: &Link, me: Uuid, term: Duration) -> Result<(), StoreError> {
    duty::lead(link, me, term).await.map(drop)
}
