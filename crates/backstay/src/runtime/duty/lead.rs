//! Takes or keeps the lead, which saves work and on which nothing depends.

use std::time::Duration;

use uuid::Uuid;

use crate::store::statement::Link;
use crate::store::{StoreError, duty};

/// One round; whether this worker leads now.
pub(crate) async fn tick(link: &Link, me: Uuid, term: Duration) -> Result<bool, StoreError> {
    duty::lead(link, me, term).await
}
