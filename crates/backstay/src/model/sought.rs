//! What is looked for in args: members that they have, or a text that stands somewhere in them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::de::IgnoredAny;

use super::bounds::{SOUGHT_BYTES, has_nul};

/// What is looked for in the args of jobs, as people may see them: what is hidden from them is not found either.
///
/// ```
/// use backstay::inspect::{Sought, SoughtError};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// assert_eq!("ana@example.org".parse(), Ok(Sought::Text("ana@example.org".into())));
/// assert!(matches!(r#"{"month": "2026-11"}"#.parse()?, Sought::Members(_)));
/// assert!(matches!(r#"{"month": "#.parse::<Sought>(), Err(SoughtError::NoObject { .. })));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sought {
    /// A JSON object, all members of which the args have, as PostgreSQL's `@>` understands it.
    Members(String),
    /// A text that stands in the args as they are written, whatever its case.
    Text(String),
}

/// Says what is wrong with what is looked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SoughtError {
    /// Nothing.
    #[error("what is looked for in args is empty")]
    Empty,
    /// More than [`SOUGHT_BYTES`].
    #[error("what is looked for in args has {bytes} bytes, at most {SOUGHT_BYTES}")]
    TooLong {
        /// So many.
        bytes: usize,
    },
    /// It begins like an object and is none.
    #[error("`{{` begins a JSON object, and this is none: {why}")]
    NoObject {
        /// What the reader stumbled over.
        why: String,
    },
    /// It has a character that no args have.
    #[error("no args have the character U+0000")]
    Nul,
}

impl SoughtError {
    /// Gives the code of this error at every door.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "BS102"
    }
}

/// Reads it as it was typed: an object where it begins with a brace, else a text.
impl FromStr for Sought {
    type Err = SoughtError;

    fn from_str(typed: &str) -> Result<Self, Self::Err> {
        let typed = typed.trim();
        if typed.is_empty() {
            return Err(SoughtError::Empty);
        }
        if typed.len() > SOUGHT_BYTES {
            return Err(SoughtError::TooLong { bytes: typed.len() });
        }
        if typed.contains('\0') {
            return Err(SoughtError::Nul);
        }
        if !typed.starts_with('{') {
            return Ok(Sought::Text(typed.into()));
        }
        if has_nul(typed) {
            return Err(SoughtError::Nul);
        }
        match serde_json::from_str::<BTreeMap<String, IgnoredAny>>(typed) {
            Ok(_) => Ok(Sought::Members(typed.into())),
            Err(error) => Err(SoughtError::NoObject { why: error.to_string() }),
        }
    }
}

/// As it was typed.
impl fmt::Display for Sought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sought::Members(text) | Sought::Text(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brace_begins_an_object_and_anything_else_is_a_text() {
        assert_eq!(" a b ".parse(), Ok(Sought::Text("a b".into())));
        assert_eq!("[1]".parse(), Ok(Sought::Text("[1]".into())), "found as it is written");
        assert_eq!(r#"{"a":1}"#.parse(), Ok(Sought::Members(r#"{"a":1}"#.into())));
        assert_eq!("".parse::<Sought>(), Err(SoughtError::Empty));
        assert_eq!("a\0b".parse::<Sought>(), Err(SoughtError::Nul));
        assert_eq!(r#"{"a":"\u0000"}"#.parse::<Sought>(), Err(SoughtError::Nul));
        assert!(matches!(r#"{"a":1} x"#.parse::<Sought>(), Err(SoughtError::NoObject { .. })));
        let long = "x".repeat(SOUGHT_BYTES + 1);
        assert_eq!(long.parse::<Sought>(), Err(SoughtError::TooLong { bytes: SOUGHT_BYTES + 1 }));
    }
}
