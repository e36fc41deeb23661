//! `[queues.NAME]` and `[defaults]`: slots, time limits and environment of one line of jobs.

use std::path::PathBuf;
use std::time::Duration;

use super::env::{EnvSettings, read_env};
use super::fault::BAD_VALUE;
use super::form;
use super::http::HttpHandler;
use super::key::{Form, Key, Keys, key};
use super::limit::{self, QueueLimits};
use super::section::Section;
use crate::model::priority::{Ageing, Priority};
use crate::model::unit::format_duration;

pub(super) const ISOLATIONS: &[&str] = &["process", "fresh", "inline"];

/// Keys that are named in plans of the file but come with a later version.
const LATER: &[&str] = &[
    "concurrency",
    "concurrency_per_key",
    "rate",
    "rate_per_key",
    "sandbox",
    "sandbox_write",
    "user",
    "fair",
    "waiting_max",
];

const OWN: [Key; 16] = [
    key("slots", Form::Whole(1, 1024), "4", "Jobs at once in one worker"),
    key(
        "isolation",
        Form::Words(ISOLATIONS),
        "\"process\"",
        "Where handlers run: a warm child process, a fresh one per attempt, or this process",
    ),
    key("timeout", Form::Span("1s", "30d"), "\"15m\"", "Longest run of one attempt"),
    key(
        "timeout_max",
        Form::Span("1s", "30d"),
        "",
        "The longest timeout that a job may ask for; four times `timeout` if not set",
    ),
    key(
        "grace",
        Form::Span("0s", "5m"),
        "\"10s\"",
        "From the first word to stop until the job's processes are killed",
    ),
    key("boot", Form::Span("1s", "10m"), "\"30s\"", "How long a child may take until it is ready"),
    key(
        "ageing",
        Form::Other("{ share, after }"),
        "",
        "Which part of the starts goes to the longest waiting job, whatever its priority",
    ),
    key(
        "reserve",
        Form::Other("{ urgent = 1 }: slots by priority"),
        "",
        "Slots that only jobs of this priority or a more urgent one may take",
    ),
    key(
        "contact_lost",
        Form::Words(&["ride", "kill"]),
        "\"ride\"",
        "What happens to running jobs while the database cannot be reached",
    ),
    key(
        "snooze_max",
        Form::Whole(0, 32_767),
        "1000",
        "How often a job may ask to be started later",
    ),
    key(
        "start_within",
        Form::Span("100ms", "7d"),
        "",
        "How soon a job should start; later raises the alert queue_late",
    ),
    key(
        "serve",
        Form::Command,
        "",
        "The program that handles every kind it announces: a warm process per slot that speaks the child protocol",
    ),
    key(
        "env",
        Form::Other("{ pass = [names], set = { NAME = text } }"),
        "",
        "Environment of handlers that are programs; nothing else is inherited",
    ),
    key("dir", Form::Text, "", "Working directory of handlers; the file's folder if not set"),
    key(
        "recycle",
        Form::Other("{ jobs, age, memory }"),
        "",
        "When a warm child is replaced by a fresh one",
    ),
    key(
        "keep_output",
        Form::Words(&["failed", "all", "none"]),
        "\"failed\"",
        "Of which attempts the printed lines are kept",
    ),
];

const ALL: [Key; 27] =
    limit::joined::<_, _, 27>(OWN, limit::joined::<_, _, 11>(limit::OF_QUEUE, [limit::MEMORY_MAX]));

pub(super) const KEYS: Keys = Keys {
    now: &ALL,
    later: LATER,
    moved: &[
        ("command", "a command handles one kind: write it under [kinds.NAME], with queue = \"…\""),
        ("http", "an address handles one kind: write it under [kinds.NAME], with queue = \"…\""),
        ("priority", "a queue has no priority: write it under [kinds.NAME], or give it at enqueue"),
        ("max_retries", "retries belong to a kind: write it under [kinds.NAME]"),
    ],
};

const AGEING: Keys = Keys {
    now: &[
        key("share", Form::Hundredths(0, 50), "0.10", "Part of the starts; 0 switches ageing off"),
        key("after", Form::Span("1s", "7d"), "\"60s\"", "How long a job must have waited"),
    ],
    later: &[],
    moved: &[],
};

const RECYCLE: Keys = Keys {
    now: &[
        key("jobs", Form::Whole(1, 1_000_000), "1000", "Jobs that one warm child runs at most"),
        key("age", Form::Span("1s", "30d"), "\"1h\"", "How old a warm child becomes at most"),
        key(
            "memory",
            Form::Hundredths(5, 100),
            "0.50",
            "Share of its memory limit that a warm child may hold between two jobs",
        ),
    ],
    later: &[],
    moved: &[],
};

/// The slots reserved for one level; the queue's own slots are checked against the sum.
const RESERVED: Key = key("level", Form::Whole(1, 1023), "", "");

/// One line of jobs, as one worker serves it.
#[derive(Debug, Clone)]
pub struct QueueSettings {
    /// Its name.
    pub name: String,
    /// Jobs at once in one worker \[4\].
    pub slots: u16,
    /// Where handlers run \[process\].
    pub isolation: Isolation,
    /// Longest run of one attempt \[15 min\].
    pub timeout: Duration,
    /// The longest timeout that a job may ask for \[4 times `timeout`\].
    pub timeout_max: Duration,
    /// From the first word to stop until the job's processes are killed \[10 s\].
    pub grace: Duration,
    /// How long a child may take until it is ready \[30 s\].
    pub boot: Duration,
    /// Which part of the starts goes to whoever waited longest.
    pub ageing: Ageing,
    /// Slots that only jobs of a priority or a more urgent one may take.
    pub reserve: Vec<(Priority, u16)>,
    /// What happens to running jobs while the database cannot be reached \[ride\].
    pub contact_lost: ContactLost,
    /// How often a job may ask to be started later \[1,000\].
    pub snooze_max: u16,
    /// How soon a job should start.
    pub start_within: Option<Duration>,
    /// The program that handles this queue's kinds, where it is not the application itself.
    pub runner: Option<Runner>,
    /// Environment of handlers that are programs.
    pub env: EnvSettings,
    /// Working directory of handlers.
    pub dir: Option<PathBuf>,
    /// When a warm child is replaced.
    pub recycle: Recycle,
    /// What one attempt may use.
    pub limits: QueueLimits,
    /// Of which attempts the printed lines are kept \[failed\].
    pub keep_output: KeepOutput,
}

/// Of which attempts the printed lines are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeepOutput {
    /// Of those that did not complete.
    #[default]
    Failed,
    /// Of all.
    All,
    /// Of none; the end of stderr stays with an attempt that failed all the same.
    None,
}

/// Where a handler runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// In a warm child process, one job at a time.
    #[default]
    Process,
    /// In a new child process per attempt.
    Fresh,
    /// In the worker itself: cheap, but it cannot be killed.
    Inline,
}

impl Isolation {
    pub(super) fn of(word: &str) -> Self {
        match word {
            "fresh" => Self::Fresh,
            "inline" => Self::Inline,
            _ => Self::Process,
        }
    }
}

/// What happens to running jobs while the database cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContactLost {
    /// They go on, and what they came to is written once the database is back.
    #[default]
    Ride,
    /// They are killed before another worker may take them over.
    Kill,
}

impl ContactLost {
    /// The word in the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ride => "ride",
            Self::Kill => "kill",
        }
    }
}

/// What handles jobs outside of the application: a program, never a line for a shell; or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runner {
    /// A process per job: args on stdin, the exit code decides.
    Command(Vec<String>),
    /// A warm process per slot that speaks the child protocol.
    Serve(Vec<String>),
    /// An address that gets each attempt by POST.
    Http(HttpHandler),
}

impl Runner {
    /// The key under which it is written.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::Command(_) => "command",
            Self::Serve(_) => "serve",
            Self::Http(_) => "http",
        }
    }

    /// The program and its arguments; empty for an address.
    #[must_use]
    pub fn argv(&self) -> &[String] {
        match self {
            Self::Command(argv) | Self::Serve(argv) => argv,
            Self::Http(_) => &[],
        }
    }
}

/// When a warm child is replaced by a fresh one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recycle {
    /// After that many jobs \[1,000\].
    pub jobs: u32,
    /// At that age \[1 h\].
    pub age: Duration,
    /// When it holds more than this share of its memory limit between two jobs \[0.5\].
    pub memory: f64,
}

pub(super) fn read(section: &Section<'_>, name: &str) -> QueueSettings {
    let slots = section.whole("slots") as u16;
    let isolation = section.word("isolation").map(Isolation::of).unwrap_or_default();
    let timeout = section.span_set("timeout");
    let queue = QueueSettings {
        name: name.to_owned(),
        slots,
        isolation,
        timeout,
        timeout_max: section.span_or("timeout_max", timeout.saturating_mul(4)),
        grace: section.span_set("grace"),
        boot: section.span_set("boot"),
        ageing: read_ageing(&section.inner("ageing", AGEING)),
        reserve: read_reserve(section, slots),
        contact_lost: match section.word("contact_lost") {
            Some("kill") => ContactLost::Kill,
            _ => ContactLost::Ride,
        },
        snooze_max: section.whole("snooze_max") as u16,
        start_within: section.span("start_within"),
        runner: section.command("serve").map(Runner::Serve),
        env: read_env(section),
        dir: section.text("dir").map(PathBuf::from),
        recycle: read_recycle(&section.inner("recycle", RECYCLE)),
        limits: limit::read_queue(section),
        keep_output: match section.word("keep_output") {
            Some("all") => KeepOutput::All,
            Some("none") => KeepOutput::None,
            _ => KeepOutput::Failed,
        },
    };
    check_times(section, &queue);
    limit::check_stall(section, queue.limits.stall, queue.timeout);
    if isolation == Isolation::Inline && queue.runner.is_some() {
        let message = "a program is a process of its own, which `inline` is not; leave it out";
        section.fault(BAD_VALUE, "isolation", message);
    }
    if isolation == Isolation::Inline {
        limit::refuse_written(
            section,
            "handlers run inside the worker here, and nothing holds them",
        );
    }
    queue
}

fn check_times(section: &Section<'_>, queue: &QueueSettings) {
    let [timeout, most, grace] =
        [queue.timeout, queue.timeout_max, queue.grace].map(format_duration);
    if queue.timeout > queue.timeout_max {
        let message = format!("`{most}` is less than the timeout of `{timeout}`");
        section.fault(BAD_VALUE, "timeout_max", message);
    }
    if queue.grace >= queue.timeout {
        let message = format!("`{grace}` is not less than the timeout of `{timeout}`");
        section.fault(BAD_VALUE, "grace", message);
    }
}

fn read_ageing(section: &Section<'_>) -> Ageing {
    Ageing { share: section.number("share"), after: section.span_set("after") }
}

fn read_recycle(section: &Section<'_>) -> Recycle {
    Recycle {
        jobs: section.whole("jobs") as u32,
        age: section.span_set("age"),
        memory: section.number("memory"),
    }
}

fn read_reserve(section: &Section<'_>, slots: u16) -> Vec<(Priority, u16)> {
    let mut reserve = Vec::new();
    if section.find("reserve").is_none() {
        section.show("reserve", None);
    }
    for (level, value) in section.entries("reserve") {
        let count = form::whole(&RESERVED, value);
        match (level.parse::<Priority>(), count) {
            (Ok(priority), Ok(count)) => {
                section.show_entry("reserve", level, count.to_string(), &value.origin);
                reserve.push((priority, count as u16));
            }
            (Err(error), _) => section.fault_at("reserve", level, value, error.to_string()),
            (_, Err(message)) => section.fault_at("reserve", level, value, message),
        }
    }
    let kept: u32 = reserve.iter().map(|(_, count)| u32::from(*count)).sum();
    if kept >= u32::from(slots) && kept > 0 {
        let message = format!("{kept} of {slots} slots are reserved: no other job could run");
        section.fault(BAD_VALUE, "reserve", message);
    }
    reserve
}
