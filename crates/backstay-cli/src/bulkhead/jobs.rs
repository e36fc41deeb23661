//! The worker of the bench: the runaways and their siblings as Rust handlers, all in one queue.

use std::path::PathBuf;
use std::time::Duration;

use backstay::{BuildError, Contract, Fail, Job, Options, Queue, Worker};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};

use super::runaway::Runaway;
use super::{harm, storm};
use crate::cmd::{connect, work as command};
use crate::failure::{Exit, Failure};
use crate::print::Printer;
use crate::settings::{Environment, Sources};

/// The queue that they share.
pub(crate) const QUEUE: &str = "work";
/// From "stop" to the kill.
pub(crate) const GRACE: Duration = Duration::from_millis(500);
/// The rhythm of the worker's beats here, so that there are enough to tell the late ones: normal is 5 s.
pub(crate) const BEAT: Duration = Duration::from_millis(200);
/// What a sibling costs: computing, then waiting.
const SIBLING_CPU: Duration = Duration::from_millis(5);
const SIBLING_WAIT: Duration = Duration::from_millis(15);

/// How long a runaway may run as a job.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) timeout: Duration,
}

/// A small honest job in the same queue.
#[derive(Serialize, Deserialize)]
pub(crate) struct Sibling {}

impl Job for Sibling {
    const KIND: &'static str = "sibling";
    fn contract() -> Contract {
        Contract::new().queue(QUEUE)
    }
}

macro_rules! runaway {
    ($($job:ident $kind:literal;)*) => {
        $(#[derive(Serialize, Deserialize)]
        struct $job { folder: PathBuf }
        impl Job for $job {
            const KIND: &'static str = $kind;
            fn contract() -> Contract {
                Contract::new().queue(QUEUE).max_retries(0)
            }
        })*
    };
}
runaway! { Spin "spin"; Hog "hog"; Bomb "bomb"; Flood "flood"; Hang "hang"; Sql "sql"; }

/// A runaway as a job.
pub(crate) fn request(runaway: Runaway, folder: PathBuf, pace: Pace) -> backstay::Request {
    let options = Options::new().timeout(pace.timeout);
    match runaway {
        Runaway::Spin => Spin { folder }.with(options),
        Runaway::Hog => Hog { folder }.with(options),
        Runaway::Bomb => Bomb { folder }.with(options),
        Runaway::Flood => Flood { folder }.with(options),
        Runaway::Hang => Hang { folder }.with(options),
        Runaway::Sql => Sql { folder }.with(options),
    }
}

async fn sibling(_: Sibling) -> Result<(), Fail> {
    harm::burn(SIBLING_CPU);
    tokio::time::sleep(SIBLING_WAIT).await;
    Ok(())
}

async fn spin(_: Spin) -> Result<(), Fail> {
    harm::spin();
    std::future::pending().await
}

async fn hog(_: Hog) -> Result<(), Fail> {
    harm::block(Runaway::Hog);
    Ok(())
}

async fn bomb(job: Bomb) -> Result<(), Fail> {
    Ok(harm::bomb(&job.folder, harm::BOMB_AS_JOB)?)
}

async fn flood(_: Flood) -> Result<(), Fail> {
    harm::block(Runaway::Flood);
    Ok(())
}

/// Whoever has a handler for a signal does not die of it.
async fn hang(_: Hang) -> Result<(), Fail> {
    let _ignored = signal(SignalKind::terminate())?;
    harm::block(Runaway::Hang);
    Ok(())
}

async fn sql(_: Sql) -> Result<(), Fail> {
    let url = std::env::var("DATABASE_URL")?;
    storm::storm(&url, std::env::var("PGAPPNAME").ok()).await?;
    Ok(())
}

fn worker() -> Result<Worker<()>, BuildError> {
    Worker::without_state()
        .queue(Queue::new(QUEUE))
        .handle(sibling)
        .handle(spin)
        .handle(hog)
        .handle(bomb)
        .handle(flood)
        .handle(hang)
        .handle(sql)
        .build()
}

/// What `backstay work` does, with a faster beat.
pub(crate) fn work(
    sources: &Sources,
    environment: &Environment,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let worker = worker().map_err(|error| Failure::new(error.code(), error.to_string()))?;
    let runtime = connect::runtime()?;
    if backstay::is_child() {
        runtime.block_on(worker.serve());
    }
    let mut settings = command::load(sources, environment, worker.tree())?;
    settings.worker.times.beat = BEAT;
    crate::log::start(&settings.log, environment, printer.verbosity());
    runtime.block_on(async {
        let database = connect::database(&settings).await?;
        command::work(worker, &database, settings, false, None, printer).await
    })
}

/// The settings file of that worker: what a user would write for such a queue.
pub(crate) const SETTINGS: &str = "\
environment = \"bench\"

[queues.work]
slots        = 6
isolation    = \"process\"
memory       = \"256MiB\"
processes    = 64
cpu_priority = \"background\"
output       = \"8MiB\"
timeout      = \"1m\"
grace        = \"500ms\"

# Small, and somebody waits for them: they give way to nobody, as the sessions of the database do not.
[kinds.sibling]
cpu_priority = \"normal\"

# The bench starts each runaway itself, as often as it wants.
[kinds.hog]
on_oom = { retry = 0 }
";
