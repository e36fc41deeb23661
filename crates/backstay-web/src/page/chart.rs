//! A series as a picture and as a table: drawn by the server, so that it needs no script and nothing from elsewhere.

use std::fmt::Write;
use std::time::Duration;

use backstay::inspect::{Series, SeriesName, SeriesRange, SpreadStep};

use super::text;
use crate::ask::Call;

/// The plane of a picture; the page stretches it to the room there is, and all text stands beside it.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 100.0;
/// Room above and below, so that no line is cut in half.
const MARGIN: f64 = 2.0;
/// Rows of a table at most: several points together make one.
const ROWS: usize = 24;

/// The ranges that a page offers.
pub(super) const RANGES: [&str; 4] = SeriesRange::WORDS;

/// The range that a page was asked for.
pub(super) fn range(call: &Call, usual: SeriesRange) -> SeriesRange {
    SeriesRange::of(&call.query.value("range")).unwrap_or(usual)
}

/// Values over time.
#[derive(askama::Template)]
#[template(path = "_chart.html")]
pub(super) struct Chart {
    title: &'static str,
    range: &'static str,
    /// What each point stands for.
    every: String,
    lines: Vec<Line>,
    /// The value at the top of the picture.
    most: String,
    times: Vec<String>,
    rows: Vec<(String, Vec<String>)>,
    /// How the values of a row come from those of its points.
    folded: &'static str,
    is_empty: bool,
}

/// One of its lines.
struct Line {
    name: &'static str,
    tone: &'static str,
    path: String,
    /// The last value that is known.
    last: String,
    top: String,
}

impl Chart {
    pub(super) fn of(title: &'static str, series: &Series) -> Chart {
        let most = match series.unit {
            "percent" => 100.0,
            _ => values(series).fold(0.0, f64::max),
        };
        let scale = if most > 0.0 { most } else { 1.0 };
        let adds = adds(series);
        let lines = series.lines.iter().enumerate();
        let is_empty = series.unit != "percent" && most == 0.0 || values(series).next().is_none();
        Chart {
            title,
            range: series.range,
            every: text::span(Duration::from_secs(series.step_seconds.unsigned_abs())),
            lines: lines.map(|(n, name)| Line::of(series, n, name, scale)).collect(),
            most: said(series.unit, most),
            times: times(series),
            rows: if is_empty { Vec::new() } else { rows(series, adds) },
            folded: if adds { "added up" } else { "the largest of each span" },
            is_empty,
        }
    }
}

/// Whether its values are counted, so that those of a longer span are the sum.
fn adds(series: &Series) -> bool {
    matches!(series.name, SeriesName::Throughput | SeriesName::Failures)
}

/// A span that is not over is drawn once it has what the one before it had: until then it would look as if all came to an end.
fn forget_unfinished(values: &mut [Option<f64>]) {
    if let [.., before, last] = values
        && *last < *before
    {
        *last = None;
    }
}

fn values(series: &Series) -> impl Iterator<Item = f64> {
    series.points.iter().flat_map(|point| point.values.iter().copied().flatten())
}

impl Line {
    fn of(series: &Series, n: usize, name: &'static str, scale: f64) -> Line {
        let mut values: Vec<Option<f64>> =
            series.points.iter().map(|point| point.values[n]).collect();
        if adds(series) {
            forget_unfinished(&mut values);
        }
        let known = values.iter().copied().flatten();
        Line {
            name,
            tone: tone(name),
            path: path(&values, scale),
            last: known.clone().last().map(|v| said(series.unit, v)).unwrap_or_else(|| "–".into()),
            top: known.reduce(f64::max).map(|v| said(series.unit, v)).unwrap_or_else(|| "–".into()),
        }
    }
}

/// The colour of a line; its dashes tell it apart, too.
fn tone(name: &str) -> &'static str {
    match name {
        "completed" | "running" | "success" | "p50" => "ok",
        "started" | "ready" | "p95" => "now",
        "failed" | "parked" | "p99" | "oldest" => "warn",
        "dead" => "bad",
        _ => "calm",
    }
}

/// A line through the points that are known; one that stands alone is a dot.
fn path(values: &[Option<f64>], scale: f64) -> String {
    let (mut path, mut is_down) = (String::new(), false);
    let step = WIDTH / (values.len().max(2) - 1) as f64;
    for (n, value) in values.iter().enumerate() {
        let Some(value) = *value else {
            is_down = false;
            continue;
        };
        let around = [n.checked_sub(1), Some(n + 1)];
        let around = around.map(|at| at.and_then(|at| values.get(at).copied().flatten()));
        // In a flat stretch only the ends say something.
        if is_down && around == [Some(value); 2] {
            continue;
        }
        let (x, y) = (step * n as f64, height(value / scale));
        let pen = if is_down { 'L' } else { 'M' };
        let is_alone = around == [None; 2];
        // Nothing of it can fail: it is written into memory.
        let _written = write!(path, "{pen}{x:.1} {y:.1}{}", if is_alone { "h.1" } else { "" });
        is_down = true;
    }
    path
}

fn height(part: f64) -> f64 {
    HEIGHT - MARGIN - part.clamp(0.0, 1.0) * (HEIGHT - 2.0 * MARGIN)
}

/// The beginning, the middle and the end.
fn times(series: &Series) -> Vec<String> {
    let n = series.points.len();
    let at = [0, n / 2, n.saturating_sub(1)].map(|at| series.points.get(at));
    at.into_iter().flatten().map(|point| short(series, &point.at.to_string())).collect()
}

/// `10:05` of a day, `11-30 10:00` of more; all of it is UTC.
fn short(series: &Series, at: &str) -> String {
    let (day, time) = (at.get(5..10).unwrap_or(at), at.get(11..16).unwrap_or(""));
    if matches!(series.range, "1h" | "24h") { time.to_owned() } else { format!("{day} {time}") }
}

/// Several points together, so that people can read them.
fn rows(series: &Series, adds: bool) -> Vec<(String, Vec<String>)> {
    let many = series.points.len().div_ceil(ROWS).max(1);
    let fold = if adds { |a: f64, b: f64| a + b } else { f64::max };
    let row = |points: &[backstay::inspect::SeriesPoint]| {
        let of = |n: usize| points.iter().filter_map(|point| point.values[n]).reduce(fold);
        let told = |n| of(n).map_or_else(|| "–".to_owned(), |value| said(series.unit, value));
        (short(series, &points[0].at.to_string()), (0..series.lines.len()).map(told).collect())
    };
    series.points.chunks(many).map(row).collect()
}

/// A value in its unit.
fn said(unit: &str, value: f64) -> String {
    let value = value.max(0.0);
    match unit {
        "seconds" => text::span(Duration::try_from_secs_f64(value).unwrap_or(Duration::MAX)),
        "bytes" => text::size(&(value as u64)),
        "percent" => format!("{value:.1} %"),
        _ => text::grouped(value.round() as u64),
    }
}

/// How often it was how much.
#[derive(askama::Template)]
#[template(path = "_spread.html")]
pub(super) struct Spread {
    title: &'static str,
    range: &'static str,
    bars: Vec<Bar>,
    /// Where a limit stands, and what it is.
    limit: Option<(String, String)>,
    all: u64,
}

struct Bar {
    x: String,
    y: String,
    width: String,
    height: String,
    from: String,
    below: String,
    count: u64,
}

impl Spread {
    pub(super) fn of(title: &'static str, series: &Series, limit: Option<u64>) -> Spread {
        let shown = shown(&series.spread, limit.map(|limit| limit as f64));
        let most = shown.iter().map(|(_, step)| step.count).max().unwrap_or(0).max(1);
        let width = WIDTH / shown.len().max(1) as f64;
        let bar = |(n, (from, step)): (usize, &(f64, SpreadStep))| {
            let top = height(step.count as f64 / most as f64);
            Bar {
                x: format!("{:.1}", width * n as f64 + width * 0.05),
                y: format!("{top:.1}"),
                width: format!("{:.1}", width * 0.9),
                height: format!("{:.1}", HEIGHT - top),
                from: said(series.unit, *from),
                below: said(series.unit, step.below),
                count: step.count,
            }
        };
        let place = |limit: u64| {
            let limit_at = limit as f64;
            let n =
                shown.iter().position(|(from, step)| *from <= limit_at && limit_at < step.below)?;
            let (from, step) = &shown[n];
            let x = width * (n as f64 + (limit_at - from) / (step.below - from));
            Some((format!("{x:.1}"), text::size(&limit)))
        };
        Spread {
            title,
            range: series.range,
            bars: shown.iter().enumerate().map(bar).collect(),
            limit: limit.and_then(place),
            all: series.spread.iter().map(|step| step.count).sum(),
        }
    }
}

/// The steps from the first that counts to the last, or to the limit, each with where it begins.
fn shown(spread: &[SpreadStep], limit: Option<f64>) -> Vec<(f64, SpreadStep)> {
    let counts = |step: &SpreadStep| step.count > 0;
    let (Some(first), Some(last)) =
        (spread.iter().position(counts), spread.iter().rposition(counts))
    else {
        return Vec::new();
    };
    let start = |n: usize| n.checked_sub(1).map_or(0.0, |n| spread[n].below);
    let mut shown: Vec<_> = (first..=last).map(|n| (start(n), spread[n])).collect();
    // As far as the limit nobody has come; that is what the picture should show.
    while let Some((_, end)) = shown.last().copied()
        && limit.is_some_and(|limit| limit >= end.below)
        && shown.len() < 44
    {
        let mut next = end;
        (next.below, next.count) = (end.below * 1.5, 0);
        shown.push((end.below, next));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_gaps_where_nothing_is_known_and_a_dot_where_little_is() {
        assert_eq!(path(&[None, Some(1.0), None], 1.0), "M500.0 2.0h.1");
        assert_eq!(path(&[Some(0.0), Some(2.0), None], 2.0), "M0.0 98.0L500.0 2.0");
        assert_eq!(path(&[None, None], 1.0), "");
    }

    #[test]
    fn a_span_that_is_not_over_shows_no_end_of_all_work() {
        let drawn = |mut values: Vec<Option<f64>>| {
            forget_unfinished(&mut values);
            values
        };
        assert_eq!(drawn(vec![Some(9.0), Some(2.0)]), [Some(9.0), None]);
        assert_eq!(drawn(vec![Some(0.0), Some(2.0)]), [Some(0.0), Some(2.0)]);
        assert_eq!(drawn(vec![Some(2.0)]), [Some(2.0)]);
    }

    #[test]
    fn a_flat_line_is_its_two_ends() {
        assert_eq!(path(&[Some(0.0); 101], 1.0), "M0.0 98.0L1000.0 98.0");
    }

    #[test]
    fn values_are_said_in_their_unit() {
        assert_eq!(said("count", 1234.0), "1,234");
        assert_eq!(said("percent", 99.95), "100.0 %");
        assert_eq!(
            (said("seconds", 0.25), said("bytes", 1_048_576.0)),
            ("250 ms".into(), "1 MiB".into())
        );
    }
}
