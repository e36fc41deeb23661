//! Schedules that do not do what they were written for: stuck, late, declared by nobody, paused for long, or faster than is wise.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::{Finding, blind, count};
use crate::model::cron::{Rhythm, VERY_LATE};
use crate::model::status::ScheduleStatus;
use crate::model::unit::about;
use crate::store::database::Database;
use crate::store::schedule;

/// Whoever paused it may have forgotten.
const LONG: Duration = Duration::from_secs(7 * 86_400);
/// Faster than this, a loop in a program is the better schedule.
const FAST: Duration = Duration::from_secs(10);
/// More lines of one sort say nothing new.
const LINES: usize = 10;

pub(super) async fn check(database: &Database) -> Vec<Finding> {
    match schedule::list(database, None).await {
        Ok(schedules) if schedules.is_empty() => Vec::new(),
        Ok(schedules) => judge(&schedules, SystemTime::now()),
        Err(error) => vec![blind("cron", &error)],
    }
}

fn judge(schedules: &[ScheduleStatus], now: SystemTime) -> Vec<Finding> {
    let found: Vec<Finding> = schedules
        .iter()
        .filter(|schedule| schedule.retired_at.is_none())
        .filter_map(|schedule| one(schedule, now))
        .take(LINES)
        .collect();
    if found.is_empty() {
        let ticking = schedules.iter().filter(|schedule| schedule.retired_at.is_none()).count();
        return vec![Finding::ok("cron", count(ticking as u64, "schedule"))];
    }
    found
}

fn one(schedule: &ScheduleStatus, now: SystemTime) -> Option<Finding> {
    let name = &schedule.name;
    if let Some(error) = &schedule.error {
        let finding = format!("schedule {name} has no coming tick: {error}");
        return Some(Finding::fail("cron", finding, format!("mend it: backstay cron next {name}")));
    }
    if let Some(pause) = &schedule.paused {
        let age = pause.since.age(now);
        let finding = format!("schedule {name} has been paused for {}", about(age));
        let remedy = format!("backstay cron resume {name}");
        return (age > LONG).then(|| Finding::warn("cron", finding, remedy));
    }
    if schedule.origin == "file" && schedule.declared == 0 {
        let finding = format!("schedule {name} does not tick: no live worker declares it");
        let remedy = "start a worker whose settings have it, or leave it: it is retired";
        return Some(Finding::warn("cron", finding, remedy));
    }
    if let Some(late) = schedule.next_at.map(|at| at.age(now)).filter(|late| *late > VERY_LATE) {
        let never = if schedule.last_at.is_none() { " and has never ticked" } else { "" };
        let finding = format!("schedule {name} is late by {}{never}", about(late));
        return Some(Finding::fail(
            "cron",
            finding,
            "start a worker that keeps house: backstay work",
        ));
    }
    let rhythm = Rhythm::parse(&schedule.line, &schedule.zone).ok()?;
    let finding = format!("schedule {name} ticks more often than every {}", about(FAST));
    let remedy = "let one job do the work of a minute, or a program loop by itself";
    rhythm
        .is_faster_than(FAST, Timestamp::try_from(now).ok()?)
        .then(|| Finding::warn("cron", finding, remedy))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schedule(change: &serde_json::Value) -> ScheduleStatus {
        let mut all = json!({
            "name": "s", "line": "0 0 * * *", "zone": "UTC", "kind": "k", "options": {}, "missed": "once", "missed_within_ms": 1000,
            "missed_max": 1, "overlap": "skip", "origin": "file", "set_at": "2026-11-01T00:00:00Z", "set_by": "me", "retired_at": null,
            "next_at": "2026-11-24T00:00:00Z", "last_at": null, "error": null, "declared": 1, "unfinished": 0, "paused": null
        });
        for (name, value) in change.as_object().unwrap() {
            all[name] = value.clone();
        }
        serde_json::from_value(all).unwrap()
    }

    fn said(change: serde_json::Value) -> String {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        judge(&[schedule(&change)], now.into())[0].finding.clone()
    }

    #[test]
    fn a_schedule_that_does_not_tick_is_told_with_its_reason() {
        assert_eq!(said(json!({})), "1 schedule");
        assert!(said(json!({ "error": "no such zone" })).contains("no coming tick: no such zone"));
        assert!(said(json!({ "declared": 0 })).contains("no live worker declares it"));
        let late = said(json!({ "next_at": "2026-11-23T11:00:00Z" }));
        assert!(late.contains("is late by") && late.ends_with("has never ticked"), "{late}");
        let paused = |since: &str| json!({ "paused": { "since": since, "until": null, "by": "me", "reason": null } });
        assert!(said(paused("2026-11-10T00:00:00Z")).contains("has been paused for"));
        assert_eq!(said(paused("2026-11-20T00:00:00Z")), "1 schedule");
        assert!(said(json!({ "line": "*/5 * * * * *" })).contains("more often than every"));
    }
}
