//! Until when a tree may run without a word from its supervisor, by a clock that goes on while the host sleeps.

use std::fs::File;
use std::io;
use std::time::Duration;

use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use tokio::net::unix::pipe;

/// The time on CLOCK_BOOTTIME, in milliseconds; it is the same for all processes of a host.
pub(crate) fn boot_ms() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    let (seconds, nanos) = (now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs());
    seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000)
}

/// The hold of a shim on its tree.
pub(super) struct Hold {
    /// A timer, and no pipe; but the ends of pipes are what the runtime watches without `unsafe`.
    timer: pipe::Receiver,
}

impl Hold {
    /// Nothing ends by itself before the first word.
    pub(super) fn new() -> io::Result<Hold> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Boottime, flags)?;
        Ok(Hold { timer: pipe::Receiver::from_file_unchecked(File::from(timer))? })
    }

    /// Holds until then; a time that has passed is over at once.
    pub(super) fn until(&self, ms: u64) -> io::Result<()> {
        // All zero would switch it off.
        let at = Duration::from_millis(ms.max(1));
        let it_value = Timespec {
            tv_sec: i64::try_from(at.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(at.subsec_nanos()),
        };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &once)?;
        Ok(())
    }

    /// Waits until it has run out.
    pub(super) async fn over(&self) {
        // An error is an end, too: a timer that cannot be watched would hold for ever.
        let _readable = self.timer.readable().await;
    }
}
