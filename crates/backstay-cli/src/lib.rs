//! The command line of Backstay: reads what was typed, runs it, and turns errors into exit codes.
//!
//! The binary `backstay` is this library without Rust handlers. A program with handlers of its own gets every command by
//! calling [`main`] with its worker.

mod args;
mod bulkhead;
mod cmd;
mod demo;
mod explain;
mod failure;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod latency;
mod log;
mod print;
#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;
mod settings;
mod traces;

use std::process::ExitCode;

use backstay::operate::Scope;
use backstay::{BuildError, Worker};

use args::{
    AlertsCommand, Cli, Command, ConfigCommand, DeadCommand, DeskCommand, JobsCommand,
    KindsCommand, QueuesCommand, ReplaysCommand, TokensCommand, WorkersCommand,
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
        Err(error) => refuse(&error, &environment, is_json_asked()),
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
fn refuse(error: &clap::Error, environment: &Environment, json: bool) -> ExitCode {
    let printer = Printer::new(Wishes { json, ..Wishes::default() }, environment);
    if let Some(failure) = args::bad_value(error) {
        printer.failure(&failure);
        return failure.exit.into();
    }
    printer.usage(error);
    if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() }
}

/// A line that cannot be read has no flags; what a program asked for is asked for all the same.
fn is_json_asked() -> bool {
    std::env::args_os().take_while(|word| word != "--").any(|word| word == "--json")
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
        Command::Serve(args) => cmd::serve::run(&args, sources.clone(), environment, printer),
        Command::Demo(args) => cmd::demo::run(&args, &sources, environment, printer),
        Command::DemoPart(part) => cmd::demo::part(&part, &sources, environment, printer),
        Command::Dev(args) => cmd::dev::run(&args, &sources, environment, printer),
        Command::Init(args) => cmd::init::run(&args, &sources, environment, printer),
        Command::Migrate(command) => cmd::migrate::run(&command, &sources, environment, printer),
        Command::Bench(args) => cmd::bench::run(&args, &sources, environment, printer),
        Command::Openapi => {
            printer.line(backstay_web::openapi());
            Ok(Exit::Done)
        }
        Command::Version => cmd::version::run(printer),
        Command::Alerts(AlertsCommand::Test(args)) => {
            cmd::alerts::test(&args, &sources, environment, printer)
        }
        Command::Alerts(AlertsCommand::List(page)) => {
            cmd::desk::run(&sources, environment, printer, &consent, async |desk| {
                inspect::list_alerts(desk, &page).await
            })
        }
        Command::Alerts(AlertsCommand::Acknowledge(args)) => {
            cmd::desk::run(&sources, environment, printer, &consent, async |desk| {
                operate::acknowledge_alert(desk, &args).await
            })
        }
        Command::Doctor(args) => cmd::doctor::run(&args, &sources, environment, printer, &consent),
        Command::Runaway(runaway) => cmd::doctor::run_away(&runaway),
        Command::Desk(command) => {
            cmd::desk::run(&sources, environment, printer, &consent, async |desk| {
                operator(*command, desk).await
            })
        }
    }
}

/// What asks the database, or acts in it.
async fn operator(command: DeskCommand, desk: &Desk<'_>) -> Result<Exit, Failure> {
    match command {
        DeskCommand::Enqueue(args) => cmd::enqueue::run(desk, &args).await,
        DeskCommand::Why(args) => inspect::why(desk, &args).await,
        DeskCommand::Tail(args) => inspect::tail_job(desk, &args).await,
        DeskCommand::Cancel(args) => operate::cancel(desk, &args).await,
        DeskCommand::Jobs(command) => jobs(command, desk).await,
        DeskCommand::Dead(command) => dead(command, desk).await,
        DeskCommand::Replays(ReplaysCommand::List(page)) => {
            inspect::list_replays(desk, &page).await
        }
        DeskCommand::Replays(ReplaysCommand::Stop(args)) => operate::stop_replay(desk, &args).await,
        DeskCommand::Replays(ReplaysCommand::Resume(args)) => {
            operate::resume_replay(desk, &args).await
        }
        DeskCommand::Queues(QueuesCommand::List) => inspect::list_queues(desk).await,
        DeskCommand::Queues(QueuesCommand::Pause(args)) => {
            operate::pause(desk, Scope::Queue, &args).await
        }
        DeskCommand::Queues(QueuesCommand::Resume(args)) => {
            operate::resume(desk, Scope::Queue, &args).await
        }
        DeskCommand::Kinds(KindsCommand::List) => inspect::list_kinds(desk).await,
        DeskCommand::Kinds(KindsCommand::Pause(args)) => {
            operate::pause(desk, Scope::Kind, &args).await
        }
        DeskCommand::Kinds(KindsCommand::Resume(args)) => {
            operate::resume(desk, Scope::Kind, &args).await
        }
        DeskCommand::Series(args) => inspect::series(desk, &args).await,
        DeskCommand::Cron(command) => cmd::cron::run(desk, command).await,
        DeskCommand::Workers(WorkersCommand::List(args)) => {
            inspect::list_workers(desk, &args).await
        }
        DeskCommand::Workers(WorkersCommand::Drain(args)) => operate::drain(desk, &args).await,
        DeskCommand::Tokens(TokensCommand::Create(args)) => cmd::tokens::create(desk, &args).await,
        DeskCommand::Tokens(TokensCommand::List) => cmd::tokens::list(desk).await,
        DeskCommand::Tokens(TokensCommand::Revoke(args)) => cmd::tokens::revoke(desk, &args).await,
        DeskCommand::Top(args) => cmd::top::run(desk, &args).await,
    }
}

async fn jobs(command: JobsCommand, desk: &Desk<'_>) -> Result<Exit, Failure> {
    match command {
        JobsCommand::List(args) => inspect::list_jobs(desk, &args).await,
        JobsCommand::Show(args) => inspect::show_job(desk, &args).await,
        JobsCommand::Why(args) => inspect::why(desk, &args).await,
        JobsCommand::Tail(args) => inspect::tail_job(desk, &args).await,
        JobsCommand::Cancel(args) => operate::cancel(desk, &args).await,
        JobsCommand::Promote(args) => operate::promote(desk, &args).await,
        JobsCommand::Edit(args) => operate::edit(desk, &args).await,
        JobsCommand::Bury(args) => operate::bury(desk, &args).await,
    }
}

async fn dead(command: DeadCommand, desk: &Desk<'_>) -> Result<Exit, Failure> {
    match command {
        DeadCommand::List(args) => inspect::list_dead(desk, &args).await,
        DeadCommand::Show(args) => inspect::show_dead(desk, &args).await,
        DeadCommand::Export(args) => inspect::export_dead(desk, &args).await,
        DeadCommand::Revive(args) => operate::revive(desk, &args).await,
        DeadCommand::Discard(args) => operate::discard(desk, &args).await,
        DeadCommand::Restore(args) => operate::restore(desk, &args).await,
        DeadCommand::Acknowledge(args) => operate::acknowledge(desk, &args).await,
        DeadCommand::Own(args) => operate::own(desk, &args).await,
        DeadCommand::Mute(args) => operate::mute(desk, &args).await,
    }
}
