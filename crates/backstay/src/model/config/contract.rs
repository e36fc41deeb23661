//! The part of `[kinds.NAME]` that an enqueue starts from, checked and put into its JSON forms.

use serde_json::{Map, Value as Json};

use super::form::{self, not_among};
use super::key::{Form, Key, key};
use super::section::Section;
use super::value::{Shape, Value, quoted};
use crate::model::bounds;
use crate::model::nearest::nearest;
use crate::model::outcome::Outcome;
use crate::model::priority::Priority;

/// Reads every contract key that is written; what is left out stays out, so that the contract in
/// code, then what is built in, decides.
pub(super) fn read(section: &Section<'_>) -> Map<String, Json> {
    let mut contract = Map::new();
    let mut put = |name: &str, taken: Option<Json>| {
        if let Some(json) = taken {
            contract.insert(name.to_owned(), json);
        }
    };
    put("queue", section.find("queue").map(Value::to_json));
    put("priority", section.take("priority", |_, value| priority(value)));
    put("max_retries", section.take("max_retries", checked(form::whole)));
    put("crash_limit", section.take("crash_limit", checked(form::whole)));
    put("lost_limit", section.take("lost_limit", checked(form::whole)));
    put("backoff", section.take("backoff", |_, value| backoff(value)));
    put("timeout", section.find("timeout").map(Value::to_json));
    put("memory", section.find("memory").map(Value::to_json));
    put("unique", section.take("unique", |_, value| unique(value)));
    put("group", section.take("group", |_, value| keyed(value)));
    put("limit_key", section.take("limit_key", |_, value| keyed(value)));
    put("expires_in", section.take("expires_in", checked(form::span)));
    put("tags", section.take("tags", |_, value| tags(value)));
    put("meta", section.take("meta", |_, value| meta(value)));
    put("on", section.take("on", |_, value| on(value)));
    put("on_oom", section.take("on_oom", |_, value| on_oom(value)));
    put("restart", section.word("restart").map(Json::from));
    // Checked where the kind is read; the database asks the contract for them.
    put("history", section.find("history").map(Value::to_json));
    contract
}

/// Checks by a reader of ours and hands on what was written.
fn checked<T>(
    read: fn(&Key, &Value) -> Result<T, String>,
) -> impl Fn(&Key, &Value) -> Result<Json, String> {
    move |key, value| {
        read(key, value)?;
        Ok(match &value.shape {
            // The environment knows only text, while a number of retries is a number.
            Shape::Text(text) if value.is_loose() => {
                text.parse::<i64>().map_or_else(|_| text.clone().into(), Json::from)
            }
            _ => value.to_json(),
        })
    }
}

fn priority(value: &Value) -> Result<Json, String> {
    match &value.shape {
        Shape::Whole(level) => Priority::new(*level).map(|_| Json::from(*level)),
        Shape::Text(text) => match text.parse::<i64>() {
            Ok(level) if value.is_loose() => Priority::new(level).map(|_| level.into()),
            Ok(level) => return Err(format!("a number is wanted: write {level} without quotes")),
            Err(_) => text.parse::<Priority>().map(|_| Json::from(text.as_str())),
        },
        _ => return Err(format!("0 to 9 or a word is wanted, this is {}", value.kind())),
    }
    .map_err(|error| error.to_string())
}

const DELAY: Key = key("delay", Form::Span("0s", "7d"), "", "");
const FACTOR: Key = key("factor", Form::Hundredths(100, 1000), "", "");
const JITTER: Key = key("jitter", Form::Hundredths(0, 100), "", "");

fn backoff(value: &Value) -> Result<Json, String> {
    const NAMES: [&str; 6] = ["first", "factor", "cap", "jitter", "fixed", "list"];
    let Some(entries) = value.entries() else {
        return Err(format!(
            "a table is wanted: {{ first = \"30s\", factor = 2 }}, this is {}",
            value.kind()
        ));
    };
    for (name, value) in entries {
        match name.as_str() {
            "first" | "cap" | "fixed" => form::span(&DELAY, value).map(drop),
            "factor" => form::number(&FACTOR, value).map(drop),
            "jitter" => form::number(&JITTER, value).map(drop),
            "list" => delays(value),
            other => Err(not_among(other, &NAMES)),
        }
        .map_err(|message| format!("{name}: {message}"))?;
    }
    let alone = |name: &str| value.get(name).is_some() && entries.len() > 1;
    if alone("fixed") || alone("list") {
        return Err("`fixed` and `list` stand alone".into());
    }
    Ok(value.to_json())
}

fn delays(value: &Value) -> Result<(), String> {
    let Shape::List(items) = &value.shape else {
        return Err(format!("a list of durations is wanted, this is {}", value.kind()));
    };
    if items.is_empty() || items.len() > bounds::BACKOFF_LIST {
        return Err(format!("1 to {} durations are wanted", bounds::BACKOFF_LIST));
    }
    items.iter().try_for_each(|item| form::span(&DELAY, item).map(drop))
}

/// A key, or the args that make it.
fn keyed(value: &Value) -> Result<Json, String> {
    if value.entries().is_some() {
        only(value, &["by"])?;
        by(value)?;
        return Ok(value.to_json());
    }
    key_text(value.as_text()?, bounds::KEY_BYTES)?;
    Ok(value.to_json())
}

fn key_text(text: &str, most: usize) -> Result<(), String> {
    if text.is_empty() || text.len() > most {
        return Err(format!("a key has 1 to {most} bytes, this one has {}", text.len()));
    }
    match text.chars().find(|c| c.is_control()) {
        Some(c) => Err(format!("a key has no control characters, this one has {c:?}")),
        None => Ok(()),
    }
}

fn by(value: &Value) -> Result<(), String> {
    let Some(names) = value.get("by") else { return Err("`by` is missing".into()) };
    let names = form::texts(names)?;
    if names.is_empty() || names.iter().any(String::is_empty) {
        return Err("`by` names at least one of the args".into());
    }
    Ok(())
}

fn only(value: &Value, names: &[&str]) -> Result<(), String> {
    let entries = value.entries().unwrap_or_default();
    match entries.iter().find(|(name, _)| !names.contains(&name.as_str())) {
        Some((name, _)) => Err(not_among(name, names)),
        None => Ok(()),
    }
}

fn unique(value: &Value) -> Result<Json, String> {
    const NAMES: [&str; 5] = ["key", "by", "until", "period_in", "on_conflict"];
    const PERIOD: Key = key("period_in", Form::Span("1s", "30d"), "", "");
    match &value.shape {
        Shape::Switch(true) => return Ok(Json::Bool(true)),
        Shape::Switch(false) => return Err("leave it out instead".into()),
        Shape::Table(_) => {}
        _ => {
            key_text(value.as_text()?, bounds::UNIQUE_KEY_BYTES)?;
            return Ok(value.to_json());
        }
    }
    for later in ["wait_in", "max_wait_in"] {
        if value.get(later).is_some() {
            return Err(format!("`{later}` is not available in this version"));
        }
    }
    only(value, &NAMES)?;
    match (value.get("key"), value.get("by")) {
        (Some(_), Some(_)) => return Err("`key` and `by` exclude each other".into()),
        (Some(key), None) => key_text(key.as_text()?, bounds::UNIQUE_KEY_BYTES)?,
        (None, Some(_)) => by(value)?,
        (None, None) => {}
    }
    if value.get("until").is_some() && value.get("period_in").is_some() {
        return Err("`until` and `period_in` exclude each other".into());
    }
    if let Some(until) = value.get("until") {
        form::word(&["finished", "started"], until)?;
    }
    if let Some(period) = value.get("period_in") {
        form::span(&PERIOD, period)?;
    }
    if let Some(conflict) = value.get("on_conflict") {
        on_conflict(conflict)?;
    }
    Ok(value.to_json())
}

fn on_conflict(value: &Value) -> Result<(), String> {
    let text = value.as_text()?;
    if ["latest", "debounce"].contains(&text) {
        return Err(format!("`{text}` is not available in this version"));
    }
    form::word(&["keep", "reject", "replace"], value).map(drop)
}

fn tags(value: &Value) -> Result<Json, String> {
    let tags = form::texts(value)?;
    if tags.len() > bounds::TAGS {
        return Err(format!("at most {} tags, these are {}", bounds::TAGS, tags.len()));
    }
    let fits = |tag: &&String| tag.is_empty() || tag.len() > bounds::TAG_BYTES;
    match tags.iter().find(fits) {
        Some(tag) => Err(format!("{}: a tag has 1 to {} bytes", quoted(tag), bounds::TAG_BYTES)),
        None => Ok(tags.into()),
    }
}

fn meta(value: &Value) -> Result<Json, String> {
    if value.entries().is_none() {
        return Err(format!("a table is wanted, this is {}", value.kind()));
    }
    let json = value.to_json();
    let bytes = json.to_string().len();
    if bytes > bounds::META_BYTES {
        return Err(format!("{bytes} bytes of at most {}", bounds::META_BYTES));
    }
    Ok(json)
}

fn on(value: &Value) -> Result<Json, String> {
    let Some(entries) = value.entries() else {
        return Err(format!("a table is wanted, this is {}", value.kind()));
    };
    if entries.len() > bounds::ON_RULES {
        return Err(format!("at most {} entries, these are {}", bounds::ON_RULES, entries.len()));
    }
    for (when, then) in entries {
        on_when(when)?;
        on_then(then).map_err(|message| format!("{}: {message}", quoted(when)))?;
    }
    Ok(value.to_json())
}

fn on_when(when: &str) -> Result<(), String> {
    if let Some(class) = when.strip_prefix("error:") {
        let fits = !class.is_empty() && class.len() <= bounds::ERROR_CLASS_BYTES;
        return fits.then_some(()).ok_or_else(|| "`error:` wants the class of an error".into());
    }
    if let Some(code) = when.strip_prefix("exit:") {
        return code
            .parse::<u8>()
            .map(drop)
            .map_err(|_| format!("`{when}`: an exit code is 0 to 255"));
    }
    match when.parse::<Outcome>() {
        Ok(outcome) if outcome.is_billed() => Ok(()),
        Ok(_) => Err(format!("`{when}` costs a job nothing, so no rule can speak of it")),
        Err(_) => Err(unknown_end(when)),
    }
}

fn unknown_end(when: &str) -> String {
    let words = Outcome::ALL.into_iter().filter(|end| end.is_billed()).map(Outcome::as_str);
    match nearest(when, words) {
        Some(near) => format!("`{when}` is no end of an attempt; did you mean `{near}`?"),
        None => format!("`{when}` is no end of an attempt; also `exit:N` and `error:CLASS`"),
    }
}

fn on_then(value: &Value) -> Result<(), String> {
    const RETRIES: Key = key("retries", Form::Whole(0, 100), "", "");
    match &value.shape {
        Shape::Whole(_) => form::whole(&RETRIES, value).map(drop),
        Shape::Table(_) => {
            only(value, &["delay"])?;
            let Some(delay) = value.get("delay") else { return Err("`delay` is missing".into()) };
            form::span(&DELAY, delay).map(drop)
        }
        _ => form::word(&["bury", "cancel"], value).map(drop),
    }
}

/// Reads what follows when memory ran out; `max` is a size, or how many times the first size.
fn on_oom(value: &Value) -> Result<Json, String> {
    const RETRY: Key = key("retry", Form::Whole(0, 10), "", "");
    const FACTOR: Key = key("factor", Form::Hundredths(110, 1000), "", "");
    let Some(entries) = value.entries() else {
        return Err(format!(
            "a table is wanted: {{ retry = 1, factor = 2, max = \"4GiB\" }}, this is {}",
            value.kind()
        ));
    };
    only(value, &["retry", "factor", "max", "queue"])?;
    for (name, value) in entries {
        match name.as_str() {
            "retry" => form::whole(&RETRY, value).map(drop),
            "factor" => form::number(&FACTOR, value).map(drop),
            "max" => memory_most(value),
            _ => value.as_text().and_then(form::check_name),
        }
        .map_err(|message| format!("{name}: {message}"))?;
    }
    Ok(value.to_json())
}

/// The text of `max`, which the judge reads once more.
fn memory_most(value: &Value) -> Result<(), String> {
    const SIZE: Key = key("max", Form::Size("32MiB", "4096GiB"), "", "");
    let Some(times) = value.as_text()?.strip_suffix('x') else {
        return form::size(&SIZE, value).map(drop);
    };
    match times.parse::<f64>() {
        Ok(times) if (1.0..=64.0).contains(&times) => Ok(()),
        _ => Err(format!("`{times}x` is not between 1x and 64x")),
    }
}
