//! Finds the paths that a file's code names, and the files they lead to.

use crate::source::{File, Tree};

/// Every path of two names or more, those of `use` trees unfolded.
pub(crate) fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let words = words(code);
    let mut at = 0;
    while at < words.len() {
        if words[at] == "use" {
            at = tree(&words, at + 1, &[], &mut found);
            continue;
        }
        let mut path = vec![words[at].to_owned()];
        while is_name(words[at])
            && at + 2 < words.len()
            && words[at + 1] == "::"
            && is_name(words[at + 2])
        {
            at += 2;
            path.push(words[at].to_owned());
        }
        at += 1;
        if path.len() > 1 {
            found.push(path);
        }
    }
    found
}

fn words(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            c if c.is_alphanumeric() || c == '_' => {
                rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
            }
            ':' if rest.starts_with("::") => 2,
            c => c.len_utf8(),
        };
        found.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    found
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Reads one `use` tree from `at`, gives the place after it.
fn tree(words: &[&str], mut at: usize, before: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut path = before.to_vec();
    while at < words.len() {
        match words[at] {
            "::" => {}
            "{" => {
                while words.get(at).is_some_and(|word| *word != "}") {
                    at = tree(words, at + 1, &path, found);
                }
                return at + 1;
            }
            "as" => at += 1,
            "," | "}" | ";" => break,
            word => path.push(word.to_owned()),
        }
        at += 1;
    }
    if path.len() > before.len() {
        found.push(path);
    }
    at
}

/// The file a path leads to; re-exports are followed to where the thing is written.
pub(crate) fn resolve<'t>(
    tree: &'t Tree,
    file: &'t File,
    path: &[String],
    depth: usize,
) -> Option<&'t File> {
    let mut module = file.module.clone();
    match path[0].as_str() {
        "crate" => module.clear(),
        "self" => {}
        "super" => {
            module.pop()?;
        }
        name => {
            module.push(name.to_owned());
            at(tree, file, &module)?;
        }
    }
    let mut rest = &path[1..];
    while let Some(next) = rest.first() {
        if next == "super" {
            module.pop()?;
        } else {
            module.push(next.clone());
            if at(tree, file, &module).is_none() {
                module.pop();
                break;
            }
        }
        rest = &rest[1..];
    }
    let here = at(tree, file, &module)?;
    // Eight re-exports in a row would be a riddle, not a facade.
    let name = rest.first().filter(|_| here.path != file.path && depth < 8);
    let again = name.and_then(|name| {
        paths(&here.code).into_iter().find(|export| export.len() > 1 && export.last() == Some(name))
    });
    again.and_then(|export| resolve(tree, here, &export, depth + 1)).or(Some(here))
}

fn at<'t>(tree: &'t Tree, near: &File, module: &[String]) -> Option<&'t File> {
    tree.files.iter().find(|file| file.home == near.home && file.module == module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn use_trees_are_unfolded() {
        let found = paths("use a::{b, c::{self, D as E}, f::*}; fn x() { g::h::<T>(1) }");
        let found: Vec<String> = found.iter().map(|path| path.join("::")).collect();
        assert_eq!(found, ["a::b", "a::c::self", "a::c::D", "a::f::*", "g::h"]);
    }
}
