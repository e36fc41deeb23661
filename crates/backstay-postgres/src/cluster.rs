//! A private cluster in the hand of one of its users.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::Signal;

use crate::error::ObtainError;
use crate::identity::Identity;
use crate::lock::{lock_within, open_lock};
use crate::options::{Durability, STOP, USER};
use crate::probe::{Answer, knock, knock_port};
use crate::process::Process;
use crate::record::Record;

/// How long a user waits while the keeper of a server without users stops it.
const JOIN: Duration = Duration::from_secs(25);

/// What became of a cluster that was [released](Cluster::release).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Released {
    /// Nobody else used it; it was shut down cleanly and is gone.
    Stopped,
    /// Others use it; it goes on.
    StillUsed,
}

/// A PostgreSQL that runs as long as somebody holds one of these.
///
/// Dropping it leaves the server to its keeper, which stops it cleanly when no process uses it any
/// more; a killed process counts as gone. A cluster of [`Where::Own`] is stopped and removed.
#[derive(Debug)]
pub struct Cluster {
    pub(crate) home: PathBuf,
    pub(crate) record: Record,
    pub(crate) running: Mutex<Running>,
    /// The shared lock that tells the keeper that we live.
    pub(crate) users: Option<File>,
    pub(crate) joined: bool,
    pub(crate) own: bool,
    pub(crate) settings: Vec<(String, String)>,
}

/// The processes of a server; changes with every restart.
#[derive(Debug, Default)]
pub(crate) struct Running {
    pub(crate) server: Option<Process>,
    /// Set where this process started the keeper.
    pub(crate) keeper: Option<Child>,
}

impl Cluster {
    /// The address of a database, over TCP on the loopback. Holds the password.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        self.record.url(database)
    }

    /// The address of the database `postgres`, as superuser.
    #[must_use]
    pub fn admin_url(&self) -> String {
        self.url("postgres")
    }

    /// The address over the Unix socket, which is faster than TCP, in the form that libpq and the
    /// Rust drivers read.
    #[must_use]
    pub fn socket_url(&self, database: &str) -> String {
        let dir = self.record.socket_dir.to_string_lossy().replace('/', "%2F");
        let port = self.port();
        format!("postgres://{USER}:{}@{dir}:{port}/{database}", self.record.password)
    }

    /// The port on 127.0.0.1. Kept from one start to the next while it is free.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.record.port.unwrap_or_default()
    }

    /// The folder of the Unix socket.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        &self.record.socket_dir
    }

    /// The folder that holds `data/`, `cluster.json` and `server.log`.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The folder of the programs. Fetched ones hold no `psql`.
    #[must_use]
    pub fn bin_dir(&self) -> &Path {
        &self.record.bin
    }

    /// The major version of the server, such as 15.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.record.major
    }

    /// Whether the data survives a crash of the machine.
    #[must_use]
    pub fn durability(&self) -> Durability {
        self.record.durability
    }

    /// Who runs the server.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.record.identity
    }

    /// One line for people: which PostgreSQL, and why this one.
    #[must_use]
    pub fn how(&self) -> String {
        let record = &self.record;
        let joined = if self.joined { "already running" } else { "started now" };
        let durable = match record.durability {
            Durability::Durable => "durable",
            Durability::Throwaway => "not durable",
        };
        format!(
            "PostgreSQL {} ({}, {}), {}, data in {}, {durable}, {joined}",
            record.version,
            record.source,
            record.bin.display(),
            record.identity.describe(),
            self.home.display(),
        )
    }

    /// Gives the cluster back, and stops it at once if nobody else uses it, so that the caller can
    /// say so. Without this call the keeper does it, a little later.
    ///
    /// # Errors
    /// `BS901` if the lock file cannot be opened.
    pub fn release(mut self) -> Result<Released, ObtainError> {
        let lock = open_lock(&self.home.join("users.lock"))?;
        drop(self.users.take());
        if lock.try_lock().is_err() {
            return Ok(Released::StillUsed);
        }
        self.stop_with(Signal::INT);
        // Another cluster may keep its socket there; then it stays.
        let _kept = fs::remove_dir(&self.record.socket_dir);
        Ok(Released::Stopped)
    }

    /// Signals the server, waits until it is gone, and ends its keeper if that is our child.
    pub(crate) fn stop_with(&self, signal: Signal) {
        let mut running = self.lock_running();
        if let Some(server) = running.server.take() {
            server.signal(signal);
            if !server.wait_gone(STOP) {
                server.signal(Signal::QUIT);
                server.wait_gone(STOP);
            }
        }
        if let Some(mut keeper) = running.keeper.take() {
            // It may have ended by itself, as it does when its server is gone.
            let _ended = keeper.kill();
            let _reaped = keeper.wait();
        }
    }

    pub(crate) fn lock_running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Joins the cluster of this home if its server answers.
pub(crate) fn join(home: &Path) -> Result<Option<Cluster>, ObtainError> {
    let Some(record) = Record::read(home)? else { return Ok(None) };
    let users = open_lock(&home.join("users.lock"))?;
    lock_within(&users, true, JOIN, home)?;
    if !is_up(&record) {
        return Ok(None);
    }
    Ok(Some(Cluster {
        home: home.to_path_buf(),
        running: Mutex::new(Running { server: record.server, keeper: None }),
        record,
        users: Some(users),
        joined: true,
        own: false,
        settings: Vec::new(),
    }))
}

/// The socket may be gone with the session that made it, while its server lives.
fn is_up(record: &Record) -> bool {
    let by_socket = record.socket().map_or(Answer::Nobody, |socket| knock(&socket));
    let lives = record.server.is_some_and(Process::is_alive);
    match (by_socket, record.port) {
        (Answer::Nobody, Some(port)) if lives => knock_port(port) == Answer::Up,
        (answer, _) => answer == Answer::Up,
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.own {
            // Without a last checkpoint, which nobody will read.
            self.stop_with(Signal::QUIT);
            // What cannot be removed now is swept by a later start.
            let _left = fs::remove_dir_all(&self.home);
            let _left = fs::remove_dir_all(&self.record.socket_dir);
        }
    }
}
