//! The heavy work at once, and SIGKILL for a worker in the middle of it.

use std::time::{Duration, Instant};

use serde_json::json;
use uuid::Uuid;

use super::{Stage, Wanted};
use crate::demo::summary::grouped;
use crate::demo::{ask, database, shop};
use crate::failure::Failure;

/// Customers who get a notification, and how many of them in one job.
const NOTIFIED: i64 = 6_000;
const BATCH: i64 = 100;
/// Orders that come in meanwhile.
const ORDERS: usize = 40;
/// Workers trust their view of each other only when the server has been up for half a minute; the kill comes just
/// before, so that its rescue is not delayed by that.
const SERVER_UP: Duration = Duration::from_secs(26);
/// The notifications begin when this much of the export is done, in percent.
const BEGUN: f64 = 10.0;
/// The kill comes when at least this much of the export is done, in percent ...
const MIDDLE: f64 = 15.0;
/// ... and so many notifications have arrived: some jobs of each are in the middle then.
const SENT: usize = 1_000;
/// How long all the work may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the kill did.
pub(super) struct Lost {
    pub(super) number: usize,
    pub(super) worker: Uuid,
    /// The jobs that the worker held.
    pub(super) held: Vec<(i64, String)>,
    /// How far the export was, in percent.
    pub(super) export_at: f64,
    /// From the kill until none of its jobs was in its hands any more.
    pub(super) rescued_in: Option<Duration>,
    pub(super) all_done: bool,
    pub(super) reports: Vec<i64>,
    pub(super) export: i64,
}

impl Stage<'_> {
    pub(super) async fn work_and_kill(&mut self) -> Result<Lost, Failure> {
        let from = Instant::now();
        let months = shop::months();
        self.wanted.reports = months.len() as i64;
        let reports = self.ask_for("/reports", &json!(months)).await?;
        self.place_orders(ORDERS).await?;
        self.screen.say(format!(
            "work: {} sales reports, {ORDERS} more orders with receipts",
            months.len()
        ));
        self.wait_until_server_is_settled().await?;
        let exports = self.ask_for("/exports", &json!({})).await?;
        let export = exports.first().copied().unwrap_or_default();
        let text = "select max(id), count(*) from shop.order_lines";
        let row = self.db.query_one(text, &[]).await.map_err(|error| database::failed(&error))?;
        let (until, lines): (i64, i64) = (row.get(0), row.get(1));
        self.wanted =
            Wanted { export_lines: lines, export_until: until, export_job: export, ..self.wanted };
        self.screen.say(format!("an export of all {} order lines begins", grouped(lines)));
        self.await_export(export, until, BEGUN).await?;
        self.wanted.notifications = NOTIFIED;
        self.ask_for("/campaigns", &json!({ "customers": NOTIFIED, "batch": BATCH })).await?;
        self.screen.say(format!("{} notifications in batches of {BATCH}", grouped(NOTIFIED)));
        self.until(PATIENCE, |_, sink| sink.arrived().notifications.len() >= SENT).await?;
        let mut lost = self.kill(export, until).await?;
        lost.reports = reports;
        lost.rescued_in = self.await_rescue(lost.worker).await?;
        lost.all_done = self.until(PATIENCE, |counts, _| counts.open() == 0).await?;
        self.loaded = self.trickle.between(from, Instant::now());
        Ok(lost)
    }

    async fn wait_until_server_is_settled(&mut self) -> Result<(), Failure> {
        let up = ask::server_up(&self.db).await?;
        if up < SERVER_UP {
            self.until(SERVER_UP - up, |_, _| false).await?;
        }
        Ok(())
    }

    /// Waits until the export is so far, and says who runs it.
    async fn await_export(
        &mut self,
        export: i64,
        until: i64,
        percent: f64,
    ) -> Result<(Uuid, f64), Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let (Some(worker), at) = ask::export_at(&self.db, export, until).await?
                && at >= percent
            {
                return Ok((worker, at));
            }
            if Instant::now() > deadline || self.look().await?.of("export", "completed") > 0 {
                return Err(Failure::new("BS999", "the demo found no moment to kill its worker"));
            }
            self.guard()?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Kills the worker that runs the export, in the middle of it.
    async fn kill(&mut self, export: i64, until: i64) -> Result<Lost, Failure> {
        let (worker, export_at) = self.await_export(export, until, MIDDLE).await?;
        let at = self.workers.iter().position(|hand| hand.id == worker);
        let at = at.ok_or_else(|| {
            Failure::new("BS999", "the export runs in a worker that is not the demo's")
        })?;
        let held = ask::held_by(&self.db, worker).await?;
        let mut hand = self.workers.remove(at);
        hand.part.kill_9().await;
        self.screen.say(format!(
            "SIGKILL to worker {}, with {} jobs in its hands and the export at {export_at:.0} %",
            hand.number,
            held.len()
        ));
        Ok(Lost {
            number: hand.number,
            worker,
            held,
            export_at,
            rescued_in: None,
            all_done: false,
            reports: Vec::new(),
            export,
        })
    }

    async fn await_rescue(&mut self, worker: Uuid) -> Result<Option<Duration>, Failure> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if ask::held_by(&self.db, worker).await?.is_empty() {
                let took = began.elapsed();
                self.screen.say(format!("its jobs are rescued after {:.1} s", took.as_secs_f64()));
                return Ok(Some(took));
            }
            self.look().await?;
            self.guard()?;
            tokio::time::sleep(super::LOOK).await;
        }
        Ok(None)
    }
}
