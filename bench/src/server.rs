//! The PostgreSQL under all of them: durable, private, with a fresh database for each measurement.

use std::collections::BTreeMap;
use std::fs;

use backstay_postgres::{Cluster, Options};
use postgres::{Client, NoTls};

use crate::Failure;
use crate::process::cpu_seconds;

/// What differs from a fresh cluster's defaults. Checkpoints come from the harness alone: one in the middle of a run would
/// charge whoever runs just then for whole pages of WAL.
const SETTINGS: &[(&str, &str)] = &[
    ("shared_buffers", "1GB"),
    ("max_wal_size", "16GB"),
    ("checkpoint_timeout", "1h"),
    ("max_connections", "300"),
    ("wal_compression", "off"),
];

/// What is printed: what durability and speed hang on.
const SHOWN: &[&str] = &[
    "server_version",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_sync_method",
    "shared_buffers",
    "max_wal_size",
    "checkpoint_timeout",
    "autovacuum",
    "max_connections",
];

pub(crate) struct Server {
    cluster: Cluster,
    admin: Client,
    pid: i32,
    databases: u32,
    /// Databases that stay as what others are copied from, by what they hold.
    filled: BTreeMap<String, String>,
}

/// A database that is dropped with its measurement.
pub(crate) struct Place {
    pub(crate) url: String,
    name: String,
    client: Client,
}

/// What the server has done up to a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meter {
    /// Processor time of all its processes, in seconds.
    pub(crate) cpu: f64,
    /// Bytes of WAL since its beginning.
    pub(crate) wal: i64,
}

impl Server {
    pub(crate) fn start() -> Result<Server, Failure> {
        let mut options = Options::own();
        options.settings =
            SETTINGS.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let cluster = Cluster::obtain(options)
            .map_err(|error| format!("{error}\n{}", error.help("cargo xtask bench")))?;
        let admin = Client::connect(&cluster.admin_url(), NoTls)?;
        let file = fs::read_to_string(cluster.home().join("data/postmaster.pid"))?;
        let pid = file.lines().next().unwrap_or_default().parse()?;
        Ok(Server { cluster, admin, pid, databases: 0, filled: BTreeMap::new() })
    }

    /// Name and value of what is worth knowing; refuses a server that would lose what it has confirmed.
    pub(crate) fn settings(&mut self) -> Result<Vec<(String, String)>, Failure> {
        let mut shown = Vec::new();
        for name in SHOWN {
            let value: String = self.admin.query_one("select current_setting($1)", &[name])?.get(0);
            if ["fsync", "synchronous_commit", "full_page_writes"].contains(name) && value != "on" {
                return Err(format!("`{name}` is {value}: such figures would mean nothing").into());
            }
            shown.push(((*name).to_owned(), value));
        }
        Ok(shown)
    }

    /// A fresh database, right after a checkpoint.
    pub(crate) fn place(&mut self) -> Result<Place, Failure> {
        self.place_by("")
    }

    /// A copy of the database that holds this, if there is one; made as files, so that its size is not in the WAL.
    pub(crate) fn place_like(&mut self, what: &str) -> Result<Option<Place>, Failure> {
        let Some(name) = self.filled.get(what) else { return Ok(None) };
        let version: i32 =
            self.admin.query_one("select current_setting('server_version_num')::int", &[])?.get(0);
        let by = if version >= 150_000 { " strategy file_copy" } else { "" };
        self.place_by(&format!(" template {name}{by}")).map(Some)
    }

    /// Keeps a database as what others are copied from.
    pub(crate) fn keep(&mut self, what: &str, place: Place) {
        self.filled.insert(what.to_owned(), place.name);
    }

    fn place_by(&mut self, how: &str) -> Result<Place, Failure> {
        self.databases += 1;
        let name = format!("bench_{}", self.databases);
        self.admin.batch_execute(&format!("create database {name}{how}"))?;
        self.admin.batch_execute("checkpoint")?;
        let url = self.cluster.url(&name);
        let client = Client::connect(&url, NoTls)?;
        Ok(Place { url, name, client })
    }

    /// Drops it, whoever is still connected.
    pub(crate) fn remove(&mut self, place: Place) -> Result<(), Failure> {
        drop(place.client);
        Ok(self.admin.batch_execute(&format!("drop database {} with (force)", place.name))?)
    }

    pub(crate) fn meter(&mut self) -> Result<Meter, Failure> {
        let lsn = "select (pg_current_wal_insert_lsn() - '0/0')::int8";
        let wal = self.admin.query_one(lsn, &[])?.get(0);
        Ok(Meter { cpu: cpu_seconds(self.pid), wal })
    }

    /// Transactions that ended in that database, as far as its sessions have told.
    pub(crate) fn transactions(&mut self, place: &Place) -> Result<i64, Failure> {
        let text = "select xact_commit + xact_rollback from pg_stat_database where datname = $1";
        Ok(self.admin.query_one(text, &[&place.name])?.get(0))
    }
}

impl Place {
    /// The one number that a statement answers.
    pub(crate) fn number(&mut self, text: &str) -> Result<i64, Failure> {
        Ok(self.client.query_one(text, &[])?.get(0))
    }

    /// What autovacuum would do within a minute after a bulk load, done now for everybody alike.
    pub(crate) fn settle_in(&mut self) -> Result<(), Failure> {
        Ok(self.client.batch_execute("vacuum analyze")?)
    }

    /// Rows that wait for a vacuum in all tables; sessions tell of theirs after a second.
    pub(crate) fn dead_rows(&mut self) -> Result<i64, Failure> {
        self.number("select coalesce(sum(n_dead_tup), 0)::int8 from pg_stat_user_tables")
    }

    /// Each flush takes a millisecond longer from the next connection on, as on a disk that is slower by that.
    pub(crate) fn slow_flush(&mut self) -> Result<(), Failure> {
        let name = &self.name;
        Ok(self.client.batch_execute(&format!(
            "alter database {name} set commit_delay = 1000; alter database {name} set commit_siblings = 0"
        ))?)
    }

    /// Locks rows as a stranger does, until the answer is dropped; how many.
    pub(crate) fn lock(&self, text: &str, rows: i64) -> Result<(Client, u64), Failure> {
        let mut client = Client::connect(&self.url, NoTls)?;
        client.batch_execute("begin")?;
        let locked = client.query(text, &[&rows])?.len() as u64;
        Ok((client, locked))
    }

    /// Holds back every vacuum, until the answer is dropped.
    pub(crate) fn pin(&self) -> Result<Client, Failure> {
        let mut client = Client::connect(&self.url, NoTls)?;
        client.batch_execute(
            "begin isolation level repeatable read; select count(*) from pg_class",
        )?;
        Ok(client)
    }
}
