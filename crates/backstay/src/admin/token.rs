//! Tokens of the HTTP API: made, shown once, found by their hash, revoked.
//!
//! ```
//! use backstay::testing::TestQueue;
//! use backstay::tokens::{self, MadeToken, NewToken, Scope, TokenHolder, TokenStatus};
//! use backstay::unit::days;
//! use backstay::{Queue, Worker};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # if backstay::testing::is_skipped() { return Ok(()) }
//! # let t = TestQueue::start(Worker::without_state().queue(Queue::new("default")).build()).await?;
//! # let database = t.database();
//! let scopes = [Scope::Read, "enqueue:reports".parse()?];
//! let new = NewToken { name: "deploy", scopes: &scopes, expires_in: Some(days(30)) };
//! let MadeToken { token, id, .. } = tokens::create(database, &new, "for the pipeline").await?;
//! println!("keep it, it is shown only now: {}", token.expose());
//!
//! let TokenHolder { name, scopes, .. } = tokens::holder(database, token.expose()).await?.ok_or("it is valid")?;
//! assert_eq!((name.as_str(), scopes.len()), ("deploy", 2));
//! let known: Vec<TokenStatus> = tokens::list(database).await?;
//! assert_eq!((known.len(), known[0].state.as_str()), (1, "valid"));
//! assert_eq!(tokens::revoke(database, &id, "the pipeline is gone").await?.count, 1);
//! assert!(tokens::holder(database, token.expose()).await?.is_none());
//! # Ok(())
//! # }
//! ```

use std::fmt::Write;
use std::time::Duration;

use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::model::config::Secret;
use crate::model::instant::Instant;
pub use crate::model::scope::{Scope, UnknownScope};
use crate::model::status::Done;
pub use crate::model::status::{TokenHolder, TokenStatus};
use crate::model::unit::format_duration;
use crate::store::StoreError;
use crate::store::database::Database;
use crate::store::token as store;

/// What every token begins with, so that it is found where it should not be.
const MARK: &str = "bst_";
/// Characters of the part that names it.
const ID: usize = 8;
/// Characters of the part that proves it: 256 bits in hexadecimal.
const PROOF: usize = 64;

/// A token to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewToken<'a> {
    /// Who or what will use it: 1 to 128 of `[A-Za-z0-9_.:-]`.
    pub name: &'a str,
    /// What it allows.
    pub scopes: &'a [Scope],
    /// How long it is valid, up to two years \[90 d\].
    pub expires_in: Option<Duration>,
}

/// A token that was made; nobody can see it again.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct MadeToken {
    /// The token itself.
    pub token: Secret,
    /// What it is called in lists: the eight characters after `bst_`.
    pub id: String,
    /// Until when it is valid.
    pub expires_at: Instant,
}

/// Makes a token. Of it only a hash is stored.
///
/// # Errors
///
/// BS102 and BS103 for what cannot be, BS109 where there are 1,000 already, BS504 for whoever is no operator, BS5xx from the database.
pub async fn create(
    database: &Database,
    new: &NewToken<'_>,
    reason: &str,
) -> Result<MadeToken, StoreError> {
    let mut options = json!({ "name": new.name, "scopes": new.scopes });
    if let Some(span) = new.expires_in {
        options["expires_in"] = format_duration(span).into();
    }
    if !reason.is_empty() {
        options["reason"] = reason.into();
    }
    let id = chance()[..ID].to_owned();
    let token = format!("{MARK}{id}{}", chance());
    let made = store::create(database, &id, &hash(&token), &options.to_string()).await?;
    let expires_at = made.expires_at;
    Ok(MadeToken { token: Secret::new(token), id, expires_at })
}

/// Ends a token at once; one that there is not, or that has ended, is skipped.
///
/// # Errors
///
/// BS504 for whoever is no operator, BS5xx from the database.
pub async fn revoke(database: &Database, id: &str, reason: &str) -> Result<Done, StoreError> {
    let options = if reason.is_empty() { json!({}) } else { json!({ "reason": reason }) };
    store::revoke(database, id, &options.to_string()).await
}

/// Lists tokens, the youngest first, with those that ended within 90 days; at most 1,000.
///
/// # Errors
///
/// BS504 for whoever is no operator, BS5xx from the database.
pub async fn list(database: &Database) -> Result<Vec<TokenStatus>, StoreError> {
    store::list(database).await
}

/// Finds out who holds a token; none for one that is unknown, past its time, revoked, or no token at all.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn holder(database: &Database, token: &str) -> Result<Option<TokenHolder>, StoreError> {
    match id_of(token) {
        Some(id) => store::know(database, id, &hash(token)).await,
        None => Ok(None),
    }
}

/// The id within a text that has the form of a token.
pub(super) fn id_of(token: &str) -> Option<&str> {
    let rest = token.strip_prefix(MARK)?;
    (rest.len() == ID + PROOF && is_hex(rest)).then(|| &rest[..ID])
}

/// Whether a text may be one that [`chance`] made.
pub(super) fn is_chance(text: &str) -> bool {
    text.len() == PROOF && is_hex(text)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// 256 bits that nobody can guess, in hexadecimal: three ids have 366 of them.
pub(super) fn chance() -> String {
    let mut all = Sha256::new();
    (0..3).for_each(|_| all.update(Uuid::new_v4().as_bytes()));
    hex(&all.finalize())
}

/// What of a secret is stored.
pub(super) fn hash(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes any text");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_text_of_the_form_of_a_token_is_looked_up() {
        let token = format!("bst_{}{}", &chance()[..ID], chance());
        assert_eq!(id_of(&token), Some(&token[4..12]));
        let cut = &token[..token.len() - 1];
        for wrong in [
            "",
            "bst_",
            cut,
            &token[1..],
            &format!("{cut}G"),
            &format!("{cut}\0"),
            &format!("{token}0"),
        ] {
            assert_eq!(id_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn no_two_tokens_are_the_same() {
        assert_ne!(chance(), chance());
        assert_eq!(chance().len(), PROOF);
    }
}
