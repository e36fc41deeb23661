//! The filters that lists and verbs share, the same as in pages and in the API.

use std::time::SystemTime;

use backstay::inspect::{JobFilter, Sought};
use backstay::model::instant::Instant;
use backstay::model::outcome::Outcome;
use backstay::unit::parse_duration;
use clap::Args;

use crate::failure::{Exit, Failure};

/// Which jobs are meant; filters narrow each other down.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct Filter {
    /// Only of these kinds
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Vec<String>,
    /// Only in these queues
    #[arg(long, value_name = "QUEUE")]
    pub(crate) queue: Vec<String>,
    /// Only of this group
    #[arg(long, value_name = "KEY")]
    pub(crate) group: Option<String>,
    /// Only with all of these tags
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) tag: Vec<String>,
    /// Only the holder of this unique key
    #[arg(long, value_name = "KEY")]
    pub(crate) unique: Option<String>,
    /// Only with this limit key
    #[arg(long, value_name = "KEY")]
    pub(crate) limit_key: Option<String>,
    /// Only with an attempt that came to this: failed timed_out oom_killed crashed lost ...
    #[arg(long, value_name = "OUTCOME")]
    pub(crate) outcome: Vec<Outcome>,
    /// Only with this in their args: a text, or a JSON object whose members they have
    #[arg(long = "with-args", value_name = "TEXT|JSON")]
    pub(crate) with_args: Option<Sought>,
    /// Only since then: an instant, or a duration back from now
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    pub(crate) since: Option<String>,
    /// Only before then: an instant, or a duration back from now
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    pub(crate) before: Option<String>,
}

impl Filter {
    /// What the layers below ask for.
    pub(crate) fn read(&self) -> Result<JobFilter, Failure> {
        let mut filter = JobFilter::default();
        filter.kinds.clone_from(&self.kind);
        filter.queues.clone_from(&self.queue);
        filter.group.clone_from(&self.group);
        filter.tags.clone_from(&self.tag);
        filter.unique.clone_from(&self.unique);
        filter.limit_key.clone_from(&self.limit_key);
        filter.outcomes.clone_from(&self.outcome);
        filter.with_args.clone_from(&self.with_args);
        filter.since = self.since.as_deref().map(|text| when("--since", text)).transpose()?;
        filter.before = self.before.as_deref().map(|text| when("--before", text)).transpose()?;
        Ok(filter)
    }
}

/// An instant, or a duration back from now.
pub(crate) fn when(flag: &str, text: &str) -> Result<Instant, Failure> {
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let back = parse_duration(text).ok().and_then(|back| SystemTime::now().checked_sub(back));
    let at = back.and_then(|at| Instant::try_from(at).ok());
    at.ok_or_else(|| {
        Failure::new("BS102", format!("{flag}: `{text}` is neither an instant nor a duration"))
            .hint("write it like 2026-11-23T09:00:00Z, or like 90m for the last 90 minutes")
            .exit(Exit::Usage)
    })
}

/// One page of a list.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct Page {
    /// At most that many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,
    /// Go on after the last page: the `next` of its JSON
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
}

/// What a verb that acts on many asks for.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Many {
    /// Act only if that many are meant, give or take a tenth; instead of asking
    #[arg(long, value_name = "COUNT")]
    pub(crate) expect: Option<u64>,
}
