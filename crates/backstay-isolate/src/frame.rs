//! Cuts a stream of bytes into lines, never holding more than one line of bounded length and one read.

/// The longest line of the child protocol in bytes, without its line feed: 8 MiB.
pub const LINE_BYTES: usize = 8 * 1024 * 1024;

/// Spare room offered to one read; a pipe holds 64 KiB, most messages are far below 1 KiB.
const READ_BYTES: usize = 16 * 1024;

/// Says that a line is longer than its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line is longer than its bound")]
pub struct LineTooLong;

/// Collects bytes and gives them back as lines.
///
/// ```
/// let mut decoder = backstay_isolate::LineDecoder::new(100);
/// decoder.push(b"one\ntw");
/// assert_eq!(decoder.next_line(), Ok(Some(&b"one"[..])));
/// assert_eq!(decoder.next_line(), Ok(None));
/// decoder.push(b"o\n");
/// assert_eq!(decoder.next_line(), Ok(Some(&b"two"[..])));
/// ```
#[derive(Debug)]
pub struct LineDecoder {
    bytes: Vec<u8>,
    /// Where the next line starts.
    start: usize,
    /// Up to where there is no line feed.
    searched: usize,
    max_bytes: usize,
}

impl LineDecoder {
    /// Makes a decoder for lines up to `max_bytes`.
    pub fn new(max_bytes: usize) -> LineDecoder {
        LineDecoder { bytes: Vec::new(), start: 0, searched: 0, max_bytes }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.room().extend_from_slice(bytes);
    }

    /// Gives the place to which the next bytes are to be appended, with room for one read.
    pub(crate) fn room(&mut self) -> &mut Vec<u8> {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
        }
        // A long line doubles its room, so that it is not copied once per read.
        let wanted = if self.bytes.len() < READ_BYTES { READ_BYTES } else { self.bytes.len() };
        self.bytes.reserve(wanted.min(self.max_bytes.max(READ_BYTES)));
        &mut self.bytes
    }

    /// Gives the next whole line without its line feed, if there is one.
    ///
    /// # Errors
    /// [`LineTooLong`] as soon as more than the bound has come without a line feed.
    pub fn next_line(&mut self) -> Result<Option<&[u8]>, LineTooLong> {
        let found = self.bytes[self.searched..].iter().position(|byte| *byte == b'\n');
        let end = match found {
            Some(offset) => self.searched + offset,
            None => self.bytes.len(),
        };
        if end - self.start > self.max_bytes {
            return Err(LineTooLong);
        }
        if found.is_none() {
            self.searched = end;
            if self.start == end {
                // All lines are taken, and the next may be far away.
                *self = LineDecoder::new(self.max_bytes);
            }
            return Ok(None);
        }
        let start = self.start;
        self.start = end + 1;
        self.searched = self.start;
        Ok(Some(&self.bytes[start..end]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(decoder: &mut LineDecoder) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        while let Some(line) = decoder.next_line().unwrap() {
            lines.push(line.to_vec());
        }
        lines
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_how_the_stream_is_cut(
            text in "[ab\n]{0,200}",
            cuts in proptest::collection::vec(1_usize..40, 1..40),
        ) {
            let mut whole = LineDecoder::new(1000);
            whole.push(text.as_bytes());
            let mut cut = LineDecoder::new(1000);
            let mut rest = text.as_bytes();
            let mut got = Vec::new();
            for size in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (now, later) = rest.split_at((*size).min(rest.len()));
                cut.push(now);
                got.extend(lines(&mut cut));
                rest = later;
            }
            prop_assert_eq!(got, lines(&mut whole));
        }
    }

    proptest! {
        #[test]
        fn garbage_of_any_size_is_cut_or_refused_and_never_heaped_up(
            pieces in proptest::collection::vec((any::<u8>(), 0_usize..50_000, any::<bool>()), 1..60),
        ) {
            const MAX_BYTES: usize = 32 * 1024;
            let mut decoder = LineDecoder::new(MAX_BYTES);
            'stream: for (byte, size, ends) in pieces {
                decoder.push(&vec![byte; size]);
                decoder.push(if ends { b"\n" } else { b"" });
                // What one push brought, at most doubled by the room for the next.
                prop_assert!(decoder.bytes.capacity() <= 4 * (MAX_BYTES + 50_000));
                loop {
                    match decoder.next_line() {
                        Ok(Some(line)) => prop_assert!(line.len() <= MAX_BYTES && !line.contains(&b'\n')),
                        Ok(None) => break,
                        Err(LineTooLong) => break 'stream,
                    }
                }
            }
        }
    }

    #[test]
    fn a_hundred_megabytes_without_a_line_feed_are_refused_at_eight() {
        let (mut decoder, mut taken) = (LineDecoder::new(LINE_BYTES), 0);
        while taken < 100 * 1024 * 1024 && decoder.next_line().is_ok() {
            decoder.push(&[0; 64 * 1024]);
            taken += 64 * 1024;
        }
        assert_eq!((taken, decoder.next_line()), (LINE_BYTES + 64 * 1024, Err(LineTooLong)));
        assert!(decoder.bytes.capacity() <= 3 * LINE_BYTES, "{}", decoder.bytes.capacity());
    }

    #[test]
    fn a_line_over_its_bound_is_refused_before_it_ends() {
        let mut decoder = LineDecoder::new(8);
        decoder.push(b"12345678");
        assert_eq!(decoder.next_line(), Ok(None));
        decoder.push(b"9");
        assert_eq!(decoder.next_line(), Err(LineTooLong));
    }

    #[test]
    fn memory_of_a_long_line_is_given_back() {
        let mut decoder = LineDecoder::new(LINE_BYTES);
        for _ in 0..64 {
            decoder.push(&[b'x'; 64 * 1024]);
            assert_eq!(decoder.next_line(), Ok(None));
        }
        decoder.push(b"\n");
        assert_eq!(decoder.next_line().unwrap().map(<[u8]>::len), Some(4 * 1024 * 1024));
        assert_eq!(decoder.next_line(), Ok(None));
        decoder.push(b"short\n");
        assert!(decoder.bytes.capacity() <= 2 * READ_BYTES, "{}", decoder.bytes.capacity());
    }
}
