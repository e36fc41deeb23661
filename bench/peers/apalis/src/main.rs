//! apalis-postgres as one of the queues of the bench.

use std::ops::Range;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::*;
use apalis_postgres::queries::push_tasks;
use apalis_postgres::{Config, PgTask, PostgresStorage};
use bench_adapter::{About, Counts, Failure, Gate, Queue, args};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgConnection, PgPool};

const LINE: &str = "noop";
/// Jobs of one fetch, and of those that run at once.
const BATCH: usize = 500;
/// How often it looks although nobody has told it of a job.
const LOOKS: Duration = Duration::from_secs(1);

#[derive(Serialize, Deserialize)]
struct Noop {
    n: u64,
    text: String,
}

struct Apalis;

impl Queue for Apalis {
    const ABOUT: About = About {
        package: "apalis-postgres",
        left: "select count(*) from apalis.jobs where status in ('Pending', 'Queued', 'Running')",
        keeps: true,
        modes: &[(
            "batched",
            "batch_size 500, concurrency 500, with_pubsub and a look each second, lock_tasks off",
        )],
    };
    type Sender = PgConnection;

    async fn setup(url: &str) -> Result<(), Failure> {
        Ok(PostgresStorage::setup(&PgPool::connect(url).await?).await?)
    }

    async fn sender(url: &str) -> Result<PgConnection, Failure> {
        Ok(PgConnection::connect(url).await?)
    }

    async fn many(sender: &mut PgConnection, numbers: Range<u64>) -> Result<(), Failure> {
        let mut tx = sender.begin().await?;
        push_tasks(&mut *tx, LINE, numbers.map(task).collect()).await?;
        Ok(tx.commit().await?)
    }

    async fn one(sender: &mut PgConnection, number: u64) -> Result<(), Failure> {
        Apalis::many(sender, number..number + 1).await
    }

    async fn work(url: &str, _: &str, mut gate: Gate, counts: Arc<Counts>) -> Result<(), Failure> {
        let pool = PgPoolOptions::new().max_connections(24).connect(url).await?;
        let config = Config::default()
            .queue(LINE)
            .batch_size(BATCH)
            // Results stay on: with them off a job that has run is never marked as done.
            .lock_tasks(false);
        let looks = Strategy::new().interval(LOOKS);
        let backend = PostgresStorage::<Noop>::new(&pool)
            .with_config(config)
            .with_pubsub()
            .poll_with_strategy(looks);
        let context = WorkerContext::new(&format!("bench-{}", std::process::id()));
        let worker = WorkerBuilder::new(&context)
            .backend(backend)
            .concurrency(BATCH)
            .data(counts)
            .build(noop);
        gate.ready().await;
        let running = tokio::spawn(worker.run());
        gate.stopped().await;
        context.stop()?;
        running.await??;
        Ok(())
    }
}

async fn noop(job: Noop, counts: Data<Arc<Counts>>) {
    counts.ran(job.n);
}

/// As its storage encodes them.
fn task(number: u64) -> PgTask {
    TaskBuilder::new(args(number).to_string().into_bytes()).build()
}

fn main() -> ExitCode {
    bench_adapter::main::<Apalis>()
}
