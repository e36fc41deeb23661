//! The one method that a driver must have, and what comes back when it fails.

use std::error::Error;
use std::fmt;
use std::future::Future;

use serde::de::DeserializeOwned;

/// Anything that can send one text to the database: a pool, a connection, a transaction.
///
/// Adapters for sqlx and tokio-postgres come with the crate's features. For another driver, wrap its
/// connection; the text takes text parameters and answers with one row of one text column:
///
/// ```
/// use backstay::{CallError, Caller, Refusal};
/// # struct Driver;
/// # struct DriverError { state: String, message: String }
/// # impl Driver {
/// #     async fn text(&self, _: &str, _: &[&str]) -> Result<String, DriverError> { Ok("{}".into()) }
/// # }
///
/// struct Mine<'a>(&'a Driver);
///
/// impl Caller for Mine<'_> {
///     async fn call(self, text: &'static str, params: &[&str]) -> Result<String, CallError> {
///         self.0.text(text, params).await.map_err(|e| {
///             CallError::refused(Refusal::new(e.state, &e.message), e.message)
///         })
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot carry a call to the database",
    label = "no `Caller` for this",
    note = "give a pool, a connection or a transaction, as `&pool`, `&mut connection`, `&mut tx`, `&client`",
    note = "adapters are features of `backstay`: `sqlx-0_9`, `sqlx-0_8`, `tokio-postgres-0_7`"
)]
pub trait Caller: Send {
    /// Sends `text` with its text parameters and gives back the only column of the only row.
    fn call(
        self,
        text: &'static str,
        params: &[&str],
    ) -> impl Future<Output = Result<String, CallError>> + Send;
}

/// What the server said when it refused.
///
/// ```
/// use backstay::Refusal;
/// let refusal = Refusal::new("BS102", "`hgih` is no priority")
///     .detail(Some("hgih"))
///     .hint(Some("did you mean `high`?"));
/// assert_eq!(refusal.to_string(), "`hgih` is no priority; did you mean `high`?");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The SQLSTATE; one of ours begins with `BS`.
    pub sqlstate: String,
    /// What is wrong.
    pub message: String,
    /// The value it is about, where there is one.
    pub detail: Option<String>,
    /// What to do, where that is known.
    pub hint: Option<String>,
}

impl Refusal {
    /// Makes a refusal without detail and hint.
    #[must_use]
    pub fn new(sqlstate: impl Into<String>, message: impl Into<String>) -> Self {
        Self { sqlstate: sqlstate.into(), message: message.into(), detail: None, hint: None }
    }

    /// Adds the value it is about.
    #[must_use]
    pub fn detail(self, detail: Option<impl Into<String>>) -> Self {
        Self { detail: said(detail), ..self }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(self, hint: Option<impl Into<String>>) -> Self {
        Self { hint: said(hint), ..self }
    }
}

/// A door that has nothing to add says it with an empty text.
fn said(text: Option<impl Into<String>>) -> Option<String> {
    text.map(Into::into).filter(|text| !text.is_empty())
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hint {
            Some(hint) => write!(f, "{}; {hint}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// A call that came back without an answer. What the driver said is its [`source`](Error::source).
///
/// ```
/// use backstay::CallError;
/// let lost = CallError::unreached("connection reset by peer");
/// assert_eq!((lost.code(), lost.refusal()), ("BS501", None));
/// ```
#[derive(Debug)]
pub struct CallError {
    refusal: Option<Refusal>,
    cause: Box<dyn Error + Send + Sync>,
}

impl CallError {
    /// The server answered with an error.
    #[must_use]
    pub fn refused(refusal: Refusal, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { refusal: Some(refusal), cause: cause.into() }
    }

    /// The server was not reached, or the connection broke before it answered.
    #[must_use]
    pub fn unreached(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { refusal: None, cause: cause.into() }
    }

    /// The server answered, but not in a form that this version reads.
    pub(crate) fn garbled(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let message = "the answer of the schema is not what this version expects";
        let hint = Some("look at `backstay migrate status`");
        Self::refused(Refusal::new("BS503", message).hint(hint), cause)
    }

    /// What the server said, if it was reached.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }

    /// The code of this failure; `BS999` where only the SQLSTATE tells more.
    #[must_use]
    pub fn code(&self) -> &str {
        self.refusal.as_ref().map_or("BS501", |refusal| code_of(&refusal.sqlstate))
    }

    fn advice(&self) -> &'static str {
        match self.code() {
            "BS501" => {
                "the database cannot be reached; try again, a unique or idempotency key makes that harmless"
            }
            "BS502" => "Backstay is not installed in this database; run `backstay migrate up`",
            "BS504" => {
                "this login lacks the right; grant it the role that `backstay explain BS504` names"
            }
            "BS505" => "this server only reads; connect to the primary",
            "BS510" => {
                "the server or this login has as many connections as it may; raise the limit or lower pool sizes"
            }
            "BS511" => "the disk of the server is full; make room",
            "BS507" => {
                "the database took too long; something holds a lock, or the time limit is short"
            }
            _ => "the database refused the call",
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.refusal {
            // The server's own words tell more than ours.
            Some(refusal) if self.code() == "BS999" => {
                write!(f, "{}: {refusal} (SQLSTATE {})", self.advice(), refusal.sqlstate)
            }
            Some(refusal) if refusal.sqlstate.starts_with("BS") => refusal.fmt(f),
            _ => f.write_str(self.advice()),
        }
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.cause)
    }
}

/// Our code for what the server said; `BS999` where only the SQLSTATE tells more.
pub(crate) fn code_of(sqlstate: &str) -> &str {
    match sqlstate {
        ours if ours.starts_with("BS") => ours,
        "57P01" | "57P02" | "57P03" | "3D000" => "BS501",
        lost if lost.starts_with("08") || lost.starts_with("28") => "BS501",
        "3F000" | "42883" | "42P01" => "BS502",
        "42501" => "BS504",
        "25006" => "BS505",
        "57014" | "55P03" | "25P03" => "BS507",
        "53300" => "BS510",
        "53100" => "BS511",
        _ => "BS999",
    }
}

/// Reads the JSON document that every text answers with.
pub(crate) fn read<T: DeserializeOwned>(answer: &str) -> Result<T, CallError> {
    serde_json::from_str(answer).map_err(CallError::garbled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlstate_becomes_a_code_and_an_advice() {
        let code =
            |state: &str| CallError::refused(Refusal::new(state, "x"), "x").code().to_owned();
        for (state, expected) in [
            ("BS110", "BS110"),
            ("08006", "BS501"),
            ("3F000", "BS502"),
            ("42501", "BS504"),
            ("25006", "BS505"),
            ("57014", "BS507"),
            ("28P01", "BS501"),
            ("53300", "BS510"),
            ("53100", "BS511"),
            ("40001", "BS999"),
        ] {
            assert_eq!(code(state), expected);
        }
        assert_eq!(CallError::unreached("gone").code(), "BS501");
    }

    #[test]
    fn an_unknown_sqlstate_is_shown_with_the_words_of_the_server() {
        let error = CallError::refused(Refusal::new("40001", "could not serialize"), "cause");
        assert_eq!(
            error.to_string(),
            "the database refused the call: could not serialize (SQLSTATE 40001)"
        );
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("cause"));
    }
}
