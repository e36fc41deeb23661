//! What users call is shown at work in some example of the documentation, which runs as a test of its own.

use std::path::{Path, PathBuf};

/// The files that hand names on to users.
const HAND_ON: [&str; 7] = [
    "lib.rs",
    "admin/inspect.rs",
    "admin/operate.rs",
    "admin/session.rs",
    "admin/token.rs",
    "model/config.rs",
    "testing.rs",
];

/// What stands behind a shown name and is hardly ever written: a glob, lists of codes, forms of keys.
const PLUMBING: [&str; 14] = [
    "*",
    "BAD_VALUE",
    "BadNetwork",
    "ChannelSettings",
    "DUPLICATE",
    "Form",
    "MISSING",
    "NOT_CLOSED",
    "ReadSource",
    "SECRET_UNREADABLE",
    "UNKNOWN_REFERENCE",
    "UnknownScope",
    "Bounded",
    "PARTS_MOST",
];

/// Where the functions stand that users call.
const FILES: [&str; 34] = [
    "admin/check.rs",
    "admin/doctor.rs",
    "admin/inspect/dead.rs",
    "admin/inspect/jobs.rs",
    "admin/inspect/machines.rs",
    "admin/inspect/output.rs",
    "admin/inspect/why.rs",
    "admin/operate.rs",
    "admin/session.rs",
    "admin/token.rs",
    "call/caller.rs",
    "call/cancel.rs",
    "call/complete.rs",
    "call/enqueue.rs",
    "model/contract.rs",
    "model/options.rs",
    "model/unique.rs",
    "model/unit.rs",
    "model/config.rs",
    "model/config/value.rs",
    "runtime/context.rs",
    "runtime/deliver.rs",
    "runtime/fail.rs",
    "runtime/handler.rs",
    "runtime/host.rs",
    "runtime/worker/build.rs",
    "runtime/worker/queue.rs",
    "runtime/worker/running.rs",
    "store/database.rs",
    "store/migrate.rs",
    "testing/expect.rs",
    "testing/queue.rs",
    "testing/trial.rs",
    "model/request.rs",
];

/// What only our own command line calls, and what every error has.
const NOT_SHOWN: [&str; 5] = ["code", "refusal", "of", "preview", "spliced"];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The code of all examples below a folder.
fn examples(folder: &Path) -> String {
    let mut all = String::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all += &examples(&path);
        } else {
            let text = std::fs::read_to_string(&path).unwrap();
            all.extend(text.split("```").skip(1).step_by(2));
        }
    }
    all
}

/// The names that a file hands on with `pub use`, and whence.
fn handed_on(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for statement in text.split(';').filter_map(|part| part.split_once("pub use ")) {
        let path = statement.1;
        let list = path.split_once('{').map_or_else(
            || path.rsplit("::").next().unwrap_or(path),
            |(_, list)| list.trim_end().trim_end_matches('}'),
        );
        for item in list.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let name = item.rsplit(" as ").next().unwrap_or(item);
            names.push(name.rsplit("::").next().unwrap_or(name).to_owned());
        }
    }
    names
}

#[test]
fn every_name_that_users_get_is_shown_in_an_example() {
    let examples = examples(&source());
    let words: std::collections::BTreeSet<&str> =
        examples.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let mut missing = Vec::new();
    let mut seen = 0;
    for file in HAND_ON {
        let names = handed_on(&std::fs::read_to_string(source().join(file)).unwrap());
        assert!(!names.is_empty(), "{file} hands nothing on any more");
        seen += names.len();
        let unseen = names.into_iter().filter(|name| !words.contains(name.as_str()));
        missing.extend(unseen.filter(|name| !PLUMBING.contains(&name.as_str())));
    }
    assert!(seen > 100, "only {seen} names were found");
    assert!(missing.is_empty(), "no example shows: {missing:#?}");
}

#[test]
fn every_function_that_users_call_is_shown_in_an_example() {
    let examples = examples(&source());
    let mut missing = Vec::new();
    for file in FILES {
        let text = std::fs::read_to_string(source().join(file)).unwrap();
        for line in text.lines().map(str::trim_start) {
            let after = line.strip_prefix("pub async fn ").or(line.strip_prefix("pub fn "));
            let Some(after) = after else { continue };
            let name: String =
                after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let is_shown =
                examples.contains(&format!("{name}(")) || examples.contains(&format!("{name}::<"));
            if !is_shown && !NOT_SHOWN.contains(&name.as_str()) {
                missing.push(format!("{file}: {name}"));
            }
        }
    }
    assert!(missing.is_empty(), "no example shows: {missing:#?}");
}
