//! What users call is shown at work in some example of the documentation, which runs as a test of its own.

use std::path::{Path, PathBuf};

/// Where the functions stand that users call.
const FILES: [&str; 16] = [
    "admin/inspect/dead.rs",
    "admin/inspect/jobs.rs",
    "admin/inspect/machines.rs",
    "admin/inspect/output.rs",
    "admin/operate.rs",
    "call/cancel.rs",
    "call/complete.rs",
    "call/enqueue.rs",
    "runtime/context.rs",
    "runtime/fail.rs",
    "runtime/worker/queue.rs",
    "runtime/worker/running.rs",
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
