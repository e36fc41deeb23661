//! The body of a request: one JSON object of at most 8 MiB, whose fields are known; numbers keep their digits.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::{Body as Stream, Bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use backstay::model::nearest::nearest;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::problem::Problem;
use crate::query::{Field, Form};

/// The largest body.
const BYTES: usize = 8 * 1024 * 1024;
/// It must have come within this long.
const PATIENCE: Duration = Duration::from_secs(20);

/// The fields of a body, each as the JSON text that came.
#[derive(Debug, Default)]
pub(crate) struct Body(BTreeMap<String, Box<RawValue>>);

/// Takes a body in, and no more of it than may be.
pub(crate) async fn receive(headers: &HeaderMap, stream: Stream) -> Result<Bytes, Problem> {
    let large = || Problem::new("BS805", format!("the body is larger than {BYTES} bytes"));
    let told = headers.get(CONTENT_LENGTH).and_then(|told| told.to_str().ok()?.parse().ok());
    if told.is_some_and(|told: u64| told > BYTES as u64) {
        return Err(large());
    }
    match tokio::time::timeout(PATIENCE, axum::body::to_bytes(stream, BYTES)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_length(&error) => Err(large()),
        Ok(Err(_)) => Err(Problem::new("BS804", "the body broke off")),
        Err(_) => Err(Problem::new("BS804", format!("the body did not come within {PATIENCE:?}"))
            .status(StatusCode::REQUEST_TIMEOUT)),
    }
}

/// Whether a body says that it is of this sort.
pub(crate) fn is_sort(headers: &HeaderMap, sort: &str) -> bool {
    let told = headers.get(CONTENT_TYPE).and_then(|told| told.to_str().ok()).unwrap_or("");
    told.split(';').next().unwrap_or("").trim().eq_ignore_ascii_case(sort)
}

/// The bound is somewhere in the chain of an error of the stream.
fn is_length(error: &(dyn std::error::Error + 'static)) -> bool {
    error.to_string().contains("length limit") || error.source().is_some_and(is_length)
}

impl Body {
    /// Reads an object with these fields and no others; an empty body is an empty object.
    pub(crate) fn read(
        headers: &HeaderMap,
        bytes: &Bytes,
        fields: &[Field],
    ) -> Result<Body, Problem> {
        if bytes.is_empty() {
            return Ok(Body::default());
        }
        if !is_sort(headers, "application/json") {
            return Err(Problem::new("BS804", "the body must be `application/json`")
                .status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
                .hint("add the header Content-Type: application/json"));
        }
        let read: Result<BTreeMap<String, Box<RawValue>>, _> = serde_json::from_slice(bytes);
        let found = read.map_err(|error| {
            Problem::new("BS804", format!("the body is no JSON object: {error}"))
        })?;
        for name in found.keys() {
            if !fields.iter().any(|field| field.name == name) {
                return Err(unknown(name, fields));
            }
        }
        Ok(Body(found))
    }

    /// Reads the fields of a form, each in its form; what was left empty says nothing.
    pub(crate) fn of_form<'a>(
        pairs: impl Iterator<Item = (&'a str, &'a str)>,
        fields: &'static [Field],
    ) -> Result<Body, Problem> {
        let mut found = BTreeMap::new();
        for (name, value) in pairs.filter(|(_, value)| !value.trim().is_empty()) {
            let field = fields.iter().find(|field| field.name == name);
            let field = field.ok_or_else(|| unknown(name, fields))?;
            let json = match field.form {
                Form::Text | Form::Words(_) | Form::When | Form::Span => {
                    Value::from(value).to_string()
                }
                Form::Texts => Value::from_iter(value.split(',').map(str::trim)).to_string(),
                _ => value.to_owned(),
            };
            let raw = RawValue::from_string(json).map_err(|error| {
                let said = format!("`{name}` is not what it should be: {error}");
                Problem::new("BS102", said).at(format!("/{name}"))
            })?;
            found.insert(name.to_owned(), raw);
        }
        Ok(Body(found))
    }

    /// The JSON text of a field; none where it is missing or null.
    pub(crate) fn raw(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|raw| raw.get()).filter(|raw| *raw != "null")
    }

    /// A field in its type; none where it is missing or null.
    pub(crate) fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Problem> {
        let read = |raw| {
            serde_json::from_str(raw).map_err(|error| {
                Problem::new("BS102", format!("`{name}`: {error}")).at(format!("/{name}"))
            })
        };
        self.raw(name).map(read).transpose()
    }

    /// A text that can be stored.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Problem> {
        let text: Option<String> = self.get(name)?;
        if text.as_deref().is_some_and(|text| text.contains('\0')) {
            return Err(Problem::new("BS102", format!("`{name}` has a NUL")).at(format!("/{name}")));
        }
        Ok(text)
    }

    /// Why it is done; empty where nobody says so.
    pub(crate) fn reason(&self) -> Result<String, Problem> {
        Ok(self.text("reason")?.unwrap_or_default())
    }
}

fn unknown(name: &str, fields: &[Field]) -> Problem {
    let name: String = name.chars().take(64).collect();
    let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
    let hint = match nearest(&name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "this path takes none".into(),
        None => names.join(", "),
    };
    Problem::new("BS101", format!("there is no field `{name}` here"))
        .hint(hint)
        .at(format!("/{name}"))
}
