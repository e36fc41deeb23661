//! `[kinds.NAME]`: the contract that every job of a kind gets, and the program or address that handles it.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value as Json};

use super::contract;
use super::env::{EnvSettings, read_env};
use super::fault::{BAD_VALUE, DUPLICATE};
use super::form;
use super::http;
use super::key::{Form, Key, Keys, key};
use super::limit::{self, KindLimits};
use super::queue::{ISOLATIONS, Isolation, Runner};
use super::section::Section;
use super::value::Value;
use crate::model::bounds;

const OWN: [Key; 25] = [
    key("queue", Form::Name, "", "The queue of its jobs; `default` if not set"),
    key(
        "priority",
        Form::Other("0 to 9, or urgent | high | normal | low"),
        "\"normal\"",
        "Lower runs first",
    ),
    key("max_retries", Form::Whole(0, 100), "10", "Failures that are retried"),
    key(
        "backoff",
        Form::Other("{ first, factor, cap, jitter }, { fixed } or { list }"),
        "{ first = \"15s\", factor = 2, cap = \"1h\", jitter = 0.2 }",
        "How long a failed job waits before its next attempt",
    ),
    key(
        "crash_limit",
        Form::Whole(1, bounds::LIMIT_OF_LOSS as i64),
        "3",
        "The crash of its process at which a job is dead, whatever `max_retries` says",
    ),
    key(
        "lost_limit",
        Form::Whole(1, bounds::LIMIT_OF_LOSS as i64),
        "3",
        "The lost worker at which a job is dead; from the second on it is a suspect",
    ),
    key("timeout", Form::Span("1s", "30d"), "", "Longest run of one attempt; else the queue's"),
    key(
        "unique",
        Form::Other("a key, true, or { key or by, until or period_in, on_conflict }"),
        "",
        "Which jobs count as the same, so that only one of them waits",
    ),
    key("group", Form::Other("a key, or { by = [args] }"), "", "Whose job it is"),
    key(
        "limit_key",
        Form::Other("a key, or { by = [args] }"),
        "",
        "What counts together against a limit per key; the group if not set",
    ),
    key(
        "expires_in",
        Form::Span("1s", "3652d"),
        "",
        "No attempt starts later than that after the enqueue",
    ),
    key("tags", Form::Texts, "[]", "Words to find its jobs by: at most 20 of 64 bytes"),
    key("meta", Form::Other("a table"), "", "Facts for people and tools, up to 16 KiB"),
    key(
        "on",
        Form::Other(
            "{ timed_out = \"bury\", \"exit:3\" = \"cancel\", \"error:Rate*\" = { delay } }",
        ),
        "",
        "What follows from certain ends instead of the ordinary retry",
    ),
    key(
        "on_oom",
        Form::Other("{ retry, factor, max, queue }"),
        "{ retry = 1, factor = 2, max = \"4x\" }",
        "How often a job that ran out of memory is tried with more, how much more, and where",
    ),
    key(
        "restart",
        Form::Words(&["never"]),
        "",
        "never: bury a job that was started and did not finish, rather than begin it twice",
    ),
    key("sensitive", Form::Texts, "[]", "Places in the args that are never shown or sent"),
    key(
        "history",
        Form::Words(&["full", "lean"]),
        "\"full\"",
        "lean keeps nothing of a completed job",
    ),
    key(
        "keep",
        Form::Span("1s", "3650d"),
        "",
        "How long its completed jobs are kept; else as [retention] says",
    ),
    key("command", Form::Command, "", "The program that handles it: a process per job"),
    key(
        "serve",
        Form::Command,
        "",
        "The program that handles it: a warm process per slot that speaks the child protocol",
    ),
    key(
        "http",
        Form::Other("an address, or { url, secret, headers }"),
        "",
        "The address that handles it: each attempt is a signed POST, and the answer decides",
    ),
    key("dir", Form::Text, "", "Working directory; else the queue's, else the file's folder"),
    key(
        "env",
        Form::Other("{ pass = [names], set = { NAME = text } }"),
        "",
        "Environment of the program, added to the queue's",
    ),
    key("isolation", Form::Words(ISOLATIONS), "", "Where it runs; else as the queue says"),
];

const ALL: [Key; 35] = limit::joined::<_, _, 35>(OWN, limit::OF_KIND);

pub(super) const KEYS: Keys = Keys {
    now: &ALL,
    later: &[
        "concurrency",
        "concurrency_per_key",
        "rate",
        "rate_per_key",
        "limits",
        "weight",
        "sequence",
        "chunk",
        "args",
        "breaker",
        "deadline_in",
        "sandbox",
        "sandbox_write",
        "user",
    ],
    moved: &[
        ("slots", "slots belong to a queue: write it under [queues.NAME]"),
        ("grace", "grace belongs to a queue: write it under [queues.NAME]"),
        ("boot", "boot belongs to a queue: write it under [queues.NAME]"),
        ("recycle", "recycle belongs to a queue: write it under [queues.NAME]"),
        ("reserve", "reserved slots belong to a queue: write it under [queues.NAME]"),
        ("timeout_max", "timeout_max belongs to a queue: write it under [queues.NAME]"),
        ("memory_max", "memory_max belongs to a queue: write it under [queues.NAME]"),
        ("keep_output", "keep_output belongs to a queue: write it under [queues.NAME]"),
        ("idempotency_key", "a key of one call cannot be the same for a whole kind"),
        ("run_in", "when a job runs is said at enqueue, not for a whole kind"),
        ("run_at", "when a job runs is said at enqueue, not for a whole kind"),
    ],
};

/// The sort of work: what its jobs get, and what handles them.
#[derive(Debug, Clone)]
pub struct KindSettings {
    /// Its name.
    pub name: String,
    /// The queue of its jobs.
    pub queue: Option<String>,
    /// The program or address that handles it, where it is not the application itself.
    pub runner: Option<Runner>,
    /// Working directory of the program.
    pub dir: Option<PathBuf>,
    /// Environment of the program.
    pub env: EnvSettings,
    /// Longest run of one attempt.
    pub timeout: Option<Duration>,
    /// Where it runs.
    pub isolation: Option<Isolation>,
    /// What one attempt may use, where that differs from its queue.
    pub limits: KindLimits,
    /// What every enqueue of this kind starts from, in the JSON forms of the enqueue options.
    pub contract: Map<String, Json>,
    /// What is kept of a completed job.
    pub history: History,
    /// How long its completed jobs are kept; none: as [`Retention`](super::Retention) says.
    pub keep: Option<Duration>,
    /// JSON pointers into the args that are never shown, logged or sent; `*` stands for any entry.
    pub sensitive: Vec<String>,
}

/// What is kept of a completed job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum History {
    /// A row with its last attempt, and for a while args and output.
    #[default]
    Full,
    /// Nothing.
    Lean,
}

pub(super) fn read(section: &Section<'_>, name: &str) -> KindSettings {
    if let Err(message) = form::check_name(name) {
        section.fault_here(message);
    }
    let queue = section.name("queue");
    let contract = contract::read(section);
    let runner = read_runner(section);
    let isolation = section.word("isolation").map(Isolation::of);
    if let Some(Runner::Http(_)) = runner {
        refuse_for_address(section);
    } else if runner.is_some() && isolation == Some(Isolation::Inline) {
        let message = "a program is a process of its own, which `inline` is not; leave it out";
        section.fault(BAD_VALUE, "isolation", message);
    }
    let is_address = matches!(runner, Some(Runner::Http(_)));
    if isolation == Some(Isolation::Inline) && !is_address {
        limit::refuse_written(section, "it runs inside the worker, and nothing holds it");
    }
    let history = match section.word("history") {
        Some("lean") => History::Lean,
        _ => History::Full,
    };
    let keep = section.span("keep");
    if keep.is_some() && history == History::Lean {
        let message =
            "`history = \"lean\"` keeps nothing of a completed job; leave one of them out";
        section.fault(BAD_VALUE, "keep", message);
    }
    KindSettings {
        name: name.to_owned(),
        queue,
        runner,
        dir: section.text("dir").map(PathBuf::from),
        env: read_env(section),
        timeout: section.span("timeout"),
        isolation,
        limits: limit::read_kind(section),
        contract,
        history,
        keep,
        sensitive: section.take("sensitive", |_, value| pointers(value)).unwrap_or_default(),
    }
}

/// What handles the kind; two of them are one too many.
fn read_runner(section: &Section<'_>) -> Option<Runner> {
    let written: Vec<&str> =
        ["command", "serve", "http"].into_iter().filter(|name| section.has(name)).collect();
    if let [first, second, ..] = written[..] {
        let message = format!("handled twice: by `{first}` and by `{second}`");
        section.fault(DUPLICATE, first, message);
    }
    let command = section.command("command").map(Runner::Command);
    let serve = section.command("serve").map(Runner::Serve);
    let http = http::read(section).map(Runner::Http);
    command.or(serve).or(http)
}

/// What is written for a process means nothing where there is none.
fn refuse_for_address(section: &Section<'_>) {
    for name in ["isolation", "dir", "env"].into_iter().filter(|name| section.has(name)) {
        let message = format!("an address runs in no process of ours: leave `{name}` out");
        section.fault(BAD_VALUE, name, message);
    }
    limit::refuse_written(section, "nothing here can hold what works behind an address");
}

fn pointers(value: &Value) -> Result<Vec<String>, String> {
    let pointers = form::texts(value)?;
    match pointers.iter().find(|pointer| !pointer.starts_with('/')) {
        Some(wrong) => Err(format!("a place in the args starts with a slash: write \"/{wrong}\"")),
        None => Ok(pointers),
    }
}
