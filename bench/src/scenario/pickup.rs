//! How soon a job is begun after its commit, where a worker waits for it.

use std::collections::HashMap;
use std::ops::Range;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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
    place: &Place,
    subject: &Subject,
    rate: u64,
    seconds: u64,
) -> Result<Values, Failure> {
    let most = PREPARES + Duration::from_secs(seconds);
    let waits = watch(place, subject, &["send", &rate.to_string(), &seconds.to_string()], most)?;
    Ok(waits.values())
}

/// With a snapshot held; `kept` is the p99 of the first quarter in per cent of the last quarter's.
pub(super) fn steady(
    place: &Place,
    subject: &Subject,
    rate: u64,
    seconds: u64,
) -> Result<Values, Failure> {
    let pin = place.pin()?;
    let most = PREPARES + Duration::from_secs(seconds);
    let waits = watch(place, subject, &["send", &rate.to_string(), &seconds.to_string()], most)?;
    drop(pin);
    let mut values = waits.values();
    let (first, last) = (waits.p99(0.0..0.25), waits.p99(0.75..1.0));
    if last > 0.0 {
        values.insert("kept", 100.0 * first / last);
    }
    Ok(values)
}

/// Scheduled jobs: how long after its time each began.
pub(super) fn due(
    place: &Place,
    subject: &Subject,
    jobs: u64,
    seconds: u64,
) -> Result<Values, Failure> {
    let words = ["later", &jobs.to_string(), &seconds.to_string()];
    Ok(watch(place, subject, &words, PREPARES)?.values())
}

/// When each job could be begun at the soonest, and how long after that it was, both in microseconds; in that order.
struct Waits(Vec<(u64, u64)>);

/// A worker that waits, and whatever `words` send it.
fn watch(
    place: &Place,
    subject: &Subject,
    words: &[&str],
    most: Duration,
) -> Result<Waits, Failure> {
    let mut workers = workers(place, subject, 1, true)?;
    workers.iter_mut().try_for_each(Process::go)?;
    std::thread::sleep(SETTLES);
    let sent = pairs(&ask(place, subject, words, most)?["sent"]);
    let last = sent.iter().map(|(_, at)| *at).max().unwrap_or_default();
    let end = Instant::now() + Duration::from_micros(last.saturating_sub(now_us())) + LAST;
    let (all, mut ran) = (sent.len() as u64, 0);
    while ran < all && Instant::now() < end {
        // There is one worker.
        for worker in &mut workers {
            let line = worker.line(Duration::from_millis(100))?.unwrap_or_default();
            ran = line["ran"].as_u64().unwrap_or(ran);
        }
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
    Waits::of(&sent, &begun)
}

fn now_us() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

fn pairs(list: &Value) -> Vec<(u64, u64)> {
    let pair = |pair: &Value| Some((pair[0].as_u64()?, pair[1].as_u64()?));
    list.as_array().into_iter().flatten().filter_map(pair).collect()
}

impl Waits {
    /// A handler that began before its enqueuer heard of the commit waited for nothing.
    fn of(sent: &[(u64, u64)], begun: &HashMap<u64, u64>) -> Result<Waits, Failure> {
        let took =
            |(number, at): &(u64, u64)| begun.get(number).map(|us| (*at, us.saturating_sub(*at)));
        let mut waits: Vec<(u64, u64)> = sent.iter().filter_map(took).collect();
        if waits.len() < sent.len() {
            let missing = sent.len() - waits.len();
            return Err(format!("{missing} of {} jobs were never begun", sent.len()).into());
        }
        waits.sort_unstable();
        Ok(Waits(waits))
    }

    /// In milliseconds, with the rate that the enqueuer really reached.
    fn values(&self) -> Values {
        let all = sorted(&self.0);
        let span =
            self.0.last().map_or(0, |last| last.0) - self.0.first().map_or(0, |first| first.0);
        Values::from([
            ("p50_ms", percentile(&all, 0.5)),
            ("p95_ms", percentile(&all, 0.95)),
            ("p99_ms", percentile(&all, 0.99)),
            ("jobs_per_s", self.0.len() as f64 * 1e6 / span.max(1) as f64),
        ])
    }

    /// Of this part of the jobs, by when they came.
    fn p99(&self, part: Range<f64>) -> f64 {
        let at = |share: f64| (self.0.len() as f64 * share) as usize;
        percentile(&sorted(&self.0[at(part.start)..at(part.end)]), 0.99)
    }
}

fn sorted(waits: &[(u64, u64)]) -> Vec<f64> {
    let mut all: Vec<f64> = waits.iter().map(|(_, us)| *us as f64 / 1000.0).collect();
    all.sort_by(f64::total_cmp);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_began_before_its_commit_was_known_waited_for_nothing() {
        let begun = HashMap::from([(1, 4_000), (2, 1_500)]);
        let values = Waits::of(&[(1, 1_000), (2, 2_000)], &begun).unwrap().values();
        assert_eq!((values["p50_ms"], values["p99_ms"]), (0.0, 3.0));
    }

    #[test]
    fn a_job_that_never_began_is_told() {
        assert!(Waits::of(&[(1, 1_000)], &HashMap::new()).is_err());
    }

    #[test]
    fn a_part_is_taken_by_when_jobs_came() {
        let begun = HashMap::from([(1, 11_000), (2, 2_000), (3, 3_000), (4, 44_000)]);
        let sent = [(4, 4_000), (1, 1_000), (2, 2_000), (3, 3_000)];
        let waits = Waits::of(&sent, &begun).unwrap();
        assert_eq!((waits.p99(0.0..0.25), waits.p99(0.75..1.0)), (10.0, 40.0));
    }
}
