//! Notes of the databases that exist: files with a time of last use and a lock while in use.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::lock::open_lock;

/// The time of a note is that of its last use. A note that cannot be touched is swept too early,
/// and what it names is built again.
pub(super) fn touch(path: &Path) {
    let _late = File::open(path).and_then(|file| file.set_modified(SystemTime::now()));
}

/// Offers every note that is old enough and not in use, and removes it if its drop succeeded.
pub(super) fn sweep(
    notes: &Path,
    age: Duration,
    left: &mut usize,
    drop_it: &dyn Fn(&str) -> Option<Result<(), String>>,
) {
    let Ok(entries) = fs::read_dir(notes) else { return };
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path();
        if *left == 0 {
            return;
        }
        if !is_older(&path.with_extension("ready"), age) || !is_older(&path, age) {
            continue;
        }
        let Ok(lock) = open_lock(&path) else { continue };
        let name = entry.file_name().to_string_lossy().into_owned();
        if lock.try_lock().is_ok() && matches!(drop_it(&name), Some(Ok(()))) {
            *left -= 1;
            // Another process may have removed it first.
            let _gone = fs::remove_file(&path);
        }
    }
}

/// True also for a file that is not there.
fn is_older(path: &Path, age: Duration) -> bool {
    let Ok(modified) = fs::metadata(path).and_then(|found| found.modified()) else { return true };
    SystemTime::now().duration_since(modified).is_ok_and(|since| since > age)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::env;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn only_old_notes_that_nobody_holds_are_swept_and_no_more_than_the_bound() {
        let dir = env::temp_dir().join(format!("backstay-sweep-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let old = SystemTime::now() - Duration::from_secs(7200);
        for name in ["backstay_t_1", "backstay_t_2", "backstay_t_3", "backstay_t_held"] {
            File::create(dir.join(name)).unwrap().set_modified(old).unwrap();
        }
        File::create(dir.join("backstay_t_young")).unwrap();
        let held = open_lock(&dir.join("backstay_t_held")).unwrap();
        held.lock().unwrap();
        let mut left = 2;
        sweep(&dir, HOUR, &mut left, &|_| Some(Ok(())));
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 3);
        left = 10;
        sweep(&dir, HOUR, &mut left, &|_| Some(Err("not now".to_owned())));
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 3);
        sweep(&dir, HOUR, &mut left, &|_| Some(Ok(())));
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 2);
        fs::remove_dir_all(dir).unwrap();
    }
}
