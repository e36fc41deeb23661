//! The limits of one attempt: what a queue and its kinds may write of them, once for both.

use std::time::Duration;

use super::fault::BAD_VALUE;
use super::form;
use super::key::{Form, Key, key};
use super::section::Section;
use crate::model::unit::{format_duration, format_size};

/// Sizes of memory that anybody may write; whether they fit on the host is the worker's to find out.
const MEMORY: Form = Form::Size("32MiB", "4096GiB");

/// The limits with their built-in values, as a queue has them.
pub(super) const OF_QUEUE: [Key; LIMITS] = [
    key(
        "memory",
        Form::Either("auto", &MEMORY),
        "\"auto\"",
        "Most memory of one attempt, all its processes together; auto is 128MiB to 512MiB, by the host",
    ),
    key(
        "cpu_priority",
        Form::Words(&["normal", "background", "idle"]),
        "\"background\"",
        "How much a job gets of a busy processor, beside everything else on the host",
    ),
    key(
        "cpu_cap",
        Form::Either("off", &Form::Hundredths(10, 102_400)),
        "\"off\"",
        "Most cores of one attempt at any time; held by cgroups only",
    ),
    key(
        "cpu_time",
        Form::Either("off", &Form::Span("1s", "7d")),
        "\"off\"",
        "Most processor time of one attempt, all its processes together",
    ),
    key(
        "stall",
        Form::Either("off", &Form::Span("10s", "30d")),
        "\"off\"",
        "How long an attempt may say nothing, print nothing and compute nothing",
    ),
    key(
        "processes",
        Form::Whole(8, 65_536),
        "256",
        "Most processes and threads of one attempt at once",
    ),
    key(
        "disk",
        Form::Size("1MiB", "1048576GiB"),
        "\"2GiB\"",
        "Most that one attempt may store in its folder",
    ),
    key("files", Form::Whole(16, 1_048_576), "1024", "Most files that one process may have open"),
    key(
        "output",
        Form::Size("64KiB", "1024GiB"),
        "\"256MiB\"",
        "Most that one attempt may print to stdout and stderr",
    ),
    key(
        "io_weight",
        Form::Either("off", &Form::Whole(1, 10_000)),
        "\"off\"",
        "Share of a busy disk, 100 being usual; held by cgroups only",
    ),
];
const LIMITS: usize = 10;

/// The same keys for a kind, where nothing is built in: what it leaves out is as its queue says.
pub(super) const OF_KIND: [Key; LIMITS] = {
    let mut keys = OF_QUEUE;
    let mut n = 0;
    while n < LIMITS {
        keys[n].default = "";
        n += 1;
    }
    keys
};

/// The key of a queue that bounds what its jobs ask for.
pub(super) const MEMORY_MAX: Key = key(
    "memory_max",
    MEMORY,
    "",
    "The most memory that a job may ask for; four times `memory` if not set",
);

/// Puts the keys of two lists into one; `N` is the sum of both.
pub(super) const fn joined<const A: usize, const B: usize, const N: usize>(
    a: [Key; A],
    b: [Key; B],
) -> [Key; N] {
    assert!(A + B == N, "the length of the list is the sum of both");
    let mut all = [MEMORY_MAX; N];
    let mut n = 0;
    while n < N {
        all[n] = if n < A { a[n] } else { b[n - A] };
        n += 1;
    }
    all
}

/// How much memory one attempt may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Memory {
    /// As the host allows: its share for each slot, 128 MiB to 512 MiB.
    #[default]
    Auto,
    /// So many bytes.
    Bytes(u64),
}

/// How much a job gets of a busy processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cpu {
    /// As much as anybody else.
    Normal,
    /// Less than what serves people.
    #[default]
    Background,
    /// What nobody else wants.
    Idle,
}

impl Cpu {
    /// The word in the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Background => "background",
            Self::Idle => "idle",
        }
    }

    fn of(word: &str) -> Self {
        match word {
            "normal" => Self::Normal,
            "idle" => Self::Idle,
            _ => Self::Background,
        }
    }
}

/// A limit that may be switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cap<T> {
    /// There is none.
    Off,
    /// So much.
    At(T),
}

impl<T: Copy> Cap<T> {
    /// The limit, if there is one.
    #[must_use]
    pub fn get(self) -> Option<T> {
        match self {
            Self::Off => None,
            Self::At(value) => Some(value),
        }
    }

    fn of(value: Option<T>) -> Self {
        value.map_or(Self::Off, Self::At)
    }
}

/// What one attempt of a queue's jobs may use.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QueueLimits {
    /// Memory of all its processes together \[auto\].
    pub memory: Memory,
    /// The most memory that a job may ask for; four times `memory` where it is not said.
    pub memory_max: Option<u64>,
    /// How much it gets of a busy processor \[background\].
    pub cpu_priority: Cpu,
    /// Cores at any time \[off\].
    pub cpu_cap: Cap<f64>,
    /// Processor time \[off\].
    pub cpu_time: Cap<Duration>,
    /// How long it may show no sign of life \[off\].
    pub stall: Cap<Duration>,
    /// Processes and threads at once \[256\].
    pub processes: u32,
    /// Bytes in its scratch folder \[2 GiB\].
    pub disk_bytes: u64,
    /// Open files of one process \[1,024\].
    pub files: u64,
    /// Bytes that it may print \[256 MiB\].
    pub output_bytes: u64,
    /// Share of a busy disk \[off\].
    pub io_weight: Cap<u16>,
}

/// What a kind says otherwise than its queue.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[allow(missing_docs, reason = "each is documented at `QueueLimits`")]
pub struct KindLimits {
    pub memory: Option<Memory>,
    pub cpu_priority: Option<Cpu>,
    pub cpu_cap: Option<Cap<f64>>,
    pub cpu_time: Option<Cap<Duration>>,
    pub stall: Option<Cap<Duration>>,
    pub processes: Option<u32>,
    pub disk_bytes: Option<u64>,
    pub files: Option<u64>,
    pub output_bytes: Option<u64>,
    pub io_weight: Option<Cap<u16>>,
}

impl KindLimits {
    /// Lays these limits over those of a queue.
    #[must_use]
    pub fn over(&self, queue: &QueueLimits) -> QueueLimits {
        QueueLimits {
            memory: self.memory.unwrap_or(queue.memory),
            memory_max: queue.memory_max,
            cpu_priority: self.cpu_priority.unwrap_or(queue.cpu_priority),
            cpu_cap: self.cpu_cap.unwrap_or(queue.cpu_cap),
            cpu_time: self.cpu_time.unwrap_or(queue.cpu_time),
            stall: self.stall.unwrap_or(queue.stall),
            processes: self.processes.unwrap_or(queue.processes),
            disk_bytes: self.disk_bytes.unwrap_or(queue.disk_bytes),
            files: self.files.unwrap_or(queue.files),
            output_bytes: self.output_bytes.unwrap_or(queue.output_bytes),
            io_weight: self.io_weight.unwrap_or(queue.io_weight),
        }
    }
}

/// Reads the limits that a kind writes.
pub(super) fn read_kind(section: &Section<'_>) -> KindLimits {
    KindLimits {
        memory: section
            .take("memory", form::either(form::size))
            .map(|bytes| bytes.map_or(Memory::Auto, Memory::Bytes)),
        cpu_priority: section.word("cpu_priority").map(Cpu::of),
        cpu_cap: section.take("cpu_cap", form::either(form::number)).map(Cap::of),
        cpu_time: section.take("cpu_time", form::either(form::span)).map(Cap::of),
        stall: section.take("stall", form::either(form::span)).map(Cap::of),
        processes: section.take("processes", form::whole).map(|count| count as u32),
        disk_bytes: section.take("disk", form::size),
        files: section.take("files", form::whole).map(|count| count as u64),
        output_bytes: section.take("output", form::size),
        io_weight: section
            .take("io_weight", form::either(form::whole))
            .map(|weight| Cap::of(weight.map(|weight| weight as u16))),
    }
}

/// Reads the limits of a queue, those built in beneath.
pub(super) fn read_queue(section: &Section<'_>) -> QueueLimits {
    let mut limits = read_kind(section).over(&QueueLimits::default());
    limits.memory_max = match limits.memory {
        Memory::Bytes(bytes) => Some(section.size_or("memory_max", bytes.saturating_mul(4))),
        Memory::Auto => section.take("memory_max", form::size),
    };
    if let (Memory::Bytes(memory), Some(most)) = (limits.memory, limits.memory_max)
        && memory > most
    {
        let message =
            format!("`{}` is less than the memory of `{}`", format_size(most), format_size(memory));
        section.fault(BAD_VALUE, "memory_max", message);
    }
    limits
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self {
            memory: Memory::Auto,
            memory_max: None,
            cpu_priority: Cpu::Background,
            cpu_cap: Cap::Off,
            cpu_time: Cap::Off,
            stall: Cap::Off,
            processes: 256,
            disk_bytes: 2 << 30,
            files: 1024,
            output_bytes: 256 << 20,
            io_weight: Cap::Off,
        }
    }
}

/// Notes each limit that this very table writes although nothing could hold a handler to it; `why` says where it runs.
pub(super) fn refuse_written(section: &Section<'_>, why: &str) {
    for limit in OF_QUEUE.iter().filter(|limit| section.has(limit.name)) {
        section.fault(BAD_VALUE, limit.name, format!("{why}: leave `{}` out", limit.name));
    }
}

/// Silence that lasts as long as the whole attempt may is never noticed.
pub(super) fn check_stall(section: &Section<'_>, stall: Cap<Duration>, timeout: Duration) {
    if let Cap::At(stall) = stall
        && stall >= timeout
    {
        let [stall, timeout] = [stall, timeout].map(format_duration);
        let message = format!("`{stall}` is not less than the timeout of `{timeout}`");
        section.fault(BAD_VALUE, "stall", message);
    }
}
