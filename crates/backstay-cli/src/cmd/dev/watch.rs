//! Which files the worker depends on, and whether one of them has changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Files that are looked at; a folder with more is watched in part.
const FILES: usize = 5_000;
/// How deep below a folder files are looked for.
const DEPTH: usize = 8;
/// Folders that hold what programs make, not what people write.
const SKIPPED: [&str; 4] = [".git", "target", "node_modules", "__pycache__"];

/// The settings file, and the files below some folders.
#[derive(Debug)]
pub(crate) struct Watch {
    file: PathBuf,
    folders: Vec<PathBuf>,
    seen: Seen,
}

/// When each file was written, and how large it is.
type Seen = BTreeMap<PathBuf, (SystemTime, u64)>;

impl Watch {
    pub(crate) fn new(file: PathBuf, folders: Vec<PathBuf>) -> Watch {
        let seen = look(&file, &folders);
        Watch { file, folders, seen }
    }

    /// Looks again. Names one file that was written, made or removed since the last look.
    pub(crate) fn changed(&mut self) -> Option<PathBuf> {
        let now = look(&self.file, &self.folders);
        let changed = now
            .iter()
            .find(|(path, stamp)| self.seen.get(*path) != Some(stamp))
            .map(|(path, _)| path)
            .or_else(|| self.seen.keys().find(|path| !now.contains_key(*path)))
            .cloned();
        self.seen = now;
        changed
    }
}

fn look(file: &Path, folders: &[PathBuf]) -> Seen {
    let mut seen = Seen::new();
    stamp(file, &mut seen);
    for folder in folders {
        walk(folder, 0, &mut seen);
    }
    seen
}

fn walk(folder: &Path, depth: usize, seen: &mut Seen) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        if seen.len() >= FILES {
            return;
        }
        // A link is not followed, so that no circle keeps us here.
        let Ok(sort) = entry.file_type() else { continue };
        let is_skipped = SKIPPED.iter().any(|name| entry.file_name() == *name);
        if sort.is_dir() && !is_skipped && depth < DEPTH {
            walk(&entry.path(), depth + 1, seen);
        } else if sort.is_file() {
            stamp(&entry.path(), seen);
        }
    }
}

fn stamp(path: &Path, seen: &mut Seen) {
    let Ok(found) = std::fs::metadata(path) else { return };
    let at = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    seen.insert(path.to_path_buf(), (at, found.len()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_a_new_and_a_removed_file_are_changes_and_nothing_else_is() {
        let dir = std::env::temp_dir().join(format!("backstay-watch-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("jobs/node_modules")).unwrap();
        let (file, job) = (dir.join("backstay.toml"), dir.join("jobs/a.js"));
        std::fs::write(&job, "1").unwrap();
        let mut watch = Watch::new(file.clone(), vec![dir.join("jobs")]);
        assert_eq!(watch.changed(), None);
        std::fs::write(&file, "").unwrap();
        assert_eq!(watch.changed(), Some(file));
        std::fs::write(&job, "22").unwrap();
        assert_eq!(watch.changed(), Some(job.clone()));
        std::fs::write(dir.join("jobs/node_modules/b.js"), "").unwrap();
        assert_eq!(watch.changed(), None);
        std::fs::remove_file(&job).unwrap();
        assert_eq!(watch.changed(), Some(job));
        std::fs::remove_dir_all(dir).unwrap();
    }
}
