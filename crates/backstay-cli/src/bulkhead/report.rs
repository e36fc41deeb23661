//! What the bench has seen: medians of its runs, as a table, as JSON, and as the section of the README.

use std::path::Path;

use serde_json::json;

use super::goal::{Bar, Goal, Verdict, goals};
use super::picture;
use super::plan::Plan;
use super::row::{Idle, Row, shown, shown_inside};
use super::runaway::Runaway;
use super::side::Side;
use super::stage::Stage;
use crate::latency::Latency;
use crate::print::{Printer, Table, Tone};

/// Between these lines the README's section is written anew.
const BEGIN: &str = "<!-- written by `backstay bench bulkhead --readme` -->";
const END: &str = "<!-- end of what was written -->";

/// All that was measured, and where.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    plan: Plan,
    server: String,
    pub(crate) level: String,
    pub(crate) idle: Vec<Idle>,
    rows: Vec<Row>,
}

impl Report {
    pub(crate) fn new(stage: &Stage, plan: &Plan) -> Report {
        Report {
            plan: plan.clone(),
            server: stage.server.clone(),
            level: String::new(),
            idle: Vec::new(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// What the rows are compared with: medians of the runs without a runaway.
    pub(crate) fn bar(&self) -> Bar {
        let middle = |of: fn(&Idle) -> Latency| median(self.idle.iter().map(of).collect());
        Bar {
            idle: middle(|idle| idle.latency),
            siblings: middle(|idle| idle.side.siblings.latency),
            supervisor_cpu: self.idle.last().map_or(0.0, |idle| idle.side.supervisor_cpu),
            rate: self.plan.rate,
        }
    }

    /// One row for each runaway: the median run, and the worst of everything that must not happen at all.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let of = |runaway: &Runaway| {
            let mut runs: Vec<Row> =
                self.rows.iter().filter(|row| row.runaway == *runaway).cloned().collect();
            runs.sort_by_key(|row| row.latency.p99);
            let mut row = runs.get(runs.len() / 2)?.clone();
            row.latency.failed = runs.iter().map(|run| run.latency.failed).max()?;
            row.side.ends = runs.iter().flat_map(|run| run.side.ends.clone()).collect();
            row.side.siblings.billed = runs.iter().map(|run| run.side.siblings.billed).max()?;
            row.side.siblings.again = runs.iter().map(|run| run.side.siblings.again).max()?;
            Some(row)
        };
        self.plan.runaways.iter().filter_map(of).collect()
    }

    fn goals(&self, row: &Row) -> Vec<Goal> {
        goals(row, &self.bar(), self.plan.pace(row.runaway))
    }

    pub(crate) fn verdict(&self) -> Verdict {
        if self.bar().is_noisy() {
            return Verdict::Void;
        }
        let held = self.rows().iter().all(|row| self.goals(row).iter().all(|goal| goal.held));
        if held { Verdict::Held } else { Verdict::Missed }
    }

    pub(crate) fn print(&self, printer: &Printer) {
        if printer.is_json() {
            return printer.json(&self.to_json());
        }
        let mut table = Table::new(&[
            "RUNAWAY",
            "INSIDE P99",
            "FAILED",
            "AS A JOB P50",
            "P99",
            "MAX",
            "FAILED",
            "ENDED",
            "BESIDE P99",
            "BILLED",
            "BEATS P99",
        ]);
        let (bar, beside) = (self.bar(), self.idle.last());
        let plain = |name: &str, api: Latency, side: Option<&Side>| {
            let of = |f: fn(&Side) -> String| side.map(f).unwrap_or_default();
            [
                name.to_owned(),
                String::new(),
                String::new(),
                shown(api.p50),
                shown(api.p99),
                shown(api.longest),
                api.failed.to_string(),
                String::new(),
                of(|side| shown(side.siblings.latency.p99)),
                of(|side| side.siblings.billed.to_string()),
                of(|side| shown(side.beats.p99)),
            ]
        };
        table.row(plain("no jobs", bar.idle, None));
        if let Some(idle) = beside {
            table.row(plain("honest jobs", idle.beside, Some(&idle.side)));
        }
        for row in self.rows() {
            let mut cells = plain(row.runaway.name(), row.latency, Some(&row.side));
            cells[1] = shown_inside(row.inside.as_ref());
            cells[2] = row.inside.map_or(0, |inside| inside.latency.failed).to_string();
            cells[7] = row.endings();
            table.row(cells);
        }
        printer.table(&table);
        self.print_goals(printer);
    }

    fn print_goals(&self, printer: &Printer) {
        for missed in self.missed() {
            printer.line(format!("{}  {missed}", printer.toned(Tone::Bad, "MISSED")));
        }
        let (bar, rows) = (self.bar(), self.rows());
        let all: usize = rows.iter().map(|row| self.goals(row).len()).sum();
        printer.line(match self.verdict() {
            Verdict::Held => printer.toned(Tone::Good, &format!("all {all} goals held")),
            Verdict::Missed => printer.toned(Tone::Bad, "not all goals held"),
            Verdict::Void => format!(
                "void: the idle API has a p99 of {}, this machine is too busy to tell",
                shown(bar.idle.p99)
            ),
        });
        printer.line(self.where_and_how());
    }

    /// Each goal that was missed, with its runaway and its figures.
    fn missed(&self) -> Vec<String> {
        let of_row = |row: &Row| {
            let missed = self.goals(row).into_iter().filter(|goal| !goal.held);
            let told = |goal: Goal| format!("{}: {}: {}", row.runaway.name(), goal.name, goal.text);
            missed.map(told).collect::<Vec<_>>()
        };
        self.rows().iter().flat_map(of_row).collect()
    }

    pub(crate) fn to_json(&self) -> serde_json::Value {
        let bar = self.bar();
        let rows: Vec<_> = self
            .rows()
            .iter()
            .map(|row| {
                let goals: Vec<_> = self
                    .goals(row)
                    .into_iter()
                    .map(|goal| json!({ "name": goal.name, "held": goal.held, "text": goal.text }))
                    .collect();
                let inside = row.inside.map(|inside| {
                    let mut seen = inside.latency.to_json("max_ms");
                    seen["dead"] = inside.is_dead.into();
                    seen
                });
                json!({
                    "runaway": row.runaway.name(), "inside": inside, "as_job": row.latency.to_json("max_ms"),
                    "side": row.side.to_json(), "goals": goals,
                })
            })
            .collect();
        let calm = self.idle.last().map(
            |idle| json!({ "api": idle.beside.to_json("max_ms"), "side": idle.side.to_json() }),
        );
        json!({
            "verdict": match self.verdict() {
                Verdict::Held => "held", Verdict::Missed => "missed", Verdict::Void => "void",
            },
            "rate": self.plan.rate, "seconds": self.plan.span.as_secs_f64(), "runs": self.plan.repeat,
            "level": self.level, "server": self.server, "machine": machine(), "profile": profile(),
            "idle": bar.idle.to_json("max_ms"), "honest_jobs": calm, "rows": rows,
        })
    }

    /// The picture of this report.
    pub(crate) fn picture(&self) -> String {
        picture::draw(&self.rows(), &self.bar(), &self.where_and_how())
    }

    /// Machine, level, date: what figures are worth nothing without.
    pub(crate) fn where_and_how(&self) -> String {
        let runs = match self.plan.repeat {
            1 => "one run".to_owned(),
            n => format!("median of {n} runs"),
        };
        format!(
            "{}, {}, level {}, {} build, {} requests/s, {runs} of {:.0} s, {}{}",
            machine(),
            self.server,
            if self.level.is_empty() { "unknown" } else { &self.level },
            profile(),
            self.plan.rate,
            self.plan.span.as_secs_f64(),
            jiff::Timestamp::now().strftime("%Y-%m-%d"),
            if self.bar().is_noisy() { "; void, the machine was busy" } else { "" },
        )
    }

    /// Writes the table into the README, between its two marks.
    pub(crate) fn write_readme(&self, path: &Path, command: &str) -> std::io::Result<()> {
        let text = std::fs::read_to_string(path)?;
        let missing = || std::io::Error::other(format!("there is no line `{BEGIN}` in it"));
        let (before, rest) = text.split_once(BEGIN).ok_or_else(missing)?;
        let (_, after) = rest.split_once(END).ok_or_else(missing)?;
        let section = self.markdown(command);
        std::fs::write(path, format!("{before}{BEGIN}\n{section}{END}{after}"))
    }

    fn markdown(&self, command: &str) -> String {
        let mut text = String::from(
            "| runaway | inside the API: p99 | failed | as a job: p50 / p99 / max | failed | it ended | jobs beside it: p99 | billed |\n\
             |---|---|---|---|---|---|---|---|\n",
        );
        let bar = self.bar();
        let three = |api: &Latency| {
            format!("{} / {} / {}", shown(api.p50), shown(api.p99), shown(api.longest))
        };
        text += &format!("| none | | | {} | {} | | | |\n", three(&bar.idle), bar.idle.failed);
        if let Some(idle) = self.idle.last() {
            text += &format!(
                "| honest jobs only | | | {} | {} | completed | {} | {} |\n",
                three(&idle.beside),
                idle.beside.failed,
                shown(bar.siblings.p99),
                idle.side.siblings.billed
            );
        }
        for row in self.rows() {
            text += &format!(
                "| {} | {} | {} | {} | {} | {} | {} | {} |\n",
                row.runaway.title(),
                shown_inside(row.inside.as_ref()),
                row.inside.map(|inside| share(&inside.latency)).unwrap_or_default(),
                three(&row.latency),
                row.latency.failed,
                row.endings(),
                shown(row.side.siblings.latency.p99),
                row.side.siblings.billed
            );
        }
        let missed = self.missed();
        let goals = match missed.is_empty() {
            true => "All goals were held.".to_owned(),
            false => format!("Missed: {}.", missed.join("; ")),
        };
        text + &format!("\n`{command}`: {}. {goals}\n", self.where_and_how())
    }
}

/// The run in the middle.
fn median(mut runs: Vec<Latency>) -> Latency {
    runs.sort_by_key(|run| run.p99);
    runs.get(runs.len() / 2).copied().unwrap_or_default()
}

fn share(api: &Latency) -> String {
    if api.failed == 0 {
        return "0".into();
    }
    format!("{:.0} %", (api.failed as f64 * 100.0 / api.requests.max(1) as f64).max(1.0))
}

fn profile() -> &'static str {
    if cfg!(debug_assertions) { "debug" } else { "release" }
}

/// What this machine is.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name"));
    let model =
        model.and_then(|line| line.split_once(':')).map_or("unknown CPU", |(_, name)| name.trim());
    let cores = super::harm::cores();
    format!("{cores} cores ({model}), Linux {}", read("/proc/sys/kernel/osrelease").trim())
}
