//! `POST /jobs`, `POST /jobs/many`: asks for jobs, as far as the token may.

use axum::http::StatusCode;
use axum::response::Response;
use backstay::tokens::Scope;
use backstay::{Enqueued, Options, Request, enqueue, enqueue_many};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::ask::{Call, json as answer};
use crate::problem::Problem;

/// Longest `Idempotency-Key`: the longest key that the door takes.
const KEY_BYTES: usize = backstay::model::bounds::UNIQUE_KEY_BYTES;

/// One of many jobs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    kind: String,
    #[serde(default)]
    args: Option<Box<RawValue>>,
    #[serde(default)]
    options: Map<String, Value>,
}

pub(super) async fn one(call: Call) -> Result<Response, Problem> {
    let missing = || Problem::new("BS103", "the kind is missing").at("/kind");
    let kind = call.body.text("kind")?.ok_or_else(missing)?;
    let mut options = options(&call)?;
    if let Some(key) = header(&call)? {
        let said = options.entry("idempotency_key").or_insert_with(|| key.clone().into());
        if said.as_str() != Some(key.as_str()) {
            return Err(Problem::new(
                "BS102",
                "the header Idempotency-Key and the option say different keys",
            )
            .at("/options/idempotency_key"));
        }
    }
    let args = call.body.raw("args").map(|raw| RawValue::from_string(raw.to_owned()));
    let args = args.transpose().map_err(|error| Problem::new("BS104", error.to_string()))?;
    let request = request(&call, Asked { kind, args, options })?;
    let Enqueued { id, created, .. } = enqueue(&call.service.database, request).await?;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Ok(answer(status, &json!({ "id": id.to_string(), "created": created })))
}

pub(super) async fn many(call: Call) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Made {
        n: usize,
        id: String,
        created: bool,
    }
    if header(&call)?.is_some() {
        return Err(Problem::new("BS102", "one Idempotency-Key cannot stand for many jobs")
            .hint("give each job its own option idempotency_key"));
    }
    let shared = options(&call)?;
    let jobs: Vec<Asked> = call.body.get("jobs")?.unwrap_or_default();
    let own = |asked: Asked| {
        let options = shared.clone().into_iter().chain(asked.options).collect();
        request(&call, Asked { options, ..asked })
    };
    let numbered =
        |(n, asked)| own(asked).map_err(|problem: Problem| problem.at(format!("/jobs/{n}")));
    let requests: Vec<Request> =
        jobs.into_iter().enumerate().map(numbered).collect::<Result<_, Problem>>()?;
    let made = enqueue_many(&call.service.database, requests).await?;
    let is_new = made.iter().any(|one| one.created);
    let items: Vec<Made> = made
        .iter()
        .enumerate()
        .map(|(n, one)| Made { n, id: one.id.to_string(), created: one.created })
        .collect();
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(answer(status, &json!({ "items": items })))
}

fn options(call: &Call) -> Result<Map<String, Value>, Problem> {
    Ok(call.body.get("options")?.unwrap_or_default())
}

fn header(call: &Call) -> Result<Option<String>, Problem> {
    let Some(key) = call.parts.headers.get("idempotency-key") else { return Ok(None) };
    match key.to_str() {
        Ok(key) if (1..=KEY_BYTES).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => Err(Problem::new(
            "BS102",
            format!("Idempotency-Key is a text of 1 to {KEY_BYTES} letters and signs of ASCII"),
        )),
    }
}

/// Where the caller stands in a trace, by the headers that HTTP has for it.
fn trace(call: &Call) -> Option<Value> {
    let text = |name| call.parts.headers.get(name).and_then(|value| value.to_str().ok());
    let parent = text("traceparent")?;
    Some(match text("tracestate") {
        Some(state) => json!({ "traceparent": parent, "tracestate": state }),
        None => parent.into(),
    })
}

/// The request, where the token may enqueue into its queue. A token for one queue must hear the queue from the request:
/// what the kind says of it may change.
fn request(call: &Call, asked: Asked) -> Result<Request, Problem> {
    let queue = asked.options.get("queue").and_then(Value::as_str).map(str::to_owned);
    call.caller.check(&Scope::Enqueue(queue)).map_err(|problem| problem.at("/options/queue"))?;
    let args = match asked.args {
        Some(args) => args,
        None => RawValue::from_string("{}".to_owned()).expect("it is JSON"),
    };
    let trace = trace(call).map(|trace| ("trace".to_owned(), trace));
    // What the job itself says comes later, and wins.
    let options: Map<String, Value> = trace.into_iter().chain(asked.options).collect();
    let options =
        options.iter().fold(Options::new(), |options, (name, value)| options.set(name, value));
    Ok(Request::new(&asked.kind, args).with(options))
}
