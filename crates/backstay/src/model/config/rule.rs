//! `[alerts.rules]`: which rules are told, from when on, and how often.

use std::time::Duration;

use super::fault::BAD_VALUE;
use super::form::not_among;
use super::key::{Form, Keys, key};
use super::section::{Book, Section, join};
use super::value::Value;
use crate::model::alert::Rule;

pub(super) const KEYS: Keys = Keys {
    now: &[
        key("enabled", Form::Switch, "true", "Whether anybody is told"),
        key(
            "quiet",
            Form::Span("1m", "30d"),
            "",
            "How long one incident of this rule stays silent between two messages; else `alerts.quiet`",
        ),
        key(
            "times",
            Form::Whole(1, 1000),
            "",
            "too_big: attempts that came close to their limit [3]; interrupted_often: interruptions without a checkpoint [5]",
        ),
        key(
            "within",
            Form::Span("1m", "1d"),
            "\"1h\"",
            "too_big: the time in which they are counted",
        ),
        key("percent", Form::Whole(1, 100), "90", "too_big: how much of the limit is close"),
    ],
    later: &[],
    moved: &[],
};

/// What holds for one rule of the alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSettings {
    /// The rule.
    pub rule: Rule,
    /// Whether anybody is told \[yes\].
    pub enabled: bool,
    /// How long an incident of it stays silent between two messages \[as all\].
    pub quiet: Option<Duration>,
    /// How often it must happen: `too_big` \[3\], `interrupted_often` \[5\].
    pub times: u32,
    /// Within which time, of `too_big` \[1 h\].
    pub within: Duration,
    /// How much of the limit is close to it, of `too_big` \[90\].
    pub percent: u32,
}

impl RuleSettings {
    /// Gives what is built in for a rule.
    #[must_use]
    pub fn of(rule: Rule) -> RuleSettings {
        let times = if rule == Rule::TooBig { 3 } else { 5 };
        let within = Duration::from_secs(3600);
        RuleSettings { rule, enabled: true, quiet: None, times, within, percent: 90 }
    }
}

pub(super) fn read_rules<'a>(book: &'a Book<'a>, alerts: &Section<'a>) -> Vec<RuleSettings> {
    let read = |(name, value): &(&'a str, &'a Value)| {
        let Some(rule) = Rule::ALL.into_iter().find(|rule| rule.as_str() == *name) else {
            let message = not_among(name, &Rule::ALL.map(Rule::as_str));
            alerts.fault_at("rules", name, value, message);
            return None;
        };
        let section = Section::open(book, join("alerts.rules", name), KEYS, Some(value), None);
        Some(read_rule(&section, rule))
    };
    alerts.entries("rules").iter().filter_map(read).collect()
}

fn read_rule(section: &Section<'_>, rule: Rule) -> RuleSettings {
    let built_in = RuleSettings::of(rule);
    for name in ["times", "within", "percent"].iter().filter(|name| section.has(name)) {
        if !has_threshold(rule, name) {
            section.fault(BAD_VALUE, name, format!("`{rule}` has no such threshold"));
        }
    }
    let enabled = section.switch("enabled");
    let quiet = section.find("quiet").and_then(|_| section.span("quiet"));
    if !has_threshold(rule, "times") {
        return RuleSettings { enabled, quiet, ..built_in };
    }
    let small = |number: i64| u32::try_from(number).expect("within its bounds");
    let times = section.take("times", super::form::whole).map_or(built_in.times, small);
    if !has_threshold(rule, "within") {
        return RuleSettings { enabled, quiet, times, ..built_in };
    }
    let (within, percent) = (section.span_set("within"), small(section.whole("percent")));
    RuleSettings { rule, enabled, quiet, times, within, percent }
}

fn has_threshold(rule: Rule, name: &str) -> bool {
    match rule {
        Rule::TooBig => true,
        Rule::InterruptedOften => name == "times",
        _ => false,
    }
}
