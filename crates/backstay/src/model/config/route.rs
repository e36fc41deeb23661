//! `[[alerts.routes]]`: which alerts go to which channels.

use super::fault::{BAD_VALUE, UNKNOWN_KEY, UNKNOWN_REFERENCE};
use super::form::not_among;
use super::key::{Form, Keys, key};
use super::section::{Book, Section};
use super::value::{Shape, Value};
use crate::model::alert::{LOG, Rule};
use crate::model::nearest::nearest;

/// Rules that come with suggested limits, circuit breakers and cron.
const LATER: [Rule; 3] = [Rule::BreakerOpen, Rule::TooBig, Rule::CronMissed];

const ROUTE: Keys = Keys {
    now: &[
        key("rules", Form::Texts, "[]", "Alerts of these rules; all if empty"),
        key("queues", Form::Texts, "[]", "Alerts about these queues; all if empty"),
        key("kinds", Form::Texts, "[]", "Alerts about these kinds; all if empty"),
        key("to", Form::Texts, "", "The channels that get them"),
    ],
    later: &["groups", "steps"],
    moved: &[],
};

/// Which alerts go to which channels; an empty list means all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Alerts of these rules.
    pub rules: Vec<Rule>,
    /// Alerts about these queues.
    pub queues: Vec<String>,
    /// Alerts about these kinds.
    pub kinds: Vec<String>,
    /// The channels that get them, at least one.
    pub to: Vec<String>,
}

/// Reads every route; `channels` are the names that are declared.
pub(super) fn read_routes<'a>(
    book: &'a Book<'a>,
    alerts: &Section<'a>,
    channels: &[&str],
) -> Vec<Route> {
    let value = alerts.find("routes");
    alerts.show("routes", value.map(Value::to_string));
    let Some(value) = value else { return Vec::new() };
    let Shape::List(items) = &value.shape else {
        alerts.fault(BAD_VALUE, "routes", "a list is wanted: write [[alerts.routes]]");
        return Vec::new();
    };
    let read = |(n, item): (usize, &'a Value)| {
        let path = format!("alerts.routes.{}", n + 1);
        read_route(&Section::open(book, path, ROUTE, Some(item), None).unshown(), channels)
    };
    items.iter().enumerate().map(read).collect()
}

fn read_route(section: &Section<'_>, channels: &[&str]) -> Route {
    let words = section.texts("rules");
    let route = Route {
        rules: words.iter().filter_map(|word| read_rule(section, word)).collect(),
        queues: section.texts("queues"),
        kinds: section.texts("kinds"),
        to: section.texts("to"),
    };
    if section.find("to").is_none() {
        section.missing("to", "say which channels get these alerts, such as to = [\"team\"]");
    }
    let is_there = |name: &&String| channels.contains(&name.as_str()) || *name == LOG;
    for name in route.to.iter().filter(|name| !is_there(name)) {
        section.fault(UNKNOWN_REFERENCE, "to", unknown_channel(name, channels));
    }
    route
}

fn read_rule(section: &Section<'_>, word: &str) -> Option<Rule> {
    let rule = Rule::ALL.into_iter().find(|rule| rule.as_str() == word);
    match rule {
        Some(rule) if LATER.contains(&rule) => {
            let message = format!("`{word}` is not available in this version");
            section.fault(UNKNOWN_KEY, "rules", message);
        }
        None => section.fault(BAD_VALUE, "rules", not_among(word, &Rule::ALL.map(Rule::as_str))),
        Some(_) => {}
    }
    rule
}

fn unknown_channel(name: &str, channels: &[&str]) -> String {
    let near = nearest(name, channels.iter().copied());
    match (near, channels) {
        (Some(near), _) => format!("no channel is called `{name}`; nearest: `{near}`"),
        (None, []) => format!("no channel is called `{name}`: none is declared"),
        (None, _) => format!("no channel is called `{name}`; declared: {}", channels.join(", ")),
    }
}
