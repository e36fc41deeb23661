//! What jobs print: one line as documents carry it, and how lines stand in a part of `output_log`.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::instant::Instant;

/// Where a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
    /// The handler's own log.
    Log,
    /// A remark about the output, such as that some of it is missing.
    Note,
}

impl Stream {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Stream::Out => "out",
            Stream::Err => "err",
            Stream::Log => "log",
            Stream::Note => "note",
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Stream {
    type Err = String;

    fn from_str(word: &str) -> Result<Stream, String> {
        let all = [Stream::Out, Stream::Err, Stream::Log, Stream::Note];
        let found = all.into_iter().find(|stream| stream.as_str() == word);
        found.ok_or_else(|| format!("`{word}` is no stream: out, err, log or note"))
    }
}

/// One line of what an attempt printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintedLine {
    /// Which attempt, from 1.
    pub attempt: i32,
    /// When it was read, by the clock of the worker's machine.
    pub at: Instant,
    /// Where it came from.
    pub stream: Stream,
    /// The line without its end; secrets are blanked, control characters are not.
    pub text: String,
}

/// Adds a line to a part: instant, stream, text.
pub(crate) fn write(part: &mut String, at: SystemTime, stream: &str, text: &str) {
    // A pipe is no stopwatch: milliseconds are enough, and half as long.
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let at = UNIX_EPOCH + Duration::from_millis(u64::try_from(since).unwrap_or(0));
    let at = Instant::try_from(at).map(|at| at.to_string()).unwrap_or_default();
    let line = text.replace(['\n', '\r'], " ");
    part.extend([at.as_str(), " ", stream, " ", line.as_str(), "\n"]);
}

/// Takes a part apart; a line of another form, which only a hand could have written, is passed over.
pub(crate) fn read(attempt: i32, part: &str) -> impl Iterator<Item = PrintedLine> {
    part.lines().filter_map(move |line| {
        let mut fields = line.splitn(3, ' ');
        let (at, stream) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let text = fields.next().unwrap_or_default().to_owned();
        Some(PrintedLine { attempt, at, stream, text })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_read_as_it_was_written() {
        let at = UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        let mut part = String::new();
        for text in ["page 1  of 2", "", " indented", "out of\u{2028}order"] {
            write(&mut part, at, "out", text);
        }
        write(&mut part, at, "err", "two\nlines");
        assert!(part.starts_with("2023-11-14T22:13:20.123Z out page 1  of 2\n"), "{part}");
        let lines: Vec<PrintedLine> = read(3, &part).collect();
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["page 1  of 2", "", " indented", "out of\u{2028}order", "two lines"]);
        assert_eq!((lines[4].stream, lines[4].attempt), (Stream::Err, 3));
        assert_eq!(SystemTime::from(lines[0].at), at);
        assert_eq!(read(1, "nonsense\n\n2023-11-14T22:13:20Z loud x\n").count(), 0);
    }
}
