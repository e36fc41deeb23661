//! Which errors are the same error: a short hash over what stays equal when an error comes again.

use std::fmt;

use super::bounds::{self, clip_chars};

mod blank;

/// The name of a group of equal errors.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    /// Eight hexadecimal digits.
    pub hash: String,
    /// What a list shows: the reason and the first line of the message, at most 200 characters.
    pub title: String,
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hash)
    }
}

/// Gives the fingerprint of a failure.
///
/// Equal are: kind, reason, error class, the first line of the message with everything blanked that
/// differs from one time to the next (quoted text, numbers, hexadecimal, UUIDs, paths), and the top
/// frame of the stack if there is one.
///
/// ```
/// use backstay::model::fingerprint::fingerprint;
/// let of = |message| fingerprint("mail", "failed", None, message, None).hash;
/// assert_eq!(of("no user 7 at 'ana@example.org'"), of("no user 4211 at 'bo@example.org'"));
/// assert_ne!(of("no user 7"), of("no group 7"));
/// ```
#[must_use]
pub fn fingerprint(
    kind: &str,
    reason: &str,
    error_class: Option<&str>,
    message: &str,
    top_frame: Option<&str>,
) -> Fingerprint {
    let line = first_line(message);
    let blanked = clip_chars(&blank::blank(line), bounds::TITLE_CHARS);
    let frame = top_frame.map(|frame| blank::blank(first_line(frame)));
    let parts = [kind, reason, error_class.unwrap_or(""), &blanked, frame.as_deref().unwrap_or("")];
    Fingerprint { hash: hash(&parts), title: title(reason, line) }
}

/// Gives the fingerprint that a handler chose itself, at most 100 bytes: `own` and the kind decide
/// alone.
#[must_use]
pub fn own_fingerprint(kind: &str, own: &str, reason: &str, message: &str) -> Fingerprint {
    let own = bounds::clip(own, bounds::OWN_FINGERPRINT_BYTES);
    Fingerprint { hash: hash(&["own", kind, &own]), title: title(reason, first_line(message)) }
}

/// The first line that says anything.
fn first_line(message: &str) -> &str {
    message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("")
}

fn title(reason: &str, line: &str) -> String {
    let shown: String = line.chars().filter(|c| !c.is_control()).collect();
    // A sentence about how an attempt ended begins with its reason already.
    let is_said = shown.strip_prefix(reason).is_some_and(|rest| rest.starts_with(':'));
    let title = match (shown.is_empty(), is_said) {
        (true, _) => reason.to_owned(),
        (_, true) => shown,
        _ => format!("{reason}: {shown}"),
    };
    clip_chars(&title, bounds::TITLE_CHARS)
}

/// FNV-1a over the parts, 64 bits folded to 32.
///
/// Nobody gains by two errors with one hash, so it needs no cryptography; it must only stay the same
/// in all releases, or every group would be new after an upgrade.
fn hash(parts: &[&str]) -> String {
    const START: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    // U+001F ends each part, so that `ab`, `c` and `a`, `bc` differ.
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0x1f]));
    let long = bytes.fold(START, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    format!("{:08x}", (long >> 32) as u32 ^ long as u32)
}

#[cfg(test)]
mod tests;
