//! How soon a job is begun after its commit, where a worker waits for it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{PREPARES, ask, workers};
use crate::Failure;
use crate::figures::{Values, percentile};
use crate::peer::Subject;
use crate::process::Process;
use crate::server::Place;

/// A worker has settled down after this long.
const SETTLES: Duration = Duration::from_secs(3);
/// The longest that is waited for the last jobs.
const LAST: Duration = Duration::from_secs(30);

pub(super) fn measure(
    place: &mut Place,
    subject: &Subject,
    rate: u64,
    seconds: u64,
) -> Result<Values, Failure> {
    let mut workers = workers(place, subject, 1, true)?;
    workers.iter_mut().try_for_each(Process::go)?;
    std::thread::sleep(SETTLES);
    let words = ["send", &rate.to_string(), &seconds.to_string()];
    let sent = pairs(&ask(place, subject, &words, PREPARES)?["sent"]);
    let end = Instant::now() + LAST;
    while place.number(&subject.queue.left)? > 0 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut begun = HashMap::new();
    for worker in workers {
        for line in worker.stop()? {
            for (number, us) in pairs(&line["times"]) {
                // A job that is run again was picked up by its first run.
                begun.entry(number).and_modify(|at: &mut u64| *at = us.min(*at)).or_insert(us);
            }
        }
    }
    let missing = sent.iter().filter(|(number, _)| !begun.contains_key(number)).count();
    if missing > 0 {
        return Err(format!("{missing} of {} jobs were never begun", sent.len()).into());
    }
    Ok(latencies(&sent, &begun))
}

fn pairs(list: &Value) -> Vec<(u64, u64)> {
    let pair = |pair: &Value| Some((pair[0].as_u64()?, pair[1].as_u64()?));
    list.as_array().into_iter().flatten().filter_map(pair).collect()
}

/// In milliseconds. A handler that began before its enqueuer heard of the commit waited for nothing.
fn latencies(sent: &[(u64, u64)], begun: &HashMap<u64, u64>) -> Values {
    let took = |(number, at): &(u64, u64)| {
        begun.get(number).map(|us| us.saturating_sub(*at) as f64 / 1000.0)
    };
    let mut all: Vec<f64> = sent.iter().filter_map(took).collect();
    all.sort_by(f64::total_cmp);
    let span = sent.iter().map(|(_, at)| *at).max().unwrap_or_default()
        - sent.iter().map(|(_, at)| *at).min().unwrap_or_default();
    Values::from([
        ("p50_ms", percentile(&all, 0.5)),
        ("p95_ms", percentile(&all, 0.95)),
        ("p99_ms", percentile(&all, 0.99)),
        // What the enqueuer really reached.
        ("jobs_per_s", sent.len() as f64 * 1e6 / span.max(1) as f64),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_began_before_its_commit_was_known_waited_for_nothing() {
        let begun = HashMap::from([(1, 4_000), (2, 1_500)]);
        let values = latencies(&[(1, 1_000), (2, 2_000)], &begun);
        assert_eq!((values["p50_ms"], values["p99_ms"]), (0.0, 3.0));
    }
}
