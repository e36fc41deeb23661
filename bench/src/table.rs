//! The table: one line for each queue and mode in each scenario, with what it holds for above.

use std::fmt::Write;

use crate::figures::{Row, Run, Spread, Values};
use crate::peer::{Skipped, Subject};

/// Name of a value, its title, and how many decimals are worth showing.
const COLUMNS: &[(&str, &str, usize)] = &[
    ("jobs_per_s", "jobs/s", 0),
    ("p50_ms", "p50 ms", 1),
    ("p95_ms", "p95 ms", 1),
    ("p99_ms", "p99 ms", 1),
    ("kept", "kept %", 0),
    ("server_cpu", "server s/1000", 3),
    ("client_cpu", "client s/1000", 3),
    ("wal", "WAL B/job", 0),
    ("dead_rows", "dead/1000", 0),
    ("rss_mib", "RSS MiB", 0),
    ("transactions_per_s", "tx/s", 2),
    ("wal_kib_per_min", "WAL KiB/min", 1),
];

/// Machine, settings and versions.
pub(crate) fn head(
    machine: &[(String, String)],
    settings: &[(String, String)],
    subjects: &[Subject],
    skipped: &[Skipped],
) -> String {
    let mut text = String::new();
    let pairs = |pairs: &[(String, String)]| {
        pairs.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join("; ")
    };
    let mut say = |line: String| writeln!(text, "{line}").expect("a String takes all");
    say(format!("machine: {}", pairs(machine)));
    say(format!("server: {}", pairs(settings)));
    for subject in subjects {
        let (queue, mode) = (&subject.queue, &subject.mode);
        let keeps = if queue.keeps { "keeps" } else { "deletes" };
        say(format!(
            "queue: {} {} {mode}: {}; {keeps} completed jobs by default",
            queue.name, queue.version, subject.settings
        ));
    }
    for (name, why) in skipped {
        say(format!("skipped: {name}: {why}"));
    }
    text
}

/// One measurement in a line.
pub(crate) fn line(values: &Values) -> String {
    let shown = COLUMNS.iter().filter_map(|(name, title, decimals)| {
        values.get(name).map(|value| format!("{title} {value:.decimals$}"))
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// All rows, with medians and, for what the scenario is about, their range.
pub(crate) fn whole(run: &Run) -> String {
    let rows = run.rows();
    let mut cells = vec![titles()];
    let mut scenario = "";
    for row in &rows {
        if row.scenario != scenario {
            scenario = &row.scenario;
            cells.push(vec![format!("**{scenario}**")]);
        }
        cells.push(shown(row, &rows, run));
    }
    let repeats = run.options.repeats;
    format!("{}\nmedians of {repeats}, with the range in brackets\n", aligned(&cells))
}

fn titles() -> Vec<String> {
    let titles = COLUMNS.iter().map(|(_, title, _)| (*title).to_owned());
    ["queue".to_owned()].into_iter().chain(titles).chain(["of best other".to_owned()]).collect()
}

fn shown(row: &Row, rows: &[Row], run: &Run) -> Vec<String> {
    let mut cells = vec![row.subject.clone()];
    let value = |(name, _, decimals): &(&str, &str, usize)| {
        let value = row.values.get(name).map(|spread| number(*name, *spread, *decimals));
        value.unwrap_or_default()
    };
    cells.extend(COLUMNS.iter().map(value));
    cells.push(match (&row.failed, compared(row, rows, run)) {
        (Some(why), _) => format!("failed: {why}"),
        (None, Some(times)) => format!("{times:.2}"),
        (None, None) => String::new(),
    });
    cells
}

fn number(name: &str, spread: Spread, decimals: usize) -> String {
    let Spread { median, least, most } = spread;
    let with_range = matches!(name, "jobs_per_s" | "p99_ms" | "kept") && least < most;
    match with_range {
        true => format!("{median:.decimals$} ({least:.decimals$}-{most:.decimals$})"),
        false => format!("{median:.decimals$}"),
    }
}

/// Ours against the best of the others in that scenario: the rate, or where a steady rate is given the p99.
pub(crate) fn compared(row: &Row, rows: &[Row], run: &Run) -> Option<f64> {
    let is_ours =
        |subject: &str| run.subjects.iter().any(|one| one.is_ours() && one.label() == subject);
    let name = if row.values.contains_key("p99_ms") { "p99_ms" } else { "jobs_per_s" };
    let mine = row.values.get(name).filter(|_| is_ours(&row.subject))?.median;
    let others = rows.iter().filter(|other| other.scenario == row.scenario);
    let others = others.filter(|other| !is_ours(&other.subject));
    let values = others.filter_map(|other| other.values.get(name)).map(|spread| spread.median);
    let best = if name == "p99_ms" { values.reduce(f64::min) } else { values.reduce(f64::max) }?;
    (best > 0.0).then(|| mine / best)
}

/// As Markdown, which reads well in a terminal too. Columns that nothing stands in are left out.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows[0].len();
    let cell = |row: &[String], at: usize| row.get(at).cloned().unwrap_or_default();
    let used = |at: &usize| rows.iter().skip(1).any(|row| !cell(row, *at).is_empty());
    let kept: Vec<usize> = (0..columns).filter(used).collect();
    let width = |at: usize| rows.iter().map(|row| cell(row, at).chars().count()).max();
    let mut text = String::new();
    for (n, row) in rows.iter().enumerate() {
        for at in &kept {
            let (value, width) = (cell(row, *at), width(*at).unwrap_or_default());
            let padded = if *at == 0 {
                format!("| {value:<width$} ")
            } else {
                format!("| {value:>width$} ")
            };
            text.push_str(&padded);
        }
        text.push_str("|\n");
        if n == 0 {
            let rule = |at: &usize| if *at == 0 { "|---" } else { "|--:" };
            text.extend(kept.iter().map(rule));
            text.push_str("|\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_without_values_are_left_out() {
        let rows = [["queue", "a", "b"], ["x", "", "1"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(aligned(&rows), "| queue | b |\n|---|--:|\n| x     | 1 |\n");
    }
}
