//! Ends what has expired, and forgets what is past its keep; what has not ended is never touched.

use std::time::Duration;

use crate::failpoint::failpoint;
use crate::model::config::{Keep, Retention};
use crate::store::statement::Link;
use crate::store::{StoreError, duty};

const ROWS: i32 = 1000;
/// Statements of one round, so that other duties get their turn.
const ROUNDS: usize = 20;

/// Ends waiting jobs whose time to start is over.
pub(crate) async fn expired(link: &Link) -> Result<(), StoreError> {
    for _ in 0..ROUNDS {
        if duty::expired(link, ROWS).await?.len() < 1000 {
            break;
        }
    }
    for _ in 0..ROUNDS {
        if duty::expired_keys(link, ROWS).await? < i64::from(ROWS) {
            break;
        }
    }
    Ok(())
}

/// One round.
pub(crate) async fn tick(link: &Link, retention: &Retention) -> Result<(), StoreError> {
    failpoint!("prune.before_send");
    duty::prune(link, ROWS).await?;
    let dead: Option<Duration> = match retention.dead {
        Keep::Forever => None,
        Keep::For(keep) => Some(keep),
    };
    duty::prune_dead(link, ROWS, dead).await?;
    for _ in 0..ROUNDS {
        if duty::prune_history(link, ROWS, retention).await? < i64::from(ROWS) {
            break;
        }
    }
    for _ in 0..ROUNDS {
        if duty::prune_figures(link, ROWS, retention.figures).await? < i64::from(ROWS) {
            break;
        }
    }
    duty::partitions(link, retention).await
}
