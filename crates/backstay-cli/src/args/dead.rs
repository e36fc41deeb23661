//! What is looked at and done about dead letters, and about the replays that revive many of them.

use std::path::PathBuf;
use std::time::Duration;

use backstay::unit::{Rate, parse_rate};
use clap::{Args, Subcommand};

use super::filter::{Filter, Many, Page};
use super::value::span;

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
    /// Say who looks after a group, also when it opens again
    #[command(after_help = "\
Examples:
  backstay dead own a3f19c02 ana
  backstay dead own a3f19c02 --nobody --reason \"ana has left\"")]
    Own(OwnArgs),
    /// Send no alerts about a group for a while
    #[command(after_help = "\
Examples:
  backstay dead mute a3f19c02 --for 7d
  backstay dead mute a3f19c02 --for 12h --reason \"provider is down\"")]
    Mute(MuteArgs),
    /// Write dead letters as JSON lines, which `enqueue --file` takes
    #[command(after_help = "\
Examples:
  backstay dead export --fingerprint a3f19c02 > letters.ndjson
  backstay dead export --since 1d --reveal --to letters.ndjson")]
    Export(ExportArgs),
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
    /// Only of groups that this one looks after
    #[arg(long, value_name = "NAME", help_heading = "Filters")]
    pub(crate) owner: Option<String>,
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
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub(crate) first: Option<u32>,
    /// At most that fast, such as 60/1m
    #[arg(long, value_name = "RATE", value_parser = parse_rate, allow_hyphen_values = true)]
    pub(crate) rate: Option<Rate>,
    /// Stop when more than this part of the last 50 failed
    #[arg(long, value_name = "PERCENT", value_parser = percent, allow_hyphen_values = true)]
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

#[derive(Debug, Args)]
pub(crate) struct OwnArgs {
    /// The group's fingerprint
    #[arg(value_name = "GROUP")]
    pub(crate) group: String,
    /// A person or a team
    #[arg(value_name = "NAME", required_unless_present = "nobody")]
    pub(crate) owner: Option<String>,
    /// Nobody does any more
    #[arg(long, conflicts_with = "owner")]
    pub(crate) nobody: bool,
}

#[derive(Debug, Args)]
pub(crate) struct MuteArgs {
    /// The group's fingerprint
    #[arg(value_name = "GROUP")]
    pub(crate) group: String,
    /// For how long
    #[arg(long = "for", value_name = "DURATION", value_parser = span, allow_hyphen_values = true)]
    pub(crate) for_in: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The letters; neither ids nor a filter: all of them
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<i64>,
    /// Write into this file instead of stdout; it must not be there yet
    #[arg(long, value_name = "FILE")]
    pub(crate) to: Option<PathBuf>,
    /// Write args and meta as they are, secrets too; for operators, and kept in the audit
    #[arg(long)]
    pub(crate) reveal: bool,
    /// Only of this dead group
    #[arg(long, value_name = "GROUP", help_heading = "Filters")]
    pub(crate) fingerprint: Option<String>,
    #[command(flatten)]
    pub(crate) filter: Filter,
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
