//! `backstay bench`: how fast Backstay is on this database, honest and harmless.

mod bulkhead;
mod load;
mod measure;

use std::time::Duration;

use backstay::config::{Origin, Settings, Value};
use backstay::{Database, Worker};
use backstay_postgres::{Cluster, Options};
use serde_json::json;

use self::load::{Noop, Probe, QUEUE};
use self::measure::{Figure, Measured};
use super::connect;
use crate::args::{BenchArgs, BenchCommand};
use crate::failure::{Exit, Failure};
use crate::print::{Printer, Table};
use crate::settings::{self, Environment, Need, Sources};

/// The database that is made for a bench on the private PostgreSQL.
const DATABASE: &str = "backstay_bench";

pub(crate) fn run(
    args: &BenchArgs,
    sources: &Sources,
    environment: &Environment,
    printer: &Printer,
) -> Result<Exit, Failure> {
    if let Some(BenchCommand::Bulkhead(args)) = &args.other {
        return bulkhead::run(args, sources, environment, printer);
    }
    let runtime = connect::runtime()?;
    if backstay::is_child() {
        let worker = worker().map_err(|error| Failure::new(error.code(), error.to_string()))?;
        runtime.block_on(worker.serve());
    }
    let settings = settings::load(sources, environment, Need::Database)?.checked()?.settings;
    let place = Place::find(&settings, args)?;
    runtime.block_on(bench(args, &place, printer))
}

/// Where the bench runs, and the private server that must stay up meanwhile.
struct Place {
    url: String,
    what: String,
    /// Held, since the server stops when nobody uses it.
    _cluster: Option<Cluster>,
}

impl Place {
    /// A database that somebody named is used only if it may be: a bench is load.
    fn find(settings: &Settings, args: &BenchArgs) -> Result<Place, Failure> {
        if let Some(url) = &settings.database.url {
            if settings.environment.as_deref() == Some("production") && !args.in_production {
                return Err(Failure::new(
                    "BS402",
                    "this is a production database (environment = \"production\")",
                )
                .hint("a bench is load: give --in-production, or run it on another database")
                .exit(Exit::Usage));
            }
            return Ok(Place {
                url: url.expose().to_owned(),
                what: "the database of the settings".into(),
                _cluster: None,
            });
        }
        let cluster = Cluster::obtain(Options::shared()).map_err(|error| {
            Failure::new(error.code(), error.to_string()).hint(error.help("backstay bench"))
        })?;
        let what = cluster.how();
        Ok(Place { url: cluster.url(DATABASE), what, _cluster: Some(cluster) })
    }
}

async fn bench(args: &BenchArgs, place: &Place, printer: &Printer) -> Result<Exit, Failure> {
    let server = measure::Server::open(&place.url, DATABASE).await?;
    let database =
        Database::connect(&place.url).await.map_err(|error| connect::of_store(&error))?;
    backstay::migrate::up(&database, &backstay::migrate::Options::default())
        .await
        .map_err(|error| connect::of_migrate(&error))?;
    printer.note(format!("{}; {}", place.what, server.durability().await?));
    let mut runs = Vec::new();
    for n in 1..=args.repeat {
        printer.note(format!("run {n} of {} ...", args.repeat));
        runs.push(one(args, &database, &server, &place.url).await?);
    }
    server.clean().await?;
    print(&Measured::median(&runs), args, printer);
    Ok(Exit::Done)
}

async fn one(
    args: &BenchArgs,
    database: &Database,
    server: &measure::Server,
    url: &str,
) -> Result<Vec<Figure>, Failure> {
    let mut figures = Vec::new();
    server.clean().await?;
    let wal = server.wal().await?;
    figures.push(Figure::new("bulk enqueue", "jobs/s", load::bulk(database, args.jobs).await?));
    let enqueue_wal = server.wal().await? - wal;
    figures.push(Figure::new("WAL of a bulk enqueue", "bytes/job", enqueue_wal / args.jobs as f64));
    let wal = server.wal().await?;
    figures.push(Figure::new(
        "drain inline",
        "jobs/s",
        drain(database, server, "inline", args.slots, args.jobs).await?,
    ));
    let drain_wal = server.wal().await? - wal;
    figures.push(Figure::new(
        "WAL of a drain, history kept",
        "bytes/job",
        drain_wal / args.jobs as f64,
    ));
    let few = (args.jobs / 4).max(1000);
    load::bulk(database, few).await?;
    let slots = args.slots.min(8);
    figures.push(Figure::new(
        "drain in warm children",
        "jobs/s",
        drain(database, server, "process", slots, few).await?,
    ));
    for clients in [1, args.clients] {
        let rate = load::single(url, clients, Duration::from_secs(args.seconds)).await?;
        figures.push(Figure::new(
            &format!("single enqueue, {clients} connections"),
            "jobs/s",
            rate,
        ));
    }
    server.clean().await?;
    figures.extend(pickup(database, args).await?);
    Ok(figures)
}

/// From the first claim to the last settle of what is waiting.
async fn drain(
    database: &Database,
    server: &measure::Server,
    isolation: &str,
    slots: u16,
    jobs: u64,
) -> Result<f64, Failure> {
    let worker = worker().map_err(|error| Failure::new(error.code(), error.to_string()))?;
    let settings = with(&worker, isolation, slots)?;
    server.forget_history().await?;
    let mut running =
        worker.start_with(database, settings).await.map_err(|error| connect::of_start(&error))?;
    server.wait_until_done(jobs).await?;
    running.drain().await;
    running.join().await;
    server.rate(jobs).await
}

/// Jobs that come one by one into an idle worker: from the commit of the enqueue to the start of the handler.
async fn pickup(database: &Database, args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let worker = worker().map_err(|error| Failure::new(error.code(), error.to_string()))?;
    let settings = with(&worker, "inline", 8)?;
    let mut running =
        worker.start_with(database, settings).await.map_err(|error| connect::of_start(&error))?;
    let waits = load::trickle(database, Duration::from_secs(args.seconds)).await;
    running.drain().await;
    running.join().await;
    let waits = waits?;
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    Ok(vec![Figure::new("pick-up p50", "ms", at(0.5)), Figure::new("pick-up p99", "ms", at(0.99))])
}

fn worker() -> Result<Worker<()>, backstay::BuildError> {
    Worker::without_state()
        .queue(backstay::Queue::new(QUEUE))
        .handle(load::noop)
        .handle(load::probe)
        .build()
}

/// The bench's own queue, and nothing of the file.
fn with(worker: &Worker<()>, isolation: &str, slots: u16) -> Result<Settings, Failure> {
    let mut tree = worker.tree();
    let mut lay = |key, json: serde_json::Value| {
        tree.lay(&["queues", QUEUE, key], Value::from_json(&json, &Origin::Contract));
    };
    lay("slots", slots.into());
    lay("isolation", isolation.into());
    Settings::from_value(&tree).map_err(Failure::of_faults)
}

fn print(measured: &[Figure], args: &BenchArgs, printer: &Printer) {
    if printer.is_json() {
        let figures: Vec<_> = measured
            .iter()
            .map(|figure| json!({ "name": figure.name, "unit": figure.unit, "median": figure.value, "low": figure.low, "high": figure.high }))
            .collect();
        printer.json(&json!({
            "jobs": args.jobs, "slots": args.slots, "clients": args.clients, "runs": args.repeat, "figures": figures,
            "kinds": [Noop::NAME, Probe::NAME],
        }));
        return;
    }
    let mut table = Table::new(&["MEASURE", "MEDIAN", "UNIT", "LOW", "HIGH"]);
    for figure in measured {
        table.row([
            figure.name.clone(),
            shown(figure.value),
            figure.unit.to_owned(),
            shown(figure.low),
            shown(figure.high),
        ]);
    }
    printer.table(&table);
    printer.line(format!(
        "{} jobs, {} slots, {} runs. Figures of this machine at this hour: compare them with others of the same run only.",
        args.jobs, args.slots, args.repeat
    ));
}

fn shown(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}
