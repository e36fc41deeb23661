//! Why a channel, or the call of a handler, cannot be made of its settings.

use crate::address;

/// A channel that cannot be made of its settings.
#[derive(Debug, thiserror::Error)]
#[error("alert channel `{channel}`: {reason}")]
pub struct ChannelError {
    /// Its name.
    pub channel: String,
    /// What is wrong; it never shows a secret.
    pub reason: Reason,
}

impl ChannelError {
    /// The stable code: a setting with a bad value.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "BS402"
    }
}

/// The address of a kind that cannot be called.
#[derive(Debug, thiserror::Error)]
#[error("kind `{kind}`: {reason}")]
pub struct HandlerError {
    /// Whose address.
    pub kind: String,
    /// What is wrong; it never shows a secret.
    pub reason: Reason,
}

impl HandlerError {
    /// The stable code: a setting with a bad value.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "BS402"
    }
}

/// What is wrong with the settings of a channel or a handler.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The address is no URL.
    #[error("the address is not understood: {0}")]
    Url(String),
    /// The call would not be encrypted.
    #[error("http:// is not encrypted; use https://, or name the inner network in `{0}`")]
    Plain(&'static str),
    /// A header that cannot be sent.
    #[error("the header `{0}` cannot be sent: its name or its value is no text of a header")]
    Header(String),
    /// The address may not be called.
    #[error(transparent)]
    Refused(#[from] address::Refused),
    /// A mail address is wrong.
    #[error("not a mail address: {0}")]
    Mail(String),
    /// The address of the mail server is wrong.
    #[error("the address of the mail server: {0}")]
    Smtp(String),
    /// TLS or the HTTP client cannot be set up.
    #[error("calls cannot be set up: {0}")]
    Client(String),
}

/// An error with its causes on one line; the outermost text alone often says only that something failed.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
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
