//! Looks for all that could be wrong, and names a remedy for each.

mod alerts;
mod connection;
mod container;
mod cron;
mod handlers;
mod jobs;
mod memory;
mod schema;
mod server;
mod tables;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::model::config::Secret;
use crate::store::StoreError;
use crate::store::database::Database;
use crate::store::doctor::{self as store, Facts};

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// All is well.
    Ok,
    /// It works, and it will cost somebody something.
    Warn,
    /// Work is lost, or waits for nobody.
    Fail,
}

impl Health {
    /// The word that every door uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Health::Ok => "ok",
            Health::Warn => "warn",
            Health::Fail => "fail",
        }
    }
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// Which check.
    pub id: &'static str,
    /// How it came out.
    pub health: Health,
    /// What is so, in a sentence without its end.
    pub finding: String,
    /// What to do: a command, wherever there is one.
    pub remedy: Option<String>,
}

impl Finding {
    fn ok(id: &'static str, finding: impl Into<String>) -> Finding {
        Finding { id, health: Health::Ok, finding: finding.into(), remedy: None }
    }

    fn warn(id: &'static str, finding: impl Into<String>, remedy: impl Into<String>) -> Finding {
        let (finding, remedy) = (finding.into(), Some(remedy.into()));
        Finding { id, health: Health::Warn, finding, remedy }
    }

    fn fail(id: &'static str, finding: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { health: Health::Fail, ..Finding::warn(id, finding, remedy) }
    }
}

/// What the settings say, which the database does not know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// How many alert channels there are; none where this machine does not know.
    pub channels: Option<usize>,
    /// Somebody outside tells people when no worker is left to tell them.
    pub dead_man: bool,
    /// A server that may lose what was committed is not good enough.
    pub require_durable: bool,
    /// The database of handlers, under their login, where the settings name it.
    pub handlers: Option<Secret>,
}

/// All findings, in the order in which they are best read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// No check failed.
    pub ready: bool,
    /// What was found.
    pub findings: Vec<Finding>,
}

impl Report {
    fn of(findings: Vec<Finding>) -> Report {
        let ready = findings.iter().all(|finding| finding.health < Health::Fail);
        Report { ready, findings }
    }

    /// The last line: ready, or what to do first.
    #[must_use]
    pub fn verdict(&self) -> String {
        let failed = self.findings.iter().find(|finding| finding.health == Health::Fail);
        match failed {
            None => "ready".into(),
            Some(Finding { remedy: Some(remedy), .. }) => format!("not ready: {remedy}"),
            Some(finding) => format!("not ready: {}", finding.finding),
        }
    }
}

/// Runs every check.
///
/// ```
/// use backstay::doctor::{self, Finding, Health, Report, Wishes};
/// use backstay::testing::TestQueue;
/// use backstay::Worker;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # if backstay::testing::is_skipped() { return Ok(()) }
/// let t = TestQueue::start(Worker::without_state().build()).await?;
/// let wishes = Wishes { channels: Some(0), ..Wishes::default() };
/// let report: Report = doctor::examine(t.database(), wishes).await;
/// for Finding { id, health, finding, remedy, .. } in &report.findings {
///     println!("{} {id}: {finding} {}", health.as_str(), remedy.as_deref().unwrap_or(""));
/// }
/// assert!(report.findings.iter().any(|finding| finding.health == Health::Ok));
/// println!("{}", report.verdict());
/// # Ok(())
/// # }
/// ```
///
/// One that cannot be run is a finding of its own and stops no other.
pub async fn examine(database: &Database, wishes: Wishes) -> Report {
    let mut findings = Vec::new();
    findings.extend(server::check(database, &wishes).await);
    let (schema, installed) = schema::check(database).await;
    findings.extend(schema);
    findings.extend(connection::check(database, installed).await);
    findings.extend(handlers::check(database, wishes.handlers.as_ref()).await);
    if installed {
        findings.extend(tables::check(database).await);
        findings.extend(jobs::check(database).await);
        findings.extend(cron::check(database).await);
        findings.extend(memory::check(database).await);
        findings.extend(container::check(database).await);
        findings.extend(alerts::check(database, &wishes).await);
    }
    Report::of(findings)
}

/// Reads one set of facts.
async fn facts<T: DeserializeOwned>(database: &Database, which: Facts) -> Result<T, StoreError> {
    let found = store::facts(database, which).await?;
    serde_json::from_value(found).map_err(StoreError::garbled)
}

/// A check that could not be run, with what would make it possible.
fn blind(id: &'static str, error: &StoreError) -> Finding {
    let remedy = match (error.hint(), error.code()) {
        (Some(hint), _) => hint.to_owned(),
        (None, "BS504") => "grant backstay_viewer to this login".into(),
        (None, code) => format!("backstay explain {code}"),
    };
    Finding::warn(id, format!("could not be looked at: {error}"), remedy)
}

/// `1 job`, `4 jobs`.
fn count(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_the_remedy_of_the_first_failure() {
        let ok = Finding::ok("a", "fine");
        let warn = Finding::warn("b", "odd", "look");
        let fail = Finding::fail("c", "broken", "mend it");
        assert_eq!(Report::of(vec![ok.clone(), warn.clone()]).verdict(), "ready");
        let report = Report::of(vec![ok, warn, fail]);
        assert!(!report.ready);
        assert_eq!(report.verdict(), "not ready: mend it");
    }
}
