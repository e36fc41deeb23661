//! Scratch folders: one root per supervisor, one folder per child, removed with all that is in them.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FlockOperation, flock};

const PREFIX: &str = "backstay-scratch-";
const LOCK: &str = "lock";

/// The supervisor's own folder; locked as long as the supervisor lives.
#[derive(Debug)]
pub(crate) struct ScratchRoot {
    path: PathBuf,
    count: AtomicU64,
    _lock: File,
}

impl ScratchRoot {
    /// Makes a root below `place` and removes those that dead supervisors left there.
    pub(crate) fn make(place: &Path) -> io::Result<ScratchRoot> {
        remove_abandoned(place);
        let pid = std::process::id();
        // A name may be taken by a process of another pid namespace, or by another launcher here.
        for nth in 0..10_000 {
            let path = place.join(format!("{PREFIX}{pid}-{nth}"));
            match private().create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made?,
            }
            // Locked before it has its name, or a neighbour could take us for dead.
            let unnamed = path.join("lock.new");
            let lock = File::create(&unnamed)?;
            flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
            fs::rename(&unnamed, path.join(LOCK))?;
            return Ok(ScratchRoot { path, count: AtomicU64::new(0), _lock: lock });
        }
        Err(io::Error::other(format!("no free scratch folder below `{}`", place.display())))
    }

    /// Names the next folder; it does not exist yet.
    pub(crate) fn next(&self) -> PathBuf {
        self.path.join(self.count.fetch_add(1, Ordering::Relaxed).to_string())
    }

    pub(crate) fn remove(&self) {
        remove(&self.path);
    }
}

fn private() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

/// Makes one folder that only its owner may enter.
pub(crate) fn make(path: &Path) -> io::Result<()> {
    private().create(path)
}

/// Removes a folder; what cannot be removed now goes with the root, or at the next start.
pub(crate) fn remove(path: &Path) {
    let _left_for_later = fs::remove_dir_all(path);
}

/// Says whether an attempt left nothing behind.
pub(crate) fn is_empty(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

/// Puts an empty folder in the place of a used one, and says where the used one lies now.
pub(crate) fn renew(path: &Path, aside: &Path) -> io::Result<()> {
    fs::rename(path, aside)?;
    make(path)
}

fn remove_abandoned(place: &Path) {
    let Ok(entries) = fs::read_dir(place) else { return };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if ours && entry.file_type().is_ok_and(|kind| kind.is_dir()) && is_abandoned(&entry.path())
        {
            remove(&entry.path());
        }
    }
}

/// The lock tells the dead from the living across pid namespaces, where a pid would not. Folders of
/// other users cannot be opened, and one without a lock file is just being made.
fn is_abandoned(root: &Path) -> bool {
    let Ok(lock) = File::open(root.join(LOCK)) else { return false };
    flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_root_outlives_neighbours_but_not_its_owner() {
        let place = std::env::temp_dir().join(format!("scratch-test-{}", std::process::id()));
        fs::create_dir(&place).unwrap();
        let first = ScratchRoot::make(&place).unwrap();
        let folder = first.next();
        make(&folder).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        let second = ScratchRoot::make(&place).unwrap();
        assert!(folder.exists());
        drop(first);
        let _third = ScratchRoot::make(&place).unwrap();
        assert!(!folder.exists());
        assert!(second.path.exists());
        remove(&place);
    }
}
