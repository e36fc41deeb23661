//! Backstay as one of the queues of the bench.

mod tally;
mod weigh;

use std::ops::Range;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, UNIX_EPOCH};

use backstay::config::{History, Isolation, Settings};
use backstay::{
    BuildError, Database, Fail, Job, Options, Queue as Line, Request, Worker, enqueue, enqueue_many,
};
use bench_adapter::{About, Counts, Failure, Gate, More, Queue, TEXT, wishes};
use serde::{Deserialize, Serialize};
use tokio_postgres::{Client, NoTls};

use tally::{Tallies, Tally};

#[derive(Serialize, Deserialize, Job)]
#[job(kind = "noop")]
struct Noop {
    n: u64,
    text: String,
}

impl Noop {
    fn new(n: u64) -> Noop {
        Noop { n, text: TEXT.to_owned() }
    }
}

/// Of a worker that runs handlers itself.
static COUNTS: OnceLock<Arc<Counts>> = OnceLock::new();

async fn noop(job: Noop) -> Result<(), Fail> {
    match COUNTS.get() {
        Some(counts) => counts.ran(job.n),
        None => Tally::note(job.n)?,
    }
    Ok(())
}

/// Where jobs are spread over many.
const QUEUES: u64 = 1000;

struct Backstay;

impl Queue for Backstay {
    const ABOUT: About = About {
        package: "backstay",
        left: "select (select count(*) from backstay.ready) + (select count(*) from backstay.running)",
        keeps: true,
        modes: &[
            ("full", "isolation inline, 512 slots; history and attempts kept"),
            ("lean", "isolation inline, 512 slots; history = \"lean\""),
            ("children", "warm child processes, 8 slots; history and attempts kept"),
        ],
    };
    const MORE: More = More {
        words: &["quiet", "queues", "later", "weigh"],
        lock: Some(
            "select from backstay.ready where queue = 'default' order by priority, seq limit $1 for update",
        ),
    };
    type Sender = Client;

    async fn setup(url: &str) -> Result<(), Failure> {
        Database::connect(url).await?.migrate().await?;
        Ok(())
    }

    async fn sender(url: &str) -> Result<Client, Failure> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        // It ends with its client.
        tokio::spawn(connection);
        Ok(client)
    }

    async fn many(client: &mut Client, numbers: Range<u64>) -> Result<(), Failure> {
        let tx = client.transaction().await?;
        enqueue_many(&tx, numbers.map(request)).await?;
        Ok(tx.commit().await?)
    }

    async fn one(client: &mut Client, number: u64) -> Result<(), Failure> {
        let tx = client.transaction().await?;
        enqueue(&tx, request(number)).await?;
        Ok(tx.commit().await?)
    }

    async fn later(client: &mut Client, due: &[(u64, u64)]) -> Result<(), Failure> {
        let tx = client.transaction().await?;
        let at = |us: u64| UNIX_EPOCH + Duration::from_micros(us);
        let jobs = due.iter().map(|(n, us)| Noop::new(*n).with(Options::new().run_at(at(*us))));
        enqueue_many(&tx, jobs).await?;
        Ok(tx.commit().await?)
    }

    async fn weigh(url: &str, ended: u64) -> Result<(), Failure> {
        weigh::fill(&Backstay::sender(url).await?, ended).await
    }

    async fn work(
        url: &str,
        mode: &str,
        mut gate: Gate,
        counts: Arc<Counts>,
    ) -> Result<(), Failure> {
        let tallies = match mode {
            "children" => Some(Tallies::new(Arc::clone(&counts))?),
            _ => {
                drop(COUNTS.set(counts));
                None
            }
        };
        if wishes("queues") && mode == "children" {
            return Err(
                "a child of its own for each of 1,000 queues is not what anybody would run".into(),
            );
        }
        let worker = worker(mode)?;
        let settings = settings(&worker, mode)?;
        let database = Database::connect(url).await?;
        gate.ready().await;
        let mut running = worker.start_with(&database, settings).await?;
        if let Some(tallies) = &tallies {
            tallies.follow();
        }
        gate.stopped().await;
        running.drain().await;
        running.join().await;
        if let Some(tallies) = &tallies {
            tallies.sum()?;
        }
        Ok(())
    }
}

/// A job as the scenario wishes it.
fn request(n: u64) -> Request {
    let options = match (wishes("quiet"), wishes("queues")) {
        (true, _) => Options::new().notify(false),
        (_, true) => Options::new().queue(format!("queue{}", n % QUEUES)),
        _ => return Noop::new(n).into(),
    };
    Noop::new(n).with(options)
}

/// Slots are what a claim asks for: with 512 of them no-op jobs come in batches of some hundreds, as peers' local queues
/// of 500 get them. A child is a process, so there are as many as the gate E3 names.
fn worker(mode: &str) -> Result<Worker<()>, BuildError> {
    let worker = Worker::without_state().handle(noop);
    if wishes("queues") {
        let lines = (0..QUEUES).map(|n| Line::new(format!("queue{n}")).slots(1));
        return lines.fold(worker, Worker::queue).build();
    }
    let line = Line::new("default").slots(if mode == "children" { 8 } else { 512 });
    worker.queue(line).build()
}

fn settings(worker: &Worker<()>, mode: &str) -> Result<Settings, Failure> {
    let settings = Settings::from_value(&worker.tree());
    let mut settings = settings.map_err(|faults| faults[0].to_string())?;
    for line in &mut settings.queues {
        line.isolation = if mode == "children" { Isolation::Process } else { Isolation::Inline };
    }
    for kind in &mut settings.kinds {
        kind.history = if mode == "lean" { History::Lean } else { History::Full };
    }
    Ok(settings)
}

fn main() -> ExitCode {
    backstay::enter();
    if backstay::is_child() {
        return serve().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    bench_adapter::main::<Backstay>()
}

/// In a child: runs what it is given.
fn serve() -> Result<(), Failure> {
    let worker = worker("children")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(worker.serve());
    Ok(())
}
