//! The programs that children and commands run: what is executed, where, and in which environment.

use std::path::PathBuf;

use backstay_isolate::{Argv, Mode, Program};

use crate::model::config::{EnvSettings, Secret, Settings};

/// What a command gets of the worker's environment without asking.
const PASSED: [&str; 7] = ["PATH", "HOME", "USER", "LANG", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR"];

/// How libpq and what follows it find a password or another login without an address.
const CREDENTIALS: [&str; 6] =
    ["PGUSER", "PGPASSWORD", "PGPASSFILE", "PGSERVICE", "PGSERVICEFILE", "PGSSLKEY"];

/// How handlers reach the database, where the settings give them a login of their own.
#[derive(Debug, Default)]
pub(crate) struct Access {
    url: Option<Secret>,
    /// The queue's own addresses, which no handler may see then.
    hidden: Vec<Secret>,
}

impl Access {
    pub(crate) fn of(settings: &Settings) -> Access {
        let Some(url) = settings.worker.handler_database_url.clone() else {
            return Access::default();
        };
        let database = &settings.database;
        let hidden = [&database.url, &database.direct_url].into_iter().flatten().cloned().collect();
        Access { url: Some(url), hidden }
    }

    /// Takes the queue's credentials out of an environment, and puts the handlers' address in.
    fn lay_into(&self, env: &mut Vec<(String, String)>) {
        let Some(url) = &self.url else { return };
        let is_hidden = |value: &str| self.hidden.iter().any(|hidden| hidden.expose() == value);
        env.retain(|(name, value)| !CREDENTIALS.contains(&name.as_str()) && !is_hidden(value));
        lay(env, "DATABASE_URL", url.expose());
    }

    /// The same for an address that was given as an argument.
    fn lay_over(&self, argument: String) -> String {
        let Some(url) = &self.url else { return argument };
        self.hidden
            .iter()
            .fold(argument, |argument, hidden| argument.replace(hidden.expose(), url.expose()))
    }
}

/// The own binary again, as a child that runs Rust handlers: the application's environment, less what is ours.
pub(crate) fn this_binary(access: &Access) -> Program {
    let mut env =
        std::env::vars().filter(|(name, _)| !name.starts_with("BACKSTAY_")).collect::<Vec<_>>();
    access.lay_into(&mut env);
    let arguments = std::env::args().skip(1).map(|argument| access.lay_over(argument));
    Program {
        argv: Argv::ThisBinary(arguments.collect()),
        dir: None,
        env,
        mode: Mode::Warm,
        hello: None,
    }
}

/// A program of any language: a clean environment, plus what the settings pass and set.
pub(crate) fn command(
    argv: Vec<String>,
    dir: Option<PathBuf>,
    env: &[&EnvSettings],
    access: &Access,
) -> Program {
    let is_passed = |name: &str| {
        PASSED.contains(&name)
            || name.starts_with("LC_")
            || env.iter().any(|env| env.pass.iter().any(|pass| pass == name))
    };
    let mut all: Vec<(String, String)> =
        std::env::vars().filter(|(name, _)| is_passed(name)).collect();
    access.lay_into(&mut all);
    // The last lines of a program that is killed must not be lost in Python's buffer.
    lay(&mut all, "PYTHONUNBUFFERED", "1");
    for (name, value) in env.iter().flat_map(|env| &env.set) {
        lay(&mut all, name, value);
    }
    Program { argv: Argv::Command(argv), dir, env: all, mode: Mode::Command, hello: None }
}

fn lay(env: &mut Vec<(String, String)>, name: &str, value: &str) {
    env.retain(|(known, _)| known != name);
    env.push((name.to_owned(), value.to_owned()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_login_of_their_own_takes_the_queues_credentials_from_handlers() {
        let access = Access {
            url: Some(Secret::new("postgres://jobs@db/app")),
            hidden: vec![Secret::new("postgres://queue:secret@db/app")],
        };
        let mut env = pairs(&[
            ("PATH", "/bin"),
            ("PGPASSWORD", "secret"),
            ("QUEUE_URL", "postgres://queue:secret@db/app"),
            ("DATABASE_URL", "postgres://api@db/app"),
        ]);
        access.lay_into(&mut env);
        assert_eq!(env, pairs(&[("PATH", "/bin"), ("DATABASE_URL", "postgres://jobs@db/app")]));
        let argument = access.lay_over("--url=postgres://queue:secret@db/app".into());
        assert_eq!(argument, "--url=postgres://jobs@db/app");
    }

    #[test]
    fn without_one_the_environment_is_the_applications() {
        let mut env = pairs(&[("DATABASE_URL", "postgres://api@db/app"), ("PGPASSWORD", "x")]);
        let before = env.clone();
        Access::default().lay_into(&mut env);
        assert_eq!(env, before);
    }

    #[test]
    fn what_a_kind_sets_wins_over_the_address_of_all_handlers() {
        let access =
            Access { url: Some(Secret::new("postgres://jobs@db/app")), hidden: Vec::new() };
        let set = EnvSettings {
            pass: Vec::new(),
            set: pairs(&[("DATABASE_URL", "postgres://jobs@replica/app")]),
        };
        let program = command(vec!["true".into()], None, &[&set], &access);
        let urls: Vec<&str> = program
            .env
            .iter()
            .filter(|(name, _)| name == "DATABASE_URL")
            .map(|(_, value)| value.as_str())
            .collect();
        assert_eq!(urls, ["postgres://jobs@replica/app"]);
    }
}
