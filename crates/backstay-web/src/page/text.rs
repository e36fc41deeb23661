//! How people read figures, instants and JSON: short where they look, exact where they point.

use std::time::{Duration, SystemTime};

use backstay::Priority;
use backstay::inspect::Bounded;
use backstay::model::account;
use backstay::model::instant::Instant;
use backstay::unit::about;

use crate::escape::steers;
pub(super) use crate::query::encoded;

/// A whole number with its thousands apart.
pub(super) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number that was counted up to a bound only.
pub(super) fn bounded(n: &Bounded) -> String {
    format!("{}{}", grouped(n.count), if n.more { "+" } else { "" })
}

/// `3 jobs`, `1 job`.
pub(super) fn many(n: &u64, word: &str) -> String {
    format!("{} {word}{}", grouped(*n), if *n == 1 { "" } else { "s" })
}

/// An instant, however a page has it.
pub(super) trait Moment {
    fn at(&self) -> SystemTime;
}

impl Moment for SystemTime {
    fn at(&self) -> SystemTime {
        *self
    }
}

impl Moment for Instant {
    fn at(&self) -> SystemTime {
        (*self).into()
    }
}

impl<T: Moment> Moment for &T {
    fn at(&self) -> SystemTime {
        (**self).at()
    }
}

/// The word for a priority; a number between two words has that of its band, too.
pub(super) fn level(priority: i16) -> String {
    Priority::told(priority.into())
}

/// `3 min ago`, `in 2 h`.
pub(super) fn relative(at: SystemTime, now: SystemTime) -> String {
    match now.duration_since(at) {
        Ok(age) if age < Duration::from_secs(1) => "now".into(),
        Ok(age) => format!("{} ago", about(age)),
        Err(ahead) => format!("in {}", about(ahead.duration())),
    }
}

/// An instant to the second: a table has no room for more, and what it points to has all of it.
pub(super) fn to_the_second(at: SystemTime) -> String {
    let exact = Instant::try_from(at).map(|at| at.to_string()).unwrap_or_default();
    match exact.split_once('.') {
        Some((second, _)) => format!("{second}Z"),
        None => exact,
    }
}

/// Bytes as people say them.
pub(super) fn size(bytes: &u64) -> String {
    account::size(*bytes)
}

/// A span as people say it.
pub(super) fn span(span: Duration) -> String {
    account::span(span)
}

/// A word as it begins a line.
pub(super) fn title(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The first characters of a text, on one line.
pub(super) fn brief(text: &str, most: usize) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    match line.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}

/// JSON with a line for each member; every digit stays as it was written, and what steers is written as its escape.
pub(super) fn pretty(json: &str) -> String {
    let (mut out, mut depth, mut in_text, mut escaped) = (String::new(), 0_usize, false, false);
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    let mut rest = json.chars().peekable();
    while let Some(c) = rest.next() {
        if in_text {
            match c {
                c if steers(c) => c
                    .encode_utf16(&mut [0; 2])
                    .iter()
                    .for_each(|unit| out += &format!("\\u{unit:04x}")),
                c => out.push(c),
            }
            in_text = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        match c {
            '{' | '[' => {
                out.push(c);
                while rest.next_if(|next| next.is_ascii_whitespace()).is_some() {}
                match rest.next_if(|next| matches!(next, '}' | ']')) {
                    Some(end) => out.push(end),
                    None => {
                        depth += 1;
                        line(&mut out, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => {
                in_text = c == '"';
                out.push(c);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!([0, 5, 6, 9].map(level), ["urgent", "normal", "low (6)", "low (9)"]);
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!((many(&1, "job"), many(&2, "job")), ("1 job".into(), "2 jobs".into()));
        assert_eq!((level(5), level(4)), ("normal".into(), "normal (4)".into()));
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_500);
        assert_eq!(to_the_second(at), "1970-01-01T00:00:01Z");
        assert_eq!(relative(at, at + Duration::from_secs(180)), "3 min ago");
        assert_eq!(relative(at + Duration::from_secs(180), at), "in 3 min");
        assert_eq!((brief("a\nb", 9), brief("abcd", 2)), ("a".into(), "ab…".into()));
    }

    #[test]
    fn json_is_set_out_and_says_the_same() {
        let text = r#"{"a": [1.50, {"b":{}}, [ ]], "c{,": "x\"y: [", "d":1e400}"#;
        let out = pretty(text);
        let lines = "{\n  \"a\": [\n    1.50,\n    {\n      \"b\": {}\n    },\n    []\n  ],\n  \"c{,\": \"x\\\"y: [\",\n  \"d\": 1e400\n}";
        assert_eq!(out, lines);
        let turned = pretty("{\"a\":\"\u{202e}\"}");
        assert!(turned.contains("\\u202e") && !turned.contains('\u{202e}'), "{turned}");
    }
}
