//! As the first process of a container, takes away the dead that nobody else will: orphans of a killed shim.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, getpid, waitid};

use crate::process::{Process, children_of};

/// Shims are reaped within milliseconds; whoever has lain for longer is a stranger.
const NOBODYS: Duration = Duration::from_secs(1);

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// The dead children of this process in other sessions, with the time at which each was first seen.
pub(super) struct Strangers {
    /// Orphans come to the first process of a namespace, and to no other.
    is_first: bool,
    seen: HashMap<(i32, u64), Instant>,
    due: Option<Instant>,
}

impl Strangers {
    pub(super) fn new() -> Strangers {
        Strangers { is_first: getpid().is_init(), seen: HashMap::new(), due: None }
    }

    /// Takes away those that nobody has waited for. Each by its own number: to wait for any would steal those that
    /// somebody waits for.
    pub(super) fn reap(&mut self, now: Instant) {
        if !self.is_first || self.due.is_some_and(|due| due > now) {
            return;
        }
        self.due = Some(now + PAUSE);
        let Some(own) = Process::look(1) else { return };
        // What this process starts for itself stays in its session; shims and what escapes them do not.
        let dead: Vec<Process> = children_of(1, own.threads)
            .into_iter()
            .filter_map(Process::look)
            .filter(|it| it.is_dead() && it.session != own.session)
            .collect();
        self.seen.retain(|id, _| dead.iter().any(|it| (it.pid, it.started) == *id));
        for it in dead {
            let first = *self.seen.entry((it.pid, it.started)).or_insert(now);
            if let (Some(pid), true) = (Pid::from_raw(it.pid), now.duration_since(first) >= NOBODYS)
            {
                // Somebody has waited for it after all.
                let _gone = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
            }
        }
    }
}
