//! Why there is no PostgreSQL to work with, and what a person can do about it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::process::is_root;

/// The reason why [`Cluster::obtain`](crate::Cluster::obtain) came back without a cluster.
///
/// Its text names what is wrong; [`help`](ObtainError::help) what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObtainError {
    /// Nothing was found, and nothing could be fetched.
    #[error("no PostgreSQL to work with")]
    NoPostgres {
        /// One short part per place that was looked at.
        looked: Vec<String>,
        /// Programs that were found and could not be used, with the reason; ten at most.
        rejected: Vec<String>,
    },
    /// The data needs a major that is not here.
    #[error("the private cluster is PostgreSQL {data}, found only {found}")]
    OtherMajor {
        /// The major that made the data.
        data: u32,
        /// The majors whose programs are here, as words.
        found: String,
    },
    /// Programs are here, but no user who may run them.
    #[error("PostgreSQL {version} cannot run here: {reasons}")]
    NoIdentity {
        /// The version that was found.
        version: String,
        /// What was tried, and how each failed.
        reasons: String,
    },
    /// A file or folder of the cluster is not what it has to be.
    #[error("`{}`: {why}", path.display())]
    Place {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The server or `initdb` ran and failed.
    #[error("PostgreSQL did not start: {why}")]
    Start {
        /// The last lines of its log.
        why: String,
    },
}

impl ObtainError {
    /// The stable code, the same at every door of the product.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "BS901"
    }

    /// What was looked at and what to do now: lines to print below the error, without a trailing
    /// newline. `this_command` is what the user typed, for the way with a URL.
    #[must_use]
    pub fn help(&self, this_command: &str) -> String {
        let mut lines = String::new();
        if let ObtainError::NoPostgres { looked, rejected } = self {
            line(&mut lines, "looked:", &looked.join("; "));
            for reason in rejected {
                line(&mut lines, "not:", reason);
            }
        }
        line(&mut lines, "do this:", &self.remedy());
        let url = "--database-url postgres://user:password@host/db";
        line(&mut lines, "or:", &format!("{this_command} {url}"));
        if matches!(self, ObtainError::NoIdentity { .. }) {
            line(&mut lines, "or:", "run it as an ordinary user");
        }
        lines.pop();
        lines
    }

    /// Puts in front what the caller looked at before it asked for a private cluster, such as
    /// `DATABASE_URL unset`.
    #[must_use]
    pub fn after(mut self, looked_before: &str) -> ObtainError {
        if let ObtainError::NoPostgres { looked, .. } = &mut self {
            looked.insert(0, looked_before.to_owned());
        }
        self
    }

    fn remedy(&self) -> String {
        match self {
            ObtainError::NoPostgres { .. } => install_line(&|path| Path::new(path).exists()),
            ObtainError::OtherMajor { data, .. } => {
                format!("install PostgreSQL {data}, or start anew with `backstay dev --fresh`")
            }
            ObtainError::NoIdentity { .. } => "name a user with `--run-as USER`".to_owned(),
            ObtainError::Place { .. } => "move it out of the way, and run this again".to_owned(),
            ObtainError::Start { .. } => "read the log above, and run this again".to_owned(),
        }
    }

    pub(crate) fn place(path: &Path, why: String) -> ObtainError {
        ObtainError::Place { path: path.to_path_buf(), why }
    }
}

fn line(text: &mut String, head: &str, rest: &str) {
    writeln!(text, "  {head:<8} {rest}").expect("a String takes every write");
}

/// The one command that brings a PostgreSQL to this kind of system.
fn install_line(exists: &dyn Fn(&str) -> bool) -> String {
    const WAYS: [(&str, &str, bool); 6] = [
        ("/usr/bin/apt-get", "apt-get install -y --no-install-recommends postgresql", true),
        ("/usr/bin/dnf", "dnf install -y postgresql-server", true),
        ("/usr/bin/zypper", "zypper install -y postgresql-server", true),
        ("/usr/bin/pacman", "pacman -S --noconfirm postgresql", true),
        ("/sbin/apk", "apk add postgresql", true),
        ("/opt/homebrew/bin/brew", "brew install postgresql@18", false),
    ];
    let Some((_, command, as_root)) = WAYS.iter().find(|(program, ..)| exists(program)) else {
        return "install PostgreSQL 14 or newer, and put `postgres` and `initdb` on PATH"
            .to_owned();
    };
    let sudo = if *as_root && !is_root() { "sudo " } else { "" };
    format!("{sudo}{command}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_shows_what_was_looked_at_and_two_ways_out() {
        let error = ObtainError::NoPostgres {
            looked: vec!["no private cluster".to_owned(), "cache empty".to_owned()],
            rejected: vec!["/usr/pgsql-9/bin: PostgreSQL 9 is older than 14".to_owned()],
        };
        let help = error.after("DATABASE_URL unset").help("cargo run -- demo");
        let looked = "  looked:  DATABASE_URL unset; no private cluster; cache empty\n";
        assert!(help.starts_with(looked), "{help}");
        assert!(help.contains("\n  not:     /usr/pgsql-9/bin"), "{help}");
        assert!(help.contains("\n  do this: "), "{help}");
        assert!(help.ends_with(
            "  or:      cargo run -- demo --database-url postgres://user:password@host/db"
        ));
    }

    #[test]
    fn the_command_fits_the_system() {
        assert!(
            install_line(&|path| path == "/usr/bin/dnf")
                .ends_with("dnf install -y postgresql-server")
        );
        assert!(install_line(&|path| path == "/opt/homebrew/bin/brew").starts_with("brew"));
        assert!(install_line(&|_| false).starts_with("install PostgreSQL"));
    }
}
