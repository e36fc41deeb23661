//! What is looked at and done about jobs: list, show, cancel, promote, edit, bury.

use std::time::Duration;

use backstay::inspect::Stream;
use backstay::{JobState, Priority};
use clap::{Args, Subcommand};
use uuid::Uuid;

use super::filter::{Filter, Many, Page};
use super::value::{grace, retries, span};

#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// List jobs, newest first
    #[command(after_help = "\
Examples:
  backstay jobs list --state running
  backstay jobs list --kind report --since 1h --json")]
    List(JobsListArgs),
    /// Show one job
    #[command(after_help = "\
Examples:
  backstay jobs show 4187 --attempts
  backstay jobs show 4187 --reveal --reason \"ticket 812\"")]
    Show(JobsShowArgs),
    /// Say why a job does not run, and about when it will
    #[command(after_help = "\
Examples:
  backstay jobs why 4211
  backstay jobs why 4211 --json")]
    Why(WhyArgs),
    /// Show what a job prints, also while it prints it
    #[command(after_help = "\
Examples:
  backstay jobs tail 4187 -f
  backstay jobs tail 4187 --attempt 1 --stream err")]
    Tail(TailArgs),
    /// End jobs for good, waiting or running
    #[command(after_help = "\
Examples:
  backstay jobs cancel 4187 --grace 0s
  backstay jobs cancel --kind digest --group tenant-7 --expect 12")]
    Cancel(CancelArgs),
    /// Let jobs that are scheduled or wait for their retry run now
    #[command(after_help = "\
Examples:
  backstay jobs promote 4187
  backstay jobs promote --kind mail --expect 40 --reason \"provider is back\"")]
    Promote(VerbArgs),
    /// Change jobs that wait: priority, time, retries, tags, meta, args
    #[command(after_help = "\
Examples:
  backstay jobs edit 4187 --priority urgent
  backstay jobs edit --kind digest --run-in 2h --expect 12 --reason \"after the release\"")]
    Edit(EditArgs),
    /// Make dead letters of jobs that wait, with their alert
    #[command(after_help = "\
Examples:
  backstay jobs bury 4187 --reason \"breaks the printer\"
  backstay jobs bury --kind digest --group tenant-7 --expect 12")]
    Bury(VerbArgs),
}

#[derive(Debug, Args)]
pub(crate) struct JobsListArgs {
    /// Only in this state: scheduled parked ready running completed cancelled dead
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Vec<JobState>,
    /// Only in the hands of this worker
    #[arg(long, value_name = "WORKER")]
    pub(crate) worker: Option<Uuid>,
    #[command(flatten)]
    pub(crate) filter: Filter,
    #[command(flatten)]
    pub(crate) page: Page,
}

#[derive(Debug, Args)]
pub(crate) struct JobsShowArgs {
    /// The job
    #[arg(value_name = "ID")]
    pub(crate) id: i64,
    /// Also every attempt, with its end and cost; with -v what it printed last
    #[arg(long)]
    pub(crate) attempts: bool,
    /// Also where its options come from: its own, the kind's contract, or built in
    #[arg(long)]
    pub(crate) origin: bool,
    /// Show args and meta as they are, secrets too; for operators, and kept in the audit
    #[arg(long)]
    pub(crate) reveal: bool,
}

#[derive(Debug, Args)]
pub(crate) struct WhyArgs {
    /// The job
    #[arg(value_name = "JOB")]
    pub(crate) id: i64,
}

#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    /// The job
    #[arg(value_name = "ID")]
    pub(crate) id: i64,
    /// Go on until the job has ended, through all its attempts
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only what came over this stream: out err log
    #[arg(long, value_name = "STREAM")]
    pub(crate) stream: Option<Stream>,
    /// Only this attempt, from 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    pub(crate) attempt: Option<i32>,
}

#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// Only ask what runs to stop, and do not wait until it has
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Less time to stop than the queue gives; 0s kills at once
    #[arg(long, value_name = "TIME", value_parser = grace)]
    pub(crate) grace: Option<Duration>,
    #[command(flatten)]
    pub(crate) which: VerbArgs,
}

/// Ids, or a filter; never neither.
#[derive(Debug, Args)]
pub(crate) struct VerbArgs {
    /// The jobs
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<i64>,
    #[command(flatten)]
    pub(crate) many: Many,
    #[command(flatten)]
    pub(crate) filter: Filter,
}

/// What is changed, and of which jobs.
#[derive(Debug, Args)]
pub(crate) struct EditArgs {
    #[command(flatten)]
    pub(crate) which: VerbArgs,
    #[command(flatten)]
    pub(crate) changes: Changes,
}

/// What of a waiting job can be changed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Changes")]
pub(crate) struct Changes {
    /// 0 to 9, lower runs first, or urgent, high, normal, low
    #[arg(long, value_name = "PRIORITY", allow_hyphen_values = true)]
    pub(crate) priority: Option<Priority>,
    /// Not before that long from now
    #[arg(long, value_name = "DURATION", value_parser = span, allow_hyphen_values = true, conflicts_with = "run_at")]
    pub(crate) run_in: Option<Duration>,
    /// Not before this instant, such as 2026-12-01T06:00:00Z
    #[arg(long, value_name = "INSTANT")]
    pub(crate) run_at: Option<String>,
    /// Failures that are retried, 0 to 100
    #[arg(long, value_name = "N", value_parser = retries, allow_hyphen_values = true)]
    pub(crate) max_retries: Option<u16>,
    /// Words to find it by, instead of those it has; an empty text takes all away
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) tags: Option<Vec<String>>,
    /// Facts for people and tools, as a JSON object, instead of those it has
    #[arg(long, value_name = "JSON")]
    pub(crate) meta: Option<String>,
    /// Other args, for one job: a JSON object, @FILE, or -
    #[arg(long, value_name = "JSON")]
    pub(crate) args: Option<String>,
}
