//! The command line of Backstay: reads what was typed, runs it, and turns errors into exit codes.
//!
//! The binary `backstay` is this library without Rust handlers. A program with handlers of its own gets every command by
//! calling [`main`] with its worker.

mod args;
mod cmd;
mod demo;
mod explain;
mod failure;
mod log;
mod print;
mod settings;

use std::process::ExitCode;

use backstay::{BuildError, Worker};

use args::{
    AlertsCommand, Cli, Command, ConfigCommand, DeadCommand, JobsCommand, QueuesCommand,
    ReplaysCommand, WorkersCommand,
};
use cmd::desk::{Consent, Desk};
use cmd::{inspect, operate};
use failure::{Exit, Failure};
use print::{Printer, Wishes};
use settings::Environment;

/// All of `main`: a child of a worker serves its jobs, everything else is a command.
///
/// It must be the first statement of `main`, before any thread or runtime exists.
///
/// ```no_run
/// use backstay::{BuildError, Worker};
///
/// fn worker() -> Result<Worker<()>, BuildError> {
///     Worker::without_state().build()
/// }
///
/// fn main() -> std::process::ExitCode {
///     backstay_cli::main(worker)
/// }
/// ```
pub fn main<S: Clone + Send + Sync + 'static>(
    worker: fn() -> Result<Worker<S>, BuildError>,
) -> ExitCode {
    backstay::enter();
    let environment = Environment::of_process();
    match args::parse(std::env::args_os()) {
        Ok(cli) => finish(cli, &environment, worker),
        Err(error) => refuse(&error, &environment),
    }
}

type Build<S> = fn() -> Result<Worker<S>, BuildError>;

fn finish<S: Clone + Send + Sync + 'static>(
    cli: Cli,
    environment: &Environment,
    worker: Build<S>,
) -> ExitCode {
    let printer = Printer::new(cli.globals.wishes(), environment);
    match run(cli, environment, &printer, worker) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            printer.failure(&failure);
            failure.exit.into()
        }
    }
}

/// Prints help that was asked for, or what is wrong with the command line.
fn refuse(error: &clap::Error, environment: &Environment) -> ExitCode {
    Printer::new(Wishes::default(), environment).usage(error);
    if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() }
}

fn run<S: Clone + Send + Sync + 'static>(
    cli: Cli,
    environment: &Environment,
    printer: &Printer,
    worker: Build<S>,
) -> Result<Exit, Failure> {
    let sources = cli.globals.sources();
    let consent = Consent { yes: cli.globals.yes, reason: cli.globals.reason.clone() };
    match cli.command {
        Command::Check(args) => cmd::check::run(&args, &sources, environment, printer),
        Command::Config(ConfigCommand::Show(args)) => {
            cmd::config::show(&args, &sources, environment, printer)
        }
        Command::Explain(args) => explain::run(&args, printer),
        Command::Completions(args) => cmd::completions::run(&args, printer),
        Command::Man(args) => cmd::man::run(&args, printer),
        Command::Work(args) => cmd::work::run(&args, sources.clone(), environment, printer, worker),
        Command::Demo(args) => cmd::demo::run(&args, &sources, environment, printer),
        Command::DemoPart(part) => cmd::demo::part(&part, &sources, environment, printer),
        Command::Dev(args) => cmd::dev::run(&args, &sources, environment, printer),
        Command::Init(args) => cmd::init::run(&args, &sources, environment, printer),
        Command::Migrate(command) => cmd::migrate::run(&command, &sources, environment, printer),
        Command::Bench(args) => cmd::bench::run(&args, &sources, environment, printer),
        Command::Version => cmd::version::run(printer),
        Command::Alerts(AlertsCommand::Test(args)) => {
            cmd::alerts::test(&args, &sources, environment, printer)
        }
        at_the_desk => cmd::desk::run(&sources, environment, printer, &consent, async |desk| {
            operator(at_the_desk, desk).await
        }),
    }
}

/// What asks the database, or acts in it.
async fn operator(command: Command, desk: &Desk<'_>) -> Result<Exit, Failure> {
    match command {
        Command::Enqueue(args) => cmd::enqueue::run(desk, &args).await,
        Command::Tail(args) => inspect::tail_job(desk, &args).await,
        Command::Cancel(args) => operate::cancel(desk, &args).await,
        Command::Jobs(JobsCommand::List(args)) => inspect::list_jobs(desk, &args).await,
        Command::Jobs(JobsCommand::Show(args)) => inspect::show_job(desk, &args).await,
        Command::Jobs(JobsCommand::Tail(args)) => inspect::tail_job(desk, &args).await,
        Command::Jobs(JobsCommand::Cancel(args)) => operate::cancel(desk, &args).await,
        Command::Jobs(JobsCommand::Promote(args)) => operate::promote(desk, &args).await,
        Command::Dead(DeadCommand::List(args)) => inspect::list_dead(desk, &args).await,
        Command::Dead(DeadCommand::Show(args)) => inspect::show_dead(desk, &args).await,
        Command::Dead(DeadCommand::Revive(args)) => operate::revive(desk, &args).await,
        Command::Dead(DeadCommand::Discard(args)) => operate::discard(desk, &args).await,
        Command::Dead(DeadCommand::Restore(args)) => operate::restore(desk, &args).await,
        Command::Dead(DeadCommand::Acknowledge(args)) => operate::acknowledge(desk, &args).await,
        Command::Replays(ReplaysCommand::List(page)) => inspect::list_replays(desk, &page).await,
        Command::Replays(ReplaysCommand::Stop(args)) => operate::stop_replay(desk, &args).await,
        Command::Replays(ReplaysCommand::Resume(args)) => operate::resume_replay(desk, &args).await,
        Command::Queues(QueuesCommand::List) => inspect::list_queues(desk).await,
        Command::Queues(QueuesCommand::Pause(args)) => operate::pause(desk, &args).await,
        Command::Queues(QueuesCommand::Resume(args)) => operate::resume(desk, &args).await,
        Command::Workers(WorkersCommand::List(args)) => inspect::list_workers(desk, &args).await,
        Command::Workers(WorkersCommand::Drain(args)) => operate::drain(desk, &args).await,
        Command::Alerts(AlertsCommand::List(page)) => inspect::list_alerts(desk, &page).await,
        Command::Doctor => cmd::doctor::run(desk).await,
        other => unreachable!("{other:?} does not come here"),
    }
}
