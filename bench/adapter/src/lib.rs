//! What every Rust queue of the bench has in common: its command line, and what it prints as lines of JSON.
//!
//! The same commands stand in `peers/node/adapter.mjs` and `peers/python/adapter.py`; README.md tells what each does.

mod counts;
mod gate;
mod load;

use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{Value, json};

pub use counts::{Counts, now_us};
pub use gate::Gate;

/// Whatever a library says went wrong; the harness prints it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What the harness must know of a queue.
#[derive(Debug)]
pub struct About {
    /// Its package, as the lock file names it; the version is taken from there.
    pub package: &'static str,
    /// What counts the jobs that have not ended.
    pub left: &'static str,
    /// Whether completed jobs stay to be looked at, in its usual setting.
    pub keeps: bool,
    /// Its modes: name, settings that differ from the defaults. The first is the one that enqueues.
    pub modes: &'static [(&'static str, &'static str)],
}

/// What a queue knows beside what all of them must, for scenarios that not everybody can be asked for.
#[derive(Debug)]
pub struct More {
    /// The wishes that it understands (see [`wishes`]), and its further commands `later` and `weigh`.
    pub words: &'static [&'static str],
    /// What locks the first `$1` waiting jobs, as a stranger might.
    pub lock: Option<&'static str>,
}

/// One queue.
pub trait Queue: Send + Sync + 'static {
    /// What is known of it.
    const ABOUT: About;
    /// What it knows beside that.
    const MORE: More = More { words: &[], lock: None };
    /// What enqueues.
    type Sender: Send;

    /// Installs it in an empty database.
    fn setup(url: &str) -> impl Future<Output = Result<(), Failure>> + Send;
    /// Opens one connection.
    fn sender(url: &str) -> impl Future<Output = Result<Self::Sender, Failure>> + Send;
    /// Enqueues many in one call of its own, committed when it returns.
    fn many(
        sender: &mut Self::Sender,
        numbers: std::ops::Range<u64>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
    /// Enqueues one in a transaction of the caller's: begin, enqueue, commit.
    fn one(
        sender: &mut Self::Sender,
        number: u64,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
    /// Enqueues jobs that are due at these microseconds since the epoch, in one call of its own.
    fn later(
        _sender: &mut Self::Sender,
        _due: &[(u64, u64)],
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        async { Err("it has no `later`".into()) }
    }
    /// Fills its tables with so many ended jobs, a tenth as many scheduled, and a hundredth as many held back and dead.
    fn weigh(_url: &str, _ended: u64) -> impl Future<Output = Result<(), Failure>> + Send {
        async { Err("it has no `weigh`".into()) }
    }
    /// Is a worker: gets ready, waits at the gate, runs until the gate says stop.
    fn work(
        url: &str,
        mode: &str,
        gate: Gate,
        counts: Arc<Counts>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// The text beside the number, which makes the args of a job some 100 bytes.
pub const TEXT: &str =
    "eighty bytes of what a job might need to know, such as who asked for it and for what";

/// The args of a job.
pub fn args(number: u64) -> Value {
    json!({ "n": number, "text": TEXT })
}

/// Whether the harness wishes this of whatever it asks for.
pub fn wishes(word: &str) -> bool {
    static WISH: std::sync::LazyLock<Option<String>> =
        std::sync::LazyLock::new(|| std::env::var("BENCH_WISH").ok());
    WISH.as_deref() == Some(word)
}

/// All of `main`.
pub fn main<Q: Queue>() -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let done = runtime.block_on(run::<Q>());
    // What a library left running must not hold up the end.
    runtime.shutdown_background();
    done.map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS)
}

fn failed(error: &Failure) -> ExitCode {
    eprintln!("{error}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        eprintln!("  because: {inner}");
        cause = inner.source();
    }
    ExitCode::FAILURE
}

async fn run<Q: Queue>() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if words == ["about"] {
        print(&about::<Q>());
        return Ok(());
    }
    let url = std::env::var("DATABASE_URL")?;
    match words.as_slice() {
        ["setup"] => Q::setup(&url).await,
        ["many", jobs, batch] => load::many::<Q>(&url, jobs.parse()?, batch.parse()?).await,
        ["single", senders, seconds] => {
            load::single::<Q>(&url, senders.parse()?, seconds.parse()?).await
        }
        ["send", rate, seconds] => load::send::<Q>(&url, rate.parse()?, seconds.parse()?).await,
        ["later", jobs, seconds] => load::later::<Q>(&url, jobs.parse()?, seconds.parse()?).await,
        ["weigh", ended] => Q::weigh(&url, ended.parse()?).await,
        ["work", mode] => gate::work::<Q>(&url, mode, false).await,
        ["work", mode, "times"] => gate::work::<Q>(&url, mode, true).await,
        _ => Err("about | setup | many JOBS BATCH | single SENDERS SECONDS | send RATE SECONDS \
                  | later JOBS SECONDS | weigh ENDED | work MODE [times]"
            .into()),
    }
}

fn about<Q: Queue>() -> Value {
    let About { package, left, keeps, modes } = Q::ABOUT;
    let modes = modes.iter().map(|(name, settings)| json!({ "name": name, "settings": settings }));
    json!({
        "name": package,
        "version": version(package),
        "left": left,
        "keeps": keeps,
        "modes": modes.collect::<Vec<_>>(),
        "more": Q::MORE.words,
        "lock": Q::MORE.lock,
    })
}

/// What the lock file says.
fn version(package: &str) -> String {
    let lock = include_str!("../../Cargo.lock");
    let mut lines = lock.lines().skip_while(|line| *line != format!("name = \"{package}\""));
    let line = lines.nth(1).unwrap_or_default();
    line.trim_start_matches("version = ").trim_matches('"').to_owned()
}

fn print(line: &Value) {
    println!("{line}");
}
