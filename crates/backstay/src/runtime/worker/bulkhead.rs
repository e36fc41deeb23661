//! What each attempt may use: limits as the settings say them become limits of processes, with who holds them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backstay_isolate as isolate;
use serde_json::{Map, Value};

use crate::model::config::{ContactLost, Cpu, KindSettings, QueueSettings};
use crate::model::event::{self, Event, JobRef};
use crate::model::limits::{InForce, Limits};
use crate::model::unit::{format_duration, format_size};

/// The limits of a kind in a queue.
pub(crate) fn limits(queue: &QueueSettings, kind: Option<&KindSettings>, auto: u64) -> Limits {
    let written = kind.map_or(queue.limits, |kind| kind.limits.over(&queue.limits));
    Limits::of(&written, auto)
}

/// The same limits as they are asked of a process.
pub(crate) fn of_process(limits: &Limits) -> isolate::Limits {
    isolate::Limits {
        memory_bytes: limits.memory_bytes,
        cpu_priority: match limits.cpu_priority {
            Cpu::Normal => isolate::CpuPriority::Normal,
            Cpu::Background => isolate::CpuPriority::Background,
            Cpu::Idle => isolate::CpuPriority::Idle,
        },
        cpu_cap: limits.cpu_cap.map(|cores| cores as f32),
        cpu_time: limits.cpu_time,
        stall: limits.stall,
        processes: limits.processes,
        disk_bytes: limits.disk_bytes,
        files: limits.files,
        io_weight: limits.io_weight,
    }
}

/// The bounds of the pool whose children these limits hold.
pub(crate) fn of_pool(queue: &QueueSettings, limits: &Limits) -> isolate::PoolLimits {
    let mut output = isolate::OutputLimits::default();
    output.total_bytes = limits.output_bytes.unwrap_or(output.total_bytes);
    isolate::PoolLimits {
        size: usize::from(queue.slots),
        boot: queue.boot,
        recycle_age: queue.recycle.age,
        recycle_memory: queue.recycle.memory,
        output,
        limits: of_process(limits),
        held: queue.contact_lost == ContactLost::Kill,
        ..isolate::PoolLimits::default()
    }
}

/// Notes with the limits how exactly this host holds them.
pub(crate) fn in_force(limits: Limits, level: &isolate::Level) -> Arc<InForce> {
    Arc::new(InForce::new(limits, level.name.as_str(), holders_json(level)))
}

/// What holds each limit, as a JSON object.
pub(crate) fn holders_json(level: &isolate::Level) -> Value {
    let holders = level.holders.iter();
    let holders: Map<String, Value> =
        holders.map(|(limit, holder)| ((*limit).to_owned(), Value::from(*holder))).collect();
    Value::Object(holders)
}

/// Names what holds each limit, in one line.
pub(crate) fn holders(level: &isolate::Level) -> String {
    let holders = level.holders.iter().map(|(limit, holder)| format!("{limit}: {holder}"));
    holders.collect::<Vec<_>>().join(", ")
}

/// Gives the timeout of a job that asks for one of its own: at most what its queue allows now.
pub(crate) fn timeout(asked: Duration, most: Duration, job: &JobRef) -> Duration {
    if asked > most {
        event::emit(&Event::LimitClamped {
            job: job.clone(),
            limit: "timeout",
            asked: format_duration(asked),
            most: format_duration(most),
        });
    }
    asked.min(most)
}

/// Limits of jobs that ask for memory of their own, each set made once, so that it is numbered once.
#[derive(Debug, Default)]
pub(crate) struct OwnTerms {
    known: Mutex<HashMap<(usize, u64), Arc<InForce>>>,
}

/// Sets that are remembered; beyond that all are forgotten, which costs a question to the database each.
const KNOWN_MOST: usize = 256;

impl OwnTerms {
    /// Gives the limits of one job that asks for other memory than `usual`; nothing where those fit.
    pub(crate) fn of(
        &self,
        usual: &Arc<InForce>,
        asked: Option<u64>,
        job: &JobRef,
    ) -> Option<Arc<InForce>> {
        let asked = asked.filter(|asked| Some(*asked) != usual.limits.memory_bytes)?;
        let (limits, less) = usual.limits.with_memory(asked);
        if less {
            let most = limits.memory_bytes.map(format_size).unwrap_or_default();
            let (job, asked) = (job.clone(), format_size(asked));
            event::emit(&Event::LimitClamped { job, limit: "memory", asked, most });
        }
        // Pools live as long as the worker, so the address of their limits names them.
        let key = (Arc::as_ptr(usual).addr(), limits.memory_bytes.unwrap_or(0));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MOST {
            known.clear();
        }
        let own = known.entry(key).or_insert_with(|| {
            Arc::new(InForce::new(limits, usual.level.clone(), usual.holders.clone()))
        });
        Some(own.clone())
    }
}
