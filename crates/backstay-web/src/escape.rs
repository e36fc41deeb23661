//! Writes any text into a page so that it stays text: markup is escaped, and what cannot be seen is made visible.

use std::fmt::{self, Write};

use askama::filters::Escaper;

/// The escaper of all templates, named in `askama.toml`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Visible;

impl Escaper for Visible {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        let mut plain = 0;
        for (at, c) in text.char_indices().filter(|(_, c)| !is_plain(*c)) {
            dest.write_str(&text[plain..at])?;
            write_odd(&mut dest, c)?;
            plain = at + c.len_utf8();
        }
        dest.write_str(&text[plain..])
    }

    fn write_escaped_char<W: Write>(&self, mut dest: W, c: char) -> fmt::Result {
        if is_plain(c) { dest.write_char(c) } else { write_odd(&mut dest, c) }
    }
}

/// Whether a character steers how its neighbours are shown: controls, and marks that turn the direction of writing.
pub(crate) fn steers(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || c.is_control() && !matches!(c, '\n' | '\t')
}

fn is_plain(c: char) -> bool {
    !matches!(c, '&' | '<' | '>' | '"' | '\'') && !steers(c)
}

fn write_odd(dest: &mut impl Write, c: char) -> fmt::Result {
    match c {
        '&' => dest.write_str("&amp;"),
        '<' => dest.write_str("&lt;"),
        '>' => dest.write_str("&gt;"),
        '"' => dest.write_str("&quot;"),
        '\'' => dest.write_str("&#39;"),
        other => write!(dest, "\\u{{{:x}}}", u32::from(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_what_steers_are_shown_as_text_and_the_rest_stays() {
        let of = |text: &str| {
            let mut out = String::new();
            Visible.write_escaped_str(&mut out, text).unwrap();
            let by_char = text.chars().fold(String::new(), |mut all, c| {
                Visible.write_escaped_char(&mut all, c).unwrap();
                all
            });
            assert_eq!(out, by_char);
            out
        };
        assert_eq!(of("<a href='x'>&\"</a>"), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;&lt;/a&gt;");
        assert_eq!(of("\u{1b}[31m\u{202e}gpj.exe\r\n\t"), "\\u{1b}[31m\\u{202e}gpj.exe\\u{d}\n\t");
        assert_eq!(of("שלום 👩‍🚀 é"), "שלום 👩‍🚀 é");
    }
}
