//! Chores that are programs of their own: cargo runs them from the workspace's root, with what was typed handed on.

use std::path::Path;
use std::process::Command;

/// The fault programme as a campaign; ends with its page.
///
/// Without a package: then it is the very program that `cargo test` has built.
pub(crate) fn campaign(root: &Path, words: &[&str]) -> Result<String, String> {
    run(root, "campaign", &["test", "--quiet", "--test", "faults", "--", "campaign"], words)
}

/// The harness of `bench/`, which is a workspace of its own; ends with its table.
///
/// Its lock file holds the others still; what our own crates have gained since is added to it, so there is no `--locked`.
pub(crate) fn bench(root: &Path, words: &[&str]) -> Result<String, String> {
    let begin = ["run", "--quiet", "--release", "--manifest-path", "bench/Cargo.toml", "--"];
    run(root, "bench", &begin, words)
}

fn run(root: &Path, name: &str, begin: &[&str], words: &[&str]) -> Result<String, String> {
    let status = Command::new("cargo")
        .args(begin)
        .args(words)
        .current_dir(root)
        .status()
        .map_err(|error| format!("cargo cannot be started: {error}"))?;
    match status.success() {
        true => Ok(format!("{name}: done")),
        false => Err(format!("{name}: ended as was said above")),
    }
}
