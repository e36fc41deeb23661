//! One database per test, copied from a template that is built once for all test processes.
//!
//! The crate speaks no SQL itself: the caller hands in a function that runs a text on a URL, with
//! whatever driver it has. What exists is noted in files beside the cluster, so that nothing has to
//! be asked of the server.
//!
//! `BACKSTAY_TEST_DATABASE_URL` names another server to test on; `DATABASE_URL` is never read.
//! `BACKSTAY_TEST_DB=skip` leaves out every test that needs a database, see [`is_skipped`].

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use crate::cluster::Cluster;
use crate::error::ObtainError;
use crate::lock::lock_within;
use crate::options::Options;
use crate::place;
use crate::record::random_word;

mod note;

use note::{sweep, touch};

/// Runs one SQL text on the database of a URL, with autocommit. An error is a line for people.
pub type RunSql = fn(url: &str, sql: &str) -> Result<(), String>;

/// A template is migrations and a few rows; two minutes are for a machine that is very busy.
const BUILD: Duration = Duration::from_secs(120);

/// A kept database of a failed test can be looked at for this long.
const KEPT: Duration = Duration::from_secs(3600);

/// A template that no test used for this long belongs to an older state of the code.
const UNUSED: Duration = Duration::from_secs(24 * 3600);

/// How many old databases one process drops at its first test, so that it does not take long.
const SWEPT: usize = 50;

/// The server that the tests of this process use, and the folder where their databases are noted.
#[derive(Debug)]
struct Server {
    admin_url: String,
    notes: PathBuf,
    /// Held until the process ends, so that the server runs as long.
    _cluster: Option<Cluster>,
}

/// A database that one test has for itself.
///
/// Dropping it drops the database. If the test is failing (its thread panics) the database stays
/// for an hour, and its URL is printed.
#[derive(Debug)]
pub struct TestDatabase {
    /// Where it is.
    pub url: String,
    /// Its name: `backstay_t_` and 32 hex digits.
    pub name: String,
    run_sql: RunSql,
    note: PathBuf,
    kept: bool,
    /// Held while the database is in use: nobody sweeps it then.
    _lock: File,
}

impl TestDatabase {
    /// Leaves the database in place when this value is dropped, as if the test had failed.
    pub fn keep(&mut self) {
        self.kept = true;
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if self.kept || thread::panicking() {
            eprintln!("the database of this test stays for an hour: {}", self.url);
            return;
        }
        let Ok(server) = server() else { return };
        match (self.run_sql)(&server.admin_url, &drop_text(&self.name)) {
            // A note that stays is swept later, and its `drop` then does nothing.
            Ok(()) => drop(fs::remove_file(&self.note)),
            Err(why) => eprintln!("cannot drop `{}`: {why}", self.name),
        }
    }
}

/// Makes a database for the running test, as a copy of a template. The first that needs the
/// template builds it: `build` gets the URL of an empty database and must close its connections.
/// `key` names the contents; another text is another template.
///
/// Takes some 50 ms, and once some 500 ms more to start the cluster.
///
/// # Panics
/// If there is no PostgreSQL, or a statement fails: a test cannot go on then. The reason is
/// printed once per process.
pub fn test_database(
    key: &str,
    run_sql: RunSql,
    build: impl Fn(&str) -> Result<(), String>,
) -> TestDatabase {
    let server = server().unwrap_or_else(|_| panic!("no PostgreSQL (see above)"));
    sweep_once(server, run_sql);
    make(server, key, run_sql, &build)
        .unwrap_or_else(|why| panic!("cannot make the database of this test: {why}"))
}

/// The address of the superuser's database on the server that the tests of this process use.
///
/// # Panics
/// If there is no PostgreSQL.
#[must_use]
pub fn admin_url() -> String {
    server().unwrap_or_else(|_| panic!("no PostgreSQL (see above)")).admin_url.clone()
}

/// Whether tests with a database are switched off (`BACKSTAY_TEST_DB=skip`). Says so, and notes it
/// in `target/skips.txt`: call it first, and return if it is true.
#[must_use]
pub fn is_skipped() -> bool {
    let skipped = env::var("BACKSTAY_TEST_DB").is_ok_and(|value| value == "skip");
    if skipped {
        note_skip("BACKSTAY_TEST_DB=skip");
    }
    skipped
}

/// Prints `skipped: reason` for the running test and adds a line to `target/skips.txt`, so that a
/// test that could not run is never silently green.
pub fn note_skip(reason: &str) {
    let test = thread::current().name().unwrap_or("a test").to_owned();
    eprintln!("skipped: {test}: {reason}");
    let Some(target) = place::target_dir() else { return };
    let file = OpenOptions::new().append(true).create(true).open(target.join("skips.txt"));
    // One write of a short line is not torn by other processes that append.
    let noted = file.and_then(|mut file| file.write_all(format!("{test}: {reason}\n").as_bytes()));
    if let Err(error) = noted {
        eprintln!("cannot note the skip: {error}");
    }
}

/// Starts or joins the server once per process; a failure is told once, in full.
fn server() -> Result<&'static Server, ()> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let found = SERVER.get_or_init(|| match find_server() {
        Ok(server) => Some(server),
        Err(error) => {
            let error = error.after("BACKSTAY_TEST_DATABASE_URL unset");
            eprintln!("error[{}]: {error}\n{}", error.code(), help(&error));
            None
        }
    });
    found.as_ref().ok_or(())
}

fn help(error: &ObtainError) -> String {
    let help = error.help("cargo test");
    let url = "--database-url postgres://user:password@host/db";
    help.replace(
        &format!("cargo test {url}"),
        "BACKSTAY_TEST_DATABASE_URL=postgres://user:password@host/db cargo test",
    )
}

fn find_server() -> Result<Server, ObtainError> {
    match env::var("BACKSTAY_TEST_DATABASE_URL") {
        Ok(admin_url) if !admin_url.is_empty() => {
            let name = format!("url-{}", place::hash(OsStr::new(&admin_url)));
            let notes = place::tests_root().join(name);
            prepare_notes(&notes)?;
            Ok(Server { admin_url, notes, _cluster: None })
        }
        _ => {
            let cluster = Cluster::obtain(Options::tests())?;
            let notes = cluster.home().to_path_buf();
            prepare_notes(&notes)?;
            Ok(Server { admin_url: cluster.admin_url(), notes, _cluster: Some(cluster) })
        }
    }
}

fn prepare_notes(notes: &Path) -> Result<(), ObtainError> {
    for name in ["templates", "databases"] {
        let dir = notes.join(name);
        fs::create_dir_all(&dir).map_err(|error| ObtainError::place(&dir, error.to_string()))?;
    }
    Ok(())
}

fn make(
    server: &Server,
    key: &str,
    run_sql: RunSql,
    build: &dyn Fn(&str) -> Result<(), String>,
) -> Result<TestDatabase, String> {
    let name = format!("backstay_t_{}", random_word().map_err(|error| error.to_string())?);
    let note = server.notes.join("databases").join(&name);
    let lock = open_lock(&note)?;
    lock.lock().map_err(|error| error.to_string())?;
    let template = Template::of(server, key, run_sql);
    if let Err(first) = template.copy_to(&name, build) {
        // Somebody dropped the template, or the server is another one than when it was noted.
        template.forget();
        template.copy_to(&name, build).map_err(|second| format!("{second} (before: {first})"))?;
    }
    let url = with_database(&server.admin_url, &name);
    Ok(TestDatabase { url, name, run_sql, note, kept: false, _lock: lock })
}

/// A database that is only copied. Its lock file orders the processes, its `.ready` file says that
/// it was built to the end.
struct Template<'a> {
    server: &'a Server,
    run_sql: RunSql,
    name: String,
    lock: PathBuf,
    ready: PathBuf,
}

impl Template<'_> {
    fn of<'a>(server: &'a Server, key: &str, run_sql: RunSql) -> Template<'a> {
        Template::named(server, format!("backstay_tpl_{}", place::hash(OsStr::new(key))), run_sql)
    }

    fn named(server: &Server, name: String, run_sql: RunSql) -> Template<'_> {
        let file = |end: &str| server.notes.join("templates").join(format!("{name}.{end}"));
        Template { server, run_sql, lock: file("lock"), ready: file("ready"), name }
    }

    fn run(&self, sql: &str) -> Result<(), String> {
        (self.run_sql)(&self.server.admin_url, sql)
    }

    fn copy_to(
        &self,
        name: &str,
        build: &dyn Fn(&str) -> Result<(), String>,
    ) -> Result<(), String> {
        let lock = open_lock(&self.lock)?;
        loop {
            lock_within(&lock, true, BUILD, &self.lock).map_err(|error| error.to_string())?;
            if self.ready.exists() {
                break;
            }
            lock.unlock().map_err(|error| error.to_string())?;
            lock_within(&lock, false, BUILD, &self.lock).map_err(|error| error.to_string())?;
            if !self.ready.exists() {
                self.build(build)?;
            }
            lock.unlock().map_err(|error| error.to_string())?;
        }
        touch(&self.ready);
        self.run(&format!("create database {name} template {}", self.name))
    }

    fn build(&self, build: &dyn Fn(&str) -> Result<(), String>) -> Result<(), String> {
        self.run(&drop_text(&self.name))?;
        self.run(&format!("create database {}", self.name))?;
        build(&with_database(&self.server.admin_url, &self.name))?;
        // A session that somebody opens on the template would stop every copy.
        self.run(&format!("alter database {} allow_connections false", self.name))?;
        File::create(&self.ready).map(drop).map_err(|error| error.to_string())
    }

    fn forget(&self) {
        // If it is not there, it is forgotten.
        let _gone = fs::remove_file(&self.ready);
    }
}

fn drop_text(name: &str) -> String {
    format!("drop database if exists {name} with (force)")
}

fn open_lock(path: &Path) -> Result<File, String> {
    crate::lock::open_lock(path).map_err(|error| error.to_string())
}

/// Drops what old runs left: databases of failed tests, templates of older code.
fn sweep_once(server: &Server, run_sql: RunSql) {
    static SWEEP: OnceLock<()> = OnceLock::new();
    SWEEP.get_or_init(|| {
        let mut left = SWEPT;
        sweep(&server.notes.join("databases"), KEPT, &mut left, &|name| {
            name.starts_with("backstay_t_").then(|| run_sql(&server.admin_url, &drop_text(name)))
        });
        sweep(&server.notes.join("templates"), UNUSED, &mut left, &|name| {
            let template = Template::named(server, name.strip_suffix(".lock")?.to_owned(), run_sql);
            template.forget();
            Some(template.run(&drop_text(&template.name)))
        });
    });
}

/// The same address with another database: the path between authority and `?`.
fn with_database(url: &str, database: &str) -> String {
    let (address, query) = match url.split_once('?') {
        Some((address, query)) => (address, format!("?{query}")),
        None => (url, String::new()),
    };
    let authority = address.find("://").map_or(0, |at| at + 3);
    let end = address[authority..].find('/').map_or(address.len(), |at| authority + at);
    format!("{}/{database}{query}", &address[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_of_a_url_is_replaced_and_all_else_stays() {
        let check = |url: &str, wanted: &str| assert_eq!(with_database(url, "x"), wanted);
        check("postgres://u:p@h:5432/db", "postgres://u:p@h:5432/x");
        check("postgres://u:p@h", "postgres://u:p@h/x");
        check(
            "postgres://u@%2Ftmp%2Fs:5/db?sslmode=disable",
            "postgres://u@%2Ftmp%2Fs:5/x?sslmode=disable",
        );
        check("postgres:///db?host=/tmp", "postgres:///x?host=/tmp");
    }
}
