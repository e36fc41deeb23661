//! A kind of job in code, and the request for one job of it.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::bounds;
use super::contract::Contract;
use super::options::Options;

/// A kind of job: its fields are the args, its name stands in the database.
///
/// `#[derive(Job)]` writes this where there is no contract.
///
/// ```
/// use backstay::{Contract, Job, by};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Report {
///     tenant: i64,
///     month: String,
/// }
///
/// impl Job for Report {
///     const KIND: &'static str = "report";
///     fn contract() -> Contract {
///         Contract::new().queue("reports").max_retries(5).unique(by(["tenant", "month"]))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no job",
    label = "no `Job` for this type",
    note = "write `#[derive(Serialize, Deserialize, Job)] #[job(kind = \"...\")]` on it, or `impl Job`"
)]
pub trait Job: Serialize + DeserializeOwned + Send + 'static {
    /// The name of the kind: 1 to 128 of `[A-Za-z0-9_.:-]`. Renaming it orphans jobs that wait.
    const KIND: &'static str;

    /// What every job of this kind gets. Default: nothing special.
    fn contract() -> Contract {
        Contract::new()
    }

    /// Asks for this job with options of its own.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// use backstay::{Job, Options, Priority};
    /// #[derive(Serialize, Deserialize, Job)]
    /// #[job(kind = "digest")]
    /// struct Digest { user: i64 }
    ///
    /// let request = Digest { user: 1 }.with(Options::new().priority(Priority::HIGH));
    /// assert_eq!(request.kind(), "digest");
    /// ```
    fn with(self, options: Options) -> Request
    where
        Self: Sized,
    {
        Request::from(self).with(options)
    }
}

/// One job that is asked for: a kind, its args, its options.
///
/// Made of a [`Job`] by [`From`] or [`Job::with`], or by hand for a kind that has no type here.
///
/// ```
/// use backstay::{Options, Request};
/// let request = Request::new("export", serde_json::json!({ "id": 3 }))
///     .with(Options::new().queue("exports"));
/// assert_eq!(request.args().unwrap(), r#"{"id":3}"#);
/// ```
#[derive(Debug, Clone)]
#[must_use = "a request is no job until it is enqueued"]
pub struct Request {
    kind: Cow<'static, str>,
    args: Result<Box<RawValue>, RequestError>,
    options: Options,
    contract: Options,
}

/// Why a request cannot be sent; it comes back as an [`EnqueueError`](crate::EnqueueError).
///
/// ```
/// use backstay::{EnqueueError, RequestError};
/// let unsayable = RequestError::Args("key must be a string".into());
/// assert_eq!(EnqueueError::from(unsayable).code(), "BS104");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The args are no JSON object, or hold what PostgreSQL cannot store (BS104).
    #[error("{0}")]
    Args(String),
    /// An option could not be written as JSON (BS102).
    #[error("{0}")]
    Option(String),
}

impl RequestError {
    /// Says which job of a list it was, counted from 1 as the doors do.
    pub(crate) fn of_job(self, n: usize) -> Self {
        match self {
            Self::Args(problem) => Self::Args(format!("job {n}: {problem}")),
            Self::Option(problem) => Self::Option(format!("job {n}: {problem}")),
        }
    }
}

impl<J: Job> From<J> for Request {
    fn from(job: J) -> Self {
        Self { contract: J::contract().into_options(), ..Self::encode(J::KIND.into(), &job) }
    }
}

impl Request {
    /// Asks for a job of a kind that has no type here; `args` must serialise to a JSON object.
    pub fn new(kind: impl Into<String>, args: impl Serialize) -> Self {
        Self::encode(kind.into().into(), &args)
    }

    /// Adds options; they win over those that are there already, and over every contract.
    pub fn with(self, options: Options) -> Self {
        Self { options: options.or(self.options), ..self }
    }

    /// Names the kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Gives the args as JSON text.
    ///
    /// # Errors
    /// [`RequestError::Args`] if they are not an object, or hold a NUL character.
    pub fn args(&self) -> Result<&str, RequestError> {
        self.raw_args().map(RawValue::get)
    }

    pub(crate) fn raw_args(&self) -> Result<&RawValue, RequestError> {
        self.args.as_deref().map_err(Clone::clone)
    }

    /// Gives the options as the doors take them.
    ///
    /// # Errors
    /// [`RequestError::Option`] where one could not be written as JSON.
    pub(crate) fn options(&self) -> Result<Asked<'_>, RequestError> {
        match self.options.broken().or(self.contract.broken()) {
            Some(problem) => Err(RequestError::Option(problem.to_owned())),
            None => {
                let contract = Some(self.contract.values()).filter(|said| !said.is_empty());
                Ok(Asked { own: self.options.values(), contract })
            }
        }
    }

    /// Gives what the code declares for the kind; empty for a request that was made by hand.
    pub(crate) fn contract(&self) -> &Map<String, Value> {
        self.contract.values()
    }

    fn encode(kind: Cow<'static, str>, args: &impl Serialize) -> Self {
        let args = serde_json::value::to_raw_value(args)
            .map_err(|e| RequestError::Args(format!("the args of `{kind}` are no JSON: {e}")))
            .and_then(|args| check_args(&kind, args));
        Self { kind, args, options: Options::new(), contract: Options::new() }
    }
}

/// What a request asks for: the job's own options, and apart from them the contract in code, above which the server
/// lays what the fleet's file says of the kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Asked<'r> {
    /// The options of this job.
    pub(crate) own: &'r Map<String, Value>,
    /// The contract that travels with them.
    pub(crate) contract: Option<&'r Map<String, Value>>,
}

impl Serialize for Asked<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = self.own.len() + usize::from(self.contract.is_some());
        let mut map = serializer.serialize_map(Some(members))?;
        for (name, value) in self.own {
            map.serialize_entry(name, value)?;
        }
        if let Some(contract) = self.contract {
            map.serialize_entry("contract", contract)?;
        }
        map.end()
    }
}

/// Refuses here what the server would refuse, where that spares the caller's transaction.
fn check_args(kind: &str, args: Box<RawValue>) -> Result<Box<RawValue>, RequestError> {
    if !args.get().starts_with('{') {
        let what = "give the type named fields; `struct Tick {}` has none and still is an object";
        return Err(RequestError::Args(format!("the args of `{kind}` are no JSON object; {what}")));
    }
    if bounds::has_nul(args.get()) {
        let what = "PostgreSQL cannot store U+0000; remove it, or encode the bytes as base64";
        return Err(RequestError::Args(format!("the args of `{kind}` hold a NUL; {what}")));
    }
    Ok(args)
}

#[cfg(test)]
mod tests;
