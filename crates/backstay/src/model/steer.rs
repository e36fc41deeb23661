//! Which characters of a text from outside steer whatever shows it: a terminal, a mail, a line of a log.

/// Control characters, those that turn the direction of what follows, and those that end a line unseen.
#[must_use]
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}
