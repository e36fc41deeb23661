//! What the fuzzer feeds: whatever a child writes, and what a child is sent.

use crate::frame::{LineDecoder, LineTooLong};
use crate::protocol::read::{Said, parse};
use crate::protocol::{Fault, LastWord, ToChild};

/// The bound of a line here, small so that it is reached.
const MAX_BYTES: usize = 4096;

/// A stream of a child: its first byte says in pieces of which size it comes.
pub fn child_frame(data: &[u8]) {
    let Some((size, stream)) = data.split_first() else { return };
    let mut decoder = LineDecoder::new(MAX_BYTES);
    let mut lines = stream.split(|byte| *byte == b'\n');
    for piece in stream.chunks(usize::from(*size).max(1)) {
        decoder.push(piece);
        loop {
            match decoder.next_line() {
                Ok(Some(line)) => {
                    assert_eq!(Some(line), lines.next(), "lines depend on how the stream is cut");
                    read(line);
                }
                Ok(None) => break,
                Err(LineTooLong) => {
                    assert!(lines.next().is_some_and(|line| line.len() > MAX_BYTES));
                    return;
                }
            }
        }
    }
}

/// What is taken for a message must be JSON further on, too.
fn read(line: &[u8]) {
    match parse(line) {
        Ok(line) => {
            line.is_about("7", 2);
            let raw = match &line.said {
                Said::Checkpoint { value, .. } => Some(value),
                Said::Enqueue { jobs, .. } => Some(jobs),
                Said::Log { fields, .. } => fields.as_ref(),
                Said::Last(LastWord::Done { output, .. }) => output.as_ref(),
                _ => None,
            };
            if let Some(raw) = raw {
                serde_json::from_str::<&serde_json::value::RawValue>(raw.get())
                    .expect("it was JSON");
            }
        }
        Err(fault) => assert_eq!(fault, Fault::BadLine),
    }
    if let Ok(text) = std::str::from_utf8(line) {
        // A bad line from a supervisor is an error to the child, too.
        drop(ToChild::parse(text));
    }
}

#[cfg(test)]
mod tests {
    use crate::replay::replay;

    #[test]
    fn whatever_was_fed_to_the_reader_of_children_is_read_without_harm() {
        replay("child_frame", super::child_frame);
    }
}
