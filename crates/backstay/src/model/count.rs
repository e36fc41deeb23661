//! What one worker counts for charts, by minute, queue and kind, and for how long it tries to write that down.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::steps::{self, SIZES, SPANS};

/// Minutes for which a worker tries to write down what it counted. A minute is folded when it is seven old, and a repeat that came
/// after that would count twice.
const TRIED: i64 = 4;

/// Attempts that are no failure, whatever else they are.
const GOOD: &[&str] = &["completed", "snoozed", "cancelled", "interrupted", "evicted", "stale"];

/// What was counted of one queue and kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Count {
    started: u64,
    completed: u64,
    cancelled: u64,
    dead: u64,
    failed: u64,
    lost: u64,
    snoozed: u64,
    wait_ms: u64,
    run_ms: u64,
    cpu_ms: u64,
    waits: Vec<u64>,
    runs: Vec<u64>,
    peaks: Vec<u64>,
}

impl Count {
    pub(crate) fn started(&mut self, waited: Duration) {
        self.started += 1;
        self.wait_ms += steps::millis(waited);
        steps::saw(&mut self.waits, SPANS, waited.as_secs_f64());
    }

    pub(crate) fn ran(
        &mut self,
        outcome: &str,
        wall: Duration,
        cpu: Option<Duration>,
        peak_bytes: Option<u64>,
    ) {
        self.failed += u64::from(!GOOD.contains(&outcome));
        self.snoozed += u64::from(outcome == "snoozed");
        self.run_ms += steps::millis(wall);
        self.cpu_ms += steps::millis(cpu.unwrap_or_default());
        steps::saw(&mut self.runs, SPANS, wall.as_secs_f64());
        if let Some(bytes) = peak_bytes {
            steps::saw(&mut self.peaks, SIZES, bytes as f64);
        }
    }

    pub(crate) fn rescued(&mut self, outcome: &str) {
        self.failed += u64::from(!GOOD.contains(&outcome));
        self.lost += u64::from(outcome == "lost");
    }

    pub(crate) fn ended(&mut self, state: &str) {
        match state {
            "completed" => self.completed += 1,
            "cancelled" => self.cancelled += 1,
            "dead" => self.dead += 1,
            _ => {}
        }
    }

    fn add(&mut self, more: &Count) {
        self.started += more.started;
        self.completed += more.completed;
        self.cancelled += more.cancelled;
        self.dead += more.dead;
        self.failed += more.failed;
        self.lost += more.lost;
        self.snoozed += more.snoozed;
        self.wait_ms += more.wait_ms;
        self.run_ms += more.run_ms;
        self.cpu_ms += more.cpu_ms;
        steps::add(&mut self.waits, &more.waits);
        steps::add(&mut self.runs, &more.runs);
        steps::add(&mut self.peaks, &more.peaks);
    }
}

/// What was counted of the last minutes, and what of it is not written down yet. Its size is bounded by that of the figures of a
/// worker, some minutes of them.
#[derive(Debug, Default)]
pub(crate) struct Minutes {
    rows: BTreeMap<(i64, String, String), Row>,
}

#[derive(Debug, Default)]
struct Row {
    count: Count,
    is_written: bool,
}

/// One line as it is written down.
#[derive(Debug, Serialize)]
struct Line<'a> {
    minute: i64,
    queue: &'a str,
    kind: &'a str,
    #[serde(flatten)]
    count: &'a Count,
}

impl Minutes {
    /// Adds what was counted lately to a minute, and forgets those that are over for good.
    pub(crate) fn add(&mut self, minute: i64, fresh: Vec<(String, String, Count)>) {
        self.rows.retain(|(of, _, _), _| *of > minute - TRIED);
        for (queue, kind, count) in fresh {
            let row = self.rows.entry((minute, queue, kind)).or_default();
            row.count.add(&count);
            row.is_written = false;
        }
    }

    /// What is to be written down, as a JSON list; always the whole of a minute, so that it may be said twice.
    pub(crate) fn unwritten(&self) -> Option<String> {
        let open = self.rows.iter().filter(|(_, row)| !row.is_written);
        let line = |((minute, queue, kind), row): (&'_ (i64, String, String), &'_ Row)| {
            serde_json::to_value(Line { minute: *minute, queue, kind, count: &row.count }).ok()
        };
        let lines: Vec<serde_json::Value> = open.filter_map(line).collect();
        (!lines.is_empty()).then(|| serde_json::Value::from(lines).to_string())
    }

    /// All of it is written down.
    pub(crate) fn written(&mut self) {
        self.rows.values_mut().for_each(|row| row.is_written = true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted() -> Vec<(String, String, Count)> {
        let mut count = Count::default();
        count.started(Duration::from_millis(20));
        count.ran("failed", Duration::from_millis(3), None, Some(5 << 20));
        vec![("q".into(), "k".into(), count)]
    }

    fn lines(minutes: &Minutes) -> Vec<(i64, u64)> {
        let text = minutes.unwritten().unwrap_or_else(|| "[]".into());
        let lines: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        let of = |line: &serde_json::Value| {
            (line["minute"].as_i64().unwrap(), line["started"].as_u64().unwrap())
        };
        lines.iter().map(of).collect()
    }

    #[test]
    fn a_minute_is_written_as_a_whole_again_when_something_came_to_it() {
        let mut minutes = Minutes::default();
        minutes.add(7, counted());
        assert_eq!(lines(&minutes), [(7, 1)]);
        minutes.written();
        assert_eq!(minutes.unwritten(), None);
        minutes.add(7, counted());
        assert_eq!(lines(&minutes), [(7, 2)]);
    }

    #[test]
    fn what_could_not_be_written_for_four_minutes_is_given_up() {
        let mut minutes = Minutes::default();
        minutes.add(7, counted());
        minutes.add(10, counted());
        assert_eq!(lines(&minutes), [(7, 1), (10, 1)]);
        minutes.add(11, Vec::new());
        assert_eq!(lines(&minutes), [(10, 1)]);
    }

    #[test]
    fn an_attempt_that_was_snoozed_or_interrupted_is_no_failure() {
        let mut count = Count::default();
        for outcome in ["completed", "snoozed", "interrupted", "timed_out", "failed"] {
            count.ran(outcome, Duration::ZERO, None, None);
        }
        count.rescued("lost");
        count.rescued("cancelled");
        assert_eq!((count.failed, count.lost, count.snoozed), (3, 1, 1));
    }
}
