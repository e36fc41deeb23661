//! What two sections of the configuration say together: a kind against its queue, and names that nobody declares.

use super::Settings;
use super::fault::{BAD_VALUE, Fault, UNKNOWN_REFERENCE};
use super::kind::{self, KindSettings};
use super::limit::{self, Memory};
use super::queue::{Isolation, QueueSettings, Runner};
use super::section::{self, Book, Section};
use super::value::{Shape, Value};
use crate::model::unit::{format_duration, format_size, parse_size};

/// Checks what two sections say together: a kind against its queue.
pub(super) fn check_kinds<'a>(book: &'a Book<'a>, tree: &'a Value, settings: &Settings) {
    for kind in &settings.kinds {
        let value = tree.get("kinds").and_then(|kinds| kinds.get(&kind.name));
        let path = section::join("kinds", &kind.name);
        let section = Section::silent(book, path, kind::KEYS, value);
        let queue = settings.queue(kind.queue.as_deref().unwrap_or("default"));
        if kind.timeout.is_some_and(|timeout| timeout > queue.timeout_max) {
            let most = format_duration(queue.timeout_max);
            let message = format!("above `{most}`, the timeout_max of queue `{}`", queue.name);
            section.fault(BAD_VALUE, "timeout", message);
        }
        check_grace(&section, kind, settings);
        check_limits(&section, kind, &queue);
        check_on_oom(&section, kind, settings, &queue);
        let is_address = matches!(kind.runner, Some(Runner::Http(_)));
        let inherits = kind.isolation.is_none() && queue.isolation == Isolation::Inline;
        let inherits = inherits && !is_address;
        if let (Some(runner), true) = (&kind.runner, inherits) {
            let message = format!(
                "queue `{}` runs inline, a program needs a process: add isolation = \"process\"",
                queue.name
            );
            section.fault(BAD_VALUE, runner.key(), message);
        } else if inherits {
            let why = format!("queue `{}` runs inline, where nothing holds a handler", queue.name);
            limit::refuse_written(&section, &why);
        }
    }
}

/// A job that is told to stop would get as much time again as it had; an address is told nothing.
fn check_grace(section: &Section<'_>, kind: &KindSettings, settings: &Settings) {
    let home = kind.queue.as_deref().unwrap_or("default");
    // What another worker's queue grants is not known here.
    let queue = settings.queues.iter().find(|queue| queue.name == home);
    let (Some(timeout), Some(queue)) = (kind.timeout, queue) else { return };
    if timeout <= queue.grace && !matches!(kind.runner, Some(Runner::Http(_))) {
        let [timeout, grace] = [timeout, queue.grace].map(format_duration);
        let name = &queue.name;
        let message =
            format!("`{timeout}` is not more than the grace of `{grace}` of queue `{name}`");
        section.fault(BAD_VALUE, "timeout", message);
    }
}

/// A job that gets more memory than its queue allows would be given less, perhaps the same size twice.
fn check_on_oom(
    section: &Section<'_>,
    kind: &KindSettings,
    settings: &Settings,
    home: &QueueSettings,
) {
    let said = |name: &str| kind.contract.get("on_oom")?.get(name)?.as_str();
    let Some(Ok(wanted)) = said("max").map(parse_size) else { return };
    // What another worker's queue allows is not known here.
    let queue = match said("queue") {
        Some(name) => settings.queues.iter().find(|queue| queue.name == name),
        None => Some(home),
    };
    let Some((queue, most)) = queue.and_then(|queue| Some((queue, queue.limits.memory_max?)))
    else {
        return;
    };
    if wanted > most {
        let most = format_size(most);
        let message = format!("max: above `{most}`, the memory_max of queue `{}`", queue.name);
        section.fault(BAD_VALUE, "on_oom", message);
    }
}

/// The limits of a kind against those of its queue.
fn check_limits(section: &Section<'_>, kind: &KindSettings, queue: &QueueSettings) {
    if let Some(stall) = kind.limits.stall {
        limit::check_stall(section, stall, kind.timeout.unwrap_or(queue.timeout));
    }
    if let (Some(Memory::Bytes(memory)), Some(most)) = (kind.limits.memory, queue.limits.memory_max)
        && memory > most
    {
        let most = format_size(most);
        let message = format!("above `{most}`, the memory_max of queue `{}`", queue.name);
        section.fault(BAD_VALUE, "memory", message);
    }
}

/// Notes names of queues and kinds that this file does not declare; another worker may.
pub(super) fn undeclared(tree: &Value, settings: &Settings) -> Vec<Fault> {
    let queues: Vec<&str> = settings.queues.iter().map(|queue| queue.name.as_str()).collect();
    let kinds: Vec<&str> = settings.kinds.iter().map(|kind| kind.name.as_str()).collect();
    let mut notes = Vec::new();
    for (name, value) in tree.get("kinds").and_then(Value::entries).unwrap_or_default() {
        let path = section::join(&section::join("kinds", name), "queue");
        note(&mut notes, value.get("queue"), path, "queue", &queues);
    }
    for (name, value) in tree.get("cron").and_then(Value::entries).unwrap_or_default() {
        let path = section::join(&section::join("cron", name), "kind");
        note(&mut notes, value.get("kind"), path, "kind", &kinds);
    }
    let routes = tree.get("alerts").and_then(|alerts| alerts.get("routes"));
    let Some(Value { shape: Shape::List(routes), .. }) = routes else { return notes };
    for (n, route) in routes.iter().enumerate() {
        let path = |name: &str| format!("alerts.routes.{}.{name}", n + 1);
        note(&mut notes, route.get("queues"), path("queues"), "queue", &queues);
        note(&mut notes, route.get("kinds"), path("kinds"), "kind", &kinds);
    }
    notes
}

fn note(
    notes: &mut Vec<Fault>,
    value: Option<&Value>,
    path: String,
    what: &str,
    declared: &[&str],
) {
    let Some(value) = value else { return };
    let names = match &value.shape {
        Shape::List(items) => items.iter().collect(),
        _ => vec![value],
    };
    for name in names {
        let Shape::Text(text) = &name.shape else { continue };
        if declared.contains(&text.as_str()) {
            continue;
        }
        let near = crate::model::nearest::nearest(text, declared.iter().copied());
        let near = near.map(|near| format!("; nearest: `{near}`")).unwrap_or_default();
        let message = format!("{what} `{text}` is not declared in this file{near}");
        let place = name.origin.clone();
        notes.push(Fault { code: UNKNOWN_REFERENCE, place, path: path.clone(), message });
    }
}
