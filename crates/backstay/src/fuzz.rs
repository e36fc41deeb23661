//! What the fuzzer feeds: one function for each reader of texts from outside.

use jiff::Timestamp;
use serde_json::Value;

use crate::model::bounds;
use crate::model::cron::Rhythm;
use crate::model::fingerprint::{fingerprint, own_fingerprint};
use crate::model::job::Counters;
use crate::model::judge::{OnRules, Policy, Verdict, judge};
use crate::model::outcome::{Attempted, Outcome};
use crate::model::priority::Priority;
use crate::model::push::{Meaning, PushAnswer, meaning};
use crate::model::retry::Backoff;
use crate::model::scrub::Scrub;
use crate::model::{printed, unit};

/// A year and a day, or a week with full jitter: no verdict waits for longer.
const LONGEST_WAIT_S: u64 = 366 * 86_400;

/// The first line and the rest.
fn halves(data: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(data);
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    (first.to_owned(), rest.to_owned())
}

/// What a handler says of its failure, and what it printed: it is shortened, blanked and made a fingerprint.
pub fn error_text(data: &[u8]) {
    let (class, message) = halves(data);
    let print = fingerprint("kind", "failed", Some(&class), &message, Some(&class));
    let again = fingerprint("kind", "failed", Some(&class), &message, Some(&class));
    assert_eq!((&print.hash, &print.title), (&again.hash, &again.title));
    assert!(!print.title.contains('\n') && print.hash.len() == 8);
    drop(own_fingerprint("kind", &class, "failed", &message));
    let clipped = bounds::clip(&message, 100);
    assert!(clipped.len() <= 100 && !clipped.contains('\0'));
    assert!(bounds::clip_front(&message, 100).len() <= 100);
    let clean = Scrub::default().clean(&message).into_owned();
    let mut part = String::new();
    printed::write(&mut part, std::time::SystemTime::UNIX_EPOCH, "out", &clean);
    assert_eq!(printed::read(1, &part).count(), 1, "a line stays one line");
}

/// The answer of an address that handles a kind: two bytes of status, `Retry-After`, the body.
pub fn http_answer(data: &[u8]) {
    let (status, rest) = match data {
        [high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest),
        _ => (0, data),
    };
    let (header, body) = rest.split_at(rest.iter().position(|byte| *byte == b'\n').unwrap_or(0));
    let retry_after = (!header.is_empty()).then(|| String::from_utf8_lossy(header).into_owned());
    let answer = PushAnswer { status, retry_after, body: body.to_vec(), is_cut: status % 7 == 0 };
    match meaning(&answer, Timestamp::UNIX_EPOCH) {
        Meaning::Completed { output: Some(output) } => {
            serde_json::from_str::<&serde_json::value::RawValue>(output.get()).expect("it is JSON");
        }
        Meaning::Completed { output: None } => {}
        Meaning::NotDone { message, not_before, .. } => {
            assert!(message.len() <= bounds::PUSH_MESSAGE_BYTES + 100, "{}", message.len());
            let attempted = Attempted { not_before, ..Attempted::of(Outcome::Failed) };
            is_bounded(&judge(&attempted, &Counters::default(), &Policy::default(), 1.0));
        }
    }
}

fn is_bounded(verdict: &Verdict) {
    if let Verdict::Retry { delay, .. }
    | Verdict::Snooze { delay }
    | Verdict::ReleaseLater { delay, .. } = verdict
    {
        assert!(delay.as_secs() <= LONGEST_WAIT_S, "{delay:?}");
    }
}

/// The policy that travels with a job, as a newer version or a hand may have written it.
pub fn job_policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let policy = Policy::of(3, 3, 3, Some(text));
    for outcome in Outcome::ALL {
        is_bounded(&judge(&Attempted::of(outcome), &Counters::default(), &policy, 0.5));
    }
    if let Ok(backoff) = serde_json::from_str::<Backoff>(text) {
        let json = serde_json::to_string(&backoff).expect("it is data");
        let again = serde_json::from_str::<Backoff>(&json);
        assert_eq!(again.expect("what is written is read"), backoff, "{json}");
    }
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        // What is refused is an error for people.
        drop(OnRules::parse(&value).map_err(|error| error.to_string()));
    }
}

/// Durations, sizes, rates, instants, priorities and names, as people type them.
pub fn units(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(duration) = unit::parse_duration(text) {
        assert_eq!(unit::parse_duration(&unit::format_duration(duration)), Ok(duration));
    }
    if let Ok(bytes) = unit::parse_size(text) {
        assert_eq!(unit::parse_size(&unit::format_size(bytes)), Ok(bytes));
    }
    if let Ok(rate) = unit::parse_rate(text) {
        assert_eq!(unit::parse_rate(&unit::format_rate(rate)), Ok(rate));
    }
    if let Ok(priority) = text.parse::<Priority>() {
        assert_eq!(priority.to_string().parse(), Ok(priority));
    }
    if let Ok(instant) = text.parse::<crate::model::instant::Instant>() {
        let again = instant.to_string().parse::<crate::model::instant::Instant>();
        assert_eq!(again.expect("what is written is read").to_string(), instant.to_string());
    }
    drop(bounds::check_name(text).map_err(|error| error.to_string()));
}

/// The line of a schedule, and behind a line break its zone.
pub fn cron_line(data: &[u8]) {
    let (line, zone) = halves(data);
    let zone = if zone.is_empty() { "UTC" } else { zone.trim() };
    let Ok(rhythm) = Rhythm::parse(&line, zone) else { return };
    let mut last = Timestamp::UNIX_EPOCH;
    for tick in rhythm.coming(last, 20) {
        assert!(tick > last, "time never goes back: {line} in {zone}");
        last = tick;
    }
}

/// The address of a database.
#[cfg(feature = "worker")]
pub fn database_url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(address) = crate::store::url::parse(text) {
        assert!(!address.hosts.is_empty());
        for host in &address.hosts {
            assert!(!host.get_hosts().is_empty() && host.get_connect_timeout().is_some());
        }
    }
}

/// Which args are secret: pointers, one a line, an empty line, and the args.
pub fn redact_path(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (pointers, args) = text.split_once("\n\n").unwrap_or(("", &text));
    let pointers: Vec<String> = pointers.lines().map(str::to_owned).collect();
    let scrub = Scrub::of(args, &pointers);
    let clean = scrub.clean(args).into_owned();
    let twice = scrub.clean(&clean).into_owned();
    assert!(clean.len() <= args.len() * 4, "blanks do not heap up");
    assert!(twice.len() <= clean.len() * 4);
    // A secret of one's own args shows nowhere, unless a pointer shows it on purpose.
    if pointers.iter().all(|pointer| !pointer.starts_with('!')) {
        let whole = Scrub::of(r#"{"password": "correct horse"}"#, &pointers);
        assert!(!whole.clean(&format!("{args}correct horse")).contains("correct horse"));
    }
}

#[cfg(test)]
mod tests {
    use crate::replay::replay;

    #[test]
    fn whatever_was_fed_to_the_readers_of_texts_is_read_without_harm() {
        replay("error_text", super::error_text);
        replay("http_answer", super::http_answer);
        replay("job_policy", super::job_policy);
        replay("units", super::units);
        replay("cron_line", super::cron_line);
        replay("database_url", super::database_url);
        replay("redact_path", super::redact_path);
    }
}
