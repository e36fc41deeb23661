//! What enqueues: in bulk, one by one as fast as it goes, and one by one at a steady rate.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::MissedTickBehavior;

use crate::counts::now_us;
use crate::{Failure, Queue, print};

/// Connections that send at a steady rate; more than are ever needed at once.
const SENDERS: usize = 32;

/// Enqueues in calls of `batch` jobs each, on one connection.
pub(crate) async fn many<Q: Queue>(url: &str, jobs: u64, batch: u64) -> Result<(), Failure> {
    let mut sender = Q::sender(url).await?;
    let mut parts = parts(jobs, batch);
    // The first call prepares statements and fills caches.
    let warm_up = parts.next().unwrap_or_default();
    let timed = jobs - warm_up.end;
    Q::many(&mut sender, warm_up).await?;
    let began = Instant::now();
    for part in parts {
        Q::many(&mut sender, part).await?;
    }
    let seconds = began.elapsed().as_secs_f64();
    print(&json!({ "jobs": jobs, "timed": timed, "seconds": seconds }));
    Ok(())
}

fn parts(jobs: u64, batch: u64) -> impl Iterator<Item = Range<u64>> {
    let step = usize::try_from(batch.max(1)).unwrap_or(usize::MAX);
    (0..jobs).step_by(step).map(move |from| from..jobs.min(from + batch))
}

/// From the moment on at which all jobs are there by a cautious guess, until the first of them is due.
const AHEAD_US: u64 = 3_000_000;
/// Jobs come due together in steps of this.
const STEP_US: u64 = 10_000;
/// Jobs of one such call.
const LATER: u64 = 10_000;

/// Enqueues jobs that come due at a steady rate once all of them are there, and says when each is.
pub(crate) async fn later<Q: Queue>(url: &str, jobs: u64, seconds: u64) -> Result<(), Failure> {
    let mut sender = Q::sender(url).await?;
    // How long it takes to enqueue them is guessed from a first call, whose jobs are due much later.
    let began = now_us();
    let warm_up = LATER.min(jobs);
    let after = |n: u64| n * seconds * 1_000_000 / jobs / STEP_US * STEP_US;
    let far = began + 3_600_000_000;
    let first_call: Vec<_> = (0..warm_up).map(|n| (jobs + n, far + after(n))).collect();
    Q::later(&mut sender, &first_call).await?;
    let took = (now_us() - began) * jobs.div_ceil(LATER);
    let first = now_us() + 3 * took + AHEAD_US;
    let due: Vec<(u64, u64)> = (0..jobs).map(|n| (n, first + after(n))).collect();
    for part in due.chunks(LATER as usize) {
        Q::later(&mut sender, part).await?;
    }
    if now_us() > first {
        return Err("the first jobs were due before the last was enqueued".into());
    }
    print(&json!({ "sent": due }));
    Ok(())
}

/// Enqueues one after the other on each of so many connections.
pub(crate) async fn single<Q: Queue>(url: &str, n: usize, seconds: f64) -> Result<(), Failure> {
    let mut senders = Vec::new();
    for _ in 0..n {
        senders.push(Q::sender(url).await?);
    }
    let began = Instant::now();
    let end = began + Duration::from_secs_f64(seconds);
    let next = Arc::new(AtomicU64::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for mut sender in senders {
        let next = Arc::clone(&next);
        tasks.spawn(async move {
            while Instant::now() < end {
                Q::one(&mut sender, next.fetch_add(1, Ordering::Relaxed)).await?;
            }
            Ok::<(), Failure>(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    let (jobs, seconds) = (next.load(Ordering::Relaxed), began.elapsed().as_secs_f64());
    print(&json!({ "jobs": jobs, "timed": jobs, "seconds": seconds }));
    Ok(())
}

/// Enqueues at a steady rate, whatever the answers take, and notes when each commit was known.
pub(crate) async fn send<Q: Queue>(url: &str, rate: u32, seconds: f64) -> Result<(), Failure> {
    let mut idle = Vec::new();
    for _ in 0..SENDERS {
        idle.push(Q::sender(url).await?);
    }
    let (put, take) = tokio::sync::mpsc::channel(SENDERS);
    for sender in idle {
        put.send(sender).await.map_err(|_| "the connections are gone")?;
    }
    let take = Arc::new(Mutex::new(take));
    let mut due = tokio::time::interval(Duration::from_secs(1) / rate);
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..(f64::from(rate) * seconds) as u64 {
        due.tick().await;
        let (put, take) = (put.clone(), Arc::clone(&take));
        tasks.spawn(async move {
            let sender = take.lock().await.recv().await;
            let mut sender = sender.ok_or("the connections are gone")?;
            Q::one(&mut sender, number).await?;
            let sent = (number, now_us());
            drop(put.send(sender).await);
            Ok::<_, Failure>(sent)
        });
    }
    let mut sent = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        sent.push(ended??);
    }
    print(&json!({ "sent": sent }));
    Ok(())
}
