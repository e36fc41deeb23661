//! The limits of one attempt in numbers: what its queue and kind say, and what the job itself may ask for.

use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::config::{Cpu, Memory, QueueLimits};

/// What one attempt may use; `None` means that nothing limits it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Bytes of memory of all its processes together.
    pub memory_bytes: Option<u64>,
    /// The most that a job of its queue may ask for.
    pub memory_max: Option<u64>,
    /// How much it gets of a busy processor.
    pub cpu_priority: Cpu,
    /// Cores at any time.
    pub cpu_cap: Option<f64>,
    /// Processor time.
    pub cpu_time: Option<Duration>,
    /// How long it may show no sign of life.
    pub stall: Option<Duration>,
    /// Processes and threads at once.
    pub processes: Option<u32>,
    /// Bytes in its scratch folder.
    pub disk_bytes: Option<u64>,
    /// Open files of one process.
    pub files: Option<u64>,
    /// Bytes that it may print.
    pub output_bytes: Option<u64>,
    /// Share of a busy disk.
    pub io_weight: Option<u16>,
}

const MIB: u64 = 1 << 20;
/// The least and the most that `auto` comes to.
const AUTO: (u64, u64) = (128 * MIB, 512 * MIB);
/// What a job may ask for where its queue does not say.
const MOST_TIMES: u64 = 4;

/// Gives the memory that `auto` means: an equal share of `budget` for each slot, 128 MiB to 512 MiB.
///
/// ```
/// use backstay::model::limits::auto_memory;
/// assert_eq!(auto_memory(1 << 30, 4), 256 << 20);
/// assert_eq!(auto_memory(64 << 30, 4), 512 << 20);
/// ```
#[must_use]
pub fn auto_memory(budget: u64, slots: u32) -> u64 {
    let share = budget / u64::from(slots.max(1));
    (share / MIB * MIB).clamp(AUTO.0, AUTO.1)
}

impl Limits {
    /// Puts limits as they are written into numbers; `auto` is the memory of which nothing is said.
    #[must_use]
    pub fn of(written: &QueueLimits, auto: u64) -> Limits {
        let memory = match written.memory {
            Memory::Auto => auto,
            Memory::Bytes(bytes) => bytes,
        };
        let most = written.memory_max.unwrap_or_else(|| auto.saturating_mul(MOST_TIMES));
        Limits {
            memory_bytes: Some(memory),
            memory_max: Some(most.max(memory)),
            cpu_priority: written.cpu_priority,
            cpu_cap: written.cpu_cap.get(),
            cpu_time: written.cpu_time.get(),
            stall: written.stall.get(),
            processes: Some(written.processes),
            disk_bytes: Some(written.disk_bytes),
            files: Some(written.files),
            output_bytes: Some(written.output_bytes),
            io_weight: written.io_weight.get(),
        }
    }

    /// Gives these limits with the memory that a job asks for, at most what its queue allows; and whether that was less.
    #[must_use]
    pub fn with_memory(self, asked: u64) -> (Limits, bool) {
        let memory = asked.min(self.memory_max.unwrap_or(u64::MAX));
        (Limits { memory_bytes: Some(memory), ..self }, memory < asked)
    }

    /// Writes them as a JSON object, under the names of the settings with their unit; what is not limited is left out.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let all = [
            ("memory_bytes", self.memory_bytes.map(Value::from)),
            ("cpu_priority", Some(json!(self.cpu_priority.as_str()))),
            ("cpu_cap", self.cpu_cap.map(Value::from)),
            ("cpu_time_ms", self.cpu_time.map(|span| millis(span).into())),
            ("stall_ms", self.stall.map(|span| millis(span).into())),
            ("processes", self.processes.map(Value::from)),
            ("disk_bytes", self.disk_bytes.map(Value::from)),
            ("files", self.files.map(Value::from)),
            ("output_bytes", self.output_bytes.map(Value::from)),
            ("io_weight", self.io_weight.map(Value::from)),
        ];
        let said = all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(said.collect::<Map<_, _>>())
    }
}

/// Limits as they were held: which, how strictly, and by whom. Attempts that ran alike share one.
#[derive(Debug)]
pub struct InForce {
    /// What an attempt might use.
    pub limits: Limits,
    /// How much isolation the host granted, such as `cgroup`.
    pub level: String,
    /// Who holds each limit, as a JSON object: `{"memory": "cgroup"}`.
    pub holders: Value,
    /// Its number in the database, once it has one.
    number: OnceLock<i32>,
}

impl InForce {
    /// Limits that no database knows yet.
    #[must_use]
    pub fn new(limits: Limits, level: impl Into<String>, holders: Value) -> InForce {
        InForce { limits, level: level.into(), holders, number: OnceLock::new() }
    }

    /// The number by which attempts name it.
    #[must_use]
    pub fn number(&self) -> Option<i32> {
        self.number.get().copied()
    }

    /// Notes the number; the first one stands, since a number never changes its meaning.
    pub fn set_number(&self, number: i32) {
        self.number.get_or_init(|| number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_is_a_share_of_the_budget_within_bounds() {
        for (budget_mib, slots, mib) in
            [(2048, 4, 512), (1000, 4, 250), (256, 4, 128), (0, 0, 128), (u64::MAX / MIB, 1, 512)]
        {
            assert_eq!(auto_memory(budget_mib * MIB, slots), mib * MIB, "{budget_mib} / {slots}");
        }
    }

    #[test]
    fn a_job_gets_what_it_asks_for_up_to_what_its_queue_allows() {
        let limits = Limits::of(&QueueLimits::default(), 256 * MIB);
        assert_eq!(limits.memory_bytes, Some(256 * MIB));
        assert_eq!(limits.memory_max, Some(1024 * MIB), "four times");
        let got = |mib: u64| {
            let (limits, less) = limits.with_memory(mib * MIB);
            (limits.memory_bytes.unwrap() / MIB, less)
        };
        assert_eq!(got(64), (64, false));
        assert_eq!(got(1024), (1024, false));
        assert_eq!(got(1025), (1024, true));
    }

    #[test]
    fn only_what_is_limited_is_written_down() {
        let json = Limits::of(&QueueLimits::default(), 256 * MIB).to_json();
        assert_eq!(json["memory_bytes"], 256 * MIB);
        assert_eq!(
            (&json["cpu_priority"], &json["processes"]),
            (&json!("background"), &json!(256))
        );
        assert!(json.get("cpu_time_ms").is_none() && json.get("memory_max").is_none());
    }
}
