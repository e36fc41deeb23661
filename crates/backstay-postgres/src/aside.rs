//! Puts the data of a lasting cluster aside; never removes it.

use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::Signal;

use crate::error::ObtainError;
use crate::lock::open_lock;
use crate::options::STOP;
use crate::place::{self, Where};
use crate::record::Record;

/// Puts the data of a lasting cluster aside, so that the next start makes a new one. Returns the
/// new name, or `None` if there was nothing. For `dev --fresh`.
///
/// # Errors
/// `BS901` if the cluster is in use or the folder cannot be renamed.
pub fn set_aside(place: &Where) -> Result<Option<PathBuf>, ObtainError> {
    let root = place.root()?;
    for root in [place::elsewhere(&root), root] {
        let Some(&major) = place::majors_in(&root).first() else { continue };
        let home = place::home_of(place, &root, major);
        let lock = open_lock(&home.join("users.lock"))?;
        if lock.try_lock().is_err() {
            return Err(ObtainError::place(&home, "the cluster is in use".to_owned()));
        }
        // Its keeper may not have noticed yet that its last user is gone.
        if let Some(server) = Record::read(&home).ok().flatten().and_then(|it| it.server) {
            server.signal(Signal::INT);
            if !server.wait_gone(STOP) {
                return Err(ObtainError::place(&home, "its server does not end".to_owned()));
            }
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let aside = root.join(format!("old-{now}-pg-{major}"));
        fs::rename(&home, &aside).map_err(|error| ObtainError::place(&home, error.to_string()))?;
        return Ok(Some(aside));
    }
    Ok(None)
}
