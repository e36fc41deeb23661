//! `backstay config show`: the settings in force, as TOML that could be a file again.

use backstay::config::{Origin, Row};
use serde_json::{Value as Json, json};

use crate::args::ShowArgs;
use crate::failure::{Exit, Failure};
use crate::print::{Printer, Tone, visible};
use crate::settings::{self, Environment, Need, Sources};

pub(crate) fn show(
    args: &ShowArgs,
    sources: &Sources,
    environment: &Environment,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let loaded = settings::load(sources, environment, Need::Everything)?.checked()?;
    printer.detail(settings::read_from(&loaded));
    let rows: Vec<&Row> = loaded.rows.iter().filter(|row| args.all || is_set(row)).collect();
    if printer.is_json() {
        let items: Vec<Json> = rows.iter().map(|row| json(row)).collect();
        printer.json(&json!({ "items": items, "next": null }));
        return Ok(Exit::Done);
    }
    if rows.is_empty() {
        printer.note("nothing differs from what is built in; see: backstay config show --all");
    }
    let width = rows.iter().map(|row| written(row).chars().count()).max().unwrap_or(0);
    for row in rows.into_iter().take_while(|_| !printer.is_closed()) {
        printer.line(line(row, args, width.min(60), printer));
    }
    Ok(Exit::Done)
}

fn is_set(row: &Row) -> bool {
    row.origin != Origin::Default
}

/// `path = value`; a key without a value is a comment, so that the whole stays TOML.
fn written(row: &Row) -> String {
    match &row.value {
        Some(value) => visible(&format!("{} = {value}", row.path)),
        None => visible(&format!("# {} =", row.path)),
    }
}

fn line(row: &Row, args: &ShowArgs, width: usize, printer: &Printer) -> String {
    let mut notes = Vec::new();
    if args.origin {
        notes.push(row.origin.to_string());
    }
    if args.all {
        notes.push(format!("{} ({})", row.help, row.bound));
    }
    let written = written(row);
    if notes.is_empty() {
        return written;
    }
    let note = printer.toned(Tone::Faint, &visible(&format!("# {}", notes.join(": "))));
    format!("{written:width$}  {note}")
}

fn json(row: &Row) -> Json {
    json!({
        "path": row.path,
        "value": row.value,
        "origin": row.origin.to_string(),
        "default": row.default,
        "bound": row.bound,
        "help": row.help,
    })
}
