//! The worker's side: a handler that works, or does the harm that it is asked for.

use std::io::Write;
use std::path::Path;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::Duration;

use backstay::config::{ContactLost, Isolation, Memory, Origin, Secret, Settings, Value};
use backstay::model::lease::Times;
use backstay::{
    Alert, Command, Contract, Ctx, Database, Deliver, DeliverError, Fail, Job, Queue, Worker,
};
use backstay_faults::history::{Op, Phase, Recorder, Role};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::effect;

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

/// What an act is that completes in a transaction of its own.
pub(crate) const EFFECT: &str = "effect";
/// The same, once the test lets its attempt do so.
pub(crate) const EFFECT_IN_TURN: &str = "effect in turn";

/// A command that kills the worker which runs it.
#[derive(Debug, Clone, Serialize, Deserialize, Job)]
#[job(kind = "poison")]
pub(crate) struct Poison {}

/// Its parent is the shim, whose parent is the worker.
const KILL_THE_WORKER: &str = "sleep 0.2; kill -9 $(cut -d' ' -f4 /proc/$PPID/stat)";

/// Schedules of a worker, as JSON of their section in the file.
pub(crate) const CRON: &str = "FAULTS_CRON";

/// Slots of each worker.
pub(crate) const SLOTS: u16 = 4;

async fn act(job: Act, ctx: Ctx) -> Result<String, Fail> {
    record(Phase::Invoke, &ctx);
    let answer = do_it(job, &ctx).await;
    record(if answer.is_ok() { Phase::Ok } else { Phase::Fail }, &ctx);
    answer
}

/// Writes down when a handler is at work, where the run is judged; each process has a file of its own.
fn record(phase: Phase, ctx: &Ctx) {
    let fence = ctx.fence();
    note(phase, Op::Work { id: fence.job, attempt: fence.attempt });
}

/// Writes a line of the history, where there is one.
pub(crate) fn note(phase: Phase, op: Op) {
    static RECORDER: LazyLock<Option<Recorder>> = LazyLock::new(|| {
        let folder = std::env::var("FAULTS_HISTORY").ok()?;
        // A worker runs handlers, too, and receives alerts; what it claims and settles the product writes into another file.
        Some(Recorder::open(Path::new(&folder), Role::Handler, None).unwrap())
    });
    if let Some(recorder) = &*RECORDER {
        recorder.note(phase, op).unwrap();
    }
}

/// Where alerts go: whatever it is told it accepts, and writes down.
struct Sink;

impl Deliver for Sink {
    fn deliver<'a>(
        &'a self,
        alert: &'a Alert,
    ) -> Pin<Box<dyn Future<Output = Result<(), DeliverError>> + Send + 'a>> {
        note(Phase::Ok, Op::Alert { incident: alert.dedupe_key.clone() });
        Box::pin(std::future::ready(Ok(())))
    }
}

async fn do_it(job: Act, ctx: &Ctx) -> Result<String, Fail> {
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
        EFFECT => {
            // Faults meet it before its transaction, and in half of the jobs also within.
            let within = if job.n % 2 == 0 { job.ms / 2 } else { 0 };
            let [before, within] = [job.ms - within, within].map(Duration::from_millis);
            effect::take(ctx, before, within).await?;
        }
        EFFECT_IN_TURN => {
            effect::its_turn(ctx.fence().attempt).await;
            effect::take(ctx, Duration::ZERO, Duration::ZERO).await?;
        }
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
    let worker = Worker::without_state()
        .queue(Queue::new("default").slots(SLOTS).grace(Duration::from_millis(500)))
        .handle(act)
        .command::<Poison>(Command::new("sh").arg("-c").arg(KILL_THE_WORKER))
        .channel("sink", Sink)
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
    if let Ok(schedules) = std::env::var(CRON) {
        let schedules: serde_json::Value = serde_json::from_str(&schedules).unwrap();
        let file = Value::from_json(&json!({ "cron": schedules }), &Origin::Contract);
        settings.cron = Settings::from_value(&file).unwrap().cron;
    }
    settings.database.url = Some(Secret::new(url));
    settings.worker.handler_database_url = std::env::var("FAULTS_HANDLERS").ok().map(Secret::new);
    let database = Database::connect(url).await.unwrap();
    // Before it says that it is ready: whoever reads that may send one at once.
    let mut term = signal(SignalKind::terminate()).unwrap();
    let mut running = worker.start_with(&database, settings).await.unwrap();
    if let Ok(folder) = std::env::var("FAULTS_HISTORY") {
        // What is done to this process is done to this worker.
        drop(Recorder::open(Path::new(&folder), Role::Worker, Some(running.id())).unwrap());
    }
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
