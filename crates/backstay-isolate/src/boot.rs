//! Whether a program came up to take jobs, and why not.

use std::collections::BTreeMap;

/// What a program said when it was ready.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// The kinds that it runs; empty for commands.
    pub kinds: Vec<String>,
    /// The newest version of args that it understands, for kinds of which it said one.
    pub versions: BTreeMap<String, u32>,
    /// Its name for people.
    pub name: Option<String>,
}

/// A program that cannot take jobs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct BootFailed {
    /// What happened and what to do.
    pub message: String,
    /// The last 16 KiB of its stderr.
    pub stderr: String,
    /// `BS603` (not executable), `BS604` (boot failed) or `BS703` (no common protocol).
    pub code: &'static str,
}

/// Why a child never came to take a job.
#[derive(Clone, Debug)]
pub(crate) struct BootError {
    pub(crate) message: String,
    pub(crate) code: &'static str,
}
