//! The description of the API, OpenAPI 3.1, made from the table that the router is made from.

mod schema;

use serde_json::{Map, Value, json};

use crate::api::ENDPOINTS;
use crate::ask::{Answers, Endpoint, Needs, Verb};
use crate::query::{Field, Form};

/// The description of the API as JSON, the same that the server gives at `/api/v1/openapi.json`.
///
/// ```
/// let text = backstay_web::openapi();
/// assert!(text.contains("\"openapi\": \"3.1.0\"") && text.contains("/api/v1/jobs/{id}/cancel"));
/// ```
#[must_use]
pub fn text() -> String {
    serde_json::to_string_pretty(&document()).expect("a tree of JSON is JSON")
}

fn document() -> Value {
    let mut paths = Map::new();
    for endpoint in ENDPOINTS {
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        path[endpoint.verb.as_str().to_ascii_lowercase()] = operation(endpoint);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Backstay",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Background jobs on PostgreSQL: look at them, enqueue them, steer them. Fields are only ever added.",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": {
                "type": "http", "scheme": "bearer",
                "description": "A token of `backstay tokens create`. On the machine itself whoever has none may look.",
            } },
            "schemas": schema::all(),
        },
    })
}

fn operation(endpoint: &Endpoint) -> Value {
    let (status, sort, schema) = match endpoint.answers {
        Answers::One(status, name) => (status, "application/json", schema::reference(name)),
        Answers::Page(name) => (200, "application/json", page(name)),
        Answers::Text => (200, "text/plain", json!({ "type": "string" })),
        Answers::Stream => (200, "text/event-stream", json!({ "type": "string" })),
    };
    let refused = json!({
        "description": "What is wrong, where, and what to do",
        "content": { "application/problem+json": { "schema": schema::reference("Problem") } },
    });
    let mut responses = json!({
        status.to_string(): { "description": "Done", "content": { sort: { "schema": schema } } },
        "default": refused,
    });
    let also = match (endpoint.needs, endpoint.path.rsplit('/').next()) {
        (Needs::Enqueue, _) => Some("200"),
        _ if endpoint.query.iter().any(|field| field.name == "wait") => Some("202"),
        (_, Some("cancel" | "bulk")) if endpoint.verb == Verb::Post => Some("202"),
        _ => None,
    };
    if let Some(also) = also {
        responses[also] = responses[status.to_string()].clone();
    }
    let mut operation = json!({
        "operationId": id(endpoint),
        "summary": endpoint.does,
        "description": format!("Needs the scope `{}`.", endpoint.needs.scope()),
        "parameters": parameters(endpoint),
        "responses": responses,
    });
    if !endpoint.body.is_empty() {
        let properties: Map<String, Value> =
            endpoint.body.iter().map(|field| (field.name.to_owned(), or_null(field))).collect();
        let schema =
            json!({ "type": "object", "properties": properties, "additionalProperties": false });
        operation["requestBody"] =
            json!({ "content": { "application/json": { "schema": schema } } });
    }
    operation
}

/// `getJobsAttempts`, `postDeadRevive`.
fn id(endpoint: &Endpoint) -> String {
    let parts = endpoint.path.trim_start_matches("/api/v1/").split(['/', '.']);
    let mut id = endpoint.verb.as_str().to_ascii_lowercase();
    for part in parts {
        // The part in braces tells one of a list from the list.
        let part = part.trim_start_matches('{').trim_end_matches('}');
        let (first, rest) = part.split_at(part.len().min(1));
        id.push_str(&first.to_ascii_uppercase());
        id.push_str(rest);
    }
    id
}

/// Headers that say where the caller of an enqueue stands in a trace.
const TRACE: [(&str, &str); 2] = [
    ("traceparent", "Where the caller stands in a trace (W3C); a malformed one is dropped"),
    ("tracestate", "What systems on the way keep of that trace, at most 512 bytes"),
];

fn parameters(endpoint: &Endpoint) -> Vec<Value> {
    let in_path =
        endpoint.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = in_path.map(|name| {
        let schema = json!({ "type": "string", "pattern": pattern(endpoint, name) });
        json!({ "name": name, "in": "path", "required": true, "schema": schema })
    });
    let in_query = endpoint.query.iter().map(|field| {
        json!({ "name": field.name, "in": "query", "description": field.help, "schema": described(field) })
    });
    let mut all: Vec<Value> = in_path.chain(in_query).collect();
    if endpoint.path == "/api/v1/jobs" && endpoint.verb == Verb::Post {
        all.push(json!({
            "name": "Idempotency-Key", "in": "header", "description": "The same key within 24 h gives the same job",
            "schema": { "type": "string", "minLength": 1, "maxLength": 1024 },
        }));
    }
    if endpoint.needs == Needs::Enqueue {
        all.extend(TRACE.map(|(name, help)| {
            json!({ "name": name, "in": "header", "description": help, "schema": { "type": "string" } })
        }));
    }
    all
}

/// A field of a body, where null is as good as nothing, and so is an empty text.
fn or_null(field: &Field) -> Value {
    let mut schema = described(field);
    if field.form == Form::Text {
        schema["minLength"] = 0.into();
    }
    if let Some(sort) = schema.get("type").cloned() {
        schema["type"] = json!([sort, "null"]);
    }
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
    schema
}

/// What a part of a path looks like.
fn pattern(endpoint: &Endpoint, name: &str) -> &'static str {
    match name {
        "id" if endpoint.path.starts_with("/api/v1/tokens") => "^[0-9a-z]{8}$",
        "id" if endpoint.path.starts_with("/api/v1/workers") => {
            "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
        }
        "id" => "^[1-9][0-9]{0,17}$",
        "fingerprint" => "^[0-9a-f]{1,64}$",
        _ => "^[A-Za-z0-9_.:-]{1,128}$",
    }
}

fn described(field: &Field) -> Value {
    let mut schema = match field.form {
        Form::Text | Form::When | Form::Span => json!({ "type": "string", "minLength": 1 }),
        Form::Texts => {
            json!({ "type": "array", "items": { "type": "string", "minLength": 1 } })
        }
        Form::Word(words) => json!({ "type": "string", "enum": words }),
        Form::Ids => {
            let id = json!({ "type": "string", "pattern": "^[1-9][0-9]{0,17}$" });
            json!({ "type": "array", "items": id })
        }
        Form::Words(words) if field.name == "verb" => json!({ "type": "string", "enum": words }),
        Form::Words(words) => {
            json!({ "type": "array", "items": { "type": "string", "enum": words } })
        }
        Form::Whole(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Form::Flag => json!({ "type": "boolean" }),
        Form::Object => json!({ "type": "object" }),
        Form::Objects => json!({ "type": "array", "items": { "type": "object" } }),
        Form::Json => json!({}),
    };
    schema["description"] = field.help.into();
    schema
}

fn page(name: &str) -> Value {
    json!({
        "type": "object",
        "required": ["items", "next"],
        "properties": {
            "items": { "type": "array", "items": schema::reference(name) },
            "next": { "type": ["string", "null"], "description": "The cursor of the page that follows" },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_described_with_its_scope_and_every_name_in_it_is_there() {
        let document = document();
        for endpoint in ENDPOINTS {
            let verb = endpoint.verb.as_str().to_ascii_lowercase();
            let operation = &document["paths"][endpoint.path][&verb];
            assert!(operation["summary"].is_string(), "{} {}", verb, endpoint.path);
            assert!(operation["description"].as_str().unwrap().contains("scope"));
        }
        let text = document.to_string();
        for (at, _) in text.match_indices("#/components/schemas/") {
            let name = text[at..].split('"').next().unwrap().rsplit('/').next().unwrap();
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
    }

    #[test]
    fn no_two_operations_have_one_id() {
        let mut ids: Vec<String> = ENDPOINTS.iter().map(id).collect();
        assert!(ids.contains(&"getJobsIdAttempts".to_owned()), "{ids:?}");
        ids.sort();
        let all = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), all);
    }
}
