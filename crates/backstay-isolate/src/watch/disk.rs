//! How much lies in a scratch folder: measured on a thread of its own, since a walk may take long.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::watch::Watch;

/// A walk ends here, so that a folder full of small files cannot hold up the others.
pub(super) const MOST_ENTRIES: usize = 100_000;

/// When a folder is first measured.
pub(super) const FIRST: Duration = Duration::from_secs(1);

/// Between two walks at least, and at most.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(10);

/// Says when to measure again: a small folder soon, a large one when it was worth the walk.
pub(super) fn pause(took: Duration) -> Duration {
    (took * 100).clamp(SHORTEST, LONGEST)
}

/// What was found in a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Measured {
    pub(crate) bytes: u64,
    /// There was more than was looked at.
    pub(crate) cut: bool,
}

/// Adds up what a folder's files take on the disk; follows no link, and looks at no more than `most`.
pub(crate) fn measure(folder: &Path, most: usize) -> Measured {
    let (mut measured, mut left) = (Measured::default(), most);
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            if left == 0 {
                measured.cut = true;
                return measured;
            }
            left -= 1;
            let Ok(about) = entry.metadata() else { continue };
            // In blocks of 512 bytes, whatever the file system's own are.
            measured.bytes += about.blocks() * 512;
            if about.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    measured
}

/// Measures the folders of all children that run something.
pub(super) fn measure_until_closed(watch: &Weak<Watch>) {
    loop {
        std::thread::park_timeout(SHORTEST / 2);
        let Some(watch) = watch.upgrade() else { return };
        if watch.closed.load(Ordering::Acquire) {
            return;
        }
        for subject in watch.all() {
            subject.measure_if_due(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_measured_with_all_below_it_and_no_further() {
        let place = std::env::temp_dir().join(format!("disk-test-{}", std::process::id()));
        fs::create_dir_all(place.join("a/b")).unwrap();
        let empty = measure(&place, 100).bytes;
        fs::write(place.join("a/b/file"), vec![1; 100_000]).unwrap();
        std::os::unix::fs::symlink("/usr", place.join("link")).unwrap();
        let measured = measure(&place, 100);
        assert!((100_000..200_000).contains(&(measured.bytes - empty)), "{measured:?} {empty}");
        assert!(!measured.cut && measure(&place, 2).cut);
        assert_eq!(measure(&place.join("missing"), 100), Measured::default());
        fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn a_walk_takes_no_more_than_one_hundredth_of_the_time() {
        assert_eq!(pause(Duration::from_millis(1)), SHORTEST);
        assert_eq!(pause(Duration::from_millis(50)), Duration::from_secs(5));
        assert_eq!(pause(Duration::from_secs(9)), LONGEST);
    }
}
