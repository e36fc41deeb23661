//! What a child may use, as far as its shim can see to it: resource limits, priority, and who dies first when memory is short.

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setpriority_process, setrlimit};
use serde::{Deserialize, Serialize};

use crate::limits::{CpuPriority, Limits};

const MIB: u64 = 1024 * 1024;

/// Children die before their supervisor when memory is short. An offset, and no fixed number: what the supervisor
/// is worth to its host stays in the sum.
const OOM_SCORE_OFFSET: i32 = 300;
const OOM_SCORE_MOST: i32 = 1000;

/// Between SIGXCPU and SIGKILL.
const CPU_SECONDS_MORE: u64 = 5;

/// What is set before a child starts; every process below it inherits it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Confinement {
    /// Only a backstop: it counts what was reserved, such as stacks of threads, and not what is
    /// shared. The limit itself is held by the watch, or by the kernel's control group.
    data_bytes: Option<u64>,
    file_bytes: Option<u64>,
    files: Option<u64>,
    cpu_seconds: Option<u64>,
    priority: CpuPriority,
}

impl Confinement {
    /// `one_job`: the process runs no second one, so that its CPU time is that of the job.
    pub(crate) fn new(limits: &Limits, one_job: bool) -> Confinement {
        let seconds = |time: Duration| time.as_secs().saturating_add(1);
        Confinement {
            data_bytes: limits.memory_bytes.map(|bytes| bytes.saturating_mul(2) + 512 * MIB),
            file_bytes: limits.disk_bytes,
            files: limits.files,
            cpu_seconds: limits.cpu_time.filter(|_| one_job).map(seconds),
            priority: limits.cpu_priority,
        }
    }

    /// Sets on this process what its child is to inherit, and what does not harm a shim. What is
    /// not permitted is left as it is: the watch holds the limits that matter.
    pub(super) fn put_on(self) -> Worn {
        let _kept = rustix::thread::set_no_new_privs(true);
        set(Resource::Core, Some(0));
        set(Resource::Data, self.data_bytes);
        set(Resource::Fsize, self.file_bytes);
        let score = own_oom_score();
        set_oom_score(score.saturating_add(OOM_SCORE_OFFSET).min(OOM_SCORE_MOST));
        let nice = nice(self.priority);
        if nice > 0 {
            let _kept = setpriority_process(None, nice);
            // In a session of its own a process is weighed by its group, and nice alone does nothing.
            let _no_autogroups = fs::write("/proc/self/autogroup", nice.to_string());
        }
        Worn { oom_score: score }
    }

    /// Sets on a child that has just started what its shim itself cannot live with.
    pub(super) fn put_on_child(self, child: Pid) {
        if let Some(files) = self.files {
            limit_child(child, Resource::Nofile, files, files);
        }
        if let Some(seconds) = self.cpu_seconds {
            limit_child(child, Resource::Cpu, seconds, seconds.saturating_add(CPU_SECONDS_MORE));
        }
    }
}

/// What a shim wears only until its child has it.
pub(super) struct Worn {
    oom_score: i32,
}

impl Worn {
    /// A shim that is needed to kill should run soon and die late. Only the privileged may take the
    /// priority back.
    pub(super) fn take_off(self) {
        let _not_permitted = setpriority_process(None, 0);
        set_oom_score(self.oom_score);
    }
}

fn nice(priority: CpuPriority) -> i32 {
    match priority {
        CpuPriority::Normal => 0,
        CpuPriority::Background => 10,
        CpuPriority::Idle => 19,
    }
}

fn set(resource: Resource, value: Option<u64>) {
    let Some(value) = value else { return };
    let value = lowered(resource, value);
    let _kept = setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) });
}

fn limit_child(child: Pid, resource: Resource, current: u64, maximum: u64) {
    let (current, maximum) = (lowered(resource, current), lowered(resource, maximum));
    let limit = Rlimit { current: Some(current), maximum: Some(maximum) };
    // It may have ended already.
    let _gone = prlimit(Some(child), resource, limit);
}

/// Nobody can raise what somebody else has bound.
fn lowered(resource: Resource, value: u64) -> u64 {
    getrlimit(resource).maximum.map_or(value, |maximum| value.min(maximum))
}

fn own_oom_score() -> i32 {
    let text = fs::read_to_string("/proc/self/oom_score_adj").unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

fn set_oom_score(score: i32) {
    let _kept = fs::write("/proc/self/oom_score_adj", score.to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backstop_leaves_room_for_what_is_only_reserved() {
        let limits = Limits { memory_bytes: Some(256 * MIB), ..Limits::default() };
        assert_eq!(Confinement::new(&limits, false).data_bytes, Some(1024 * MIB));
        assert_eq!(Confinement::new(&Limits::default(), false).data_bytes, None);
    }

    #[test]
    fn cpu_seconds_bind_only_a_process_that_runs_one_job() {
        let limits = Limits { cpu_time: Some(Duration::from_millis(1500)), ..Limits::default() };
        assert_eq!(Confinement::new(&limits, true).cpu_seconds, Some(2));
        assert_eq!(Confinement::new(&limits, false).cpu_seconds, None);
    }
}
