//! `[[alerts.routes]]`: which alerts go to which channels.

use std::time::Duration;

use super::fault::{BAD_VALUE, DUPLICATE, UNKNOWN_KEY, UNKNOWN_REFERENCE};
use super::form::not_among;
use super::key::{Form, Keys, key};
use super::section::{Book, Section};
use super::value::{Shape, Value};
use crate::model::alert::{LOG, Rule};
use crate::model::bounds::{ROUTE_STEPS, ROUTES};
use crate::model::hours::{Hold, QuietHours};
use crate::model::nearest::nearest;

/// Rules that come with circuit breakers.
const LATER: [Rule; 1] = [Rule::BreakerOpen];

const ROUTE: Keys = Keys {
    now: &[
        key("rules", Form::Texts, "[]", "Alerts of these rules; all if empty"),
        key("queues", Form::Texts, "[]", "Alerts about these queues; all if empty"),
        key("kinds", Form::Texts, "[]", "Alerts about these kinds; all if empty"),
        key("to", Form::Texts, "", "The channels that get them at once"),
        key(
            "steps",
            Form::Other("a list of { after = \"30m\", to = [\"page\"] }, instead of `to`"),
            "",
            "Who is told when, for as long as nobody acknowledges an incident and it is not over",
        ),
        key(
            "quiet_hours",
            Form::Other(
                "{ from = \"22:00\", to = \"07:00\", zone = \"UTC\", hold = \"warnings\" }",
            ),
            "",
            "Hours in which this route keeps what is no error until they end",
        ),
    ],
    later: &["groups"],
    moved: &[],
};

const STEP: Keys = Keys {
    now: &[
        key("after", Form::Span("0s", "7d"), "\"0s\"", "So long after the first message"),
        key("to", Form::Texts, "", "The channels that are told then"),
    ],
    later: &[],
    moved: &[],
};

const HOURS: Keys = Keys {
    now: &[
        key("from", Form::Text, "", "When they begin, such as \"22:00\""),
        key("to", Form::Text, "", "When they end, such as \"07:00\""),
        key("zone", Form::Text, "\"UTC\"", "The time zone of both"),
        key(
            "hold",
            Form::Words(&["warnings", "all"]),
            "\"warnings\"",
            "What waits: what is no error, or everything but `alerts_failing` and `loop_silent`, unless `rules` names them",
        ),
    ],
    later: &[],
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
    /// Who is told when, one step at least.
    pub steps: Vec<Step>,
    /// When it keeps still.
    pub quiet_hours: Option<QuietHours>,
}

/// One step of a route: it is taken only if by then nobody has acknowledged the incident and it is not over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// So long after the first message of an incident, up to 7 d; zero is the first message itself.
    pub after: Duration,
    /// The channels that are told, at least one.
    pub to: Vec<String>,
}

impl Route {
    /// Makes a route of all alerts to some channels, at once and at any hour.
    ///
    /// ```
    /// use backstay::config::Route;
    /// let team = Route { queues: vec!["reports".into()], ..Route::to(&["team"]) };
    /// assert_eq!(team.steps[0].to, ["team"]);
    /// ```
    #[must_use]
    pub fn to(channels: &[&str]) -> Route {
        let to = channels.iter().map(|name| (*name).to_owned()).collect();
        let steps = vec![Step { after: Duration::ZERO, to }];
        Route { rules: vec![], queues: vec![], kinds: vec![], steps, quiet_hours: None }
    }
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
    if items.len() > ROUTES {
        alerts.fault(BAD_VALUE, "routes", format!("at most {ROUTES} routes"));
    }
    let read = |(n, item): (usize, &'a Value)| {
        let path = format!("alerts.routes.{}", n + 1);
        read_route(book, &Section::open(book, path, ROUTE, Some(item), None).unshown(), channels)
    };
    items.iter().enumerate().map(read).collect()
}

fn read_route<'a>(book: &'a Book<'a>, section: &Section<'a>, channels: &[&str]) -> Route {
    let words = section.texts("rules");
    Route {
        rules: words.iter().filter_map(|word| read_rule(section, word)).collect(),
        queues: section.texts("queues"),
        kinds: section.texts("kinds"),
        steps: read_steps(book, section, channels),
        quiet_hours: read_hours(section),
    }
}

/// `to` is short for one step at once.
fn read_steps<'a>(book: &'a Book<'a>, route: &Section<'a>, channels: &[&str]) -> Vec<Step> {
    let Some(value) = route.find("steps") else {
        return vec![Step { after: Duration::ZERO, to: read_to(route, channels) }];
    };
    if route.find("to").is_some() {
        route.fault(
            DUPLICATE,
            "steps",
            "both `to` and `steps`: write what comes at once as a step",
        );
    }
    let Shape::List(items) = &value.shape else {
        route.wrong_shape("steps", value, "a list");
        return Vec::new();
    };
    if items.is_empty() || items.len() > ROUTE_STEPS {
        route.fault(BAD_VALUE, "steps", format!("1 to {ROUTE_STEPS} steps are wanted"));
    }
    let read = |(n, item): (usize, &'a Value)| {
        let path = format!("{}.{}", route.at("steps"), n + 1);
        let section = Section::open(book, path, STEP, Some(item), None).unshown();
        Step { after: section.span_set("after"), to: read_to(&section, channels) }
    };
    let steps: Vec<Step> = items.iter().take(ROUTE_STEPS).enumerate().map(read).collect();
    if steps.windows(2).any(|two| two[1].after <= two[0].after) {
        route.fault(BAD_VALUE, "steps", "each step comes later than the one before it");
    }
    steps
}

fn read_to(section: &Section<'_>, channels: &[&str]) -> Vec<String> {
    let to = section.texts("to");
    if section.find("to").is_none() {
        section.missing("to", "say which channels get these alerts, such as to = [\"team\"]");
    }
    let is_there = |name: &&String| channels.contains(&name.as_str()) || *name == LOG;
    for name in to.iter().filter(|name| !is_there(name)) {
        section.fault(UNKNOWN_REFERENCE, "to", unknown_channel(name, channels));
    }
    to
}

fn read_hours(route: &Section<'_>) -> Option<QuietHours> {
    route.find("quiet_hours")?;
    let section = route.inner("quiet_hours", HOURS).unshown();
    let said = |name: &str| {
        if section.find(name).is_none() {
            section.missing(name, "say when they begin and end, such as from = \"22:00\"");
        }
        section.text(name)
    };
    let (from, to) = (said("from"), said("to"));
    let zone = section.text("zone").unwrap_or_else(|| "UTC".into());
    let hold = if section.word("hold") == Some("all") { Hold::All } else { Hold::Warnings };
    match QuietHours::new(&from?, &to?, &zone, hold) {
        Ok(hours) => Some(hours),
        Err(message) => {
            route.fault(BAD_VALUE, "quiet_hours", message);
            None
        }
    }
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
