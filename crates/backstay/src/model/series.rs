//! What is drawn over time: the closed list of its names, the spans that can be asked for, and how figures become lines.

use serde::Serialize;

use super::instant::Instant;
use super::steps::{SIZES, SPANS, Steps};

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SeriesName {
    /// Jobs that started, completed, were cancelled, died.
    Throughput,
    /// Attempts that ended badly, and jobs that died.
    Failures,
    /// Of all attempts that were to come to an end, those that completed, in per cent.
    SuccessRate,
    /// How long jobs had been due when they started.
    Waits,
    /// How long the first in line had been due.
    Lateness,
    /// How long attempts ran.
    Runs,
    /// How much memory attempts had at their most.
    Memory,
    /// How many jobs stood where.
    Depth,
}

impl SeriesName {
    /// All names.
    pub const ALL: [Self; 8] = [
        Self::Throughput,
        Self::Failures,
        Self::SuccessRate,
        Self::Waits,
        Self::Lateness,
        Self::Runs,
        Self::Memory,
        Self::Depth,
    ];
    /// The words for them.
    pub const WORDS: [&'static str; 8] =
        ["throughput", "failures", "success_rate", "waits", "lateness", "runs", "memory", "depth"];

    /// Gives the word that every door uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::WORDS[self as usize]
    }

    /// Finds a name by its word.
    ///
    /// ```
    /// use backstay::model::series::SeriesName;
    ///
    /// assert_eq!(SeriesName::of("runs"), Some(SeriesName::Runs));
    /// assert_eq!(SeriesName::of("walks"), None);
    /// ```
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == word)
    }

    /// Gives the names of its lines.
    #[must_use]
    pub fn lines(self) -> &'static [&'static str] {
        match self {
            Self::Throughput => &["started", "completed", "cancelled", "dead"],
            Self::Failures => &["failed", "dead"],
            Self::SuccessRate => &["success"],
            Self::Waits | Self::Runs | Self::Memory => &["p50", "p95", "p99"],
            Self::Lateness => &["oldest"],
            Self::Depth => &["ready", "scheduled", "parked", "running", "dead"],
        }
    }

    /// Gives the unit of its values.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Throughput | Self::Failures | Self::Depth => "count",
            Self::SuccessRate => "percent",
            Self::Waits | Self::Lateness | Self::Runs => "seconds",
            Self::Memory => "bytes",
        }
    }

    /// Says whether it is made of what stood where, which knows no kinds.
    #[must_use]
    pub fn is_depth(self) -> bool {
        matches!(self, Self::Lateness | Self::Depth)
    }

    /// Says whether it is made of how often something was how much.
    #[must_use]
    pub fn is_spread(self) -> bool {
        self.spread().is_some()
    }

    /// The list of figures that it is made of.
    pub(crate) fn list(self) -> Option<&'static str> {
        match self {
            Self::Waits => Some("waits"),
            Self::Runs => Some("runs"),
            Self::Memory => Some("peaks"),
            _ => None,
        }
    }

    fn spread(self) -> Option<(Steps, Counts)> {
        match self {
            Self::Waits => Some((SPANS, |span| &span.waits)),
            Self::Runs => Some((SPANS, |span| &span.runs)),
            Self::Memory => Some((SIZES, |span| &span.peaks)),
            _ => None,
        }
    }
}

/// How far back is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeriesRange {
    /// One hour, by minute.
    Hour,
    /// A day, by five minutes.
    Day,
    /// Seven days, by hour.
    Week,
    /// Thirty days, by four hours.
    Month,
}

impl SeriesRange {
    /// All ranges.
    pub const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Week, Self::Month];
    /// The words for them.
    pub const WORDS: [&'static str; 4] = ["1h", "24h", "7d", "30d"];

    /// Gives the word that every door uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::WORDS[self as usize]
    }

    /// Finds a range by its word.
    ///
    /// ```
    /// use backstay::model::series::SeriesRange;
    ///
    /// let week = SeriesRange::of("7d").unwrap();
    /// assert_eq!((week.minutes(), week.points()), (60, 168));
    /// ```
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|range| range.as_str() == word)
    }

    /// Gives the minutes of one point.
    #[must_use]
    pub fn minutes(self) -> i32 {
        match self {
            Self::Hour => 1,
            Self::Day => 5,
            Self::Week => 60,
            Self::Month => 240,
        }
    }

    /// Gives how many points it has, at most 288.
    #[must_use]
    pub fn points(self) -> i32 {
        match self {
            Self::Hour => 60,
            Self::Day => 288,
            Self::Week => 168,
            Self::Month => 180,
        }
    }

    /// The minutes of the lines that are kept for so long.
    pub(crate) fn step(self) -> i16 {
        match self {
            Self::Hour => 1,
            Self::Day => 5,
            Self::Week | Self::Month => 60,
        }
    }
}

/// Values over time, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Series {
    /// What it shows.
    pub name: SeriesName,
    /// How far back: `1h`, `24h`, `7d`, `30d`.
    pub range: &'static str,
    /// Of this queue alone.
    pub queue: Option<String>,
    /// Of this kind alone.
    pub kind: Option<String>,
    /// `count`, `percent`, `seconds` or `bytes`.
    pub unit: &'static str,
    /// What one point stands for, in seconds.
    pub step_seconds: i64,
    /// What the values of a point are, in their order.
    pub lines: &'static [&'static str],
    /// One for each span; the last is not over yet.
    pub points: Vec<SeriesPoint>,
    /// How often it was how much in all of the range; empty where that is no question.
    pub spread: Vec<SpreadStep>,
}

/// The values of one span.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SeriesPoint {
    /// When the span began.
    pub at: Instant,
    /// In the order of the lines; none where nothing is known.
    pub values: Vec<Option<f64>>,
}

/// How often it was less than this, and not less than the step before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SpreadStep {
    /// Where the step ends, in the unit of the series.
    pub below: f64,
    /// How often.
    pub count: u64,
}

/// Which counts of a span it is made of.
type Counts = fn(&Span) -> &[u64];

/// What was counted in one span, as the database adds it up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Span {
    pub(crate) minute: i64,
    pub(crate) started: u64,
    pub(crate) completed: u64,
    pub(crate) cancelled: u64,
    pub(crate) dead: u64,
    pub(crate) failed: u64,
    pub(crate) waits: Vec<u64>,
    pub(crate) runs: Vec<u64>,
    pub(crate) peaks: Vec<u64>,
    /// Ready, scheduled, parked, running, dead.
    pub(crate) depth: [u64; 5],
    pub(crate) oldest_ms: u64,
}

impl Span {
    /// The values that a series has of it.
    fn values(&self, name: SeriesName) -> Vec<Option<f64>> {
        let counts = |all: &[u64]| all.iter().map(|n| Some(*n as f64)).collect();
        if let Some((steps, of)) = name.spread() {
            return [0.5, 0.95, 0.99].map(|part| steps.quantile(of(self), part)).to_vec();
        }
        match name {
            SeriesName::Throughput => {
                counts(&[self.started, self.completed, self.cancelled, self.dead])
            }
            SeriesName::Failures => counts(&[self.failed, self.dead]),
            SeriesName::Lateness => vec![Some(self.oldest_ms as f64 / 1000.0)],
            SeriesName::Depth => counts(&self.depth),
            _ => {
                let all = self.completed + self.failed;
                vec![(all > 0).then(|| self.completed as f64 * 100.0 / all as f64)]
            }
        }
    }
}

/// Makes the points of a series: one for each span up to `last`, those without figures too. What was counted is zero there; what
/// stood where is not known.
pub(crate) fn assemble(
    name: SeriesName,
    range: SeriesRange,
    queue: Option<&str>,
    kind: Option<&str>,
    last: i64,
    spans: &[Span],
) -> Series {
    let width = i64::from(range.minutes());
    let first = last - width * i64::from(range.points() - 1);
    let nothing = match name.is_depth() {
        true => vec![None; name.lines().len()],
        false => Span::default().values(name),
    };
    let point = |n: i32| {
        let minute = first + width * i64::from(n);
        let found = spans.binary_search_by_key(&minute, |span| span.minute);
        let values = found.map_or_else(|_| nothing.clone(), |at| spans[at].values(name));
        Some(SeriesPoint { at: at(minute)?, values })
    };
    Series {
        name,
        range: range.as_str(),
        queue: queue.map(str::to_owned),
        kind: kind.map(str::to_owned),
        unit: name.unit(),
        step_seconds: width * 60,
        lines: name.lines(),
        points: (0..range.points()).filter_map(point).collect(),
        spread: spread(name, spans),
    }
}

fn spread(name: SeriesName, spans: &[Span]) -> Vec<SpreadStep> {
    let Some((steps, of)) = name.spread() else { return Vec::new() };
    let mut counts = Vec::new();
    spans.iter().for_each(|span| super::steps::add(&mut counts, of(span)));
    let step = |(step, count)| SpreadStep { below: steps.end(step), count };
    counts.into_iter().enumerate().map(step).collect()
}

/// The beginning of a minute since 1970.
fn at(minute: i64) -> Option<Instant> {
    let since = std::time::Duration::from_secs(u64::try_from(minute.checked_mul(60)?).ok()?);
    Instant::try_from(std::time::SystemTime::UNIX_EPOCH + since).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: SeriesName, spans: &[Span]) -> Series {
        assemble(name, SeriesRange::Day, None, Some("report"), 10_000, spans)
    }

    #[test]
    fn every_span_has_its_point_and_nothing_counted_is_zero() {
        let span = Span { minute: 9995, started: 3, completed: 2, dead: 1, ..Span::default() };
        let series = of(SeriesName::Throughput, &[span]);
        assert_eq!(series.points.len(), 288);
        let values = |from_end: usize| &series.points[287 - from_end].values;
        assert_eq!(*values(1), [Some(3.0), Some(2.0), Some(0.0), Some(1.0)]);
        assert_eq!(*values(0), [Some(0.0); 4]);
        assert_eq!(series.points[287].at.to_string(), "1970-01-07T22:40:00Z");
        assert_eq!(series.points[286].at.to_string(), "1970-01-07T22:35:00Z");
    }

    #[test]
    fn what_is_not_known_is_not_zero() {
        assert!(of(SeriesName::Depth, &[]).points.iter().all(|point| point.values == [None; 5]));
        let rate = of(SeriesName::SuccessRate, &[]);
        assert!(rate.points.iter().all(|point| point.values == [None]));
        let runs = of(SeriesName::Runs, &[]);
        assert!(runs.points.iter().all(|point| point.values == [None; 3]));
    }

    #[test]
    fn a_success_is_one_of_all_attempts_that_came_to_an_end() {
        let span = Span { minute: 10_000, completed: 3, failed: 1, ..Span::default() };
        assert_eq!(of(SeriesName::SuccessRate, &[span]).points[287].values, [Some(75.0)]);
    }

    #[test]
    fn a_spread_counts_all_of_the_range() {
        let span = |minute, runs| Span { minute, runs, ..Span::default() };
        let series = of(SeriesName::Runs, &[span(9995, vec![0, 2]), span(10_000, vec![1, 1, 1])]);
        let counts: Vec<u64> = series.spread.iter().map(|step| step.count).collect();
        assert_eq!(counts, [1, 3, 1]);
        assert!((series.spread[1].below - 0.0015).abs() < 1e-12);
        assert!(series.points[286].values[0].is_some() && series.points[285].values[0].is_none());
    }

    #[test]
    fn every_word_leads_back_to_what_it_names() {
        for (name, word) in SeriesName::ALL.into_iter().zip(SeriesName::WORDS) {
            assert_eq!(SeriesName::of(word), Some(name));
            assert_eq!(serde_json::json!(name), word);
        }
        for range in SeriesRange::ALL {
            assert_eq!(SeriesRange::of(range.as_str()), Some(range));
            assert!(range.points() <= 288);
        }
    }
}
