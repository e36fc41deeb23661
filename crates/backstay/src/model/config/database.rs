//! `[database]`: where the database is and what it must be.

use super::key::{Form, Keys, key};
use super::secret::Secret;
use super::section::Section;

pub(super) const KEYS: Keys = Keys {
    now: &[
        key(
            "url",
            Form::Secret,
            "",
            "Address of the database, with its standbys if there are any (@a:5432,b:5432/name); without it DATABASE_URL is read",
        ),
        key(
            "direct_url",
            Form::Secret,
            "",
            "Address past a transaction pooler, for LISTEN and the presence lock only",
        ),
        key(
            "pooler",
            Form::Words(&["auto", "none", "transaction"]),
            "\"auto\"",
            "Whether a pooler stands before the database; auto asks it",
        ),
        key(
            "require_durable",
            Form::Switch,
            "false",
            "Refuse to start where a crash of the server can lose committed jobs (BS508)",
        ),
    ],
    later: &[],
    moved: &[],
};

/// Where the database is and what it must be.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// Its address, once one is given anywhere.
    pub url: Option<Secret>,
    /// An address past a transaction pooler, for LISTEN and the presence lock only.
    pub direct_url: Option<Secret>,
    /// Whether a pooler stands before it.
    pub pooler: Pooler,
    /// Refuse a server whose crash can lose committed jobs.
    pub require_durable: bool,
}

/// Whether a pooler stands between us and the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pooler {
    /// Find out.
    #[default]
    Auto,
    /// There is none, or one that keeps sessions.
    None,
    /// A transaction pooler: no LISTEN, no session locks, no named statements.
    Transaction,
}

pub(super) fn read(section: &Section<'_>) -> DatabaseSettings {
    DatabaseSettings {
        url: address(section, "url"),
        direct_url: address(section, "direct_url"),
        pooler: match section.word("pooler") {
            Some("none") => Pooler::None,
            Some("transaction") => Pooler::Transaction,
            _ => Pooler::Auto,
        },
        require_durable: section.switch("require_durable"),
    }
}

pub(super) fn address(section: &Section<'_>, name: &str) -> Option<Secret> {
    let url = section.secret(name)?;
    let text = url.expose();
    let known = text.starts_with("postgres://") || text.starts_with("postgresql://");
    // The other form that drivers read: `host=/run/postgresql dbname=app`.
    if !known && !text.contains('=') {
        section.fault(
            super::fault::BAD_VALUE,
            name,
            "this is no address of PostgreSQL; write postgres://user:password@host:5432/name",
        );
        return None;
    }
    Some(url)
}
