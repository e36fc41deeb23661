use std::collections::BTreeMap;

use super::*;
use crate::figures::spread;

fn row(scenario: &str, subject: &Subject, values: &[(&'static str, f64)]) -> Row {
    let values: BTreeMap<_, _> =
        values.iter().map(|(name, value)| (*name, spread(vec![*value]))).collect();
    Row { scenario: scenario.to_owned(), subject: subject.label(), values, failed: None }
}

fn subjects() -> Vec<Subject> {
    vec![
        Subject::named("backstay", "full", true),
        Subject::named("backstay", "lean", true),
        Subject::named("other", "fast", false),
        Subject::named("keeper", "plain", true),
    ]
}

fn drains(lean: f64) -> Vec<Row> {
    let subjects = subjects();
    let rates = [160.0, lean, 100.0, 40.0];
    let rows = subjects.iter().zip(rates);
    rows.map(|(one, rate)| row("drain, 1 worker", one, &[("jobs_per_s", rate)])).collect()
}

fn find<'a>(verdicts: &'a [Verdict], gate: &str, what: &str) -> &'a Verdict {
    verdicts.iter().find(|one| one.gate == gate && one.what == what).unwrap()
}

#[test]
fn a_drain_is_set_against_the_best_other_and_the_best_that_keeps() {
    let verdicts = judge(&drains(250.0), &subjects());
    let lean = find(&verdicts, "E1", "drain, 1 worker: lean, times the best other");
    assert_eq!((lean.figure, lean.is_held()), (Some(2.5), Some(true)));
    let full = find(&verdicts, "E2", "drain, 1 worker: full, times the best other that keeps");
    assert_eq!((full.figure, full.is_held()), (Some(4.0), Some(true)));
    assert!(are_held(&verdicts), "{}", text(&verdicts));
}

#[test]
fn a_goal_that_is_missed_fails_the_run_and_is_told() {
    let verdicts = judge(&drains(249.0), &subjects());
    assert!(!are_held(&verdicts));
    let text = text(&verdicts);
    assert!(
        text.contains("E1   MISS  drain, 1 worker: lean, times the best other: 2.49"),
        "{text}"
    );
    assert!(text.ends_with("NOT all held\n"), "{text}");
}

#[test]
fn what_was_not_measured_neither_holds_nor_misses_but_what_failed_does_miss() {
    let subjects = subjects();
    assert!(are_held(&judge(&[], &subjects)));
    let failed =
        Row { failed: Some("it ended".to_owned()), ..row("idle worker", &subjects[0], &[]) };
    let verdicts = judge(&[failed], &subjects);
    assert!(!are_held(&verdicts));
    assert!(text(&verdicts).contains("E14  -     idle worker: transactions/s: it ended"));
}

#[test]
fn wal_is_that_of_the_bulk_enqueue_and_of_the_drain() {
    let subjects = subjects();
    let mut rows = Vec::new();
    for (one, enqueue) in [(&subjects[0], 400.0), (&subjects[2], 500.0), (&subjects[3], 600.0)] {
        rows.push(row("enqueue 10000 a call", one, &[("wal", enqueue)]));
    }
    for (one, drain) in subjects.iter().zip([700.0, 100.0, 500.0, 800.0]) {
        rows.push(row("drain, 1 worker", one, &[("wal", drain)]));
    }
    let verdicts = judge(&rows, &subjects);
    let of = |what: &str| find(&verdicts, "E7", &format!("enqueue and drain: WAL, {what}")).figure;
    assert_eq!(of("full, bytes"), Some(1100.0));
    assert_eq!(of("lean, times the best other's"), Some(0.5));
    assert_eq!(of("full, times the best other's that keeps"), Some(1100.0 / 1400.0));
}
