//! What was measured, and what repeats come to: medians with their ranges.

use std::collections::BTreeMap;

use crate::options::Options;
use crate::peer::{Skipped, Subject};

/// Values of one measurement, by name; the names are in `COLUMNS` of `table.rs` and in README.md.
pub(crate) type Values = BTreeMap<&'static str, f64>;

/// One measurement.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) scenario: String,
    pub(crate) subject: String,
    pub(crate) values: Result<Values, String>,
}

/// All of them, with what they hold for.
pub(crate) struct Run {
    pub(crate) machine: Vec<(String, String)>,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) subjects: Vec<Subject>,
    pub(crate) skipped: Vec<Skipped>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) options: Options,
}

/// What repeats come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

/// One subject in one scenario.
pub(crate) struct Row {
    pub(crate) scenario: String,
    pub(crate) subject: String,
    pub(crate) values: BTreeMap<&'static str, Spread>,
    /// Why it has none, or fewer than others.
    pub(crate) failed: Option<String>,
}

impl Run {
    /// In the order in which they were measured.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let mut names: Vec<(&str, &str)> = Vec::new();
        for sample in &self.samples {
            let name = (sample.scenario.as_str(), sample.subject.as_str());
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.into_iter().map(|(scenario, subject)| self.row(scenario, subject)).collect()
    }

    fn row(&self, scenario: &str, subject: &str) -> Row {
        let mine = || {
            let mine = self.samples.iter().filter(move |sample| sample.scenario == scenario);
            mine.filter(move |sample| sample.subject == subject)
        };
        let mut all: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
        for values in mine().filter_map(|sample| sample.values.as_ref().ok()) {
            for (name, value) in values {
                all.entry(name).or_default().push(*value);
            }
        }
        let values = all.into_iter().map(|(name, values)| (name, spread(values))).collect();
        let failed = mine().find_map(|sample| sample.values.as_ref().err().cloned());
        Row { scenario: scenario.to_owned(), subject: subject.to_owned(), values, failed }
    }
}

/// Of at least one value.
pub(crate) fn spread(mut values: Vec<f64>) -> Spread {
    values.sort_by(f64::total_cmp);
    let (least, most) = (values[0], values[values.len() - 1]);
    let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
    Spread { median: f64::midpoint(low, high), least, most }
}

/// The value below which that share of the sorted ones lies; 0 where there are none.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let at = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(at.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        let spread = spread(vec![4.0, 1.0, 3.0, 2.0]);
        assert_eq!(spread, Spread { median: 2.5, least: 1.0, most: 4.0 });
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!([0.5, 0.95, 0.99].map(|share| percentile(&values, share)), [50.0, 95.0, 99.0]);
        assert_eq!(percentile(&[7.0], 0.99), 7.0);
    }
}
