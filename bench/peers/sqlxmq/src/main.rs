//! sqlxmq as one of the queues of the bench.

use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bench_adapter::{About, Counts, Failure, Gate, Queue, args};
use serde::Deserialize;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgConnection, PgPool};
use sqlxmq::{CurrentJob, JobBuilder, JobRunnerOptions};

/// New jobs are fetched once fewer than the first are running, up to the second: the difference is a batch.
const CONCURRENCY: (usize, usize) = (100, 400);
/// As many as a job needs that ends on its own.
const CONNECTIONS: u32 = 24;
/// The function behind `spawn` takes many at once; the crate has no call for it.
const MANY: &str = "
select mq_insert(array_agg((gen_random_uuid(), interval '0', 4, interval '1 s', 'noop', '', null, false, 'noop', args, null)::mq_new_t))
  from unnest($1::text[]) args";
/// The longest that jobs may run on once it is told to stop.
const ENDS: Duration = Duration::from_secs(15);

#[derive(Deserialize)]
struct Number {
    n: u64,
}

struct Sqlxmq;

impl Queue for Sqlxmq {
    const ABOUT: About = About {
        package: "sqlxmq",
        left: "select count(*) from mq_msgs where id <> uuid_nil()",
        keeps: false,
        modes: &[("plain", "concurrency 100 to 400, pool of 24")],
    };
    type Sender = PgConnection;

    async fn setup(url: &str) -> Result<(), Failure> {
        let pool = PgPool::connect(url).await?;
        Ok(Migrator::new(Path::new(env!("SQLXMQ_MIGRATIONS"))).await?.run(&pool).await?)
    }

    async fn sender(url: &str) -> Result<PgConnection, Failure> {
        Ok(PgConnection::connect(url).await?)
    }

    async fn many(sender: &mut PgConnection, numbers: Range<u64>) -> Result<(), Failure> {
        let all: Vec<String> = numbers.map(|n| args(n).to_string()).collect();
        sqlx::query(MANY).bind(all).execute(sender).await?;
        Ok(())
    }

    async fn one(sender: &mut PgConnection, number: u64) -> Result<(), Failure> {
        let mut tx = sender.begin().await?;
        let args = args(number).to_string();
        let mut job = JobBuilder::new("noop");
        job.set_channel_name("noop").set_raw_json(&args).spawn(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    async fn work(url: &str, _: &str, mut gate: Gate, counts: Arc<Counts>) -> Result<(), Failure> {
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect(url).await?;
        let run = move |job: CurrentJob| {
            tokio::spawn(ran(job, Arc::clone(&counts)));
        };
        let mut options = JobRunnerOptions::new(&pool, run);
        options.set_concurrency(CONCURRENCY.0, CONCURRENCY.1).set_channel_names(&["noop"]);
        gate.ready().await;
        let mut runner = options.run().await?;
        gate.stopped().await;
        runner.stop().await;
        runner.wait_jobs_finish(ENDS).await;
        Ok(())
    }
}

async fn ran(mut job: CurrentJob, counts: Arc<Counts>) {
    if let Ok(Some(Number { n })) = job.json() {
        counts.ran(n);
    }
    if let Err(error) = job.complete().await {
        eprintln!("a job could not be completed: {error}");
    }
}

fn main() -> ExitCode {
    bench_adapter::main::<Sqlxmq>()
}
