//! The database: one function per file of `sql/`; decides nothing.

pub(crate) mod alert;
pub(crate) mod attempt;
pub(crate) mod backends;
pub(crate) mod check;
pub(crate) mod database;
pub(crate) mod doctor;
pub(crate) mod duty;
pub(crate) mod files;
pub(crate) mod inspect;
pub(crate) mod listen;
pub mod migrate;
pub(crate) mod operate;
pub(crate) mod presence;
pub(crate) mod record;
pub(crate) mod schedule;
pub(crate) mod session;
pub(crate) mod settle;
pub(crate) mod sqlstate;
pub(crate) mod statement;
#[cfg(feature = "tls")]
pub(crate) mod tls;
pub(crate) mod token;
pub(crate) mod turn;
pub(crate) mod url;

use crate::call::caller::code_of;

/// What failed in the database, and what that asks for; the cause is opaque, so that no driver type shows.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No connection, or it broke; whether a statement took effect is not known.
    #[error("cannot reach the database: {0}")]
    Unreachable(String),
    /// No answer in time.
    #[error("the database did not answer within {0:?}")]
    TimedOut(std::time::Duration),
    /// The server refused a statement.
    #[error("{message}")]
    Refused {
        /// Five characters, of the server or of ours (`BSnnn`).
        sqlstate: String,
        /// What the server said.
        message: String,
        /// What it adds, where it does.
        detail: Option<String>,
        /// What it advises, where it does.
        hint: Option<String>,
    },
    /// The address of the database makes no sense.
    #[error("{0}")]
    BadUrl(String),
}

impl StoreError {
    /// The stable code: ours where a door raised one, else the one for its sort.
    pub fn code(&self) -> &str {
        match self {
            StoreError::Unreachable(_) => "BS501",
            StoreError::TimedOut(_) => "BS507",
            StoreError::BadUrl(_) => "BS402",
            StoreError::Refused { sqlstate, .. } => code_of(sqlstate),
        }
    }

    /// What the server advises, where it does.
    pub fn hint(&self) -> Option<&str> {
        match self {
            StoreError::Refused { hint, .. } => hint.as_deref(),
            _ => None,
        }
    }

    /// Whether a statement ran out of its time, or waited for a lock for too long.
    pub(crate) fn is_timeout(&self) -> bool {
        match self {
            StoreError::TimedOut(_) => true,
            StoreError::Refused { sqlstate, .. } => matches!(sqlstate.as_str(), "57014" | "55P03"),
            _ => false,
        }
    }

    /// An answer that this version does not read.
    pub(crate) fn garbled(cause: impl std::fmt::Display) -> StoreError {
        StoreError::Refused {
            sqlstate: "BS503".into(),
            message: format!("the answer of the schema is not what this version expects: {cause}"),
            detail: None,
            hint: Some("look at `backstay migrate status`".into()),
        }
    }

    pub(crate) fn remedy(&self) -> sqlstate::Remedy {
        match self {
            StoreError::Unreachable(_) | StoreError::TimedOut(_) => sqlstate::Remedy::Reconnect,
            StoreError::BadUrl(_) => sqlstate::Remedy::Stop,
            StoreError::Refused { sqlstate, .. } => sqlstate::remedy(Some(sqlstate)),
        }
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> StoreError {
        match error.as_db_error() {
            Some(db) => StoreError::Refused {
                sqlstate: db.code().code().to_owned(),
                message: db.message().to_owned(),
                detail: db.detail().map(str::to_owned),
                hint: db.hint().map(str::to_owned),
            },
            None => StoreError::Unreachable(chain(&error)),
        }
    }
}

/// An error of the driver with its causes on one line; the driver's own text often says only "error connecting".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = inner.source();
    }
    text
}
