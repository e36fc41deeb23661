//! The tree of values that was read from files, environment and flags, each with its origin.

use std::fmt;

/// Says where a value was written, so that a fault can point at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody wrote it: it is built in.
    Default,
    /// A line of a configuration file, counted from 1.
    File {
        /// The path as it should be shown.
        path: String,
        /// The line, counted from 1.
        line: u32,
    },
    /// An environment variable.
    Env(String),
    /// A flag of the command line, with its dashes.
    Flag(String),
    /// The contract of a kind in the application's code.
    Contract,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::Env(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
            Self::Contract => f.write_str("contract"),
        }
    }
}

/// One value with the place where it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// What was written.
    pub shape: Shape,
    /// Where it was written.
    pub origin: Origin,
}

/// What was written: the shapes of TOML.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A text; everything from the environment and from flags that is not a list or a table.
    Text(String),
    /// A whole number.
    Whole(i64),
    /// A number with a fraction.
    Number(f64),
    /// `true` or `false`.
    Switch(bool),
    /// A date or time, which no setting takes.
    Instant(String),
    /// A list.
    List(Vec<Value>),
    /// A table, in the order of the file.
    Table(Vec<(String, Value)>),
}

/// How deep settings stand at most: `kinds.report.backoff` is one, what lies in it is its value.
const SETTING: usize = 3;

impl Value {
    /// Makes an empty table, to which sources are added.
    #[must_use]
    pub fn empty() -> Self {
        Self { shape: Shape::Table(Vec::new()), origin: Origin::Default }
    }

    /// Makes a text with its origin.
    #[must_use]
    pub fn text(text: impl Into<String>, origin: Origin) -> Self {
        Self { shape: Shape::Text(text.into()), origin }
    }

    /// Finds an entry of a table.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        let (_, value) = self.entries()?.iter().find(|(key, _)| key == name)?;
        Some(value)
    }

    /// Gives the entries, if this is a table.
    #[must_use]
    pub fn entries(&self) -> Option<&[(String, Self)]> {
        match &self.shape {
            Shape::Table(entries) => Some(entries),
            _ => None,
        }
    }

    /// Lays a value at a path of keys over what is there, making tables on the way.
    ///
    /// Sections are merged, settings are replaced: a `backoff` of the file takes nothing over from
    /// the one in code, though a longer path still reaches a part of it.
    pub fn lay(&mut self, path: &[&str], value: Self) {
        self.lay_below(0, path, value);
    }

    fn lay_below(&mut self, depth: usize, path: &[&str], value: Self) {
        let Some((first, rest)) = path.split_first() else {
            return self.merge(depth, value);
        };
        if !matches!(self.shape, Shape::Table(_)) {
            self.shape = Shape::Table(Vec::new());
        }
        let Shape::Table(entries) = &mut self.shape else { return };
        let at = entries.iter().position(|(key, _)| key == first).unwrap_or_else(|| {
            let new = Self { origin: value.origin.clone(), ..Self::empty() };
            entries.push(((*first).to_owned(), new));
            entries.len() - 1
        });
        entries[at].1.lay_below(depth + 1, rest, value);
    }

    fn merge(&mut self, depth: usize, over: Self) {
        match (&mut self.shape, over.shape) {
            (Shape::Table(old), Shape::Table(entries)) if depth < SETTING && !old.is_empty() => {
                for (key, value) in entries {
                    self.lay_below(depth, &[&key], value);
                }
            }
            (shape, over_shape) => {
                *shape = over_shape;
                self.origin = over.origin;
            }
        }
    }

    /// Tells whether a number may be written as text here: environment and flags know only text.
    pub(super) fn is_loose(&self) -> bool {
        matches!(self.origin, Origin::Env(_) | Origin::Flag(_))
    }

    /// Names the shape with its article, for "a list is wanted, this is …".
    pub(super) fn kind(&self) -> &'static str {
        match self.shape {
            Shape::Text(_) => "a text",
            Shape::Whole(_) => "a whole number",
            Shape::Number(_) => "a number with a fraction",
            Shape::Switch(_) => "true or false",
            Shape::Instant(_) => "a date",
            Shape::List(_) => "a list",
            Shape::Table(_) => "a table",
        }
    }

    /// Reads JSON, as code declares settings; a null is an empty text.
    #[must_use]
    pub fn from_json(json: &serde_json::Value, origin: &Origin) -> Self {
        use serde_json::Value as Json;
        let shape = match json {
            Json::Null => Shape::Text(String::new()),
            Json::Bool(on) => Shape::Switch(*on),
            Json::Number(number) => match number.as_i64() {
                Some(whole) => Shape::Whole(whole),
                None => Shape::Number(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Shape::Text(text.clone()),
            Json::Array(items) => {
                Shape::List(items.iter().map(|item| Self::from_json(item, origin)).collect())
            }
            Json::Object(entries) => {
                let pairs = entries
                    .iter()
                    .map(|(key, value)| (key.clone(), Self::from_json(value, origin)));
                Shape::Table(pairs.collect())
            }
        };
        Self { shape, origin: origin.clone() }
    }

    /// Writes the value as JSON, as an enqueue option would carry it.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match &self.shape {
            Shape::Text(text) | Shape::Instant(text) => text.clone().into(),
            Shape::Whole(number) => (*number).into(),
            Shape::Number(number) => (*number).into(),
            Shape::Switch(on) => (*on).into(),
            Shape::List(items) => items.iter().map(Self::to_json).collect(),
            Shape::Table(entries) => {
                let pairs = entries.iter().map(|(key, value)| (key.clone(), value.to_json()));
                serde_json::Value::Object(pairs.collect())
            }
        }
    }
}

/// Writes the value as TOML on one line.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.shape {
            Shape::Text(text) => f.write_str(&quoted(text)),
            Shape::Whole(number) => write!(f, "{number}"),
            Shape::Number(number) => write!(f, "{number:?}"),
            Shape::Switch(on) => write!(f, "{on}"),
            Shape::Instant(text) => f.write_str(text),
            Shape::List(items) => {
                let items: Vec<String> = items.iter().map(Self::to_string).collect();
                write!(f, "[{}]", items.join(", "))
            }
            Shape::Table(entries) => {
                let entries: Vec<String> =
                    entries.iter().map(|(key, value)| format!("{} = {value}", bare(key))).collect();
                write!(f, "{{ {} }}", entries.join(", "))
            }
        }
    }
}

/// Puts a text between double quotes with what TOML wants escaped.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Writes a key of a table, quoted only where TOML needs it.
pub(super) fn bare(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(plain) { key.to_owned() } else { quoted(key) }
}
