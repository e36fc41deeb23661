//! The longest functions and files, to be looked at before a release; nothing fails because of a number.

use std::fmt::Write as _;

use crate::source::Tree;

const SHOWN: usize = 10;

/// The ten longest of each, tests left out.
pub(crate) fn print(tree: &Tree) -> String {
    let mut files = Vec::new();
    let mut functions = Vec::new();
    for file in tree.files.iter().filter(|file| !file.is_test()) {
        files.push((file.code.lines().count(), file.path.clone()));
        functions.extend(
            functions_of(&file.code)
                .into_iter()
                .map(|(lines, line, name)| (lines, format!("{}:{line} {name}", file.path))),
        );
    }
    format!("longest functions\n{}longest files\n{}", top(functions), top(files))
}

fn top(mut all: Vec<(usize, String)>) -> String {
    all.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let mut out = String::new();
    for (lines, what) in all.iter().take(SHOWN) {
        writeln!(out, "  {lines:>5}  {what}").expect("a String takes all");
    }
    out
}

/// Lines, first line and name of every function with a body.
fn functions_of(code: &str) -> Vec<(usize, usize, String)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let name: String =
            code[at + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let starts_a_word = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if name.is_empty() || !starts_a_word {
            continue;
        }
        if let Some(body) = body(&code[at..]) {
            let line = code[..at].matches('\n').count() + 1;
            found.push((body.matches('\n').count() + 1, line, name));
        }
    }
    found
}

/// From `fn` to the brace that closes its body; none for a signature.
fn body(code: &str) -> Option<&str> {
    let open = code.find('{')?;
    if code.find(';').is_some_and(|end| end < open && !code[..open].contains("; ")) {
        return None;
    }
    let mut depth = 0;
    for (at, c) in code[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(&code[..=open + at]);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_ends_at_its_own_brace() {
        let code = "fn one() {\n  if x {\n  }\n}\nfn two();\nfn three() {}\n";
        let found = functions_of(code);
        assert_eq!(found, [(4, 1, "one".to_owned()), (1, 6, "three".to_owned())]);
    }
}
