//! stdout and stderr of a child: read no faster than a token bucket allows, with the newest lines and the end of stderr kept.

mod reader;
mod ring;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub use reader::{OutputLine, OutputReader};
pub use ring::{OutputRing, Stream};

/// Bounds what a child may print.
#[derive(Clone, Copy, Debug)]
pub struct OutputLimits {
    /// Bytes of stdout and stderr of one attempt in all; default 256 MiB, then it is ended.
    pub total_bytes: u64,
    /// Bytes read per second; default 1 MiB. A child that prints faster waits.
    pub bytes_per_second: u64,
    /// Bytes read at once after silence; default 4 MiB.
    pub burst_bytes: u64,
}

impl Default for OutputLimits {
    fn default() -> OutputLimits {
        OutputLimits {
            total_bytes: 256 * 1024 * 1024,
            bytes_per_second: 1024 * 1024,
            burst_bytes: 4 * 1024 * 1024,
        }
    }
}

/// The end of stderr that is kept: as much as an attempt's row takes.
const TAIL_BYTES: usize = 16 * 1024;

/// One read; an empty bucket is looked at again when it holds this much.
pub(crate) const CHUNK_BYTES: usize = 64 * 1024;

/// Counts and keeps what a child prints.
#[derive(Debug)]
pub(crate) struct Output {
    limits: OutputLimits,
    bucket: Bucket,
    tail: VecDeque<u8>,
    /// Where the attempt in hand is followed; without one, what is printed belongs to nobody.
    ring: Option<OutputRing>,
    read: u64,
    mark: u64,
    stray: u64,
}

impl Output {
    pub(crate) fn new(limits: OutputLimits, now: Instant) -> Output {
        let bucket = Bucket { tokens: limits.burst_bytes, at: now, empty: false };
        Output { limits, bucket, tail: VecDeque::new(), ring: None, read: 0, mark: 0, stray: 0 }
    }

    /// Says until when nothing may be read; `None`: now.
    pub(crate) fn closed_until(&mut self, now: Instant) -> Option<Instant> {
        if self.over_limit() {
            // It is being ended, and what it still prints is nobody's.
            return Some(now + Duration::from_secs(3600));
        }
        self.bucket.closed_until(&self.limits, now)
    }

    pub(crate) fn take(&mut self, stream: Stream, bytes: &[u8]) {
        self.read += bytes.len() as u64;
        self.bucket.tokens = self.bucket.tokens.saturating_sub(bytes.len() as u64);
        match &self.ring {
            Some(ring) => ring.push(stream, bytes),
            None => self.stray += bytes.len() as u64,
        }
        if stream == Stream::Stdout {
            return;
        }
        let kept = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
        let surplus = (self.tail.len() + kept.len()).saturating_sub(TAIL_BYTES);
        self.tail.drain(..surplus);
        self.tail.extend(kept);
    }

    /// Starts the account of the next attempt; says how many bytes came since the last one had ended.
    pub(crate) fn begin(&mut self, ring: OutputRing) -> u64 {
        self.mark = self.read;
        self.tail.clear();
        self.ring = Some(ring);
        std::mem::take(&mut self.stray)
    }

    /// Ends the account: what comes from now on is the child's own.
    pub(crate) fn end(&mut self) {
        self.ring = None;
    }

    /// Adds a line that the child said instead of printing it.
    pub(crate) fn log(&self, level: &str, message: &str) {
        let Some(ring) = &self.ring else { return };
        let level = if level.is_empty() { "info" } else { level };
        for line in message.lines() {
            ring.push(Stream::Log, format!("{level}: {line}\n").as_bytes());
        }
    }

    pub(crate) fn since_mark(&self) -> u64 {
        self.read - self.mark
    }

    pub(crate) fn over_limit(&self) -> bool {
        self.since_mark() > self.limits.total_bytes
    }

    /// Gives the end of stderr as valid text without NUL, at most 16 KiB.
    pub(crate) fn tail(&self) -> String {
        let bytes: Vec<u8> = self.tail.iter().copied().collect();
        // The cut may have gone through a character: its rest says nothing.
        let torn = bytes.iter().take(3).take_while(|byte| **byte & 0xC0 == 0x80).count();
        let cut = if bytes.len() == TAIL_BYTES { torn } else { 0 };
        let text = String::from_utf8_lossy(&bytes[cut..]).replace('\0', "\u{FFFD}");
        let mut from = text.len().saturating_sub(TAIL_BYTES);
        while !text.is_char_boundary(from) {
            from += 1;
        }
        text[from..].to_owned()
    }
}

/// Tokens are bytes that may be read.
#[derive(Debug)]
struct Bucket {
    tokens: u64,
    at: Instant,
    empty: bool,
}

impl Bucket {
    fn closed_until(&mut self, limits: &OutputLimits, now: Instant) -> Option<Instant> {
        let chunk = (CHUNK_BYTES as u64).min(limits.burst_bytes);
        if self.tokens > 0 && !self.empty {
            return None;
        }
        self.refill(limits, now);
        // Once empty, it opens for a whole chunk: single bytes would cost a wake-up each.
        self.empty = self.tokens < chunk;
        if !self.empty {
            return None;
        }
        let missing = (chunk - self.tokens) as f64 / limits.bytes_per_second.max(1) as f64;
        Some(now + Duration::from_secs_f64(missing.min(3600.0)))
    }

    fn refill(&mut self, limits: &OutputLimits, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        let fresh = (passed * limits.bytes_per_second as f64) as u64;
        if fresh == 0 {
            return;
        }
        self.tokens = self.tokens.saturating_add(fresh).min(limits.burst_bytes);
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(limits: OutputLimits) -> (Output, Instant) {
        let now = Instant::now();
        (Output::new(limits, now), now)
    }

    #[test]
    fn after_the_burst_reading_goes_on_at_the_rate() {
        let (mut output, start) = output(OutputLimits::default());
        let (mut now, mut read) = (start, 0_u64);
        while now < start + Duration::from_secs(10) {
            match output.closed_until(now) {
                Some(until) => now = until,
                None => {
                    output.take(Stream::Stdout, &[0; CHUNK_BYTES]);
                    read += CHUNK_BYTES as u64;
                }
            }
        }
        let mib = read as f64 / 1024.0 / 1024.0;
        assert!((13.0..=14.2).contains(&mib), "4 MiB at once, then 1 MiB/s for 10 s: {mib}");
    }

    #[test]
    fn the_tail_is_valid_text_of_bounded_length() {
        let (mut output, _) = output(OutputLimits::default());
        output.take(Stream::Stdout, b"not this");
        for _ in 0..3000 {
            output.take(Stream::Stderr, "\u{20AC}\u{1F600}\0\u{FF}".as_bytes());
        }
        output.take(Stream::Stderr, &[0xFF, 0x00, b'e', b'n', b'd']);
        let tail = output.tail();
        assert!(tail.len() <= TAIL_BYTES && tail.ends_with("\u{FFFD}\u{FFFD}end"), "{tail:?}");
        assert!(!tail.contains('\0'));
    }

    #[test]
    fn the_mark_separates_one_attempt_from_the_next() {
        let (mut output, _) = output(OutputLimits { total_bytes: 4, ..OutputLimits::default() });
        output.take(Stream::Stderr, b"first");
        assert!(output.over_limit());
        output.begin(OutputRing::new());
        output.take(Stream::Stderr, b"2nd");
        assert!(!output.over_limit());
        assert_eq!((output.tail().as_str(), output.since_mark()), ("2nd", 3));
    }

    #[test]
    fn what_comes_between_two_attempts_is_counted_and_shown_under_neither() {
        let (mut output, _) = output(OutputLimits::default());
        let (first, second) = (OutputRing::new(), OutputRing::new());
        output.begin(first.clone());
        output.take(Stream::Stdout, b"one\n");
        output.end();
        output.take(Stream::Stdout, b"stray\n");
        assert_eq!(output.begin(second.clone()), 6);
        output.take(Stream::Stdout, b"two\n");
        let texts = |ring: OutputRing| {
            OutputReader::new(&ring)
                .rest(usize::MAX)
                .into_iter()
                .map(|line| line.text)
                .collect::<Vec<_>>()
        };
        assert_eq!((texts(first), texts(second)), (vec!["one".to_owned()], vec!["two".to_owned()]));
    }
}
