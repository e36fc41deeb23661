//! Under which user the server runs, since PostgreSQL refuses root: found by trying, not by guessing.

use std::ffi::{OsStr, OsString};
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::process::effective_uid;
use crate::run::run_well;

/// A question to another user (may you pass here, do you run?) is answered at once or not at all.
pub(crate) const TRY: Duration = Duration::from_secs(5);

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
            Identity::Caller | Identity::Namespace { .. } => effective_uid(),
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

pub(crate) fn has_name(uid: u32) -> bool {
    run_well(Command::new("id").args(["-un", &uid.to_string()]), TRY).is_ok()
}

pub(crate) fn user_named(name: &str) -> Option<Identity> {
    let uid = id("-u", name)?.parse().ok().filter(|uid| *uid != 0)?;
    let gid = id("-g", name)?.parse().ok()?;
    Some(Identity::Drop { user: name.to_owned(), uid, gid })
}

pub(crate) fn user_of_uid(uid: u32) -> Option<Identity> {
    let user = id("-un", &uid.to_string()).unwrap_or_else(|| uid.to_string());
    let gid = id("-g", &uid.to_string()).and_then(|gid| gid.parse().ok()).unwrap_or(uid);
    Some(Identity::Drop { user, uid, gid })
}

pub(crate) fn namespace() -> Option<Identity> {
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
    fn root_is_never_a_user_to_drop_to() {
        assert_eq!(user_named("root"), None);
        assert_eq!(user_named("backstay-no-such-user"), None);
    }
}
