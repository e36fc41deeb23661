//! The closed table of error codes, each with a page of help: `backstay explain BS102`.

use std::fmt::Write;

mod attempt;
mod child;
mod database;
mod enqueue;
mod operate;
mod rest;
mod settings;
mod web;

/// A code, the same at every door: in Rust, as SQLSTATE, in HTTP answers, in logs.
///
/// A number is never reused for something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// Five characters, `BS` and three digits.
    pub code: &'static str,
    /// One word for it.
    pub name: &'static str,
    /// The HTTP status that goes with it, where HTTP can meet it.
    pub status: Option<u16>,
    /// One line.
    pub title: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What usually leads to it.
    pub causes: &'static [&'static str],
    /// What to do.
    pub remedy: &'static str,
    /// Something to try or to compare with.
    pub example: &'static str,
}

/// The areas in the order of their numbers.
const AREAS: [&[Code]; 8] = [
    enqueue::CODES,
    attempt::CODES,
    operate::CODES,
    settings::CODES,
    database::CODES,
    child::CODES,
    web::CODES,
    rest::CODES,
];

impl Code {
    /// Gives all codes, by number.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        AREAS.into_iter().flatten()
    }

    /// Finds a code by its five characters, by its number alone or by its word.
    ///
    /// ```
    /// use backstay::model::code::Code;
    /// assert_eq!(Code::of("BS102").map(|code| code.name), Some("bad_option"));
    /// assert_eq!(Code::of("bs102"), Code::of("bad_option"));
    /// assert_eq!(Code::of("BS000"), None);
    /// ```
    #[must_use]
    pub fn of(word: &str) -> Option<&'static Self> {
        let word = word.trim();
        Self::all().find(|code| {
            code.code.eq_ignore_ascii_case(word) || &code.code[2..] == word || code.name == word
        })
    }

    /// Gives the page of help, as text of at most 100 columns.
    #[must_use]
    pub fn help(&self) -> String {
        let mut page = format!("{}  {}\n", self.code, self.title);
        let mut part = |text: &str| {
            page.push('\n');
            page.push_str(&wrapped(text, ""));
        };
        part(self.meaning);
        part("Usual causes:");
        for cause in self.causes {
            page.push_str(&wrapped(cause, "  "));
        }
        page.push('\n');
        page.push_str(&wrapped(self.remedy, ""));
        page.push_str("\nExample:\n");
        for line in self.example.lines() {
            // Writing to a String cannot fail.
            writeln!(page, "    {line}").expect("a String takes any text");
        }
        page
    }
}

/// Columns of a page.
const WIDTH: usize = 96;

/// Breaks a text at its spaces; lines after the first stand two further in where `lead` is not empty.
fn wrapped(text: &str, lead: &str) -> String {
    let mut out = String::new();
    let bullet = if lead.is_empty() { "" } else { "- " };
    let mut line = format!("{lead}{bullet}");
    let indent = " ".repeat(line.len());
    let mut is_empty = true;
    for word in text.split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            out.push_str(&line);
            out.push('\n');
            line.clone_from(&indent);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    out.push_str(&line);
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_well_formed_and_no_number_or_word_is_used_twice() {
        let all: Vec<_> = Code::all().collect();
        for pair in all.windows(2) {
            assert!(pair[0].code < pair[1].code, "{} before {}", pair[0].code, pair[1].code);
        }
        for (at, code) in all.iter().enumerate() {
            assert!(code.code.len() == 5 && code.code.starts_with("BS"), "{}", code.code);
            assert!(code.code[2..].bytes().all(|b| b.is_ascii_digit()), "{}", code.code);
            assert!(!all[at + 1..].iter().any(|other| other.name == code.name), "{}", code.name);
        }
    }

    #[test]
    fn every_page_says_what_why_and_what_to_do() {
        for code in Code::all() {
            let page = code.help();
            for text in [code.title, code.meaning, code.remedy, code.example] {
                assert!(text.len() > 10, "{}: {text:?}", code.code);
            }
            assert!(code.causes.len() > 1, "{}", code.code);
            assert!(!code.title.ends_with('.'), "{}", code.code);
            assert!(code.meaning.ends_with('.') && code.remedy.ends_with('.'), "{}", code.code);
            assert!(page.lines().all(|line| line.chars().count() <= 100), "{page}");
        }
    }

    #[test]
    fn pages_do_not_send_the_reader_to_a_code_that_is_not_there() {
        for code in Code::all() {
            let page = code.help();
            for (at, _) in page.match_indices("BS") {
                let word = page.get(at..at + 5).unwrap_or_default();
                if word[2..].bytes().all(|b| b.is_ascii_digit()) {
                    assert!(Code::of(word).is_some(), "{} names {word}", code.code);
                }
            }
        }
    }

    #[test]
    fn a_code_is_found_however_it_is_typed() {
        for word in ["BS201", "bs201", "201", "stale", " BS201\n"] {
            assert_eq!(Code::of(word).map(|code| code.code), Some("BS201"), "{word}");
        }
        for word in ["", "BS", "1", "BS2011", "nonsense"] {
            assert_eq!(Code::of(word), None, "{word}");
        }
    }

    #[test]
    fn a_page_reads_like_this() {
        let page = Code::of("BS106").unwrap().help();
        let lines: Vec<_> = page.lines().collect();
        assert_eq!(lines[0], "BS106  the args are nested too deeply");
        assert!(lines.contains(&"Usual causes:") && lines.contains(&"Example:"));
    }
}
