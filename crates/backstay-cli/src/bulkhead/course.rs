//! The course of the bench: each run for itself, in new processes, in the same order.

use std::time::Duration;

use super::load;
use super::plan::Plan;
use super::report::Report;
use super::row::{Idle, Inside, Row};
use super::runaway::Runaway;
use super::side::{Side, Watch};
use super::stage::Stage;
use crate::demo::http::Client;
use crate::failure::Failure;
use crate::latency::{Latency, ms};
use crate::print::Printer;

/// Requests before the measure, which open connections and fill caches.
const WARM: Duration = Duration::from_millis(700);

/// Measures everything that is planned.
pub(crate) async fn measure(
    stage: &Stage,
    plan: &Plan,
    printer: &Printer,
) -> Result<Report, Failure> {
    let mut report = Report::new(stage, plan);
    for n in 1..=plan.repeat {
        let of =
            if plan.repeat > 1 { format!("  (run {n} of {})", plan.repeat) } else { String::new() };
        let latency = idle(stage, plan).await?;
        printer.note(format!("no jobs: API p99 {:.1} ms{of}", ms(latency.p99)));
        let (beside, side, level) = as_job(stage, plan, None).await?;
        printer.note(format!(
            "honest jobs only: API p99 {:.1} ms, jobs p99 {:.1} ms",
            ms(beside.p99),
            ms(side.siblings.latency.p99)
        ));
        report.level = level;
        report.idle.push(Idle { latency, beside, side });
        for runaway in &plan.runaways {
            let inside = match plan.inside.contains(runaway) {
                true => Some(inside(stage, plan, *runaway).await?),
                false => None,
            };
            let (latency, side, _) = as_job(stage, plan, Some(*runaway)).await?;
            let row = Row { runaway: *runaway, inside, latency, side };
            printer.note(row.in_short());
            report.add(row);
        }
    }
    Ok(report)
}

async fn idle(stage: &Stage, plan: &Plan) -> Result<Latency, Failure> {
    let (api, address) = stage.api().await?;
    warm(&address, plan).await;
    let latency = load::on_thread(address, plan.rate, plan.span).await;
    api.kill().await;
    Ok(latency)
}

async fn inside(stage: &Stage, plan: &Plan, runaway: Runaway) -> Result<Inside, Failure> {
    let (mut api, address) = stage.api().await?;
    warm(&address, plan).await;
    let client = Client::new(address.clone());
    let let_loose = async {
        // An API that has no time for its answer has done what it was asked.
        drop(client.post(&format!("/run/{}", runaway.name()), &serde_json::Value::Null).await);
        std::future::pending::<()>().await;
    };
    let latency = tokio::select! {
        latency = load::on_thread(address, plan.rate, plan.span) => latency,
        () = let_loose => Latency::default(),
    };
    let is_dead = api.has_ended();
    api.kill().await;
    stage.calm_down().await?;
    Ok(Inside { latency, is_dead })
}

async fn as_job(
    stage: &Stage,
    plan: &Plan,
    runaway: Option<Runaway>,
) -> Result<(Latency, Side, String), Failure> {
    let (api, address) = stage.api().await?;
    let (worker, id, level) = stage.worker().await?;
    let watch = Watch { stage, worker: id, pid: worker.pid };
    // The first jobs start the children, on both sides of the comparison.
    let ((), warmed) = tokio::join!(warm(&address, plan), watch.drive(None, WARM));
    warmed?;
    let paced = runaway.map(|runaway| (runaway, plan.pace(runaway)));
    let (latency, side) =
        tokio::join!(load::on_thread(address, plan.rate, plan.span), watch.drive(paced, plan.span));
    worker.stop().await;
    api.kill().await;
    stage.calm_down().await?;
    Ok((latency, side?, level))
}

async fn warm(address: &str, plan: &Plan) {
    load::on_thread(address.to_owned(), plan.rate, WARM).await;
}
