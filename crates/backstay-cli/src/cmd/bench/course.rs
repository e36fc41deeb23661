//! The course of one run: each measure begins with the bench's jobs gone and the tables vacuumed, and ends so.

use std::time::{Duration, Instant};

use backstay::config::{Origin, Settings, Value};
use backstay::{Database, Queue, Running, Worker};

use super::figure::{Figure, at};
use super::ground::Ground;
use super::load::{self, KINDS, QUEUE};
use super::stop::{Broken, Stop};
use crate::args::{BenchArgs, Measure};
use crate::cmd::connect;
use crate::failure::Failure;

/// Statements of the measure of a commit.
const COMMITS: u32 = 200;
const ROUND_TRIP: &str = "select 1";
/// Writes one small record of WAL and no row, so its end is as long as the server takes to flush.
const COMMIT: &str = "select pg_logical_emit_message(true, 'backstay_bench', '')::text";
/// Whoever takes longer for one drain cannot be measured.
const DRAIN: Duration = Duration::from_secs(600);
/// Warm children are fewer and slower: a part of the jobs says as much.
const FOR_CHILDREN: u64 = 4;
const CHILDREN: u16 = 8;

/// All that a run needs.
pub(crate) struct Course<'a> {
    pub(crate) args: &'a BenchArgs,
    pub(crate) database: &'a Database,
    pub(crate) ground: &'a Ground,
    pub(crate) stop: &'a Stop,
}

/// How the jobs of a drain are run.
#[derive(Clone, Copy)]
struct Way {
    isolation: &'static str,
    history: &'static str,
    slots: u16,
}

impl Course<'_> {
    /// One run of everything that is asked for.
    pub(crate) async fn run(&self) -> Result<Vec<Figure>, Broken> {
        let mut figures = Vec::new();
        for measure in [
            Measure::Commit,
            Measure::Bulk,
            Measure::Drain,
            Measure::Children,
            Measure::Single,
            Measure::Pickup,
        ] {
            if self.args.only.is_empty() || self.args.only.contains(&measure) {
                figures.extend(self.measure(measure).await?);
            }
        }
        Ok(figures)
    }

    async fn measure(&self, measure: Measure) -> Result<Vec<Figure>, Broken> {
        self.stop.check()?;
        self.ground.smooth().await?;
        let figures = match measure {
            Measure::Commit => self.commit().await?,
            Measure::Bulk => self.bulk().await?,
            Measure::Drain => self.drains().await?,
            Measure::Children => self.children().await?,
            Measure::Single => self.single().await?,
            Measure::Pickup => self.pickup().await?,
        };
        self.ground.clear().await?;
        Ok(figures)
    }

    async fn commit(&self) -> Result<Vec<Figure>, Broken> {
        let client = self.ground.client();
        let trips = load::again(client, ROUND_TRIP, COMMITS, self.stop).await?;
        let commits = load::again(client, COMMIT, COMMITS, self.stop).await?;
        Ok(vec![
            Figure::new("round_trip_p50", "way to the server and back, p50", "ms", at(&trips, 0.5)),
            Figure::new("commit_p50", "smallest commit, p50", "ms", at(&commits, 0.5)),
            Figure::new("commit_p99", "smallest commit, p99", "ms", at(&commits, 0.99)),
        ])
    }

    async fn bulk(&self) -> Result<Vec<Figure>, Broken> {
        let jobs = self.args.jobs;
        let wal = self.ground.wal().await?;
        let rate = load::bulk(self.ground.client(), jobs, self.stop).await?;
        let wal = (self.ground.wal().await? - wal) / jobs as f64;
        Ok(vec![
            Figure::new("bulk_enqueue", "bulk enqueue", "jobs/s", rate),
            Figure::new("bulk_enqueue_wal", "WAL of a bulk enqueue", "bytes/job", wal),
        ])
    }

    async fn drains(&self) -> Result<Vec<Figure>, Broken> {
        let (jobs, slots) = (self.args.jobs, self.args.slots);
        let full = Way { isolation: "inline", history: "full", slots };
        let (rate, wal) = self.drain(full, jobs).await?;
        let mut figures = vec![
            Figure::new("drain", "drain inline, history kept", "jobs/s", rate),
            Figure::new("drain_wal", "WAL of a drain, history kept", "bytes/job", wal),
        ];
        self.ground.clear().await?;
        self.ground.smooth().await?;
        let (rate, wal) = self.drain(Way { history: "lean", ..full }, jobs).await?;
        figures.extend([
            Figure::new("drain_lean", "drain inline, lean", "jobs/s", rate),
            Figure::new("drain_lean_wal", "WAL of a drain, lean", "bytes/job", wal),
        ]);
        Ok(figures)
    }

    async fn children(&self) -> Result<Vec<Figure>, Broken> {
        let slots = self.args.slots.min(CHILDREN);
        let way = Way { isolation: "process", history: "full", slots };
        let (rate, _) = self.drain(way, self.args.jobs.div_ceil(FOR_CHILDREN)).await?;
        let name = format!("drain in {slots} warm children, history kept");
        Ok(vec![Figure::new("drain_children", name, "jobs/s", rate)])
    }

    async fn single(&self) -> Result<Vec<Figure>, Broken> {
        let mut figures = Vec::new();
        let many = self.args.clients;
        let of = [("single_enqueue", 1), ("single_enqueue_parallel", many)];
        for (id, clients) in of.into_iter().take(if many > 1 { 2 } else { 1 }) {
            let span = Duration::from_secs(self.args.seconds);
            let rate = load::single(self.database, clients, span, self.stop).await?;
            let name = match clients {
                1 => "enqueue one by one, 1 connection".to_owned(),
                many => format!("enqueue one by one, {many} connections"),
            };
            figures.push(Figure::new(id, name, "jobs/s", rate));
            self.ground.clear().await?;
        }
        Ok(figures)
    }

    /// Jobs that come one by one into an idle worker.
    async fn pickup(&self) -> Result<Vec<Figure>, Broken> {
        let way = Way { isolation: "inline", history: "full", slots: CHILDREN };
        let mut running = self.start(way).await?;
        let span = Duration::from_secs(self.args.seconds);
        let waits = load::trickle(self.ground.client(), span, self.stop).await;
        end(&mut running, waits.is_ok()).await;
        let [p50, p95, p99] = waits?;
        Ok(vec![
            Figure::new("pickup_p50", "pick-up, p50", "ms", p50),
            Figure::new("pickup_p95", "pick-up, p95", "ms", p95),
            Figure::new("pickup_p99", "pick-up, p99", "ms", p99),
        ])
    }

    /// Jobs per second, and bytes of WAL for each; filling the queue belongs to neither.
    async fn drain(&self, way: Way, jobs: u64) -> Result<(f64, f64), Broken> {
        load::bulk(self.ground.client(), jobs, self.stop).await?;
        self.ground.smooth().await?;
        load::forget();
        let wal = self.ground.wal().await?;
        let mut running = self.start(way).await?;
        let seconds = match way.isolation {
            "inline" => self.inline_end(jobs).await,
            _ => self.children_end(jobs).await,
        };
        end(&mut running, seconds.is_ok()).await;
        let seconds = seconds?;
        Ok((jobs as f64 / seconds, (self.ground.wal().await? - wal) / jobs as f64))
    }

    /// Seconds from the first handler's start to the moment in which the database has no job left. Handlers count in this
    /// process, so nobody is asked before the last of them has run.
    async fn inline_end(&self, jobs: u64) -> Result<f64, Broken> {
        let deadline = Instant::now() + DRAIN;
        while load::ran().0 < jobs || self.ground.any_left().await? {
            in_time(deadline)?;
            self.stop.sleep(Duration::from_millis(2)).await?;
        }
        let end = Instant::now();
        Ok(end.duration_since(load::ran().1.unwrap_or(end)).as_secs_f64())
    }

    /// Seconds from the first claim to the last end, as the history says it.
    async fn children_end(&self, jobs: u64) -> Result<f64, Broken> {
        let deadline = Instant::now() + DRAIN;
        while self.ground.any_left().await? {
            in_time(deadline)?;
            self.stop.sleep(Duration::from_millis(50)).await?;
        }
        let (done, seconds) = self.ground.span().await?;
        if done != jobs {
            let text = format!("{done} of {jobs} jobs of the bench are in the history");
            return Err(Failure::new("BS999", text).into());
        }
        Ok(seconds)
    }

    /// A worker of the bench's queue that does nothing else: no housekeeping, and no setting of the installation changed.
    async fn start(&self, way: Way) -> Result<Running, Broken> {
        let worker = worker()?;
        let settings = with(&worker, way)?;
        let started = worker.start_with(self.database, settings).await;
        Ok(started.map_err(|error| connect::of_start(&error))?)
    }
}

/// What the bench's worker and its children run.
pub(crate) fn worker() -> Result<Worker<()>, Failure> {
    Worker::without_state()
        .queue(Queue::new(QUEUE))
        .handle(load::noop)
        .handle(load::probe)
        .build()
        .map_err(|error| Failure::new(error.code(), error.to_string()))
}

fn with(worker: &Worker<()>, way: Way) -> Result<Settings, Failure> {
    let mut tree = worker.tree();
    let mut lay = |path: &[&str], json: serde_json::Value| {
        tree.lay(path, Value::from_json(&json, &Origin::Contract));
    };
    lay(&["queues", QUEUE, "slots"], way.slots.into());
    lay(&["queues", QUEUE, "isolation"], way.isolation.into());
    for kind in KINDS {
        lay(&["kinds", kind, "history"], way.history.into());
    }
    let mut settings = Settings::from_value(&tree).map_err(Failure::of_faults)?;
    settings.worker.apply = false;
    settings.worker.housekeeping = false;
    Ok(settings)
}

async fn end(running: &mut Running, has_ended: bool) {
    if has_ended {
        running.drain().await;
    } else {
        running.quit().await;
    }
    running.join().await;
}

fn in_time(deadline: Instant) -> Result<(), Failure> {
    if Instant::now() < deadline {
        return Ok(());
    }
    Err(Failure::new("BS507", "the jobs of the bench were not done within 10 minutes")
        .hint("give fewer with --jobs"))
}
