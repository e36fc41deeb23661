//! `backstay demo`: the whole life of a job on a real PostgreSQL, told while it happens, and every claim checked.

use std::time::Instant;

use tokio::signal::unix::{SignalKind, signal};

use super::connect;
use super::private::Place;
use crate::args::{DemoArgs, DemoPart, WorkArgs};
use crate::demo::{Stage, Summary};
use crate::failure::{Exit, Failure};
use crate::print::Printer;
use crate::settings::{self, Environment, Need, Sources};

/// Steps below the priority of everybody else, as `nice` counts.
const NICE: i32 = 10;

pub(crate) fn run(
    args: &DemoArgs,
    sources: &Sources,
    environment: &Environment,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let began = Instant::now();
    let loaded = settings::load(sources, environment, Need::Database)?.checked()?;
    let place = Place::find("demo", &loaded, environment, !args.no_fetch)?;
    let runtime = connect::runtime()?;
    let ended = runtime.block_on(demo(args, &place, printer, began));
    drop(runtime);
    if let Some(line) = place.release() {
        printer.note(line);
    }
    ended
}

/// One of the demo's own processes.
pub(crate) fn part(
    part: &DemoPart,
    sources: &Sources,
    environment: &Environment,
    printer: &Printer,
) -> Result<Exit, Failure> {
    if !backstay::is_child() {
        match part {
            DemoPart::BulkheadApi => {
                crate::bulkhead::leave_terminal();
                crate::bulkhead::end_with_bench();
            }
            DemoPart::BulkheadWorker => {
                crate::bulkhead::leave_terminal();
                crate::demo::end_with_demo();
            }
            DemoPart::Api | DemoPart::Worker => crate::demo::end_with_demo(),
        }
    }
    match part {
        DemoPart::BulkheadApi => {
            let settings =
                settings::load(sources, environment, Need::Database)?.checked()?.settings;
            crate::bulkhead::run_api(settings::database_url(&settings)?.expose(), printer)
        }
        DemoPart::BulkheadWorker => crate::bulkhead::work(sources, environment, printer),
        DemoPart::Api => {
            let settings =
                settings::load(sources, environment, Need::Database)?.checked()?.settings;
            crate::demo::run_api(settings::database_url(&settings)?.expose(), printer)
        }
        DemoPart::Worker => {
            be_modest();
            let args = WorkArgs {
                queues: Vec::new(),
                slots: Vec::new(),
                once: false,
                dev: false,
                web: false,
            };
            super::work::run(&args, sources.clone(), environment, printer, crate::demo::worker)
        }
    }
}

/// Whoever runs heavy work beside an API gives it less of the processor; its children inherit that.
fn be_modest() {
    if !backstay::is_child() {
        // Without it the demo is only a little less smooth.
        let _nice = rustix::process::nice(NICE);
    }
}

async fn demo(
    args: &DemoArgs,
    place: &Place,
    printer: &Printer,
    began: Instant,
) -> Result<Exit, Failure> {
    let failed =
        |error: std::io::Error| Failure::new("BS999", "signals cannot be heard").because(&error);
    let mut term = signal(SignalKind::terminate()).map_err(failed)?;
    let mut int = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut told = std::pin::pin!(async {
        tokio::select! {
            _ = int.recv() => Exit::Interrupted,
            _ = term.recv() => Exit::Terminated,
        }
    });
    // What was started so far is killed when the half-set stage is dropped.
    let mut stage = tokio::select! {
        stage = Stage::set(place, printer, began) => stage?,
        exit = &mut told => return Ok(exit),
    };
    let played = tokio::select! {
        played = stage.play() => played.map(|()| None),
        exit = &mut told => Ok(Some(exit)),
    };
    stage.screen.close();
    let ended = match played {
        Ok(None) => Ok(tell(&stage.summary(), printer)),
        Ok(Some(exit)) => Ok(exit),
        Err(failure) => Err(failure),
    };
    if args.keep && matches!(ended, Ok(Exit::Done | Exit::NotDone)) {
        for line in stage.addresses() {
            printer.note(line);
        }
        printer.note("it stays up until Ctrl-C");
        told.await;
    }
    stage.strike().await;
    ended
}

fn tell(summary: &Summary, printer: &Printer) -> Exit {
    summary.print(printer);
    if summary.all_held() { Exit::Done } else { Exit::NotDone }
}
