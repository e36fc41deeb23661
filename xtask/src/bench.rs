//! Runs the harness of `bench/`, which is a workspace of its own, with what was typed handed on.

use std::path::Path;
use std::process::Command;

/// Ends with the harness's own table and exit code.
///
/// Its lock file holds the others still; what our own crates have gained since is added to it, so there is no `--locked`.
pub(crate) fn run(root: &Path, words: &[&str]) -> Result<String, String> {
    let status = Command::new("cargo")
        .args(["run", "--quiet", "--release", "--manifest-path", "bench/Cargo.toml"])
        .arg("--")
        .args(words)
        .current_dir(root)
        .status()
        .map_err(|error| format!("cargo cannot be started: {error}"))?;
    match status.success() {
        true => Ok("bench: done".to_owned()),
        false => Err("bench: ended as was said above".to_owned()),
    }
}
