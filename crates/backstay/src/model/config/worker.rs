//! `[worker]`: how this worker looks for jobs and how it stops; `[bounds]`: what a job may carry.

use std::path::PathBuf;
use std::time::Duration;

use super::database::address;
use super::fault::BAD_VALUE;
use super::form;
use super::key::{Form, Keys, key};
use super::limit::Memory;
use super::network::{self, Network};
use super::secret::Secret;
use super::section::Section;
use crate::model::brake::BrakeMarks;
use crate::model::brake::memory::{MemoryLook, MemoryMarks};
use crate::model::lease::Times;

pub(super) const KEYS: Keys = Keys {
    now: &[
        key(
            "poll",
            Form::Span("100ms", "60s"),
            "\"1s\"",
            "How often to look for jobs when nothing woke the worker, give or take a fifth",
        ),
        key(
            "drain_timeout",
            Form::Span("0s", "1h"),
            "\"25s\"",
            "How long running jobs may go on after the worker was asked to stop",
        ),
        key(
            "apply",
            Form::Switch,
            "true",
            "Write the queues and kinds of this file to the database at start",
        ),
        key(
            "memory_budget",
            Form::Either("auto", &Form::Size("32MiB", "4096GiB")),
            "\"auto\"",
            "Memory of all jobs together; auto is 90 % of the container's limit or of half the host, less memory_reserve",
        ),
        key(
            "memory_reserve",
            Form::Size("1MiB", "64GiB"),
            "\"128MiB\"",
            "Memory that is kept for the worker itself",
        ),
        key(
            "overcommit",
            Form::Words(&["refuse", "wait"]),
            "\"refuse\"",
            "What happens where slots and written sizes come to more than memory_budget",
        ),
        key(
            "brake",
            Form::Other("{ memory_full_avg10, memory_use, evict }"),
            "",
            "When memory is so short that nothing is claimed, and when an attempt is ended for it",
        ),
        key(
            "require_level",
            Form::Words(&["any", "rlimit", "cgroup", "inline"]),
            "\"any\"",
            "How strictly limits must be held here; with less the worker does not start",
        ),
        key(
            "scratch_dir",
            Form::Text,
            "",
            "Where jobs get their folders (TMPDIR); the worker's own, made if missing. /var/tmp, or TMPDIR, if not set",
        ),
        key(
            "handler_database_url",
            Form::Secret,
            "",
            "What handlers get as DATABASE_URL, with a login of their own; also BACKSTAY_HANDLER_DATABASE_URL",
        ),
        key(
            "allow_networks",
            Form::Texts,
            "[]",
            "Inner networks that http handlers may reach, such as \"10.0.0.0/8\"; http:// works there only",
        ),
    ],
    later: &[],
    moved: &[],
};

const BRAKE: Keys = Keys {
    now: &[
        key(
            "memory_full_avg10",
            Form::Hundredths(100, 10_000),
            "10",
            "Claims stop when everything waits for memory for more of the last 10 s, in per cent",
        ),
        key(
            "memory_use",
            Form::Hundredths(20, 100),
            "0.85",
            "Claims stop when more of the container's memory limit is in use",
        ),
        key(
            "evict",
            Form::Hundredths(20, 100),
            "0.95",
            "From then on the attempt that is nearest to its own limit is ended and given back",
        ),
    ],
    later: &[],
    moved: &[],
};

pub(super) const BOUND_KEYS: Keys = Keys {
    now: &[
        key("args", Form::Size("1KiB", "4MiB"), "\"256KiB\"", "Largest args of one job"),
        key("output", Form::Size("1KiB", "8MiB"), "\"256KiB\"", "Largest output of one job"),
    ],
    later: &[],
    moved: &[],
};

/// How a worker looks for jobs and how it stops.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// How often to look for jobs when nothing woke the worker \[1 s\].
    pub poll: Duration,
    /// How long running jobs may go on after the worker was asked to stop \[25 s\].
    pub drain_timeout: Duration,
    /// Write queues and kinds to the database at start \[true\].
    pub apply: bool,
    /// Memory of all jobs together \[auto: 90 % of the limit, less `memory_reserve`\].
    pub memory_budget: Memory,
    /// Bytes that are kept for the worker itself \[128 MiB\].
    pub memory_reserve: u64,
    /// What happens where slots and written sizes come to more than that \[refuse\].
    pub overcommit: Overcommit,
    /// How strictly limits must be held here \[any\].
    pub require_level: RequireLevel,
    /// Where jobs get their folders; `$TMPDIR` or `/var/tmp` where it is not said.
    pub scratch_dir: Option<PathBuf>,
    /// What handlers get as `DATABASE_URL`; none where they find their database by themselves.
    pub handler_database_url: Option<Secret>,
    /// Inner networks that `http` handlers may reach; none unless it is said \[none\].
    pub allow_networks: Vec<Network>,
    /// Promote, rescue, prune, tell people, make and drop days; not a setting, since a fleet in which nobody does it stands
    /// still. Only the bench leaves it to others: it knows nothing of their retention and their channels \[true\].
    pub housekeeping: bool,
    /// The rhythm of beats and rescue; not a setting, since a fleet must agree on it.
    pub times: Times,
    /// When the database counts as troubled; not a setting, since nobody could say better.
    pub brake_marks: BrakeMarks,
    /// When memory counts as short \[10 %, 0.85, 0.95\].
    pub memory_marks: MemoryMarks,
    /// Where that is read; not a setting, since there is one such place on a host.
    pub memory_look: MemoryLook,
}

/// What happens where the queues promise more memory than there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overcommit {
    /// The worker does not start.
    #[default]
    Refuse,
    /// Jobs wait in their worker until there is room.
    Wait,
}

/// How strictly the host must hold the limits of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RequireLevel {
    /// As strictly as it can.
    #[default]
    Any,
    /// Not even that: handlers may run inside the worker.
    Inline,
    /// By a watch and resource limits at least.
    Rlimit,
    /// By the kernel, with a control group for each child.
    Cgroup,
}

impl RequireLevel {
    /// The word in the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Inline => "inline",
            Self::Rlimit => "rlimit",
            Self::Cgroup => "cgroup",
        }
    }
}

/// What a job may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoundSettings {
    /// Largest args in bytes \[256 KiB\].
    pub args_bytes: u64,
    /// Largest output in bytes \[256 KiB\].
    pub output_bytes: u64,
}

pub(super) fn read(section: &Section<'_>) -> WorkerSettings {
    WorkerSettings {
        poll: section.span_set("poll"),
        drain_timeout: section.span_set("drain_timeout"),
        apply: section.switch("apply"),
        memory_budget: section
            .take("memory_budget", form::either(form::size))
            .flatten()
            .map_or(Memory::Auto, Memory::Bytes),
        memory_reserve: section.size("memory_reserve"),
        overcommit: match section.word("overcommit") {
            Some("wait") => Overcommit::Wait,
            _ => Overcommit::Refuse,
        },
        require_level: match section.word("require_level") {
            Some("inline") => RequireLevel::Inline,
            Some("rlimit") => RequireLevel::Rlimit,
            Some("cgroup") => RequireLevel::Cgroup,
            _ => RequireLevel::Any,
        },
        scratch_dir: section.text("scratch_dir").map(PathBuf::from),
        handler_database_url: address(section, "handler_database_url"),
        allow_networks: network::read(section, "allow_networks"),
        housekeeping: true,
        times: Times::normal(),
        brake_marks: BrakeMarks::normal(),
        memory_marks: read_brake(&section.inner("brake", BRAKE)),
        memory_look: MemoryLook::default(),
    }
}

fn read_brake(section: &Section<'_>) -> MemoryMarks {
    let marks = MemoryMarks {
        full_avg10: section.number("memory_full_avg10"),
        used: section.number("memory_use"),
        evict: section.number("evict"),
    };
    if marks.evict <= marks.used {
        let message = format!(
            "`{}` is not more than the memory_use of `{}`: claims must stop first",
            marks.evict, marks.used
        );
        section.fault(BAD_VALUE, "evict", message);
    }
    marks
}

pub(super) fn read_bounds(section: &Section<'_>) -> BoundSettings {
    BoundSettings { args_bytes: section.size("args"), output_bytes: section.size("output") }
}
