//! Channels against small servers of our own, and programs.

use std::time::Duration;

use backstay::config::{AlertSettings, ChannelSettings, Secret, Way};
use backstay::model::alert::{Alert, AlertState, Rule};
use serde_json::json;

use super::*;

mod handler;
mod mail;
mod program;
mod web;

/// A death as the worker tells it.
pub(crate) fn alert() -> Alert {
    Alert {
        id: "7".into(),
        dedupe_key: "tests/dead/a3f19c02".into(),
        rule: Rule::First,
        subject: "a3f19c02".into(),
        severity: Rule::First.severity(),
        state: AlertState::Open,
        title: "report died: failed: no such month".into(),
        text: "report 41 (queue reports) died in attempt 4, reason failed. \
               What to do: backstay dead show a3f19c02"
            .into(),
        link: None,
        environment: Some("tests".into()),
        count: 400,
        first_at: "2026-11-24T09:00:00Z".parse().unwrap(),
        last_at: "2026-11-24T09:00:09Z".parse().unwrap(),
        fingerprint: Some("a3f19c02".into()),
        owner: None,
        kind: Some("report".into()),
        queue: Some("reports".into()),
        job: Some(json!({ "id": "41", "kind": "report", "attempt": 4 })),
    }
}

fn settings(allowed: &[&str], channels: Vec<(&str, Way)>) -> AlertSettings {
    let channel = |(name, way): (&str, Way)| ChannelSettings { name: name.to_owned(), way };
    AlertSettings {
        quiet: Duration::from_secs(3600),
        unread: Duration::from_secs(24 * 3600),
        allow_networks: allowed.iter().map(|text| text.parse().unwrap()).collect(),
        channels: channels.into_iter().map(channel).collect(),
        routes: Vec::new(),
        rules: Vec::new(),
        dead_man: None,
    }
}

/// The one channel of these settings.
fn channel(allowed: &[&str], way: Way) -> Result<Arc<dyn Deliver>, ChannelError> {
    let mut made = channels(&settings(allowed, vec![("ops", way)]))?;
    Ok(made.by_name.remove("ops").unwrap())
}

#[test]
fn every_way_of_the_settings_becomes_a_channel_under_its_name() {
    let secret = Secret::new;
    let ways = vec![
        ("team", Way::Slack { url: secret("https://hooks.example.org/T0/B0/x") }),
        ("ops", Way::Webhook { url: secret("https://ops.example.org/"), secret: secret("s") }),
        (
            "mail",
            Way::Email {
                to: vec!["ops@example.org".into()],
                from: "backstay@example.org".into(),
                smtp: secret("smtps://u:p@mail.example.org"),
            },
        ),
        ("page", Way::Command { argv: vec!["true".into()], timeout: Duration::from_secs(1) }),
    ];
    let made = channels(&settings(&[], ways)).unwrap();
    assert_eq!(made.by_name.keys().collect::<Vec<_>>(), ["mail", "ops", "page", "team"]);
    assert_eq!(made.quiet, Some(Duration::from_secs(3600)));
}

#[test]
fn a_channel_that_cannot_be_made_is_named_with_its_reason() {
    let way = Way::Email {
        to: vec!["ops@example.org\r\nBcc: x@example.org".into()],
        from: "backstay@example.org".into(),
        smtp: Secret::new("smtp://localhost"),
    };
    let Err(error) = channel(&[], way) else { panic!("a line break was taken") };
    assert_eq!(error.code(), "BS402");
    assert!(error.to_string().starts_with("alert channel `ops`: not a mail address"), "{error}");
}
