//! underway as one of the queues of the bench.

use std::ops::Range;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use bench_adapter::{About, Counts, Failure, Gate, Queue, TEXT};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgConnection, PgPool, Postgres, Transaction};
use tokio::runtime::Handle;
use underway::task::Result as Ran;
use underway::{Queue as Line, Task, Worker};

/// A worker runs one job after the other until it is told of a further one, so there are several, as its documentation says.
const WORKERS: usize = 16;
/// For each of them one connection that fetches, one that runs, and two that listen.
const CONNECTIONS: u32 = 64;

static COUNTS: OnceLock<Arc<Counts>> = OnceLock::new();

#[derive(Serialize, Deserialize)]
struct Args {
    n: u64,
    text: String,
}

struct Noop;

impl Task for Noop {
    type Input = Args;
    type Output = ();

    async fn execute(&self, _: Transaction<'_, Postgres>, args: Args) -> Ran<()> {
        if let Some(counts) = COUNTS.get() {
            counts.ran(args.n);
        }
        Ok(())
    }
}

struct Underway;

impl Queue for Underway {
    const ABOUT: About = About {
        package: "underway",
        left: "select count(*) from underway.task where state in ('pending', 'in_progress')",
        keeps: true,
        modes: &[("plain", "16 workers in one process with one job at a time each, pool of 64")],
    };
    type Sender = (PgConnection, Line<Noop>);

    async fn setup(url: &str) -> Result<(), Failure> {
        let pool = PgPool::connect(url).await?;
        let within = pool.clone();
        // Its future is bound to one thread.
        let run = move || Handle::current().block_on(underway::run_migrations(&within));
        tokio::task::spawn_blocking(run).await??;
        line(pool).await?;
        Ok(())
    }

    async fn sender(url: &str) -> Result<Self::Sender, Failure> {
        // Its own connections write the queue's row once; everything else goes through this connection.
        let pool = PgPoolOptions::new().max_connections(1).connect(url).await?;
        Ok((PgConnection::connect(url).await?, line(pool).await?))
    }

    async fn many(sender: &mut Self::Sender, numbers: Range<u64>) -> Result<(), Failure> {
        let inputs: Vec<Args> = numbers.map(args).collect();
        sender.1.enqueue_multi(&mut sender.0, &Noop, &inputs).await?;
        Ok(())
    }

    async fn one(sender: &mut Self::Sender, number: u64) -> Result<(), Failure> {
        let mut tx = sender.0.begin().await?;
        sender.1.enqueue(&mut *tx, &Noop, &args(number)).await?;
        Ok(tx.commit().await?)
    }

    async fn work(url: &str, _: &str, mut gate: Gate, counts: Arc<Counts>) -> Result<(), Failure> {
        drop(COUNTS.set(counts));
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect(url).await?;
        let line = Arc::new(line(pool).await?);
        let mut workers: Vec<Worker<Noop>> =
            (0..WORKERS).map(|_| Worker::new(Arc::clone(&line), Noop)).collect();
        workers.iter_mut().for_each(|worker| worker.set_concurrency_limit(1));
        gate.ready().await;
        let mut running = tokio::task::JoinSet::new();
        for worker in &workers {
            let worker = worker.clone();
            running.spawn(async move { worker.run().await });
        }
        gate.stopped().await;
        workers.iter().for_each(Worker::shutdown);
        while let Some(ended) = running.join_next().await {
            ended??;
        }
        Ok(())
    }
}

fn args(n: u64) -> Args {
    Args { n, text: TEXT.to_owned() }
}

async fn line(pool: PgPool) -> Result<Line<Noop>, Failure> {
    Ok(Line::builder().name("noop").pool(pool).build().await?)
}

fn main() -> ExitCode {
    bench_adapter::main::<Underway>()
}
