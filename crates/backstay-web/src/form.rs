//! What the form of a page sends: fields in the form of an address.

use axum::body::{Body as Stream, Bytes};
use axum::http::StatusCode;
use axum::http::request::Parts;

use crate::body;
use crate::problem::Problem;
use crate::query::decoded;

/// Most fields of one form.
const FIELDS: usize = 1_000;

/// The fields of a form, in their order.
#[derive(Debug)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Takes a form in, as bounded as any other body.
    pub(crate) async fn receive(parts: &Parts, stream: Stream) -> Result<Form, Problem> {
        if !body::is_sort(&parts.headers, "application/x-www-form-urlencoded") {
            return Err(Problem::new("BS804", "the body must be that of a form")
                .status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        Form::read(&body::receive(&parts.headers, stream).await?)
    }

    fn read(bytes: &Bytes) -> Result<Form, Problem> {
        let text = std::str::from_utf8(bytes)
            .map_err(|_| Problem::new("BS804", "the form is no UTF-8"))?;
        let pairs: Vec<&str> =
            text.split('&').filter(|pair| !pair.is_empty()).take(FIELDS + 1).collect();
        if pairs.len() > FIELDS {
            return Err(Problem::new("BS804", format!("the form has more than {FIELDS} fields")));
        }
        let read = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decoded(name)?, decoded(value)?))
        };
        Ok(Form(pairs.into_iter().map(read).collect::<Result<_, Problem>>()?))
    }

    /// All fields with their values, in their order.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The first field of a name; empty where there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_and_too_many_are_not() {
        let form = Form::read(&Bytes::from_static(b"token=a%20b+c&next=jobs%2F4&&next=other&flag"));
        let form = form.unwrap();
        assert_eq!((form.text("token"), form.text("next")), ("a b c", "jobs/4"));
        assert_eq!((form.text("flag"), form.text("none")), ("", ""));
        assert!(Form::read(&Bytes::from_static(b"a=%zz")).is_err());
        assert!(Form::read(&Bytes::from_static(b"a=\xff")).is_err());
        assert!(Form::read(&Bytes::from("a=1&".repeat(FIELDS + 1))).is_err());
    }
}
