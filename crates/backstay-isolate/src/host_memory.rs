//! How much memory this process and its children may use: the smallest limit of its control groups, up to the root.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

const CGROUPS: &str = "/sys/fs/cgroup";

/// A limit of control groups: the file that holds it in version 2, and controller and file in version 1.
pub(crate) struct GroupLimit {
    file: &'static str,
    controller: &'static str,
    old_file: &'static str,
}

pub(crate) const MEMORY: GroupLimit =
    GroupLimit { file: "memory.max", controller: "memory", old_file: "memory.limit_in_bytes" };
pub(crate) const PROCESSES: GroupLimit =
    GroupLimit { file: "pids.max", controller: "pids", old_file: "pids.max" };

/// Gives the bytes that this process and its children may use: the smallest limit of its control groups (version 2
/// or 1), and without any of them half of the host's memory. Nothing where the host does not say.
pub fn usable_memory() -> Option<u64> {
    let groups = read_to_string("/proc/self/cgroup").unwrap_or_default();
    let host = total(&read_to_string("/proc/meminfo").ok()?)?;
    let limit = smallest(&groups, &MEMORY, host, |path| read_to_string(path).ok());
    Some(limit.unwrap_or(host / 2))
}

/// `MemTotal` in bytes.
pub(crate) fn total(table: &str) -> Option<u64> {
    let line = table.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// The smallest limit below what the host has; version 1 writes "none" as a number beyond every host.
pub(crate) fn smallest(
    groups: &str,
    limit: &GroupLimit,
    host: u64,
    read: impl Fn(&Path) -> Option<String>,
) -> Option<u64> {
    let files = groups.lines().flat_map(|line| files(Path::new(CGROUPS), line, limit));
    let limits = files.filter_map(|path| read(&path)?.trim().parse::<u64>().ok());
    limits.filter(|limit| *limit < host).min()
}

/// The files with a limit of memory for one line of `/proc/self/cgroup`, the nearest group first.
pub(crate) fn limit_files(cgroups: &Path, line: &str) -> Vec<PathBuf> {
    files(cgroups, line, &MEMORY)
}

/// Inside a container its own path may not exist, but the root that it sees does.
fn files(cgroups: &Path, line: &str, limit: &GroupLimit) -> Vec<PathBuf> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { return Vec::new() };
    let (roots, file): (&[&str], _) = match controllers {
        "" => (&["", "unified"], limit.file),
        _ if controllers.split(',').any(|it| it == limit.controller) => {
            (std::slice::from_ref(&limit.controller), limit.old_file)
        }
        _ => return Vec::new(),
    };
    let of_root = |root: &&str| {
        let root = cgroups.join(root);
        let ways = Path::new(path.trim_start_matches('/')).ancestors();
        ways.map(move |way| root.join(way).join(file)).collect::<Vec<_>>()
    };
    roots.iter().flat_map(of_root).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn with(groups: &str, files: &[(&str, &str)]) -> Option<u64> {
        smallest(groups, &MEMORY, 16 * GIB, |path| {
            let found = files.iter().find(|(name, _)| Path::new(name) == path);
            found.map(|(_, text)| (*text).to_owned())
        })
    }

    #[test]
    fn the_smallest_limit_up_to_the_root_counts() {
        let files = [
            ("/sys/fs/cgroup/app.slice/worker/memory.max", "max\n"),
            ("/sys/fs/cgroup/app.slice/memory.max", "2147483648\n"),
            ("/sys/fs/cgroup/memory.max", "4294967296\n"),
        ];
        assert_eq!(with("0::/app.slice/worker\n", &files), Some(2 * GIB));
    }

    #[test]
    fn a_path_that_is_not_seen_from_inside_falls_back_to_the_root() {
        let files = [("/sys/fs/cgroup/memory.max", "1073741824\n")];
        assert_eq!(with("0::/docker/4f1e\n", &files), Some(GIB));
    }

    #[test]
    fn version_one_is_read_and_its_word_for_none_is_none() {
        let line = "4:cpu:/\n3:memory,hugetlb:/a\n";
        let file = "/sys/fs/cgroup/memory/a/memory.limit_in_bytes";
        assert_eq!(with(line, &[(file, "9223372036854771712\n")]), None);
        assert_eq!(with(line, &[(file, "536870912\n")]), Some(GIB / 2));
    }

    #[test]
    fn nonsense_is_no_limit_and_the_host_says_its_own() {
        assert_eq!(with("what\n0::\n::\n", &[("/sys/fs/cgroup/memory.max", "x")]), None);
        assert_eq!(total("MemTotal:       16 kB\n"), Some(16 * 1024));
        assert!(usable_memory().is_some_and(|bytes| bytes > 1 << 20));
    }
}
