//! `backstay bench bulkhead`: what a runaway does to an API, inside its process and as a job.

use std::path::Path;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::args::BulkheadArgs;
use crate::bulkhead::{Plan, Report, Runaway, Stage, Verdict, measure, raise_files};
use crate::cmd::connect;
use crate::cmd::private::Place;
use crate::failure::{Exit, Failure};
use crate::print::Printer;
use crate::settings::{self, Environment, Need, Sources};

/// Seconds of a run that is only to show that everything works.
const QUICK: u64 = 5;

pub(crate) fn run(
    args: &BulkheadArgs,
    sources: &Sources,
    environment: &Environment,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let loaded = settings::load(sources, environment, Need::Database)?.checked()?;
    let place = Place::find("bench bulkhead", &loaded, environment, true)?;
    raise_files();
    printer.note(&place.how);
    let runtime = connect::runtime()?;
    let ended = runtime.block_on(bench(args, &place, printer));
    drop(runtime);
    if let Some(line) = place.release() {
        printer.note(line);
    }
    ended
}

async fn bench(args: &BulkheadArgs, place: &Place, printer: &Printer) -> Result<Exit, Failure> {
    let failed =
        |error: std::io::Error| Failure::new("BS999", "signals cannot be heard").because(&error);
    let mut term = signal(SignalKind::terminate()).map_err(failed)?;
    let mut int = signal(SignalKind::interrupt()).map_err(failed)?;
    let stage = Stage::set(place).await?;
    let plan = plan(args);
    // What a run has started is killed when it is dropped.
    let measured = tokio::select! {
        measured = measure(&stage, &plan, printer) => measured.map(Ok),
        _ = int.recv() => Ok(Err(Exit::Interrupted)),
        _ = term.recv() => Ok(Err(Exit::Terminated)),
    };
    let calm = stage.calm_down().await;
    stage.strike().await;
    let report = match measured? {
        Ok(report) => report,
        Err(exit) => return Ok(exit),
    };
    calm?;
    report.print(printer);
    write(args, &report)?;
    Ok(match report.verdict() {
        Verdict::Held => Exit::Done,
        Verdict::Missed => Exit::NotDone,
        Verdict::Void => Exit::TryAgain,
    })
}

fn plan(args: &BulkheadArgs) -> Plan {
    let seconds = if args.quick { QUICK } else { args.seconds };
    let runaways = if args.only.is_empty() { Runaway::ALL.to_vec() } else { args.only.clone() };
    let inside = if args.inside.is_empty() { runaways.clone() } else { args.inside.clone() };
    let span = Duration::from_secs(seconds);
    Plan { span, rate: args.rate, runaways, inside, repeat: args.repeat }
}

fn write(args: &BulkheadArgs, report: &Report) -> Result<(), Failure> {
    let failed = |path: &Path, error: std::io::Error| {
        Failure::new("BS999", format!("`{}` cannot be written", path.display())).because(&error)
    };
    if let Some(path) = &args.svg {
        std::fs::write(path, report.picture()).map_err(|error| failed(path, error))?;
    }
    if let Some(path) = &args.readme {
        let words = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
        let run = if cfg!(debug_assertions) { "cargo run --" } else { "cargo run --release --" };
        let written = report.write_readme(path, &format!("{run} {words}"));
        written.map_err(|error| failed(path, error))?;
    }
    Ok(())
}
