//! The programs that children and commands run: what is executed, where, and in which environment.

use std::path::PathBuf;

use backstay_isolate::{Argv, Mode, Program};

use crate::model::config::EnvSettings;

/// What a command gets of the worker's environment without asking.
const PASSED: [&str; 7] = ["PATH", "HOME", "USER", "LANG", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR"];

/// The own binary again, as a child that runs Rust handlers: the application's environment, less what is ours.
pub(crate) fn this_binary() -> Program {
    let env = std::env::vars().filter(|(name, _)| !name.starts_with("BACKSTAY_")).collect();
    Program {
        argv: Argv::ThisBinary(std::env::args().skip(1).collect()),
        dir: None,
        env,
        mode: Mode::Warm,
        hello: None,
    }
}

/// A program of any language: a clean environment, plus what the settings pass and set.
pub(crate) fn command(argv: Vec<String>, dir: Option<PathBuf>, env: &[&EnvSettings]) -> Program {
    let is_passed = |name: &str| {
        PASSED.contains(&name)
            || name.starts_with("LC_")
            || env.iter().any(|env| env.pass.iter().any(|pass| pass == name))
    };
    let mut all: Vec<(String, String)> =
        std::env::vars().filter(|(name, _)| is_passed(name)).collect();
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
