//! The section of a README that a run writes: one line for each queue and mode, and how to repeat it.

use std::path::Path;

use crate::Failure;
use crate::figures::{Row, Run};
use crate::peer::Subject;

/// Between these lines the section is written anew.
const BEGIN: &str = "<!-- written by `cargo xtask bench --readme` -->";
const END: &str = "<!-- end of what was written -->";

/// Title, scenario, the figures of it, and how many decimals are worth showing; in one cell where they are several.
const CELLS: &[(&str, &str, &[&str], usize)] = &[
    ("bulk enqueue, jobs/s", "enqueue 10000 a call", &["jobs_per_s"], 0),
    (
        "one by one, 8 connections, commits/s",
        "enqueue one by one, 8 connections",
        &["jobs_per_s"],
        0,
    ),
    ("drain, jobs/s", "drain, 1 worker", &["jobs_per_s"], 0),
    ("drain, pinned snapshot: % kept", "drain, pinned snapshot", &["kept"], 0),
    ("idle pickup, ms: p50 / p99", "pickup, 50 jobs/s", &["p50_ms", "p99_ms"], 1),
    ("at 2,000 jobs/s, ms: p50 / p99", "pickup, 2000 jobs/s", &["p50_ms", "p99_ms"], 1),
    ("CPU s/1000: server / worker", "drain, 1 worker", &["server_cpu", "client_cpu"], 3),
    ("WAL B/job: enqueue", "enqueue 10000 a call", &["wal"], 0),
    ("drain", "drain, 1 worker", &["wal"], 0),
    ("worker MiB", "drain, 1 worker", &["rss_mib"], 0),
];

/// Whether the section shows this scenario.
pub(crate) fn shows(scenario: &str) -> bool {
    CELLS.iter().any(|cell| cell.1 == scenario)
}

/// Fails before anything is measured where the lines for it are missing.
pub(crate) fn check(path: &Path) -> Result<(), Failure> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    parts(&text).map(drop).ok_or_else(|| missing(path))
}

pub(crate) fn write(path: &Path, run: &Run, command: &str) -> Result<(), Failure> {
    let text = std::fs::read_to_string(path)?;
    let (before, after) = parts(&text).ok_or_else(|| missing(path))?;
    let section = section(run, command);
    Ok(std::fs::write(path, format!("{before}{BEGIN}\n{section}{END}{after}"))?)
}

fn parts(text: &str) -> Option<(&str, &str)> {
    let (before, rest) = text.split_once(BEGIN)?;
    Some((before, rest.split_once(END)?.1))
}

fn missing(path: &Path) -> Failure {
    format!("{} needs the lines `{BEGIN}` and `{END}`", path.display()).into()
}

fn section(run: &Run, command: &str) -> String {
    let rows = run.rows();
    let titles: Vec<&str> = CELLS.iter().map(|cell| cell.0).collect();
    let mut text = format!("| queue | keeps | {} |\n", titles.join(" | "));
    text += &format!("|---|---|{}\n", "--:|".repeat(CELLS.len()));
    for subject in &run.subjects {
        text += &line(subject, &rows);
    }
    text += &format!("\n`{command}`: {}.", circumstances(run));
    for (name, why) in &run.skipped {
        text += &format!(" Skipped: {name}, since {}.", why.trim_end_matches('.'));
    }
    text + "\n"
}

fn line(subject: &Subject, rows: &[Row]) -> String {
    let name = match subject.is_ours() {
        true => format!("**{}**", subject.label()),
        false => subject.label(),
    };
    let keeps = if subject.queue.keeps { "yes" } else { "no" };
    let cells: Vec<String> = CELLS.iter().map(|cell| shown(subject, rows, cell)).collect();
    format!("| {name} {} | {keeps} | {} |\n", subject.queue.version, cells.join(" | "))
}

/// Nothing where the mode makes no difference or nothing was measured; a failure is told by the table of the run.
fn shown(
    subject: &Subject,
    rows: &[Row],
    (_, scenario, names, decimals): &(&str, &str, &[&str], usize),
) -> String {
    let label = subject.label();
    let mine = |row: &&Row| row.scenario == *scenario && row.subject == label;
    let Some(row) = rows.iter().find(mine) else { return String::new() };
    let figure = |name: &&str| Some(format!("{:.decimals$}", row.values.get(*name)?.median));
    let figures: Option<Vec<String>> = names.iter().map(figure).collect();
    figures.map_or_else(|| "failed".to_owned(), |figures| figures.join(" / "))
}

fn circumstances(run: &Run) -> String {
    let value = |pairs: &[(String, String)], name: &str| {
        let pair = pairs.iter().find(|(key, _)| key == name);
        pair.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let (machine, server) = (&run.machine, &run.settings);
    let options = &run.options;
    let times = match options.repeats {
        1 => "one run".to_owned(),
        n => format!("medians of {n} runs"),
    };
    format!(
        "{}, {} memory, Linux {}, PostgreSQL {} with fsync {} and synchronous_commit {}, {times} with {} jobs and {} s, {}",
        value(machine, "processor"),
        value(machine, "memory"),
        value(machine, "kernel"),
        value(server, "server_version"),
        value(server, "fsync"),
        value(server, "synchronous_commit"),
        options.jobs,
        options.seconds,
        value(machine, "date"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{Sample, Values};
    use crate::options::Options;

    fn run() -> Run {
        let values =
            Values::from([("jobs_per_s", 1234.4), ("server_cpu", 0.0125), ("client_cpu", 0.02)]);
        let sample = |scenario: &str, values| Sample {
            scenario: scenario.to_owned(),
            subject: "other fast".to_owned(),
            values,
        };
        Run {
            machine: vec![("date".to_owned(), "2026-01-02 03:04 UTC".to_owned())],
            settings: vec![("server_version".to_owned(), "15.1".to_owned())],
            subjects: vec![Subject::named("other", "fast", false)],
            skipped: vec![("river".to_owned(), "there is no Go".to_owned())],
            samples: vec![
                sample("drain, 1 worker", Ok(values)),
                sample("pickup, 50 jobs/s", Err("it ended".to_owned())),
            ],
            options: Options::read(&[]).unwrap(),
        }
    }

    #[test]
    fn only_what_was_measured_stands_in_the_section() {
        let text = section(&run(), "cargo xtask bench --quick");
        assert!(
            text.contains(
                "| other fast 1.0 | no |  |  | 1234 |  | failed |  | 0.013 / 0.020 |  | "
            ),
            "{text}"
        );
        assert!(text.contains("`cargo xtask bench --quick`: "), "{text}");
        assert!(
            text.contains("2026-01-02 03:04 UTC. Skipped: river, since there is no Go."),
            "{text}"
        );
    }

    #[test]
    fn what_stands_around_the_section_stays() {
        let text = format!("above\n{BEGIN}\nold\n{END}\nbelow\n");
        assert_eq!(parts(&text), Some(("above\n", "\nbelow\n")));
        assert_eq!(parts("no lines for it"), None);
    }
}
