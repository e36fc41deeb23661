//! The session lock by which the death of a worker is seen within a second.

use super::StoreError;
use super::statement::{Link, Sql, sql};

static TAKE: Sql = sql!("duty/presence", []);

/// Takes a fresh presence number and its lock for the life of this session; none where the session is not ours.
pub(crate) async fn take(link: &Link) -> Result<Option<i32>, StoreError> {
    if !link.is_direct() {
        return Ok(None);
    }
    let row = link.query_one(&TAKE, &[]).await?;
    Ok(row.get::<_, bool>("taken").then(|| row.get("presence")))
}
