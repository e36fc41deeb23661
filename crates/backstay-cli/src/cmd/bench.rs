//! `backstay bench`: how fast Backstay is on this database, honest and harmless.

mod bulkhead;
mod course;
mod figure;
mod ground;
mod load;
mod stop;

use backstay::config::Settings;
use backstay::{Database, migrate};
use serde_json::json;

use self::course::Course;
use self::figure::Figure;
use self::ground::{Ground, Server};
use self::stop::{Broken, Stop};
use super::connect;
use super::private::{Place, with_database};
use crate::args::{BenchArgs, BenchCommand};
use crate::demo::database::{drop_ours, make_anew};
use crate::failure::{Exit, Failure};
use crate::print::Printer;
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
        runtime.block_on(course::worker()?.serve());
    }
    let loaded = settings::load(sources, environment, Need::Database)?.checked()?;
    let place = Place::find("bench", &loaded, environment, true)?;
    printer.note(&place.how);
    let ended = match place.cluster {
        Some(_) => runtime.block_on(in_private(args, &place, printer)),
        None => runtime.block_on(in_named(args, &loaded.settings, printer)),
    };
    drop(runtime);
    if let Some(line) = place.release() {
        printer.note(line);
    }
    ended
}

/// In a database that is made for it and goes with it.
async fn in_private(args: &BenchArgs, place: &Place, printer: &Printer) -> Result<Exit, Failure> {
    let stop = Stop::at_signals()?;
    let admin = make_anew(&place.url, DATABASE, "bench").await?;
    let url = with_database(&place.url, DATABASE);
    let database = Database::connect(&url).await.map_err(|error| connect::of_store(&error))?;
    migrate::up(&database, &migrate::Options::default())
        .await
        .map_err(|error| connect::of_migrate(&error))?;
    let ended = bench(args, &database, &stop, printer).await;
    drop_ours(&admin, DATABASE).await?;
    ended
}

/// In a database of somebody, beside what is in it.
async fn in_named(
    args: &BenchArgs,
    settings: &Settings,
    printer: &Printer,
) -> Result<Exit, Failure> {
    if settings.environment.as_deref() == Some("production") && !args.in_production {
        return Err(ground::production());
    }
    let stop = Stop::at_signals()?;
    let database = connect::database(settings).await?;
    bench(args, &database, &stop, printer).await
}

async fn bench(
    args: &BenchArgs,
    database: &Database,
    stop: &Stop,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let (ground, left) = Ground::take(database, args.in_production).await?;
    if left > 0 {
        printer.note(format!("removed what a bench had left that was killed: {left} rows"));
    }
    let server = ground.server().clone();
    printer.note(told(&server));
    let runs = runs(&Course { args, database, ground: &ground, stop }, printer).await;
    if let Err(Broken::Told(_)) = runs {
        printer.note("stopped; what the bench made is removed ...");
    }
    let removed = ground.leave().await;
    match &removed {
        Ok(()) => printer.note("removed all that the bench had made"),
        Err(_) => printer.note(
            "what the bench made could not be removed; the next `backstay bench` in this database does it",
        ),
    }
    match runs {
        Ok(runs) => print(&figure::medians(&runs), &server, args, printer),
        Err(Broken::Failed(failure)) => return Err(failure),
        Err(Broken::Told(exit)) => return removed.map(|()| exit),
    }
    removed.map(|()| Exit::Done)
}

async fn runs(course: &Course<'_>, printer: &Printer) -> Result<Vec<Vec<Figure>>, Broken> {
    let mut runs = Vec::new();
    for n in 1..=course.args.repeat {
        printer.note(format!("run {n} of {} ...", course.args.repeat));
        runs.push(course.run().await?);
    }
    Ok(runs)
}

fn told(server: &Server) -> String {
    let Server { version, fsync, synchronous_commit } = server;
    let settings =
        format!("PostgreSQL {version}, fsync {fsync}, synchronous_commit {synchronous_commit}");
    if server.is_durable() {
        settings
    } else {
        format!(
            "{settings}: a crash could lose what was committed, so these figures are not those of a durable server"
        )
    }
}

fn print(figures: &[Figure], server: &Server, args: &BenchArgs, printer: &Printer) {
    if printer.is_json() {
        printer.json(&json!({
            "jobs": args.jobs, "slots": args.slots, "clients": args.clients, "seconds": args.seconds, "runs": args.repeat,
            "server": {
                "version": server.version, "fsync": server.fsync, "synchronous_commit": server.synchronous_commit,
                "durable": server.is_durable(),
            },
            "figures": figures.iter().map(Figure::json).collect::<Vec<_>>(),
        }));
        return;
    }
    printer.table(&figure::table(figures));
    printer.line(format!(
        "{} jobs, {} slots, {}. WAL is that of the whole server, whoever wrote it. Figures of this machine \
         at this hour: compare them with others of the same run only.",
        args.jobs,
        args.slots,
        if args.repeat == 1 { "one run".to_owned() } else { format!("medians of {} runs", args.repeat) }
    ));
}
