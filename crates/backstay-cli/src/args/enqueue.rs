//! What makes jobs: each option of `enqueue` as a flag.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::value::{retries, size, span};

#[derive(Debug, Args)]
pub(crate) struct EnqueueArgs {
    /// The kind of the job
    #[arg(value_name = "KIND", required_unless_present = "file")]
    pub(crate) kind: Option<String>,
    /// The args: a JSON object, @FILE, or - for stdin; none: {}
    #[arg(value_name = "ARGS")]
    pub(crate) args: Option<String>,
    /// Many jobs from a file (- for stdin), one JSON object {kind, args, options} per line
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kind", "args"])]
    pub(crate) file: Option<PathBuf>,
    /// Check everything and keep nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The queue, instead of the kind's
    #[arg(long, value_name = "QUEUE")]
    pub(crate) queue: Option<String>,
    /// 0 to 9, lower runs first, or urgent, high, normal, low
    #[arg(long, value_name = "PRIORITY", allow_hyphen_values = true)]
    pub(crate) priority: Option<backstay::Priority>,
    /// Not before that long from now
    #[arg(long, value_name = "DURATION", value_parser = span, allow_hyphen_values = true, conflicts_with = "run_at")]
    pub(crate) run_in: Option<Duration>,
    /// Not before this instant, such as 2026-12-01T06:00:00Z
    #[arg(long, value_name = "INSTANT")]
    pub(crate) run_at: Option<String>,
    /// Failures that are retried, 0 to 100
    #[arg(long, value_name = "N", value_parser = retries, allow_hyphen_values = true)]
    pub(crate) max_retries: Option<u16>,
    /// How long a failed job waits, as JSON: {"first": "30s", "factor": 3}
    #[arg(long, value_name = "JSON")]
    pub(crate) backoff: Option<String>,
    /// Longest run of one attempt
    #[arg(long, value_name = "DURATION", value_parser = span, allow_hyphen_values = true)]
    pub(crate) timeout: Option<Duration>,
    /// A key, `true`, or a JSON object: only one such job waits at a time
    #[arg(long, value_name = "KEY")]
    pub(crate) unique: Option<String>,
    /// A key under which a repeated call is harmless for 24 hours
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
    /// Whose job it is
    #[arg(long, value_name = "KEY")]
    pub(crate) group: Option<String>,
    /// What it counts against, if not the group
    #[arg(long, value_name = "KEY")]
    pub(crate) limit_key: Option<String>,
    /// No attempt starts later than that from now
    #[arg(long, value_name = "DURATION", value_parser = span, allow_hyphen_values = true, conflicts_with = "expires_at")]
    pub(crate) expires_in: Option<Duration>,
    /// No attempt starts after this instant
    #[arg(long, value_name = "INSTANT")]
    pub(crate) expires_at: Option<String>,
    /// Size of one job's memory, such as 512MiB
    #[arg(long, value_name = "SIZE", value_parser = size, allow_hyphen_values = true)]
    pub(crate) memory: Option<u64>,
    /// Words to find it by
    #[arg(long, visible_alias = "tag", value_name = "A,B", value_delimiter = ',')]
    pub(crate) tags: Vec<String>,
    /// Facts for people and tools, as a JSON object
    #[arg(long, value_name = "JSON")]
    pub(crate) meta: Option<String>,
    /// The caller's W3C traceparent
    #[arg(long, value_name = "TRACEPARENT", env = "TRACEPARENT", hide_env_values = true)]
    pub(crate) trace: Option<String>,
}
