//! Takes settings from environment variables; a `BACKSTAY_` name that means nothing is a fault.

use std::collections::BTreeMap;

use backstay::config::{Fault, Keys, Origin, Shape, UNKNOWN_KEY, Value, sections};
use backstay::model::nearest::nearest;

/// The variables of this process, read once; nothing else reads them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment(BTreeMap<String, String>);

/// Variables of ours that are no settings: other parts of the program read them.
const OTHERS: &[&str] = &[
    "BACKSTAY_CONFIG",
    "BACKSTAY_LOG",
    "BACKSTAY_NO_FETCH",
    "BACKSTAY_JOB",
    "BACKSTAY_ATTEMPT",
    "BACKSTAY_WORKER",
    "BACKSTAY_KIND",
    "BACKSTAY_QUEUE",
    "BACKSTAY_RETRY_COUNT",
    "BACKSTAY_MAX_RETRIES",
    "BACKSTAY_GROUP",
    "BACKSTAY_DEADLINE",
    "BACKSTAY_SCRATCH",
    "BACKSTAY_MEMORY_BYTES",
    "BACKSTAY_CHILD",
];

/// Beginnings of variables that tests and the private PostgreSQL read.
const OTHER_PREFIXES: &[&str] = &["BACKSTAY_TEST_", "BACKSTAY_PG_"];

/// Variables that are named but come with a later version.
const LATER: &[&str] = &["BACKSTAY_URL", "BACKSTAY_TOKEN"];

const PREFIX: &str = "BACKSTAY_";
const DATABASE_URL: &str = "BACKSTAY_DATABASE_URL";
/// The short name of `worker.handler_database_url`.
const HANDLER_URL: &str = "BACKSTAY_HANDLER_DATABASE_URL";

impl Environment {
    /// Reads the variables of this process. A value that is not UTF-8 is kept with its bad bytes
    /// replaced, so that its own setting can refuse it.
    pub(crate) fn of_process() -> Self {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        Self(std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect())
    }

    #[cfg(test)]
    pub(crate) fn of(variables: &[(&str, &str)]) -> Self {
        Self(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    /// Gives a variable, unless it is unset or empty: an empty one means "as if not there".
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Lays every setting that is written in a variable over the tree.
    pub(super) fn lay_over(&self, tree: &mut Value, faults: &mut Vec<Fault>) {
        self.lay_database_url(tree);
        self.lay_handler_url(tree);
        for (name, text) in &self.0 {
            let Some(rest) = name.strip_prefix(PREFIX) else { continue };
            if is_other(name) || text.is_empty() || has_short_name(name) {
                continue;
            }
            match path(rest, tree) {
                Some((path, from_file)) => {
                    let path: Vec<&str> = path.iter().map(String::as_str).collect();
                    tree.lay(&path, value(text, name, from_file));
                }
                None => faults.push(unknown(name)),
            }
        }
    }

    /// `DATABASE_URL` is what platforms set; it stands below the file, ours above.
    fn lay_database_url(&self, tree: &mut Value) {
        let written = tree.get("database").and_then(|database| database.get("url")).is_some();
        let file = format!("{DATABASE_URL}_FILE");
        let (name, from_file) = if self.get(DATABASE_URL).is_some() {
            (DATABASE_URL, false)
        } else if self.get(&file).is_some() {
            (file.as_str(), true)
        } else if !written && self.get("DATABASE_URL").is_some() {
            ("DATABASE_URL", false)
        } else {
            return;
        };
        let Some(text) = self.get(name) else { return };
        let value =
            Value { origin: Origin::Env(name.into()), ..reference_or_text(text, name, from_file) };
        tree.lay(&["database", "url"], value);
    }

    fn lay_handler_url(&self, tree: &mut Value) {
        let file = format!("{HANDLER_URL}_FILE");
        for (name, from_file) in [(HANDLER_URL, false), (file.as_str(), true)] {
            let Some(text) = self.get(name) else { continue };
            tree.lay(&["worker", "handler_database_url"], reference_or_text(text, name, from_file));
            return;
        }
    }
}

fn has_short_name(name: &str) -> bool {
    [DATABASE_URL, HANDLER_URL].contains(&name.strip_suffix("_FILE").unwrap_or(name))
}

fn is_other(name: &str) -> bool {
    OTHERS.contains(&name) || OTHER_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Finds the setting that `QUEUES__REPORTS__SLOTS` means, and whether the text stands in a file.
fn path(rest: &str, tree: &Value) -> Option<(Vec<String>, bool)> {
    let parts: Vec<&str> = rest.split("__").collect();
    if parts.iter().any(|part| part.is_empty()) {
        return None;
    }
    let section = parts[0].to_ascii_lowercase();
    let top = keys_of("")?;
    top.now.iter().find(|key| key.name == section).or_else(|| {
        // `BACKSTAY_ENVIRONMENT_FILE`, the one text at the top.
        top.now.iter().find(|key| section.strip_suffix("_file") == Some(key.name))
    })?;
    let keys = keys_of(&section).or_else(|| keys_of(&format!("{section}.NAME")));
    let Some(keys) = keys else {
        let name = section.strip_suffix("_file").unwrap_or(&section);
        return (parts.len() == 1).then(|| (vec![name.to_owned()], name != section));
    };
    let named = keys_of(&section).is_none();
    let at = if named { 2 } else { 1 };
    let key = parts.get(at)?.to_ascii_lowercase();
    let (key, mut from_file) = known_key(&keys, &key)?;
    let mut path = vec![section.clone()];
    if named {
        path.push(declared_name(tree, &section, parts[1]));
    }
    path.push(key);
    path.extend(deeper(&parts[at + 1..], &mut from_file));
    Some((path, from_file))
}

fn keys_of(section: &str) -> Option<Keys> {
    sections().into_iter().find(|(name, _)| *name == section).map(|(_, keys)| keys)
}

/// Finds a key of this version or a later one; `url_file` means `url`, read from a file.
fn known_key(keys: &Keys, key: &str) -> Option<(String, bool)> {
    let known = |key: &str| keys.names().any(|name| name == key);
    if known(key) {
        return Some((key.to_owned(), false));
    }
    let short = key.strip_suffix("_file")?;
    known(short).then(|| (short.to_owned(), true))
}

/// Names of queues and kinds may hold what a variable cannot: the declared name wins.
fn declared_name(tree: &Value, section: &str, part: &str) -> String {
    let plain = |name: &str| {
        let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        name.chars().map(letter).collect::<String>()
    };
    let declared = tree.get(section).and_then(Value::entries).unwrap_or_default();
    let found = declared.iter().find(|(name, _)| plain(name) == plain(part));
    found.map_or_else(|| part.to_ascii_lowercase(), |(name, _)| name.clone())
}

/// What stands below a key: small letters, but the names of variables in `env.set` as written.
fn deeper(parts: &[&str], from_file: &mut bool) -> Vec<String> {
    let mut path: Vec<String> = Vec::new();
    for part in parts {
        let as_written = path.last().is_some_and(|last| last == "set");
        path.push(if as_written { (*part).to_owned() } else { part.to_ascii_lowercase() });
    }
    const SECRETS: &[&str] = &["slack", "webhook", "secret", "smtp", "from"];
    if let Some(last) = path.last_mut()
        && let Some(short) = last.strip_suffix("_file").filter(|short| SECRETS.contains(short))
    {
        *last = short.to_owned();
        *from_file = true;
    }
    path
}

/// A list or a table is written as TOML; anything else is text, and its setting knows its form.
fn value(text: &str, name: &str, from_file: bool) -> Value {
    if !from_file && text.starts_with(['[', '{']) {
        let (tree, faults) = super::document::read(name, &format!("value = {text}"));
        if let (Some(value), true) = (tree.get("value"), faults.is_empty()) {
            return at_variable(value, name);
        }
    }
    reference_or_text(text, name, from_file)
}

fn reference_or_text(text: &str, name: &str, from_file: bool) -> Value {
    let origin = Origin::Env(name.to_owned());
    let text = Value::text(text, origin.clone());
    if !from_file {
        return text;
    }
    Value { shape: Shape::Table(vec![("file".into(), text)]), origin }
}

fn at_variable(value: &Value, name: &str) -> Value {
    let shape = match &value.shape {
        Shape::List(items) => {
            Shape::List(items.iter().map(|item| at_variable(item, name)).collect())
        }
        Shape::Table(entries) => Shape::Table(
            entries.iter().map(|(key, value)| (key.clone(), at_variable(value, name))).collect(),
        ),
        other => other.clone(),
    };
    Value { shape, origin: Origin::Env(name.to_owned()) }
}

fn unknown(name: &str) -> Fault {
    let known = known_names();
    let message = if LATER.contains(&name) {
        "this variable is not available in this version".to_owned()
    } else if let Some(near) = nearest_setting(name, &known) {
        format!("unknown variable; did you mean `{near}`?")
    } else {
        "unknown variable; one of a setting is its path joined by two underscores, such as \
         BACKSTAY_QUEUES__REPORTS__SLOTS"
            .to_owned()
    };
    let place = Origin::Env(name.to_owned());
    Fault { code: UNKNOWN_KEY, place, path: name.to_owned(), message }
}

/// Every variable that can be said without knowing the names that people choose.
fn known_names() -> Vec<String> {
    let mut names: Vec<String> = OTHERS.iter().map(|name| (*name).to_owned()).collect();
    names.extend([DATABASE_URL, HANDLER_URL].map(str::to_owned));
    for (section, keys) in sections() {
        for key in keys.now {
            let path = if section.is_empty() {
                key.name.to_owned()
            } else {
                format!("{section}__{}", key.name)
            };
            let path = path.replace('.', "__").to_ascii_uppercase();
            names.push(format!("{PREFIX}{path}"));
        }
    }
    names
}

/// Compares part by part, since `QUEUES__NAME__SLOTS` stands for any queue.
fn nearest_setting(name: &str, known: &[String]) -> Option<String> {
    let given: Vec<&str> = name.split("__").collect();
    let named_alike: Vec<String> = known
        .iter()
        .filter(|known| given.len() == 1 || known.split("__").count() == given.len())
        .map(|known| with_own_names(known, &given))
        .collect();
    nearest(name, named_alike.iter().map(String::as_str)).map(str::to_owned)
}

/// Puts the name that somebody wrote where the description says `NAME`.
fn with_own_names(known: &str, given: &[&str]) -> String {
    let part =
        |(n, part)| if part == "NAME" { given.get(n).copied().unwrap_or(part) } else { part };
    known.split("__").enumerate().map(part).collect::<Vec<&str>>().join("__")
}

#[cfg(test)]
mod tests;
