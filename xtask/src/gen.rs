//! Writes what must not be written twice: the code map, from the sentence that opens each file, and the list of SQL bodies.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::source::{File, Tree, relative, walk};

const BEGIN: &str = "<!-- code map: written by `cargo xtask gen` -->";
const END: &str = "<!-- end of the code map -->";

/// The layers from the bottom up; a reader meets them in this order, not by the alphabet.
const LAYERS: &[&str] = &["model", "call", "store", "admin", "runtime", "testing"];

/// The list of functions and views that `migrate` installs, and how it begins.
const LIST: &str = "crates/backstay/src/store/files.rs";
const LIST_BEGIN: &str = "const BODIES: &[(&str, &str)] = &[\n";

/// Writes the map between its two markers, and the list of SQL bodies.
pub(crate) fn write(root: &Path, tree: &Tree) -> Result<String, String> {
    write_list(root)?;
    let (path, text) = read(root)?;
    let (before, _, after) = split(&text)?;
    let fresh = format!("{before}{}{after}", map(tree));
    fs::write(&path, &fresh).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(format!("ARCHITECTURE.md: {} files on the map", tree.files.len()))
}

/// A body that is missing in the list is one that nobody calls, and tidy says so.
fn write_list(root: &Path) -> Result<(), String> {
    let path = root.join(LIST);
    let Ok(text) = fs::read_to_string(&path) else { return Ok(()) };
    let begin = text.find(LIST_BEGIN).ok_or(format!("{LIST}: has no `{}`", LIST_BEGIN.trim()))?;
    let begin = begin + LIST_BEGIN.len();
    let end = begin + text[begin..].find("];").ok_or(format!("{LIST}: the list has no end"))?;
    let sql = root.join("crates/backstay/sql");
    let mut list = String::new();
    for folder in ["door", "inner"] {
        for file in walk(&sql.join(folder), "sql")? {
            let name = relative(&sql, &file);
            writeln!(list, "    file!(\"{}\"),", name.trim_end_matches(".sql"))
                .expect("a String takes all");
        }
    }
    fs::write(&path, format!("{}{list}{}", &text[..begin], &text[end..]))
        .map_err(|e| format!("{LIST}: {e}"))
}

/// Says what to do when the map in the tree is not the one that the files give.
pub(crate) fn check(root: &Path, tree: &Tree) -> Vec<String> {
    let stale = match read(root).and_then(|(_, text)| Ok(split(&text)?.1 != map(tree))) {
        Ok(stale) => stale,
        Err(problem) => return vec![problem],
    };
    let mut found: Vec<String> = tree
        .files
        .iter()
        .filter(|file| file.purpose.is_empty() && !file.is_test())
        .map(|file| {
            format!("{}: opens with no `//!` sentence; say what the file is for", file.path)
        })
        .collect();
    if stale {
        found
            .push("ARCHITECTURE.md: the code map is out of date; run `cargo xtask gen`".to_owned());
    }
    found
}

fn read(root: &Path) -> Result<(std::path::PathBuf, String), String> {
    let path = root.join("ARCHITECTURE.md");
    let text = fs::read_to_string(&path).map_err(|e| format!("ARCHITECTURE.md: {e}"))?;
    Ok((path, text))
}

/// What stands before the map (with its marker), the map, and what stands after it.
fn split(text: &str) -> Result<(&str, &str, &str), String> {
    let missing = || format!("ARCHITECTURE.md: the markers `{BEGIN}` and `{END}` are missing");
    let begin = text.find(BEGIN).ok_or_else(missing)? + BEGIN.len();
    let end = begin + text[begin..].find(END).ok_or_else(missing)?;
    Ok((&text[..begin], &text[begin..end], &text[end..]))
}

fn map(tree: &Tree) -> String {
    let mut out = String::from("\n```text\n");
    let mut home = "";
    let mut files: Vec<&File> = tree.files.iter().filter(|file| !file.is_test()).collect();
    files.sort_by_key(|file| place(file));
    for file in files {
        if file.home != home {
            home = &file.home;
            writeln!(out, "{home}/src/").expect("a String takes all");
        }
        let indent = "  ".repeat(file.module.len().max(1));
        let name = file.path.rsplit('/').next().expect("a path has an end");
        let line = format!("{indent}{name:<width$} {}", file.purpose, width = 26 - indent.len());
        writeln!(out, "{}", line.trim_end()).expect("a String takes all");
    }
    out.push_str("```\n");
    out
}

fn place(file: &File) -> (String, usize, Vec<String>) {
    let layer = file.module.first().map_or(0, |first| {
        LAYERS.iter().position(|layer| layer == first).map_or(1, |place| place + 2)
    });
    (file.home.clone(), layer, file.module.clone())
}
