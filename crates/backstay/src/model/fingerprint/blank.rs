//! Blanks what differs between two reports of the same error.

/// Stands where something was blanked.
const BLANK: char = '·';

/// Replaces quoted text, paths, addresses, and words that hold a digit where they begin or look like
/// hexadecimal or an id, each by one dot.
pub(super) fn blank(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let length =
            quoted(rest, &out).or_else(|| path(rest, &out)).or_else(|| id(rest, &out)).unwrap_or(0);
        if length == 0 {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            out.push(BLANK);
            rest = &rest[length..];
        }
    }
    out
}

/// The length of a quoted text at the start of `rest`, with its quotes.
fn quoted(rest: &str, before: &str) -> Option<usize> {
    let open = rest.chars().next()?;
    let close = match open {
        '"' | '`' => open,
        '“' => '”',
        '«' => '»',
        '‘' => '’',
        // An apostrophe inside a word, as in `can't`, opens nothing.
        '\'' if !ends_in_word(before) => open,
        _ => return None,
    };
    let inside = &rest[open.len_utf8()..];
    let length = inside.find(close)?;
    Some(open.len_utf8() + length + close.len_utf8())
}

/// The length of a path or an address: a word with a slash in it, or one that begins like a drive.
fn path(rest: &str, before: &str) -> Option<usize> {
    if ends_in_word(before) {
        return None;
    }
    let stop = |c: char| c.is_whitespace() || "\"'`<>|(),;".contains(c);
    let word = &rest[..rest.find(stop).unwrap_or(rest.len())];
    let word = word.trim_end_matches([':', '.', ']', '}']);
    let slashed = word.starts_with(['/', '~']) && word.len() > 1
        || word.starts_with("./")
        || word.starts_with("../")
        || word.contains("://")
        || word.contains(":\\");
    slashed.then_some(word.len())
}

/// The length of a number, a hexadecimal number or a UUID.
///
/// A word counts when it has a digit and, but for a unit of up to three letters at the end, nothing
/// that hexadecimal does not have; so `sha256` and `utf8` stay, `0x7f`, `deadbeef01`, `15ms` go.
fn id(rest: &str, before: &str) -> Option<usize> {
    if ends_in_word(before) {
        return None;
    }
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let end = rest.find(|c| !inside(c)).unwrap_or(rest.len());
    let word = rest[..end].trim_end_matches(['-', '_']);
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let hexadecimal =
        |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-' || b == b'_');
    if !word.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    let number = word.trim_start_matches('-').trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = word.trim_start_matches('-').len() - number.len();
    let is_number = !number.is_empty() && digits(number) && unit <= 3;
    let is_hexadecimal = hexadecimal(word.strip_prefix("0x").unwrap_or(word));
    (is_number || is_hexadecimal).then_some(word.len())
}

fn ends_in_word(before: &str) -> bool {
    before.chars().next_back().is_some_and(|c| c.is_alphanumeric() && c != BLANK)
}
