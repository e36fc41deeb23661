//! What is looked at between two jobs of a warm child: whether the last one left anything behind in its process.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use crate::news::Wear;
use crate::process::{Process, children_of};

/// A look costs about 50 us, and thousands of jobs may come in a second: what one of them leaves is found by the next look.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The kernel's high water mark is set back at most this often, which costs a microsecond.
const RESET_EVERY: Duration = Duration::from_millis(2);

/// What sets the high water mark back to what is held now.
const RESET_PEAK: &[u8] = b"5";

/// Descriptors beyond those that were open after the first job.
const MORE_DESCRIPTORS: usize = 64;

/// What is known of a warm child between its jobs.
#[derive(Debug)]
pub(super) struct Between {
    pid: i32,
    shim: i32,
    /// Processes that belong to the program itself: they were there when it was ready.
    own: Vec<i32>,
    descriptors: Option<usize>,
    looked_at: Instant,
    clear_refs: Option<File>,
    reset_at: Option<Instant>,
}

impl Between {
    /// The child is ready, and has run nothing.
    pub(super) fn new(pid: u32, shim: u32) -> Between {
        let (pid, shim) = (pid as i32, shim as i32);
        let clear_refs = OpenOptions::new().write(true).open(format!("/proc/{pid}/clear_refs"));
        Between {
            pid,
            shim,
            own: others(pid, shim),
            descriptors: None,
            looked_at: Instant::now(),
            clear_refs: clear_refs.ok(),
            reset_at: None,
        }
    }

    /// Says whether there was a look since then.
    pub(super) fn looked_since(&self, since: Instant) -> bool {
        self.looked_at >= since
    }

    /// When the next look is due, if no job comes before.
    pub(super) fn due(&self) -> Instant {
        self.looked_at + LOOK_EVERY
    }

    /// Looks at what jobs have left; `jobs` is how many there were.
    pub(super) fn look(&mut self, now: Instant, jobs: u32) -> Option<Wear> {
        if jobs == 1 && self.descriptors.is_none() {
            self.descriptors = open_files(self.pid);
        }
        if now < self.due() {
            return None;
        }
        self.looked_at = now;
        if others(self.pid, self.shim).iter().any(|pid| !self.own.contains(pid)) {
            return Some(Wear::Descendants);
        }
        let (first, open) = (self.descriptors?, open_files(self.pid)?);
        (open >= first + MORE_DESCRIPTORS).then_some(Wear::Descriptors)
    }

    /// Sets the kernel's high water mark of memory back; says whether it now belongs to the next job alone.
    pub(super) fn reset_peak(&mut self, now: Instant) -> bool {
        if self.reset_at.is_some_and(|at| now.duration_since(at) < RESET_EVERY) {
            return false;
        }
        self.reset_at = Some(now);
        let Some(file) = &self.clear_refs else { return false };
        file.write_at(RESET_PEAK, 0).is_ok()
    }
}

/// Living processes below a shim other than its child. Those that theirs have started are not needed to know of one.
fn others(pid: i32, shim: i32) -> Vec<i32> {
    let threads = Process::look(pid).map_or(1, |child| child.threads);
    let mut found = children_of(shim, 1);
    found.extend(children_of(pid, threads));
    found.retain(|it| *it != pid && Process::look(*it).is_some_and(|process| !process.is_dead()));
    found
}

fn open_files(pid: i32) -> Option<usize> {
    Some(fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count())
}
