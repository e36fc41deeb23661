//! Parks what may not or cannot start, and brings back what may again: paused kinds, kinds that nobody knows.

use std::time::Duration;

use crate::store::statement::Link;
use crate::store::{StoreError, duty};

const ROWS: i32 = 1000;
/// What no live worker can take stands in line for a minute before it is put aside.
const UNKNOWN_AFTER: Duration = Duration::from_secs(60);

/// One round.
pub(crate) async fn tick(link: &Link) -> Result<(), StoreError> {
    duty::park_paused(link, ROWS).await?;
    duty::park_unknown(link, ROWS, UNKNOWN_AFTER).await?;
    if duty::admit_kinds(link, ROWS).await? > 0 {
        duty::wake(link).await?;
    }
    Ok(())
}
