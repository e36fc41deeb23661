//! Every bound of a pool and of a single child: unit, default, range.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::output::OutputLimits;

const MIB: u64 = 1024 * 1024;

/// What one child with all its descendants may use; `None` means not limited.
///
/// How exactly each of them is held depends on [`crate::Level`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Resident memory of the tree in bytes; default none. At least 32 MiB makes sense.
    pub memory_bytes: Option<u64>,
    /// Who comes first when CPU is short; default `Background`.
    pub cpu_priority: CpuPriority,
    /// Cores at once, such as 0.5; default none. Held at level `cgroup` only.
    pub cpu_cap: Option<f32>,
    /// CPU time of one attempt; default none.
    pub cpu_time: Option<Duration>,
    /// Time without message, output and noteworthy CPU time; default none.
    pub stall: Option<Duration>,
    /// Processes and threads together, as the kernel counts; default 256.
    pub processes: Option<u32>,
    /// Bytes in its scratch folder, and the size of any file that it writes; default 2 GiB.
    pub disk_bytes: Option<u64>,
    /// Open files of each of its processes; default 1,024.
    pub files: Option<u64>,
    /// Weight of its disk traffic, 1 to 10,000; default none. Held at level `cgroup` only.
    pub io_weight: Option<u16>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            memory_bytes: None,
            cpu_priority: CpuPriority::default(),
            cpu_cap: None,
            cpu_time: None,
            stall: None,
            processes: Some(256),
            disk_bytes: Some(2048 * MIB),
            files: Some(1024),
            io_weight: None,
        }
    }
}

/// Who comes first when CPU is short. Nothing is slower while nobody else wants the CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CpuPriority {
    /// As the supervisor: nice 0, weight 100.
    Normal,
    /// After everything in front of people: nice 10, weight 20.
    #[default]
    Background,
    /// What is left over: nice 19, weight 1.
    Idle,
}

impl CpuPriority {
    /// Gives the word for it: `normal`, `background` or `idle`.
    pub fn as_str(self) -> &'static str {
        match self {
            CpuPriority::Normal => "normal",
            CpuPriority::Background => "background",
            CpuPriority::Idle => "idle",
        }
    }
}

/// Bounds a pool.
#[derive(Clone, Copy, Debug)]
pub struct PoolLimits {
    /// Attempts at once; default 4, at least 1.
    pub size: usize,
    /// Time until `ready`; default 30 s.
    pub boot: Duration,
    /// Jobs per warm child; default 1,000. With 1 every attempt has a fresh child.
    pub recycle_jobs: u32,
    /// Age of a warm child; default 1 h.
    pub recycle_age: Duration,
    /// Share of its memory limit that a warm child may hold while it does nothing; default 0.5.
    pub recycle_memory: f64,
    /// What an attempt may print.
    pub output: OutputLimits,
    /// What each child may use.
    pub limits: Limits,
    /// Whether children live only as long as [`crate::Launcher::hold`] says; default false.
    pub held: bool,
}

impl Default for PoolLimits {
    fn default() -> PoolLimits {
        PoolLimits {
            size: 4,
            boot: Duration::from_secs(30),
            recycle_jobs: 1_000,
            recycle_age: Duration::from_secs(3600),
            recycle_memory: 0.5,
            output: OutputLimits::default(),
            limits: Limits::default(),
            held: false,
        }
    }
}
