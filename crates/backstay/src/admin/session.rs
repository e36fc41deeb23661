//! Sessions of people in a browser: who a person is, and what that allows, is said here and nowhere else.
//!
//! ```
//! use backstay::sessions::{self, Role, SignedIn};
//! use backstay::testing::TestQueue;
//! use backstay::tokens::{self, NewToken, Scope};
//! use backstay::{Queue, Worker};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # if backstay::testing::is_skipped() { return Ok(()) }
//! # let t = TestQueue::start(Worker::without_state().queue(Queue::new("default")).build()).await?;
//! # let database = t.database();
//! let new = NewToken { name: "ana", scopes: &[Scope::Operate], expires_in: None };
//! let ana = tokens::create(database, &new, "she is on call").await?;
//! let SignedIn { session, person, .. } =
//!     sessions::sign_in(database, ana.token.expose(), "10.0.0.7").await?.ok_or("a valid token")?;
//! assert_eq!(Role::of(&person.scopes), Some(Role::Operator));
//!
//! let who = sessions::person(database, session.expose()).await?.ok_or("signed in")?;
//! assert_eq!(who.name, "ana");
//! sessions::sign_out(database, session.expose()).await?;
//! assert!(sessions::person(database, session.expose()).await?.is_none());
//! # Ok(())
//! # }
//! ```

use crate::admin::token::{chance, hash, id_of, is_chance};
use crate::model::config::Secret;
pub use crate::model::scope::Role;
use crate::model::status::TokenHolder;
use crate::store::StoreError;
use crate::store::database::Database;
use crate::store::session as store;

/// A person who has signed in.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SignedIn {
    /// What proves it from now on, for at most 12 h; of it only a hash is stored.
    pub session: Secret,
    /// Who it is.
    pub person: TokenHolder,
}

/// Begins the session of a person who shows a token; none where the token opens nothing. Both stand in the audit, with the address
/// that the person came from.
///
/// # Errors
///
/// BS802 for a token that does not allow to look, BS5xx from the database.
pub async fn sign_in(
    database: &Database,
    token: &str,
    address: &str,
) -> Result<Option<SignedIn>, StoreError> {
    let session = chance();
    // What has not the form of a token fails in the same way, so that it is in the audit, too.
    let id = id_of(token).unwrap_or("");
    let person = store::sign_in(database, id, &hash(token), &hash(&session), address).await?;
    Ok(person.map(|person| SignedIn { session: Secret::new(session), person }))
}

/// Finds out who sits behind a session; none where it has ended, or the token has that it began with.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn person(database: &Database, session: &str) -> Result<Option<TokenHolder>, StoreError> {
    if !is_chance(session) {
        return Ok(None);
    }
    store::person(database, &hash(session)).await
}

/// Ends a session at once; whether there was one.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn sign_out(database: &Database, session: &str) -> Result<bool, StoreError> {
    store::sign_out(database, &hash(session)).await
}
