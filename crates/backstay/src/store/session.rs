//! Sessions of people: the statements that begin, find and end them.

use super::StoreError;
use super::database::Database;
use super::operate::verb;
use super::statement::{Sql, sql};
use crate::model::status::TokenHolder;

static SIGN_IN: Sql = sql!("call/sign_in", [TEXT, TEXT, TEXT, TEXT]);
static KNOW_SESSION: Sql = sql!("call/know_session", [TEXT]);
static SIGN_OUT: Sql = sql!("call/sign_out", [TEXT]);

/// Begins a session, known by its hash, for whoever holds a token; none where that opens nothing.
pub(crate) async fn sign_in(
    database: &Database,
    id: &str,
    token_hash: &str,
    session_hash: &str,
    address: &str,
) -> Result<Option<TokenHolder>, StoreError> {
    verb(database, &SIGN_IN, &[id, token_hash, session_hash, address]).await
}

/// Who sits behind a session.
pub(crate) async fn person(
    database: &Database,
    hash: &str,
) -> Result<Option<TokenHolder>, StoreError> {
    verb(database, &KNOW_SESSION, &[hash]).await
}

/// Ends a session; whether there was one.
pub(crate) async fn sign_out(database: &Database, hash: &str) -> Result<bool, StoreError> {
    verb(database, &SIGN_OUT, &[hash]).await
}
