//! Under which user the server runs, since PostgreSQL refuses root: found by trying, not by guessing.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::locate::Programs;
use crate::place;
use crate::run::run_well;

/// A question to another user (may you pass here, do you run?) is answered at once or not at all.
const TRY: Duration = Duration::from_secs(5);

/// The user that a private server runs as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// Whoever asked.
    Caller,
    /// Root drops to this user for the server; the data is that user's.
    Drop {
        /// Name, for people.
        user: String,
        /// Its number.
        uid: u32,
        /// Its first group.
        gid: u32,
    },
    /// A user namespace in which the caller goes by another name. The files stay the caller's. The
    /// server holds no capability, but owns whatever the caller owns: for development only.
    Namespace {
        /// The name inside.
        user: String,
        /// The group inside.
        group: String,
    },
}

impl Identity {
    /// The words that go before a command, so that it runs under this identity.
    pub(crate) fn prefix(&self) -> Vec<OsString> {
        let words = match self {
            Identity::Caller => Vec::new(),
            Identity::Drop { uid, gid, .. } => vec![
                "setpriv".to_owned(),
                format!("--reuid={uid}"),
                format!("--regid={gid}"),
                "--clear-groups".to_owned(),
                "--".to_owned(),
            ],
            Identity::Namespace { user, group } => vec![
                "unshare".to_owned(),
                "--user".to_owned(),
                format!("--map-user={user}"),
                format!("--map-group={group}"),
                "--".to_owned(),
            ],
        };
        words.into_iter().map(OsString::from).collect()
    }

    /// A command under this identity.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut words = self.prefix();
        words.push(program.as_ref().to_owned());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command
    }

    /// The uid that must own the data as the rest of the machine sees it.
    pub(crate) fn owner(&self) -> u32 {
        match self {
            Identity::Drop { uid, .. } => *uid,
            Identity::Caller | Identity::Namespace { .. } => place::effective_uid(),
        }
    }

    pub(crate) fn is_dropped(&self) -> bool {
        matches!(self, Identity::Drop { .. })
    }

    /// A few words for a line that people read.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Identity::Caller => "run as you".to_owned(),
            Identity::Drop { user, .. } => format!("run as user {user}"),
            Identity::Namespace { user, .. } => format!("run as {user} of a user namespace"),
        }
    }
}

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
    if !place::is_root() {
        return of_owner(place::effective_uid(), reasons).map(here).into_iter().collect();
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
    let me = place::effective_uid();
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

fn has_name(uid: u32) -> bool {
    run_well(Command::new("id").args(["-un", &uid.to_string()]), TRY).is_ok()
}

fn user_named(name: &str) -> Option<Identity> {
    let uid = id("-u", name)?.parse().ok().filter(|uid| *uid != 0)?;
    let gid = id("-g", name)?.parse().ok()?;
    Some(Identity::Drop { user: name.to_owned(), uid, gid })
}

fn user_of_uid(uid: u32) -> Option<Identity> {
    let user = id("-un", &uid.to_string()).unwrap_or_else(|| uid.to_string());
    let gid = id("-g", &uid.to_string()).and_then(|gid| gid.parse().ok()).unwrap_or(uid);
    Some(Identity::Drop { user, uid, gid })
}

fn namespace() -> Option<Identity> {
    let user = ["postgres", "nobody"].into_iter().find(|name| id("-u", name).is_some())?;
    Some(Identity::Namespace { user: user.to_owned(), group: id("-gn", user)? })
}

/// `id` asks the same sources as everybody else (files, LDAP); nothing to link for it.
fn id(what: &str, name: &str) -> Option<String> {
    let said = run_well(Command::new("id").args([what, "--", name]), TRY).ok()?;
    Some(said.stdout.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_before_a_command_say_who_runs_it() {
        let drop = Identity::Drop { user: "postgres".to_owned(), uid: 101, gid: 104 };
        assert_eq!(drop.prefix().join(OsStr::new(" ")), {
            "setpriv --reuid=101 --regid=104 --clear-groups --"
        });
        let inside = Identity::Namespace { user: "a".to_owned(), group: "b".to_owned() };
        let words = inside.prefix().join(OsStr::new(" "));
        assert_eq!(words, "unshare --user --map-user=a --map-group=b --");
        assert_eq!(Identity::Caller.command("initdb").get_program(), "initdb");
    }

    #[test]
    fn the_data_of_another_user_is_not_for_an_ordinary_one() {
        if place::is_root() {
            return; // Root may drop to every user: the other case of this rule.
        }
        let mut reasons = Vec::new();
        assert_eq!(of_owner(place::effective_uid() + 1, &mut reasons), None);
        assert!(reasons[0].contains("belongs to uid"), "{reasons:?}");
    }

    #[test]
    fn root_is_never_a_user_to_drop_to() {
        assert_eq!(user_named("root"), None);
        assert_eq!(user_named("backstay-no-such-user"), None);
    }
}
