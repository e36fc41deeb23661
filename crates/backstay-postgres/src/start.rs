//! Makes the data of a new cluster and starts its server, under the lock of its home.

use std::fs::{self, DirBuilder, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::Child;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::cluster::{Cluster, Options, Running, USER, join};
use crate::error::ObtainError;
use crate::identity::{Fit, Identity};
use crate::keeper::{self, Order};
use crate::locate::Programs;
use crate::place::{self, Where};
use crate::probe::{Answer, knock};
use crate::process::Process;
use crate::record::{Record, write_new};
use crate::run::run_well;

/// `initdb` takes half a second; on the slowest machine that is still of use, not a minute.
const INITDB: Duration = Duration::from_secs(60);

/// From the start of the server to its first answer.
const START: Duration = Duration::from_secs(30);

/// A server that answers "starting up" is at work on its log; it gets longer.
const RECOVER: Duration = Duration::from_secs(120);

/// One process makes and starts, the others wait for it.
const OTHERS: Duration = Duration::from_secs(100);

/// How often a start is tried again: the port was taken meanwhile, or the processes of a killed
/// server still hold its memory.
const TRIES: u32 = 5;

/// Lines of the server's log that go into an error.
const LOG_LINES: usize = 6;

/// Joins the cluster of this home, or makes it and starts it.
pub(crate) fn start(
    fit: &Fit,
    programs: &Programs,
    options: &Options,
) -> Result<Cluster, ObtainError> {
    let home = fit.home.as_path();
    make_home(home, &fit.identity)?;
    let starting = place::open_lock(&home.join("start.lock"))?;
    lock_within(&starting, false, OTHERS, home)?;
    if let Some(cluster) = join_unless_broken(home, options)? {
        return Ok(cluster);
    }
    let users = place::open_lock(&home.join("users.lock"))?;
    lock_within(&users, true, OTHERS, home)?;
    let mut record = prepare(fit, programs, options)?;
    let booted = boot(home, &mut record, &options.settings, options.idle(), Port::Kept);
    let running = match booted {
        // What tests leave behind is worth nothing, and a crash of the machine may have broken it.
        Err(ObtainError::Start { .. }) if options.data == Where::Tests => {
            wipe(home)?;
            record = prepare(fit, programs, options)?;
            boot(home, &mut record, &options.settings, options.idle(), Port::Kept)?
        }
        other => other?,
    };
    Ok(Cluster {
        home: home.to_path_buf(),
        record,
        running: Mutex::new(running),
        users: Some(users),
        joined: false,
        own: options.data == Where::Own,
        settings: options.settings.clone(),
    })
}

/// A record of the tests that cannot be read is no reason to stop all tests.
fn join_unless_broken(home: &Path, options: &Options) -> Result<Option<Cluster>, ObtainError> {
    match join(home) {
        Err(ObtainError::Place { .. }) if options.data == Where::Tests => {
            wipe(home)?;
            Ok(None)
        }
        other => other,
    }
}

fn wipe(home: &Path) -> Result<(), ObtainError> {
    for name in ["data", "templates", "databases"] {
        remove_dir(&home.join(name))?;
    }
    match fs::remove_file(home.join("cluster.json")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(ObtainError::place(home, error.to_string()))
        }
        _ => Ok(()),
    }
}

/// A dropped server has to pass through the home to its data, and may read nothing else in it.
pub(crate) fn make_home(home: &Path, identity: &Identity) -> Result<(), ObtainError> {
    let (mode, me) = (if identity.is_dropped() { 0o711 } else { 0o700 }, place::effective_uid());
    let shared = place::elsewhere_base();
    if home.starts_with(&shared) {
        place::own_dir(&shared, 0o711, me)?;
    }
    place::own_dir(home, mode, me)
}

/// The record of the cluster, with data if there was none.
pub(crate) fn prepare(
    fit: &Fit,
    programs: &Programs,
    options: &Options,
) -> Result<Record, ObtainError> {
    let home = fit.home.as_path();
    if !home.join("data/PG_VERSION").is_file() {
        return initdb(fit, programs, options);
    }
    let Some(mut record) = Record::read(home)? else {
        let why = "data without `cluster.json`, so its password is lost".to_owned();
        return Err(ObtainError::place(home, why));
    };
    record.version.clone_from(&programs.version);
    record.bin.clone_from(&programs.bin);
    record.libraries.clone_from(&programs.libraries);
    record.source.clone_from(&programs.source);
    record.identity = fit.identity.clone();
    record.socket_dir = place::socket_dir(home, fit.identity.is_dropped());
    Ok(record)
}

/// Makes the data beside its place and moves it there when it is whole, so that an interrupted
/// `initdb` leaves nothing that looks like a cluster.
fn initdb(fit: &Fit, programs: &Programs, options: &Options) -> Result<Record, ObtainError> {
    let home = fit.home.as_path();
    let mut record = Record::new(programs, &fit.identity, options.durability, home)?;
    let (fresh, password) = (home.join("data.new"), home.join("password.new"));
    remove_dir(&fresh)?;
    let made = DirBuilder::new().mode(0o700).create(&fresh);
    made.and_then(|()| write_new(&password, record.password.as_bytes()))
        .and_then(|()| give(&fresh, &fit.identity))
        .and_then(|()| give(&password, &fit.identity))
        .map_err(|error| ObtainError::place(home, error.to_string()))?;
    let mut command = programs.command(&fit.identity, "initdb");
    command.arg("-D").arg(&fresh).arg("--pwfile").arg(&password).args(["-U", USER]);
    command.args(["-A", "scram-sha-256", "--locale=C", "-E", "UTF8", "--data-checksums"]);
    // The first checkpoint of the server syncs what matters; a crash before it costs nothing.
    command.args(["--no-instructions", "--no-sync"]);
    let done = run_well(&mut command, INITDB).map_err(|why| ObtainError::Start { why });
    fs::remove_file(&password).map_err(|error| ObtainError::place(&password, error.to_string()))?;
    done?;
    for left in ["templates", "databases"] {
        remove_dir(&home.join(left))?;
    }
    record.write(home)?;
    fs::rename(&fresh, home.join("data"))
        .map_err(|error| ObtainError::place(home, error.to_string()))?;
    Ok(record)
}

fn give(path: &Path, identity: &Identity) -> std::io::Result<()> {
    match identity {
        Identity::Drop { uid, gid, .. } => std::os::unix::fs::lchown(path, Some(*uid), Some(*gid)),
        Identity::Caller | Identity::Namespace { .. } => Ok(()),
    }
}

fn remove_dir(path: &Path) -> Result<(), ObtainError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(ObtainError::place(path, error.to_string()))
        }
        _ => Ok(()),
    }
}

/// What becomes of the port if somebody else has it now.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    /// Another one is taken.
    Kept,
    /// Clients hold the address: it must become free again.
    Fixed,
}

/// Starts the server of a prepared cluster, waits for its first answer, and records it.
pub(crate) fn boot(
    home: &Path,
    record: &mut Record,
    settings: &[(String, String)],
    idle: Duration,
    keep: Port,
) -> Result<Running, ObtainError> {
    make_socket_dir(record)?;
    for attempt in 1..=TRIES {
        let port = match record.port {
            Some(port) if keep == Port::Fixed || is_free(port) => port,
            _ => free_port()?,
        };
        record.port = Some(port);
        match launch(&Order { home, record, port, idle, settings }) {
            Ok(running) => {
                record.server = running.server;
                record.keeper = running.keeper.as_ref().map(|child| child.id() as i32);
                record.write(home)?;
                return Ok(running);
            }
            Err(why) if attempt == TRIES || !is_passing(&why) => {
                return Err(ObtainError::Start { why });
            }
            Err(_) => thread::sleep(Duration::from_millis(200)),
        }
    }
    unreachable!("the last try returns")
}

/// Faults that heal by themselves or by another port.
fn is_passing(log: &str) -> bool {
    ["Address already in use", "pre-existing shared memory block", "lock file"]
        .iter()
        .any(|words| log.contains(words))
}

/// Starts a keeper with its server; the error is the end of the log.
fn launch(order: &Order<'_>) -> Result<Running, String> {
    let log = order.home.join("server.log");
    let written = fs::metadata(&log).map_or(0, |found| found.len());
    let mut keeper = keeper::start(order).map_err(|error| error.to_string())?;
    if let Err(why) = await_answer(order, &mut keeper) {
        // A keeper that hangs takes its server along, by the signal of a parent's death.
        let _ended = keeper.kill();
        let _reaped = keeper.wait();
        let tail = tail(&log, written);
        return Err(if tail.is_empty() { why } else { tail });
    }
    Ok(Running { server: server_process(order.home), keeper: Some(keeper) })
}

fn await_answer(order: &Order<'_>, keeper: &mut Child) -> Result<(), String> {
    let socket = order.record.socket().ok_or("no port")?;
    let began = Instant::now();
    loop {
        let (limit, pause) = match knock(&socket) {
            Answer::Up => return Ok(()),
            // Each knock at a server that recovers is a line in its log.
            Answer::NotYet => (RECOVER, Duration::from_millis(25)),
            Answer::Nobody => (START, Duration::from_millis(5)),
        };
        if let Ok(Some(status)) = keeper.try_wait() {
            return Err(format!("the server ended at once ({status})"));
        }
        if began.elapsed() > limit {
            return Err(format!("no answer within {} s", limit.as_secs()));
        }
        thread::sleep(pause);
    }
}

/// The first line of `postmaster.pid`, which the server writes and removes; we only read it.
fn server_process(home: &Path) -> Option<Process> {
    let text = fs::read_to_string(home.join("data/postmaster.pid")).ok()?;
    Process::of(text.lines().next()?.trim().parse().ok()?)
}

/// The last lines that the server wrote since `written` bytes.
fn tail(log: &Path, written: u64) -> String {
    let Ok(bytes) = fs::read(log) else { return String::new() };
    let from = usize::try_from(written).map_or(0, |written| written.min(bytes.len()));
    let text = String::from_utf8_lossy(&bytes[from..]).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("; ")
}

/// The folder belongs to whoever makes the socket in it; nobody else may enter.
fn make_socket_dir(record: &Record) -> Result<(), ObtainError> {
    let owner = record.identity.owner();
    let dir = record.socket_dir.as_path();
    if fs::symlink_metadata(dir).is_err() {
        place::own_dir(dir, 0o700, place::effective_uid())?;
        give(dir, &record.identity).map_err(|error| ObtainError::place(dir, error.to_string()))?;
    }
    place::check_dir(dir, owner).map(|_| ())
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn free_port() -> Result<u16, ObtainError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| ObtainError::Start { why: format!("no free port: {error}") })
}

/// Takes a lock, shared or alone, within a limit.
pub(crate) fn lock_within(
    lock: &File,
    shared: bool,
    limit: Duration,
    home: &Path,
) -> Result<(), ObtainError> {
    let deadline = Instant::now() + limit;
    loop {
        let taken = if shared { lock.try_lock_shared() } else { lock.try_lock() };
        match taken {
            Ok(()) => return Ok(()),
            Err(fs::TryLockError::Error(error)) => {
                return Err(ObtainError::place(home, format!("cannot lock: {error}")));
            }
            Err(fs::TryLockError::WouldBlock) if Instant::now() >= deadline => {
                let why = format!("another process holds its lock for {} s", limit.as_secs());
                return Err(ObtainError::place(home, why));
            }
            Err(fs::TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(10)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_and_a_dying_predecessor_are_tried_again_and_nothing_else() {
        assert!(is_passing("LOG:  could not bind IPv4 address: Address already in use"));
        assert!(is_passing("FATAL:  pre-existing shared memory block (key 1) is still in use"));
        assert!(!is_passing("FATAL:  database files are incompatible with server"));
    }

    #[test]
    fn a_lock_held_by_another_is_given_up_after_the_limit() {
        let path = std::env::temp_dir().join(format!("backstay-lock-{}", std::process::id()));
        let (one, two) = (place::open_lock(&path).unwrap(), place::open_lock(&path).unwrap());
        one.lock().unwrap();
        let error = lock_within(&two, true, Duration::from_millis(30), &path).unwrap_err();
        assert!(error.to_string().contains("holds its lock"), "{error}");
        one.unlock().unwrap();
        lock_within(&two, true, Duration::from_millis(30), &path).unwrap();
        fs::remove_file(path).unwrap();
    }
}
