//! A cluster of one's own in a temporary folder, to be killed, restarted and thrown away.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use rustix::process::Signal;

use crate::cluster::Cluster;
use crate::error::ObtainError;
use crate::fit;
use crate::lock::{lock_within, open_lock};
use crate::make::{give, make_home};
use crate::options::{Options, USER};
use crate::place;
use crate::process::effective_uid;
use crate::record::{Record, write_new};
use crate::run::run_well;
use crate::search::{Refusal, with_programs};
use crate::start::{self, Port};

/// A leftover is removed when nobody holds its lock; one this young may not have taken it yet.
const YOUNG: Duration = Duration::from_secs(60);

/// How long a restarted server outlives a test process that was killed.
const RESTART_IDLE: Duration = Duration::from_secs(1);

/// A copy of a test's data, some 40 MiB, takes a fraction of a second.
const COPY: Duration = Duration::from_secs(60);

/// How many leftovers of killed processes one start removes.
const SWEPT: usize = 20;

pub(crate) fn obtain(options: &Options) -> Result<Cluster, ObtainError> {
    let temporary = env::temp_dir();
    let name = folder_name();
    sweep(&temporary);
    let (home, elsewhere) = (temporary.join(&name), Path::new("/var/tmp").join(&name));
    with_programs(options, &[], &mut |programs| {
        let fit = fit::fit(&home, &elsewhere, options.run_as.as_deref(), programs)
            .map_err(Refusal::Identity)?;
        start::start(&fit, programs, options).map_err(Refusal::Error)
    })
}

/// Unique on this machine as long as the process lives.
fn folder_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}{}-{number}", folder_start(), std::process::id())
}

fn folder_start() -> String {
    format!("backstay-own-{}-", effective_uid())
}

/// Removes what killed processes left. Their keepers have stopped the servers.
fn sweep(temporary: &Path) {
    let Ok(entries) = fs::read_dir(temporary) else { return };
    let ours = entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&folder_start()))
    });
    for path in ours.filter(|path| is_left(path)).take(SWEPT) {
        // The next start tries again.
        let _left = fs::remove_dir_all(path);
    }
}

fn is_left(path: &Path) -> bool {
    let Ok(found) = fs::symlink_metadata(path) else { return false };
    let young = found
        .modified()
        .is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age < YOUNG));
    if young || !found.is_dir() || found.uid() != effective_uid() {
        return false;
    }
    open_lock(&path.join("users.lock")).is_ok_and(|lock| lock.try_lock().is_ok())
}

/// The faults that a test may inflict on a cluster of its own. On any other cluster they panic:
/// somebody else may be using it.
impl Cluster {
    /// Stops the server as a machine's shutdown does: sessions are ended, the log is flushed.
    pub fn stop_fast(&self) {
        self.assert_own();
        self.stop_with(Signal::INT);
    }

    /// Stops the server at once, without a checkpoint: the next start recovers from the log.
    pub fn stop_immediate(&self) {
        self.assert_own();
        self.stop_with(Signal::QUIT);
    }

    /// Kills the postmaster. Its children notice within moments and end.
    pub fn kill9(&self) {
        self.assert_own();
        self.stop_with(Signal::KILL);
    }

    /// The pid of the postmaster while it runs.
    #[must_use]
    pub fn server_pid(&self) -> Option<i32> {
        self.lock_running().server.map(|server| server.pid)
    }

    /// Starts the stopped server again, on the same port, with the same data.
    ///
    /// # Errors
    /// `BS901` with the end of the server's log.
    pub fn start(&self) -> Result<(), ObtainError> {
        self.start_with(&self.settings)
    }

    /// As [`start`](Cluster::start), with these settings beyond ours, until the next start.
    ///
    /// # Errors
    /// `BS901` with the end of the server's log.
    pub fn start_with(&self, settings: &[(String, String)]) -> Result<(), ObtainError> {
        self.assert_own();
        let mut record = self.record.clone();
        *self.lock_running() =
            start::boot(&self.home, &mut record, settings, RESTART_IDLE, Port::Fixed)?;
        Ok(())
    }

    /// Stops the server at once if it runs, and starts it again.
    ///
    /// # Errors
    /// `BS901` with the end of the server's log.
    pub fn restart(&self) -> Result<(), ObtainError> {
        self.stop_immediate();
        self.start()
    }

    /// Makes a second cluster of one's own that follows this one over `through`, a port of the loopback: this server's
    /// port, or that of a proxy before it. `application_name` is `standby` there. The second has the same password.
    ///
    /// The data is copied while nobody writes it, so this server is stopped and started again.
    ///
    /// # Errors
    /// `BS901` with what could not be copied, or with the end of a server's log.
    pub fn standby(
        &self,
        through: u16,
        settings: &[(String, String)],
    ) -> Result<Cluster, ObtainError> {
        self.stop_fast();
        let home = self.home.with_file_name(folder_name());
        let mut record = self.record.clone();
        record.port = None;
        record.socket_dir = place::socket_dir(&home, record.identity.is_dropped());
        make_home(&home, &record.identity)?;
        let users = open_lock(&home.join("users.lock"))?;
        lock_within(&users, true, COPY, &home)?;
        let mut copy = Command::new("cp");
        copy.arg("-a").arg(self.home.join("data")).arg(home.join("data"));
        run_well(&mut copy, COPY).map_err(|why| ObtainError::Start { why })?;
        self.start()?;
        let settings = [follow(&home, &record, through)?, settings.to_vec()].concat();
        let running = start::boot(&home, &mut record, &settings, RESTART_IDLE, Port::Kept)?;
        Ok(Cluster {
            home,
            record,
            running: Mutex::new(running),
            users: Some(users),
            joined: false,
            own: true,
            settings,
        })
    }

    fn assert_own(&self) {
        assert!(self.own, "only a cluster of `Where::Own` may be stopped by one of its users");
    }
}

/// Notes in copied data that it follows another server, and gives the settings by which it finds that.
fn follow(
    home: &Path,
    record: &Record,
    through: u16,
) -> Result<Vec<(String, String)>, ObtainError> {
    let (signal, passwords) = (home.join("data/standby.signal"), home.join("passwords"));
    let line = format!("127.0.0.1:{through}:*:{USER}:{}\n", record.password);
    for (path, text) in [(&signal, ""), (&passwords, line.as_str())] {
        write_new(path, text.as_bytes())
            .and_then(|()| give(path, &record.identity))
            .map_err(|error| ObtainError::place(path, error.to_string()))?;
    }
    let primary = format!(
        "host=127.0.0.1 port={through} user={USER} passfile='{}' application_name=standby",
        passwords.display()
    );
    let settings =
        [("primary_conninfo", primary.as_str()), ("wal_retrieve_retry_interval", "200ms")];
    Ok(settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec())
}
