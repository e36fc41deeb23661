//! Takes the dead of a shim's tree away, and knows what they used.

use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, getpid, wait};

use crate::ending::Exit;
use crate::process::Process;

/// Takes the dead of a tree away and remembers how the child ended.
pub(super) struct Reaper {
    child: Pid,
    /// How, and the CPU time in milliseconds of it and of all orphans that were reaped by then.
    pub(super) ended: Option<(Exit, u64)>,
    /// The last sweep did not get everything.
    pub(super) left: bool,
}

impl Reaper {
    pub(super) fn new(child: Pid) -> Reaper {
        Reaper { child, ended: None, left: false }
    }

    /// Reaps all that are dead; says whether any child remains.
    pub(super) fn reap(&mut self) -> bool {
        let remain = self.reap_dead();
        if let Some((_, cpu_ms)) = &mut self.ended {
            *cpu_ms = reaped_ms();
        }
        remain
    }

    fn reap_dead(&mut self) -> bool {
        loop {
            let (pid, status) = match wait(WaitOptions::NOHANG) {
                Ok(Some(dead)) => dead,
                Ok(None) => return true,
                Err(Errno::INTR) => continue,
                Err(_) => return false,
            };
            if pid != self.child {
                continue;
            }
            let exit = match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => Exit::Code(code),
                (None, signal) => Exit::Signal(signal.unwrap_or(0)),
            };
            self.ended = Some((exit, 0));
        }
    }
}

/// What everything used that this shim has taken away.
fn reaped_ms() -> u64 {
    Process::look(getpid().as_raw_nonzero().get()).map_or(0, |own| own.reaped_ticks * 10)
}
