//! Reads and writes durations, sizes and rates, each with its unit, and proposes the fix for a bad one.

use std::time::Duration;

/// The longest duration that any setting or option takes: ten years.
pub const LONGEST: Duration = Duration::from_secs(3652 * 86_400);

/// Names of duration units with their length in milliseconds, longest first.
const DURATION_UNITS: [(&str, u64); 6] = [
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Names of size units with their length in bytes, largest first.
const SIZE_UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// Says what is wrong with a duration, size or rate, and what to write instead where that is clear.
///
/// ```
/// use backstay::unit::{UnitError, parse_duration};
/// let wrong: UnitError = parse_duration("300").unwrap_err();
/// assert_eq!(wrong.fix.as_deref(), Some("300s"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitError {
    /// One sentence without a full stop, such as "`300` has no unit".
    pub problem: String,
    /// The text that was probably meant, ready to be pasted.
    pub fix: Option<String>,
}

impl UnitError {
    fn new(problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), fix: None }
    }

    fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    fn fix_maybe(mut self, fix: Option<String>) -> Self {
        self.fix = fix;
        self
    }
}

impl std::fmt::Display for UnitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.fix {
            Some(fix) => write!(f, "{}; did you mean `{fix}`?", self.problem),
            None => f.write_str(&self.problem),
        }
    }
}

impl std::error::Error for UnitError {}

/// How often something may happen: `count` times in every `per`.
///
/// ```
/// use backstay::unit::{Rate, format_rate, mins, parse_rate};
/// let rate = Rate { count: 100, per: mins(1) };
/// assert_eq!(parse_rate(&format_rate(rate)), Ok(rate));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// 1 to 1,000,000.
    pub count: u32,
    /// 1 s to 24 h.
    pub per: Duration,
}

/// Reads a duration such as `90s`, `1h30m` or `250ms`; units `ms s m h d w`, at most ten years.
///
/// # Errors
/// A [`UnitError`] that proposes what to write: without a unit, with an unknown one, with a
/// fraction, with units in the wrong order, or beyond ten years.
///
/// ```
/// use std::time::Duration;
/// assert_eq!(backstay::unit::parse_duration("1h30m"), Ok(Duration::from_secs(5400)));
/// let wrong = backstay::unit::parse_duration("300").unwrap_err();
/// assert_eq!(wrong.to_string(), "`300` has no unit; did you mean `300s`?");
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    read_duration(text).map_err(|mut error| {
        // Nobody should be sent from one refusal to the next.
        error.fix = error.fix.filter(|fix| read_duration(fix).is_ok());
        error
    })
}

fn read_duration(text: &str) -> Result<Duration, UnitError> {
    let mut rest = text;
    let mut millis: u64 = 0;
    let mut smallest = u64::MAX;
    if text.is_empty() {
        return Err(UnitError::new("a duration is missing").fix("30s"));
    }
    while !rest.is_empty() {
        let (count, unit, after) = one_part(text, rest)?;
        if unit >= smallest {
            return Err(UnitError::new(format!(
                "`{text}` must name each unit once, longest first"
            ))
            .fix_maybe(sorted(text)));
        }
        smallest = unit;
        millis = millis.saturating_add(count.saturating_mul(unit));
        rest = after;
    }
    if millis > LONGEST.as_millis() as u64 {
        return Err(UnitError::new(format!("`{text}` is longer than ten years")));
    }
    Ok(Duration::from_millis(millis))
}

/// Takes one number with its unit from the front of `rest`; gives the number, the unit's
/// milliseconds and what follows.
fn one_part<'a>(text: &str, rest: &'a str) -> Result<(u64, u64, &'a str), UnitError> {
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, rest) = rest.split_at(digits);
    let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(letters);
    if number.is_empty() {
        return Err(not_a_duration(text));
    }
    if unit.is_empty() {
        let problem = if number == text {
            format!("`{text}` has no unit")
        } else {
            format!("`{number}` at the end of `{text}` has no unit")
        };
        return Err(UnitError::new(problem).fix(format!("{text}s")));
    }
    let Some((_, length)) = DURATION_UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(unknown_unit(text, number, unit));
    };
    let count =
        number.parse().map_err(|_| UnitError::new(format!("`{text}` is longer than ten years")))?;
    Ok((count, *length, rest))
}

/// Explains a unit that is none of ours: a fraction, a long name, a space, capitals.
fn unknown_unit(text: &str, number: &str, unit: &str) -> UnitError {
    if unit == "." {
        return fraction(text);
    }
    let word = unit.trim().to_ascii_lowercase();
    let meant = match word.as_str() {
        "ms" | "msec" | "msecs" | "milli" | "millis" | "millisecond" | "milliseconds" => "ms",
        "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        "w" | "wk" | "week" | "weeks" => "w",
        "mo" | "month" | "months" | "y" | "yr" | "year" | "years" => {
            let named = word.trim_end_matches('s');
            return UnitError::new(format!(
                "`{text}`: a {named} has no fixed length, write it in days"
            ));
        }
        _ => return not_a_duration(text),
    };
    let fixed = text.replacen(&format!("{number}{unit}"), &format!("{number}{meant}"), 1);
    UnitError::new(format!("`{}` is not a unit", unit.trim())).fix(fixed)
}

fn not_a_duration(text: &str) -> UnitError {
    if let Some(rest) = text.strip_prefix('-') {
        return UnitError::new(format!("`{text}` is negative")).fix(rest);
    }
    UnitError::new(format!(
        "`{text}` is not a duration: write it like `90s` or `1h30m`, units ms s m h d w"
    ))
}

/// Proposes `1h30m` for `1.5h`.
fn fraction(text: &str) -> UnitError {
    let problem = UnitError::new(format!("`{text}` has a fraction, which no duration takes"));
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let length = DURATION_UNITS.iter().find(|(name, _)| *name == unit);
    let (Ok(number), Some((_, length))) = (number.parse::<f64>(), length) else {
        return problem;
    };
    let millis = (number * *length as f64).round();
    problem.fix(format_duration(Duration::from_millis(millis as u64)))
}

/// Puts the parts of `text` into the right order, adding up those of the same unit.
fn sorted(text: &str) -> Option<String> {
    let mut rest = text;
    let mut millis: u64 = 0;
    while !rest.is_empty() {
        let (count, unit, after) = one_part(text, rest).ok()?;
        millis = millis.checked_add(count.checked_mul(unit)?)?;
        rest = after;
    }
    Some(format_duration(Duration::from_millis(millis)))
}

/// Writes a duration the way [`parse_duration`] reads it, in whole milliseconds: `1h30m`, `7d`, `0s`.
///
/// ```
/// use std::time::Duration;
/// assert_eq!(backstay::unit::format_duration(Duration::from_secs(90)), "1m30s");
/// ```
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let mut left = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if left == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    // Weeks are read but not written: "7d" and "30d" compare at a glance, "4w2d" does not.
    for (name, length) in &DURATION_UNITS[1..] {
        let count = left / length;
        if count > 0 {
            text.push_str(&format!("{count}{name}"));
            left %= length;
        }
    }
    text
}

/// Says about how long something took or is ago, in its largest unit: `12 s`, `47 min`, `3 h`, `2 days`.
///
/// ```
/// use std::time::Duration;
/// assert_eq!(backstay::unit::about(Duration::from_secs(2850)), "47 min");
/// ```
#[must_use]
pub fn about(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..100 => format!("{seconds} s"),
        100..6_000 => format!("{} min", seconds / 60),
        6_000..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Reads a size in bytes such as `512MiB`; units `KiB MiB GiB`.
///
/// # Errors
/// A [`UnitError`] that proposes what to write, such as `512MiB` for `512MB`.
///
/// ```
/// assert_eq!(backstay::unit::parse_size("256KiB"), Ok(262_144));
/// let wrong = backstay::unit::parse_size("512MB").unwrap_err();
/// assert_eq!(wrong.fix.as_deref(), Some("512MiB"));
/// ```
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(UnitError::new(format!(
            "`{text}` is not a size: write it like `512MiB`, units KiB MiB GiB"
        )));
    }
    let Some((_, length)) = SIZE_UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(unknown_size_unit(text, number, unit));
    };
    let count: u64 = number.parse().unwrap_or(u64::MAX);
    count
        .checked_mul(*length)
        .ok_or_else(|| UnitError::new(format!("`{text}` is more than any machine has")))
}

fn unknown_size_unit(text: &str, number: &str, unit: &str) -> UnitError {
    let meant = match unit.trim().to_ascii_lowercase().as_str() {
        "" => return UnitError::new(format!("`{text}` has no unit")).fix(format!("{number}MiB")),
        "k" | "kb" | "kib" => "KiB",
        "m" | "mb" | "mib" => "MiB",
        "g" | "gb" | "gib" => "GiB",
        _ => return UnitError::new(format!("`{text}` is not a size: units are KiB MiB GiB")),
    };
    UnitError::new(format!("`{}` is not a unit of size", unit.trim()))
        .fix(format!("{number}{meant}"))
}

/// Writes a size in the largest unit that it fills exactly; bytes that fill none keep the word.
///
/// ```
/// assert_eq!(backstay::unit::format_size(512 << 20), "512MiB");
/// assert_eq!(backstay::unit::format_size(1000), "1000 bytes");
/// ```
#[must_use]
pub fn format_size(bytes: u64) -> String {
    let exact =
        SIZE_UNITS.iter().find(|(_, length)| bytes >= *length && bytes.is_multiple_of(*length));
    match exact {
        Some((name, length)) => format!("{}{name}", bytes / length),
        None => format!("{bytes} bytes"),
    }
}

/// Reads a rate such as `100/1m`: 1 to 1,000,000 per 1 s to 24 h.
///
/// # Errors
/// A [`UnitError`] that proposes what to write, such as `60/1m` for `60/m`.
///
/// ```
/// let rate = backstay::unit::parse_rate("60/1m").unwrap();
/// assert_eq!((rate.count, rate.per.as_secs()), (60, 60));
/// ```
pub fn parse_rate(text: &str) -> Result<Rate, UnitError> {
    let Some((count, per)) = text.split_once('/') else {
        let fix = text.parse::<u32>().ok().map(|count| format!("{count}/1m"));
        return Err(UnitError::new(format!("`{text}` does not say per how long")).fix_maybe(fix));
    };
    let Ok(number) = count.trim().parse::<u32>() else {
        return Err(UnitError::new(format!("`{count}` is not a whole number")));
    };
    let per = match parse_duration(per.trim()) {
        Ok(per) => per,
        Err(error) => return Err(bad_period(number, per.trim(), error)),
    };
    if !(1..=1_000_000).contains(&number) {
        return Err(UnitError::new(format!("`{count}` is not between 1 and 1000000")));
    }
    if !(Duration::from_secs(1)..=Duration::from_secs(86_400)).contains(&per) {
        return Err(UnitError::new("the period of a rate is 1s to 24h"));
    }
    Ok(Rate { count: number, per })
}

/// Proposes `60/1m` for `60/m` and `60/min`.
fn bad_period(count: u32, per: &str, error: UnitError) -> UnitError {
    let one = match parse_duration(&format!("1{per}")) {
        Ok(_) => Some(format!("1{per}")),
        Err(error) => error.fix,
    };
    match one {
        Some(one) => {
            UnitError::new(format!("`{per}` is not a period")).fix(format!("{count}/{one}"))
        }
        None => UnitError { fix: error.fix.map(|per| format!("{count}/{per}")), ..error },
    }
}

/// Writes a rate the way [`parse_rate`] reads it.
#[must_use]
pub fn format_rate(rate: Rate) -> String {
    format!("{}/{}", rate.count, format_duration(rate.per))
}

/// A number of bytes, such as a limit of memory; [`mib`] and [`gib`] make them.
///
/// ```
/// use backstay::unit::{Bytes, mib};
/// assert_eq!(Bytes::new(1 << 20), mib(1));
/// assert_eq!((mib(512).get(), mib(512).to_string().as_str()), (536_870_912, "512MiB"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(u64);

impl Bytes {
    /// Makes a size of bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Gives the bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl std::fmt::Display for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&format_size(self.0))
    }
}

/// Makes a duration of seconds.
///
/// ```
/// use backstay::unit::{days, gib, hours, mib, mins, secs};
/// assert_eq!(hours(1), mins(60));
/// assert_eq!(days(1), secs(86_400));
/// assert_eq!(gib(1), mib(1024));
/// ```
#[must_use]
pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Makes a duration of minutes.
#[must_use]
pub const fn mins(minutes: u64) -> Duration {
    secs(minutes.saturating_mul(60))
}

/// Makes a duration of hours.
#[must_use]
pub const fn hours(hours: u64) -> Duration {
    mins(hours.saturating_mul(60))
}

/// Makes a duration of days of 24 hours.
#[must_use]
pub const fn days(days: u64) -> Duration {
    hours(days.saturating_mul(24))
}

/// Makes a size of MiB, 1,048,576 bytes each.
#[must_use]
pub const fn mib(mebibytes: u64) -> Bytes {
    Bytes(mebibytes.saturating_mul(1 << 20))
}

/// Makes a size of GiB, 1,024 MiB each.
#[must_use]
pub const fn gib(gibibytes: u64) -> Bytes {
    mib(gibibytes.saturating_mul(1024))
}

#[cfg(test)]
mod tests;
