//! `backstay doctor`: all that could be wrong, each with its remedy; the last line says ready, or what to do first.

mod invariants;
mod limits;
mod row;

use backstay::config::MISSING;
use backstay::doctor::{Health, Wishes, examine};
use serde_json::{Value as Json, json};

use self::row::Row;
use super::desk::{self, Consent, Desk};
use crate::args::DoctorArgs;
use crate::failure::{Exit, Failure};
use crate::print::{Printer, Tone, visible};
use crate::settings::{Environment, Sources};

pub(crate) use limits::run_away;

pub(crate) fn run(
    args: &DoctorArgs,
    sources: &Sources,
    environment: &Environment,
    printer: &Printer,
    consent: &Consent,
) -> Result<Exit, Failure> {
    if args.invariants {
        return desk::run(sources, environment, printer, consent, async |desk| {
            invariants::look(&desk.database, printer).await
        });
    }
    let mut rows = Vec::new();
    let looked = desk::run(sources, environment, printer, consent, async |desk| {
        rows = examine_database(desk).await;
        Ok(Exit::Done)
    });
    match looked {
        Ok(_) => {}
        Err(failure) if !args.limits || failure.exit != Exit::Unavailable => return Err(failure),
        Err(failure) if failure.code == MISSING => {
            printer.note("no database is named: only the limits of jobs are looked at");
        }
        Err(failure) => rows.push(unreachable(failure)),
    }
    let level = if args.limits {
        let proof = limits::prove()?;
        rows.extend(proof.rows);
        Some(proof.level)
    } else {
        None
    };
    Ok(print(printer, &rows, level))
}

async fn examine_database(desk: &Desk<'_>) -> Vec<Row> {
    let wishes = Wishes {
        channels: Some(desk.settings.alerts.channels.len()),
        dead_man: desk.settings.alerts.dead_man.is_some(),
        require_durable: desk.settings.database.require_durable,
        handlers: desk.settings.worker.handler_database_url.clone(),
    };
    let report = examine(&desk.database, wishes).await;
    report.findings.into_iter().map(Row::from).collect()
}

/// A database that is named and not there is one finding; the limits are proven all the same.
fn unreachable(failure: Failure) -> Row {
    let (finding, remedy) = (failure.message, failure.hint);
    Row { id: "server", health: Health::Fail, finding, remedy, measured: None }
}

fn print(printer: &Printer, rows: &[Row], level: Option<Json>) -> Exit {
    let failed = rows.iter().find(|row| row.health == Health::Fail);
    let verdict = match failed {
        None => "ready".to_owned(),
        Some(row) => format!("not ready: {}", row.remedy.as_deref().unwrap_or(&row.finding)),
    };
    if printer.is_json() {
        let mut document = json!({
            "ready": failed.is_none(), "verdict": verdict, "items": rows, "next": null,
        });
        if let Some(level) = level {
            document["level"] = level;
        }
        printer.json(&document);
    } else {
        let width = rows.iter().map(|row| row.id.len()).max().unwrap_or(0);
        for row in rows {
            printer.line(line(printer, row, width));
        }
        printer.line(verdict);
    }
    if failed.is_none() { Exit::Done } else { Exit::NotDone }
}

/// `warn  horizon  held for 47 min by pid 8123 (metabase): select pg_terminate_backend(8123)`.
fn line(printer: &Printer, row: &Row, width: usize) -> String {
    let tone = match row.health {
        Health::Ok => Tone::Good,
        Health::Warn => Tone::Careful,
        Health::Fail => Tone::Bad,
    };
    let word = printer.toned(tone, row.health.as_str());
    let blank = " ".repeat(4 - row.health.as_str().len());
    let text = visible(&row.finding);
    let remedy = row.remedy.as_deref().map(|it| format!(": {}", visible(it))).unwrap_or_default();
    format!("{word}{blank}  {:width$}  {text}{remedy}", row.id)
}
