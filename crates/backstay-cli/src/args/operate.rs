//! What operators look at and do: jobs, dead letters, replays, queues, workers, alerts.

use std::time::Duration;

use backstay::JobState;
use backstay::inspect::Stream;
use backstay::unit::{Rate, parse_duration, parse_rate};
use clap::{Args, Subcommand};
use uuid::Uuid;

use super::filter::{Filter, Many, Page};

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
  backstay jobs show 4187
  backstay jobs show 4187 --attempts")]
    Show(JobsShowArgs),
    /// Show what a job prints, also while it prints it
    #[command(after_help = "\
Examples:
  backstay jobs tail 4187 -f
  backstay jobs tail 4187 --attempt 1 --stream err")]
    Tail(TailArgs),
    /// End jobs for good, waiting or running
    #[command(after_help = "\
Examples:
  backstay jobs cancel 4187 --reason \"wrong month\"
  backstay jobs cancel --kind digest --group tenant-7 --expect 12")]
    Cancel(CancelArgs),
    /// Let jobs that are scheduled or wait for their retry run now
    #[command(after_help = "\
Examples:
  backstay jobs promote 4187
  backstay jobs promote --kind mail --expect 40 --reason \"provider is back\"")]
    Promote(VerbArgs),
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

/// Dead letters by their ids, or by a filter; never neither.
#[derive(Debug, Args)]
pub(crate) struct LettersArgs {
    /// The jobs
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<i64>,
    #[command(flatten)]
    pub(crate) many: Many,
    /// Only of this dead group
    #[arg(long, value_name = "GROUP", help_heading = "Filters")]
    pub(crate) fingerprint: Option<String>,
    #[command(flatten)]
    pub(crate) filter: Filter,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadCommand {
    /// List dead letters, in groups of the same error
    #[command(after_help = "\
Examples:
  backstay dead list
  backstay dead list --flat --kind report --since 1d")]
    List(DeadListArgs),
    /// Show a group or one dead letter with its errors
    #[command(after_help = "\
Examples:
  backstay dead show a3f19c02
  backstay dead show 4187")]
    Show(DeadShowArgs),
    /// Put dead letters back into the line; many at once are a replay
    #[command(after_help = "\
Examples:
  backstay dead revive 4187 --reason \"disk is replaced\"
  backstay dead revive --fingerprint a3f19c02 --first 10 --rate 60/1m --reason \"fixed in 1.4\"")]
    Revive(ReviveArgs),
    /// Put dead letters aside; `restore` brings them back for 7 days
    #[command(after_help = "\
Examples:
  backstay dead discard 4187 --reason \"customer is gone\"
  backstay dead discard --fingerprint a3f19c02 --expect 41 --reason \"fixed by hand\"")]
    Discard(LettersArgs),
    /// Bring back what was discarded
    #[command(after_help = "\
Examples:
  backstay dead restore 4187
  backstay dead restore --fingerprint a3f19c02 --expect 41")]
    Restore(LettersArgs),
    /// Mark a group as seen
    #[command(
        visible_alias = "ack",
        after_help = "\
Examples:
  backstay dead acknowledge a3f19c02
  backstay dead acknowledge a3f19c02 --note \"provider is down\""
    )]
    Acknowledge(AcknowledgeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DeadListArgs {
    /// One line per letter instead of per group
    #[arg(long)]
    pub(crate) flat: bool,
    /// Those that were put aside, one line per letter
    #[arg(long)]
    pub(crate) discarded: bool,
    /// Only of this dead group
    #[arg(long, value_name = "GROUP", help_heading = "Filters")]
    pub(crate) fingerprint: Option<String>,
    #[command(flatten)]
    pub(crate) filter: Filter,
    #[command(flatten)]
    pub(crate) page: Page,
}

#[derive(Debug, Args)]
pub(crate) struct DeadShowArgs {
    /// The group's fingerprint, or the id of one letter
    #[arg(value_name = "GROUP|ID")]
    pub(crate) which: String,
}

#[derive(Debug, Args)]
pub(crate) struct ReviveArgs {
    /// Run one letter again with other args: a JSON object, @FILE, or -
    #[arg(long, value_name = "JSON")]
    pub(crate) args: Option<String>,
    /// Give up the unique key if another job holds it now
    #[arg(long)]
    pub(crate) without_unique: bool,
    /// Try that many first and wait for them
    #[arg(long, value_name = "N")]
    pub(crate) first: Option<u32>,
    /// At most that fast, such as 60/1m
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    pub(crate) rate: Option<Rate>,
    /// Stop when more than this part of the last 50 failed
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(crate) stop_at: Option<u8>,
    #[command(flatten)]
    pub(crate) which: LettersArgs,
}

/// Reads `20%` or `20`.
fn percent(text: &str) -> Result<u8, String> {
    match text.trim_end_matches('%').parse::<u8>() {
        Ok(percent) if (1..=100).contains(&percent) => Ok(percent),
        _ => Err(format!("`{text}` is not 1% to 100%")),
    }
}

#[derive(Debug, Args)]
pub(crate) struct AcknowledgeArgs {
    /// The group's fingerprint
    #[arg(value_name = "GROUP")]
    pub(crate) group: String,
    /// What is known about it
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReplaysCommand {
    /// List replays and how far they are
    #[command(after_help = "\
Examples:
  backstay replays list
  backstay replays list --json")]
    List(Page),
    /// Stop a replay; what it has revived goes on
    #[command(after_help = "\
Examples:
  backstay replays stop 12
  backstay replays stop 12 --reason \"still failing\"")]
    Stop(ReplayArgs),
    /// Go on after the last letter
    #[command(after_help = "\
Examples:
  backstay replays resume 12
  backstay replays resume 12 --reason \"fixed in 1.4.1\"")]
    Resume(ReplayArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The replay
    #[arg(value_name = "ID")]
    pub(crate) id: i64,
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

#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    /// The queue
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Resume by itself after that long
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) for_in: Option<Duration>,
    /// Also cancel what runs
    #[arg(long)]
    pub(crate) cancel_running: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The queue
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
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
    /// Send a test alert through a channel, or through all of them
    #[command(after_help = "\
Examples:
  backstay alerts test
  backstay alerts test team")]
    Test(AlertsTestArgs),
}

#[derive(Debug, Args)]
pub(crate) struct AlertsTestArgs {
    /// A channel of [alerts.channels]; none: all of them
    #[arg(value_name = "CHANNEL")]
    pub(crate) channel: Option<String>,
}
