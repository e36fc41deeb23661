//! Runs the fault programme as a campaign, from the workspace's root, with what was typed handed on.
//!
//! Without a package: then it is the very program that `cargo test` has built.

use std::path::Path;
use std::process::Command;

/// Ends with the campaign's own page and exit code.
pub(crate) fn run(root: &Path, words: &[&str]) -> Result<String, String> {
    let begin = ["test", "--quiet", "--test", "faults", "--"];
    let status = Command::new("cargo")
        .args(begin)
        .arg("campaign")
        .args(words)
        .current_dir(root)
        .status()
        .map_err(|error| format!("cargo cannot be started: {error}"))?;
    match status.success() {
        true => Ok("campaign: done".to_owned()),
        false => Err("campaign: ended as was said above".to_owned()),
    }
}
