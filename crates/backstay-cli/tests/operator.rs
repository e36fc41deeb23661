//! The operator's commands against a real database: what they print, for people and for programs, and how they exit.

// Helpers of tests may panic like the tests themselves.
#![allow(clippy::unwrap_used)]

mod operator {
    pub(crate) mod bench;
    pub(crate) mod browser;
    pub(crate) mod canary;
    pub(crate) mod crew;
    pub(crate) mod dead;
    pub(crate) mod doctor;
    pub(crate) mod enqueue;
    pub(crate) mod figures;
    pub(crate) mod hostile;
    pub(crate) mod http;
    pub(crate) mod install;
    pub(crate) mod jobs;
    pub(crate) mod level;
    pub(crate) mod limits;
    pub(crate) mod machines;
    pub(crate) mod pages;
    pub(crate) mod proof;
    pub(crate) mod roles;
    pub(crate) mod serve;
    pub(crate) mod tail;
    #[cfg(feature = "otel")]
    pub(crate) mod traces;
    pub(crate) mod web;
}

use std::io::Write;
use std::process::{Command, Output, Stdio};

use backstay_postgres::template::{self, TestDatabase};
use serde_json::Value;

/// A database of a test, and the command that works on it.
struct Desk {
    database: TestDatabase,
}

/// What a command printed, and how it ended.
struct Said {
    exit: i32,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }

    #[track_caller]
    fn exits(self, exit: i32) -> Said {
        assert_eq!(self.exit, exit, "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }
}

/// An empty database with the schema; none where tests with a database are switched off.
fn desk() -> Option<Desk> {
    if template::is_skipped() {
        return None;
    }
    let key: String = backstay::migrate::whole().iter().map(|step| step.sql).collect();
    let install = |url: &str| {
        apart(async {
            let database = backstay::Database::connect(url).await.map_err(|e| e.to_string())?;
            database.migrate().await.map(drop).map_err(|e| e.to_string())
        })
    };
    Some(Desk { database: template::test_database(&key, run_sql, install) })
}

impl Desk {
    /// Runs a command with nothing of the machine's environment but `PATH`.
    fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, "")
    }

    fn run_with(&self, arguments: &[&str], input: &str) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backstay"));
        command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin");
        command.env("DATABASE_URL", &self.database.url).current_dir(std::env::temp_dir());
        said(command, input)
    }

    /// Runs a command as somebody who has one of our roles and nothing else.
    fn run_as(&self, role: &str, arguments: &[&str]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backstay"));
        command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin");
        let separator = if self.database.url.contains('?') { '&' } else { '?' };
        let url = format!("{}{separator}options=-c%20role%3D{role}", self.database.url);
        command.env("DATABASE_URL", url).current_dir(std::env::temp_dir());
        said(command, "")
    }

    fn sql(&self, text: &str) {
        run_sql(&self.database.url, text).unwrap();
    }

    /// Makes a job; its id.
    fn enqueue(&self, arguments: &[&str]) -> String {
        let made = self.run(&[&["enqueue"], arguments, &["--json"]].concat()).exits(0);
        made.json()["id"].as_str().unwrap().to_owned()
    }

    /// Makes a dead letter; its id.
    fn die(&self, kind: &str) -> String {
        let id = self.enqueue(&[kind]);
        self.sql(&format!("select backstay.bury({id}, '{{\"reason\": \"no disk\"}}')"));
        id
    }
}

fn said(mut command: Command, input: &str) -> Said {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let [out, err] = [stdout, stderr].map(|text| String::from_utf8(text).unwrap());
    Said { exit: status.code().unwrap(), out, err }
}

/// A command without any database in its environment.
fn bare(arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backstay"));
    // A home of its own, so that the private cluster of whoever runs the tests is not found.
    let home = std::env::temp_dir().join(format!("backstay-operator-{}", std::process::id()));
    command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin");
    command.env("XDG_STATE_HOME", &home).env("HOME", &home).current_dir(std::env::temp_dir());
    said(command, "")
}

fn run_sql(url: &str, sql: &str) -> Result<(), String> {
    apart(async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
            .await
            .map_err(|error| format!("{error:?}"))?;
        let connection = tokio::spawn(connection);
        let done = client.batch_execute(sql).await.map_err(|error| format!("{error:?}"));
        drop(client);
        connection.await.expect("it does not panic").map_err(|error| format!("{error:?}"))?;
        done
    })
}

fn apart(work: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(work)
}
