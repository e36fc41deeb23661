//! `backstay doctor`: all that could be wrong, each with its remedy; the last line says ready, or what to do first.

use backstay::doctor::{Finding, Health, Wishes, examine};
use serde_json::json;

use super::desk::Desk;
use crate::failure::{Exit, Failure};
use crate::print::{Printer, Tone, visible};

pub(crate) async fn run(desk: &Desk<'_>) -> Result<Exit, Failure> {
    let wishes = Wishes {
        channels: Some(desk.settings.alerts.channels.len()),
        require_durable: desk.settings.database.require_durable,
        handlers: desk.settings.worker.handler_database_url.clone(),
    };
    let report = examine(&desk.database, wishes).await;
    let printer = desk.printer;
    if printer.is_json() {
        printer.json(&json!({
            "ready": report.ready, "verdict": report.verdict(), "items": report.findings, "next": null,
        }));
    } else {
        let width = report.findings.iter().map(|finding| finding.id.len()).max().unwrap_or(0);
        for finding in &report.findings {
            printer.line(line(printer, finding, width));
        }
        printer.line(report.verdict());
    }
    Ok(if report.ready { Exit::Done } else { Exit::NotDone })
}

/// `warn  horizon  held for 47 min by pid 8123 (metabase): select pg_terminate_backend(8123)`.
fn line(printer: &Printer, finding: &Finding, width: usize) -> String {
    let tone = match finding.health {
        Health::Ok => Tone::Good,
        Health::Warn => Tone::Careful,
        Health::Fail => Tone::Bad,
    };
    let word = printer.toned(tone, finding.health.as_str());
    let blank = " ".repeat(4 - finding.health.as_str().len());
    let text = visible(&finding.finding);
    let remedy =
        finding.remedy.as_deref().map(|it| format!(": {}", visible(it))).unwrap_or_default();
    format!("{word}{blank}  {:width$}  {text}{remedy}", finding.id)
}
