//! The jobs of the bench: how they are enqueued, and what their handlers do.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use backstay::{Ctx, Database, EnqueueError, Fail, Job, Options, enqueue, enqueue_many};
use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

use super::figure::at;
use super::stop::{Broken, Stop};
use crate::cmd::connect;
use crate::failure::Failure;

/// A queue of its own: nobody else's worker takes these jobs, and every row of the bench is known by it.
pub(crate) const QUEUE: &str = "backstay_bench";
/// The kinds, which nobody else has.
pub(crate) const KINDS: [&str; 2] = [Noop::KIND, Probe::KIND];
/// Jobs of one call.
const BULK: u64 = 10_000;
/// Between two jobs that come one by one.
const EVERY: Duration = Duration::from_millis(20);
/// The first of them open connections and plan statements, and do not count.
const WARM: usize = 10;
/// The last of them is picked up within this long, or never.
const LAST: Duration = Duration::from_secs(10);

/// A job that does nothing, with about 100 bytes of args.
#[derive(Serialize, Deserialize, Job)]
#[job(kind = "backstay_bench.noop")]
pub(crate) struct Noop {
    n: u64,
    tenant: u32,
    note: String,
}

impl Noop {
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
#[job(kind = "backstay_bench.probe")]
pub(crate) struct Probe {}

/// What the handlers of this very process did.
static RAN: AtomicU64 = AtomicU64::new(0);
static FIRST: Mutex<Option<Instant>> = Mutex::new(None);
static PROBED: Mutex<Option<HashMap<i64, Instant>>> = Mutex::new(None);

pub(crate) async fn noop(_: Noop) -> Result<(), Fail> {
    if RAN.fetch_add(1, Ordering::Relaxed) == 0 {
        FIRST.lock().expect("nobody panics while holding it").get_or_insert_with(Instant::now);
    }
    Ok(())
}

pub(crate) async fn probe(_: Probe, ctx: Ctx) -> Result<(), Fail> {
    let mut probed = PROBED.lock().expect("nobody panics while holding it");
    probed.get_or_insert_default().insert(ctx.info().id, Instant::now());
    Ok(())
}

/// Counts the handlers of this process from nothing.
pub(crate) fn forget() {
    RAN.store(0, Ordering::Relaxed);
    *FIRST.lock().expect("nobody panics while holding it") = None;
}

/// How many handlers ran in this process, and when the first began.
pub(crate) fn ran() -> (u64, Option<Instant>) {
    let first = *FIRST.lock().expect("nobody panics while holding it");
    (RAN.load(Ordering::Relaxed), first)
}

fn failed(error: &EnqueueError) -> Failure {
    Failure::new(connect::known(error.code()), "the bench cannot enqueue").because(error)
}

fn lost(error: &tokio_postgres::Error) -> Failure {
    Failure::new("BS501", "the bench cannot ask the database").because(error)
}

/// A connection of the bench, known by its name on the server, as an application would have it.
pub(crate) async fn open(database: &Database) -> Result<Client, Failure> {
    let client = database.client().await.map_err(|error| connect::of_store(&error))?;
    let named = client.batch_execute("set application_name = 'backstay bench'").await;
    named.map_err(|error| lost(&error))?;
    Ok(client)
}

/// Jobs per second of one connection with 10,000 jobs a call.
pub(crate) async fn bulk(client: &Client, jobs: u64, stop: &Stop) -> Result<f64, Broken> {
    let mut spent = Duration::ZERO;
    let mut n = 0;
    while n < jobs {
        stop.check()?;
        let some: Vec<_> = (n..jobs.min(n + BULK)).map(Noop::request).collect();
        let began = Instant::now();
        n += enqueue_many(client, some).await.map_err(|error| failed(&error))?.len() as u64;
        spent += began.elapsed();
    }
    Ok(jobs as f64 / spent.as_secs_f64())
}

/// Jobs per second of several connections, each with one job in every transaction of its own.
pub(crate) async fn single(
    database: &Database,
    clients: u16,
    span: Duration,
    stop: &Stop,
) -> Result<f64, Broken> {
    let mut connections = Vec::new();
    for _ in 0..clients {
        connections.push(open(database).await?);
    }
    let tasks: Vec<_> = connections
        .into_iter()
        .map(|client| tokio::spawn(one_by_one(client, span, stop.clone())))
        .collect();
    let mut all = Ok(0.0);
    // All of them have ended before the first error is told: nothing may come after the rows are removed.
    for task in tasks {
        let rate = task.await.map_err(|error| {
            Failure::new("BS999", "a client of the bench ended").because(&error)
        })?;
        all = all.and_then(|sum| Ok(sum + rate?));
    }
    stop.check()?;
    all
}

async fn one_by_one(mut client: Client, span: Duration, stop: Stop) -> Result<f64, Broken> {
    let (began, mut n) = (Instant::now(), 0u64);
    while began.elapsed() < span && stop.check().is_ok() {
        let own = client.transaction().await.map_err(|error| lost(&error))?;
        enqueue(&own, Noop::request(n)).await.map_err(|error| failed(&error))?;
        own.commit().await.map_err(|error| lost(&error))?;
        n += 1;
    }
    Ok(n as f64 / began.elapsed().as_secs_f64())
}

/// Milliseconds of one statement sent again and again, shortest first.
pub(crate) async fn again(
    client: &Client,
    text: &str,
    times: u32,
    stop: &Stop,
) -> Result<Vec<f64>, Broken> {
    let statement = client.prepare(text).await.map_err(|error| lost(&error))?;
    let mut spent = Vec::new();
    for _ in 0..times {
        stop.check()?;
        let began = Instant::now();
        client.query(&statement, &[]).await.map_err(|error| lost(&error))?;
        spent.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    spent.sort_by(f64::total_cmp);
    Ok(spent)
}

/// p50, p95 and p99 of the milliseconds from a job's commit to the start of its handler, one job every 20 ms.
pub(crate) async fn trickle(
    client: &Client,
    span: Duration,
    stop: &Stop,
) -> Result<[f64; 3], Broken> {
    let (mut committed, mut n) = (HashMap::new(), 0);
    PROBED.lock().expect("nobody panics while holding it").take();
    let began = Instant::now();
    while began.elapsed() < span {
        let job = Probe {}.with(Options::new().queue(QUEUE));
        let enqueued = enqueue(client, job).await.map_err(|error| failed(&error))?;
        if n >= WARM {
            committed.insert(enqueued.id, Instant::now());
        }
        n += 1;
        stop.sleep(EVERY).await?;
    }
    let deadline = Instant::now() + LAST;
    while Instant::now() < deadline && probed() < n {
        stop.sleep(Duration::from_millis(5)).await?;
    }
    let started = PROBED.lock().expect("nobody panics while holding it").take().unwrap_or_default();
    let wait = |(id, at): (&i64, &Instant)| {
        Some(started.get(id)?.saturating_duration_since(*at).as_secs_f64() * 1000.0)
    };
    let mut waits: Vec<f64> = committed.iter().filter_map(wait).collect();
    if waits.len() < committed.len() {
        let missing = committed.len() - waits.len();
        return Err(Failure::new(
            "BS507",
            format!("{missing} jobs of the bench were not picked up within 10 s"),
        )
        .into());
    }
    waits.sort_by(f64::total_cmp);
    Ok([0.5, 0.95, 0.99].map(|share| at(&waits, share)))
}

fn probed() -> usize {
    PROBED.lock().expect("nobody panics while holding it").as_ref().map_or(0, HashMap::len)
}
