//! Cuts a stream of bytes into lines, never holding more than one line of bounded length.

/// The longest line of the child protocol in bytes, without its line feed.
pub const LINE_BYTES: usize = 8 * 1024 * 1024;

/// Collects bytes and gives them back as lines.
#[derive(Debug, Default)]
pub struct LineDecoder {}
