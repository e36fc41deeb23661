//! Whether what must hold in every database does hold: the invariants, for operators and at the end of tests.

use serde::Serialize;

use crate::store::StoreError;
use crate::store::check::{self as store, Census, Header, Seen};
use crate::store::database::Database;

/// Unfinished jobs above which one look takes a sixteenth of all jobs: hashing 100,000 takes some 0.2 s.
const JOBS_AT_ONCE: i64 = 1_000_000;
/// Rows that are shown of one invariant; a statement gives one more.
const SHOWN: usize = 100;
/// Rows that a sentence names.
const NAMED: usize = 3;

/// What it means when an invariant does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// There is a defect in Backstay, in the server, or in what somebody did past the doors.
    Defect,
    /// It may be lawful, for the reason that the invariant names.
    Alarm,
}

/// How an invariant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Standing {
    /// Nothing was found.
    Holds,
    /// Something was found.
    Broken,
    /// Nothing was found, and this login does not see all.
    NotVisible,
    /// The look took more than 5 s, or waited for a lock.
    Unfinished,
}

/// One thing that does not keep an invariant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Found {
    /// Which it is: the id of a job, in most cases.
    pub subject: String,
    /// What is so with it.
    pub detail: String,
}

/// One invariant, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Invariant {
    /// Number and name, as its file is called: `i01_one_place`.
    pub id: &'static str,
    /// What it promises, in a sentence without its end.
    pub promise: &'static str,
    /// What it means when it does not hold.
    pub sort: Sort,
    /// For an alarm: where it may be otherwise lawfully.
    pub excuse: Option<&'static str>,
    /// How it stands.
    pub standing: Standing,
    /// What does not keep it, 100 at most.
    pub found: Vec<Found>,
    /// There are more than those.
    pub more: bool,
}

impl Invariant {
    fn of(header: Header, seen: Seen, sees_all: bool) -> Invariant {
        let (mut rows, is_done) = match seen {
            Seen::Rows(rows) => (rows, true),
            Seen::Unfinished => (Vec::new(), false),
        };
        let standing = match (rows.is_empty(), is_done) {
            (false, _) => Standing::Broken,
            (true, false) => Standing::Unfinished,
            (true, true) if header.needs_sight && !sees_all => Standing::NotVisible,
            (true, true) => Standing::Holds,
        };
        let more = rows.len() > SHOWN;
        rows.truncate(SHOWN);
        Invariant {
            id: header.id,
            promise: header.promise,
            sort: if header.excuse.is_some() { Sort::Alarm } else { Sort::Defect },
            excuse: header.excuse,
            standing,
            found: rows.into_iter().map(|(subject, detail)| Found { subject, detail }).collect(),
            more,
        }
    }

    /// Whether it is broken, and that is a defect.
    #[must_use]
    pub fn is_defect(&self) -> bool {
        self.standing == Standing::Broken && self.sort == Sort::Defect
    }

    /// What was found, in one sentence without its end: how many, and the first three.
    #[must_use]
    pub fn finding(&self) -> String {
        let first = self.found.iter().take(NAMED);
        let first: Vec<String> = first.map(|it| format!("{} {}", it.subject, it.detail)).collect();
        let more = if self.more { "more than " } else { "" };
        let rest = if self.found.len() > NAMED { "; ..." } else { "" };
        format!("{more}{} found: {}{rest}", self.found.len(), first.join("; "))
    }
}

/// All invariants, in the order of their numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// There is no defect. An alarm, or what could not be looked at, leaves this true.
    pub holds: bool,
    /// Which sixteenth of the jobs was looked at, 0 to 15; none: all.
    pub part: Option<i32>,
    /// Each invariant.
    pub invariants: Vec<Invariant>,
}

impl Report {
    fn of(part: Option<i32>, invariants: Vec<Invariant>) -> Report {
        let holds = !invariants.iter().any(Invariant::is_defect);
        Report { holds, part, invariants }
    }

    /// The last line: that all hold, or which do not and why; what tests print.
    #[must_use]
    pub fn verdict(&self) -> String {
        let broken: Vec<String> = self
            .invariants
            .iter()
            .filter(|it| it.is_defect())
            .map(|it| format!("{}: {}", it.id, it.finding()))
            .collect();
        if !broken.is_empty() {
            return format!("broken: {}", broken.join("; "));
        }
        let held = self.invariants.iter().filter(|it| it.standing == Standing::Holds).count();
        match self.invariants.len() - held {
            0 => format!("all {held} hold"),
            others => format!("{held} hold, {others} to look at, no defect"),
        }
    }
}

/// Looks at every invariant, in one read-only transaction, through any pooler; no statement of it takes more than 5 s.
///
/// Where there are more than a million unfinished jobs, a sixteenth of all jobs is looked at, another one each minute.
///
/// ```
/// use backstay::check::{self, Found, Invariant, Report, Sort, Standing};
/// use backstay::testing::TestQueue;
/// use backstay::{Request, Worker, enqueue};
/// use serde_json::json;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # if backstay::testing::is_skipped() { return Ok(()) }
/// let t = TestQueue::start(Worker::without_state().build()).await?;
/// enqueue(t.client(), Request::new("report", json!({ "n": 1 }))).await?;
/// let report: Report = check::all(t.database()).await?;
/// assert!(report.holds, "{}", report.verdict());
///
/// for Invariant { id, promise, sort, standing, found, .. } in &report.invariants {
///     if *standing == Standing::Broken {
///         let word = if *sort == Sort::Alarm { "warn" } else { "fail" };
///         println!("{word} {id}: {promise}");
///         for Found { subject, detail, .. } in found {
///             println!("  {subject} {detail}");
///         }
///     }
/// }
/// for it in report.invariants.iter().filter(|it| it.is_defect()) {
///     println!("{}", it.finding());
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// BS504 where the login is no viewer, worker or auditor; BS5xx from the database.
pub async fn all(database: &Database) -> Result<Report, StoreError> {
    let (census, seen) = store::invariants(database, JOBS_AT_ONCE, part).await?;
    let invariants = seen
        .into_iter()
        .map(|(header, seen)| Invariant::of(header, seen, census.sees_all))
        .collect();
    Ok(Report::of(part(&census), invariants))
}

/// Which sixteenth of the jobs is looked at: the minute says it, so that looks in turn come to all of them.
fn part(census: &Census) -> Option<i32> {
    let turn = i32::try_from(census.minute.rem_euclid(16)).expect("below 16");
    census.many.then_some(turn)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header =
        Header { id: "i01_one_place", promise: "x", excuse: None, needs_sight: false };

    fn rows(n: usize) -> Seen {
        Seen::Rows((0..n).map(|n| (n.to_string(), "is odd".to_owned())).collect())
    }

    #[test]
    fn only_a_broken_defect_says_that_something_does_not_hold() {
        let alarm = Header { excuse: Some("busy"), ..HEADER };
        let sight = Header { needs_sight: true, ..HEADER };
        for (header, seen, sees_all, standing, holds) in [
            (HEADER, rows(0), false, Standing::Holds, true),
            (HEADER, rows(1), true, Standing::Broken, false),
            (HEADER, Seen::Unfinished, true, Standing::Unfinished, true),
            (alarm, rows(1), true, Standing::Broken, true),
            (sight, rows(0), true, Standing::Holds, true),
            (sight, rows(0), false, Standing::NotVisible, true),
            (sight, rows(1), false, Standing::Broken, false),
        ] {
            let it = Invariant::of(header, seen, sees_all);
            assert_eq!(it.standing, standing, "{it:?}");
            let report = Report::of(None, vec![it]);
            assert_eq!(report.holds, holds, "{report:?}");
        }
    }

    #[test]
    fn what_was_found_is_bounded_and_told_by_its_first_three() {
        let it = Invariant::of(HEADER, rows(101), true);
        assert_eq!((it.found.len(), it.more), (100, true));
        assert_eq!(it.finding(), "more than 100 found: 0 is odd; 1 is odd; 2 is odd; ...");
        let one = Report::of(None, vec![Invariant::of(HEADER, rows(1), true)]);
        assert_eq!(one.verdict(), "broken: i01_one_place: 1 found: 0 is odd");
        let none = Report::of(None, vec![Invariant::of(HEADER, rows(0), true)]);
        assert_eq!(none.verdict(), "all 1 hold");
    }

    #[test]
    fn many_jobs_are_looked_at_in_sixteen_parts_one_each_minute() {
        let at = |minute, many| part(&Census { many, minute, sees_all: true });
        assert_eq!(at(29_300_000, false), None);
        let all: std::collections::BTreeSet<_> = (7..23).map(|minute| at(minute, true)).collect();
        assert_eq!(all, (0..16).map(Some).collect());
    }
}
