//! awa as one of the queues of the bench.

use std::ops::Range;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use awa::{
    Client, InsertOpts, InsertParams, JobArgs, JobResult, QueueConfig, QueueStorage,
    QueueStorageConfig,
};
use bench_adapter::{About, Counts, Failure, Gate, Queue, TEXT};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::runtime::Handle;

const LINE: &str = "noop";
/// A claim takes as many as there is room for.
const ROOM: u32 = 512;
const CONNECTIONS: u32 = 24;
/// The longest that jobs may run on once it is told to stop.
const ENDS: Duration = Duration::from_secs(15);

#[derive(Serialize, Deserialize, JobArgs)]
struct Noop {
    n: u64,
    text: String,
}

struct Awa;

impl Queue for Awa {
    const ABOUT: About = About {
        package: "awa",
        left: "select count(*) from awa.jobs where state not in ('completed', 'failed', 'cancelled')",
        keeps: true,
        modes: &[(
            "receipts",
            "max_workers 512, no deadline (its short path), pool of 24; bulk by enqueue_params_copy",
        )],
    };
    /// A pool of one connection, which is what its bulk call takes.
    type Sender = (PgPool, QueueStorage);

    async fn setup(url: &str) -> Result<(), Failure> {
        let pool = PgPool::connect(url).await?;
        let within = pool.clone();
        // Its future is bound to one thread.
        let run = move || Handle::current().block_on(awa::migrations::run(&within));
        tokio::task::spawn_blocking(run).await??;
        // Its segmented storage, which its documentation calls the default; without this call jobs go to the older tables.
        let storage = QueueStorage::new(QueueStorageConfig::default())?;
        let install = move || Handle::current().block_on(storage.install(&pool));
        Ok(tokio::task::spawn_blocking(install).await??)
    }

    async fn sender(url: &str) -> Result<Self::Sender, Failure> {
        let pool = PgPoolOptions::new().max_connections(1).connect(url).await?;
        Ok((pool, QueueStorage::new(QueueStorageConfig::default())?))
    }

    async fn many(sender: &mut Self::Sender, numbers: Range<u64>) -> Result<(), Failure> {
        let job = |n| InsertParams {
            kind: Noop::kind().to_owned(),
            args: bench_adapter::args(n),
            opts: options(),
        };
        let jobs: Vec<InsertParams> = numbers.map(job).collect();
        sender.1.enqueue_params_copy(&sender.0, &jobs).await?;
        Ok(())
    }

    async fn one(sender: &mut Self::Sender, number: u64) -> Result<(), Failure> {
        let mut tx = sender.0.begin().await?;
        let job = Noop { n: number, text: TEXT.to_owned() };
        awa::insert_with(&mut *tx, &job, options()).await?;
        Ok(tx.commit().await?)
    }

    async fn work(url: &str, _: &str, mut gate: Gate, counts: Arc<Counts>) -> Result<(), Failure> {
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect(url).await?;
        let room = QueueConfig {
            max_workers: ROOM,
            deadline_duration: Duration::ZERO,
            ..QueueConfig::default()
        };
        let client = Client::builder(pool)
            .queue(LINE, room)
            .register::<Noop, _, _>(move |job: Noop, _| {
                counts.ran(job.n);
                async { Ok(JobResult::Completed) }
            })
            .build()?;
        gate.ready().await;
        client.start().await?;
        gate.stopped().await;
        client.shutdown(ENDS).await;
        Ok(())
    }
}

fn options() -> InsertOpts {
    InsertOpts { queue: LINE.to_owned(), ..InsertOpts::default() }
}

fn main() -> ExitCode {
    bench_adapter::main::<Awa>()
}
