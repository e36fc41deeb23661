use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};

use super::*;

type Line = (Level, String, BTreeMap<String, String>);

/// Keeps log lines, as any subscriber would see them.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<Line>>>);

#[derive(Default)]
struct Seen(BTreeMap<String, String>);

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().into(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }
}

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut seen = Seen::default();
        event.record(&mut seen);
        let metadata = event.metadata();
        let line = (*metadata.level(), metadata.target().to_owned(), seen.0);
        self.0.lock().unwrap().push(line);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn logged(event: &Event) -> Line {
    let lines = Lines::default();
    tracing::subscriber::with_default(lines.clone(), || emit(event));
    let line = lines.0.lock().unwrap().pop();
    line.expect("one line")
}

fn job(attempt: i32) -> JobRef {
    JobRef { id: 4211, kind: "report".into(), queue: "reports".into(), attempt }
}

fn died(error: &str) -> Event {
    Event::Buried {
        job: job(11),
        reason: Reason::Failed,
        fingerprint: "a3f19c02".into(),
        error: error.into(),
    }
}

#[test]
fn a_line_reads_alone_and_has_its_fields() {
    let (level, target, fields) = logged(&died("no such month\nat line 7"));
    assert_eq!((level, target.as_str()), (Level::ERROR, "backstay"));
    assert_eq!(
        fields["message"],
        "report 4211 (attempt 11) is dead, failed: no such month; look: backstay dead show a3f19c02"
    );
    let expected = [
        ("event", "job.buried"),
        ("job_id", "4211"),
        ("kind", "report"),
        ("queue", "reports"),
        ("attempt", "11"),
        ("reason", "failed"),
        ("fingerprint", "a3f19c02"),
        ("error", "no such month"),
    ];
    for (field, value) in expected {
        assert_eq!(fields[field], value, "{field}");
    }
    assert_eq!(fields.len(), expected.len() + 1, "a field that says nothing is left out");
}

#[test]
fn a_retry_says_what_happened_and_when_it_goes_on() {
    let event = Event::Retried {
        job: job(1),
        outcome: Outcome::TimedOut,
        delay: Duration::from_millis(15_400),
        error: String::new(),
    };
    assert_eq!(event.message(), "report 4211 timed_out; next attempt in 15s");
    assert_eq!(logged(&event).2["delay_ms"], "15400");
}

#[test]
fn a_text_from_outside_cannot_forge_a_line() {
    let event = died("\u{1b}[31mred\u{202E}x\0");
    assert!(!event.message().chars().any(char::is_control), "{}", event.message());
    assert!(!event.message().contains('\u{202E}'));
    let long = died(&"x".repeat(10_000));
    assert!(long.message().chars().count() < 400);
}

#[test]
fn workers_and_codes_are_fields_too() {
    let worker = Uuid::from_u128(7);
    let lost = Event::WorkerLost { worker, evidence: Evidence::Presence, jobs: 3 };
    let (level, _, fields) = logged(&lost);
    assert_eq!(level, Level::ERROR);
    assert_eq!(
        (fields["worker_id"].as_str(), fields["count"].as_str()),
        (&*worker.to_string(), "3")
    );
    let fields = logged(&Event::DatabaseLost { error: "refused".into() }).2;
    assert_eq!(fields["error_code"], "BS501");
}

#[test]
fn an_alert_in_the_log_is_one_line_with_all_of_its_text() {
    let alert = |resolved| Event::AlertLogged {
        rule: "first".into(),
        subject: "a3f19c02".into(),
        count: 400,
        headline: "report died: failed: no\u{1b}such month (400 times)".into(),
        text: format!("{}What to do: backstay dead show a3f19c02", "word ".repeat(60)),
        resolved,
    };
    let (level, _, fields) = logged(&alert(false));
    assert_eq!((level, fields["event"].as_str()), (Level::ERROR, "alert.raised"));
    assert_eq!((fields["channel"].as_str(), fields["count"].as_str()), ("log", "400"));
    let line = &fields["message"];
    assert!(line.ends_with("backstay dead show a3f19c02") && !line.chars().any(char::is_control));
    assert_eq!(alert(true).level(), Level::INFO);
}

#[test]
fn every_level_reaches_the_log() {
    for (event, level) in [
        (Event::Promoted { count: 1 }, Level::DEBUG),
        (Event::ListenRestored, Level::INFO),
        (Event::Expired { count: 2 }, Level::WARN),
        (Event::TracesLost { count: 3, error: "no answer".into() }, Level::WARN),
        (Event::TracesLost { count: 0, error: "no such protocol".into() }, Level::WARN),
        (Event::InstallationHeld { reason: "restored".into() }, Level::ERROR),
    ] {
        let (logged, _, fields) = logged(&event);
        assert_eq!((logged, event.level()), (level, level));
        assert_ne!(fields["message"], event.name(), "{} has no sentence of its own", event.name());
    }
}
