//! Writes what was found: one line, JSON, and everything that is known of the jobs about which something is wrong.

use std::collections::BTreeSet;
use std::fmt::Write;

use jiff::Timestamp;

use super::joined::Joined;
use super::{Finding, JobHistory, Report, Sort};
use crate::history::{Line, Op};

/// Jobs whose histories are shown; where more are wrong they are wrong in the same way.
const HISTORIES: usize = 20;

impl Report {
    /// How many findings count as this.
    pub(crate) fn count(&self, is_it: fn(Sort) -> bool) -> usize {
        self.findings.iter().filter(|finding| is_it(finding.sort)).count()
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        !self.findings.iter().any(|finding| finding.sort.is_wrong())
    }

    /// The one line. Overlaps that nothing explains and deaths that nobody heard of stand in it where there are any.
    #[must_use]
    pub fn line(&self) -> String {
        let count = |is_it| self.count(is_it);
        let mut line = format!(
            "lost {} unexpected {} duplicated {} (explained {}) stale-accepted {} info {}",
            count(|sort| sort == Sort::Lost),
            count(|sort| sort == Sort::Unexpected),
            count(|sort| matches!(sort, Sort::Duplicated { .. })),
            count(|sort| sort == Sort::Duplicated { explained: true }),
            count(|sort| sort == Sort::StaleAccepted),
            self.info,
        );
        let rare = [
            ("overlap", count(|sort| sort == Sort::Overlap { explained: false })),
            ("untold", count(|sort| sort == Sort::Untold)),
        ];
        for (word, count) in rare.into_iter().filter(|(_, count)| *count > 0) {
            line.push_str(&format!(" {word} {count}"));
        }
        line
    }

    /// All of it, as JSON on one line.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers are JSON")
    }

    /// What a person needs where something is wrong: each finding, then the history of each such job.
    #[must_use]
    pub fn account(&self) -> String {
        let mut text = format!("{}\n", self.line());
        for finding in self.findings.iter().filter(|finding| finding.sort.is_wrong()) {
            let job = finding.job.map(|job| format!(" job {job}:")).unwrap_or_default();
            // A String takes whatever is written into it.
            let _full = writeln!(text, "{}{job} {}", finding.rule, finding.what);
        }
        for history in &self.histories {
            let _full = writeln!(text, "\njob {}", history.job);
            text.extend(history.lines.iter().map(|line| format!("  {line}\n")));
        }
        text
    }
}

/// The histories of the jobs about which something is wrong.
pub(super) fn histories(joined: &Joined<'_>, findings: &[Finding]) -> Vec<JobHistory> {
    let wrong = findings.iter().filter(|finding| finding.sort.is_wrong());
    let jobs: BTreeSet<i64> = wrong.filter_map(|finding| finding.job).collect();
    let history = |job| JobHistory { job, lines: history(joined, job) };
    jobs.into_iter().take(HISTORIES).map(history).collect()
}

fn history(joined: &Joined<'_>, job: i64) -> Vec<String> {
    let keys: BTreeSet<&str> = joined
        .enqueues
        .iter()
        .filter(|enqueue| enqueue.id == Some(job))
        .map(|enqueue| enqueue.key)
        .chain(joined.jobs.get(&job).and_then(|job| job.key.as_deref()))
        .collect();
    let rows = joined.moves(job).iter().map(|row| (Some(row.at), json(row)));
    let lines = joined.history.iter().filter(|line| concerns(line, job, &keys));
    let mut all: Vec<(Option<Timestamp>, String)> =
        lines.map(|line| (line.at, json(line))).chain(rows).collect();
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, text)| text).collect()
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("texts and numbers are JSON")
}

fn concerns(line: &Line, job: i64, keys: &BTreeSet<&str>) -> bool {
    match &line.op {
        Op::Enqueue { key, id } => *id == Some(job) || keys.contains(key.as_str()),
        Op::Claim { id, .. }
        | Op::Work { id, .. }
        | Op::Effect { id, .. }
        | Op::Cancel { id }
        | Op::Bury { id }
        | Op::Revive { id }
        | Op::Discard { id }
        | Op::Restore { id }
        | Op::Promote { id }
        | Op::Edit { id } => *id == job,
        Op::Settle(settle) | Op::Rescue(settle) => settle.id == job,
        // Harm concerns everybody.
        Op::Fault { .. } => true,
        Op::Begin { .. } | Op::Alert { .. } => false,
    }
}
