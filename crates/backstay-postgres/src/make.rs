//! Makes what a server needs before it starts: its home, its data, the folder of its socket.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::Duration;

use crate::error::ObtainError;
use crate::fit::Fit;
use crate::identity::Identity;
use crate::locate::Programs;
use crate::options::{Options, USER};
use crate::place;
use crate::process::effective_uid;
use crate::record::{Record, write_new};
use crate::run::run_well;

/// `initdb` takes half a second; on the slowest machine that is still of use, not a minute.
const INITDB: Duration = Duration::from_secs(60);

/// Removes the data and all that is noted about it.
pub(crate) fn wipe(home: &Path) -> Result<(), ObtainError> {
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
    let (mode, me) = (if identity.is_dropped() { 0o711 } else { 0o700 }, effective_uid());
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

/// Only whoever runs the server reads what the server needs.
pub(crate) fn give(path: &Path, identity: &Identity) -> std::io::Result<()> {
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

/// The folder belongs to whoever makes the socket in it; nobody else may enter.
pub(crate) fn make_socket_dir(record: &Record) -> Result<(), ObtainError> {
    let owner = record.identity.owner();
    let dir = record.socket_dir.as_path();
    if fs::symlink_metadata(dir).is_err() {
        place::own_dir(dir, 0o700, effective_uid())?;
        give(dir, &record.identity).map_err(|error| ObtainError::place(dir, error.to_string()))?;
    }
    place::check_dir(dir, owner).map(|_| ())
}
