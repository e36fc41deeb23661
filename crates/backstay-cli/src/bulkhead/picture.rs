//! Draws the report: three bars for each runaway, on a logarithmic scale, for light and dark pages.

use std::fmt::Write;
use std::time::Duration;

use super::goal::Bar;
use super::load::PATIENCE;
use super::row::{Row, shown, shown_inside};
use crate::latency::ms;

const WIDTH: f64 = 830.0;
/// Where bars begin and where "no answer" is.
const LEFT: f64 = 196.0;
const RIGHT: f64 = 726.0;
const TOP: f64 = 106.0;
/// One runaway, and one bar of it.
const GROUP: f64 = 68.0;
const BAR: f64 = 14.0;
/// The scale begins here.
const FIRST_MS: f64 = 1.0;

const STYLE: &str = "
  .page { fill: #ffffff } .ink { fill: #1f2328 } .soft { fill: #59636e } .grid { stroke: #d1d9e0; stroke-width: 1 }
  .idle { fill: #9aa4af } .job { fill: #1a7f5a } .api { fill: #d1242f } .goal { stroke: #1a7f5a; stroke-width: 1.5; stroke-dasharray: 4 4 }
  .t-job { fill: #1a7f5a } .t-api { fill: #d1242f }
  text { font-family: -apple-system, 'Segoe UI', 'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif; font-size: 12px }
  .title { font-size: 20px; font-weight: 600 } .name { font-size: 13.5px; font-weight: 600 } .small { font-size: 11px } .value { font-weight: 600; paint-order: stroke; stroke: #ffffff; stroke-width: 5px; stroke-linejoin: round }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } .ink { fill: #f0f6fc } .soft { fill: #9198a1 } .grid { stroke: #3d444d }
    .idle { fill: #656c76 } .job { fill: #3fb984 } .api { fill: #f85149 } .goal { stroke: #3fb984 }
    .t-job { fill: #3fb984 } .t-api { fill: #f85149 } .value { stroke: #0d1117 }
  }
";

/// One whole SVG file.
pub(crate) fn draw(rows: &[Row], bar: &Bar, caption: &str) -> String {
    let bottom = TOP + GROUP * rows.len() as f64;
    let height = bottom + 66.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"title what\">\n\
         <title id=\"title\">What a runaway does to your API</title>\n\
         <desc id=\"what\">{}</desc>\n<style>{STYLE}</style>\n\
         <rect class=\"page\" width=\"{WIDTH}\" height=\"{height}\" rx=\"8\"/>\n",
        escaped(&in_words(rows, bar))
    );
    head(&mut svg, bar);
    scale(&mut svg, bottom);
    goal(&mut svg, bar, bottom);
    for (n, row) in rows.iter().enumerate() {
        group(&mut svg, TOP + GROUP * n as f64, row, bar);
    }
    text(&mut svg, 24.0, height - 18.0, "soft small", "start", caption);
    svg + "</svg>\n"
}

fn head(svg: &mut String, bar: &Bar) {
    text(svg, 24.0, 36.0, "ink title", "start", "What a runaway does to your API");
    let under = format!(
        "p99 of a small API at {} requests/s, from when each request was due; log scale, shorter is better",
        bar.rate
    );
    text(svg, 24.0, 57.0, "soft", "start", &under);
    let keys = [
        ("idle", "no jobs", 24.0),
        ("job", "runaway as a Backstay job", 104.0),
        ("api", "runaway inside the API process", 304.0),
    ];
    for (class, word, x) in keys {
        rect(svg, class, x, 71.0, 12.0);
        text(svg, x + 18.0, 81.5, "ink", "start", word);
    }
}

/// Lines for powers of ten, and the place of requests that nobody answers.
fn scale(svg: &mut String, bottom: f64) {
    for (value, word) in [(1.0, "1 ms"), (10.0, "10 ms"), (100.0, "100 ms"), (1000.0, "1 s")] {
        let x = place(value);
        line(svg, "grid", x, TOP - 6.0, bottom);
        text(svg, x, bottom + 16.0, "soft small", "middle", word);
    }
    line(svg, "grid", RIGHT, TOP - 6.0, bottom);
    text(svg, RIGHT, bottom + 16.0, "soft small", "middle", "no answer");
}

fn group(svg: &mut String, y: f64, row: &Row, bar: &Bar) {
    let (name, rest) = row.runaway.name_on_two_lines();
    text(svg, 24.0, y + 21.0, "ink name", "start", name);
    text(svg, 24.0, y + 38.0, "soft small", "start", rest);
    let ended = format!("job ended: {}", row.first_ending());
    text(svg, 24.0, y + 53.0, "t-job small", "start", &ended);
    let inside = row.inside.map_or(Duration::ZERO, |inside| {
        if inside.is_dead { PATIENCE } else { inside.latency.p99.min(PATIENCE) }
    });
    let bars = [
        ("idle", "soft", bar.idle.p99, shown(bar.idle.p99)),
        ("job", "t-job", row.latency.p99, shown(row.latency.p99)),
        ("api", "t-api", inside, shown_inside(row.inside.as_ref())),
    ];
    for (n, (class, ink, took, word)) in bars.into_iter().enumerate() {
        let top = y + 5.0 + n as f64 * (BAR + 3.0);
        let end = place(ms(took)).min(RIGHT);
        rect(svg, class, LEFT, top, (end - LEFT).max(2.0));
        text(svg, end + 7.0, top + 11.0, &format!("{ink} value"), "start", &word);
    }
}

/// The line that the middle bars should not pass.
fn goal(svg: &mut String, bar: &Bar, bottom: f64) {
    let x = place(ms(bar.api()));
    line(svg, "goal", x, TOP - 6.0, bottom);
    let word = format!("goal {}", shown(bar.api()));
    text(svg, x, bottom + 31.0, "t-job small", "middle", &word);
}

fn place(ms: f64) -> f64 {
    let decades = (ms_of(PATIENCE) / FIRST_MS).log10();
    LEFT + (ms.max(FIRST_MS) / FIRST_MS).log10() / decades * (RIGHT - LEFT)
}

fn ms_of(took: Duration) -> f64 {
    took.as_secs_f64() * 1000.0
}

/// The picture for those who do not see it.
fn in_words(rows: &[Row], bar: &Bar) -> String {
    let mut words = format!("API p99 without jobs: {}.", shown(bar.idle.p99));
    for row in rows {
        // Writing into a String does not fail.
        let _written = write!(
            words,
            " {}: {} as a job, {} inside the API.",
            row.runaway.title(),
            shown(row.latency.p99),
            shown_inside(row.inside.as_ref())
        );
    }
    words
}

fn rect(svg: &mut String, class: &str, x: f64, y: f64, width: f64) {
    let height = if width == 12.0 { 12.0 } else { BAR };
    *svg += &format!(
        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height}\" rx=\"2.5\"/>\n"
    );
}

fn line(svg: &mut String, class: &str, x: f64, from: f64, to: f64) {
    *svg += &format!(
        "<line class=\"{class}\" x1=\"{x:.1}\" y1=\"{from}\" x2=\"{x:.1}\" y2=\"{to}\"/>\n"
    );
}

fn text(svg: &mut String, x: f64, y: f64, class: &str, anchor: &str, words: &str) {
    *svg += &format!(
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>\n",
        escaped(words)
    );
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
