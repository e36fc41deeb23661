//! The command `backstay`: reads what was typed, runs it, and turns errors into exit codes.

mod args;
mod cmd;
mod explain;
mod failure;
mod print;
mod settings;

use std::process::ExitCode;

use args::{Cli, Command, ConfigCommand};
use failure::{Exit, Failure};
use print::{Printer, Wishes};
use settings::Environment;

fn main() -> ExitCode {
    // Nothing may stand before this place: a child of a worker is this very program started again,
    // and must find out while there is one thread. The asynchronous runtime is built below it, by
    // the commands that need one.
    let environment = Environment::of_process();
    match args::parse(std::env::args_os()) {
        Ok(cli) => finish(cli, &environment),
        Err(error) => refuse(&error, &environment),
    }
}

fn finish(cli: Cli, environment: &Environment) -> ExitCode {
    let printer = Printer::new(cli.globals.wishes(), environment);
    match run(cli, environment, &printer) {
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

fn run(cli: Cli, environment: &Environment, printer: &Printer) -> Result<Exit, Failure> {
    let sources = cli.globals.sources();
    match cli.command {
        Command::Check(args) => cmd::check::run(&args, &sources, environment, printer),
        Command::Config(ConfigCommand::Show(args)) => {
            cmd::config::show(&args, &sources, environment, printer)
        }
        Command::Explain(args) => explain::run(&args, printer),
        Command::Completions(args) => cmd::completions::run(&args, printer),
        Command::Man(args) => cmd::man::run(&args, printer),
        Command::Version => cmd::version::run(printer),
    }
}
