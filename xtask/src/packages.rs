//! The packages that everything is built of, as the lock file and cargo know them.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The platform whose packages are looked at: what the binary runs on. Of other platforms a machine has no sources.
pub(crate) const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// The package whose binary is delivered.
pub(crate) const DELIVERED: &str = "backstay-cli";

/// One entry of `Cargo.lock`.
pub(crate) struct Locked {
    pub(crate) name: String,
    pub(crate) version: String,
    /// None for our own.
    pub(crate) source: Option<String>,
    /// SHA-256 of the package file, in hex.
    pub(crate) checksum: Option<String>,
}

/// Every entry of the lock file, of all platforms.
pub(crate) fn locked(root: &Path) -> Result<Vec<Locked>, String> {
    let path = root.join("Cargo.lock");
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let lock: toml::Table = text.parse().map_err(|e| format!("{}: {e}", path.display()))?;
    let entries = lock.get("package").and_then(toml::Value::as_array);
    let entries = entries.ok_or_else(|| format!("{}: no packages", path.display()))?;
    let text = |entry: &toml::Value, key| entry.get(key)?.as_str().map(str::to_owned);
    let read = |entry| {
        Some(Locked {
            name: text(entry, "name")?,
            version: text(entry, "version")?,
            source: text(entry, "source"),
            checksum: text(entry, "checksum"),
        })
    };
    let unread = || format!("{}: a package without name or version", path.display());
    entries.iter().map(|entry| read(entry).ok_or_else(unread)).collect()
}

/// What `cargo metadata` says of the packages for [`PLATFORM`]: without the network where that is possible.
pub(crate) fn metadata(root: &Path) -> Result<Value, String> {
    let wanted = ["metadata", "--locked", "--format-version", "1", "--all-features"];
    let platform = ["--filter-platform", PLATFORM];
    let read = |offline: &[&str]| cargo(root, &[&wanted[..], &platform, offline].concat());
    let said = read(&["--offline"]).or_else(|_| read(&[]))?;
    serde_json::from_str(&said).map_err(|e| format!("cargo metadata: {e}"))
}

/// What is built into the binary with the features that it is delivered with: one line for each thing that `edges` and
/// `format` ask for, some of them more than once.
pub(crate) fn delivered(root: &Path, edges: &str, format: &str) -> Result<String, String> {
    let wanted = ["tree", "--locked", "--package", DELIVERED, "--prefix", "none"];
    let narrowed = ["--target", PLATFORM, "--edges", edges, "--format", format];
    let read = |offline: &[&str]| cargo(root, &[&wanted[..], &narrowed, offline].concat());
    read(&["--offline"]).or_else(|_| read(&[]))
}

/// Runs cargo in the root and gives what it printed.
fn cargo(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let ran = Command::new(program).args(arguments).current_dir(root).output();
    let ran = ran.map_err(|e| format!("cargo: {e}"))?;
    if !ran.status.success() {
        let said = String::from_utf8_lossy(&ran.stderr);
        return Err(format!("cargo {}: {}", arguments.join(" "), said.trim()));
    }
    String::from_utf8(ran.stdout).map_err(|e| format!("cargo {}: {e}", arguments.join(" ")))
}

/// A text field of one of cargo's packages.
pub(crate) fn field<'a>(package: &'a Value, key: &str) -> Option<&'a str> {
    package.get(key).and_then(Value::as_str)
}
