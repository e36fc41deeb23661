//! `env` of a queue or a kind: which variables handlers that are programs get.

use std::fmt;

use super::fault::BAD_VALUE;
use super::key::{Form, Keys, key};
use super::section::{self, Section};
use super::value::{Shape, Value, quoted};

const ENV: Keys = Keys {
    now: &[
        key("pass", Form::Texts, "[]", "Names of the worker's variables that are handed on"),
        key("set", Form::Other("{ NAME = text }"), "", "Variables that are set for handlers"),
    ],
    later: &[],
    moved: &[],
};

/// Environment of handlers that are programs. `Debug` shows names only.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct EnvSettings {
    /// Names of the worker's own variables that are handed on.
    pub pass: Vec<String>,
    /// Variables with their values.
    pub set: Vec<(String, String)>,
}

impl fmt::Debug for EnvSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.set.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("EnvSettings").field("pass", &self.pass).field("set", &names).finish()
    }
}

/// Reads the table `env` of a section.
pub(super) fn read_env(section: &Section<'_>) -> EnvSettings {
    let inner = section.inner("env", ENV);
    let pass = inner.texts("pass");
    for name in &pass {
        if let Some(message) = wrong_variable(name) {
            inner.fault(BAD_VALUE, "pass", message);
        }
    }
    let mut set = Vec::new();
    for (name, value) in inner.entries("set") {
        if let Some(message) = wrong_variable(name) {
            inner.fault_at("set", name, value, message);
            continue;
        }
        let path = section::join(&inner.at("set"), name);
        let Some(text) = inner.follow(value, &path) else { continue };
        if let Some(reference) = text.strip_prefix("${").and_then(|text| text.strip_suffix('}')) {
            let message =
                format!("nothing is expanded here: write {{ env = {} }}", quoted(reference));
            inner.fault_at("set", name, value, message);
            continue;
        }
        inner.show_entry("set", name, shown_variable(name, value), &value.origin);
        set.push((name.to_owned(), text));
    }
    EnvSettings { pass, set }
}

/// A variable's value as it is shown; one whose name promises a secret is hidden.
fn shown_variable(name: &str, value: &Value) -> String {
    let name = name.to_ascii_uppercase();
    let tells = ["KEY", "TOKEN", "SECRET", "PASS", "URL", "DSN", "CREDENTIAL"];
    let hide =
        matches!(value.shape, Shape::Text(_)) && tells.iter().any(|word| name.contains(word));
    if hide { quoted("***") } else { value.to_string() }
}

fn wrong_variable(name: &str) -> Option<String> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Some(format!("{} cannot be the name of a variable", quoted(name)));
    }
    if name.starts_with("BACKSTAY_") {
        return Some(format!(
            "`{name}`: variables of this prefix are set for each job by the worker"
        ));
    }
    None
}
