//! Whether the kernel has just killed something here for want of memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How old a count must be to be from before the kill.
const BEFORE: Duration = Duration::from_secs(1);

/// Where the kernel counts its kills: for our control group if we have one, else for the host.
#[derive(Debug)]
pub(crate) struct KernelKills {
    file: Option<PathBuf>,
    /// The last two counts, the newer one last.
    counts: Mutex<[Option<(Instant, u64)>; 2]>,
}

impl KernelKills {
    pub(crate) fn find() -> KernelKills {
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let file = places(&groups).into_iter().find(|file| count(file).is_some());
        let kills = KernelKills { file, counts: Mutex::default() };
        kills.note(Instant::now());
        kills
    }

    /// Notes how many there were, once a second at most.
    pub(crate) fn note(&self, now: Instant) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts[1].is_some_and(|(at, _)| now.duration_since(at) < BEFORE) {
            return;
        }
        let Some(kills) = self.file.as_deref().and_then(count) else { return };
        *counts = [counts[1], Some((now, kills))];
    }

    /// Says whether there was one within the last second or two.
    pub(crate) fn rose(&self) -> bool {
        let [older, newer] = *self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((_, before)) = older.or(newer) else { return false };
        self.file.as_deref().and_then(count).is_some_and(|now| now > before)
    }
}

/// The files that tell, the nearest one first: version 2, version 1, the host.
fn places(groups: &str) -> Vec<PathBuf> {
    let mut places = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let path = path.trim_start_matches('/');
        if controllers.is_empty() {
            places.push(Path::new("/sys/fs/cgroup").join(path).join("memory.events"));
        } else if controllers.split(',').any(|it| it == "memory") {
            places.push(Path::new("/sys/fs/cgroup/memory").join(path).join("memory.oom_control"));
            // Inside of a container the path is the host's, and the mount its own.
            places.push("/sys/fs/cgroup/memory/memory.oom_control".into());
        }
    }
    places.push("/proc/vmstat".into());
    places
}

fn count(file: &Path) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_are_counted_as_near_as_the_kernel_tells() {
        let groups = "4:memory:/docker/abc\n1:cpu,cpuacct:/\n0::/app.slice\n";
        let names: Vec<String> = places(groups).iter().map(|it| it.display().to_string()).collect();
        assert_eq!(
            names,
            [
                "/sys/fs/cgroup/memory/docker/abc/memory.oom_control",
                "/sys/fs/cgroup/memory/memory.oom_control",
                "/sys/fs/cgroup/app.slice/memory.events",
                "/proc/vmstat"
            ]
        );
        let kills = KernelKills::find();
        assert!(kills.file.is_some() && !kills.rose());
    }
}
