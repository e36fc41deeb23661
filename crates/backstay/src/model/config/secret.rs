//! A text that never shows itself, and the question where it is to be read from.

use std::fmt;

/// A text that is never printed by `Debug`: an address with a password, a signing key.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a text out of sight.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Gives the text to the one place that uses it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where the text of a setting is kept, when the configuration only points at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source<'a> {
    /// `{ env = "NAME" }`
    Env(&'a str),
    /// `{ file = "/path" }`
    File(&'a str),
}

/// Reads a text that the configuration points at; the first argument is the setting's path.
///
/// `Ok(None)` means that the text is left unread on purpose, because this command does not need
/// it; `Err` says why it cannot be read.
pub type ReadSource<'a> = &'a dyn Fn(&str, &Source<'_>) -> Result<Option<String>, String>;
