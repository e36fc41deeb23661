//! Starts the server of a cluster, under the lock of its home.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Child;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::cluster::{Cluster, Running, join};
use crate::error::ObtainError;
use crate::fit::Fit;
use crate::keeper::{self, Order};
use crate::locate::Programs;
use crate::lock::{lock_within, open_lock};
use crate::make::{make_home, make_socket_dir, prepare, wipe};
use crate::options::Options;
use crate::place::Where;
use crate::probe::{Answer, knock};
use crate::process::Process;
use crate::record::Record;

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
    let starting = open_lock(&home.join("start.lock"))?;
    lock_within(&starting, false, OTHERS, home)?;
    if let Some(cluster) = join_unless_broken(home, options)? {
        return Ok(cluster);
    }
    let users = open_lock(&home.join("users.lock"))?;
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

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn free_port() -> Result<u16, ObtainError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| ObtainError::Start { why: format!("no free port: {error}") })
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
}
