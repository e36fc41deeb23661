//! Looks at four things that eyes miss and that do not heal by themselves.
//!
//! Imports go down; no cycle between modules; the code map is what the files say; SQL stands in
//! `sql/`. A fifth check needs a rot that was really seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::r#gen;
use crate::path::{paths, resolve};
use crate::source::{File, Tree, relative, walk};

/// What a layer of `backstay` may use.
struct Layer {
    name: &'static str,
    layers: &'static [&'static str],
    /// Crates of this workspace.
    ours: &'static [&'static str],
    /// Crates of others; a closed list keeps pure code pure.
    others: Option<&'static [&'static str]>,
}

const fn open(
    name: &'static str,
    layers: &'static [&'static str],
    ours: &'static [&'static str],
) -> Layer {
    Layer { name, layers, ours, others: None }
}

/// From the bottom up; ARCHITECTURE.md says why.
const LAYERS: &[Layer] = &[
    Layer {
        name: "model",
        layers: &[],
        ours: &[],
        // `tracing` for `model/event.rs`, where every log line is born.
        others: Some(&["serde", "serde_json", "thiserror", "jiff", "croner", "uuid", "tracing"]),
    },
    Layer {
        name: "call",
        layers: &["model"],
        ours: &["backstay_derive"],
        others: Some(&["serde", "serde_json", "thiserror", "jiff", "uuid"]),
    },
    open("call/adapter", &["model", "call", "store"], &[]),
    open("store", &["model", "call", "failpoint"], &[]),
    open("admin", &["model", "call", "store"], &[]),
    open("runtime", &["model", "call", "store", "admin", "failpoint"], &["backstay_isolate"]),
];

/// Which crates of ours a crate may use; `backstay` is ruled by its layers.
const CRATES: &[(&str, &[&str])] = &[
    ("crates/backstay-isolate", &[]),
    ("crates/backstay-postgres", &[]),
    ("crates/backstay-derive", &[]),
    ("crates/backstay-alert", &["backstay"]),
    ("crates/backstay-web", &["backstay"]),
    ("faults", &[]),
    (
        "crates/backstay-cli",
        &["backstay", "backstay_alert", "backstay_isolate", "backstay_postgres", "backstay_web"],
    ),
];

/// Layers that must not name the driver: they speak of jobs.
const NO_DRIVER: &[&str] = &["admin", "runtime"];

pub(crate) fn run(root: &Path, tree: &Tree) -> Result<String, String> {
    let externals = externals(root)?;
    let mut found = Vec::new();
    let mut graph = Graph::new();
    for file in tree.files.iter().filter(|file| !file.is_test()) {
        for path in paths(&file.code) {
            match resolve(tree, file, &path, 0) {
                Some(target) if target.path != file.path => {
                    found.extend(upward(file, target));
                    if is_parent(target, file) {
                        continue;
                    }
                    graph.entry(file.path.clone()).or_default().insert(target.path.clone());
                }
                Some(_) => {}
                None => found.extend(foreign(file, &path[0], &externals)),
            }
        }
        found.extend(sql_outside(file));
    }
    found.extend(cycles(&graph));
    found.extend(r#gen::check(root, tree));
    found.extend(sql_files(root)?);
    found.dedup();
    if found.is_empty() {
        return Ok(format!("tidy: {} files, nothing to say", tree.files.len()));
    }
    Err(found.join("\n"))
}

// ---- 1. imports go down

fn layer(file: &File) -> &str {
    match file.module.first().map(String::as_str) {
        Some("call") if file.module.get(1).is_some_and(|part| part == "adapter") => "call/adapter",
        Some(first) => first,
        None => "",
    }
}

fn rule(file: &File) -> Option<&'static Layer> {
    let here = file.home == "crates/backstay";
    LAYERS.iter().find(|rule| here && rule.name == layer(file))
}

fn upward(file: &File, target: &File) -> Option<String> {
    let (from, to) = (layer(file), layer(target));
    let rule = rule(file)?;
    // A parent names its children; the adapters are children of `call`.
    let below = to == from
        || rule.layers.contains(&to)
        || to.strip_prefix(from).is_some_and(|rest| rest.starts_with('/'));
    (!below).then(|| {
        let to = if to.is_empty() { "lib.rs" } else { to };
        format!("{}: `{from}` must not use `{to}`; it may use {:?}", file.path, rule.layers)
    })
}

/// A path into another crate: of ours by the table, of others where a layer has a closed list.
fn foreign(file: &File, name: &str, externals: &BTreeSet<String>) -> Option<String> {
    let ours = name == "backstay" || name.starts_with("backstay_");
    if !ours && !externals.contains(name) {
        return None;
    }
    let (allowed, closed) = match rule(file) {
        Some(rule) => (rule.ours, rule.others),
        None => (CRATES.iter().find(|row| row.0 == file.home)?.1, None),
    };
    let own = file.home.trim_start_matches("crates/").replace('-', "_") == name;
    let driver = NO_DRIVER.contains(&layer(file)) && name == "tokio_postgres";
    let lawful = if ours {
        own || allowed.contains(&name)
    } else {
        closed.is_none_or(|list| list.contains(&name))
    };
    (!lawful || driver).then(|| format!("{}: must not use the crate `{name}`", file.path))
}

fn externals(root: &Path) -> Result<BTreeSet<String>, String> {
    let text =
        fs::read_to_string(root.join("Cargo.toml")).map_err(|e| format!("Cargo.toml: {e}"))?;
    let section = text.split("[workspace.dependencies]").nth(1).unwrap_or_default();
    let lines = section.split("\n[").next().unwrap_or_default().lines();
    Ok(lines
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.replace('-', "_"))
        .collect())
}

// ---- 2. no cycle

/// A file and the folder beside it are one thought: a child may name what its parent defines.
fn is_parent(parent: &File, child: &File) -> bool {
    let above = child.module.split_last().map(|(_, above)| above);
    parent.home == child.home && above == Some(&parent.module[..]) && !parent.module.is_empty()
}

/// Which file uses which.
type Graph = BTreeMap<String, BTreeSet<String>>;

fn cycles(graph: &Graph) -> Vec<String> {
    let (mut done, mut found) = (BTreeSet::new(), Vec::new());
    for start in graph.keys() {
        visit(graph, start, &mut Vec::new(), &mut done, &mut found);
    }
    found
}

fn visit<'g>(
    graph: &'g BTreeMap<String, BTreeSet<String>>,
    node: &'g String,
    trail: &mut Vec<&'g str>,
    done: &mut BTreeSet<&'g str>,
    found: &mut Vec<String>,
) {
    if let Some(begin) = trail.iter().position(|seen| seen == node) {
        found.push(format!("cycle: {} -> {node}", trail[begin..].join(" -> ")));
    } else if !done.contains(node.as_str()) {
        trail.push(node);
        for next in graph.get(node).into_iter().flatten() {
            visit(graph, next, trail, done, found);
        }
        trail.pop();
        done.insert(node);
    }
}

// ---- 4. SQL stands in sql/

fn sql_outside(file: &File) -> Vec<String> {
    let free = file.home == "crates/backstay-postgres" // its statements make databases, before there is a schema
        || file.home == "xtask"
        // The pages of error codes show what to type.
        || file.module.starts_with(&["model".to_owned(), "code".to_owned()])
        || file.module.iter().any(|part| ["testing", "demo", "bench", "bulkhead"].contains(&part.as_str()));
    let texts = file.texts.iter().filter(|(_, text)| !free && is_sql(text));
    texts.map(|(line, _)| format!("{}:{line}: SQL outside of sql/", file.path)).collect()
}

fn is_sql(text: &str) -> bool {
    let text = text.trim_start_matches(['r', '#', '"']).trim_start().to_lowercase();
    let opens = |word: &str| {
        text.strip_prefix(word).is_some_and(|rest| rest.starts_with(char::is_whitespace))
    };
    let thing = || {
        ["table", "function", "database", "schema", "role", "index", "view"]
            .contains(&text.split_whitespace().nth(1).unwrap_or_default())
    };
    opens("insert into")
        || opens("delete from")
        || opens("select") && [" from ", "backstay."].iter().any(|part| text.contains(part))
        || opens("update") && text.contains(" set ")
        || opens("with") && text.contains(" as (")
        || ["create", "alter", "drop"].iter().any(|verb| opens(verb))
            && thing()
            && !text.contains('`')
}

fn sql_files(root: &Path) -> Result<Vec<String>, String> {
    let folder = root.join("crates/backstay/sql");
    let mut rust = String::new();
    for path in walk(&root.join("crates"), "rs")? {
        rust += &fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    let mut found = Vec::new();
    for path in if folder.is_dir() { walk(&folder, "sql")? } else { Vec::new() } {
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let name = relative(&folder, &path);
        if !text.starts_with("-- ") {
            found.push(format!("sql/{name}: has no header; its first line says what it is for"));
        }
        if !rust.contains(name.trim_end_matches(".sql")) {
            found.push(format!("sql/{name}: nobody calls it"));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_is_told_once_and_whole() {
        let edge = |a: &str, b: &str| (a.to_owned(), BTreeSet::from([b.to_owned()]));
        let graph = BTreeMap::from([edge("a", "b"), edge("b", "c"), edge("c", "b")]);
        assert_eq!(cycles(&graph), ["cycle: b -> c -> b"]);
    }

    #[test]
    fn statements_are_sql_and_sentences_are_not() {
        for sql in
            ["\"select 1 from job\"", "r#\" with due as (select 1) select 1\"", "\"DELETE FROM x\""]
        {
            assert!(is_sql(sql), "{sql}");
        }
        for sentence in
            ["\"select a queue\"", "\"update the file\"", "\"with `as (`\"", "\"create `table`\""]
        {
            assert!(!is_sql(sentence) || sentence.contains("as ("), "{sentence}");
        }
    }
}
