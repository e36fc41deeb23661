//! `[cron.NAME]`: what is enqueued again and again, when, and what is done about ticks that were missed or overlap.

use std::time::Duration;

use serde_json::{Map, Value as Json};

use super::fault::BAD_VALUE;
use super::form::{self, not_among};
use super::key::{Form, Key, Keys, key};
use super::section::Section;
use super::value::Value;
use crate::model::bounds;
use crate::model::cron::{BadRhythm, Missed, Overlap, Rhythm};

const ALL: [Key; 9] = [
    key(
        "schedule",
        Form::Other("five or six fields, or @hourly @daily @weekly @monthly @yearly"),
        "",
        "When: [second] minute hour day month weekday, by the clock of the zone",
    ),
    key("zone", Form::Text, "\"UTC\"", "The time zone of the line, by its IANA name"),
    key("kind", Form::Name, "", "The kind of the jobs"),
    key("args", Form::Other("a table"), "{}", "Their args"),
    key("options", Form::Other("a table"), "{}", "Their options, as `enqueue` takes them"),
    key(
        "missed",
        Form::Words(Missed::WORDS),
        "\"once\"",
        "Of ticks that nobody ran within a minute: once runs the newest, all runs several, skip none",
    ),
    key("missed_within", Form::Span("1m", "60d"), "\"24h\"", "Older ticks are dropped"),
    key(
        "missed_max",
        Form::Whole(1, bounds::MISSED_MAX as i64),
        "10",
        "Most missed ticks that `all` runs, the newest ones, oldest first",
    ),
    key(
        "overlap",
        Form::Words(Overlap::WORDS),
        "\"skip\"",
        "While the job of an earlier tick has not ended: skip the tick, queue it, replace that job, or allow both",
    ),
];

pub(super) const KEYS: Keys = Keys {
    now: &ALL,
    later: &["enabled"],
    moved: &[
        ("cron", "the line of a schedule is its `schedule`"),
        ("timezone", "the time zone of a schedule is its `zone`"),
        ("queue", "an option of its jobs: write it under `options`"),
        ("priority", "an option of its jobs: write it under `options`"),
    ],
};

/// The options of `enqueue` that mean something for a job that comes again and again.
const OPTIONS: [&str; 13] = [
    "queue",
    "priority",
    "max_retries",
    "backoff",
    "timeout",
    "memory",
    "unique",
    "group",
    "limit_key",
    "expires_in",
    "tags",
    "meta",
    "notify",
];

/// What is enqueued again and again.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleSettings {
    /// Its name.
    pub name: String,
    /// When.
    pub line: String,
    /// In which time zone.
    pub zone: String,
    /// The kind of its jobs.
    pub kind: String,
    /// Their args.
    pub args: Map<String, Json>,
    /// Their options.
    pub options: Map<String, Json>,
    /// What is done about missed ticks.
    pub missed: Missed,
    /// Only those younger than this.
    pub missed_within: Duration,
    /// So many of them at most.
    pub missed_max: u8,
    /// What is done while the job of an earlier tick has not ended.
    pub overlap: Overlap,
}

/// Reads a schedule; none where it has no line or no kind that could be read.
pub(super) fn read(section: &Section<'_>, name: &str) -> Option<ScheduleSettings> {
    if let Err(message) = form::check_name(name) {
        section.fault_here(message);
    }
    let line = section.take("schedule", |_, value| value.as_text().map(str::to_owned));
    let zone = section.text("zone").unwrap_or_else(|| "UTC".into());
    let kind = section.name("kind");
    for missing in ["schedule", "kind"].into_iter().filter(|name| section.find(name).is_none()) {
        section.missing(missing, "a schedule needs it");
    }
    let schedule = ScheduleSettings {
        name: name.to_owned(),
        args: section.take("args", |_, value| table(value)).unwrap_or_default(),
        options: section.take("options", |_, value| options(value)).unwrap_or_default(),
        missed: section.word("missed").map(Missed::of).unwrap_or_default(),
        missed_within: section.span_set("missed_within"),
        missed_max: u8::try_from(section.whole("missed_max")).unwrap_or(bounds::MISSED_MAX),
        overlap: section.word("overlap").map(Overlap::of).unwrap_or_default(),
        line: line?,
        zone,
        kind: kind?,
    };
    match Rhythm::parse(&schedule.line, &schedule.zone) {
        Ok(_) => Some(schedule),
        Err(error) => {
            let key = if matches!(error, BadRhythm::Zone(_)) { "zone" } else { "schedule" };
            section.fault(BAD_VALUE, key, error.to_string());
            None
        }
    }
}

fn table(value: &Value) -> Result<Map<String, Json>, String> {
    match value.to_json() {
        Json::Object(map) => Ok(map),
        _ => Err(format!("a table is wanted, this is {}", value.kind())),
    }
}

fn options(value: &Value) -> Result<Map<String, Json>, String> {
    let options = table(value)?;
    for name in options.keys() {
        match name.as_str() {
            "run_in" | "run_at" => {
                return Err(format!("{name}: when its jobs run is what the line says"));
            }
            "idempotency_key" => return Err(format!("{name}: each tick comes once without one")),
            other if OPTIONS.contains(&other) => {}
            other => return Err(not_among(other, &OPTIONS)),
        }
    }
    Ok(options)
}
