//! Where a private cluster keeps its data, its socket and what it fetched; refuses foreign places.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::error::ObtainError;
use crate::process::{effective_uid, is_root};

/// A socket path must stay below 108 bytes with its NUL; `/.s.PGSQL.65535` and a margin go off.
const SOCKET_DIR_BYTES: usize = 88;

/// Which cluster is meant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Where {
    /// The user's own lasting one, for `dev` and `demo`: `$XDG_STATE_HOME/backstay`
    /// (`~/.local/state/backstay`), as root `/var/lib/backstay`.
    #[default]
    Shared,
    /// The one that all test processes of a build share, in `<cargo target>/backstay-pg`.
    Tests,
    /// One of our own in a temporary folder, stopped and removed with its [`Cluster`](crate::Cluster).
    Own,
    /// A lasting one in this folder.
    At(PathBuf),
}

impl Where {
    /// The folder that holds one home per major.
    pub(crate) fn root(&self) -> Result<PathBuf, ObtainError> {
        match self {
            Where::Shared => shared_root(),
            Where::Tests => Ok(tests_root()),
            Where::Own => Ok(env::temp_dir()),
            Where::At(path) => std::path::absolute(path)
                .map_err(|error| ObtainError::place(path, format!("no path: {error}"))),
        }
    }
}

fn shared_root() -> Result<PathBuf, ObtainError> {
    if is_root() {
        return Ok(PathBuf::from("/var/lib/backstay"));
    }
    from_home("XDG_STATE_HOME", ".local/state").ok_or_else(|| {
        ObtainError::place(Path::new("~"), "neither `XDG_STATE_HOME` nor `HOME` is set".to_owned())
    })
}

/// Where fetched programs are kept. Lasting if there is a home, else temporary.
pub(crate) fn cache_root() -> PathBuf {
    if is_root() {
        return PathBuf::from("/var/cache/backstay/postgres");
    }
    from_home("XDG_CACHE_HOME", ".cache").map_or_else(
        || env::temp_dir().join(format!("backstay-cache-{}", effective_uid())),
        |path| path.join("postgres"),
    )
}

fn from_home(variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let base = absolute(variable).or_else(|| Some(absolute("HOME")?.join(below_home)))?;
    Some(base.join("backstay"))
}

/// The target folder of the running build, else a temporary folder of this user.
pub(crate) fn tests_root() -> PathBuf {
    target_dir().map_or_else(
        || env::temp_dir().join(format!("backstay-pg-{}", effective_uid())),
        |target| target.join("backstay-pg"),
    )
}

/// cargo marks every target folder with `CACHEDIR.TAG`; a test binary stands some levels below.
pub(crate) fn target_dir() -> Option<PathBuf> {
    let exe = env::current_exe().ok()?;
    let marked = exe.ancestors().skip(1).take(5).find(|dir| dir.join("CACHEDIR.TAG").is_file());
    let named = || env::var_os("CARGO_TARGET_DIR").map(PathBuf::from).filter(|p| p.is_absolute());
    marked.map(Path::to_path_buf).or_else(named)
}

/// The folder of one cluster. Tests keep theirs by the bare number, beside nothing else.
pub(crate) fn home_of(place: &Where, root: &Path, major: u32) -> PathBuf {
    match place {
        Where::Tests => root.join(major.to_string()),
        _ => root.join(format!("pg-{major}")),
    }
}

/// The root for data when the server's user cannot reach the usual one.
pub(crate) fn elsewhere(root: &Path) -> PathBuf {
    let base = elsewhere_base();
    if root == Path::new("/var/lib/backstay") { base } else { base.join(hash(root.as_os_str())) }
}

/// Stands in a folder where everybody may make folders, so its owner is checked before use.
pub(crate) fn elsewhere_base() -> PathBuf {
    PathBuf::from(format!("/var/tmp/backstay-{}", effective_uid()))
}

/// The majors that have data below the root, newest first.
pub(crate) fn majors_in(root: &Path) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(root) else { return Vec::new() };
    let mut majors: Vec<u32> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().join("data/PG_VERSION").is_file())
        .filter_map(|entry| entry.file_name().to_str()?.strip_prefix("pg-")?.parse().ok())
        .collect();
    majors.sort_unstable_by(|a, b| b.cmp(a));
    majors
}

/// The folder for the socket: short, ours, and different for every cluster.
pub(crate) fn socket_dir(home: &Path, dropped: bool) -> PathBuf {
    let hash = hash(home.as_os_str());
    let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|p| p.is_absolute());
    // The session's folder admits its user only, so a server that runs as another cannot use it.
    if let Some(runtime) = runtime.filter(|runtime| !dropped && runtime.is_dir()) {
        let dir = runtime.join("backstay").join(&hash);
        if dir.as_os_str().len() <= SOCKET_DIR_BYTES {
            return dir;
        }
    }
    PathBuf::from(format!("/tmp/backstay-{}-{hash}", effective_uid()))
}

/// Eight hex digits (FNV-1a, folded) that only have to differ between the clusters of one machine,
/// and to stay the same from one release to the next.
pub(crate) fn hash(text: &OsStr) -> String {
    let start = 0xcbf2_9ce4_8422_2325_u64;
    let mixed = text
        .as_bytes()
        .iter()
        .fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{:08x}", (mixed ^ (mixed >> 32)) as u32)
}

/// Makes the folder with this mode if it is missing, parents too, and refuses one that is a link
/// or belongs to somebody else than `owner`: in a shared folder such as `/tmp` it may be a trap.
pub(crate) fn own_dir(path: &Path, mode: u32, owner: u32) -> Result<(), ObtainError> {
    if let Some(parent) = path.parent() {
        make_parents(parent).map_err(|error| ObtainError::place(parent, error.to_string()))?;
    }
    match DirBuilder::new().mode(mode).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(ObtainError::place(path, error.to_string())),
    }
    let found = check_dir(path, owner)?;
    if found.permissions().mode() & 0o7777 != mode && found.uid() == effective_uid() {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
            .map_err(|error| ObtainError::place(path, error.to_string()))?;
    }
    Ok(())
}

/// Parents are made with the mode that lets a dropped server pass, whatever the umask says.
fn make_parents(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_parents(parent)?;
    }
    match DirBuilder::new().mode(0o755).create(path) {
        Ok(()) => fs::set_permissions(path, fs::Permissions::from_mode(0o755)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// A real folder that belongs to `owner`, or an error that says what it is instead.
pub(crate) fn check_dir(path: &Path, owner: u32) -> Result<fs::Metadata, ObtainError> {
    let found =
        fs::symlink_metadata(path).map_err(|error| ObtainError::place(path, error.to_string()))?;
    if found.file_type().is_symlink() {
        return Err(ObtainError::place(path, "is a symbolic link".to_owned()));
    }
    if !found.is_dir() {
        return Err(ObtainError::place(path, "is not a folder".to_owned()));
    }
    if found.uid() != owner {
        let why = format!("belongs to uid {}, not to uid {owner}", found.uid());
        return Err(ObtainError::place(path, why));
    }
    Ok(found)
}

/// Options for a file that only its owner reads, and that is no link.
pub(crate) fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600).custom_flags(OFlags::NOFOLLOW.bits() as i32);
    options
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn scratch(name: &str) -> PathBuf {
        let dir = env::temp_dir().join(format!("backstay-place-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn a_folder_that_is_a_link_is_refused() {
        let dir = scratch("link");
        symlink("/", dir.join("trap")).unwrap();
        let error = own_dir(&dir.join("trap"), 0o700, effective_uid()).unwrap_err();
        assert!(error.to_string().contains("symbolic link"), "{error}");
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_folder_of_somebody_else_is_refused() {
        let dir = scratch("other");
        let error = own_dir(&dir, 0o700, effective_uid() + 1).unwrap_err();
        assert!(error.to_string().contains("belongs to uid"), "{error}");
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_folder_of_ours_gets_the_mode_that_was_asked() {
        let dir = scratch("mode");
        own_dir(&dir.join("a/b"), 0o711, effective_uid()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&dir.join("a/b")), 0o711);
        assert_eq!(mode(&dir.join("a")), 0o755);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_socket_path_always_fits() {
        let deep = PathBuf::from("/").join("deep/".repeat(60));
        assert!(socket_dir(&deep, false).as_os_str().len() <= SOCKET_DIR_BYTES);
        assert_ne!(socket_dir(&deep, true), socket_dir(Path::new("/other"), true));
    }

    #[test]
    fn the_majors_with_data_are_found_newest_first() {
        let dir = scratch("majors");
        for name in ["pg-15", "pg-18", "old-1-pg-17", "pg-x"] {
            fs::create_dir_all(dir.join(name).join("data")).unwrap();
            fs::write(dir.join(name).join("data/PG_VERSION"), "x").unwrap();
        }
        fs::create_dir_all(dir.join("pg-16")).unwrap();
        assert_eq!(majors_in(&dir), vec![18, 15]);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn the_place_elsewhere_differs_by_the_place_it_stands_for() {
        assert_ne!(elsewhere(Path::new("/root/a")), elsewhere(Path::new("/root/b")));
        assert!(elsewhere(Path::new("/root/a")).starts_with("/var/tmp"));
    }
}
