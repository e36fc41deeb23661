//! Worker processes: started, signalled, awaited; and chance that can be repeated.

use std::fs::File;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Pid, Signal, kill_process};

/// A worker in a process of its own; it ends with this value, and with the test.
pub(crate) struct Process {
    child: Child,
    log: String,
}

impl Process {
    /// Starts a worker on this database: `isolation` is a word of the settings.
    pub(crate) fn start(url: &str, isolation: &str) -> Process {
        Process::start_in(url, isolation, &[])
    }

    /// The same with these variables in its environment.
    pub(crate) fn start_in(url: &str, isolation: &str, env: &[(&str, &str)]) -> Process {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let log =
            format!("{}/faults-{}-{number}.log", env!("CARGO_TARGET_TMPDIR"), std::process::id());
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["worker", isolation, url])
            .envs(env.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Process { child, log }
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Its shims and what runs under them.
    pub(crate) fn descendants(&self) -> Vec<i32> {
        let mut all = vec![self.pid()];
        let mut next = 0;
        while let Some(parent) = all.get(next) {
            // Each thread has its own.
            let threads = std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten();
            let children: Vec<i32> = threads
                .flatten()
                .filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok())
                .flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
                .filter_map(|pid| pid.parse().ok())
                .collect();
            all.extend(children);
            next += 1;
        }
        all.split_off(1)
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Whether its log has these words.
    pub(crate) fn has_said(&self, words: &str) -> bool {
        std::fs::read_to_string(&self.log).unwrap().contains(words)
    }

    /// Waits for the end, and gives how it was.
    pub(crate) fn wait(&mut self, most: Duration) -> ExitStatus {
        let end = Instant::now() + most;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "the worker has not ended after {most:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Kills it as the kernel would.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.wait(Duration::from_secs(5));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended before.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
        if std::thread::panicking() {
            eprintln!("what a worker said: {}", self.log);
        } else {
            let _gone = std::fs::remove_file(&self.log);
        }
    }
}

/// Whether a process is there, and no zombie.
pub(crate) fn lives(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

static SEED: std::sync::OnceLock<u64> = std::sync::OnceLock::new();

/// Lets chance start from there, where it has not started yet.
pub(crate) fn start_from(seed: u64) {
    SEED.get_or_init(|| seed);
}

/// What this run's chance starts from.
pub(crate) fn seed() -> u64 {
    *SEED.get_or_init(|| match std::env::var("FAULTS_SEED") {
        Ok(seed) => seed.parse().expect("FAULTS_SEED is a number"),
        Err(_) => u64::from(
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().subsec_nanos(),
        ),
    })
}

/// A number below `end`.
pub(crate) fn chance(end: u64) -> u64 {
    static STATE: AtomicU64 = AtomicU64::new(0);
    let step = STATE.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
    let mut z = seed().wrapping_mul(0x2545_f491_4f6c_dd1d).wrapping_add(step);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % end
}
