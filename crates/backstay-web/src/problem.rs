//! What went wrong, as RFC 9457 says it, with our code at every failure.

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use backstay::model::code::Code;
use backstay::{CallError, EnqueueError, StoreError};
use serde::Serialize;

/// An answer that says what is wrong, where, and what to do.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    code: &'static Code,
    status: StatusCode,
    detail: Box<str>,
    hint: Option<Box<str>>,
    /// Where in the request: `/options/timeout` in its body, `?limit` in its address.
    at: Option<Box<str>>,
    allow: Option<Box<str>>,
    retry_after: Option<u64>,
}

impl Problem {
    pub(crate) fn new(code: &str, detail: impl Into<String>) -> Problem {
        let code = Code::of(code).or_else(|| Code::of("BS999")).expect("BS999 is in the table");
        // What is wrong with the database passes, or an operator ends it; the rest would be a mistake of ours.
        let other = if code.code.starts_with("BS5") { 503 } else { 500 };
        let status = StatusCode::from_u16(code.status.unwrap_or(other));
        Problem {
            code,
            status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            detail: detail.into().into(),
            hint: None,
            at: None,
            allow: None,
            retry_after: None,
        }
    }

    /// What is wrong, for people.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Problem {
        Problem { hint: Some(hint.into().into()), ..self }
    }

    pub(crate) fn hint_maybe(self, hint: Option<impl Into<String>>) -> Problem {
        Problem { hint: hint.map(|hint| hint.into().into()), ..self }
    }

    pub(crate) fn at(self, at: impl Into<String>) -> Problem {
        Problem { at: Some(at.into().into()), ..self }
    }

    /// Another status than the one of the code.
    pub(crate) fn status(self, status: StatusCode) -> Problem {
        Problem { status, ..self }
    }

    /// The methods that would do.
    pub(crate) fn allow(self, methods: String) -> Problem {
        Problem { allow: Some(methods.into()), ..self }
    }

    /// Come again after so many seconds.
    pub(crate) fn retry_after(self, seconds: u64) -> Problem {
        Problem { retry_after: Some(seconds.max(1)), ..self }
    }

    pub(crate) fn code(&self) -> &'static str {
        self.code.code
    }

    /// One line that is the same wherever this code is met.
    pub(crate) fn title(&self) -> &'static str {
        self.code.title
    }

    pub(crate) fn status_code(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn remedy(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The answer with another text in it, under the same status and headers.
    pub(crate) fn respond_as(self, sort: &'static str, text: String) -> Response {
        let mut response = self.respond();
        *response.body_mut() = Body::from(text);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(sort));
        response
    }

    /// The answer.
    pub(crate) fn respond(self) -> Response {
        #[derive(Serialize)]
        struct Document<'a> {
            r#type: String,
            title: &'a str,
            status: u16,
            detail: &'a str,
            code: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            hint: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            at: Option<&'a str>,
        }
        let document = Document {
            r#type: format!("/errors/{}", self.code.code),
            title: self.code.name,
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code.code,
            hint: self.hint.as_deref(),
            at: self.at.as_deref(),
        };
        let body = serde_json::to_vec(&document).expect("texts and numbers are JSON");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        let passes = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
        if passes.contains(&self.status) {
            headers.insert(RETRY_AFTER, HeaderValue::from(self.retry_after.unwrap_or(1)));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(allow) = self.allow.and_then(|allow| HeaderValue::from_str(&allow).ok()) {
            headers.insert(ALLOW, allow);
        }
        response
    }
}

/// What a server outside says of itself is for the log of its owner, not for whoever asks.
fn of_database(code: &str, said: String) -> String {
    match code {
        "BS501" => "the database cannot be reached".into(),
        _ => said,
    }
}

/// What the server says of a text or a number before a door sees it, where its words are about its own statement.
fn of_value(error: &StoreError) -> Option<Problem> {
    let StoreError::Refused { sqlstate, .. } = error else { return None };
    let (code, said) = match sqlstate.as_str() {
        "22P02" | "22P05" | "22021" => {
            ("BS104", "a text holds a NUL, or half of a pair of surrogates")
        }
        "22003" => ("BS104", "a number has more than 131,072 digits; give it as a text"),
        "54001" => ("BS106", "JSON is nested too deep to be read; at most 63 levels are allowed"),
        _ => return None,
    };
    Some(Problem::new(code, said))
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        if let Some(problem) = of_value(&error) {
            return problem;
        }
        let problem = Problem::new(error.code(), of_database(error.code(), error.to_string()));
        problem.hint_maybe(error.hint().filter(|hint| !hint.is_empty()))
    }
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Problem {
        match error.refusal() {
            Some(refusal) => {
                let message = of_database(error.code(), refusal.message.clone());
                Problem::new(error.code(), message).hint_maybe(refusal.hint.clone())
            }
            None => Problem::new(error.code(), of_database(error.code(), error.to_string())),
        }
    }
}

impl From<EnqueueError> for Problem {
    fn from(error: EnqueueError) -> Problem {
        match error {
            EnqueueError::Database(error) => error.into(),
            error => {
                let refusal = error.refusal();
                let message =
                    refusal.map_or_else(|| error.to_string(), |said| said.message.clone());
                let hint = refusal.and_then(|said| said.hint.clone());
                Problem::new(error.code(), message).hint_maybe(hint)
            }
        }
    }
}
