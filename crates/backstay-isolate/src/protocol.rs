//! The messages of child protocol v1, both directions, and what counts as a broken rule.

use std::borrow::Cow;
use std::time::Duration;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// The protocol that this version speaks.
pub(crate) const PROTOCOL: u32 = 1;

/// The handler's own last word about an attempt.
#[derive(Clone, Debug)]
pub enum LastWord {
    /// The work is done.
    Done {
        /// Any JSON value.
        output: Option<Box<RawValue>>,
        /// The handler has completed the job in its own transaction.
        completed_in_tx: bool,
    },
    /// It is not.
    Fail {
        /// What went wrong, for people.
        message: String,
        /// The error's class, for rules.
        class: Option<String>,
        /// Where it went wrong.
        trace: Option<String>,
        /// What makes two errors the same, if the handler knows better.
        fingerprint: Option<String>,
        /// What the handler asks for.
        then: Then,
        /// For [`Then::RetryIn`] and [`Then::Snooze`].
        after: Option<Duration>,
    },
}

/// What a `fail` asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// Try again by the job's policy.
    #[default]
    Retry,
    /// Try again after a time of the handler's choice.
    RetryIn,
    /// Call again later; not a failure.
    Snooze,
    /// Never again.
    Dead,
    /// The job is not wanted any more.
    Cancel,
    /// Stopped on request, at a point from which it can go on.
    Interrupted,
}

/// Which rule of the protocol a child broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A line that is not a JSON object with a `type`, or whose fields have the wrong types.
    BadLine,
    /// A line over 8 MiB.
    LineTooLong,
    /// No `ready`, or one for another version.
    UnsupportedProtocol,
    /// About a job that is not in hand, or a second last word.
    UnexpectedMessage,
    /// Exit 0 without a last word.
    NoResult,
    /// The child asks and does not read the answers.
    AnswersUnread,
}

impl Fault {
    /// Gives the stable code of the broken rule.
    pub fn code(self) -> &'static str {
        match self {
            Fault::BadLine => "BS701",
            Fault::LineTooLong => "BS702",
            Fault::UnsupportedProtocol => "BS703",
            Fault::UnexpectedMessage | Fault::AnswersUnread => "BS704",
            Fault::NoResult => "BS705",
        }
    }
}

/// A message to the child, as the child reads it.
#[derive(Debug)]
pub enum ToChild {
    /// The first line.
    Hello {
        /// Versions that the supervisor speaks, best first.
        protocols: Vec<u32>,
        /// The whole object.
        raw: Box<RawValue>,
    },
    /// A job to run.
    Job {
        /// Its id.
        id: String,
        /// Its attempt.
        attempt: i32,
        /// The whole object, with `scratch`.
        raw: Box<RawValue>,
    },
    /// Stop the job in hand.
    Cancel {
        /// Its id.
        id: String,
        /// Its attempt.
        attempt: i32,
        /// `cancelled`, `timed_out`, `stalled`, `stale` or `shutdown`.
        reason: String,
        /// Time until the kill.
        grace: Duration,
    },
    /// Finish, then exit with 0; no further job comes.
    Drain {
        /// Time until the kill.
        deadline: Duration,
    },
    /// The answer to a checkpoint or an enqueue.
    Answer {
        /// The reference that was given.
        reference: Value,
        /// Accepted.
        ok: bool,
        /// The error's code.
        code: Option<String>,
        /// The error's text.
        message: Option<String>,
    },
}

/// A message from the child, as the child writes it.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromChild {
    /// Booted; answers `hello`.
    Ready {
        /// The chosen version.
        protocol: u32,
        /// The kinds that it runs.
        kinds: Vec<String>,
        /// A name for people.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// How far it is.
    Progress {
        /// The job.
        id: String,
        /// The attempt.
        attempt: i32,
        /// 0 to 100.
        #[serde(skip_serializing_if = "Option::is_none")]
        percent: Option<f32>,
        /// A short text.
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// It lives.
    Alive {
        /// The job.
        id: String,
        /// The attempt.
        attempt: i32,
    },
    /// A line for the job's output.
    Log {
        /// The job.
        id: String,
        /// The attempt.
        attempt: i32,
        /// `error`, `warn`, `info`, `debug` or `trace`.
        level: String,
        /// The text.
        message: String,
        /// Structured fields.
        #[serde(skip_serializing_if = "Option::is_none")]
        fields: Option<Box<RawValue>>,
    },
    /// A value to store.
    Checkpoint {
        /// The job.
        id: String,
        /// The attempt.
        attempt: i32,
        /// The value.
        value: Box<RawValue>,
        /// Makes the supervisor answer.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<Value>,
    },
    /// Jobs to enqueue when this one completes.
    Enqueue {
        /// The job.
        id: String,
        /// The attempt.
        attempt: i32,
        /// A list of `{kind, args, options}`.
        jobs: Box<RawValue>,
        /// Makes the supervisor answer.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<Value>,
    },
    /// The last word: done.
    Done {
        /// The job.
        id: String,
        /// The attempt.
        attempt: i32,
        /// Any JSON value.
        #[serde(skip_serializing_if = "Option::is_none")]
        output: Option<Box<RawValue>>,
        /// The handler has completed the job in its own transaction.
        completed_in_tx: bool,
    },
    /// The last word: not done.
    Fail {
        /// The job.
        id: String,
        /// The attempt.
        attempt: i32,
        /// What went wrong.
        message: String,
        /// The error's class.
        #[serde(skip_serializing_if = "Option::is_none")]
        class: Option<String>,
        /// Where it went wrong.
        #[serde(skip_serializing_if = "Option::is_none")]
        trace: Option<String>,
        /// What makes two errors the same.
        #[serde(skip_serializing_if = "Option::is_none")]
        fingerprint: Option<String>,
        /// What the handler asks for.
        then: Then,
        /// For `retry_in` and `snooze`, in milliseconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        after_ms: Option<u64>,
    },
}

/// A line of a child, taken apart.
#[derive(Debug)]
pub(crate) struct Line {
    /// The job it is about, as JSON text: a number or a string.
    id: Option<String>,
    attempt: Option<String>,
    pub(crate) said: Said,
}

/// What a line says.
#[derive(Debug)]
pub(crate) enum Said {
    Ready {
        protocol: u32,
        kinds: Vec<String>,
        name: Option<String>,
    },
    Progress {
        percent: Option<f32>,
        note: Option<String>,
    },
    Alive,
    Log {
        level: String,
        message: String,
        fields: Option<Box<RawValue>>,
    },
    Checkpoint {
        value: Box<RawValue>,
        reference: Option<Value>,
    },
    Enqueue {
        jobs: Box<RawValue>,
        reference: Option<Value>,
    },
    Last(LastWord),
    /// From a newer child; to be ignored.
    Unknown,
}

impl Line {
    /// Says whether the line is about this attempt.
    pub(crate) fn is_about(&self, id: &str, attempt: i32) -> bool {
        let text = self.id.as_deref().unwrap_or("");
        let same_id = text == id || unquoted(text) == Some(id);
        same_id && self.attempt.as_deref().is_some_and(|text| text.parse() == Ok(attempt))
    }
}

fn unquoted(text: &str) -> Option<&str> {
    text.strip_prefix('"')?.strip_suffix('"')
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    attempt: Option<&'a RawValue>,
}

/// Takes a line apart in two passes, so that fields of unknown messages may have any type.
pub(crate) fn parse(line: &[u8]) -> Result<Line, Fault> {
    let text = std::str::from_utf8(line).map_err(|_| Fault::BadLine)?;
    let head: Head<'_> = serde_json::from_str(text).map_err(|_| Fault::BadLine)?;
    let said = say(&head.kind, text).map_err(|_| Fault::BadLine)?;
    let text = |raw: Option<&RawValue>| raw.map(|raw| raw.get().to_owned());
    Ok(Line { id: text(head.id), attempt: text(head.attempt), said })
}

fn say(kind: &str, text: &str) -> serde_json::Result<Said> {
    Ok(match kind {
        "ready" => serde_json::from_str::<ReadyLine>(text)?.into(),
        "progress" => serde_json::from_str::<ProgressLine>(text)?.into(),
        "alive" => Said::Alive,
        "log" => serde_json::from_str::<LogLine>(text)?.into(),
        "checkpoint" => serde_json::from_str::<CheckpointLine>(text)?.into(),
        "enqueue" => serde_json::from_str::<EnqueueLine>(text)?.into(),
        "done" => serde_json::from_str::<DoneLine>(text)?.into(),
        "fail" => serde_json::from_str::<FailLine>(text)?.into(),
        _ => Said::Unknown,
    })
}

/// A string in which lone surrogates and broken characters have become U+FFFD: an error message of
/// a program must not turn into an error of the protocol.
struct Lossy(String);

impl<'de> Deserialize<'de> for Lossy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Lossy, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Lossy;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string")
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Lossy, E> {
                Ok(Lossy(String::from_utf8_lossy(bytes).into_owned()))
            }
        }
        // As bytes, because as text serde_json refuses lone surrogates.
        deserializer.deserialize_bytes(Bytes)
    }
}

#[derive(Deserialize)]
struct ReadyLine {
    protocol: u32,
    #[serde(default)]
    kinds: Vec<String>,
    name: Option<Lossy>,
}

impl From<ReadyLine> for Said {
    fn from(line: ReadyLine) -> Said {
        let name = line.name.map(|name| name.0);
        Said::Ready { protocol: line.protocol, kinds: line.kinds, name }
    }
}

#[derive(Deserialize)]
struct ProgressLine {
    percent: Option<f32>,
    note: Option<Lossy>,
}

impl From<ProgressLine> for Said {
    fn from(line: ProgressLine) -> Said {
        Said::Progress { percent: line.percent, note: line.note.map(|note| note.0) }
    }
}

#[derive(Deserialize)]
struct LogLine {
    level: Option<Lossy>,
    message: Option<Lossy>,
    fields: Option<Box<RawValue>>,
}

/// A line of a job's output.
const LOG_BYTES: usize = 8 * 1024;

impl From<LogLine> for Said {
    fn from(line: LogLine) -> Said {
        let mut message = line.message.map(|message| message.0).unwrap_or_default();
        let mut end = message.len().min(LOG_BYTES);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        message.truncate(end);
        let level = line.level.map(|level| level.0).unwrap_or_default();
        let fields = line.fields.filter(|fields| fields.get().len() <= LOG_BYTES);
        Said::Log { level, message, fields }
    }
}

#[derive(Deserialize)]
struct CheckpointLine {
    value: Box<RawValue>,
    #[serde(rename = "ref")]
    reference: Option<Value>,
}

impl From<CheckpointLine> for Said {
    fn from(line: CheckpointLine) -> Said {
        Said::Checkpoint { value: line.value, reference: line.reference }
    }
}

#[derive(Deserialize)]
struct EnqueueLine {
    jobs: Box<RawValue>,
    #[serde(rename = "ref")]
    reference: Option<Value>,
}

impl From<EnqueueLine> for Said {
    fn from(line: EnqueueLine) -> Said {
        Said::Enqueue { jobs: line.jobs, reference: line.reference }
    }
}

#[derive(Deserialize)]
struct DoneLine {
    output: Option<Box<RawValue>>,
    completed_in_tx: Option<bool>,
}

impl From<DoneLine> for Said {
    fn from(line: DoneLine) -> Said {
        let completed_in_tx = line.completed_in_tx.unwrap_or(false);
        Said::Last(LastWord::Done { output: line.output, completed_in_tx })
    }
}

#[derive(Deserialize)]
struct FailLine {
    message: Option<Lossy>,
    class: Option<Lossy>,
    trace: Option<Lossy>,
    fingerprint: Option<Lossy>,
    then: Option<Then>,
    after_ms: Option<u64>,
}

impl From<FailLine> for Said {
    fn from(line: FailLine) -> Said {
        let text = |text: Option<Lossy>| text.map(|text| text.0);
        Said::Last(LastWord::Fail {
            message: text(line.message).unwrap_or_default(),
            class: text(line.class),
            trace: text(line.trace),
            fingerprint: text(line.fingerprint),
            then: line.then.unwrap_or_default(),
            after: line.after_ms.map(Duration::from_millis),
        })
    }
}

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

pub(crate) fn hello_line(hello: Option<&RawValue>) -> Vec<u8> {
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

pub(crate) fn job_line(job: &RawValue, scratch: &str) -> Vec<u8> {
    line("job", &[("scratch", scratch)], job.get())
}

pub(crate) fn cancel_line(id: &str, attempt: i32, reason: &str, grace: Duration) -> Vec<u8> {
    let rest = format!("{{\"attempt\":{attempt},\"grace_ms\":{}}}", grace.as_millis());
    line("cancel", &[("id", id), ("reason", reason)], &rest)
}

pub(crate) fn drain_line(deadline: Duration) -> Vec<u8> {
    line("drain", &[], &format!("{{\"deadline_ms\":{}}}", deadline.as_millis()))
}

pub(crate) fn answer_line(
    reference: &Value,
    ok: bool,
    code: Option<&str>,
    message: Option<&str>,
) -> Vec<u8> {
    let rest = serde_json::json!({ "ref": reference, "ok": ok, "code": code, "message": message });
    line("answer", &[], &rest.to_string())
}

impl ToChild {
    /// Takes a line apart as the child sees it; `None` for what this version does not know.
    pub(crate) fn parse(text: &str) -> serde_json::Result<Option<ToChild>> {
        let line: ToChildLine = serde_json::from_str(text)?;
        let raw = || RawValue::from_string(text.to_owned());
        let id = line.id.map(|id| match unquoted(id.get()) {
            Some(text) => text.to_owned(),
            None => id.get().to_owned(),
        });
        let (id, attempt) = (id.unwrap_or_default(), line.attempt.unwrap_or_default());
        let millis = |ms: Option<u64>| Duration::from_millis(ms.unwrap_or_default());
        Ok(Some(match line.kind.as_str() {
            "hello" => ToChild::Hello { protocols: line.protocols, raw: raw()? },
            "job" => ToChild::Job { id, attempt, raw: raw()? },
            "cancel" => ToChild::Cancel {
                id,
                attempt,
                reason: line.reason.unwrap_or_default(),
                grace: millis(line.grace_ms),
            },
            "drain" => ToChild::Drain { deadline: millis(line.deadline_ms) },
            "answer" => ToChild::Answer {
                reference: line.reference.unwrap_or_default(),
                ok: line.ok.unwrap_or_default(),
                code: line.code,
                message: line.message,
            },
            _ => return Ok(None),
        }))
    }
}

#[derive(Deserialize)]
struct ToChildLine {
    #[serde(rename = "type")]
    kind: String,
    id: Option<Box<RawValue>>,
    attempt: Option<i32>,
    #[serde(default)]
    protocols: Vec<u32>,
    reason: Option<String>,
    grace_ms: Option<u64>,
    deadline_ms: Option<u64>,
    #[serde(rename = "ref")]
    reference: Option<Value>,
    ok: Option<bool>,
    code: Option<String>,
    message: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> Said {
        parse(line.as_bytes()).unwrap().said
    }

    #[test]
    fn unknown_messages_and_fields_are_ignored() {
        assert!(matches!(said(r#"{"type":"metrics","value":3,"percent":[]}"#), Said::Unknown));
        assert!(matches!(said(r#"{"type":"alive","id":1,"attempt":1,"new":{}}"#), Said::Alive));
    }

    #[test]
    fn what_is_not_a_message_is_a_bad_line() {
        let lines: [&[u8]; 8] = [
            b"",
            b"hello",
            b"{}",
            b"[]",
            b"{\"type\":3}",
            b"{\"type\":\"done\"",
            b"{\"type\":\"done\",\"output\":\"\xFF\"}",
            b"{\"type\":\"fail\",\"then\":\"perhaps\"}",
        ];
        for line in lines {
            assert_eq!(parse(line).unwrap_err(), Fault::BadLine, "{line:?}");
        }
    }

    #[test]
    fn ids_match_as_number_and_as_text() {
        for line in
            [r#"{"type":"alive","id":"42","attempt":1}"#, r#"{"type":"alive","id":42,"attempt":1}"#]
        {
            let line = parse(line.as_bytes()).unwrap();
            assert!(line.is_about("42", 1) && !line.is_about("42", 2) && !line.is_about("4", 1));
        }
        assert!(!parse(br#"{"type":"alive"}"#).unwrap().is_about("42", 1));
    }

    #[test]
    fn lone_surrogates_in_a_message_do_not_break_the_protocol() {
        let Said::Last(LastWord::Fail { message, then, .. }) =
            said(r#"{"type":"fail","message":"a \ud800 b"}"#)
        else {
            panic!("not a fail")
        };
        assert!(message.starts_with("a \u{FFFD}") && message.ends_with(" b"), "{message:?}");
        assert_eq!(then, Then::Retry);
    }

    #[test]
    fn long_log_messages_are_cut_at_a_character() {
        let long = "\u{20AC}".repeat(LOG_BYTES);
        let Said::Log { message, .. } = said(&format!(r#"{{"type":"log","message":"{long}"}}"#))
        else {
            panic!("not a log")
        };
        assert_eq!(message.len(), LOG_BYTES / 3 * 3);
    }

    #[test]
    fn lines_to_the_child_are_read_back_by_the_child() {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let read = |line: Vec<u8>| {
            let text = String::from_utf8(line).unwrap();
            assert_eq!(text.matches('\n').count(), 1);
            ToChild::parse(text.trim_end()).unwrap().unwrap()
        };
        let job = raw("{\n \"id\": 7, \"attempt\": 2,\n \"args\": {\"a\": \"x\\ny\"}}");
        let ToChild::Job { id, attempt, raw: whole } = read(job_line(&job, "/tmp/\"x\"")) else {
            panic!("not a job")
        };
        assert_eq!((id.as_str(), attempt), ("7", 2));
        let whole: Value = serde_json::from_str(whole.get()).unwrap();
        assert_eq!(
            (&whole["args"]["a"], &whole["scratch"]),
            (&"x\ny".into(), &"/tmp/\"x\"".into())
        );
        assert!(matches!(read(job_line(&raw("{}"), "")), ToChild::Job { .. }));
        let hello = raw(r#"{"queue":"q","limits":{"processes":3}}"#);
        assert!(
            matches!(read(hello_line(Some(&hello))), ToChild::Hello { protocols, .. } if protocols == [1])
        );
        assert!(
            matches!(read(drain_line(Duration::from_secs(2))), ToChild::Drain { deadline } if deadline.as_secs() == 2)
        );
        let cancel = read(cancel_line("a\"b", 3, "shutdown", Duration::from_millis(5)));
        assert!(matches!(cancel, ToChild::Cancel { attempt: 3, .. }), "{cancel:?}");
        let answer = read(answer_line(&Value::from(9), false, Some("BS202"), None));
        assert!(matches!(answer, ToChild::Answer { ok: false, .. }), "{answer:?}");
    }
}
