//! Which gates the figures of a run hold: for each what was compared, how far it came, and what it had to be.

use crate::figures::Row;
use crate::peer::Subject;

/// Nothing measures these here; tests of the product, and others of its programs, look after them.
const ELSEWHERE: &str = "E9, E12, E15, E16, E17, E19, E20, E21, E22, E23";

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Sense {
    AtLeast,
    AtMost,
}

/// One thing that is asked for, and how far it came.
#[derive(Debug, PartialEq)]
pub(crate) struct Verdict {
    gate: &'static str,
    what: String,
    sense: Sense,
    goal: f64,
    moonshot: Option<f64>,
    /// Nothing where the run has no such figure.
    figure: Option<f64>,
    /// Why it has none, where the measurement failed.
    failed: Option<String>,
}

/// Rows of a run, asked by scenario and queue.
struct Figures<'a> {
    rows: &'a [Row],
    subjects: &'a [Subject],
}

/// In the order of the gates; the scenario's names are those of the table.
pub(crate) fn judge(rows: &[Row], subjects: &[Subject]) -> Vec<Verdict> {
    let all = Figures { rows, subjects };
    [all.drains(), all.enqueues(), all.wal(), all.health()].into_iter().flatten().collect()
}

/// Whether nothing that was measured misses its goal, and nothing has failed.
pub(crate) fn are_held(verdicts: &[Verdict]) -> bool {
    verdicts.iter().all(|verdict| verdict.failed.is_none() && verdict.is_held() != Some(false))
}

/// One line for each, then what is not measured here.
pub(crate) fn text(verdicts: &[Verdict]) -> String {
    let mut lines: Vec<String> = verdicts.iter().map(Verdict::line).collect();
    lines.push(format!("{ELSEWHERE}: not measured by this bench"));
    let word = if are_held(verdicts) { "held" } else { "NOT all held" };
    lines.push(format!("goals of what was measured: {word}"));
    lines.join("\n") + "\n"
}

impl Verdict {
    fn is_held(&self) -> Option<bool> {
        self.figure.map(|figure| self.sense.holds(figure, self.goal))
    }

    fn line(&self) -> String {
        let Verdict { gate, what, goal, .. } = self;
        let word = self.sense.word();
        let Some(figure) = self.figure else {
            let why = self.failed.as_deref().unwrap_or("this run has no such figure");
            return format!("{gate:<4} -     {what}: {why}");
        };
        let held = if self.sense.holds(figure, *goal) { "held" } else { "MISS" };
        let moonshot = self.moonshot.map(|moonshot| {
            let held = if self.sense.holds(figure, moonshot) { "held" } else { "not yet" };
            format!("; moonshot {} {held}", short(moonshot))
        });
        let moonshot = moonshot.unwrap_or_default();
        format!(
            "{gate:<4} {held}  {what}: {}, goal {word} {}{moonshot}",
            short(figure),
            short(*goal)
        )
    }
}

impl Sense {
    fn holds(self, figure: f64, bound: f64) -> bool {
        match self {
            Sense::AtLeast => figure >= bound,
            Sense::AtMost => figure <= bound,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Sense::AtLeast => "at least",
            Sense::AtMost => "at most",
        }
    }
}

impl Figures<'_> {
    fn drains(&self) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        for scenario in ["drain, 1 worker", "drain, 2 workers", "drain, 4 workers"] {
            let best = self.best(scenario, "jobs_per_s", false);
            let keeper = self.best(scenario, "jobs_per_s", true);
            let (lean, full) = (
                self.ours(scenario, "lean", "jobs_per_s"),
                self.ours(scenario, "full", "jobs_per_s"),
            );
            let times = |gate, what: &str, ours, theirs, goal, moonshot| Verdict {
                figure: ratio(ours, theirs),
                ..self.asked(gate, scenario, what, Sense::AtLeast, goal, moonshot)
            };
            verdicts.extend([
                times("E1", "lean, times the best other", lean, best, 2.5, Some(5.0)),
                times("E2", "full, times the best other", full, best, 1.5, Some(2.5)),
                times("E2", "full, times the best other that keeps", full, keeper, 4.0, None),
            ]);
        }
        let scenario = "drain, 1 worker";
        verdicts.push(Verdict {
            figure: self.ours(scenario, "children", "jobs_per_s"),
            ..self.asked(
                "E3",
                scenario,
                "children, jobs/s",
                Sense::AtLeast,
                10_000.0,
                Some(30_000.0),
            )
        });
        verdicts
    }

    fn enqueues(&self) -> Vec<Verdict> {
        let bulk = "enqueue 10000 a call";
        let eight = "enqueue one by one, 8 connections";
        let idle = "pickup, 50 jobs/s";
        let rate = |scenario| {
            ratio(
                self.ours(scenario, "full", "jobs_per_s"),
                self.best(scenario, "jobs_per_s", false),
            )
        };
        let p99 = self.ours(idle, "full", "p99_ms");
        vec![
            Verdict {
                figure: rate(bulk),
                ..self.asked("E4", bulk, "times the best other", Sense::AtLeast, 3.0, Some(4.0))
            },
            Verdict {
                figure: rate(eight),
                ..self.asked("E5", eight, "times the best other", Sense::AtLeast, 2.0, None)
            },
            Verdict {
                figure: ratio(p99, self.least(idle, "p99_ms", false)),
                ..self.asked("E6", idle, "p99, times the best other's", Sense::AtMost, 0.5, None)
            },
            Verdict {
                figure: p99,
                // The gate's other goal, with every NOTIFY dropped, is a test's.
                ..self.asked("E6", idle, "p99 in ms, a moonshot", Sense::AtMost, 1500.0, Some(3.0))
            },
        ]
    }

    /// Bytes of a job from its enqueue to its end.
    fn wal(&self) -> Vec<Verdict> {
        let (bulk, drain) = ("enqueue 10000 a call", "drain, 1 worker");
        let whole = |row: &&Row| {
            let queue = self.subject(row)?;
            let first = self.subjects.iter().find(|one| one.queue.name == queue.queue.name)?;
            let row_of = |one: &&Row| one.scenario == bulk && one.subject == first.label();
            let enqueue = self.rows.iter().find(row_of)?.values.get("wal")?.median;
            Some((*queue).clone()).map(|queue| {
                (queue, enqueue + row.values.get("wal").map_or(f64::NAN, |wal| wal.median))
            })
        };
        let all: Vec<(Subject, f64)> = self
            .rows
            .iter()
            .filter(|row| row.scenario == drain)
            .filter_map(|row| whole(&row))
            .filter(|one| one.1.is_finite())
            .collect();
        let ours = |mode: &str| {
            all.iter().find(|one| one.0.is_ours() && one.0.mode == mode).map(|one| one.1)
        };
        let least = |only_keepers: bool| {
            let others = all.iter().filter(|one| !one.0.is_ours());
            let others = others.filter(|one| !only_keepers || one.0.queue.keeps);
            others.map(|one| one.1).reduce(f64::min)
        };
        let scenario = "enqueue and drain";
        let wal = |what, ours, theirs, moonshot| Verdict {
            figure: ratio(ours, theirs),
            ..self.asked("E7", scenario, what, Sense::AtMost, 1.0, moonshot)
        };
        vec![
            wal("WAL, lean, times the best other's", ours("lean"), least(false), None),
            wal("WAL, full, times the best other's that keeps", ours("full"), least(true), None),
            Verdict {
                figure: ours("full"),
                ..self.asked(
                    "E7",
                    scenario,
                    "WAL, full, bytes",
                    Sense::AtMost,
                    1200.0,
                    least(false),
                )
            },
        ]
    }

    fn health(&self) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        let kept = [
            ("E8", "drain, pinned", 80.0, 95.0),
            // A p99 that is at most twice, or 1.2 times, what it was.
            ("E8", "steady", 50.0, 100.0 / 1.2),
            ("E10", "weight", 90.0, 97.0),
            ("E13", "wake", 85.0, 95.0),
        ];
        for (gate, scenario, goal, moonshot) in kept {
            let named = |row: &&Row| row.scenario.starts_with(scenario) && self.is_ours(row);
            for row in self.rows.iter().filter(named) {
                let mode = row.subject.trim_start_matches("backstay ");
                let what = format!("{mode}, per cent kept");
                verdicts.push(Verdict {
                    figure: row.values.get("kept").map(|kept| kept.median),
                    failed: row.failed.clone(),
                    ..self.asked(gate, &row.scenario, &what, Sense::AtLeast, goal, Some(moonshot))
                });
            }
        }
        let locked = self.rows.iter().find(|row| row.scenario.ends_with("locked by a stranger"));
        if let Some(row) = locked {
            let beside = self.ours(&row.scenario, "full", "jobs_per_s");
            let what = "full, rate in place of the claim's p99, times that of a free drain";
            verdicts.push(Verdict {
                figure: ratio(beside, self.ours("drain, 1 worker", "full", "jobs_per_s")),
                ..self.asked("E11", &row.scenario, what, Sense::AtLeast, 0.5, None)
            });
        }
        let idle = "idle worker";
        let of_idle = |name, what, goal| Verdict {
            figure: self.ours(idle, "full", name),
            ..self.asked("E14", idle, what, Sense::AtMost, goal, None)
        };
        verdicts.push(of_idle("transactions_per_s", "transactions/s", 1.0));
        verdicts.push(of_idle("wal_kib_per_min", "WAL, KiB/min", 10.0));
        if let Some(row) = self.rows.iter().find(|row| row.scenario.starts_with("due, ")) {
            verdicts.push(Verdict {
                figure: self.ours(&row.scenario, "full", "p99_ms"),
                ..self.asked("E18", &row.scenario, "full, p99 in ms", Sense::AtMost, 1000.0, None)
            });
        }
        verdicts
    }

    /// Without its figure; a measurement of ours that failed is told.
    fn asked(
        &self,
        gate: &'static str,
        scenario: &str,
        what: &str,
        sense: Sense,
        goal: f64,
        moonshot: Option<f64>,
    ) -> Verdict {
        let mine = |row: &&Row| row.scenario == scenario && self.is_ours(row);
        let failed = self.rows.iter().filter(mine).find_map(|row| row.failed.clone());
        let what = format!("{scenario}: {what}");
        Verdict { gate, what, sense, goal, moonshot, figure: None, failed }
    }

    fn subject(&self, row: &Row) -> Option<&Subject> {
        self.subjects.iter().find(|one| one.label() == row.subject)
    }

    fn is_ours(&self, row: &Row) -> bool {
        self.subject(row).is_some_and(Subject::is_ours)
    }

    fn ours(&self, scenario: &str, mode: &str, value: &str) -> Option<f64> {
        let mine = |row: &&Row| {
            let subject = self.subject(row);
            row.scenario == scenario && subject.is_some_and(|one| one.is_ours() && one.mode == mode)
        };
        self.rows.iter().find(mine)?.values.get(value).map(|spread| spread.median)
    }

    /// Of the others; perhaps only of those that keep what has ended.
    fn others(&self, scenario: &str, value: &str, only_keepers: bool) -> impl Iterator<Item = f64> {
        let rows = self.rows.iter().filter(move |row| row.scenario == scenario);
        let theirs = rows.filter(move |row| {
            self.subject(row)
                .is_some_and(|one| !one.is_ours() && (!only_keepers || one.queue.keeps))
        });
        theirs.filter_map(move |row| row.values.get(value)).map(|spread| spread.median)
    }

    fn best(&self, scenario: &str, value: &str, only_keepers: bool) -> Option<f64> {
        self.others(scenario, value, only_keepers).reduce(f64::max)
    }

    fn least(&self, scenario: &str, value: &str, only_keepers: bool) -> Option<f64> {
        self.others(scenario, value, only_keepers).reduce(f64::min)
    }
}

fn ratio(ours: Option<f64>, theirs: Option<f64>) -> Option<f64> {
    theirs.filter(|theirs| *theirs > 0.0).and_then(|theirs| ours.map(|ours| ours / theirs))
}

fn short(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

#[cfg(test)]
mod tests;
