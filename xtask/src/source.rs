//! Reads the workspace's Rust files: their code without comments and texts, their texts, their paths.

use std::fs;
use std::path::{Path, PathBuf};

/// One `.rs` file below a crate's `src`.
pub(crate) struct File {
    /// Folder of the crate, `crates/backstay`.
    pub(crate) home: String,
    /// Modules from the crate's root, `["model", "job"]`; none for `lib.rs` and `main.rs`.
    pub(crate) module: Vec<String>,
    /// From the root of the workspace.
    pub(crate) path: String,
    /// The first `//!` sentence.
    pub(crate) purpose: String,
    /// The code, comments and texts blanked, without its test module.
    pub(crate) code: String,
    /// Every text, with the line it begins at.
    pub(crate) texts: Vec<(usize, String)>,
}

/// All files of the workspace that make up its crates.
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
}

impl Tree {
    pub(crate) fn read(root: &Path) -> Result<Tree, String> {
        let mut homes: Vec<PathBuf> = list(&root.join("crates"))?;
        homes.extend(["faults", "xtask"].map(|name| root.join(name)));
        let mut files = Vec::new();
        for home in homes.iter().filter(|home| home.join("src").is_dir()) {
            for path in walk(&home.join("src"), "rs")? {
                files.push(File::read(root, home, &path)?);
            }
        }
        Ok(Tree { files })
    }
}

impl File {
    fn read(root: &Path, home: &Path, path: &Path) -> Result<File, String> {
        let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let inner = path.strip_prefix(home.join("src")).expect("walked from there");
        let mut module: Vec<String> =
            inner.with_extension("").iter().map(|part| part.to_string_lossy().into()).collect();
        if matches!(module[0].as_str(), "lib" | "main") {
            module.clear();
        }
        let (masked, texts) = mask(&text);
        // By habit the tests stand last; what follows is theirs.
        let end = masked.find("#[cfg(test)]\nmod tests {").unwrap_or(masked.len());
        let last_line = masked[..end].lines().count();
        Ok(File {
            home: relative(root, home),
            module,
            path: relative(root, path),
            purpose: purpose(&text),
            code: masked[..end].replace("r#", ""),
            texts: texts.into_iter().filter(|(line, _)| *line <= last_line).collect(),
        })
    }

    /// Tests that outgrew their file, and the crates' own test folders, are free.
    pub(crate) fn is_test(&self) -> bool {
        self.module.iter().any(|name| name == "tests")
    }
}

/// The files below `folder` whose names end in `extension`, in order of their names.
pub(crate) fn walk(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for path in list(folder)? {
        if path.is_dir() {
            found.extend(walk(&path, extension)?);
        } else if path.extension().is_some_and(|end| end == extension) {
            found.push(path);
        }
    }
    Ok(found)
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

pub(crate) fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

fn purpose(text: &str) -> String {
    let opening = text.lines().skip_while(|line| line.starts_with("#!"));
    let lines = opening.map_while(|line| line.strip_prefix("//!")).map(str::trim);
    let paragraph: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    let paragraph = paragraph.join(" ");
    let sentence = paragraph.split_once(". ").map_or(paragraph.as_str(), |(first, _)| first);
    sentence.trim_end_matches('.').to_owned()
}

/// Blanks comments and the inside of texts, and gives the texts apart. Lines keep their numbers.
pub(crate) fn mask(text: &str) -> (String, Vec<(usize, String)>) {
    let chars: Vec<char> = text.chars().collect();
    let (mut out, mut texts, mut at) = (String::with_capacity(text.len()), Vec::new(), 0);
    while at < chars.len() {
        let end = match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => until(&chars, at, |c| c == '\n'),
            '/' if chars.get(at + 1) == Some(&'*') => comment_end(&chars, at),
            '"' => text_end(&chars, at),
            'r' if !joined(&chars, at) => raw_end(&chars, at).unwrap_or(at),
            '\'' => char_end(&chars, at),
            _ => at,
        };
        if end == at {
            out.push(chars[at]);
            at += 1;
            continue;
        }
        if matches!(chars[at], '"' | 'r') {
            let line = out.matches('\n').count() + 1;
            texts.push((line, chars[at..end].iter().collect()));
        }
        out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
        at = end;
    }
    (out, texts)
}

fn until(chars: &[char], from: usize, stop: impl Fn(char) -> bool) -> usize {
    chars[from..].iter().position(|c| stop(*c)).map_or(chars.len(), |n| from + n)
}

fn joined(chars: &[char], at: usize) -> bool {
    // The `b` of `br"…"` belongs to the text, any other letter to a name.
    at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_') && chars[at - 1] != 'b'
}

fn comment_end(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

fn text_end(chars: &[char], open: usize) -> usize {
    let mut at = open + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

fn raw_end(chars: &[char], at: usize) -> Option<usize> {
    let open = until(chars, at + 1, |c| c != '#');
    if chars.get(open) != Some(&'"') {
        return None;
    }
    let close: Vec<char> = std::iter::once('"').chain(vec!['#'; open - at - 1]).collect();
    let inside = chars[open + 1..].windows(close.len()).position(|part| part == close)?;
    Some(open + 1 + inside + close.len())
}

fn char_end(chars: &[char], at: usize) -> usize {
    match (chars.get(at + 1), chars.get(at + 2)) {
        (Some('\\'), _) => (until(chars, at + 3, |c| c == '\'') + 1).min(chars.len()),
        (_, Some('\'')) => at + 3,
        // A lifetime.
        _ => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        mask(text).0.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_texts_and_chars_are_blank_and_lifetimes_stay() {
        assert_eq!(masked("a /* x /* y */ z */ b // c\nd"), "a b d");
        assert_eq!(
            masked("f('\"', '\\'', \"it's \\\" \", r#\"a\"b\"#) g::<'a>()"),
            "f( , , , ) g::<'a>()"
        );
    }

    #[test]
    fn a_text_knows_its_line() {
        let (_, texts) = mask("one\ntwo \"select 1\"\n");
        assert_eq!(texts, [(2, "\"select 1\"".to_owned())]);
    }

    #[test]
    fn a_purpose_is_the_first_sentence() {
        assert_eq!(purpose("//! Keeps\n//! bees. And more.\n//!\n//! Else."), "Keeps bees");
    }
}
