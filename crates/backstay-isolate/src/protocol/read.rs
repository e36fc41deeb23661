//! Takes lines apart, those of a child and, in a child, those of its supervisor.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::protocol::{Fault, LastWord, Then, ToChild};

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
        versions: BTreeMap<String, u32>,
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
    #[serde(default)]
    args_versions: BTreeMap<String, u32>,
    name: Option<Lossy>,
}

impl From<ReadyLine> for Said {
    fn from(line: ReadyLine) -> Said {
        let name = line.name.map(|name| name.0);
        let (protocol, kinds, versions) = (line.protocol, line.kinds, line.args_versions);
        Said::Ready { protocol, kinds, versions, name }
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
    use crate::protocol::write;

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
        let ToChild::Job { id, attempt, raw: whole } = read(write::job(&job, "/tmp/\"x\"")) else {
            panic!("not a job")
        };
        assert_eq!((id.as_str(), attempt), ("7", 2));
        let whole: Value = serde_json::from_str(whole.get()).unwrap();
        assert_eq!(
            (&whole["args"]["a"], &whole["scratch"]),
            (&"x\ny".into(), &"/tmp/\"x\"".into())
        );
        assert!(matches!(read(write::job(&raw("{}"), "")), ToChild::Job { .. }));
        let hello = raw(r#"{"queue":"q","limits":{"processes":3}}"#);
        assert!(
            matches!(read(write::hello(Some(&hello))), ToChild::Hello { protocols, .. } if protocols == [1])
        );
        assert!(
            matches!(read(write::drain(Duration::from_secs(2))), ToChild::Drain { deadline } if deadline.as_secs() == 2)
        );
        let cancel = read(write::cancel("a\"b", 3, "shutdown", Duration::from_millis(5)));
        assert!(matches!(cancel, ToChild::Cancel { attempt: 3, .. }), "{cancel:?}");
        let answer = read(write::answer(&Value::from(9), false, Some("BS202"), None));
        assert!(matches!(answer, ToChild::Answer { ok: false, .. }), "{answer:?}");
    }
}
