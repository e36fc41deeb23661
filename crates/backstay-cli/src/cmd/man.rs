//! `backstay man DIR`: a manual page for every command.

use std::path::Path;

use clap::CommandFactory;
use serde_json::json;

use crate::args::{Cli, ManArgs};
use crate::failure::{Exit, Failure};
use crate::print::Printer;

pub(crate) fn run(args: &ManArgs, printer: &Printer) -> Result<Exit, Failure> {
    let pages = write(&args.dir).map_err(|error| {
        let folder = args.dir.display();
        Failure::new("BS999", format!("the manual cannot be written to `{folder}`"))
            .because(&error)
            .exit(Exit::NotDone)
    })?;
    if printer.is_json() {
        printer.json(&json!({ "pages": pages }));
    } else {
        printer.note(format!("{pages} pages written to {}", args.dir.display()));
    }
    Ok(Exit::Done)
}

/// Writes the pages and gives their number.
fn write(folder: &Path) -> std::io::Result<usize> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(Cli::command(), folder)?;
    Ok(pages(&Cli::command()))
}

/// One page for the command itself and for each below it that is not hidden.
fn pages(command: &clap::Command) -> usize {
    let below = command.get_subcommands().filter(|command| !command.is_hide_set());
    1 + below.map(pages).sum::<usize>()
}
