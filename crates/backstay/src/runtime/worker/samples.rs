//! What running attempts use right now, where the beat finds it without waiting for any of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use backstay_isolate::Gauge;

use crate::model::job::Fence;
use crate::model::limits::InForce;
use crate::model::sample::{Sample, largest};

/// The attempts that run in processes; clones share them. It is locked for as long as it takes to read a number per slot.
#[derive(Clone, Default)]
pub(crate) struct Samples(Arc<Mutex<HashMap<(i64, i32), Watched>>>);

struct Watched {
    gauge: Gauge,
    terms: Arc<InForce>,
}

/// Keeps an attempt among the samples until it is dropped.
pub(crate) struct Seen {
    samples: Samples,
    attempt: (i64, i32),
}

impl Samples {
    /// Takes an attempt in.
    pub(crate) fn watch(&self, fence: Fence, gauge: Gauge, terms: Arc<InForce>) -> Seen {
        let attempt = (fence.job, fence.attempt);
        self.lock().insert(attempt, Watched { gauge, terms });
        Seen { samples: self.clone(), attempt }
    }

    /// The largest, as the worker's row keeps them.
    pub(crate) fn told(&self) -> String {
        let seen = self.lock().iter().filter_map(sample).collect();
        serde_json::to_string(&largest(seen)).expect("made of text and numbers")
    }

    /// The job whose attempt is nearest to its own limit, among those that may be meant.
    pub(crate) fn fullest(&self, may_be: impl Fn(i64, i32) -> bool) -> Option<i64> {
        let watched = self.lock();
        let shares = watched.iter().filter(|((job, attempt), _)| may_be(*job, *attempt));
        let shares = shares.filter_map(|((job, _), watched)| {
            let limit = watched.terms.limits.memory_bytes?;
            Some((watched.gauge.read().memory_bytes as f64 / limit.max(1) as f64, *job))
        });
        shares.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, job)| job)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(i64, i32), Watched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        self.samples.lock().remove(&self.attempt);
    }
}

/// What is known of one attempt; nothing before the first look at its processes.
fn sample(((job, attempt), watched): (&(i64, i32), &Watched)) -> Option<Sample> {
    let usage = watched.gauge.read();
    (usage.processes > 0).then(|| Sample {
        job: job.to_string(),
        attempt: *attempt,
        rss: usage.memory_bytes,
        limit: watched.terms.limits.memory_bytes,
        cpu_ms: u64::try_from(usage.cpu.as_millis()).unwrap_or(u64::MAX),
        level: watched.terms.level.clone(),
    })
}
