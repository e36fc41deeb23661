//! What is asked of every run, and whether it was so: pure, so that the table and the test judge alike.

use std::time::Duration;

use super::jobs::{GRACE, Pace};
use super::row::Row;
use super::runaway::Runaway;
use crate::latency::{Latency, ms};

/// A machine whose idle API is slower than this says nothing about runaways.
const NOISY: Duration = Duration::from_millis(5);
/// From this rate on the API is busy by itself.
const USUAL_RATE: u32 = 200;
/// How much worse the API must be with the runaway inside, or nothing was tested.
const WORSE: u32 = 20;
/// How late a beat may be.
const BEAT_LATE: Duration = Duration::from_millis(100);
/// How much longer than its timeout and grace an attempt may last.
const ENDED: Duration = Duration::from_secs(1);
/// The most that a hog may have held, with a limit of 256 MiB and a watch every 50 ms.
const HELD: u64 = 700 << 20;
/// The share of one core that a flood may cost the supervisor on top of what honest jobs do.
const SUPERVISOR: f64 = 0.05;

/// What the whole bench came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every goal was held.
    Held,
    /// At least one was missed.
    Missed,
    /// The machine is too busy to tell.
    Void,
}

/// One thing that is asked of a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Goal {
    pub(crate) name: &'static str,
    pub(crate) held: bool,
    /// What was seen, and what was asked.
    pub(crate) text: String,
}

/// What a row is compared with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bar {
    pub(crate) idle: Latency,
    /// Siblings without a runaway.
    pub(crate) siblings: Latency,
    /// What honest jobs cost the supervisor, as a share of one core.
    pub(crate) supervisor_cpu: f64,
    pub(crate) rate: u32,
}

impl Bar {
    /// The API's p99 with Backstay may be this.
    pub(crate) fn api(&self) -> Duration {
        (self.idle.p99 * 3).max(self.idle.p99 + Duration::from_millis(10))
    }

    /// The siblings' p99 may be this.
    pub(crate) fn siblings(&self) -> Duration {
        self.siblings.p99 * 3 + Duration::from_millis(20)
    }

    pub(crate) fn is_noisy(&self) -> bool {
        self.rate <= USUAL_RATE && self.idle.p99 > NOISY
    }
}

/// All goals of one row.
pub(crate) fn goals(row: &Row, bar: &Bar, pace: Pace) -> Vec<Goal> {
    let goal = |name, held, text: String| Goal { name, held, text };
    let (api, side) = (row.latency, &row.side);
    let siblings = side.siblings;
    let within = |name, seen: Duration, most: Duration| {
        goal(name, seen <= most, format!("{:.1} ms, at most {:.1}", ms(seen), ms(most)))
    };
    let mut goals = vec![
        within("api p99", api.p99, bar.api()),
        goal("no failed request", api.failed == 0, format!("{} of {}", api.failed, api.requests)),
        within("siblings p99", siblings.latency.p99, bar.siblings()),
        goal(
            "siblings done",
            siblings.done == siblings.sent && siblings.again == 0,
            format!("{} of {}, {} twice", siblings.done, siblings.sent, siblings.again),
        ),
        goal("siblings not billed", siblings.billed == 0, siblings.billed.to_string()),
        within("beats", side.beats.p99, BEAT_LATE),
        ended_rightly(row),
    ];
    goals.extend(harmful(row, bar));
    goals.extend(own(row, bar, pace));
    goals
}

/// What does no harm inside the API proves nothing as a job.
fn harmful(row: &Row, bar: &Bar) -> Option<Goal> {
    let inside = row.inside?;
    let worse = inside.is_dead || inside.latency.p99 >= bar.idle.p99 * WORSE;
    let text = format!("p99 {:.1} ms, dead: {}", ms(inside.latency.p99), inside.is_dead);
    Some(Goal { name: "harmful inside", held: worse, text })
}

fn ended_rightly(row: &Row) -> Goal {
    let right = row.runaway.right_ends();
    let is_right = |outcome: &str| right.contains(&outcome);
    let held = !row.side.ends.is_empty() && row.side.ends.iter().all(|end| is_right(&end.outcome));
    let text = format!("{}, wanted {}", row.endings(), right.join(" or "));
    Goal { name: "right end", held, text }
}

/// What is asked of one kind of runaway only.
fn own(row: &Row, bar: &Bar, pace: Pace) -> Option<Goal> {
    let ends = &row.side.ends;
    let left: u64 = ends.iter().map(|end| end.left).sum();
    let goal = |name, held, text| Some(Goal { name, held, text });
    match row.runaway {
        Runaway::Hang | Runaway::Spin => {
            let longest = ends.iter().map(|end| end.wall).max().unwrap_or_default();
            let most = pace.timeout + GRACE + ENDED;
            goal(
                "ended in time",
                longest <= most,
                format!("{:.0} ms, at most {:.0}", ms(longest), ms(most)),
            )
        }
        Runaway::Hog => {
            let peak = ends.iter().filter_map(|end| end.peak_bytes).max().unwrap_or(0);
            goal("memory held", peak <= HELD, format!("peak {} MiB, limit 256", peak >> 20))
        }
        Runaway::Bomb => goal("no process left", left == 0, left.to_string()),
        Runaway::Sql => goal("no session left", left == 0, left.to_string()),
        Runaway::Flood => {
            let share = (row.side.supervisor_cpu - bar.supervisor_cpu).max(0.0);
            goal(
                "supervisor at rest",
                share <= SUPERVISOR,
                format!("{:.1} % of a core more than without it, at most 5", share * 100.0),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bulkhead::row::Inside;
    use crate::bulkhead::side::{End, Siblings, Side};

    fn latency(p99: u64) -> Latency {
        Latency { requests: 1000, p99: Duration::from_millis(p99), ..Latency::default() }
    }

    fn row(runaway: Runaway, outcome: &str) -> Row {
        let end = End {
            outcome: outcome.into(),
            wall: Duration::from_secs(1),
            peak_bytes: Some(300 << 20),
            left: 0,
        };
        let siblings = Siblings { sent: 10, done: 10, latency: latency(30), ..Siblings::default() };
        let side = Side { ends: vec![end], siblings, beats: latency(5), supervisor_cpu: 0.02 };
        let inside = Some(Inside { latency: latency(900), is_dead: false });
        Row { runaway, inside, latency: latency(11), side }
    }

    fn missed(row: &Row) -> Vec<&'static str> {
        let bar =
            Bar { idle: latency(2), siblings: latency(25), supervisor_cpu: 0.01, rate: USUAL_RATE };
        let pace = Pace { timeout: Duration::from_secs(1) };
        goals(row, &bar, pace).iter().filter(|goal| !goal.held).map(|goal| goal.name).collect()
    }

    #[test]
    fn a_good_row_holds_and_each_fault_is_named() {
        for (runaway, outcome) in [
            (Runaway::Spin, "timed_out"),
            (Runaway::Hog, "memory_limit"),
            (Runaway::Bomb, "process_limit"),
        ] {
            assert!(missed(&row(runaway, outcome)).is_empty());
        }
        type Break = fn(&mut Row);
        let breaks: [(&str, Break); 9] = [
            ("api p99", |row| row.latency = latency(13)),
            ("no failed request", |row| row.latency.failed = 1),
            ("harmful inside", |row| {
                row.inside = Some(Inside { latency: latency(39), is_dead: false })
            }),
            ("siblings p99", |row| row.side.siblings.latency = latency(96)),
            ("siblings done", |row| row.side.siblings.done = 9),
            ("siblings not billed", |row| row.side.siblings.billed = 1),
            ("beats", |row| row.side.beats = latency(101)),
            ("right end", |row| row.side.ends[0].outcome = "lost".into()),
            ("no process left", |row| row.side.ends[0].left = 1),
        ];
        for (name, fault) in breaks {
            let mut row = row(Runaway::Bomb, "process_limit");
            fault(&mut row);
            assert_eq!(missed(&row), [name]);
        }
    }

    #[test]
    fn a_runaway_that_never_ended_has_no_right_end() {
        let mut row = row(Runaway::Hog, "memory_limit");
        row.side.ends.clear();
        assert_eq!(missed(&row), ["right end"]);
    }
}
