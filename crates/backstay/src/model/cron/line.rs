//! The line of a schedule: five or six fields, each a set of numbers; and the first local time that fits.

use std::str::FromStr;

use jiff::civil::{Date, DateTime, Time};

use crate::model::bounds::{CRON_BYTES, clip_chars};
use crate::model::nearest::nearest;

/// Years that are searched: 29 February comes again after eight at the latest.
const YEARS: i16 = 9;

/// A line, read: which numbers each field names, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    seconds: u64,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    /// Bit 0 is Sunday.
    weekdays: u64,
    any_day: bool,
    any_weekday: bool,
    follows_time: bool,
}

/// Why a line is refused, and what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadLine(String);

/// One field: what it is called, its least and greatest number, and the words for its numbers.
struct Field {
    name: &'static str,
    least: u8,
    most: u8,
    words: &'static [&'static str],
}

const NO_WORDS: &[&str] = &[];
const MONTHS: &[&str] =
    &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const FIELDS: [Field; 6] = [
    Field { name: "second", least: 0, most: 59, words: NO_WORDS },
    Field { name: "minute", least: 0, most: 59, words: NO_WORDS },
    Field { name: "hour", least: 0, most: 23, words: NO_WORDS },
    Field { name: "day of month", least: 1, most: 31, words: NO_WORDS },
    Field { name: "month", least: 1, most: 12, words: MONTHS },
    // 7 is Sunday as well.
    Field { name: "day of week", least: 0, most: 7, words: WEEKDAYS },
];
const NICKNAMES: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

impl FromStr for Line {
    type Err = BadLine;

    fn from_str(text: &str) -> Result<Self, BadLine> {
        if text.len() > CRON_BYTES {
            return Err(BadLine(format!("{} bytes of at most {CRON_BYTES}", text.len())));
        }
        let text = spelled_out(text.trim())?;
        let written: Vec<&str> = text.split_ascii_whitespace().collect();
        let fields: Vec<&str> = match written.len() {
            5 => std::iter::once("0").chain(written).collect(),
            6 => written,
            n => {
                return Err(BadLine(format!(
                    "{n} fields, five or six are wanted: [second] minute hour day month weekday, such as `30 2 * * *`"
                )));
            }
        };
        let mut sets = [0; 6];
        for (set, (field, text)) in sets.iter_mut().zip(FIELDS.iter().zip(&fields)) {
            *set = field.read(text).map_err(|why| BadLine(format!("{}: {why}", field.name)))?;
        }
        let [seconds, minutes, hours, days, months, weekdays] = sets;
        let line = Self {
            seconds,
            minutes,
            hours,
            days,
            months,
            weekdays: (weekdays | weekdays >> 7) & 0x7f,
            any_day: fields[3].starts_with('*'),
            any_weekday: fields[5].starts_with('*'),
            follows_time: fields[2].contains(['*', '/']),
        };
        if line.at_or_after(DateTime::constant(2000, 1, 1, 0, 0, 0, 0)).is_none() {
            return Err(BadLine("no month of these has such a day, so it never comes".into()));
        }
        Ok(line)
    }
}

/// Puts the five fields in place of a word such as `@daily`.
fn spelled_out(text: &str) -> Result<&str, BadLine> {
    if !text.starts_with('@') {
        return Ok(text);
    }
    let known = |(name, _): &&(&str, &str)| name.eq_ignore_ascii_case(text);
    if let Some((_, line)) = NICKNAMES.iter().find(known) {
        return Ok(line);
    }
    let near = nearest(text, NICKNAMES.iter().map(|(name, _)| *name));
    let near = near.map_or("@hourly, @daily, @weekly, @monthly or @yearly", |near| near);
    Err(BadLine(format!("`{}` is not known; did you mean {near}?", clip_chars(text, 40))))
}

impl Field {
    /// Reads a list of numbers, ranges and steps.
    fn read(&self, text: &str) -> Result<u64, String> {
        text.split(',').try_fold(0, |set, part| Ok(set | self.part(part)?))
    }

    fn part(&self, part: &str) -> Result<u64, String> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, self.step(step)?),
            None => (part, 1),
        };
        let (low, high) = match (range, range.split_once('-')) {
            ("*", _) => (self.least, if self.words == WEEKDAYS { 6 } else { self.most }),
            (_, Some((low, high))) => (self.number(low)?, self.last(high)?),
            // As `5/15` is read everywhere: from five on.
            (_, None) if part.contains('/') => (self.number(range)?, self.most),
            (_, None) => {
                let number = self.number(range)?;
                (number, number)
            }
        };
        if low > high {
            return Err(format!("`{}` goes backwards; write two ranges", clip_chars(range, 40)));
        }
        Ok((low..=high).step_by(step).fold(0, |set, number| set | 1 << number))
    }

    fn step(&self, text: &str) -> Result<usize, String> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<u8>() {
            Ok(step) if is_number && (1..=self.most.max(1)).contains(&step) => Ok(step.into()),
            _ => Err(format!("`/{}`: a step is 1 to {}", clip_chars(text, 40), self.most)),
        }
    }

    /// The end of a range, where Sunday is the last day as well.
    fn last(&self, text: &str) -> Result<u8, String> {
        let is_sunday = self.words == WEEKDAYS && text.eq_ignore_ascii_case("sun");
        if is_sunday { Ok(7) } else { self.number(text) }
    }

    fn number(&self, text: &str) -> Result<u8, String> {
        if let Some(n) = self.words.iter().position(|word| word.eq_ignore_ascii_case(text)) {
            return Ok(u8::try_from(n).unwrap_or(self.most) + self.least);
        }
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<u8>() {
            Ok(n) if is_number && (self.least..=self.most).contains(&n) => Ok(n),
            _ => Err(self.refusal(text)),
        }
    }

    fn refusal(&self, text: &str) -> String {
        let text = clip_chars(text, 40);
        let near = nearest(&text, self.words.iter().copied());
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        format!("`{text}` is not {} to {}{near}", self.least, self.most)
    }
}

impl Line {
    /// Tells whether ticks follow the time that has passed: the hours are `*` or have a step.
    pub(super) fn follows_time(&self) -> bool {
        self.follows_time
    }

    /// Gives the first local time that fits, from the second of this one on.
    pub(super) fn at_or_after(&self, from: DateTime) -> Option<DateTime> {
        let mut time = Some(from.time());
        let mut date = from.date();
        let last_year = date.year().checked_add(YEARS)?;
        while date.year() < last_year {
            if !has(self.months, date.month()) {
                date = date.last_of_month().tomorrow().ok()?;
                time = None;
                continue;
            }
            if self.has_day(date)
                && let Some(time) = self.time_from(time.unwrap_or(Time::midnight()))
            {
                return Some(date.to_datetime(time));
            }
            date = date.tomorrow().ok()?;
            time = None;
        }
        None
    }

    /// Where both days are named, either is enough, as in every cron.
    fn has_day(&self, date: Date) -> bool {
        let by_day = has(self.days, date.day());
        let by_weekday = has(self.weekdays, date.weekday().to_sunday_zero_offset());
        if self.any_day || self.any_weekday { by_day && by_weekday } else { by_day || by_weekday }
    }

    fn time_from(&self, from: Time) -> Option<Time> {
        let (mut minute, mut second) = (from.minute(), from.second());
        let mut hour = from.hour();
        loop {
            let found = first(self.hours, hour)?;
            if found > hour {
                (hour, minute, second) = (found, 0, 0);
            }
            match self.within_hour(minute, second) {
                Some((minute, second)) => return Time::new(hour, minute, second, 0).ok(),
                None => (hour, minute, second) = (hour + 1, 0, 0),
            }
        }
    }

    fn within_hour(&self, minute: i8, second: i8) -> Option<(i8, i8)> {
        let found = first(self.minutes, minute)?;
        let from = if found > minute { 0 } else { second };
        match first(self.seconds, from) {
            Some(second) => Some((found, second)),
            None => Some((first(self.minutes, found + 1)?, first(self.seconds, 0)?)),
        }
    }
}

fn has(set: u64, number: i8) -> bool {
    first(set, number) == Some(number)
}

/// The least number of the set from this one on.
fn first(set: u64, from: i8) -> Option<i8> {
    let rest = set.checked_shr(u32::from(from.unsigned_abs()))?;
    if rest == 0 { None } else { i8::try_from(rest.trailing_zeros()).ok()?.checked_add(from) }
}
