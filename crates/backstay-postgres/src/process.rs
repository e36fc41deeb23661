//! A process named by pid and start time, so that a signal never reaches a stranger.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

/// The uid that this process acts as.
pub(crate) fn effective_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

pub(crate) fn is_root() -> bool {
    effective_uid() == 0
}

/// A process on this machine. Pids are used again; pid and start time together are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    /// Field 22 of `/proc/PID/stat`: clock ticks since boot.
    started_ticks: u64,
}

impl Process {
    /// The process that has this pid now; `None` if there is none, or only its corpse.
    pub(crate) fn of(pid: i32) -> Option<Process> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (state, started_ticks) = parse_stat(&stat)?;
        (!matches!(state, 'Z' | 'X')).then_some(Process { pid, started_ticks })
    }

    pub(crate) fn is_alive(self) -> bool {
        Process::of(self.pid) == Some(self)
    }

    /// Sends the signal if the process is still the one that was meant.
    pub(crate) fn signal(self, signal: Signal) {
        let Some(pid) = Pid::from_raw(self.pid) else { return };
        let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { return };
        // Looked at after the descriptor is there, which stays with this process.
        if self.is_alive() {
            // It may end in this very moment; the caller looks at `is_alive`, not at this.
            let _gone = pidfd_send_signal(&pidfd, signal);
        }
    }

    /// Waits for the end; false if the process outlives `limit`.
    pub(crate) fn wait_gone(self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while self.is_alive() {
            if Instant::now() >= deadline {
                return false;
            }
            thread::sleep(Duration::from_millis(5));
        }
        true
    }
}

/// State and start time. The second field is a name in brackets that may hold anything.
fn parse_stat(stat: &str) -> Option<(char, u64)> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let started_ticks = fields.nth(18)?.parse().ok()?;
    Some((state, started_ticks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_does_not_shift_the_fields() {
        let stat = "7 (a) b ( c)) S 1 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 2 3 4 5 6 7";
        assert_eq!(parse_stat(stat), Some(('S', 4242)));
    }

    #[test]
    fn this_process_is_alive_and_a_later_one_with_its_pid_is_another() {
        let me = Process::of(std::process::id() as i32).unwrap();
        assert!(me.is_alive());
        let other = Process { started_ticks: me.started_ticks + 1, ..me };
        assert!(!other.is_alive());
    }

    #[test]
    fn a_corpse_counts_as_gone() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id() as i32;
        let deadline = Instant::now() + Duration::from_secs(5);
        while Process::of(pid).is_some() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(Process::of(pid), None);
        child.wait().unwrap();
    }
}
