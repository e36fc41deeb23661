//! The processes below one shim, found anew only when something new may be among them.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::process::{Process, below, children_of};

/// After this the tree is walked again in any case.
const KNOWN: Duration = Duration::from_millis(250);

/// Open files that a tree may cost: one for each process, so that a look is one read. A fork bomb
/// must not eat the descriptors of its supervisor.
const OPEN: usize = 8;

/// The last process or thread that anybody here has started: if it is the same, no tree has grown.
#[derive(Debug, Default)]
pub(super) struct Newest {
    file: Option<File>,
    at: Option<Instant>,
    pid: Option<u64>,
}

impl Newest {
    /// Gives its number, read at most once per round.
    fn pid(&mut self, now: Instant) -> Option<u64> {
        if self.at == Some(now) {
            return self.pid;
        }
        if self.file.is_none() {
            self.file = File::open("/proc/loadavg").ok();
        }
        let mut text = [0; 128];
        let read = self.file.as_ref()?.read_at(&mut text, 0).ok()?;
        let text = std::str::from_utf8(&text[..read]).ok()?;
        self.at = Some(now);
        self.pid = text.split_ascii_whitespace().last()?.parse().ok();
        self.pid
    }
}

#[derive(Debug)]
struct Member {
    pid: i32,
    stat: Option<File>,
}

/// What a look at a tree has found.
#[derive(Clone, Debug, Default)]
pub(super) struct Look {
    pub(super) processes: Vec<Process>,
    pub(super) tasks: u32,
    /// Of the whole tree, the dead that its shim has reaped among them.
    pub(super) ticks: u64,
}

impl Look {
    pub(super) fn resident_bytes(&self) -> u64 {
        let pages: u64 = self.processes.iter().map(|it| it.resident_pages).sum();
        pages * rustix::param::page_size() as u64
    }

    pub(super) fn pids(&self) -> Vec<i32> {
        self.processes.iter().map(|it| it.pid).collect()
    }
}

/// The processes below one shim.
#[derive(Debug)]
pub(super) struct Tree {
    shim: Member,
    members: Vec<Member>,
    walked: Option<(Instant, Option<u64>)>,
}

impl Tree {
    pub(super) fn new(shim: i32) -> Tree {
        Tree { shim: Member::new(shim, true), members: Vec::new(), walked: None }
    }

    /// Looks at all of them; stops counting when there are more than `most` tasks.
    pub(super) fn look(&mut self, now: Instant, newest: &mut Newest, most: u32) -> Look {
        let newest = newest.pid(now);
        let known = self.walked.is_some_and(|(at, pid)| {
            pid.is_some() && pid == newest && now.duration_since(at) < KNOWN
        });
        let found = if known { self.look_again() } else { None };
        let processes = found.unwrap_or_else(|| {
            self.walked = Some((now, newest));
            self.walk(most)
        });
        let reaped = self.shim.look().map_or(0, |shim| shim.reaped_ticks);
        Look {
            tasks: processes.iter().map(tasks).sum(),
            ticks: reaped + processes.iter().map(Process::all_ticks).sum::<u64>(),
            processes,
        }
    }

    /// Looks at the known ones; `None` if one is gone, since what it had started now stands elsewhere.
    fn look_again(&self) -> Option<Vec<Process>> {
        self.members.iter().map(Member::look).collect()
    }

    fn walk(&mut self, most: u32) -> Vec<Process> {
        let found =
            if has_children_files() { walk(self.shim.pid, most) } else { below(self.shim.pid) };
        self.members.retain(|member| found.iter().any(|it| it.pid == member.pid));
        for process in &found {
            if !self.members.iter().any(|member| member.pid == process.pid) {
                self.members.push(Member::new(process.pid, self.members.len() < OPEN));
            }
        }
        found
    }
}

/// Some kernels are built without the files that name a process's children.
fn has_children_files() -> bool {
    static HAS: OnceLock<bool> = OnceLock::new();
    *HAS.get_or_init(|| {
        let own = std::process::id();
        std::path::Path::new(&format!("/proc/{own}/task/{own}/children")).exists()
    })
}

fn walk(shim: i32, most: u32) -> Vec<Process> {
    let (mut found, mut count) = (Vec::new(), 0_u32);
    let mut queue = children_of(shim, 1);
    while let Some(pid) = queue.pop() {
        let Some(process) = Process::look(pid) else { continue };
        found.push(process);
        count = count.saturating_add(tasks(&process));
        if count > most {
            break;
        }
        queue.extend(children_of(pid, process.threads));
    }
    found
}

/// As the kernel counts: one that is dead and not reaped is one, too, and its CPU time is not lost.
fn tasks(process: &Process) -> u32 {
    process.threads.max(1)
}

impl Member {
    fn new(pid: i32, open: bool) -> Member {
        let stat = if open { File::open(format!("/proc/{pid}/stat")).ok() } else { None };
        Member { pid, stat }
    }

    fn look(&self) -> Option<Process> {
        let Some(stat) = &self.stat else { return Process::look(self.pid) };
        let mut line = [0; 1024];
        let read = stat.read_at(&mut line, 0).ok()?;
        Process::parse(&line[..read])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_found_and_found_again_when_it_has_grown() {
        let mut shell = std::process::Command::new("sh")
            .args(["-c", "sleep 30 & read line; sleep 31 & sleep 32 & wait"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let (mut tree, mut newest) = (Tree::new(shell.id() as i32), Newest::default());
        let mut seen = |count: usize| {
            let until = Instant::now() + Duration::from_secs(5);
            loop {
                let look = tree.look(Instant::now(), &mut newest, 1000);
                // In the middle of an exec a process holds nothing.
                if look.processes.len() == count && look.resident_bytes() > 0 {
                    return look;
                }
                assert!(Instant::now() < until, "{look:?}");
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        assert_eq!(seen(1).tasks, 1);
        drop(shell.stdin.take());
        for process in seen(3).processes {
            process.signal(rustix::process::Signal::KILL);
        }
        shell.wait().unwrap();
    }
}
