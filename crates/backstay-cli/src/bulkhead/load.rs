//! Requests at a steady rate, whoever answers: open loop, each latency counted from when the request was due.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

use crate::demo::http::Client;
use crate::latency::Latency;

/// A client gives up after this; the request has failed then.
pub(crate) const PATIENCE: Duration = Duration::from_secs(4);
/// Requests on their way at a time; more are refused by the client itself.
const IN_FLIGHT: usize = 3000;

/// Asks `rate` times a second for so long, and waits for what is on its way.
pub(crate) async fn run(address: String, rate: u32, span: Duration) -> Latency {
    let (client, samples) = (Arc::new(Client::new(address)), Arc::new(Mutex::new(Vec::new())));
    let in_flight = Arc::new(tokio::sync::Semaphore::new(IN_FLIGHT));
    let mut due = tokio::time::interval(Duration::from_secs(1) / rate);
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let began = Instant::now();
    let mut n: i64 = 0;
    while began.elapsed() < span {
        let at = due.tick().await.into_std();
        n += 7919;
        let Ok(turn) = in_flight.clone().try_acquire_owned() else {
            note(&samples, PATIENCE, false);
            continue;
        };
        let (path, client, samples) = (format!("/items/{n}"), client.clone(), samples.clone());
        tokio::spawn(async move {
            let left = (at + PATIENCE).saturating_duration_since(Instant::now());
            let answer = tokio::time::timeout(left, client.get(&path)).await;
            let is_good = answer.is_ok_and(|answer| answer.is_ok_and(|answer| answer.is_good()));
            note(&samples, if is_good { at.elapsed() } else { PATIENCE }, is_good);
            drop(turn);
        });
    }
    // Everybody gives a turn back within the patience.
    let all = in_flight.acquire_many(IN_FLIGHT as u32);
    drop(tokio::time::timeout(PATIENCE + Duration::from_secs(1), all).await);
    let samples = std::mem::take(&mut *samples.lock().unwrap_or_else(PoisonError::into_inner));
    let failed = samples.iter().filter(|(_, is_good)| !is_good).count();
    Latency::of(samples.into_iter().map(|(took, _)| took).collect(), failed)
}

type Samples = Mutex<Vec<(Duration, bool)>>;

/// A failed request counts as one that was waited for in vain.
fn note(samples: &Samples, took: Duration, is_good: bool) {
    samples.lock().unwrap_or_else(PoisonError::into_inner).push((took, is_good));
}

/// The same on a thread of its own, so that nothing else of the bench holds it up.
pub(crate) async fn on_thread(address: String, rate: u32, span: Duration) -> Latency {
    let (tell, told) = tokio::sync::oneshot::channel();
    let load = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let latency = runtime.map(|runtime| runtime.block_on(run(address, rate, span)));
        // Nobody listens any more where the bench was interrupted.
        let _unheard = tell.send(latency.unwrap_or_default());
    };
    std::thread::spawn(load);
    told.await.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_that_nobody_answers_have_failed() {
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let latency = run(gone.to_string(), 100, Duration::from_millis(100)).await;
        assert!(latency.requests >= 10, "{latency:?}");
        assert_eq!(latency.failed, latency.requests);
        assert_eq!(latency.p99, PATIENCE);
    }
}
