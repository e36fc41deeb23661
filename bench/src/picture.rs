//! The picture: bars for each scenario, the longest the best, drawn as SVG by hand.

use std::fmt::Write;

use crate::figures::{Row, Run};

const WIDTH: f64 = 860.0;
/// Where bars begin, and how long the longest is.
const LEFT: f64 = 250.0;
const LONGEST: f64 = 470.0;
const LINE: f64 = 20.0;

const OURS: &str = "#2563eb";
const OTHERS: &str = "#9ca3af";

struct Group<'a> {
    title: String,
    unit: &'static str,
    bars: Vec<(&'a Row, f64)>,
}

pub(crate) fn whole(run: &Run) -> String {
    let rows = run.rows();
    let groups = groups(&rows);
    let (mut body, mut y) = (String::new(), 30.0);
    let name = |name: &str| {
        let pair = run.machine.iter().find(|(key, _)| key == name);
        pair.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let title = format!("{}, {}", name("date"), name("processor"));
    put(&mut body, 12.0, y, "font-weight=\"bold\"", "Queues on one durable PostgreSQL");
    y += LINE;
    put(&mut body, 12.0, y, "fill=\"#6b7280\"", &title);
    for group in &groups {
        y += LINE * 1.8;
        put(
            &mut body,
            12.0,
            y,
            "font-weight=\"bold\"",
            &format!("{} ({})", group.title, group.unit),
        );
        let longest = group.bars.iter().map(|bar| bar.1).fold(0.0, f64::max);
        for (row, value) in &group.bars {
            y += LINE;
            bar(&mut body, y, run, row, (*value, longest));
        }
    }
    let height = y + 20.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" font-family=\"system-ui, sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{body}</svg>\n"
    )
}

/// What each scenario is about.
fn groups(rows: &[Row]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for row in rows {
        let about = [
            ("p99_ms", "p99 in ms, less is better"),
            ("kept", "% of the rate kept at the end"),
            ("jobs_per_s", "jobs/s"),
            ("transactions_per_s", "transactions/s, less is better"),
        ];
        let found = about.into_iter().find_map(|(name, unit)| Some((row.values.get(name)?, unit)));
        let Some((spread, unit)) = found else { continue };
        if groups.last().is_none_or(|group| group.title != row.scenario) {
            groups.push(Group { title: row.scenario.clone(), unit, bars: Vec::new() });
        }
        if let Some(group) = groups.last_mut() {
            group.bars.push((row, spread.median));
        }
    }
    groups
}

fn bar(body: &mut String, y: f64, run: &Run, row: &Row, (value, longest): (f64, f64)) {
    let is_ours = run.subjects.iter().any(|one| one.is_ours() && one.label() == row.subject);
    let length = if longest > 0.0 { (value / longest * LONGEST).max(1.0) } else { 1.0 };
    let colour = if is_ours { OURS } else { OTHERS };
    put(body, 24.0, y, "", &row.subject);
    let top = y - 11.0;
    writeln!(
        body,
        "<rect x=\"{LEFT}\" y=\"{top}\" width=\"{length:.1}\" height=\"14\" rx=\"2\" fill=\"{colour}\"/>"
    )
    .expect("a String takes all");
    let decimals = if value < 100.0 { 1 } else { 0 };
    put(body, LEFT + length + 6.0, y, "", &format!("{value:.decimals$}"));
}

fn put(body: &mut String, x: f64, y: f64, style: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    writeln!(body, "<text x=\"{x:.1}\" y=\"{y:.1}\" {style}>{text}</text>")
        .expect("a String takes all");
}
