//! How programs speak of a lack of memory: in their last lines, and in the errors that they report.

use super::Memory;
use crate::protocol::LastWord;

/// What runtimes write when they get no memory: Rust, Python, Node, C++, Node again for buffers.
const PHRASES: [&str; 5] = [
    "memory allocation of",
    "MemoryError",
    "heap out of memory",
    "bad_alloc",
    "Array buffer allocation failed",
];

/// Classes of such errors: Python, C++, Java.
const CLASSES: [&str; 3] = ["MemoryError", "bad_alloc", "OutOfMemoryError"];

/// Only the last words count: an error that was caught lies further back.
const LAST_BYTES: usize = 2048;

/// Says whether an attempt that died had come near its limit, or said that it got no memory.
pub(super) fn was_short(memory: &Memory<'_>) -> bool {
    let near = |limit: u64| memory.peak_bytes >= limit / 10 * 9;
    memory.limit_bytes.is_some_and(near) || speaks(last(memory.stderr))
}

/// Says whether a handler blames a lack of memory for its failure.
pub(super) fn is_blamed(word: &LastWord) -> bool {
    let LastWord::Fail { message, class, .. } = word else { return false };
    let class = class.as_deref().unwrap_or("");
    CLASSES.iter().any(|name| class.ends_with(name)) || speaks(message)
}

fn speaks(text: &str) -> bool {
    PHRASES.iter().any(|phrase| text.contains(phrase))
}

fn last(text: &str) -> &str {
    let mut from = text.len().saturating_sub(LAST_BYTES);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}
