//! Takes or keeps the lead, which saves work and on which nothing depends.

use std::time::Duration;

use uuid::Uuid;

use crate::failpoint::failpoint;
use crate::store::statement::Link;
use crate::store::{StoreError, duty};

/// One round; whether this worker leads now.
pub(crate) async fn tick(link: &Link, me: Uuid, term: Duration) -> Result<bool, StoreError> {
    let is_won = duty::lead(link, me, term).await?;
    failpoint!("lead.after_win", if is_won);
    Ok(is_won)
}
