//! What is wrong in a configuration, and where; all faults are collected before any is shown.

use super::value::Origin;

/// One thing that is wrong in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `BS401` to `BS407`, `BS602` or `BS808`; each is explained by `backstay explain`.
    pub code: &'static str,
    /// The line, variable or flag that must change; [`Origin::Default`] where nothing was written.
    pub place: Origin,
    /// The setting, such as `queues.reports.timeout`; empty where the text cannot be read at all.
    pub path: String,
    /// What is wrong and what to write, without a full stop.
    pub message: String,
}

impl Fault {
    /// Gives what to sort faults by: the file line by line, then variables, flags, the rest.
    #[must_use]
    pub fn order(&self) -> (u8, u32, &str) {
        match &self.place {
            Origin::File { path, line } => (0, *line, path),
            Origin::Env(name) => (1, 0, name),
            Origin::Flag(name) => (2, 0, name),
            Origin::Contract => (3, 0, ""),
            Origin::Default => (4, 0, ""),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}: {}", self.code, self.place, self.path, self.message)
    }
}

/// A key that does not exist, or not yet.
pub const UNKNOWN_KEY: &str = "BS401";
/// A value of the wrong form or out of its bound.
pub const BAD_VALUE: &str = "BS402";
/// A value that must be given.
pub const MISSING: &str = "BS403";
/// A name that is declared nowhere.
pub const UNKNOWN_REFERENCE: &str = "BS404";
/// Something that is said twice.
pub const DUPLICATE: &str = "BS405";
/// A secret whose variable or file cannot be read.
pub const SECRET_UNREADABLE: &str = "BS407";
/// An address that others can reach, without anything that asks them who they are.
pub const NOT_CLOSED: &str = "BS808";
