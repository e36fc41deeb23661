//! Tokens of the HTTP API: the statements that make, find and end them.

use serde::Deserialize;

use super::StoreError;
use super::database::Database;
use super::inspect::{documents, look};
use super::operate::verb;
use super::statement::{Sql, sql};
use crate::model::instant::Instant;
use crate::model::status::{Done, TokenHolder, TokenStatus};

static CREATE_TOKEN: Sql = sql!("call/create_token", [TEXT, TEXT, TEXT]);
static REVOKE_TOKEN: Sql = sql!("call/revoke_token", [TEXT, TEXT]);
static KNOW_TOKEN: Sql = sql!("call/know_token", [TEXT, TEXT]);
static LIST_TOKENS: Sql = sql!("inspect/list_tokens", []);

/// What the database says of a token that was made.
#[derive(Debug, Deserialize)]
pub(crate) struct Known {
    pub(crate) expires_at: Instant,
}

/// Makes a token known by its hash; as much of it as may be shown.
pub(crate) async fn create(
    database: &Database,
    id: &str,
    hash: &str,
    options: &str,
) -> Result<Known, StoreError> {
    verb(database, &CREATE_TOKEN, &[id, hash, options]).await
}

/// Ends a token.
pub(crate) async fn revoke(
    database: &Database,
    id: &str,
    options: &str,
) -> Result<Done, StoreError> {
    verb(database, &REVOKE_TOKEN, &[id, options]).await
}

/// Who holds a token; none where it opens nothing.
pub(crate) async fn know(
    database: &Database,
    id: &str,
    hash: &str,
) -> Result<Option<TokenHolder>, StoreError> {
    verb(database, &KNOW_TOKEN, &[id, hash]).await
}

/// Tokens, the youngest first; at most 1,000.
pub(crate) async fn list(database: &Database) -> Result<Vec<TokenStatus>, StoreError> {
    look(database, async |link| documents(&link.query(&LIST_TOKENS, &[]).await?)).await
}
