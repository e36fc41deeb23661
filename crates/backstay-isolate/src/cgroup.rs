//! Control groups version 2: a group for every child below one for all children of this supervisor, so that the kernel holds the limits.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ending::GroupOom;
use crate::limits::{CpuPriority, Limits};
use crate::process::Process;

/// Where the supervisor itself stands, beside `jobs`: a group with groups below may hold no process.
pub(crate) const SUPERVISOR: &str = "supervisor";
const JOBS: &str = "jobs";

/// All children together against their supervisor, and each among the others.
const JOBS_WEIGHT: u32 = 20;

/// In microseconds: the kernel's own default.
const CAP_PERIOD: u32 = 100_000;

/// A group may be busy for a moment after its last process has gone.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The groups of this supervisor: `C/jobs/<pid>-<start>-<nth>/<number>`, where C is the group that was given to us.
#[derive(Debug)]
pub(crate) struct Groups {
    own: PathBuf,
    /// Where the supervisor stands, and its shims.
    home: PathBuf,
    pub(crate) cpu: bool,
    pub(crate) io: bool,
    count: AtomicU64,
}

/// Where a shim goes while it starts its child, and where it goes back to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Seat {
    pub(crate) group: PathBuf,
    pub(crate) home: PathBuf,
}

/// What the processes of a group have used of the processors, the dead among them.
#[derive(Debug)]
pub(crate) struct CpuMeter {
    file: fs::File,
}

impl CpuMeter {
    /// Since the group was made.
    pub(crate) fn read(&self) -> Option<Duration> {
        let mut text = [0; 512];
        let read = self.file.read_at(&mut text, 0).ok()?;
        used(std::str::from_utf8(&text[..read]).ok()?)
    }
}

fn used(stat: &str) -> Option<Duration> {
    let used = stat.lines().find_map(|line| line.strip_prefix("usage_usec "))?;
    Some(Duration::from_micros(used.trim().parse().ok()?))
}

/// The group of one child.
#[derive(Debug)]
pub(crate) struct Group {
    path: PathBuf,
    home: PathBuf,
}

impl Groups {
    /// Takes the supervisor's own group in hand: two walls, one around all children (`budget`), one
    /// around each.
    ///
    /// # Errors
    /// Why there can be no groups here, for people.
    pub(crate) fn prepare(budget: Option<u64>) -> Result<Groups, String> {
        let (top, is_root) = top()?;
        let controllers = read(&top.join("cgroup.controllers"))?;
        for needed in ["memory", "pids"] {
            if !controllers.split_whitespace().any(|it| it == needed) {
                return Err(format!("controller `{needed}` is not given to `{}`", top.display()));
            }
        }
        make(&top.join(JOBS))?;
        clear_way(&top, is_root)?;
        let jobs = top.join(JOBS);
        let (cpu, io) = (enable(&top, "cpu"), enable(&top, "io"));
        enable_needed(&jobs)?;
        let (cpu, io) = (cpu && enable(&jobs, "cpu"), io && enable(&jobs, "io"));
        let _no_controller = write(&jobs.join("cpu.weight"), &JOBS_WEIGHT.to_string());
        remove_abandoned(&jobs);
        let own = jobs.join(own_name());
        make(&own)?;
        let budget = budget.map_or("max".to_owned(), |bytes| bytes.to_string());
        write(&own.join("memory.max"), &budget).map_err(|error| error.to_string())?;
        enable_needed(&own)?;
        let (cpu, io) = (cpu && enable(&own, "cpu"), io && enable(&own, "io"));
        let (home, _) = own_group()?;
        let groups = Groups { own, home, cpu, io, count: AtomicU64::new(0) };
        // What cannot be done for a child should be known before the first one.
        groups.probe().map_err(|error| format!("a group cannot be limited: {error}"))?;
        Ok(groups)
    }

    /// Makes and limits a group as for a child, and removes it.
    pub(crate) fn probe(&self) -> io::Result<()> {
        self.make(&Limits { memory_bytes: Some(32 << 20), ..Limits::default() })?.remove();
        Ok(())
    }

    /// Makes the group of a child and sets its limits.
    pub(crate) fn make(&self, limits: &Limits) -> io::Result<Group> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let group = Group { path: self.own.join(number.to_string()), home: self.home.clone() };
        fs::create_dir(&group.path)?;
        let limited = self.limit(&group, limits);
        if limited.is_err() {
            group.remove();
        }
        limited.map(|()| group)
    }

    fn limit(&self, group: &Group, limits: &Limits) -> io::Result<()> {
        let set = |file: &str, value: String| write(&group.path.join(file), &value);
        if let Some(bytes) = limits.memory_bytes {
            set("memory.max", bytes.to_string())?;
            // Kernels without swap have no such file.
            let _no_swap = set("memory.swap.max", "0".to_owned());
        }
        set("memory.oom.group", "1".to_owned())?;
        if let Some(processes) = limits.processes {
            set("pids.max", processes.to_string())?;
        }
        if self.cpu {
            set("cpu.weight", weight(limits.cpu_priority).to_string())?;
            if let Some(cores) = limits.cpu_cap {
                let quota = (f64::from(cores) * f64::from(CAP_PERIOD)).max(1000.0) as u64;
                set("cpu.max", format!("{quota} {CAP_PERIOD}"))?;
            }
        }
        if let (true, Some(weight)) = (self.io, limits.io_weight) {
            // Only some schedulers of disks know it.
            let _not_known = set("io.weight", format!("default {weight}"));
        }
        Ok(())
    }

    /// Takes everything away at the end.
    pub(crate) fn close(&self) {
        let _busy = write(&self.own.join("cgroup.kill"), "1");
        remove(&self.own);
    }
}

impl Group {
    pub(crate) fn seat(&self) -> Seat {
        Seat { group: self.path.clone(), home: self.home.clone() }
    }

    /// Gives what tells its CPU time; some kernels keep no such account.
    pub(crate) fn cpu_meter(&self) -> Option<CpuMeter> {
        let meter = CpuMeter { file: fs::File::open(self.path.join("cpu.stat")).ok()? };
        meter.read().map(|_| meter)
    }

    /// Kills every process in it at once; older kernels cannot, and leave it to the shim.
    pub(crate) fn kill(&self) {
        let _older_kernel = write(&self.path.join("cgroup.kill"), "1");
    }

    /// Says what the kernel killed in it for want of memory; to be asked after the end.
    pub(crate) fn oom(&self) -> GroupOom {
        let events = fs::read_to_string(self.path.join("memory.events.local"))
            .or_else(|_| fs::read_to_string(self.path.join("memory.events")));
        judge(&events.unwrap_or_default())
    }

    /// Removes it; waits until its processes are gone, at most some seconds. To be called aside.
    pub(crate) fn remove(&self) {
        remove(&self.path);
    }
}

impl Seat {
    /// Moves this process into the child's group, before the child exists.
    pub(crate) fn take(&self) -> io::Result<()> {
        write(&self.group.join("cgroup.procs"), "0")
    }

    /// Moves this process back, so that what ends the group does not end its shim.
    pub(crate) fn leave(&self) -> io::Result<()> {
        write(&self.home.join("cgroup.procs"), "0")
    }
}

/// Its own limit, or that of all together, in which case it is the victim.
fn judge(events: &str) -> GroupOom {
    let count = |name: &str| {
        let line = events.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|number| number.trim().parse::<u64>().ok()).unwrap_or(0)
    };
    match (count("oom"), count("oom_kill")) {
        (_, 0) => GroupOom::None,
        (0, _) => GroupOom::Victim,
        _ => GroupOom::Own,
    }
}

fn weight(priority: CpuPriority) -> u32 {
    match priority {
        CpuPriority::Normal => 100,
        CpuPriority::Background => 20,
        CpuPriority::Idle => 1,
    }
}

/// The group that was given to us, and whether it is the root of what we can see.
fn top() -> Result<(PathBuf, bool), String> {
    let (own, is_root) = own_group()?;
    // A service manager may have put us there already, or an earlier supervisor has.
    match own.parent() {
        Some(parent) if own.ends_with(SUPERVISOR) => Ok((parent.to_owned(), false)),
        _ => Ok((own, is_root)),
    }
}

fn own_group() -> Result<(PathBuf, bool), String> {
    let groups = read(Path::new("/proc/self/cgroup"))?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"));
    let path = path.ok_or("this kernel has no control groups version 2")?;
    let mounts = read(Path::new("/proc/self/mountinfo"))?;
    let mount = mounts.lines().find_map(mounted).ok_or("control groups are not mounted")?;
    let below = path.strip_prefix(mount.0.trim_end_matches('/')).unwrap_or(path);
    let below = below.trim_start_matches('/');
    Ok((Path::new(mount.1).join(below), below.is_empty()))
}

/// Root and place of a mount of control groups version 2.
fn mounted(line: &str) -> Option<(&str, &str)> {
    let (mount, kind) = line.split_once(" - ")?;
    let mut fields = mount.split(' ').skip(3);
    kind.starts_with("cgroup2 ").then_some((fields.next()?, fields.next()?))
}

/// Gives the controllers to the groups below; processes that stand in the way go first.
fn clear_way(top: &Path, is_root: bool) -> Result<(), String> {
    if enable_needed(top).is_ok() {
        return Ok(());
    }
    let own = std::process::id().to_string();
    let present = read(&top.join("cgroup.procs"))?;
    let other = present.lines().find(|pid| *pid != own);
    if let (Some(pid), false) = (other, is_root) {
        let _left = fs::remove_dir(top.join(JOBS));
        return Err(format!("process {pid} stands in the way in `{}`", top.display()));
    }
    let supervisor = top.join(SUPERVISOR);
    make(&supervisor)?;
    for pid in present.lines() {
        // It may be gone, or a thread of the kernel.
        let _stays = write(&supervisor.join("cgroup.procs"), pid);
    }
    enable_needed(top)
}

fn enable_needed(group: &Path) -> Result<(), String> {
    let file = group.join("cgroup.subtree_control");
    write(&file, "+memory +pids").map_err(|error| format!("`{}`: {error}", file.display()))
}

fn enable(group: &Path, controller: &str) -> bool {
    write(&group.join("cgroup.subtree_control"), &format!("+{controller}")).is_ok()
}

fn make(group: &Path) -> Result<(), String> {
    match fs::create_dir(group) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(format!("`{}` cannot be made: {error}", group.display()))
        }
        _ => Ok(()),
    }
}

/// Removes a group with those below it, which are one level deep.
fn remove(group: &Path) {
    let mut wait = Duration::from_millis(10);
    loop {
        for below in fs::read_dir(group).into_iter().flatten().flatten() {
            if below.file_type().is_ok_and(|kind| kind.is_dir()) {
                let _busy = fs::remove_dir(below.path());
            }
        }
        match fs::remove_dir(group) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && wait < LONGEST_WAIT => {
                std::thread::sleep(wait);
                wait *= 2;
            }
            // What is left goes at the next start of a supervisor.
            _ => return,
        }
    }
}

/// Pid and start name a process for ever; a process may have several launchers.
fn own_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let (pid, nth) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let started = Process::look(pid as i32).map_or(0, |own| own.started);
    format!("{pid}-{started}-{nth}")
}

/// Kills and removes what dead supervisors have left.
fn remove_abandoned(jobs: &Path) {
    for entry in fs::read_dir(jobs).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let mut parts = name.to_str().unwrap_or("").split('-');
        let (Some(pid), Some(started)) = (parts.next(), parts.next()) else { continue };
        let (Ok(pid), Ok(started)) = (pid.parse(), started.parse::<u64>()) else { continue };
        if Process::look(pid).is_none_or(|it| it.started != started) {
            let _busy = write(&entry.path().join("cgroup.kill"), "1");
            remove(&entry.path());
        }
    }
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("`{}`: {error}", file.display()))
}

/// One write, which is what the kernel takes as one command; never makes a file.
fn write(file: &Path, value: &str) -> io::Result<()> {
    use std::io::Write;
    fs::OpenOptions::new().write(true).open(file)?.write_all(value.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guilty_is_told_from_the_victim() {
        let events = |oom, kills| {
            format!("low 0\nhigh 0\nmax 9\noom {oom}\noom_kill {kills}\noom_group_kill 1\n")
        };
        assert_eq!(judge(&events(0, 0)), GroupOom::None);
        assert_eq!(judge(&events(3, 0)), GroupOom::None);
        assert_eq!(judge(&events(1, 2)), GroupOom::Own);
        assert_eq!(judge(&events(0, 2)), GroupOom::Victim);
        assert_eq!(judge(""), GroupOom::None);
    }

    proptest::proptest! {
        #[test]
        fn no_events_are_a_trouble(text in "([a-z_]{0,10} {0,2}-?[0-9]{0,25}\n?){0,6}|\\PC{0,80}") {
            let _judged = judge(&text);
        }

        #[test]
        fn a_kill_without_an_own_want_is_a_victims(kills in 1_u64.., others: Vec<u32>) {
            let lines: String = others.iter().map(|number| format!("max {number}\n")).collect();
            let events = format!("{lines}oom 0\noom_kill {kills}\noom_group_kill 7\n");
            proptest::prop_assert_eq!(judge(&events), GroupOom::Victim);
        }

        #[test]
        fn no_mount_is_a_trouble(line in "([0-9a-z/:.,-]{0,9} {0,2}){0,12}|\\PC{0,80}") {
            let _place = mounted(&line);
        }
    }

    #[test]
    fn the_account_of_processors_is_read() {
        let stat = "usage_usec 1500000\nuser_usec 1\nsystem_usec 2\n";
        assert_eq!(used(stat), Some(Duration::from_millis(1500)));
        assert_eq!(used("user_usec 1\n"), None);
    }

    #[test]
    fn the_mount_is_found_among_others() {
        let line = "35 25 0:30 /unit /sys/fs/cgroup ro,nosuid shared:9 - cgroup2 cgroup2 rw";
        assert_eq!(mounted(line), Some(("/unit", "/sys/fs/cgroup")));
        assert_eq!(mounted("1 2 0:3 / /x rw - cgroup cgroup rw,memory"), None);
        assert_eq!(mounted("nonsense"), None);
    }
}
