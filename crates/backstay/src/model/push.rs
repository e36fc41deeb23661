//! What the address of a kind is sent for an attempt, and what its answer makes of the job.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::bounds;
use super::claim::JobInfo;

/// One attempt as a request: a POST of JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushRequest {
    /// Names and values, beside `Content-Type: application/json` and the signature.
    pub headers: Vec<(&'static str, String)>,
    /// `{"args": …, "job": …}`
    pub body: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushAnswer {
    /// The status, such as 503.
    pub status: u16,
    /// The header `Retry-After`, as it came.
    pub retry_after: Option<String>,
    /// Its first 1 MiB.
    pub body: Vec<u8>,
    /// There was more, which was not read.
    pub is_cut: bool,
}

/// The body of a request. Args stand beside the job, untouched.
#[derive(Serialize)]
struct Body<'a> {
    args: &'a RawValue,
    job: About<'a>,
}

/// The job as children get it, without its args.
#[derive(Serialize)]
struct About<'a> {
    id: String,
    attempt: i32,
    worker: Uuid,
    kind: &'a str,
    queue: &'a str,
    retry_count: i16,
    max_retries: i16,
    group: Option<&'a str>,
    tags: &'a [String],
    meta: Option<&'a RawValue>,
    trace: Option<&'a str>,
    cron_tick: Option<&'a str>,
    enqueued_at: &'a str,
    timeout_ms: u64,
    deadline_at: String,
    checkpoint: Option<&'a RawValue>,
}

impl PushRequest {
    /// Makes the request of one attempt, which may go on until `deadline`.
    #[must_use]
    pub fn of(info: &JobInfo, deadline: Timestamp) -> PushRequest {
        let body = Body { args: &info.args, job: about(info, deadline) };
        let body = serde_json::to_vec(&body).expect("texts, numbers and JSON are JSON");
        let mut headers = vec![
            ("Backstay-Job", info.id.to_string()),
            ("Backstay-Attempt", info.attempt.to_string()),
            ("Backstay-Kind", info.kind.clone()),
            ("Backstay-Timeout-Ms", info.timeout_ms.to_string()),
            ("Idempotency-Key", info.id.to_string()),
        ];
        headers.extend(trace_headers(info));
        PushRequest { headers, body }
    }
}

/// What is no header would undo the whole request; the body has it in any case.
fn trace_headers(info: &JobInfo) -> impl Iterator<Item = (&'static str, String)> {
    let (parent, state) = info.trace_parts().unzip();
    let both = [("traceparent", parent), ("tracestate", state.flatten())];
    let both = both.into_iter().filter_map(|(name, value)| Some((name, value?)));
    both.filter(|(_, value)| value.bytes().all(|b| b.is_ascii_graphic() || b == b' '))
        .map(|(name, value)| (name, value.to_owned()))
}

fn about(info: &JobInfo, deadline: Timestamp) -> About<'_> {
    About {
        id: info.id.to_string(),
        attempt: info.attempt,
        worker: info.worker,
        kind: &info.kind,
        queue: &info.queue,
        retry_count: info.retry_count,
        max_retries: info.max_retries,
        group: info.group.as_deref(),
        tags: &info.tags,
        meta: info.meta.as_deref(),
        trace: info.trace.as_deref(),
        cron_tick: info.cron_tick.as_deref(),
        enqueued_at: &info.enqueued_at,
        timeout_ms: info.timeout_ms,
        deadline_at: deadline.to_string(),
        checkpoint: info.checkpoint.as_deref(),
    }
}

/// What an answer makes of the attempt.
#[derive(Debug)]
pub(crate) enum Meaning {
    /// It is done.
    Completed {
        /// The answer, where it is JSON.
        output: Option<Box<RawValue>>,
    },
    /// It is not done.
    NotDone {
        /// Another try cannot help.
        is_final: bool,
        /// Such as `http_503`.
        class: String,
        /// For people.
        message: String,
        /// The shortest wait until the next try.
        not_before: Option<Duration>,
    },
}

/// Judges an answer: 2xx is done; 408, 409, 425, 429, 5xx may pass, as a redirect may that somebody mends; other 4xx never will.
pub(crate) fn meaning(answer: &PushAnswer, now: Timestamp) -> Meaning {
    let status = answer.status;
    if (200..300).contains(&status) {
        return Meaning::Completed { output: output(answer) };
    }
    let may_pass = matches!(status, 408 | 409 | 425 | 429) || !(400..500).contains(&status);
    let not_before = answer.retry_after.as_deref().and_then(|text| patience(text, now));
    Meaning::NotDone {
        is_final: !may_pass,
        class: format!("http_{status}"),
        message: message(answer),
        not_before: not_before.filter(|_| may_pass),
    }
}

/// The answer as the job's output. What is no JSON, or too long, never undoes what was done.
fn output(answer: &PushAnswer) -> Option<Box<RawValue>> {
    if answer.is_cut {
        let note = "the answer was longer than 1 MiB and was dropped";
        return serde_json::value::to_raw_value(&json!({ "backstay_note": note })).ok();
    }
    let text = std::str::from_utf8(&answer.body).ok()?.trim();
    let output: Box<RawValue> = serde_json::from_str(text).ok()?;
    (output.get() != "null").then_some(output)
}

fn message(answer: &PushAnswer) -> String {
    let status = answer.status;
    let mut message = format!("the answer was {status}");
    if (300..400).contains(&status) {
        message += "; redirects are not followed";
    }
    // A character that is cut in its middle is cut away with the rest.
    let start = &answer.body[..answer.body.len().min(bounds::PUSH_MESSAGE_BYTES + 8)];
    let text = bounds::clip(&String::from_utf8_lossy(start), bounds::PUSH_MESSAGE_BYTES);
    match text.trim() {
        "" => message,
        text => format!("{message}: {text}"),
    }
}

/// Reads `Retry-After`: seconds, or a date; nothing where it is neither, or past.
fn patience(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let until = rfc2822::parse(text).ok()?.timestamp();
    Duration::try_from(until.duration_since(now)).ok()
}

#[cfg(test)]
mod tests;
