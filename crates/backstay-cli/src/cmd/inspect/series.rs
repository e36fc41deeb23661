//! `backstay series`: what was counted over time, a line for each span in which something was.

use backstay::inspect::{self, Series, SeriesName, SeriesRange};
use backstay::model::account::{size, span};

use super::super::connect::of_store;
use super::super::desk::Desk;
use crate::args::SeriesArgs;
use crate::failure::{Exit, Failure};
use crate::print::Table;

pub(crate) async fn series(desk: &Desk<'_>, args: &SeriesArgs) -> Result<Exit, Failure> {
    let name = SeriesName::of(&args.name).unwrap_or(SeriesName::Throughput);
    let range = SeriesRange::of(&args.range).unwrap_or(SeriesRange::Day);
    if args.kind.is_some() && name.is_depth() {
        let said = format!("`{}` knows queues, and no kinds", args.name);
        return Err(Failure::new("BS102", said).hint("leave --kind out").exit(Exit::Usage));
    }
    let (queue, kind) = (args.queue.as_deref(), args.kind.as_deref());
    let found = inspect::series(&desk.database, name, range, queue, kind).await;
    let series = found.map_err(|error| of_store(&error))?;
    let printer = desk.printer;
    if printer.is_json() {
        printer.json(&series);
        return Ok(Exit::Done);
    }
    let titles: Vec<String> = series.lines.iter().map(|line| line.to_uppercase()).collect();
    let titles: Vec<&str> =
        std::iter::once("AT").chain(titles.iter().map(String::as_str)).collect();
    let mut table = Table::new(&titles);
    let something = |value: &Option<f64>| value.is_some_and(|value| value > 0.0);
    let told = series.points.iter().filter(|point| point.values.iter().any(something));
    let mut lines = 0;
    for point in told {
        let values = point.values.iter().map(|value| said(&series, *value));
        table.row(std::iter::once(point.at.to_string()).chain(values));
        lines += 1;
    }
    printer.table(&table);
    if lines == 0 {
        printer.note(format!("nothing was counted in the last {}", series.range));
    }
    Ok(Exit::Done)
}

/// A value in its unit; empty where nothing is known.
fn said(series: &Series, value: Option<f64>) -> String {
    let Some(value) = value else { return String::new() };
    match series.unit {
        "seconds" => span(std::time::Duration::from_secs_f64(value.max(0.0))),
        "bytes" => size(value.max(0.0) as u64),
        "percent" => format!("{value:.1} %"),
        _ => format!("{value:.0}"),
    }
}
