//! How long requests took: percentiles and failures, as the demo and the bench tell them.

use std::time::Duration;

use serde_json::json;

/// What many requests took, of which some failed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Latency {
    pub(crate) requests: usize,
    pub(crate) failed: usize,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) longest: Duration,
}

impl Latency {
    /// From latencies, and how many of the requests failed.
    pub(crate) fn of(mut took: Vec<Duration>, failed: usize) -> Latency {
        took.sort_unstable();
        let Some(last) = took.len().checked_sub(1) else { return Latency::default() };
        let at = |share: f64| took[(last as f64 * share).ceil() as usize];
        Latency { requests: took.len(), failed, p50: at(0.5), p99: at(0.99), longest: took[last] }
    }

    /// As JSON; `longest` is the name that a document has for the slowest of all.
    pub(crate) fn to_json(self, longest: &str) -> serde_json::Value {
        json!({
            "requests": self.requests, "failed": self.failed,
            "p50_ms": ms(self.p50), "p99_ms": ms(self.p99), longest: ms(self.longest),
        })
    }
}

/// Milliseconds with two places.
pub(crate) fn ms(took: Duration) -> f64 {
    (took.as_secs_f64() * 100_000.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_taken_from_the_sorted_latencies() {
        let all = (1..=100).rev().map(Duration::from_millis).collect();
        let latency = Latency::of(all, 3);
        assert_eq!((latency.requests, latency.failed), (100, 3));
        assert_eq!((ms(latency.p50), ms(latency.p99)), (51.0, 100.0));
        assert_eq!(Latency::of(Vec::new(), 0), Latency::default());
    }
}
