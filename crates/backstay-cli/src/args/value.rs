//! How values are read that are no plain text, and how a value that cannot be is told: with our code and what to write.

use std::time::Duration;

use backstay::unit::{parse_duration, parse_size};
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::failure::{Exit, Failure};

/// Reads `90s`. Time does not go backwards: what is due at once needs no option.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    match text.strip_prefix('-').map(parse_duration) {
        Some(Ok(_)) => Err(format!("`{text}` is negative; did you mean `{}`?", &text[1..])),
        _ => parse_duration(text).map_err(|error| error.to_string()),
    }
}

/// Reads `2s`: no look more often than once a second, so that looking costs the database nothing.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    let read = span(text)?;
    let is_fit = (Duration::from_secs(1)..=Duration::from_secs(3600)).contains(&read);
    if is_fit { Ok(read) } else { Err(format!("`{text}` is not 1s to 1h")) }
}

/// Reads `2s`: what a running job gets to stop, as the door takes it.
pub(super) fn grace(text: &str) -> Result<Duration, String> {
    let read = span(text)?;
    if read <= Duration::from_secs(300) {
        Ok(read)
    } else {
        Err(format!("`{text}` is not 0s to 5m"))
    }
}

/// Reads `512MiB`.
pub(super) fn size(text: &str) -> Result<u64, String> {
    parse_size(text).map_err(|error| error.to_string())
}

/// Reads 0 to 100.
pub(super) fn retries(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(n @ 0..=100) => Ok(n),
        _ => Err(format!("`{text}` is no number of retries; write 0 to 100")),
    }
}

/// Gives what is wrong with a value, as every other door says it; none where the line itself is what is wrong.
pub(crate) fn bad_value(error: &clap::Error) -> Option<Failure> {
    if error.kind() != ErrorKind::ValueValidation {
        return None;
    }
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let name = argument.split(' ').next().unwrap_or(argument);
    let cause = std::error::Error::source(error)?.to_string();
    let (problem, hint) = match cause.split_once("; ") {
        Some((problem, hint)) => (problem, Some(hint)),
        None => (cause.as_str(), None),
    };
    let failure = Failure::new("BS102", format!("{name}: {problem}")).exit(Exit::Usage);
    Some(match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    })
}
