//! Finds the identity under which programs can run a cluster, by trying.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::identity::{Identity, TRY, has_name, namespace, user_named, user_of_uid};
use crate::locate::Programs;
use crate::process::{effective_uid, is_root};
use crate::run::run_well;

/// An identity that fits, and the home in which it may keep its data.
#[derive(Debug)]
pub(crate) struct Fit {
    pub(crate) identity: Identity,
    pub(crate) home: PathBuf,
}

/// Finds the first identity that reaches a home and runs the programs. An existing data folder
/// leaves no choice: whoever owns it must be the one. `elsewhere` is the home of last resort. The
/// error lists what was tried.
pub(crate) fn fit(
    home: &Path,
    elsewhere: &Path,
    run_as: Option<&str>,
    programs: &Programs,
) -> Result<Fit, Vec<String>> {
    let mut reasons = Vec::new();
    for candidate in candidates(home, elsewhere, run_as, &mut reasons) {
        match tries(&candidate.identity, &candidate.home, programs) {
            Ok(()) => return Ok(candidate),
            Err(why) => {
                let reason = format!("{}: {why}", candidate.identity.describe());
                if !reasons.contains(&reason) {
                    reasons.push(reason);
                }
            }
        }
    }
    Err(reasons)
}

fn candidates(
    home: &Path,
    elsewhere: &Path,
    run_as: Option<&str>,
    reasons: &mut Vec<String>,
) -> Vec<Fit> {
    let at = |home: &Path, identity| Fit { identity, home: home.to_path_buf() };
    let here = |identity| at(home, identity);
    for existing in [home, elsewhere] {
        if let Some(owner) = owner_of_data(existing) {
            let owner = of_owner(owner, reasons);
            return owner.map(|identity| at(existing, identity)).into_iter().collect();
        }
    }
    if !is_root() {
        return of_owner(effective_uid(), reasons).map(here).into_iter().collect();
    }
    let user = match run_as {
        Some(name) => user_named(name),
        None => user_named("postgres").or_else(|| user_named("nobody")),
    };
    if user.is_none() {
        reasons.push(format!("no user {}", run_as.unwrap_or("`postgres` or `nobody`")));
    }
    let mut fits: Vec<Fit> = user.clone().map(here).into_iter().collect();
    if run_as.is_none() {
        fits.extend(namespace().map(here));
    }
    fits.extend(user.map(|identity| at(elsewhere, identity)));
    fits
}

/// The identity whose files belong to this uid.
fn of_owner(owner: u32, reasons: &mut Vec<String>) -> Option<Identity> {
    let me = effective_uid();
    if owner != me && me != 0 {
        reasons.push(format!("the data belongs to uid {owner}, you are uid {me}"));
        return None;
    }
    if owner != me {
        return user_of_uid(owner);
    }
    if me != 0 && has_name(me) {
        return Some(Identity::Caller);
    }
    let found = namespace();
    if found.is_none() {
        reasons.push("no user `postgres` or `nobody` to go by in a namespace".to_owned());
    }
    found
}

fn owner_of_data(home: &Path) -> Option<u32> {
    fs::symlink_metadata(home.join("data/PG_VERSION")).ok().map(|found| found.uid())
}

/// Whether the identity passes to the home, and runs both programs from there.
fn tries(identity: &Identity, home: &Path, programs: &Programs) -> Result<(), String> {
    let existing = home.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("/"));
    let mut pass = identity.command("sh");
    pass.args(["-c", "cd \"$1\" 2>/dev/null || { echo \"cannot reach $1\" >&2; exit 1; }", "sh"]);
    pass.arg(existing).current_dir("/");
    run_well(&mut pass, TRY)?;
    programs.check(identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_of_another_user_is_not_for_an_ordinary_one() {
        if is_root() {
            return; // Root may drop to every user: the other case of this rule.
        }
        let mut reasons = Vec::new();
        assert_eq!(of_owner(effective_uid() + 1, &mut reasons), None);
        assert!(reasons[0].contains("belongs to uid"), "{reasons:?}");
    }
}
