//! A bug as a patch: what it is, what must find it and by which run, then the diff.

use std::path::{Path, PathBuf};

use crate::source::walk;

/// Where they stand.
pub(super) const FOLDER: &str = "faults/mutants";

/// A bug that is put in on purpose.
#[derive(Debug)]
pub(super) struct Mutant {
    /// That of its file.
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// What it does, in a sentence or two.
    pub(super) bug: String,
    /// A test, a fault, or a rule of the checker.
    pub(super) found_by: String,
    /// What `cargo test` is given.
    pub(super) run: Vec<String>,
}

/// All of them, by their names.
pub(super) fn all(root: &Path) -> Result<Vec<Mutant>, String> {
    let mutants = walk(&root.join(FOLDER), "patch")?.into_iter().map(|path| {
        let text =
            std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        read(&name, &path, &text)
    });
    mutants.collect()
}

/// Reads the lines before the diff; `git apply` passes over them.
pub(super) fn read(name: &str, path: &Path, text: &str) -> Result<Mutant, String> {
    let is_head = |line: &&str| !line.starts_with("diff ") && !line.starts_with("--- ");
    let head: Vec<&str> = text.lines().take_while(is_head).map(str::trim).collect();
    let field = |word: &str| {
        let value = head.iter().find_map(|line| line.strip_prefix(word)).map(str::trim);
        let value = value.filter(|value| !value.is_empty());
        value.ok_or(format!("{FOLDER}/{name}.patch: has no line `{word} ...` before its diff"))
    };
    let is_prose = |line: &&&str| !line.starts_with("found by:") && !line.is_empty();
    let prose: Vec<&str> = head.iter().take_while(is_prose).copied().collect();
    if prose.is_empty() {
        return Err(format!("{FOLDER}/{name}.patch: begins without saying what the bug is"));
    }
    Ok(Mutant {
        name: name.to_owned(),
        path: path.to_owned(),
        bug: prose.join(" "),
        found_by: field("found by:")?.to_owned(),
        run: field("run:")?.split_whitespace().map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::Command;

    use super::*;

    #[test]
    fn every_patch_can_still_be_put_in() {
        if Command::new("git").arg("--version").output().is_err() {
            // Past the harness, which keeps what a test that passes has printed.
            writeln!(std::io::stderr(), "skipped: without git nobody sees whether patches apply")
                .unwrap();
            return;
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mutants = all(root).unwrap();
        assert!(mutants.len() >= 10, "{} patches", mutants.len());
        for mutant in mutants {
            let check = ["apply", "--check"];
            let said = Command::new("git").args(check).arg(&mutant.path).current_dir(root).output();
            let said = said.unwrap();
            let why = String::from_utf8_lossy(&said.stderr);
            let name = &mutant.name;
            assert!(said.status.success(), "{name}: the code has changed, make it anew: {why}");
        }
    }

    #[test]
    fn a_patch_says_what_it_is_and_what_must_find_it() {
        let read = |text| read("x", Path::new("x.patch"), text);
        let text = "It is\nwrong.\n\nfound by: a_test\nrun: --test it a_test\n\ndiff --git a/x b/x\n--- a/x\n";
        let mutant = read(text).unwrap();
        assert_eq!((&*mutant.bug, &*mutant.found_by), ("It is wrong.", "a_test"));
        assert_eq!(mutant.run, ["--test", "it", "a_test"]);
        for (text, missing) in [
            ("It is wrong.\nrun: --lib x\n--- a/x\nfound by: x\n", "`found by: ...`"),
            ("It is wrong.\nfound by: x\nrun:\n--- a/x\n", "`run: ...`"),
            ("found by: x\nrun: --lib x\n--- a/x\n", "what the bug is"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(missing), "{error}");
        }
    }
}
