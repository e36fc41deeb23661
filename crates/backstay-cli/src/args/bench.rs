//! What can be typed behind `bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::bulkhead::Runaway;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(crate) other: Option<BenchCommand>,
    /// Jobs of each bulk enqueue and of each inline drain
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(100..=1_000_000))]
    pub(crate) jobs: u64,
    /// Jobs at once in the worker
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) slots: u16,
    /// Connections of the single enqueue, which is measured with one as well
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) clients: u16,
    /// Seconds of each measure that goes by time
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) seconds: u64,
    /// Runs; the figures are their medians
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(crate) repeat: u32,
    /// Only these measures
    #[arg(long, value_enum, value_delimiter = ',', value_name = "A,B")]
    pub(crate) only: Vec<Measure>,
    /// Run it although this is production
    #[arg(long)]
    pub(crate) in_production: bool,
}

/// What is measured, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measure {
    /// The way to the server and back, and the smallest commit
    Commit,
    /// Jobs in calls of 10,000
    Bulk,
    /// One worker that runs jobs inline, with history kept and without
    Drain,
    /// One worker that runs jobs in warm children
    Children,
    /// One job in each transaction of the caller
    Single,
    /// From the commit of a job to the start of its handler
    Pickup,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Let six kinds of runaway loose beside a small API: inside its process, and as jobs
    #[command(after_help = "\
Examples:
  backstay bench bulkhead                    all six, about four minutes
  backstay bench bulkhead --quick --only spin,hang

The exit code is 1 where a goal was missed, and 75 where this machine is too busy to tell.")]
    Bulkhead(BulkheadArgs),
}

#[derive(Debug, Args)]
pub(crate) struct BulkheadArgs {
    /// Seconds of each run; there are two without a runaway and two for each
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(3..=60))]
    pub(crate) seconds: u64,
    /// The same as --seconds 5
    #[arg(long, conflicts_with = "seconds")]
    pub(crate) quick: bool,
    /// Requests a second
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(10..=5000))]
    pub(crate) rate: u32,
    /// Runs; the figures are their medians
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=9))]
    pub(crate) repeat: u32,
    /// Only these runaways
    #[arg(long, value_enum, value_delimiter = ',', value_name = "A,B")]
    pub(crate) only: Vec<Runaway>,
    /// Let only these loose inside the API too
    #[arg(long, value_enum, value_delimiter = ',', value_name = "A,B", hide = true)]
    pub(crate) inside: Vec<Runaway>,
    /// Draw the figures into this file
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    /// Write the table into this file, between the two lines that mark its place
    #[arg(long, value_name = "FILE")]
    pub(crate) readme: Option<PathBuf>,
}
