//! Scratch folders: one root per supervisor, one folder per child, removed with all that is in them.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rustix::fs::{Access, FlockOperation, access, flock, statfs};
use rustix::process::geteuid;

const PREFIX: &str = "backstay-scratch-";
const LOCK: &str = "lock";
/// Its supervisor plans with all the memory there is.
const ALL_MEMORY: &str = "all-memory";

/// What the kernel calls file systems that lie in memory: tmpfs and ramfs.
const IN_MEMORY: [u32; 2] = [0x0102_1994, 0x8584_58f6];

/// Gives the folder below which scratch folders are made where nobody says another: `$TMPDIR`, else `/var/tmp`, which
/// lies on a disk where `/tmp` may not.
pub fn scratch_default() -> PathBuf {
    let lasting = Path::new("/var/tmp");
    let fits = lasting.is_dir() && access(lasting, Access::WRITE_OK | Access::EXEC_OK).is_ok();
    match std::env::var_os("TMPDIR") {
        None if fits => lasting.to_owned(),
        _ => std::env::temp_dir(),
    }
}

/// Says why children may not have their folders below this one; nothing where they may, or where it is still to be made.
pub fn scratch_refusal(place: &Path) -> Option<String> {
    let found = match fs::metadata(place) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => return Some(error.to_string()),
    };
    let (owner, own) = (found.uid(), geteuid().as_raw());
    if !found.is_dir() {
        Some("it is not a folder".to_owned())
    } else if owner != own {
        Some(format!("it belongs to user {owner}, and this is user {own}"))
    } else if found.mode() & 0o022 != 0 && found.mode() & 0o1000 == 0 {
        Some("others may write to it and take folders away: chmod go-w".to_owned())
    } else {
        None
    }
}

/// Says whether what is written there takes memory instead of a disk, and is counted as nobody's.
pub fn scratch_lies_in_memory(place: &Path) -> bool {
    let existing = place.ancestors().find(|it| it.exists());
    let found = existing.and_then(|it| statfs(it).ok());
    found.is_some_and(|found| IN_MEMORY.contains(&(found.f_type as u32)))
}

/// Makes a folder that the settings name, with those above it, for its owner alone; one that is there must be ours.
pub(crate) fn claim(place: &Path) -> io::Result<()> {
    if let Some(why) = scratch_refusal(place) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    private().recursive(true).create(place)
}

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

    /// Notes that its supervisor plans with all the memory there is; counts the other processes that do so beside it.
    pub(crate) fn claim_memory(&self) -> io::Result<usize> {
        File::create(self.path.join(ALL_MEMORY))?;
        let own = format!("{PREFIX}{}-", std::process::id());
        let place = self.path.parent().unwrap_or(Path::new("/"));
        let others = fs::read_dir(place)?.flatten().filter(|entry| {
            let name = entry.file_name();
            let name = name.to_str().unwrap_or("");
            let root = entry.path();
            name.starts_with(PREFIX)
                && !name.starts_with(&own)
                && root.join(ALL_MEMORY).exists()
                && !is_abandoned(&root)
        });
        Ok(others.count())
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

/// Far more than one step of the clock that file systems use.
const TOLD_APART: Duration = Duration::from_millis(100);

/// Says whether an attempt left nothing behind.
pub(crate) fn is_empty(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

/// Says when something was last made or removed in a folder; nothing, if that was just now, since the clock of a file
/// system may not tell it from what comes next.
pub(crate) fn last_change(path: &Path) -> Option<SystemTime> {
    let changed = fs::metadata(path).ok()?.modified().ok()?;
    let since = SystemTime::now().duration_since(changed);
    since.is_ok_and(|since| since >= TOLD_APART).then_some(changed)
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
    fn a_folder_of_the_settings_is_made_for_its_owner_alone_and_must_be_ours() {
        let above = std::env::temp_dir().join(format!("scratch-claim-{}", std::process::id()));
        let place = above.join("jobs");
        assert_eq!(scratch_refusal(&place), None, "it can be made");
        claim(&place).unwrap();
        let mode = |mode| fs::set_permissions(&place, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o700);
        claim(&place).unwrap();
        mode(0o777);
        assert!(claim(&place).unwrap_err().to_string().contains("others may write"));
        mode(0o1777);
        claim(&place).unwrap();
        let file = above.join("file");
        fs::write(&file, "").unwrap();
        assert!(scratch_refusal(&file).unwrap().contains("not a folder"));
        if geteuid().is_root() {
            std::os::unix::fs::chown(&place, Some(65534), None).unwrap();
            assert!(scratch_refusal(&place).unwrap().contains("belongs to user 65534"));
        }
        remove(&above);
    }

    #[test]
    fn whoever_plans_with_all_memory_hears_of_others_that_live() {
        let place = std::env::temp_dir().join(format!("scratch-memory-{}", std::process::id()));
        fs::create_dir(&place).unwrap();
        let own = ScratchRoot::make(&place).unwrap();
        let _second = ScratchRoot::make(&place).unwrap().claim_memory().unwrap();
        assert_eq!(own.claim_memory().unwrap(), 0, "this very process");
        let other = |name: &str| {
            let root = place.join(format!("{PREFIX}{name}"));
            fs::create_dir(&root).unwrap();
            fs::write(root.join(ALL_MEMORY), "").unwrap();
            File::create(root.join(LOCK)).unwrap()
        };
        let alive = other("1-0");
        flock(&alive, FlockOperation::NonBlockingLockExclusive).unwrap();
        let _dead = other("2-0");
        assert_eq!(own.claim_memory().unwrap(), 1);
        remove(&place);
    }

    #[test]
    fn memory_is_told_from_a_disk() {
        assert!(scratch_lies_in_memory(Path::new("/dev/shm/not/there/yet")));
        assert!(!scratch_lies_in_memory(Path::new("/proc/self")));
    }

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
