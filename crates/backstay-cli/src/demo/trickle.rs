//! A steady trickle of requests to the API, on a thread of its own, and how long each took.
//!
//! Open loop: a request goes out when its time has come, whether or not the one before was answered, and its latency
//! counts from that time. A server that stalls cannot hide it by being asked less.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

use super::http::Client;
use crate::latency::Latency;

/// Between two requests: 100 a second.
const EVERY: Duration = Duration::from_millis(10);
/// Samples that are kept: half an hour of requests, which `--keep` may last.
const SAMPLES: usize = 200_000;

/// One request.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    took: Duration,
    is_good: bool,
}

/// The requests, until this is dropped.
#[derive(Debug)]
pub(crate) struct Trickle {
    samples: Arc<Mutex<Vec<Sample>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Trickle {
    /// Asks for orders 1 to `orders`, one after the other.
    pub(crate) fn start(address: String, orders: i64) -> std::io::Result<Trickle> {
        let (samples, stop) = (Arc::new(Mutex::default()), Arc::new(AtomicBool::default()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (into, until) = (samples.clone(), stop.clone());
        let thread = std::thread::Builder::new()
            .name("demo-trickle".into())
            .spawn(move || runtime.block_on(trickle(address, orders, into, until)))?;
        Ok(Trickle { samples, stop, thread: Some(thread) })
    }

    /// The requests that were due between two instants.
    pub(crate) fn between(&self, from: Instant, to: Instant) -> Latency {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = samples.partition_point(|sample| sample.at < from);
        let within: Vec<Sample> =
            samples[begin..].iter().filter(|sample| sample.at < to).copied().collect();
        drop(samples);
        latency(&within)
    }

    /// The last two seconds.
    pub(crate) fn now(&self) -> Latency {
        let now = Instant::now();
        self.between(now.checked_sub(Duration::from_secs(2)).unwrap_or(now), now)
    }
}

impl Drop for Trickle {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            drop(thread.join());
        }
    }
}

fn latency(samples: &[Sample]) -> Latency {
    let failed = samples.iter().filter(|sample| !sample.is_good).count();
    Latency::of(samples.iter().map(|sample| sample.took).collect(), failed)
}

async fn trickle(
    address: String,
    orders: i64,
    samples: Arc<Mutex<Vec<Sample>>>,
    stop: Arc<AtomicBool>,
) {
    let client = Arc::new(Client::new(address));
    let mut due = tokio::time::interval(EVERY);
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut n: i64 = 0;
    while !stop.load(Ordering::Relaxed) {
        let at = due.tick().await.into_std();
        n += 7919;
        let (id, client, samples) = (1 + n % orders, client.clone(), samples.clone());
        tokio::spawn(async move {
            let answer = client.get(&format!("/orders/{id}")).await;
            let is_good = answer.is_ok_and(|answer| answer.status == 200);
            let sample = Sample { at, took: at.elapsed(), is_good };
            let mut samples = samples.lock().unwrap_or_else(PoisonError::into_inner);
            if samples.len() < SAMPLES {
                // Answers come out of order now and then; a search needs the order.
                let place = samples.partition_point(|other| other.at <= at);
                samples.insert(place, sample);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_taken_from_the_sorted_latencies_and_failures_are_counted() {
        let at = Instant::now();
        let sample = |ms| Sample { at, took: Duration::from_millis(ms), is_good: ms != 7 };
        let all: Vec<Sample> = (1..=100).rev().map(sample).collect();
        let latency = latency(&all);
        assert_eq!((latency.requests, latency.failed), (100, 1));
        assert_eq!(latency.p50, Duration::from_millis(51));
        assert_eq!(latency.p99, Duration::from_millis(100));
        assert_eq!(latency.longest, Duration::from_millis(100));
        assert_eq!(super::latency(&[]).requests, 0);
    }
}
