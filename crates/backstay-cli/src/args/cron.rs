//! What is looked at and done about schedules: list, next, run, pause, resume, backfill.

use clap::{Args, Subcommand};

use super::filter::Page;
use super::machines::PauseArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum CronCommand {
    /// List schedules with their next and their last tick
    #[command(after_help = "\
Examples:
  backstay cron list
  backstay cron list --json")]
    List,
    /// Show coming ticks, by the clock of their zone and in UTC
    #[command(after_help = "\
Examples:
  backstay cron next
  backstay cron next nightly -n 5")]
    Next(NextArgs),
    /// List the ticks of a schedule that have come, with their jobs
    #[command(after_help = "\
Examples:
  backstay cron ticks nightly
  backstay cron ticks nightly --limit 10 --json")]
    Ticks(TicksArgs),
    /// Make a job of a schedule now
    #[command(after_help = "\
Examples:
  backstay cron run nightly
  backstay cron run nightly --reason \"the figures were wrong\"")]
    Run(ScheduleArgs),
    /// Let a schedule not tick; what runs goes on
    #[command(after_help = "\
Examples:
  backstay cron pause nightly --reason \"the warehouse moves\"
  backstay cron pause nightly --for 2d")]
    Pause(PauseArgs),
    /// Let a schedule tick again; what it missed meanwhile is over, unless told otherwise
    #[command(after_help = "\
Examples:
  backstay cron resume nightly
  backstay cron resume nightly --catch-up")]
    Resume(CronResumeArgs),
    /// Make the jobs of ticks that have passed, each at most once ever
    #[command(after_help = "\
Examples:
  backstay cron backfill nightly 2026-11-20T00:00:00Z 2026-11-23T00:00:00Z
  backstay cron backfill hourly 12h 0s --reason \"the queue was paused\"")]
    Backfill(BackfillArgs),
}

#[derive(Debug, Args)]
pub(crate) struct NextArgs {
    /// A schedule; none: all of them
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// How many of each, 1 to 100
    #[arg(short = 'n', value_name = "COUNT", default_value = "3", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) count: u8,
}

#[derive(Debug, Args)]
pub(crate) struct TicksArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) page: Page,
}

#[derive(Debug, Args)]
pub(crate) struct ScheduleArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct CronResumeArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Treat the ticks of the pause as missed, by the schedule's own policy
    #[arg(long)]
    pub(crate) catch_up: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BackfillArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// From then on: an instant, or a duration back from now
    #[arg(value_name = "FROM")]
    pub(crate) from: String,
    /// Up to then: an instant, or a duration back from now
    #[arg(value_name = "TO")]
    pub(crate) to: String,
    /// How many ticks the span was seen to hold
    #[arg(long, value_name = "COUNT")]
    pub(crate) expect: Option<u64>,
}
