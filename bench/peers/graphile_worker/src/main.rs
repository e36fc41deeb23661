//! graphile_worker, the one in Rust, as one of the queues of the bench.

use std::ops::Range;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bench_adapter::{About, Counts, Failure, Gate, Queue, TEXT};
use graphile_worker::worker_utils::WorkerUtils;
use graphile_worker::{
    IntoTaskHandlerResult, JobSpec, LocalQueueConfig, TaskHandler, WorkerContext, WorkerOptions,
};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgConnection};

const SCHEMA: &str = "graphile_worker";

static COUNTS: OnceLock<Arc<Counts>> = OnceLock::new();

#[derive(Clone, Serialize, Deserialize)]
struct Noop {
    n: u64,
    text: String,
}

impl Noop {
    fn new(n: u64) -> Noop {
        Noop { n, text: TEXT.to_owned() }
    }
}

impl TaskHandler for Noop {
    const IDENTIFIER: &'static str = "noop";

    async fn run(self, _: WorkerContext) -> impl IntoTaskHandlerResult {
        if let Some(counts) = COUNTS.get() {
            counts.ran(self.n);
        }
        Ok::<(), String>(())
    }
}

struct Graphile;

impl Queue for Graphile {
    const ABOUT: About = About {
        package: "graphile_worker",
        left: "select count(*) from graphile_worker._private_jobs",
        keeps: false,
        modes: &[
            ("batched", "concurrency 500, local queue 5000, completions batched for 5 ms"),
            ("plain", "concurrency 24"),
        ],
    };
    type Sender = (PgConnection, WorkerUtils);

    async fn setup(url: &str) -> Result<(), Failure> {
        let pool = PgPoolOptions::new().connect(url).await?;
        Ok(WorkerUtils::new(pool, SCHEMA).migrate().await?)
    }

    async fn sender(url: &str) -> Result<Self::Sender, Failure> {
        // The pool stays unused: everything goes through the transaction.
        let utils = WorkerUtils::new(PgPoolOptions::new().connect_lazy(url)?, SCHEMA);
        Ok((PgConnection::connect(url).await?, utils))
    }

    async fn many(sender: &mut Self::Sender, numbers: Range<u64>) -> Result<(), Failure> {
        let spec = JobSpec::default();
        let jobs: Vec<(Noop, &JobSpec)> = numbers.map(|n| (Noop::new(n), &spec)).collect();
        let mut tx = sender.0.begin().await?;
        sender.1.clone().with_executor(&mut tx).add_jobs(&jobs).await?;
        Ok(tx.commit().await?)
    }

    async fn one(sender: &mut Self::Sender, number: u64) -> Result<(), Failure> {
        let mut tx = sender.0.begin().await?;
        let spec = JobSpec::default();
        sender.1.clone().with_executor(&mut tx).add_job(Noop::new(number), spec).await?;
        Ok(tx.commit().await?)
    }

    async fn work(
        url: &str,
        mode: &str,
        mut gate: Gate,
        counts: Arc<Counts>,
    ) -> Result<(), Failure> {
        drop(COUNTS.set(counts));
        let pool = PgPoolOptions::new().max_connections(25).connect(url).await?;
        let options = WorkerOptions::default()
            .schema(SCHEMA)
            .pg_pool(pool)
            .listen_os_shutdown_signals(false)
            .define_job::<Noop>();
        // As its own `benches/perf_test.rs` has it, but for the poll interval, which its LISTEN makes needless.
        let options = match mode {
            "batched" => options
                .concurrency(500)
                .complete_job_batch_delay(Duration::from_millis(5))
                .local_queue(LocalQueueConfig::default().with_size(5000)),
            _ => options.concurrency(24),
        };
        let worker = Arc::new(options.init().await?);
        gate.ready().await;
        let stopper = Arc::clone(&worker);
        tokio::spawn(async move {
            gate.stopped().await;
            stopper.request_shutdown();
        });
        Ok(worker.run().await?)
    }
}

fn main() -> ExitCode {
    bench_adapter::main::<Graphile>()
}
