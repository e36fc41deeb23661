//! What the control groups of this process allow it and its children together: memory, and processes.

use std::fs::read_to_string;
use std::path::Path;

use crate::host_memory::{MEMORY, PROCESSES, smallest, total};

/// What the control groups of this process allow it and its children together, up to the root; nothing where none of them says so.
///
/// ```
/// let container = backstay_isolate::Container::look();
/// println!("{:?} bytes, {:?} processes and threads", container.memory_bytes, container.processes);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// Bytes of memory.
    pub memory_bytes: Option<u64>,
    /// Processes and threads.
    pub processes: Option<u64>,
}

impl Container {
    /// Looks at the groups in which this process is.
    pub fn look() -> Container {
        let groups = read_to_string("/proc/self/cgroup").unwrap_or_default();
        let host = read_to_string("/proc/meminfo").ok().and_then(|table| total(&table));
        Container::of(&groups, host.unwrap_or(u64::MAX), |path| read_to_string(path).ok())
    }

    fn of(groups: &str, host: u64, read: impl Fn(&Path) -> Option<String> + Copy) -> Container {
        Container {
            memory_bytes: smallest(groups, &MEMORY, host, read),
            processes: smallest(groups, &PROCESSES, u64::MAX, read),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_limits_of_both_versions_are_found_and_none_is_none() {
        let of = |groups: &str, files: &[(&str, &str)]| {
            Container::of(groups, 16 << 30, |path| {
                let found = files.iter().find(|(name, _)| Path::new(name) == path);
                found.map(|(_, text)| (*text).to_owned())
            })
        };
        let files = [
            ("/sys/fs/cgroup/app/pids.max", "max\n"),
            ("/sys/fs/cgroup/pids.max", "512\n"),
            ("/sys/fs/cgroup/app/memory.max", "1073741824\n"),
        ];
        let both = Container { memory_bytes: Some(1 << 30), processes: Some(512) };
        assert_eq!(of("0::/app\n", &files), both);
        let old = [("/sys/fs/cgroup/pids/a/pids.max", "64\n")];
        let few = Container { memory_bytes: None, processes: Some(64) };
        assert_eq!(of("8:pids:/a\n3:memory:/a\n", &old), few);
        assert_eq!(of("0::/app\n", &[]), Container::default());
    }
}
