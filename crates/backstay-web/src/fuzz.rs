//! What the fuzzer feeds: everything of a request that the API reads by itself.

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};

use crate::api::ENDPOINTS;
use crate::body::Body;
use crate::query::Query;

/// A request: one byte that chooses the path, the query up to a line feed, the body; which is read as JSON and as a form.
pub fn http_request(data: &[u8]) {
    let (choice, rest) = data.split_first().map_or((0, data), |(first, rest)| (*first, rest));
    let endpoint = &ENDPOINTS[usize::from(choice) % ENDPOINTS.len()];
    let (query, body) = rest.split_at(rest.iter().position(|byte| *byte == b'\n').unwrap_or(0));
    let query = String::from_utf8_lossy(query);
    if let Err(problem) = Query::read(&query, endpoint.query) {
        assert!(problem.detail().len() < query.len() + 1_000, "{}", problem.detail().len());
    }
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(read) = Body::read(&headers, &Bytes::copy_from_slice(body), endpoint.body) {
        for field in endpoint.body {
            let raw = read.raw(field.name);
            raw.map(serde_json::from_str::<serde::de::IgnoredAny>).transpose().expect("it is JSON");
        }
    }
    let text = String::from_utf8_lossy(body);
    let pairs = text.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    // A refusal is as good as an answer.
    drop(Body::of_form(pairs, endpoint.body));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_request_says_is_read_without_harm() {
        crate::replay::replay("http_request", http_request);
    }
}
