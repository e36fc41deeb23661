//! `backstay completions SHELL`: what a shell needs to complete our words.

use clap::CommandFactory;

use crate::args::{Cli, CompletionsArgs};
use crate::failure::{Exit, Failure};
use crate::print::Printer;

pub(crate) fn run(args: &CompletionsArgs, printer: &Printer) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "backstay", &mut script);
    printer.raw(&String::from_utf8_lossy(&script));
    Ok(Exit::Done)
}
