//! What is looked at and done about what runs jobs: queues, kinds, workers, alerts.

use std::time::Duration;

use backstay::inspect::{SeriesName, SeriesRange};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};

use super::filter::Page;
use super::value::{interval, span};
use crate::cmd::top::Sort;

#[derive(Debug, Args)]
pub(crate) struct TopArgs {
    /// Print one table and end
    #[arg(long)]
    pub(crate) once: bool,
    /// What comes first
    #[arg(long, value_name = "BY", default_value = "mem")]
    pub(crate) sort: Sort,
    /// How often to look, 1s to 1h
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = interval, allow_hyphen_values = true)]
    pub(crate) interval: Duration,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QueuesCommand {
    /// List queues with their lengths and who serves them
    #[command(after_help = "\
Examples:
  backstay queues list
  backstay queues list --json")]
    List,
    /// Start nothing more of a queue; what runs goes on
    #[command(after_help = "\
Examples:
  backstay queues pause reports --reason \"database is full\"
  backstay queues pause reports --for 30m --cancel-running")]
    Pause(PauseArgs),
    /// Start jobs of a queue again
    #[command(after_help = "\
Examples:
  backstay queues resume reports
  backstay queues resume reports --reason \"disk is larger\"")]
    Resume(ResumeArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum KindsCommand {
    /// List kinds with who knows them and what of them runs
    #[command(after_help = "\
Examples:
  backstay kinds list
  backstay kinds list --json")]
    List,
    /// Start nothing more of a kind, in whatever queue; what runs goes on
    #[command(after_help = "\
Examples:
  backstay kinds pause report --reason \"wrong figures\"
  backstay kinds pause report --for 30m --cancel-running")]
    Pause(PauseArgs),
    /// Start jobs of a kind again
    #[command(after_help = "\
Examples:
  backstay kinds resume report
  backstay kinds resume report --reason \"figures are right again\"")]
    Resume(ResumeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Resume by itself after that long
    #[arg(long = "for", value_name = "DURATION", value_parser = span, allow_hyphen_values = true)]
    pub(crate) for_in: Option<Duration>,
    /// Also cancel what runs
    #[arg(long)]
    pub(crate) cancel_running: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct SeriesArgs {
    /// What to show
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(SeriesName::WORDS))]
    pub(crate) name: String,
    /// How far back
    #[arg(long, value_name = "RANGE", default_value = "24h", value_parser = PossibleValuesParser::new(SeriesRange::WORDS))]
    pub(crate) range: String,
    /// Only in this queue
    #[arg(long, value_name = "NAME")]
    pub(crate) queue: Option<String>,
    /// Only of this kind; what stands where is counted by queue alone
    #[arg(long, value_name = "NAME")]
    pub(crate) kind: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorkersCommand {
    /// List workers with their slots and last sign of life
    #[command(after_help = "\
Examples:
  backstay workers list
  backstay workers list --gone --json")]
    List(WorkersListArgs),
    /// Let a worker finish what it runs, and stop
    #[command(after_help = "\
Examples:
  backstay workers drain 018f6f1e
  backstay workers drain 018f6f1e --reason \"new host\"")]
    Drain(DrainArgs),
}

#[derive(Debug, Args)]
pub(crate) struct WorkersListArgs {
    /// Also those that said goodbye
    #[arg(long)]
    pub(crate) gone: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DrainArgs {
    /// The worker's id, or its beginning
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AlertsCommand {
    /// List alerts, with what became of their messages
    #[command(after_help = "\
Examples:
  backstay alerts list
  backstay alerts list --json")]
    List(Page),
    /// Take the incident of a message in hand: who would be told later is not, and what is raised after that begins anew
    #[command(
        visible_alias = "ack",
        after_help = "\
Examples:
  backstay alerts acknowledge 17
  backstay alerts acknowledge 17 --reason \"the host was replaced\""
    )]
    Acknowledge(AlertsAcknowledgeArgs),
    /// Send a test alert through a channel, or through all of them
    #[command(after_help = "\
Examples:
  backstay alerts test
  backstay alerts test team")]
    Test(AlertsTestArgs),
}

#[derive(Debug, Args)]
pub(crate) struct AlertsAcknowledgeArgs {
    /// The message, as `backstay alerts list` shows it
    #[arg(value_name = "MESSAGE")]
    pub(crate) id: i64,
}

#[derive(Debug, Args)]
pub(crate) struct AlertsTestArgs {
    /// A channel of [alerts.channels]; none: all of them
    #[arg(value_name = "CHANNEL")]
    pub(crate) channel: Option<String>,
}
