//! How near this process and its children are to the end of their memory, as their control groups tell it from moment to moment.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

use crate::cgroup::SUPERVISOR;
use crate::host_memory::limit_files;

/// What the control groups say of memory at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MemoryNow {
    /// The working set of the group that is nearest to its limit, as a share of that limit: what stands in memory without
    /// the file pages that can go. None where no group has a limit.
    pub used: Option<f64>,
    /// The share of the last 10 s in which everything in our group stood still for want of memory, in per cent. None where
    /// the kernel does not say.
    pub full_avg10: Option<f64>,
}

/// Looks at the memory of our control groups, of version 2 or 1.
#[derive(Debug, Clone)]
pub struct MemoryProbe {
    /// The files with the limits, the nearest group first.
    limits: Vec<PathBuf>,
    pressure: Option<PathBuf>,
}

impl MemoryProbe {
    /// Finds the groups of this process. `root` is the folder that holds `proc` and `sys`: `/`, or another one in tests.
    pub fn new(root: &Path) -> MemoryProbe {
        let groups = read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
        let cgroups = root.join("sys/fs/cgroup");
        let limits: Vec<PathBuf> =
            groups.lines().flat_map(|line| limit_files(&cgroups, family(line))).collect();
        let of_group = |limit: &PathBuf| limit.with_file_name("memory.pressure");
        let mut places = limits.iter().map(of_group).chain([root.join("proc/pressure/memory")]);
        let pressure = places.find(|file| full_avg10(file).is_some());
        MemoryProbe { limits, pressure }
    }

    /// Looks now: some small files of the kernel, which may take long where memory is short; not for a thread that
    /// others wait for.
    pub fn look(&self) -> MemoryNow {
        let shares = self.limits.iter().filter_map(|limit| share(limit));
        MemoryNow {
            used: shares.reduce(f64::max),
            full_avg10: self.pressure.as_deref().and_then(full_avg10),
        }
    }
}

/// The group that the children have in common with us: theirs stand beside the one that is only ours.
fn family(line: &str) -> &str {
    line.strip_suffix(SUPERVISOR).and_then(|line| line.strip_suffix('/')).unwrap_or(line)
}

fn share(limit: &Path) -> Option<f64> {
    let (current, inactive) = match limit.file_name()?.to_str()? {
        "memory.max" => ("memory.current", "inactive_file "),
        _ => ("memory.usage_in_bytes", "total_inactive_file "),
    };
    let most = number(limit)?;
    let used = number(&limit.with_file_name(current))?;
    let stat = read_to_string(limit.with_file_name("memory.stat")).unwrap_or_default();
    let can_go = stat.lines().find_map(|line| line.strip_prefix(inactive)?.trim().parse().ok());
    // Version 1 writes "none" as a number beyond every host, of which nothing is a share.
    (most > 0).then(|| used.saturating_sub(can_go.unwrap_or(0)) as f64 / most as f64)
}

fn number(file: &Path) -> Option<u64> {
    read_to_string(file).ok()?.trim().parse().ok()
}

/// `full avg10=1.23 avg60=... `.
fn full_avg10(file: &Path) -> Option<f64> {
    let text = read_to_string(file).ok()?;
    let full = text.lines().find_map(|line| line.strip_prefix("full avg10="))?;
    full.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A folder of files that look like the kernel's; removed in the end.
    struct Host(PathBuf);

    impl Host {
        fn new(files: &[(&str, &str)]) -> Host {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let name = format!(
                "backstay-pressure-{}-{}",
                std::process::id(),
                NEXT.fetch_add(1, Ordering::Relaxed)
            );
            let root = std::env::temp_dir().join(name);
            for (file, text) in files {
                let file = root.join(file);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, text).unwrap();
            }
            Host(root)
        }
    }

    impl Drop for Host {
        fn drop(&mut self) {
            // Without files there is no folder.
            let _none = fs::remove_dir_all(&self.0);
        }
    }

    #[track_caller]
    fn check(files: &[(&str, &str)], used: Option<f64>, full_avg10: Option<f64>) {
        let host = Host::new(files);
        assert_eq!(MemoryProbe::new(&host.0).look(), MemoryNow { used, full_avg10 });
    }

    #[test]
    fn the_group_nearest_to_its_limit_counts_without_the_pages_that_can_go() {
        let files = [
            ("proc/self/cgroup", "0::/app/worker\n"),
            ("proc/pressure/memory", "full avg10=99.00 avg60=1.00 avg300=0.00 total=1\n"),
            ("sys/fs/cgroup/app/worker/memory.max", "max\n"),
            (
                "sys/fs/cgroup/app/worker/memory.pressure",
                "some avg10=9.00\nfull avg10=2.50 avg60=0.00\n",
            ),
            ("sys/fs/cgroup/app/memory.max", "1000\n"),
            ("sys/fs/cgroup/app/memory.current", "900\n"),
            ("sys/fs/cgroup/app/memory.stat", "anon 400\ninactive_file 500\n"),
            ("sys/fs/cgroup/memory.max", "4000\n"),
            ("sys/fs/cgroup/memory.current", "3000\n"),
        ];
        check(&files, Some(0.75), Some(2.5));
        check(&files[..7], Some(0.4), Some(2.5));
        check(&files[..4], None, Some(2.5));
    }

    #[test]
    fn the_group_of_the_children_counts_too_where_the_supervisor_has_one_of_its_own() {
        let files = [
            ("proc/self/cgroup", "0::/unit/supervisor\n"),
            ("sys/fs/cgroup/unit/supervisor/memory.pressure", "full avg10=1.00\n"),
            ("sys/fs/cgroup/unit/memory.pressure", "full avg10=7.00\n"),
        ];
        check(&files, None, Some(7.0));
    }

    #[test]
    fn version_one_is_read_and_has_the_pressure_of_the_host() {
        let files = [
            ("proc/self/cgroup", "3:memory:/a\n1:cpu:/\n"),
            ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1000\n"),
            ("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "950\n"),
            ("sys/fs/cgroup/memory/a/memory.stat", "inactive_file 1\ntotal_inactive_file 150\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "4000\n"),
            ("proc/pressure/memory", "full avg10=0.50 avg60=0.00\n"),
        ];
        check(&files, Some(0.8), Some(0.5));
        check(&files[..1], None, None);
        check(&[], None, None);
    }
}
