//! H11: how long it took until the jobs of a lost worker could be claimed again.

use std::collections::BTreeMap;

use super::Rescues;
use super::joined::Joined;
use crate::facts::Way;
use crate::history::Fault;

pub(super) fn times(joined: &Joined<'_>) -> Vec<Rescues> {
    let mut all: BTreeMap<Fault, Vec<u64>> = BTreeMap::new();
    for row in
        joined.facts.trail.iter().filter(|row| row.is_running(Way::Leave) && row.is_by_duty())
    {
        let Some(harm) = joined.cause(row) else { continue };
        let Some(began_at) = harm.began_at else { continue };
        let took = row.at.duration_since(began_at).as_millis();
        all.entry(harm.fault).or_default().push(u64::try_from(took).unwrap_or(0));
    }
    all.into_iter().map(|(fault, took)| summary(fault, took)).collect()
}

fn summary(fault: Fault, mut took: Vec<u64>) -> Rescues {
    took.sort_unstable();
    // The smallest value that so many of a hundred do not pass.
    let most_of = |hundredth: usize| took[(took.len() * hundredth).div_ceil(100) - 1];
    Rescues {
        fault,
        count: took.len(),
        p50_ms: most_of(50),
        p99_ms: most_of(99),
        max_ms: most_of(100),
    }
}
