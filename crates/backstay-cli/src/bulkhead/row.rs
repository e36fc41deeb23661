//! What one runaway did: inside the API, and as a job.

use std::time::Duration;

use super::load::PATIENCE;
use super::runaway::Runaway;
use super::side::Side;
use crate::latency::{Latency, ms};

/// What one run in the API's own process came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Inside {
    pub(crate) latency: Latency,
    /// Whether the API's process is gone.
    pub(crate) is_dead: bool,
}

/// One run without any runaway, and one with honest jobs only.
#[derive(Debug, Clone)]
pub(crate) struct Idle {
    pub(crate) latency: Latency,
    pub(crate) beside: Latency,
    pub(crate) side: Side,
}

/// One runaway: inside the API, and as a job.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) runaway: Runaway,
    /// Nothing where that was not asked for.
    pub(crate) inside: Option<Inside>,
    /// The API while the runaway was a job.
    pub(crate) latency: Latency,
    pub(crate) side: Side,
}

impl Row {
    /// How the runaway ended, each way once, with its number.
    pub(crate) fn endings(&self) -> String {
        let mut words: Vec<(&str, usize)> = Vec::new();
        for end in &self.side.ends {
            match words.iter_mut().find(|(word, _)| *word == end.outcome) {
                Some((_, n)) => *n += 1,
                None => words.push((&end.outcome, 1)),
            }
        }
        let words: Vec<String> = words
            .into_iter()
            .map(|(word, n)| if n > 1 { format!("{word} x {n}") } else { word.to_owned() })
            .collect();
        words.join(", ")
    }

    /// The first of these words, for where there is little room.
    pub(crate) fn first_ending(&self) -> String {
        self.side.ends.first().map_or("not", |end| &end.outcome).replace('_', " ")
    }

    pub(crate) fn in_short(&self) -> String {
        format!(
            "{}: API p99 {} inside, {} as a job; ended {}; the jobs beside it p99 {}",
            self.runaway.name(),
            shown_inside(self.inside.as_ref()),
            shown(self.latency.p99),
            self.endings(),
            shown(self.side.siblings.latency.p99),
        )
    }
}

/// A latency as people read it.
pub(crate) fn shown(took: Duration) -> String {
    match ms(took) {
        _ if took >= PATIENCE => "no answer".into(),
        short if short < 100.0 => format!("{short:.1} ms"),
        long => format!("{} ms", crate::demo::grouped(long.round() as i64)),
    }
}

/// The same of an API that may be gone.
pub(crate) fn shown_inside(inside: Option<&Inside>) -> String {
    match inside {
        None => "not tried".into(),
        Some(inside) if inside.is_dead => "dies".into(),
        Some(inside) => shown(inside.latency.p99),
    }
}
