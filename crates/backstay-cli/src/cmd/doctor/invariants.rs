//! `doctor --invariants`: what must hold in every database, in one snapshot; a broken promise of ours is a failure.

use backstay::Database;
use backstay::check::{self, Invariant, Report, Sort, Standing};
use backstay::doctor::Health;
use serde_json::json;

use super::{line, row::Row};
use crate::cmd::connect;
use crate::failure::{Exit, Failure};
use crate::print::Printer;

/// Looks and prints: 1 where there is a defect.
pub(super) async fn look(database: &Database, printer: &Printer) -> Result<Exit, Failure> {
    let report = check::all(database).await.map_err(|error| connect::of_store(&error))?;
    if printer.is_json() {
        printer.json(&json!({
            "holds": report.holds, "verdict": verdict(&report), "part": report.part, "items": report.invariants,
            "next": null,
        }));
    } else {
        let rows: Vec<Row> = report.invariants.iter().map(row).collect();
        let width = rows.iter().map(|row| row.id.len()).max().unwrap_or(0);
        for row in &rows {
            printer.line(line(printer, row, width));
        }
        printer.line(verdict(&report));
    }
    Ok(if report.holds { Exit::Done } else { Exit::NotDone })
}

fn row(it: &Invariant) -> Row {
    let (health, said, remedy) = match (it.standing, it.sort) {
        (Standing::Holds, _) => (Health::Ok, None, None),
        (Standing::Broken, Sort::Defect) => {
            (Health::Fail, Some(it.finding()), Some("backstay explain BS512".to_owned()))
        }
        (Standing::Broken, Sort::Alarm) => {
            let excuse = it.excuse.map(|excuse| format!("lawful where {excuse}"));
            (Health::Warn, Some(it.finding()), excuse)
        }
        (Standing::NotVisible, _) => {
            let remedy = Some("grant pg_monitor to this login".to_owned());
            (Health::Warn, Some("not visible to this login".to_owned()), remedy)
        }
        _ => {
            let remedy = Some("look again when the database has less to do".to_owned());
            (Health::Warn, Some("could not be looked at within 5 s".to_owned()), remedy)
        }
    };
    let said = said.map(|said| format!("; {said}")).unwrap_or_default();
    let finding = format!("{}{said}", it.promise);
    Row { id: it.id, health, finding, remedy, measured: None }
}

/// The report's own last line, with the part of the jobs that it is about.
fn verdict(report: &Report) -> String {
    match report.part {
        None => report.verdict(),
        Some(part) => format!(
            "{}; of more than a million jobs those whose id leaves {part} when divided by 16, the next part in a minute",
            report.verdict()
        ),
    }
}
