//! Reads one value in each of the forms that settings have; a refusal says what to write.

use std::time::Duration;

use super::key::{Form, Key};
use super::secret::Source;
use super::value::{Shape, Value, quoted};
use crate::model::nearest::nearest;
use crate::model::unit::{UnitError, parse_duration, parse_size};

/// Where the text of a value stands.
pub(super) enum Followed<'a> {
    Here(&'a str),
    There(Source<'a>),
}

/// Finds out whether a value is a text or points at one.
pub(super) fn source(value: &Value) -> Result<Followed<'_>, String> {
    let Some(entries) = value.entries() else {
        return value.as_text().map(Followed::Here);
    };
    match entries {
        [(key, Value { shape: Shape::Text(text), .. })] if key == "env" => {
            Ok(Followed::There(Source::Env(text)))
        }
        [(key, Value { shape: Shape::Text(text), .. })] if key == "file" => {
            Ok(Followed::There(Source::File(text)))
        }
        _ => Err("a text is wanted, or { env = \"NAME\" }, or { file = \"/path\" }".into()),
    }
}

impl Value {
    /// Gives a text, or says what else this is.
    pub(super) fn as_text(&self) -> Result<&str, String> {
        match &self.shape {
            Shape::Text(text) => Ok(text),
            Shape::Whole(_) | Shape::Number(_) | Shape::Switch(_) => {
                Err(format!("a text is wanted: write \"{self}\""))
            }
            _ => Err(format!("a text is wanted, this is {}", self.kind())),
        }
    }
}

/// Puts the proposal of a unit between the quotes that TOML wants.
fn with_quotes(error: UnitError) -> String {
    match error.fix {
        Some(fix) => format!("{}; did you mean \"{fix}\"?", error.problem),
        None => error.problem,
    }
}

/// The text of a duration or size; a bare number keeps its digits, so that the unit is proposed.
fn measure(value: &Value) -> Result<String, String> {
    match &value.shape {
        Shape::Whole(number) => Ok(number.to_string()),
        _ => value.as_text().map(str::to_owned),
    }
}

pub(super) fn span(key: &Key, value: &Value) -> Result<Duration, String> {
    let text = measure(value)?;
    let duration = parse_duration(&text).map_err(with_quotes)?;
    let Form::Span(least, most) = key.form else { return Ok(duration) };
    let bound = |text| parse_duration(text).expect("bounds are written with their unit");
    if (bound(least)..=bound(most)).contains(&duration) {
        return Ok(duration);
    }
    Err(format!("`{text}` is outside {least} to {most}"))
}

pub(super) fn size(key: &Key, value: &Value) -> Result<u64, String> {
    let text = measure(value)?;
    let bytes = parse_size(&text).map_err(with_quotes)?;
    let Form::Size(least, most) = key.form else { return Ok(bytes) };
    let bound = |text| parse_size(text).expect("bounds are written with their unit");
    if (bound(least)..=bound(most)).contains(&bytes) {
        return Ok(bytes);
    }
    Err(format!("`{text}` is outside {least} to {most}"))
}

/// Reads the word of [`Form::Either`] as nothing, and anything else by `read`.
pub(super) fn either<T>(
    read: fn(&Key, &Value) -> Result<T, String>,
) -> impl Fn(&Key, &Value) -> Result<Option<T>, String> {
    move |key, value| {
        let Form::Either(word, form) = key.form else { return read(key, value).map(Some) };
        match &value.shape {
            Shape::Text(text) if text == word => Ok(None),
            Shape::Text(text) if !text.contains(|c: char| c.is_ascii_digit()) => {
                Err(format!("`{text}` is neither `{word}` nor {}", form.bound()))
            }
            _ => read(&Key { form: *form, ..*key }, value).map(Some),
        }
    }
}

pub(super) fn whole(key: &Key, value: &Value) -> Result<i64, String> {
    let number = match &value.shape {
        Shape::Whole(number) => *number,
        Shape::Text(text) => match text.parse() {
            Ok(number) if value.is_loose() => number,
            Ok(number) => return Err(format!("a number is wanted: write {number} without quotes")),
            Err(_) => return Err(format!("`{text}` is not a whole number")),
        },
        _ => return Err(format!("a whole number is wanted, this is {}", value.kind())),
    };
    let Form::Whole(least, most) = key.form else { return Ok(number) };
    if (least..=most).contains(&number) {
        return Ok(number);
    }
    Err(format!("`{number}` is outside {least} to {most}"))
}

pub(super) fn number(key: &Key, value: &Value) -> Result<f64, String> {
    let number = match &value.shape {
        Shape::Whole(number) => *number as f64,
        Shape::Number(number) => *number,
        Shape::Text(text) if value.is_loose() => {
            text.parse().map_err(|_| format!("`{text}` is not a number"))?
        }
        _ => return Err(format!("a number is wanted, this is {}", value.kind())),
    };
    let Form::Hundredths(least, most) = key.form else { return Ok(number) };
    if number >= least as f64 / 100.0 && number <= most as f64 / 100.0 {
        return Ok(number);
    }
    Err(format!("`{number}` is outside {}", key.bound()))
}

pub(super) fn switch(value: &Value) -> Result<bool, String> {
    match &value.shape {
        Shape::Switch(on) => Ok(*on),
        Shape::Text(text) if text == "true" || text == "false" => {
            if value.is_loose() {
                return Ok(text == "true");
            }
            Err(format!("write {text} without quotes"))
        }
        _ => Err("true or false is wanted".into()),
    }
}

pub(super) fn word(words: &'static [&'static str], value: &Value) -> Result<&'static str, String> {
    let text = value.as_text()?;
    if let Some(word) = words.iter().find(|word| **word == text) {
        return Ok(word);
    }
    Err(not_among(text, words))
}

/// Says that a word is none of a closed list, with the nearest one.
pub(super) fn not_among(text: &str, words: &[&str]) -> String {
    match nearest(text, words.iter().copied()) {
        Some(near) => format!("`{text}` is not known here; did you mean `{near}`?"),
        None => format!("`{text}` is not one of {}", words.join(", ")),
    }
}

pub(super) fn texts(value: &Value) -> Result<Vec<String>, String> {
    match &value.shape {
        Shape::List(items) => items.iter().map(|item| item.as_text().map(str::to_owned)).collect(),
        Shape::Text(text) if value.is_loose() => {
            Ok(text.split(',').map(|part| part.trim().to_owned()).collect())
        }
        Shape::Text(text) => Err(format!("a list is wanted: write [{}]", quoted(text))),
        _ => Err(format!("a list of texts is wanted, this is {}", value.kind())),
    }
}

/// Reads a program with its arguments; a line for a shell is refused, since no shell will see it.
pub(super) fn command(value: &Value) -> Result<Vec<String>, String> {
    if let Shape::Text(line) = &value.shape {
        let words: Vec<String> = line.split_whitespace().map(quoted).collect();
        let list = words.join(", ");
        return Err(format!("a list is wanted, no shell reads it: write [{list}]"));
    }
    let words = texts(value)?;
    match words.first() {
        None => Err("the program is missing".into()),
        Some(program) if program.trim().is_empty() => Err("the program is missing".into()),
        Some(_) if words.iter().any(|word| word.contains('\0')) => {
            Err("a program's arguments cannot hold NUL".into())
        }
        Some(_) => Ok(words),
    }
}

/// Checks the name of a kind or queue.
pub(super) fn check_name(text: &str) -> Result<(), String> {
    crate::model::bounds::check_name(text).map_err(|error| error.to_string())
}
