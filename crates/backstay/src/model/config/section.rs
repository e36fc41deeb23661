//! Reads one table of the configuration by its described keys; notes each fault and each value.

use std::cell::RefCell;
use std::fmt::Display;
use std::time::Duration;

use super::fault::{BAD_VALUE, Fault, MISSING, SECRET_UNREADABLE, UNKNOWN_KEY};
use super::form::{self, Followed};
use super::key::{Form, Key, Keys};
use super::secret::{ReadSource, Secret};
use super::value::{Origin, Shape, Value, bare, quoted};
use crate::model::nearest::nearest;
use crate::model::unit::{format_duration, format_size, parse_duration, parse_size};

/// What is collected while a configuration is read.
pub(super) struct Book<'a> {
    pub(super) faults: RefCell<Vec<Fault>>,
    pub(super) rows: RefCell<Vec<Row>>,
    read: ReadSource<'a>,
}

/// One setting with its effective value, for `config show`.
#[derive(Debug, Clone)]
pub struct Row {
    /// The whole path, such as `queues.reports.slots`, with TOML's quotes where it needs them.
    pub path: String,
    /// The value as TOML, secrets as `"***"`; none where nothing is set.
    pub value: Option<String>,
    /// Where the value comes from.
    pub origin: Origin,
    /// The built-in value as TOML; empty where there is none.
    pub default: &'static str,
    /// What may be written.
    pub bound: String,
    /// What the setting does.
    pub help: &'static str,
}

impl<'a> Book<'a> {
    pub(super) fn new(read: ReadSource<'a>) -> Self {
        Self { faults: RefCell::default(), rows: RefCell::default(), read }
    }

    pub(super) fn fault(
        &self,
        code: &'static str,
        place: &Origin,
        path: impl Into<String>,
        message: impl Into<String>,
    ) {
        let (path, message) = (path.into(), message.into());
        let fault = Fault { code, place: place.clone(), path, message };
        let mut faults = self.faults.borrow_mut();
        // A value of `[defaults]` is read once for each queue; one line needs one fault.
        let known = |old: &Fault| {
            old.place == fault.place && old.message == fault.message && old.place != Origin::Default
        };
        if !faults.iter().any(known) {
            faults.push(fault);
        }
    }

    fn row(&self, path: String, value: Option<String>, origin: Origin, key: &Key) {
        let (default, help) = (key.default, key.help);
        let row = Row { path, value, origin, default, bound: key.bound(), help };
        self.rows.borrow_mut().push(row);
    }
}

/// One table that is being read.
pub(super) struct Section<'a> {
    book: &'a Book<'a>,
    pub(super) path: String,
    keys: Keys,
    table: Option<&'a Value>,
    fallback: Option<&'a Value>,
    is_shown: bool,
}

impl<'a> Section<'a> {
    /// Opens the table at `path`, and notes each of its keys that does not exist.
    ///
    /// What `table` leaves out is looked up in `fallback`, then built in.
    pub(super) fn open(
        book: &'a Book<'a>,
        path: impl Into<String>,
        keys: Keys,
        table: Option<&'a Value>,
        fallback: Option<&'a Value>,
    ) -> Self {
        let section = Self { book, path: path.into(), keys, table: None, fallback, is_shown: true };
        let Some(value) = table else { return section };
        let Some(entries) = value.entries() else {
            let wanted = format!("a table is wanted, this is {}", value.kind());
            book.fault(BAD_VALUE, &value.origin, &section.path, wanted);
            return section;
        };
        for (name, value) in entries {
            if let Some(message) = unknown(&keys, name) {
                book.fault(UNKNOWN_KEY, &value.origin, section.at(name), message);
            }
        }
        Self { table, ..section }
    }

    /// Opens a table that was read before, to look at it once more without noting its keys again.
    pub(super) fn silent(
        book: &'a Book<'a>,
        path: impl Into<String>,
        keys: Keys,
        table: Option<&'a Value>,
    ) -> Self {
        Self { book, path: path.into(), keys, table, fallback: None, is_shown: false }
    }

    /// Keeps the keys of this table out of `config show`: the list that it stands in is shown whole.
    pub(super) fn unshown(self) -> Self {
        Self { is_shown: false, ..self }
    }

    /// Notes a fault of the section itself.
    pub(super) fn fault_here(&self, message: impl Into<String>) {
        self.book.fault(BAD_VALUE, &self.origin(), &self.path, message);
    }

    /// Gives the path of a key of this section.
    pub(super) fn at(&self, name: &str) -> String {
        join(&self.path, name)
    }

    /// Gives where this section was written.
    pub(super) fn origin(&self) -> Origin {
        self.table.map_or(Origin::Default, |table| table.origin.clone())
    }

    /// Notes a fault of a key at its own place, or at the section's where it is not written.
    pub(super) fn fault(&self, code: &'static str, name: &str, message: impl Into<String>) {
        let place = self.find(name).map_or_else(|| self.origin(), |value| value.origin.clone());
        self.book.fault(code, &place, self.at(name), message);
    }

    /// Notes a fault of an entry whose name people chose themselves.
    pub(super) fn fault_at(
        &self,
        name: &str,
        entry: &str,
        value: &Value,
        message: impl Into<String>,
    ) {
        let path = join(&self.at(name), entry);
        self.book.fault(BAD_VALUE, &value.origin, path, message);
    }

    pub(super) fn missing(&self, name: &str, message: impl Into<String>) {
        self.fault(MISSING, name, message);
    }

    /// Finds the value of a key here or in the fallback.
    pub(super) fn find(&self, name: &str) -> Option<&'a Value> {
        let own = self.table.and_then(|table| table.get(name));
        own.or_else(|| self.fallback.and_then(|table| table.get(name)))
    }

    /// Tells whether the key is written in this very table.
    pub(super) fn has(&self, name: &str) -> bool {
        self.table.is_some_and(|table| table.get(name).is_some())
    }

    /// Opens a table within this one, such as `ageing`.
    pub(super) fn inner(&self, name: &'static str, keys: Keys) -> Self {
        let own = self.table.and_then(|table| table.get(name));
        let fallback = self.fallback.and_then(|table| table.get(name));
        Section::open(self.book, self.at(name), keys, own, fallback)
    }

    /// Gives the entries of a table whose keys people choose themselves.
    pub(super) fn entries(&self, name: &str) -> Vec<(&'a str, &'a Value)> {
        let Some(value) = self.find(name) else { return Vec::new() };
        match value.entries() {
            Some(entries) => entries.iter().map(|(key, value)| (key.as_str(), value)).collect(),
            None => {
                self.wrong_shape(name, value, "a table");
                Vec::new()
            }
        }
    }

    pub(super) fn wrong_shape(&self, name: &str, value: &Value, wanted: &str) {
        let message = format!("{wanted} is wanted, this is {}", value.kind());
        self.book.fault(BAD_VALUE, &value.origin, self.at(name), message);
    }

    /// Notes what a key came to, for `config show`.
    pub(super) fn show(&self, name: &str, value: Option<String>) {
        let key = self.keys.named(name);
        let origin = self.find(name).map_or(Origin::Default, |value| value.origin.clone());
        let value = value.or_else(|| Some(key.default.to_owned()).filter(|text| !text.is_empty()));
        if !self.is_shown {
            return;
        }
        self.book.row(self.at(name), value, origin, key);
    }

    /// Notes a value of a key that people choose themselves, such as a variable's name.
    pub(super) fn show_entry(&self, name: &str, entry: &str, value: String, origin: &Origin) {
        let path = join(&self.at(name), entry);
        self.book.row(path, Some(value), origin.clone(), self.keys.named(name));
    }

    /// Reads a key by `take`; a refusal becomes a fault and counts as not written.
    pub(super) fn take<T, E: Display>(
        &self,
        name: &str,
        take: impl FnOnce(&Key, &'a Value) -> Result<T, E>,
    ) -> Option<T> {
        let key = self.keys.named(name);
        let value = self.find(name);
        let taken = value.and_then(|value| match take(key, value) {
            Ok(taken) => Some(taken),
            Err(message) => {
                self.book.fault(BAD_VALUE, &value.origin, self.at(name), message.to_string());
                None
            }
        });
        self.show(name, value.filter(|_| taken.is_some()).map(|value| written(key, value)));
        taken
    }

    pub(super) fn span(&self, name: &str) -> Option<Duration> {
        self.take(name, form::span).or_else(|| parse_duration(plain(self.keys.named(name))).ok())
    }

    /// Reads a duration that has a built-in value.
    pub(super) fn span_set(&self, name: &str) -> Duration {
        self.span(name).expect("the key has a built-in duration")
    }

    /// Reads a duration whose built-in value depends on another setting.
    pub(super) fn span_or(&self, name: &str, computed: Duration) -> Duration {
        if self.find(name).is_none() {
            self.show(name, Some(quoted(&format_duration(computed))));
            return computed;
        }
        self.span(name).unwrap_or(computed)
    }

    /// Reads a size whose built-in value depends on another setting.
    pub(super) fn size_or(&self, name: &str, computed: u64) -> u64 {
        if self.find(name).is_none() {
            self.show(name, Some(quoted(&format_size(computed))));
            return computed;
        }
        self.take(name, form::size).unwrap_or(computed)
    }

    pub(super) fn whole(&self, name: &str) -> i64 {
        self.take(name, form::whole)
            .or_else(|| plain(self.keys.named(name)).parse().ok())
            .expect("the key has a built-in number")
    }

    pub(super) fn number(&self, name: &str) -> f64 {
        self.take(name, form::number)
            .or_else(|| plain(self.keys.named(name)).parse().ok())
            .expect("the key has a built-in number")
    }

    pub(super) fn size(&self, name: &str) -> u64 {
        self.take(name, form::size)
            .or_else(|| parse_size(plain(self.keys.named(name))).ok())
            .expect("the key has a built-in size")
    }

    pub(super) fn switch(&self, name: &str) -> bool {
        self.take(name, |_, value| form::switch(value))
            .unwrap_or_else(|| plain(self.keys.named(name)) == "true")
    }

    /// Reads one word of a closed list; gives it from that list.
    pub(super) fn word(&self, name: &str) -> Option<&'static str> {
        let key = self.keys.named(name);
        let Form::Words(words) = key.form else { unreachable!("`{name}` is described as words") };
        self.take(name, |_, value| form::word(words, value))
            .or_else(|| words.iter().copied().find(|word| *word == plain(key)))
    }

    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        self.take(name, |_, value| form::texts(value)).unwrap_or_default()
    }

    pub(super) fn command(&self, name: &str) -> Option<Vec<String>> {
        self.take(name, |_, value| form::command(value))
    }

    /// Reads a name of a kind or queue.
    pub(super) fn name(&self, name: &str) -> Option<String> {
        self.take(name, |_, value| {
            let text = value.as_text()?;
            form::check_name(text).map(|()| text.to_owned())
        })
    }

    /// Reads a text, following `{ env = … }` and `{ file = … }`.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let value = self.find(name);
        self.show(name, value.map(|value| written(self.keys.named(name), value)));
        self.follow(value?, &self.at(name))
    }

    pub(super) fn secret(&self, name: &str) -> Option<Secret> {
        self.text(name).map(Secret::new)
    }

    /// Gives the text of a value; where it points at a variable or file, what stands there.
    pub(super) fn follow(&self, value: &Value, path: &str) -> Option<String> {
        let source = match form::source(value) {
            Ok(Followed::Here(text)) => return Some(text.to_owned()),
            Ok(Followed::There(source)) => source,
            Err(message) => {
                self.book.fault(BAD_VALUE, &value.origin, path, message);
                return None;
            }
        };
        match (self.book.read)(path, &source) {
            Ok(text) => text,
            Err(message) => {
                self.book.fault(SECRET_UNREADABLE, &value.origin, path, message);
                None
            }
        }
    }
}

/// Joins a section and a key, quoting the key where TOML would.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { bare(name) } else { format!("{path}.{}", bare(name)) }
}

/// Says why a key is refused; nothing for one that is described.
fn unknown(keys: &Keys, name: &str) -> Option<String> {
    if keys.now.iter().any(|key| key.name == name) {
        return None;
    }
    if let Some((_, message)) = keys.moved.iter().find(|(moved, _)| *moved == name) {
        return Some((*message).to_owned());
    }
    if keys.later.contains(&name) {
        return Some(format!("`{name}` is not available in this version"));
    }
    let candidates: Vec<&str> = keys.names().collect();
    Some(match nearest(name, candidates.iter().copied()) {
        Some(near) if keys.later.contains(&near) => {
            format!("unknown key; `{near}` is meant? It is not available in this version")
        }
        Some(near) => format!("unknown key; did you mean `{near}`?"),
        None => format!("unknown key; known here: {}", shown_names(keys)),
    })
}

fn shown_names(keys: &Keys) -> String {
    keys.now.iter().map(|key| key.name).collect::<Vec<_>>().join(", ")
}

/// The built-in value without TOML's quotes.
fn plain(key: &Key) -> &'static str {
    key.default.trim_matches('"')
}

/// A value as it is shown: secrets are hidden, references stay references, and a number from the
/// environment is a number.
fn written(key: &Key, value: &Value) -> String {
    match (key.form, &value.shape) {
        (Form::Secret, Shape::Text(_)) => quoted("***"),
        (Form::Whole(..) | Form::Hundredths(..) | Form::Switch, Shape::Text(text)) => text.clone(),
        (Form::Other(_) | Form::Either(..), Shape::Text(text))
            if value.is_loose() && text.parse::<f64>().is_ok() =>
        {
            text.clone()
        }
        (Form::Texts, Shape::Text(_)) => {
            let items: Vec<String> =
                form::texts(value).unwrap_or_default().iter().map(|text| quoted(text)).collect();
            format!("[{}]", items.join(", "))
        }
        _ => value.to_string(),
    }
}
