//! Writes the lines that go to a child.

use std::time::Duration;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::protocol::PROTOCOL;

/// Writes `{"type":KIND,FIELDS...,REST...}` and a line feed; `object` is the rest, a JSON object.
fn line(kind: &str, fields: &[(&str, &str)], object: &str) -> Vec<u8> {
    let mut line = format!("{{\"type\":\"{kind}\"");
    for (name, value) in fields {
        let value = Value::from(*value);
        line.push_str(&format!(",\"{name}\":{value}"));
    }
    let rest = object.trim().strip_prefix('{').unwrap_or("}").trim_start();
    line.push_str(if rest.starts_with('}') { "" } else { "," });
    line.push_str(rest);
    let mut line = line.into_bytes();
    // Inside a JSON string a line feed is escaped, so every raw one is only white space.
    line.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
    line.push(b'\n');
    line
}

pub(crate) fn hello(hello: Option<&RawValue>) -> Vec<u8> {
    let fields = hello.and_then(|raw| serde_json::from_str(raw.get()).ok());
    let mut fields: serde_json::Map<String, Value> = fields.unwrap_or_default();
    fields.insert("protocols".into(), Value::from(vec![PROTOCOL]));
    fields.entry("backstay").or_insert_with(|| env!("CARGO_PKG_VERSION").into());
    let limits = fields.entry("limits").or_insert_with(|| Value::Object(Default::default()));
    if let Value::Object(limits) = limits {
        limits.insert("line_bytes".into(), crate::frame::LINE_BYTES.into());
    }
    line("hello", &[], &Value::Object(fields).to_string())
}

pub(crate) fn job(job: &RawValue, scratch: &str) -> Vec<u8> {
    line("job", &[("scratch", scratch)], job.get())
}

pub(crate) fn cancel(id: &str, attempt: i32, reason: &str, grace: Duration) -> Vec<u8> {
    let rest = format!("{{\"attempt\":{attempt},\"grace_ms\":{}}}", grace.as_millis());
    line("cancel", &[("id", id), ("reason", reason)], &rest)
}

pub(crate) fn drain(deadline: Duration) -> Vec<u8> {
    line("drain", &[], &format!("{{\"deadline_ms\":{}}}", deadline.as_millis()))
}

pub(crate) fn answer(
    reference: &Value,
    ok: bool,
    code: Option<&str>,
    message: Option<&str>,
) -> Vec<u8> {
    let rest = serde_json::json!({ "ref": reference, "ok": ok, "code": code, "message": message });
    line("answer", &[], &rest.to_string())
}
