//! What is known at the end of an attempt, and how that becomes a verdict with its facts.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Value, json};
use tracing::Level;

use super::fail::{Fail, Then};
use super::trace::AttemptEnd;
use crate::model::account::{self, Account};
use crate::model::bounds;
use crate::model::claim::{Claimed, JobInfo};
use crate::model::event::{self, Event, JobRef};
use crate::model::fingerprint::fingerprint;
use crate::model::judge::{Policy, Verdict, judge};
use crate::model::limits::{InForce, Limits};
use crate::model::outcome::{Allowed, Attempted, Outcome};
use crate::store::settle::{Facts, Settled};

/// The end of one attempt, wherever it ran.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) attempted: Attempted,
    pub(crate) message: Option<String>,
    pub(crate) trace: Option<String>,
    pub(crate) fingerprint: Option<String>,
    pub(crate) output: Option<Box<RawValue>>,
    /// Jobs that the handler asked for, each `{kind, args, options}`.
    pub(crate) enqueue: Vec<Box<RawValue>>,
    pub(crate) completed_in_tx: bool,
    /// Who cancelled it and why, where somebody did.
    pub(crate) reason: Option<String>,
    pub(crate) signal: Option<i32>,
    pub(crate) late: bool,
    pub(crate) survivor: bool,
    pub(crate) wall: Duration,
    pub(crate) cpu: Option<Duration>,
    pub(crate) peak_bytes: Option<u64>,
    pub(crate) peak_source: Option<&'static str>,
    pub(crate) processes_peak: Option<u32>,
    pub(crate) scratch_bytes: Option<u64>,
    pub(crate) stderr: Option<String>,
    pub(crate) output_bytes: Option<u64>,
    pub(crate) child: Option<Child>,
    /// What it was allowed; nothing where it ran inside the worker.
    pub(crate) terms: Option<Arc<InForce>>,
}

/// The process that ran an attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Child {
    pub(crate) pid: u32,
    pub(crate) age: Duration,
    /// Jobs that it had ended before.
    pub(crate) jobs: u32,
}

impl Child {
    fn to_json(self) -> Value {
        let age_ms = u64::try_from(self.age.as_millis()).unwrap_or(u64::MAX);
        json!({ "pid": self.pid, "age_ms": age_ms, "jobs": self.jobs })
    }
}

impl Ended {
    pub(crate) fn bare(outcome: Outcome, wall: Duration) -> Ended {
        Ended {
            attempted: Attempted::of(outcome),
            message: None,
            trace: None,
            fingerprint: None,
            output: None,
            enqueue: Vec::new(),
            completed_in_tx: false,
            reason: None,
            signal: None,
            late: false,
            survivor: false,
            wall,
            cpu: None,
            peak_bytes: None,
            peak_source: None,
            processes_peak: None,
            scratch_bytes: None,
            stderr: None,
            output_bytes: None,
            child: None,
            terms: None,
        }
    }

    fn account(&self) -> Account<'_> {
        Account {
            message: self.message.as_deref(),
            signal: self.signal,
            exit_code: self.attempted.exit_code,
            wall: self.wall,
            cpu: self.cpu,
            peak_bytes: self.peak_bytes,
            processes_peak: self.processes_peak,
            scratch_bytes: self.scratch_bytes,
            output_bytes: self.output_bytes,
            limits: self.terms.as_ref().map(|terms| &terms.limits),
        }
    }

    /// The end as whoever traces the attempt is told it.
    pub(crate) fn traced(&self) -> AttemptEnd {
        let outcome = self.attempted.outcome;
        let class = self.attempted.error_class.as_deref();
        let bare = AttemptEnd::bare(outcome, self.wall);
        let sentence = || {
            bounds::clip(&account::sentence(outcome, &self.account()), bounds::ERROR_MESSAGE_BYTES)
        };
        AttemptEnd {
            error_class: class.map(|text| bounds::clip(text, bounds::ERROR_CLASS_BYTES)),
            message: bare.is_error.then(sentence),
            cpu: self.cpu,
            peak_bytes: self.peak_bytes,
            ..bare
        }
    }

    /// The end that a handler's own answer makes.
    pub(crate) fn answered(answer: Result<Option<Box<RawValue>>, Fail>, wall: Duration) -> Ended {
        match answer {
            Ok(output) => Ended { output, ..Ended::bare(Outcome::Completed, wall) },
            Err(fail) => {
                let parts = fail.into_parts();
                let (outcome, asked) = outcome_of(parts.then);
                let mut ended = Ended::bare(outcome, wall);
                ended.attempted.asked = asked;
                ended.attempted.error_class = parts.class;
                ended.message = Some(parts.message);
                ended.trace = parts.trace;
                ended.fingerprint = parts.fingerprint;
                ended
            }
        }
    }
}

/// What the handler's wish is called as an outcome, and for how long it asks.
pub(crate) fn outcome_of(then: Then) -> (Outcome, Option<Duration>) {
    match then {
        Then::Retry => (Outcome::Failed, None),
        Then::RetryIn(delay) => (Outcome::Failed, Some(delay)),
        Then::Snooze(delay) => (Outcome::Snoozed, Some(delay)),
        Then::Dead => (Outcome::Rejected, None),
        Then::Cancel => (Outcome::Cancelled, None),
        Then::Interrupted => (Outcome::Interrupted, None),
    }
}

/// What holds for all attempts of a queue and kind when they are judged.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) snooze_max: i16,
    /// Nothing is kept of a completed job.
    pub(crate) lean: bool,
}

/// Judges an attempt and puts together what is written down. `jitter` is between 0 and 1.
pub(crate) fn settle(claimed: &Claimed, mut ended: Ended, terms: &Terms, jitter: f64) -> Settled {
    let policy = policy_of(claimed, terms);
    let outcome = ended.attempted.outcome;
    ended.attempted.allowed =
        ended.terms.as_ref().and_then(|terms| allowed(&terms.limits, &policy));
    let verdict = judge(&ended.attempted, &claimed.counters, &policy, jitter);
    // Of a completion nobody is told more than that.
    let message = match verdict {
        Verdict::Complete => String::new(),
        _ => sentence(&ended, &verdict, &policy),
    };
    if verdict == Verdict::Cancel && ended.reason.is_none() && ended.message.is_some() {
        ended.reason = Some(bounds::clip(&message, bounds::REASON_BYTES));
    }
    let (mut mark, mut title) = (String::new(), String::new());
    if let Verdict::Bury { reason, .. } = &verdict {
        let kind = &claimed.info.kind;
        let print = fingerprint(
            kind,
            reason.as_str(),
            ended.attempted.error_class.as_deref(),
            &message,
            None,
        );
        title = print.title;
        mark = match &ended.fingerprint {
            Some(own) => fingerprint(kind, "own", None, own, None).hash,
            // What was used of a limit differs from one time to the next, and is the same trouble.
            None if account::is_measured(outcome) => {
                fingerprint(kind, reason.as_str(), None, "", None).hash
            }
            None => print.hash,
        };
    }
    let enqueue = (!ended.enqueue.is_empty() && verdict == Verdict::Complete).then(|| {
        format!("[{}]", ended.enqueue.iter().map(|job| job.get()).collect::<Vec<_>>().join(","))
    });
    let detail =
        if verdict == Verdict::Complete { rest(&ended) } else { detail(claimed, &ended, &message) };
    tell(claimed, &ended, &verdict, &message, &mark);
    let facts = Facts {
        wall_ms: small(ended.wall.as_millis()),
        cpu_ms: ended.cpu.map(|cpu| small(cpu.as_millis())),
        peak_kib: ended.peak_bytes.map(kib),
        terms: ended.terms.take(),
        output: ended.output.take().map(|output| storable(&output)),
        lean: terms.lean,
        enqueue,
        already: ended.completed_in_tx,
        detail,
        fingerprint: mark,
        title,
        reason: ended.reason.take().map_or(Cow::Borrowed(outcome.as_str()), Cow::Owned),
        if_asked: false,
        outcome,
    };
    Settled { fence: claimed.fence(), verdict, facts }
}

/// What people are told of an end, and of what follows from it.
fn sentence(ended: &Ended, verdict: &Verdict, policy: &Policy) -> String {
    let mut message = account::sentence(ended.attempted.outcome, &ended.account());
    if let Some(follows) = account::follows(verdict, &policy.on_oom) {
        message = format!("{message}; {follows}");
    }
    bounds::clip(&message, bounds::ERROR_MESSAGE_BYTES)
}

fn policy_of(claimed: &Claimed, terms: &Terms) -> Policy {
    let (crash_limit, lost_limit) = claimed.limits;
    let mut policy =
        Policy::of(claimed.info.max_retries, crash_limit, lost_limit, claimed.policy.as_deref());
    policy.snooze_max = terms.snooze_max;
    policy
}

/// An output that cannot be kept never undoes the completion: a note takes its place.
fn storable(output: &RawValue) -> String {
    let text = output.get();
    if text.len() > bounds::OUTPUT_BYTES {
        let note = format!(
            "the output of {} bytes was over the limit of 256 KiB and was dropped",
            text.len()
        );
        return json!({ "backstay_note": note }).to_string();
    }
    if bounds::has_nul(text) {
        return json!({ "backstay_note": "the output held U+0000, which PostgreSQL cannot store, and was dropped" })
            .to_string();
    }
    text.to_owned()
}

/// The memory that an attempt was allowed. What another queue would allow is not known here; its worker limits it then.
fn allowed(limits: &Limits, policy: &Policy) -> Option<Allowed> {
    let most = limits.memory_max.filter(|_| policy.on_oom.queue.is_none());
    limits.memory_bytes.map(|bytes| Allowed { bytes, most })
}

/// The columns of `attempt` that the worker knows, as a JSON object.
fn detail(claimed: &Claimed, ended: &Ended, message: &str) -> String {
    let stderr = ended.stderr.as_ref().filter(|text| !text.is_empty());
    json!({
        "outcome": ended.attempted.outcome.as_str(),
        "error_class": ended.attempted.error_class.as_deref().map(|text| bounds::clip(text, bounds::ERROR_CLASS_BYTES)),
        "message": message,
        "trace": ended.trace.as_deref().map(|text| bounds::clip(text, bounds::ERROR_TRACE_BYTES)),
        "signal": ended.signal,
        "exit_code": ended.attempted.exit_code,
        "late": ended.late,
        "survivor": ended.survivor,
        "suspect": claimed.counters.is_suspect(),
        "wall_ms": small(ended.wall.as_millis()),
        "cpu_ms": ended.cpu.map(|cpu| small(cpu.as_millis())),
        "peak_kib": ended.peak_bytes.map(kib),
        "peak_source": ended.peak_source,
        "processes_peak": ended.processes_peak,
        "scratch_bytes": ended.scratch_bytes,
        "output_bytes": ended.output_bytes,
        "stderr": stderr.map(|text| bounds::clip(text, bounds::STDERR_BYTES)),
        "child": ended.child.map(Child::to_json),
    })
    .to_string()
}

/// What the line of a completed attempt has no column for; nothing where no process of its own ran it.
fn rest(ended: &Ended) -> String {
    let Some(child) = ended.child else { return String::new() };
    json!({
        "late": ended.late,
        "peak_source": ended.peak_source,
        "processes_peak": ended.processes_peak,
        "scratch_bytes": ended.scratch_bytes,
        "output_bytes": ended.output_bytes,
        "child": child.to_json(),
    })
    .to_string()
}

fn kib(bytes: u64) -> i32 {
    small(u128::from(bytes.div_ceil(1024)))
}

fn small(number: u128) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Says once, in the log, what has become of the job.
fn tell(claimed: &Claimed, ended: &Ended, verdict: &Verdict, message: &str, fingerprint: &str) {
    if *verdict == Verdict::Complete && !event::is_read(Level::INFO) {
        return;
    }
    let (job, outcome) = (job_ref(&claimed.info), ended.attempted.outcome);
    let error = message.to_owned();
    if account::is_measured(outcome) && outcome != Outcome::Evicted {
        let (job, error) = (job.clone(), error.clone());
        event::emit(&Event::LimitHit { job, outcome, error });
    }
    event::emit(&match verdict {
        Verdict::Complete => Event::Completed { job, took: ended.wall },
        Verdict::Retry { delay, .. } => Event::Retried { job, outcome, delay: *delay, error },
        Verdict::Snooze { delay } => Event::Snoozed { job, delay: *delay },
        Verdict::Release { .. } if outcome == Outcome::Interrupted => Event::Interrupted { job },
        Verdict::Release { .. } | Verdict::ReleaseLater { .. } | Verdict::PutOff { .. } => {
            Event::Released { job, outcome }
        }
        Verdict::Cancel => {
            Event::Cancelled { job, reason: ended.reason.clone().unwrap_or_default() }
        }
        Verdict::Bury { reason, .. } => {
            Event::Buried { job, reason: *reason, fingerprint: fingerprint.to_owned(), error }
        }
        Verdict::Drop => Event::LeaseLost { job, worker: claimed.info.worker },
    });
}

/// The job as events name it.
pub(crate) fn job_ref(info: &JobInfo) -> JobRef {
    JobRef {
        id: info.id,
        kind: info.kind.clone(),
        queue: info.queue.clone(),
        attempt: info.attempt,
    }
}
