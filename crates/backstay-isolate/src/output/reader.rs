//! Cuts what an attempt has printed into lines of bounded length and valid text, each with its stream and its time.

use std::time::SystemTime;

use super::ring::{OutputRing, Stream};

/// A longer line is cut here, and the rest of it dropped.
pub(crate) const OUTPUT_LINE_BYTES: usize = 8 * 1024;

/// Stands at the end of a line that was cut.
const CUT: &str = " … (the rest of this line is cut)";

/// What a line costs beside its text where it is stored; a bound on lines would otherwise bound nothing.
const LINE_COST: usize = 32;

/// One line of what a job printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputLine {
    /// Where it came from.
    pub stream: Stream,
    /// When its first byte was read, by the clock of this machine.
    pub at: SystemTime,
    /// The line without its end: at most 8 KiB, valid text without NUL.
    pub text: String,
}

/// Reads the lines of one attempt while and after it prints them.
#[derive(Debug)]
pub struct OutputReader {
    ring: OutputRing,
    /// The number of the next byte.
    next: u64,
    /// Unfinished lines of stdout, stderr and log.
    open: [Open; 3],
}

/// A line whose end has not come.
#[derive(Debug, Default)]
struct Open {
    at: Option<SystemTime>,
    bytes: Vec<u8>,
    /// It was longer than a line may be: what comes up to its end is dropped.
    skips: bool,
    /// The last byte was a carriage return: a line feed behind it ends no second line.
    returned: bool,
}

impl OutputReader {
    /// Reads from the oldest byte that is kept.
    pub fn new(ring: &OutputRing) -> OutputReader {
        OutputReader { ring: ring.clone(), next: 0, open: Default::default() }
    }

    /// Gives the lines that are finished and not yet read, in the order of their ends: about `most` bytes of them, each
    /// line counted with 32 bytes on top.
    pub fn lines(&mut self, most: usize) -> Vec<OutputLine> {
        let ring = self.ring.clone();
        let ring = ring.lock();
        let (mut lines, mut cost) = (Vec::new(), 0);
        let first = ring.pieces.front().map_or(self.next, |piece| piece.from);
        if self.next < first {
            let at = ring.pieces.front().map_or(SystemTime::UNIX_EPOCH, |piece| piece.at);
            self.note_gap(first - self.next, at, &mut lines);
            self.next = first;
        }
        for piece in &ring.pieces {
            let read = usize::try_from(self.next - piece.from.min(self.next)).unwrap_or(usize::MAX);
            let Some(bytes) = piece.bytes.get(read..) else { continue };
            for (n, byte) in bytes.iter().enumerate() {
                if cost >= most {
                    self.next += n as u64;
                    return lines;
                }
                if let Some(line) =
                    self.open[slot(piece.stream)].take(*byte, piece.stream, piece.at)
                {
                    cost += line.text.len() + LINE_COST;
                    lines.push(line);
                }
            }
            self.next += bytes.len() as u64;
        }
        lines
    }

    /// Gives what is left, also of lines that never ended; for after the end of the attempt. As in
    /// [`OutputReader::lines`], about `most` bytes at a time: an empty answer means that nothing is left.
    pub fn rest(&mut self, most: usize) -> Vec<OutputLine> {
        let mut lines = self.lines(most);
        if lines.is_empty() || most == usize::MAX {
            self.close(&mut lines);
        }
        lines
    }

    fn close(&mut self, lines: &mut Vec<OutputLine>) {
        for stream in [Stream::Stdout, Stream::Stderr, Stream::Log] {
            lines.extend(std::mem::take(&mut self.open[slot(stream)]).end(stream));
        }
    }

    /// The ring was faster than its reader: whatever was begun ends here.
    fn note_gap(&mut self, bytes: u64, at: SystemTime, lines: &mut Vec<OutputLine>) {
        self.close(lines);
        let text = format!("… {bytes} bytes are missing here: they came faster than they are kept");
        lines.push(OutputLine { stream: Stream::Note, at, text });
    }
}

fn slot(stream: Stream) -> usize {
    match stream {
        Stream::Stdout => 0,
        Stream::Stderr => 1,
        Stream::Log | Stream::Note => 2,
    }
}

impl Open {
    fn take(&mut self, byte: u8, stream: Stream, at: SystemTime) -> Option<OutputLine> {
        let after_return = std::mem::replace(&mut self.returned, byte == b'\r');
        // A bare carriage return ends a line, too: a progress bar is a line for each of its states.
        if byte == b'\n' || byte == b'\r' {
            if byte == b'\n' && after_return {
                return None;
            }
            let returned = self.returned;
            let line = std::mem::take(self);
            self.returned = returned;
            return (!line.skips).then(|| line.finish(stream, at, ""));
        }
        if self.skips {
            return None;
        }
        self.at.get_or_insert(at);
        self.bytes.push(byte);
        if self.bytes.len() < OUTPUT_LINE_BYTES - CUT.len() {
            return None;
        }
        let line = std::mem::take(self);
        self.skips = true;
        Some(line.finish(stream, at, CUT))
    }

    /// The attempt has ended, or the rest of the line is lost.
    fn end(self, stream: Stream) -> Option<OutputLine> {
        let at = self.at.filter(|_| !self.skips)?;
        Some(self.finish(stream, at, ""))
    }

    fn finish(self, stream: Stream, at: SystemTime, mark: &str) -> OutputLine {
        OutputLine { stream, at: self.at.unwrap_or(at), text: text(&self.bytes, mark) }
    }
}

/// Valid text without NUL, still no longer than a line may be.
fn text(bytes: &[u8], mark: &str) -> String {
    let mut text = String::from_utf8_lossy(bytes).replace('\0', "\u{FFFD}");
    let most = OUTPUT_LINE_BYTES - CUT.len();
    let mut mark = mark;
    // What stands in place of a bad byte is longer than the byte.
    if text.len() > most {
        let mut end = most;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        mark = CUT;
    }
    text + mark
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(bytes: &[u8]) -> Vec<String> {
        let ring = OutputRing::new();
        ring.push(Stream::Stdout, bytes);
        OutputReader::new(&ring).rest(usize::MAX).into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn lines_end_with_any_kind_of_end_and_an_unfinished_one_with_the_attempt() {
        assert_eq!(read(b"a\nb\r\n\nc\rd\r\r\ne"), ["a", "b", "", "c", "d", "", "e"]);
    }

    #[test]
    fn bad_bytes_and_nul_are_replaced() {
        assert_eq!(read(b"a\0b\xFF\n\xE2\x82\n"), ["a\u{FFFD}b\u{FFFD}", "\u{FFFD}"]);
    }

    #[test]
    fn a_long_line_is_cut_at_once_and_marked_and_the_next_one_is_whole() {
        for filler in ["x", "\0", "\u{20AC}"] {
            let ring = OutputRing::new();
            let mut reader = OutputReader::new(&ring);
            ring.push(Stream::Stderr, filler.repeat(20_000).as_bytes());
            let early = reader.lines(usize::MAX);
            assert_eq!(early.len(), 1, "its end is not waited for");
            assert!(early[0].text.ends_with(CUT) && early[0].text.len() <= OUTPUT_LINE_BYTES);
            ring.push(Stream::Stderr, b"tail\nnext\n");
            let late: Vec<String> =
                reader.rest(usize::MAX).into_iter().map(|line| line.text).collect();
            assert_eq!(late, ["next"]);
        }
    }

    #[test]
    fn a_character_that_comes_in_two_reads_is_one() {
        let ring = OutputRing::new();
        let mut reader = OutputReader::new(&ring);
        ring.push(Stream::Stdout, &[b'=', 0xE2, 0x82]);
        assert!(reader.lines(usize::MAX).is_empty());
        ring.push(Stream::Stderr, b"beside\n");
        ring.push(Stream::Stdout, &[0xAC, b'\n']);
        let lines = reader.lines(usize::MAX);
        let texts: Vec<(Stream, &str)> =
            lines.iter().map(|line| (line.stream, line.text.as_str())).collect();
        assert_eq!(texts, [(Stream::Stderr, "beside"), (Stream::Stdout, "=\u{20AC}")]);
    }

    #[test]
    fn a_reader_that_falls_behind_is_told_how_much_it_missed() {
        let ring = OutputRing::new();
        let mut reader = OutputReader::new(&ring);
        ring.push(Stream::Stdout, b"begun");
        assert!(reader.lines(usize::MAX).is_empty());
        for _ in 0..40 {
            ring.push(Stream::Stdout, &[b'x'; 8 * 1024 - 1]);
            ring.push(Stream::Stdout, b"\n");
        }
        let lines = reader.lines(usize::MAX);
        assert_eq!((lines[0].text.as_str(), lines[1].stream), ("begun", Stream::Note));
        assert!(lines[1].text.contains("bytes are missing here"), "{}", lines[1].text);
    }

    #[test]
    fn no_more_is_read_at_once_than_was_asked_for_and_nothing_is_lost() {
        let ring = OutputRing::new();
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        ring.push_at(Stream::Stdout, "0123456789\n".repeat(1_000).as_bytes(), at);
        let mut reader = OutputReader::new(&ring);
        let (mut all, mut rounds) = (0, 0);
        loop {
            let lines = reader.rest(4_200);
            if lines.is_empty() {
                break;
            }
            assert!(lines.len() <= 101 && lines.iter().all(|line| line.at == at));
            (all, rounds) = (all + lines.len(), rounds + 1);
        }
        assert_eq!((all, rounds), (1_000, 10));
    }
}
