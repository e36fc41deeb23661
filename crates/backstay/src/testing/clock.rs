//! Moves the clock of a test database: everything that decides by time reads it there.

use std::time::Duration;

use crate::store::StoreError;
use crate::store::database::Database;
use crate::store::statement::millis;
use crate::store::statement::{Sql, sql};

static ADVANCE: Sql = sql!("testing/advance", [INT8]);

/// Moves it forward; BS509 in a database that the kit did not make.
pub(crate) async fn advance(database: &Database, by: Duration) -> Result<(), StoreError> {
    database.call(async |link| link.query(&ADVANCE, &[&millis(by)]).await.map(drop)).await
}
