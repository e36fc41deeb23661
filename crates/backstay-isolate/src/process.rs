//! One process as `/proc` shows it, and the trees that processes form.

use std::collections::HashMap;
use std::fs;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// One process as `/proc` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) state: u8,
    pub(crate) parent: i32,
    pub(crate) session: i32,
    /// User and system time, without that of reaped children, in ticks of 10 ms.
    pub(crate) own_ticks: u64,
    /// User and system time of reaped children, in ticks of 10 ms.
    pub(crate) reaped_ticks: u64,
    pub(crate) threads: u32,
    /// In ticks since boot; with the pid it names a process for ever.
    pub(crate) started: u64,
    /// Resident memory in pages; the kernel may be off by some pages for every CPU.
    pub(crate) resident_pages: u64,
}

impl Process {
    pub(crate) fn look(pid: i32) -> Option<Process> {
        Process::parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Reads a line of `/proc/PID/stat`; the name in it may hold blanks, parentheses and any bytes.
    pub(crate) fn parse(stat: &[u8]) -> Option<Process> {
        let close = stat.iter().rposition(|byte| *byte == b')')?;
        let open = stat.iter().position(|byte| *byte == b'(')?;
        let pid = std::str::from_utf8(&stat[..open]).ok()?.trim().parse().ok()?;
        let rest = std::str::from_utf8(&stat[close + 1..]).ok()?;
        let mut fields = rest.split_ascii_whitespace();
        let state = *fields.next()?.as_bytes().first()?;
        let mut numbers = [0_i64; 21];
        for number in &mut numbers {
            *number = fields.next()?.parse().ok()?;
        }
        // The manual counts fields from 1, and the state is its third.
        let field = |nth: usize| u64::try_from(numbers[nth - 4]).unwrap_or(0);
        Some(Process {
            pid,
            state,
            parent: i32::try_from(numbers[0]).ok()?,
            session: i32::try_from(numbers[2]).ok()?,
            own_ticks: field(14) + field(15),
            reaped_ticks: field(16) + field(17),
            threads: u32::try_from(field(20)).ok()?,
            started: field(22),
            resident_pages: field(24),
        })
    }

    /// With that of reaped children, in ticks of 10 ms.
    pub(crate) fn all_ticks(&self) -> u64 {
        self.own_ticks + self.reaped_ticks
    }

    pub(crate) fn is_dead(&self) -> bool {
        matches!(self.state, b'Z' | b'X')
    }

    /// Sends a signal to exactly this process, never to a later one with its number.
    pub(crate) fn signal(&self, signal: Signal) {
        let Some(pid) = Pid::from_raw(self.pid) else { return };
        let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { return };
        let same = Process::look(self.pid).is_some_and(|now| now.started == self.started);
        if same {
            // It may have ended since; then there is nothing left to signal.
            let _gone = pidfd_send_signal(&pidfd, signal);
        }
    }
}

/// Pids of the direct children of a process that it has not reaped, of all its threads.
pub(crate) fn children_of(pid: i32, threads: u32) -> Vec<i32> {
    let mut found = Vec::new();
    if threads <= 1 {
        add_children(&mut found, &format!("/proc/{pid}/task/{pid}/children"));
        return found;
    }
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return found };
    for task in tasks.flatten() {
        add_children(&mut found, &format!("{}/children", task.path().display()));
    }
    found
}

fn add_children(found: &mut Vec<i32>, file: &str) {
    let Ok(text) = fs::read_to_string(file) else { return };
    found.extend(text.split_ascii_whitespace().filter_map(|pid| pid.parse::<i32>().ok()));
}

fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(Process::look)
        .collect()
}

/// Every living process below `root`, which itself is not among them.
pub(crate) fn below(root: i32) -> Vec<Process> {
    let mut children: HashMap<i32, Vec<Process>> = HashMap::new();
    for process in all() {
        children.entry(process.parent).or_default().push(process);
    }
    let (mut found, mut queue) = (Vec::new(), vec![root]);
    while let Some(parent) = queue.pop() {
        for process in children.remove(&parent).unwrap_or_default() {
            queue.push(process.pid);
            found.push(process);
        }
    }
    found.retain(|process| !process.is_dead());
    found
}

/// Every living process of a session and below its members.
pub(crate) fn of_session(session: i32) -> Vec<Process> {
    let members = all().into_iter().filter(|it| it.session == session && !it.is_dead());
    let mut found: Vec<Process> = members.collect();
    let below: Vec<Process> = found.iter().flat_map(|member| below(member.pid)).collect();
    found.extend(below);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_whatever_the_name_holds() {
        let line =
            b"42 (a ) b\xFF (c) S 7 42 40 0 -1 4194304 1 2 3 4 10 20 30 40 20 0 3 0 999 5 6 8";
        let expected = Process {
            pid: 42,
            state: b'S',
            parent: 7,
            session: 40,
            own_ticks: 30,
            reaped_ticks: 70,
            threads: 3,
            started: 999,
            resident_pages: 6,
        };
        assert_eq!(Process::parse(line), Some(expected));
        for bad in [&b""[..], b")", b"1 (x", b"1 (x) S", b"x (x) S 1 2 3"] {
            assert_eq!(Process::parse(bad), None);
        }
    }

    #[test]
    fn a_later_process_with_the_same_number_is_not_signalled() {
        let mut child = std::process::Command::new("sleep").arg("30").spawn().unwrap();
        let now = Process::look(child.id() as i32).unwrap();
        let before = Process { started: now.started - 1, ..now };
        before.signal(Signal::KILL);
        assert!(child.try_wait().unwrap().is_none());
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(child.try_wait().unwrap().is_none(), "a stranger was hit");
        now.signal(Signal::KILL);
        assert!(!child.wait().unwrap().success());
    }

    proptest::proptest! {
        #[test]
        fn no_stat_line_is_a_trouble(line: Vec<u8>) {
            let _process = Process::parse(&line);
        }
    }

    #[test]
    fn children_are_found_whichever_thread_has_started_them() {
        let (told, started) = std::sync::mpsc::channel();
        let (seen, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let child = std::process::Command::new("sleep").arg("30").spawn().unwrap();
            told.send(child).unwrap();
            // As long as it lives the child is its own.
            wait.recv().unwrap_err();
        });
        let mut child = started.recv().unwrap();
        let own = std::process::id() as i32;
        assert!(children_of(own, 2).contains(&(child.id() as i32)));
        drop(seen);
        thread.join().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
