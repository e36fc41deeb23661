//! Finds the migrations of sqlxmq, which its crate brings as files and installs by no function.

use std::error::Error;
use std::path::Path;
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let cargo = std::env::var("CARGO")?;
    let said = Command::new(cargo).args(["metadata", "--format-version", "1"]).output()?;
    let all: serde_json::Value = serde_json::from_slice(&said.stdout)?;
    let mut packages = all["packages"].as_array().into_iter().flatten();
    let package = packages.find(|package| package["name"] == "sqlxmq").ok_or("no sqlxmq")?;
    let manifest = package["manifest_path"].as_str().ok_or("a package without a manifest")?;
    let folder = Path::new(manifest).parent().ok_or("a manifest without a folder")?;
    println!("cargo::rustc-env=SQLXMQ_MIGRATIONS={}", folder.join("migrations").display());
    Ok(())
}
