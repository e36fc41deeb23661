//! Locks between processes, held by open files, so that the system frees those of a killed one.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::ObtainError;
use crate::place;

/// Opens or makes a lock file. Never through a link; closed on exec, as std opens everything.
pub(crate) fn open_lock(path: &Path) -> Result<File, ObtainError> {
    place::private_file()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|error| ObtainError::place(path, error.to_string()))
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
            Err(TryLockError::Error(error)) => {
                return Err(ObtainError::place(home, format!("cannot lock: {error}")));
            }
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                let why = format!("another process holds its lock for {} s", limit.as_secs());
                return Err(ObtainError::place(home, why));
            }
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(10)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_lock_file_that_is_a_link_is_not_opened() {
        let dir = std::env::temp_dir().join(format!("backstay-link-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        symlink(dir.join("victim"), dir.join("users.lock")).unwrap();
        assert!(open_lock(&dir.join("users.lock")).is_err());
        assert!(!dir.join("victim").exists());
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_lock_held_by_another_is_given_up_after_the_limit() {
        let path = std::env::temp_dir().join(format!("backstay-lock-{}", std::process::id()));
        let (one, two) = (open_lock(&path).unwrap(), open_lock(&path).unwrap());
        one.lock().unwrap();
        let error = lock_within(&two, true, Duration::from_millis(30), &path).unwrap_err();
        assert!(error.to_string().contains("holds its lock"), "{error}");
        one.unlock().unwrap();
        lock_within(&two, true, Duration::from_millis(30), &path).unwrap();
        fs::remove_file(path).unwrap();
    }
}
