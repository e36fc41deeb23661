//! How much memory the processes of a tree hold, cheaply first and exactly where it matters.

use std::fs;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A process whose memory map is locked for so long cannot be asked, and is judged by what is known.
const ANSWER: Duration = Duration::from_secs(1);

/// Exact counting walks every page: it may take this share of a core.
const SHARE: u32 = 20;

/// Between two exact counts at least.
const PAUSE: Duration = Duration::from_millis(100);

/// One line in kB of a file of `/proc`, in bytes.
fn bytes(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<u64>().ok());
    number.unwrap_or(0) * 1024
}

/// What one process says about itself without anything being locked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Status {
    /// What it holds and nobody could take back: not the files that it has mapped.
    pub(crate) held_bytes: u64,
    /// The most that was resident, since the start or the last reset.
    pub(crate) high_water_bytes: u64,
}

pub(crate) fn status(pid: i32) -> Option<Status> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let held = ["RssAnon", "RssShmem", "VmSwap"].map(|name| bytes(&text, name));
    Some(Status { held_bytes: held.iter().sum(), high_water_bytes: bytes(&text, "VmHWM") })
}

/// Counts the pages of all processes, each shared one once.
fn exact(pids: &[i32]) -> u64 {
    let share = |pid: &i32| {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let held = bytes(&text, "Pss_Anon") + bytes(&text, "Pss_Shmem") + bytes(&text, "SwapPss");
        // Older kernels do not tell files apart.
        if text.contains("Pss_Anon") { held } else { bytes(&text, "Pss") }
    };
    pids.iter().map(share).sum()
}

/// Exact counts of one tree, on a thread of their own: a process can lock its memory map for as
/// long as it likes, and nobody else's watch may wait for that.
#[derive(Debug, Default)]
pub(super) struct Exact {
    asked: Option<(Instant, mpsc::Receiver<u64>)>,
    not_before: Option<Instant>,
    last: Option<u64>,
}

/// What an exact count says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    Known(u64),
    NotYet,
    Unanswered,
}

impl Exact {
    pub(super) fn count(&mut self, now: Instant, pids: &[i32]) -> Count {
        let Some((asked, answer)) = &self.asked else { return self.ask(now, pids) };
        let asked = *asked;
        match answer.try_recv() {
            Ok(bytes) => {
                let took = now.duration_since(asked);
                self.not_before = Some(now + PAUSE.max(took * SHARE));
                self.asked = None;
                self.last = Some(bytes);
                Count::Known(bytes)
            }
            Err(_) if now.duration_since(asked) > ANSWER => Count::Unanswered,
            Err(_) => self.last.map_or(Count::NotYet, Count::Known),
        }
    }

    fn ask(&mut self, now: Instant, pids: &[i32]) -> Count {
        if self.not_before.is_some_and(|at| at > now) {
            return self.last.map_or(Count::NotYet, Count::Known);
        }
        let (told, answer) = mpsc::channel();
        let pids = pids.to_vec();
        let counting = std::thread::Builder::new().name("backstay-count".into()).spawn(move || {
            // The tree may be gone by now.
            let _unheard = told.send(exact(&pids));
        });
        if counting.is_err() {
            return Count::Unanswered;
        }
        self.asked = Some((now, answer));
        Count::NotYet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_in_kb_are_read_and_missing_ones_are_nothing() {
        let text = "VmHWM:\t    2048 kB\nRssAnon:\t     100 kB\nRssFile:\t 3 kB\nVmSwap: x kB\n";
        assert_eq!(bytes(text, "VmHWM"), 2048 * 1024);
        assert_eq!(bytes(text, "Rss"), 0);
        assert_eq!(bytes(text, "VmSwap"), 0);
    }

    #[test]
    fn this_process_holds_something_and_counts_itself_as_others_do() {
        let own = std::process::id() as i32;
        let status = status(own).unwrap();
        assert!(status.held_bytes > 0 && status.high_water_bytes >= status.held_bytes);
        let exact = exact(&[own]);
        assert!(exact > 0 && exact < 2 * status.held_bytes + 4 * 1024 * 1024, "{exact} {status:?}");
    }
}
