//! Every bound on what comes from outside, once, with its unit.

/// Longest name of a kind, queue, limit or schedule.
pub const NAME_BYTES: usize = 128;
/// Longest unique or idempotency key.
pub const UNIQUE_KEY_BYTES: usize = 1024;
/// Longest group, limit or sequence key.
pub const KEY_BYTES: usize = 256;
/// Longest args as JSON text, unless the settings say otherwise.
pub const ARGS_BYTES: usize = 256 * 1024;
/// The most that the settings may allow for args.
pub const ARGS_BYTES_MOST: usize = 4 * 1024 * 1024;
/// Nothing in args may lie at this level or deeper; the object itself is level 0.
pub const ARGS_DEPTH: usize = 64;
/// Most tags of one job.
pub const TAGS: usize = 20;
/// Longest tag.
pub const TAG_BYTES: usize = 64;
/// Longest line of a schedule.
pub const CRON_BYTES: usize = 256;
/// Most schedules that one file declares.
pub const SCHEDULES: usize = 1_000;
/// Most missed ticks of one schedule that run after all.
pub const MISSED_MAX: u8 = 100;
/// Most ticks of one back-fill.
pub const BACKFILL_TICKS: usize = 1_000;
/// Longest `meta` as JSON text.
pub const META_BYTES: usize = 16 * 1024;
/// Longest message of an error.
pub const ERROR_MESSAGE_BYTES: usize = 4 * 1024;
/// Longest stack trace of an error.
pub const ERROR_TRACE_BYTES: usize = 16 * 1024;
/// How much of a handler's stderr is kept, from its end.
pub const STDERR_BYTES: usize = 16 * 1024;
/// Longest class of an error.
pub const ERROR_CLASS_BYTES: usize = 256;
/// Longest fingerprint that a handler may set itself.
pub const OWN_FINGERPRINT_BYTES: usize = 100;
/// Attempts whose errors are kept with a dead letter.
pub const ERRORS_KEPT: usize = 20;
/// Longest output as JSON text, unless the settings say otherwise.
pub const OUTPUT_BYTES: usize = 256 * 1024;
/// The most that the settings may allow for output: one line of the child protocol.
pub const OUTPUT_BYTES_MOST: usize = LINE_BYTES;
/// Longest answer that is read from the address of a kind.
pub const PUSH_ANSWER_BYTES: usize = 1024 * 1024;
/// How much of an answer goes into the message of a failed attempt.
pub const PUSH_MESSAGE_BYTES: usize = 2 * 1024;
/// Most headers of one's own that go with each request to the address of a kind.
pub const PUSH_HEADERS: usize = 20;
/// Longest value of such a header: servers take 8 KiB of headers in all, some less.
pub const PUSH_HEADER_BYTES: usize = 4 * 1024;
/// Longest checkpoint as JSON text.
pub const CHECKPOINT_BYTES: usize = 64 * 1024;
/// Longest note of a progress report, in characters.
pub const NOTE_CHARS: usize = 200;
/// Longest reason that an operator gives.
pub const REASON_BYTES: usize = 1024;
/// What is looked for in args; as long as any other value of a filter.
pub const SOUGHT_BYTES: usize = 1024;
/// Longest title of a group of equal errors, in characters.
pub const TITLE_CHARS: usize = 200;
/// Most jobs in one call.
pub const JOBS_PER_CALL: usize = 10_000;
/// Most bytes of args in one call.
pub const BYTES_PER_CALL: usize = 64 * 1024 * 1024;
/// Longest line of the child protocol.
pub const LINE_BYTES: usize = 8 * 1024 * 1024;
/// Longest line that a handler writes into its job's log.
pub const LOG_LINE_BYTES: usize = 8 * 1024;
/// Most `on` rules of one job.
pub const ON_RULES: usize = 20;
/// Most delays in a backoff list.
pub const BACKOFF_LIST: usize = 20;
/// Most retries that a job may ask for.
pub const MAX_RETRIES: i16 = 100;
/// Most crashes, and most lost workers, that a kind may allow its jobs.
pub const LIMIT_OF_LOSS: i16 = 100;
/// Most rows of the alert outbox that are folded in one round.
pub const ALERTS_PER_ROUND: usize = 500;
/// Most routes of alerts.
pub const ROUTES: usize = 100;
/// Most steps of one route.
pub const ROUTE_STEPS: usize = 10;
/// Longest value that an error shows in its detail, in characters.
pub const DETAIL_CHARS: usize = 200;

/// Stands where something was cut off.
const CUT: &str = "… [cut]";
/// Stands where the beginning was cut off.
const CUT_FRONT: &str = "[cut] …";

/// Makes any text fit for storing: at most `max_bytes`, cut at a character and marked, NUL replaced.
///
/// ```
/// use backstay::model::bounds::clip;
/// assert_eq!(clip("short", 20), "short");
/// assert_eq!(clip(&"a".repeat(100), 20), format!("{}… [cut]", "a".repeat(11)));
/// ```
#[must_use]
pub fn clip(text: &str, max_bytes: usize) -> String {
    let text = without_nul(text);
    if text.len() <= max_bytes {
        return text.into_owned();
    }
    let room = max_bytes.saturating_sub(CUT.len());
    let kept = &text[..text.floor_char_boundary(room)];
    if CUT.len() > max_bytes {
        return text[..text.floor_char_boundary(max_bytes)].to_owned();
    }
    format!("{kept}{CUT}")
}

/// Like [`clip`], but keeps the end: the last lines of a program's output say why it died.
#[must_use]
pub fn clip_front(text: &str, max_bytes: usize) -> String {
    let text = without_nul(text);
    if text.len() <= max_bytes {
        return text.into_owned();
    }
    let mark = if CUT_FRONT.len() <= max_bytes { CUT_FRONT } else { "" };
    let room = max_bytes - mark.len();
    let kept = &text[text.ceil_char_boundary(text.len() - room)..];
    format!("{mark}{kept}")
}

/// Cuts at a number of characters rather than bytes and marks the cut by one ellipsis.
#[must_use]
pub fn clip_chars(text: &str, max_chars: usize) -> String {
    let text = without_nul(text);
    if text.chars().count() <= max_chars {
        return text.into_owned();
    }
    let kept: String = text.chars().take(max_chars.saturating_sub(1)).collect();
    if max_chars == 0 { kept } else { format!("{kept}…") }
}

/// PostgreSQL stores no NUL, and a refused text must never hold up a verdict.
fn without_nul(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{FFFD}").into() } else { text.into() }
}

/// Says what is wrong with a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The name has no character at all.
    #[error("a name has 1 to {NAME_BYTES} characters, this one has none")]
    Empty,
    /// The name is too long.
    #[error("a name has 1 to {NAME_BYTES} characters, this one has {bytes} bytes")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The name has a character that names cannot have.
    #[error(
        "`{name}` has {character:?} at character {at}; names are made of `A-Z a-z 0-9 _ . : -`"
    )]
    Character {
        /// The name as given.
        name: String,
        /// The first wrong character.
        character: char,
        /// Its position, from 1.
        at: usize,
    },
}

impl NameError {
    /// Gives the code of this error at every door.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "BS103"
    }
}

/// Checks the name of a kind, queue, limit or schedule.
///
/// # Errors
/// BS103 with the first wrong character.
pub fn check_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > NAME_BYTES {
        return Err(NameError::TooLong { bytes: name.len() });
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
    match name.chars().enumerate().find(|(_, c)| !fits(*c)) {
        None => Ok(()),
        Some((at, character)) => {
            Err(NameError::Character { name: name.to_owned(), character, at: at + 1 })
        }
    }
}

/// Whether a JSON text holds the escape of NUL, and not merely its letters after a backslash.
pub(crate) fn has_nul(json: &str) -> bool {
    json.match_indices("\\u0000").any(|(at, _)| {
        let before = json[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
        before % 2 == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_may_hold_letters_digits_and_four_signs() {
        for name in ["report", "a", "A9_.:-z", &"x".repeat(128)] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_bad_name_is_told_its_first_wrong_character() {
        assert_eq!(check_name(""), Err(NameError::Empty));
        assert_eq!(check_name(&"x".repeat(129)), Err(NameError::TooLong { bytes: 129 }));
        let wrong = check_name("über mail").unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "`über mail` has 'ü' at character 1; names are made of `A-Z a-z 0-9 _ . : -`"
        );
        assert!(check_name("mail to").unwrap_err().to_string().contains("' ' at character 5"));
        assert!(check_name("a\nb").unwrap_err().to_string().contains("'\\n'"));
    }

    #[test]
    fn the_end_of_an_output_is_what_is_kept() {
        assert_eq!(clip_front("the first line\nlast line", 18), "[cut] …last line");
        assert_eq!(clip_front("short", 5), "short");
    }

    proptest! {
        #[test]
        fn what_is_clipped_always_fits_and_can_be_stored(text in any::<String>(), max in 0usize..64) {
            for cut in [clip(&text, max), clip_front(&text, max)] {
                prop_assert!(cut.len() <= max);
                prop_assert!(!cut.contains('\0'));
            }
            prop_assert!(clip_chars(&text, max).chars().count() <= max);
        }

        #[test]
        fn what_fits_is_left_alone(text in "[^\0]{0,40}") {
            prop_assert_eq!(clip(&text, 200), text.clone());
            prop_assert_eq!(clip_front(&text, 200), text.clone());
            prop_assert_eq!(clip_chars(&text, 200), text);
        }
    }
}
