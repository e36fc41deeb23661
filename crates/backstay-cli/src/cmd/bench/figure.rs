//! What was measured: one figure of one run, and the medians of several runs as a table or as JSON.

use serde_json::{Value, json};

use crate::print::Table;

/// One measure of one run, or of several.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    /// Its name for programs, which stays.
    pub(crate) id: &'static str,
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) value: f64,
    low: f64,
    high: f64,
}

impl Figure {
    pub(crate) fn new(
        id: &'static str,
        name: impl Into<String>,
        unit: &'static str,
        value: f64,
    ) -> Figure {
        Figure { id, name: name.into(), unit, value, low: value, high: value }
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "id": self.id, "name": self.name, "unit": self.unit,
            "median": self.value, "low": self.low, "high": self.high,
        })
    }
}

/// The median of each measure, with its range; each run has the same measures in the same order.
pub(crate) fn medians(runs: &[Vec<Figure>]) -> Vec<Figure> {
    let Some(first) = runs.first() else { return Vec::new() };
    let of = |at: usize| {
        let mut values: Vec<f64> = runs.iter().map(|run| run[at].value).collect();
        values.sort_by(f64::total_cmp);
        Figure {
            value: values[values.len() / 2],
            low: values[0],
            high: values[values.len() - 1],
            ..first[at].clone()
        }
    };
    (0..first.len()).map(of).collect()
}

/// The value at this share of sorted values, from 0 to 1.
pub(crate) fn at(sorted: &[f64], share: f64) -> f64 {
    sorted.get(((sorted.len().max(1) - 1) as f64 * share) as usize).copied().unwrap_or(f64::NAN)
}

pub(crate) fn table(figures: &[Figure]) -> Table {
    let mut table = Table::new(&["MEASURE", "MEDIAN", "UNIT", "LOW", "HIGH"]);
    for figure in figures {
        table.row([
            figure.name.clone(),
            shown(figure.value),
            figure.unit.to_owned(),
            shown(figure.low),
            shown(figure.high),
        ]);
    }
    table
}

fn shown(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_runs_become_their_medians_with_the_range() {
        let run = |value| vec![Figure::new("bulk", "bulk", "jobs/s", value)];
        let figures = medians(&[run(3.0), run(1.0), run(2.0)]);
        assert_eq!((figures[0].value, figures[0].low, figures[0].high), (2.0, 1.0, 3.0));
        assert!(medians(&[]).is_empty());
    }

    #[test]
    fn a_share_of_sorted_values_is_one_of_them() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!((at(&values, 0.0), at(&values, 0.5), at(&values, 1.0)), (1.0, 50.0, 100.0));
        assert!(at(&[], 0.5).is_nan());
    }
}
