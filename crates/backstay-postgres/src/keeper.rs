//! The small shell process that owns a server and stops it when its last user is gone.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::error::ObtainError;
use crate::locate::clean;
use crate::options::Durability;
use crate::place;
use crate::record::Record;

/// A log that has grown beyond this is put aside at the next start; so at most two of them exist.
const LOG_BYTES: u64 = 8 * 1024 * 1024;

/// Arguments: the lock file of the users, the seconds without users, the folder of the socket, the
/// server's command line.
///
/// The lock opens after the server was started, so that the server does not inherit it. While the
/// keeper stops the server it holds the lock: a newcomer waits, and then starts a new server.
const SCRIPT: &str = r#"
lock=$1 limit=$2 socket_dir=$3; shift 3
"$@" & server=$!
exec 8<"$lock"
idle=0
while sleep 1; do
  read -r _ _ state _ 2>/dev/null </proc/$server/stat || state=Z
  [ "$state" = Z ] && exit 1
  if flock -n -x 8; then
    idle=$((idle + 1))
    if [ "$idle" -ge "$limit" ]; then
      kill -INT "$server"
      wait "$server"
      rmdir "$socket_dir" 2>/dev/null
      exit 0
    fi
    flock -u 8
  else
    idle=0
  fi
done
"#;

/// What a server is started with.
pub(crate) struct Order<'a> {
    pub(crate) home: &'a Path,
    pub(crate) record: &'a Record,
    pub(crate) port: u16,
    pub(crate) idle: Duration,
    pub(crate) settings: &'a [(String, String)],
}

/// Starts a keeper, and with it the server. The keeper has a session of its own, so that Ctrl-C in
/// the terminal does not reach the server before its users, and no descriptor of the caller, so
/// that a pipe behind the caller ends with the caller.
pub(crate) fn start(order: &Order<'_>) -> Result<Child, ObtainError> {
    let log = open_log(order.home)?;
    let errors = log.try_clone().map_err(|error| start_error(&error))?;
    let mut command = Command::new("setsid");
    clean(&mut command);
    command.args(["sh", "-c", SCRIPT, "backstay-keeper"]);
    command.arg(order.home.join("users.lock")).arg(order.idle.as_secs().max(1).to_string());
    command.arg(&order.record.socket_dir);
    command.args(server_words(order));
    command.stdin(Stdio::null()).stdout(log).stderr(errors);
    command.spawn().map_err(|error| start_error(&error))
}

fn start_error(error: &std::io::Error) -> ObtainError {
    ObtainError::Start { why: format!("`setsid`: {error}") }
}

/// `--pdeathsig` stands behind the identity, since a change of user forgets it. It ends the server
/// should the keeper be killed.
fn server_words(order: &Order<'_>) -> Vec<OsString> {
    let mut words = order.record.identity.prefix();
    words.extend(["setpriv", "--pdeathsig", "INT", "--"].map(OsString::from));
    words.extend(order.record.programs().words("postgres"));
    words.push(OsString::from("-D"));
    words.push(order.home.join("data").into_os_string());
    for (name, value) in settings(order) {
        words.push(OsString::from("-c"));
        words.push(OsString::from(format!("{name}={value}")));
    }
    words
}

/// Our settings, then the caller's: the server takes the last word.
fn settings(order: &Order<'_>) -> Vec<(String, String)> {
    let port = order.port.to_string();
    let socket_dir = order.record.socket_dir.to_string_lossy().into_owned();
    let (flush, connections) = match order.record.durability {
        Durability::Durable => ("on", "100"),
        Durability::Throwaway => ("off", "200"),
    };
    let ours = [
        ("listen_addresses", "127.0.0.1"),
        ("port", &port),
        ("unix_socket_directories", &socket_dir),
        ("max_connections", connections),
        ("fsync", flush),
        ("full_page_writes", flush),
        ("synchronous_commit", flush),
        ("jit", "off"),
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
        ("logging_collector", "off"),
        ("cluster_name", "backstay"),
    ];
    let ours = ours.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    ours.chain(order.settings.iter().cloned()).collect()
}

fn open_log(home: &Path) -> Result<File, ObtainError> {
    let path = home.join("server.log");
    if fs::symlink_metadata(&path).is_ok_and(|found| found.len() > LOG_BYTES) {
        fs::rename(&path, home.join("server.log.1"))
            .map_err(|error| ObtainError::place(&path, error.to_string()))?;
    }
    place::private_file()
        .append(true)
        .create(true)
        .open(&path)
        .map_err(|error| ObtainError::place(&path, error.to_string()))
}
