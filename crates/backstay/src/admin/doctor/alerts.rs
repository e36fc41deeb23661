//! Whether anybody would hear of a dead letter: channels, messages on their way, messages given up.

use serde::Deserialize;

use super::{Finding, Wishes, blind, count, facts};
use crate::store::database::Database;
use crate::store::doctor::Facts;

#[derive(Debug, Clone, Default, Deserialize)]
struct Alerts {
    unfolded: u64,
    waiting: u64,
    undeliverable: u64,
    last_error: Option<LastError>,
}

#[derive(Debug, Clone, Deserialize)]
struct LastError {
    channel: String,
    error: String,
}

pub(super) async fn check(database: &Database, wishes: &Wishes) -> Vec<Finding> {
    let mut found = Vec::new();
    if wishes.channels == Some(0) {
        found.push(Finding::warn(
            "channels",
            "none in these settings: alerts go to the log only",
            "add one below [alerts.channels], then: backstay alerts test",
        ));
    }
    if wishes.channels.is_some_and(|channels| channels > 0) && !wishes.dead_man {
        found.push(Finding::warn(
            "dead_man",
            "not set: when no worker is left, nobody is told",
            "set alerts.dead_man to an address that tells people when its calls stop",
        ));
    }
    match facts::<Alerts>(database, Facts::Alerts).await {
        Ok(alerts) => found.extend(judge(&alerts)),
        Err(error) => found.push(blind("alerts", &error)),
    }
    found
}

fn judge(alerts: &Alerts) -> Vec<Finding> {
    let mut found = Vec::new();
    let said = alerts.last_error.as_ref();
    let said = said.map(|last| format!(" ({}: {})", last.channel, last.error)).unwrap_or_default();
    if alerts.unfolded > 0 {
        let finding =
            format!("{} nobody has turned into a message", count(alerts.unfolded, "alert"));
        found.push(Finding::warn("alerts", finding, "start a worker: it sends them"));
    }
    if alerts.waiting > 0 {
        let finding = format!("{} late by 5 min and more{said}", count(alerts.waiting, "message"));
        found.push(Finding::warn("alerts", finding, "backstay alerts list"));
    }
    if alerts.undeliverable > 0 {
        let finding =
            format!("{} given up this week{said}", count(alerts.undeliverable, "message"));
        found.push(Finding::warn(
            "alerts",
            finding,
            "mend the channel, then: backstay alerts test",
        ));
    }
    if found.is_empty() {
        found.push(Finding::ok("alerts", "every message has been delivered"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_arrive_is_told_with_what_the_channel_said() {
        assert_eq!(judge(&Alerts::default()).len(), 1);
        let late = Alerts {
            waiting: 2,
            last_error: Some(LastError { channel: "team".into(), error: "HTTP 404".into() }),
            ..Alerts::default()
        };
        assert_eq!(judge(&late)[0].finding, "2 messages late by 5 min and more (team: HTTP 404)");
    }
}
