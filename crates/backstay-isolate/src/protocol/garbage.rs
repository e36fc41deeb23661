//! Whatever a child writes, a line is a message or a broken rule, and never the end of its reader.

use proptest::prelude::*;

use super::read::parse;
use super::{Fault, ToChild};

/// One whole message of each type, with every field that has a type of its own.
const MESSAGES: [&str; 8] = [
    r#"{"type":"ready","protocol":1,"kinds":["a"],"args_versions":{"a":2},"name":"n"}"#,
    r#"{"type":"progress","id":"7","attempt":2,"percent":12.5,"note":"half"}"#,
    r#"{"type":"alive","id":7,"attempt":2}"#,
    r#"{"type":"log","id":"7","attempt":2,"level":"info","message":"m","fields":{"a":1}}"#,
    r#"{"type":"checkpoint","id":"7","attempt":2,"value":{"a":[1]},"ref":"r"}"#,
    r#"{"type":"enqueue","id":"7","attempt":2,"jobs":[{"kind":"k"}],"ref":1}"#,
    r#"{"type":"done","id":"7","attempt":2,"output":{"a":1},"completed_in_tx":false}"#,
    r#"{"type":"fail","id":"7","attempt":2,"message":"m","class":"c","then":"retry_in","after_ms":5}"#,
];

/// Reads it as both sides would; all that may come is a message or a bad line.
fn read(line: &[u8]) {
    match parse(line) {
        Ok(line) => drop(line.is_about("7", 2)),
        Err(fault) => assert_eq!(fault, Fault::BadLine),
    }
    if let Ok(text) = std::str::from_utf8(line) {
        // A bad line from a supervisor is an error to the child, too.
        let _message_or_error = ToChild::parse(text);
    }
}

proptest! {
    #[test]
    fn random_bytes_are_read_without_harm(line in proptest::collection::vec(any::<u8>(), 0..400)) {
        read(&line);
    }

    #[test]
    fn messages_that_are_cut_or_scribbled_over_are_read_without_harm(
        which in 0..MESSAGES.len(),
        end in 0_usize..200,
        scribbles in proptest::collection::vec((0_usize..200, any::<u8>()), 0..6),
    ) {
        let mut line = MESSAGES[which].as_bytes().to_vec();
        for (at, byte) in scribbles {
            let length = line.len();
            line[at % length] = byte;
        }
        line.truncate(end);
        read(&line);
    }

    #[test]
    fn any_value_in_any_field_is_read_without_harm(which in 0..MESSAGES.len(), field in 0_usize..7, value in value()) {
        let mut message: Vec<(String, String)> = fields(MESSAGES[which]);
        let length = message.len();
        message[field % length].1 = value;
        let fields: Vec<String> = message.iter().map(|(name, value)| format!("{name:?}:{value}")).collect();
        read(format!("{{{}}}", fields.join(",")).as_bytes());
    }
}

fn fields(message: &str) -> Vec<(String, String)> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(message).unwrap();
    object.into_iter().map(|(name, value)| (name, value.to_string())).collect()
}

/// Values that have broken readers: deep, huge, not quite text, not quite JSON.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        (1_usize..3_000).prop_map(|deep| format!("{}{}", "[".repeat(deep), "]".repeat(deep))),
        (1_usize..3_000).prop_map(|deep| "{\"a\":".repeat(deep)),
        (1_usize..3_000).prop_map(|digits| "9".repeat(digits)),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| format!("{number:e}")),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        Just("1e999999999".to_owned()),
        Just("-0.0e-0".to_owned()),
        Just("\"\\ud800\\u0000\\udfff\"".to_owned()),
        Just("\"\\uzzzz\"".to_owned()),
        Just("null".to_owned()),
    ]
}

#[test]
fn the_messages_themselves_are_read() {
    for message in MESSAGES {
        assert!(parse(message.as_bytes()).is_ok(), "{message}");
    }
}

#[test]
fn eight_megabytes_of_brackets_do_not_overflow_the_stack() {
    for (name, message) in
        [("output", "done"), ("value", "checkpoint"), ("ref", "checkpoint"), ("id", "alive")]
    {
        let brackets = "[".repeat(crate::frame::LINE_BYTES / 2 - 100);
        let closed = "]".repeat(brackets.len());
        for tail in ["", closed.as_str()] {
            read(format!(r#"{{"type":"{message}","{name}":{brackets}{tail}}}"#).as_bytes());
        }
    }
}
