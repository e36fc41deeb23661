//! The jobs of the bench: how they are enqueued, and what their handlers do.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use backstay::{Ctx, Database, Fail, Job, Options, enqueue, enqueue_many};
use serde::{Deserialize, Serialize};

use crate::cmd::connect;
use crate::failure::Failure;

/// A queue of its own, so that nobody else's worker takes these jobs.
pub(crate) const QUEUE: &str = "backstay-bench";
/// Jobs of one call.
const BULK: u64 = 10_000;
/// Between two jobs that come one by one.
const EVERY: Duration = Duration::from_millis(20);

/// A job that does nothing, with about 100 bytes of args.
#[derive(Serialize, Deserialize, Job)]
#[job(kind = "backstay.noop")]
pub(crate) struct Noop {
    n: u64,
    tenant: u32,
    note: String,
}

impl Noop {
    pub(crate) const NAME: &str = Noop::KIND;

    fn request(n: u64) -> backstay::Request {
        let noop = Noop {
            n,
            tenant: (n % 97) as u32,
            note: "sixty-four bytes of text that a real job would carry in its args".into(),
        };
        noop.with(Options::new().queue(QUEUE))
    }
}

/// A job that says when it started.
#[derive(Serialize, Deserialize, Job)]
#[job(kind = "backstay.probe")]
pub(crate) struct Probe {}

impl Probe {
    pub(crate) const NAME: &str = Probe::KIND;
}

/// When each probe's handler started, in this very process.
static STARTED: Mutex<Option<HashMap<i64, Instant>>> = Mutex::new(None);

pub(crate) async fn noop(_: Noop) -> Result<(), Fail> {
    Ok(())
}

pub(crate) async fn probe(_: Probe, ctx: Ctx) -> Result<(), Fail> {
    let mut started = STARTED.lock().expect("nobody panics while holding it");
    started.get_or_insert_default().insert(ctx.info().id, Instant::now());
    Ok(())
}

fn failed(error: &backstay::EnqueueError) -> Failure {
    Failure::new("BS999", "the bench cannot enqueue").because(error)
}

/// Jobs per second of one connection with 10,000 jobs a call.
pub(crate) async fn bulk(database: &Database, jobs: u64) -> Result<f64, Failure> {
    let mut spent = Duration::ZERO;
    let mut n = 0;
    while n < jobs {
        let some: Vec<_> = (n..jobs.min(n + BULK)).map(Noop::request).collect();
        let began = Instant::now();
        n += enqueue_many(database, some).await.map_err(|error| failed(&error))?.len() as u64;
        spent += began.elapsed();
    }
    Ok(jobs as f64 / spent.as_secs_f64())
}

/// Jobs per second of several connections with one job a transaction.
pub(crate) async fn single(url: &str, clients: u16, span: Duration) -> Result<f64, Failure> {
    let mut tasks = Vec::new();
    for _ in 0..clients {
        let database = Database::connect(url).await.map_err(|error| connect::of_store(&error))?;
        tasks.push(tokio::spawn(async move {
            let (began, mut n) = (Instant::now(), 0u64);
            while began.elapsed() < span {
                enqueue(&database, Noop::request(n)).await.map_err(|error| failed(&error))?;
                n += 1;
            }
            Ok::<f64, Failure>(n as f64 / began.elapsed().as_secs_f64())
        }));
    }
    let mut all = 0.0;
    for task in tasks {
        all += task.await.map_err(|error| {
            Failure::new("BS999", "a client of the bench ended").because(&error)
        })??;
    }
    Ok(all)
}

/// One job every 20 ms; how long each waited from its commit to the start of its handler, shortest first.
pub(crate) async fn trickle(database: &Database, span: Duration) -> Result<Vec<Duration>, Failure> {
    let mut committed = HashMap::new();
    let began = Instant::now();
    // The first jobs open connections and plan statements.
    tokio::time::sleep(Duration::from_millis(500)).await;
    while began.elapsed() < span {
        let job = Probe {}.with(Options::new().queue(QUEUE));
        let enqueued = enqueue(database, job).await.map_err(|error| failed(&error))?;
        committed.insert(enqueued.id, Instant::now());
        tokio::time::sleep(EVERY).await;
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline && seen() < committed.len() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let started =
        STARTED.lock().expect("nobody panics while holding it").take().unwrap_or_default();
    let mut waits: Vec<Duration> = committed
        .iter()
        .filter_map(|(id, at)| Some(started.get(id)?.saturating_duration_since(*at)))
        .collect();
    if waits.is_empty() {
        return Err(Failure::new("BS999", "no job of the bench was picked up within 10 s"));
    }
    waits.sort();
    Ok(waits)
}

fn seen() -> usize {
    STARTED.lock().expect("nobody panics while holding it").as_ref().map_or(0, HashMap::len)
}
