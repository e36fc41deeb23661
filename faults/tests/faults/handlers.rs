//! The worker's side: a handler that works, or does the harm that it is asked for.

use std::convert::Infallible;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use backstay::config::{ContactLost, Isolation, Memory, Secret, Settings};
use backstay::model::lease::Times;
use backstay::{Command, Contract, Ctx, Database, Fail, Job, Queue, State, Worker};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};

/// What a job does and how long it takes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Act {
    pub(crate) n: i64,
    #[serde(default)]
    pub(crate) what: String,
    #[serde(default)]
    pub(crate) ms: u64,
}

impl Job for Act {
    const KIND: &'static str = "act";
    /// Lost workers never bury a job here: some are hit again and again. A crash always does.
    fn contract() -> Contract {
        Contract::new().crash_limit(1).lost_limit(100)
    }
}

/// A command that kills the worker which runs it.
#[derive(Debug, Clone, Serialize, Deserialize, Job)]
#[job(kind = "poison")]
pub(crate) struct Poison {}

/// Its parent is the shim, whose parent is the worker.
const KILL_THE_WORKER: &str = "sleep 0.2; kill -9 $(cut -d' ' -f4 /proc/$PPID/stat)";

/// Slots of each worker.
pub(crate) const SLOTS: u16 = 4;

/// The file where every start is written down, or no name.
#[derive(Clone)]
struct Starts(String);

async fn act(job: Act, ctx: Ctx, State(starts): State<Starts>) -> Result<String, Fail> {
    starts.note(job.n)?;
    match job.what.as_str() {
        "abort" => std::process::abort(),
        "exit" => std::process::exit(0),
        "panic" => panic!("as asked"),
        "never" => std::future::pending::<()>().await,
        "hold" => hold().await,
        "block" => std::thread::sleep(Duration::from_secs(600)),
        "stderr" => shout()?,
        "large" => return Ok("x".repeat(300_000)),
        "huge" => return Ok("x".repeat(9_000_000)),
        "fail" => return Err("as asked".into()),
        "dead" => return Err(Fail::dead("as asked")),
        "listen" => ctx.cancelled().await,
        "sleep in sql" => query("select pg_sleep(600)::text").await?,
        "work in sql" => query(ENDLESS).await?,
        "tell" => return Ok(surroundings()?),
        _ => tokio::time::sleep(Duration::from_millis(job.ms)).await,
    }
    Ok("done".into())
}

/// A query that is never idle and never done.
const ENDLESS: &str =
    "select count(*)::text from pg_class a, pg_class b, pg_class c, pg_class d, pg_class e";

/// Asks the database that handlers are given, by a driver that says its name.
async fn query(text: &'static str) -> Result<(), Fail> {
    let url = std::env::var("DATABASE_URL")?;
    let mut connection = <sqlx_0_9::PgConnection as sqlx_0_9::Connection>::connect(&url).await?;
    sqlx_0_9::query(text).fetch_one(&mut connection).await?;
    Ok(())
}

/// All that a process is told at its start.
fn surroundings() -> std::io::Result<String> {
    let read = |name: &str| std::fs::read(format!("/proc/self/{name}"));
    let all = [read("environ")?, read("cmdline")?].concat();
    Ok(String::from_utf8_lossy(&all).replace('\0', "\n"))
}

/// Keeps 48 MiB, and does not end.
async fn hold() {
    let held = vec![1_u8; 48 << 20];
    std::future::pending::<()>().await;
    drop(held);
}

/// Writes 1 GiB to stderr.
fn shout() -> std::io::Result<()> {
    let block = vec![b'x'; 1 << 20];
    let mut stderr = std::io::stderr().lock();
    (0..1024).try_for_each(|_| stderr.write_all(&block))
}

impl Starts {
    fn note(&self, n: i64) -> std::io::Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        // One short line, appended at once, is never torn by other processes.
        let mut file = std::fs::File::options().append(true).create(true).open(&self.0)?;
        file.write_all(format!("{n}\n").as_bytes())
    }
}

/// A program whose `main` starts a runtime before it enters, as `#[tokio::main]` makes it do.
pub(crate) fn enter_late() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    backstay::enter();
    let arguments: Vec<String> = std::env::args().skip(2).collect();
    let [url] = arguments.as_slice() else { return ExitCode::from(64) };
    runtime.block_on(async {
        let worker = Worker::without_state().handle(act_without_state).build().unwrap();
        let mut settings = Settings::from_value(&worker.tree()).unwrap();
        settings.queues[0].isolation = Isolation::Process;
        let database = Database::connect(url).await.unwrap();
        let refused = worker.start_with(&database, settings).await.err().unwrap();
        println!("{}: {refused}", refused.code());
    });
    ExitCode::SUCCESS
}

async fn act_without_state(_: Act) -> Result<(), Fail> {
    Ok(())
}

/// Is a worker: isolation, address.
pub(crate) fn work(arguments: &[String]) -> ExitCode {
    let [isolation, url] = arguments else { return ExitCode::from(64) };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(live(isolation, url))
}

async fn live(isolation: &str, url: &str) -> ExitCode {
    let starts = Starts(std::env::var("FAULTS_STARTS").unwrap_or_default());
    let worker = Worker::new(move || {
        let starts = starts.clone();
        async move { Ok::<_, Infallible>(starts) }
    });
    let worker = worker
        .queue(Queue::new("default").slots(SLOTS).grace(Duration::from_millis(500)))
        .handle(act)
        .command::<Poison>(Command::new("sh").arg("-c").arg(KILL_THE_WORKER))
        .build()
        .unwrap();
    worker.serve().await;
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    std::thread::spawn(end_with_the_test);
    let mut settings = Settings::from_value(&worker.tree()).unwrap();
    let usual = std::env::var("FAULTS_TIMES").is_ok_and(|times| times == "normal");
    settings.worker.times = if usual { Times::normal() } else { Times::fast() };
    settings.worker.poll = Duration::from_millis(250);
    settings.worker.drain_timeout = Duration::from_secs(1);
    settings.queues[0].isolation =
        if isolation == "inline" { Isolation::Inline } else { Isolation::Process };
    if isolation == "cut off" {
        settings.queues[0].contact_lost = ContactLost::Kill;
    }
    if isolation == "tight" {
        settings.worker.memory_budget = Memory::Bytes(256 << 20);
    }
    if let Ok(root) = std::env::var("FAULTS_ROOT") {
        settings.worker.memory_look.root = root.into();
        settings.worker.memory_look.every = Duration::from_millis(50);
    }
    settings.database.url = Some(Secret::new(url));
    settings.worker.handler_database_url = std::env::var("FAULTS_HANDLERS").ok().map(Secret::new);
    let database = Database::connect(url).await.unwrap();
    let mut running = worker.start_with(&database, settings).await.unwrap();
    let mut term = signal(SignalKind::terminate()).unwrap();
    loop {
        tokio::select! {
            () = running.join() => return ExitCode::SUCCESS,
            _ = term.recv() => running.hurry().await,
        }
    }
}

/// The test holds the other end of our stdin, and nothing ever comes from there.
fn end_with_the_test() {
    let mut nothing = String::new();
    let _end = std::io::stdin().read_line(&mut nothing);
    std::process::exit(70);
}
