//! The fields of an event's log line.

use std::borrow::Cow;
use std::time::Duration;

use uuid::Uuid;

use super::super::bounds::{DETAIL_CHARS, clip_chars};
use super::super::steer::steers;
use super::{Event, JobRef};

/// All fields that a log line can have; those that say nothing are left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fields<'a> {
    /// The job.
    pub job_id: Option<i64>,
    /// Its kind.
    pub kind: Option<&'a str>,
    /// Its queue.
    pub queue: Option<&'a str>,
    /// The number of the attempt.
    pub attempt: Option<i32>,
    /// The worker that is meant; the one that writes the line is known from its first line.
    pub worker_id: Option<Uuid>,
    /// How long it took, or lasted.
    pub duration_ms: Option<u64>,
    /// What the attempt came to.
    pub outcome: Option<&'static str>,
    /// A code for `backstay explain`.
    pub error_code: Option<&'static str>,
    /// Why.
    pub reason: Option<Cow<'a, str>>,
    /// What went wrong, in one line.
    pub error: Option<Cow<'a, str>>,
    /// The group of equal errors.
    pub fingerprint: Option<&'a str>,
    /// How long until it is tried again.
    pub delay_ms: Option<u64>,
    /// How many.
    pub count: Option<u64>,
    /// A process.
    pub pid: Option<u32>,
    /// An alert channel.
    pub channel: Option<&'a str>,
    /// An alert rule.
    pub rule: Option<&'a str>,
    /// What it is about.
    pub subject: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn of(job: &'a JobRef) -> Self {
        Self {
            job_id: Some(job.id),
            kind: Some(&job.kind),
            queue: Some(&job.queue),
            attempt: (job.attempt > 0).then_some(job.attempt),
            ..Self::default()
        }
    }

    fn queue(queue: &'a str) -> Self {
        Self { queue: Some(queue), ..Self::default() }
    }

    fn child(queue: &'a str, pid: u32) -> Self {
        Self { pid: Some(pid), ..Self::queue(queue) }
    }

    fn worker(worker: Uuid) -> Self {
        Self { worker_id: Some(worker), ..Self::default() }
    }

    fn count(count: u64) -> Self {
        Self { count: Some(count), ..Self::default() }
    }

    fn alert(channel: &'a str, rule: &'a str, subject: &'a str) -> Self {
        Self { channel: Some(channel), rule: Some(rule), subject: Some(subject), ..Self::default() }
    }
}

pub(super) fn fields(event: &Event) -> Fields<'_> {
    of_job(event).or_else(|| of_child(event)).unwrap_or_else(|| of_others(event))
}

fn of_job(event: &Event) -> Option<Fields<'_>> {
    Some(match event {
        Event::Claimed { job, worker, waited } => {
            Fields { worker_id: Some(*worker), duration_ms: millis(*waited), ..Fields::of(job) }
        }
        Event::Completed { job, took } => {
            Fields { duration_ms: millis(*took), outcome: Some("completed"), ..Fields::of(job) }
        }
        Event::Retried { job, outcome, delay, error } => Fields {
            outcome: Some(outcome.as_str()),
            delay_ms: millis(*delay),
            error: one_line(error),
            ..Fields::of(job)
        },
        Event::Snoozed { job, delay } => Fields { delay_ms: millis(*delay), ..Fields::of(job) },
        Event::Released { job, outcome } | Event::SettleStale { job, outcome } => {
            Fields { outcome: Some(outcome.as_str()), ..Fields::of(job) }
        }
        Event::Interrupted { job } => Fields { outcome: Some("interrupted"), ..Fields::of(job) },
        Event::Cancelled { job, reason } => {
            Fields { outcome: Some("cancelled"), reason: one_line(reason), ..Fields::of(job) }
        }
        Event::Buried { job, reason, fingerprint, error } => Fields {
            reason: Some(reason.as_str().into()),
            fingerprint: Some(fingerprint),
            error: one_line(error),
            ..Fields::of(job)
        },
        Event::Rescued { job, worker, evidence } => Fields {
            worker_id: Some(*worker),
            reason: Some(evidence.as_str().into()),
            ..Fields::of(job)
        },
        Event::OutputDropped { job, reason } => {
            Fields { reason: one_line(reason), ..Fields::of(job) }
        }
        Event::Output { job, .. } => Fields::of(job),
        Event::LeaseLost { job, worker } => {
            Fields { worker_id: Some(*worker), error_code: Some("BS201"), ..Fields::of(job) }
        }
        _ => return None,
    })
}

fn of_child(event: &Event) -> Option<Fields<'_>> {
    Some(match event {
        Event::ChildStarted { queue, pid } => Fields::child(queue, *pid),
        Event::ChildReady { queue, pid, took } => {
            Fields { duration_ms: millis(*took), ..Fields::child(queue, *pid) }
        }
        Event::ChildEnded { queue, pid, reason } | Event::ChildRecycled { queue, pid, reason } => {
            Fields { reason: one_line(reason), ..Fields::child(queue, *pid) }
        }
        Event::ChildKilled { queue, pid, job, reason }
        | Event::ChildDirtyExit { queue, pid, job, reason } => {
            Fields { job_id: Some(*job), reason: one_line(reason), ..Fields::child(queue, *pid) }
        }
        Event::ChildStrayOutput { queue, pid, count } => {
            Fields { count: Some(*count), ..Fields::child(queue, *pid) }
        }
        Event::Evicted { job, reason } => Fields { reason: one_line(reason), ..Fields::of(job) },
        Event::LimitHit { job, outcome, error } => {
            Fields { outcome: Some(outcome.as_str()), error: one_line(error), ..Fields::of(job) }
        }
        Event::LimitClamped { job, limit, .. } => {
            Fields { subject: Some(limit), ..Fields::of(job) }
        }
        Event::ChildProtocolError { queue, pid, code, error } => {
            Fields { error_code: Some(code), error: one_line(error), ..Fields::child(queue, *pid) }
        }
        _ => return None,
    })
}

fn of_others(event: &Event) -> Fields<'_> {
    match event {
        Event::Expired { count }
        | Event::Promoted { count }
        | Event::Admitted { count }
        | Event::Revived { count }
        | Event::Discarded { count }
        | Event::Edited { count }
        | Event::PruneDone { count } => Fields::count(*count),
        Event::Parked { count, reason } => {
            Fields { reason: one_line(reason), ..Fields::count(*count) }
        }
        Event::SettleSplit { count, error } => {
            Fields { error: one_line(error), ..Fields::count(*count) }
        }
        Event::QueuePaused { queue, reason } => {
            Fields { reason: one_line(reason), ..Fields::queue(queue) }
        }
        Event::QueueResumed { queue } | Event::PoolMended { queue } => Fields::queue(queue),
        Event::QueueLate { queue, waited } => {
            Fields { duration_ms: millis(*waited), ..Fields::queue(queue) }
        }
        Event::PoolBroken { queue, error } => {
            Fields { error_code: Some("BS604"), error: one_line(error), ..Fields::queue(queue) }
        }
        Event::KindUnknown { kind, queue } => Fields { kind: Some(kind), ..Fields::queue(queue) },
        Event::KindBraked { kind, count } => Fields { kind: Some(kind), ..Fields::count(*count) },
        Event::KindFreed { kind } => Fields { kind: Some(kind), ..Fields::default() },
        Event::KindHeld { kind, count } => Fields { kind: Some(kind), ..Fields::count(*count) },
        Event::WorkerStarted { worker, .. } | Event::LeaderElected { worker } => {
            Fields::worker(*worker)
        }
        Event::WorkerReady { worker, slots: count, .. }
        | Event::WorkerStopped { worker, released: count }
        | Event::PredecessorLost { worker, jobs: count } => {
            Fields { count: Some(*count), ..Fields::worker(*worker) }
        }
        Event::WorkerDraining { worker, running, left } => {
            Fields { count: Some(*running), delay_ms: millis(*left), ..Fields::worker(*worker) }
        }
        Event::WorkerLost { worker, evidence, jobs } => Fields {
            count: Some(*jobs),
            reason: Some(evidence.as_str().into()),
            ..Fields::worker(*worker)
        },
        Event::LoopSilent { name, silent } => {
            Fields { subject: Some(name), duration_ms: millis(*silent), ..Fields::default() }
        }
        Event::DatabaseLost { error } => {
            Fields { error_code: Some("BS501"), error: one_line(error), ..Fields::default() }
        }
        Event::ListenLost { error } => Fields { error: one_line(error), ..Fields::default() },
        Event::BrakeOn { what, reason } => {
            Fields { subject: Some(what), reason: one_line(reason), ..Fields::default() }
        }
        Event::BrakeOff { what, lasted } => {
            Fields { subject: Some(what), duration_ms: millis(*lasted), ..Fields::default() }
        }
        Event::DatabaseRestored { away } => {
            Fields { duration_ms: millis(*away), ..Fields::default() }
        }
        Event::AlertLogged { rule, subject, count, .. } => {
            Fields { count: Some(*count), ..Fields::alert("log", rule, subject) }
        }
        Event::AlertSent { channel, rule, subject, count } => {
            Fields { count: Some(*count), ..Fields::alert(channel, rule, subject) }
        }
        Event::AlertFailed { channel, rule, subject, again_in, error } => Fields {
            delay_ms: millis(*again_in),
            error: one_line(error),
            ..Fields::alert(channel, rule, subject)
        },
        Event::AlertUndeliverable { channel, rule, subject, error } => {
            Fields { error: one_line(error), ..Fields::alert(channel, rule, subject) }
        }
        Event::ConfigRefused { code, error } => {
            Fields { error_code: Some(code), error: one_line(error), ..Fields::default() }
        }
        Event::InstallationHeld { reason } => {
            Fields { error_code: Some("BS306"), reason: one_line(reason), ..Fields::default() }
        }
        Event::LevelReached { level, reason, .. } => {
            Fields { subject: Some(level), reason: one_line(reason), ..Fields::default() }
        }
        Event::LevelLost { level, error } => Fields {
            subject: Some(level),
            error_code: Some("BS601"),
            error: one_line(error),
            ..Fields::default()
        },
        Event::BudgetShared { others } => Fields::count(*others),
        Event::BehindShell { shell } => Fields { subject: Some(shell), ..Fields::default() },
        Event::ScratchInMemory { place } => Fields { subject: Some(place), ..Fields::default() },
        Event::BackendsEnded { name, count } => {
            Fields { subject: Some(name), count: Some(*count), ..Fields::default() }
        }
        Event::BackendsLeft { name, error } => {
            Fields { subject: Some(name), error: one_line(error), ..Fields::default() }
        }
        Event::CronTicked { schedule, job } => {
            Fields { subject: Some(schedule), job_id: Some(*job), ..Fields::default() }
        }
        Event::CronSkipped { schedule, reason } => {
            Fields { subject: Some(schedule), reason: one_line(reason), ..Fields::default() }
        }
        Event::CronMissed { schedule, count } => {
            Fields { subject: Some(schedule), count: Some(*count), ..Fields::default() }
        }
        Event::CronStuck { schedule, error } => {
            Fields { subject: Some(schedule), error: one_line(error), ..Fields::default() }
        }
        Event::TracesLost { count, error } => Fields {
            count: (*count > 0).then_some(*count),
            error: one_line(error),
            ..Fields::default()
        },
        Event::DurabilityWeak { setting: subject }
        | Event::ConfigApplied { what: subject }
        | Event::ConfigDiffers { what: subject }
        | Event::MigrateApplied { name: subject, .. }
        | Event::AuditRecorded { target: subject, .. }
        | Event::AuthFailed { from: subject }
        | Event::AuthLimited { from: subject } => {
            Fields { subject: Some(subject), ..Fields::default() }
        }
        _ => Fields::default(),
    }
}

fn millis(duration: Duration) -> Option<u64> {
    Some(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// Texts from outside may hold line feeds and terminal codes; in a log they could forge lines.
pub(super) fn one_line(text: &str) -> Option<Cow<'_, str>> {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    if first.chars().count() <= DETAIL_CHARS && !first.chars().any(steers) {
        return Some(first.into());
    }
    let shown: String = first.chars().map(|c| if steers(c) { '\u{FFFD}' } else { c }).collect();
    Some(clip_chars(&shown, DETAIL_CHARS).into())
}

/// All of a text as one line, for sentences of ours that hold words from outside.
pub(super) fn harmless(text: &str) -> String {
    text.chars().map(|c| if steers(c) { '\u{FFFD}' } else { c }).collect()
}
