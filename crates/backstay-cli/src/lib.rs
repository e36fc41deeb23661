//! The command line of Backstay: reads what was typed, runs it, and turns errors into exit codes.
//!
//! The binary `backstay` is this library without Rust handlers. A program with handlers of its own gets every command by
//! calling [`main`] with its worker.

mod args;
mod cmd;
mod explain;
mod failure;
mod log;
mod print;
mod settings;

use std::process::ExitCode;

use backstay::{BuildError, Worker};

use args::{Cli, Command, ConfigCommand};
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
    match cli.command {
        Command::Check(args) => cmd::check::run(&args, &sources, environment, printer),
        Command::Config(ConfigCommand::Show(args)) => {
            cmd::config::show(&args, &sources, environment, printer)
        }
        Command::Explain(args) => explain::run(&args, printer),
        Command::Completions(args) => cmd::completions::run(&args, printer),
        Command::Man(args) => cmd::man::run(&args, printer),
        Command::Work(args) => cmd::work::run(&args, sources.clone(), environment, printer, worker),
        Command::Init(args) => cmd::init::run(&args, &sources, environment, printer),
        Command::Migrate(command) => cmd::migrate::run(&command, &sources, environment, printer),
        Command::Bench(args) => cmd::bench::run(&args, &sources, environment, printer),
        Command::Version => cmd::version::run(printer),
    }
}
