//! `backstay work`: claims and runs jobs until it is told to stop.

mod reload;

use backstay::config::{Settings, Value};
use backstay::model::event::{self, Event};
use backstay::model::nearest::nearest;
use backstay::{BuildError, Database, Pushes, Running, Worker};
use backstay_web::Options;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::connect;
use super::private::Place;
use super::serve::{Beside, serving};
use crate::args::WorkArgs;
use crate::failure::{Exit, Failure};
use crate::print::Printer;
use crate::settings::{self, Environment, FlagValue, Need, Sources};
use crate::traces::Traces;

pub(crate) fn run<S: Clone + Send + Sync + 'static>(
    args: &WorkArgs,
    mut sources: Sources,
    environment: &Environment,
    printer: &Printer,
    build: fn() -> Result<Worker<S>, BuildError>,
) -> Result<Exit, Failure> {
    let worker = build().map_err(|error| Failure::new(error.code(), error.to_string()))?;
    let runtime = connect::runtime()?;
    if backstay::is_child() {
        // A child has neither the settings nor the database of its worker: it runs what it is given.
        runtime.block_on(worker.serve());
    }
    sources.flags.extend(args.slots.iter().map(|(queue, n)| FlagValue {
        path: vec!["queues".into(), queue.clone(), "slots".into()],
        text: n.to_string(),
        flag: "--slots",
    }));
    sources.flags.extend(args.web.then(|| FlagValue {
        path: vec!["web".into(), "work".into()],
        text: "true".into(),
        flag: "--web",
    }));
    let tree = worker.tree();
    let private = if args.dev { private_place(&mut sources, environment, printer)? } else { None };
    let read = || {
        let mut settings = load(&sources, environment, tree.clone())?;
        only(&mut settings, &args.queues)?;
        Ok(settings)
    };
    let settings = read()?;
    let dial = crate::log::start(&settings.log, environment, printer.verbosity());
    seal(printer);
    let traces = Traces::start(environment);
    let worker = traces.of(worker);
    let ended = runtime.block_on(async {
        let database = connect::database(&settings).await?;
        let turn = |new: &Settings| dial.turn(&new.log, environment, printer.verbosity());
        let reload =
            Reload { read: &read, turn: &turn, first: settings.clone(), now: settings.clone() };
        let web = web(&settings, printer).await?;
        let ended = work(worker, &database, settings, args.once, Some(reload), printer).await;
        if let Some(web) = web {
            web.end().await;
        }
        ended
    });
    drop(runtime);
    traces.end();
    if let Some(line) = private.and_then(Place::release) {
        printer.note(line);
    }
    ended
}

/// The HTTP API, where this worker serves it: with connections of its own, so that whoever looks does not hold up the work.
async fn web(settings: &Settings, printer: &Printer) -> Result<Option<Beside>, Failure> {
    if !settings.web.work {
        return Ok(None);
    }
    let options = Options::from(&settings.web);
    let database = connect::database(settings).await?;
    let (server, at) = super::serve::beside(database, settings.web.listen, options.clone()).await?;
    printer.note(serving(at, &options));
    Ok(Some(server))
}

/// Closes `/proc/PID/environ` and the memory of this process, where the addresses and secrets of the queue stand, to all
/// that run as the same user, the programs of jobs first of all. What this process needs of its own entries it has read,
/// or may still read; what it starts is open again.
fn seal(printer: &Printer) {
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        printer.note(format!("handlers may read the environment of this worker: {error}"));
    }
}

/// `--dev`: the private PostgreSQL where no database is named, and its address as if it had been.
fn private_place(
    sources: &mut Sources,
    environment: &Environment,
    printer: &Printer,
) -> Result<Option<Place>, Failure> {
    let named = settings::load(sources, environment, Need::Database)?.settings.database.url;
    if named.is_some() {
        return Ok(None);
    }
    let (place, url) = super::dev::private("work --dev", environment, printer)?;
    sources.flags.push(FlagValue {
        path: vec!["database".into(), "url".into()],
        text: url,
        flag: "--dev",
    });
    Ok(Some(place))
}

/// What the code declares, with the file, the environment and the flags laid over it.
pub(crate) fn load(
    sources: &Sources,
    environment: &Environment,
    tree: Value,
) -> Result<Settings, Failure> {
    let mut loaded = settings::load_over(tree, sources, environment, Need::Everything)?;
    let addresses = super::check::refused_addresses(&loaded);
    loaded.faults.extend(addresses);
    Ok(loaded.checked()?.settings)
}

fn only(settings: &mut Settings, queues: &[String]) -> Result<(), Failure> {
    for queue in queues {
        if !settings.queues.iter().any(|known| known.name == *queue) {
            let known = settings.queues.iter().map(|known| known.name.as_str());
            let failure =
                Failure::new("BS404", format!("--queues: no queue `{queue}` is declared"))
                    .exit(Exit::Usage);
            return Err(match nearest(queue, known) {
                Some(word) => failure.hint(format!("did you mean `{word}`?")),
                None => failure,
            });
        }
    }
    if !queues.is_empty() {
        settings.queues.retain(|known| queues.contains(&known.name));
    }
    Ok(())
}

/// What a reload needs, and what the worker goes by.
pub(crate) struct Reload<'a> {
    read: &'a dyn Fn() -> Result<Settings, Failure>,
    /// Takes over the level of the log.
    turn: &'a dyn Fn(&Settings),
    first: Settings,
    now: Settings,
}

impl Reload<'_> {
    /// Reads everything again and takes over what can change while jobs run. A file with faults changes nothing.
    async fn again(&mut self, running: &Running, database: &Database, printer: &Printer) {
        let new = match (self.read)() {
            Ok(new) => new,
            Err(failure) => {
                printer.failure(&failure);
                return event::emit(&Event::ConfigRefused {
                    code: failure.code,
                    error: "the settings were read again and are not used; the old ones hold"
                        .into(),
                });
            }
        };
        let found = reload::difference(&self.first, &self.now, &new);
        if let Err(error) = running.reload(database, &new).await {
            printer.failure(&connect::of_store(&error));
        }
        (self.turn)(&new);
        self.now = new;
        event::emit(&Event::ConfigApplied { what: found.line() });
    }
}

/// Runs a worker until a signal or, with `once`, until nothing is left.
pub(crate) async fn work<S: Clone + Send + Sync + 'static>(
    worker: Worker<S>,
    database: &Database,
    settings: Settings,
    once: bool,
    mut reload: Option<Reload<'_>>,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let unset =
        |error: std::io::Error| Failure::new("BS999", "signals cannot be heard").because(&error);
    let mut signals = Signals::listen().map_err(unset)?;
    let queues: Vec<String> = settings.queues.iter().map(|queue| queue.name.clone()).collect();
    let watched_at = settings.web.metrics;
    let worker = worker.channels(super::alerts::channels(&settings)?).pushes(pushes(&settings)?);
    let mut running =
        worker.start_with(database, settings).await.map_err(|error| connect::of_start(&error))?;
    if let Some(at) = watched_at {
        // It ends with the runtime, after the worker.
        tokio::spawn(backstay_web::serve_figures(database.clone(), at, running.figures()));
    }
    let mut idle = std::pin::pin!(until_idle(database, &queues, once));
    loop {
        tokio::select! {
            () = running.join() => return Ok(Exit::Done),
            told = signals.next() => match told {
                Told::Reload => match &mut reload {
                    Some(reload) => reload.again(&running, database, printer).await,
                    None => printer.note("this worker has no file to read again"),
                },
                told => signals.act(told, &running, printer).await,
            },
            died = &mut idle => {
                let died = died?;
                running.drain().await;
                running.join().await;
                return Ok(if died > 0 { Exit::NotDone } else { Exit::Done });
            }
        }
    }
}

/// What sends the jobs of kinds that an address handles.
fn pushes(settings: &Settings) -> Result<Pushes, Failure> {
    backstay_alert::pushes(settings).map_err(|errors| {
        let whole: Vec<String> = errors.iter().map(ToString::to_string).collect();
        Failure::new("BS402", whole.join("; "))
    })
}

/// Waits until the queues hold nothing that is due; how many jobs have died meanwhile.
async fn until_idle(database: &Database, queues: &[String], once: bool) -> Result<i64, Failure> {
    if !once {
        return std::future::pending().await;
    }
    let load = async || {
        backstay::backlog(database, queues).await.map_err(|error| connect::of_store(&error))
    };
    let before = load().await?.dead;
    loop {
        let now = load().await?;
        if now.open == 0 {
            return Ok(now.dead - before);
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// What the operating system may tell a worker.
struct Signals {
    term: Signal,
    int: Signal,
    quit: Signal,
    hup: Signal,
    usr1: Signal,
    usr2: Signal,
    told: u32,
}

#[derive(Clone, Copy)]
enum Told {
    Stop,
    Quit,
    Reload,
    StopClaiming,
    Tell,
}

impl Signals {
    fn listen() -> std::io::Result<Signals> {
        Ok(Signals {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hup: signal(SignalKind::hangup())?,
            usr1: signal(SignalKind::user_defined1())?,
            usr2: signal(SignalKind::user_defined2())?,
            told: 0,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.term.recv() => Told::Stop,
            _ = self.int.recv() => Told::Stop,
            _ = self.quit.recv() => Told::Quit,
            _ = self.hup.recv() => Told::Reload,
            _ = self.usr1.recv() => Told::StopClaiming,
            _ = self.usr2.recv() => Told::Tell,
        }
    }

    async fn act(&mut self, told: Told, running: &Running, printer: &Printer) {
        match told {
            Told::Stop => {
                self.told += 1;
                let what = match self.told {
                    1 => "draining: running jobs may end; once more skips the wait",
                    2 => "telling running jobs to stop; once more kills them",
                    _ => "ending now; what runs is given back",
                };
                printer.note(what);
                running.hurry().await;
            }
            Told::Quit => {
                printer.note("ending now; what runs is given back");
                running.quit().await;
            }
            Told::StopClaiming => {
                printer.note(
                    "nothing new is claimed any more; running jobs go on, and this worker stays",
                );
                running.stop_claiming().await;
            }
            Told::Tell => running.tell().await,
            // Needs more than the signals know, and is done where they are heard.
            Told::Reload => {}
        }
    }
}
