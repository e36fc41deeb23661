//! Runs one attempt in a child or as a command, and reads its end.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use backstay_isolate::{
    LastWord, Order, PeakSource, Pool, Report, RunEvent, StopReason, Stopper, Then as ChildThen,
};
use tokio::sync::Notify;

use super::bulkhead;
use super::lines::Lines;
use super::requests::Line;
use super::tail::Tail;
use crate::failpoint::failpoint;
use crate::model::account;
use crate::model::claim::Claimed;
use crate::model::limits::InForce;
use crate::model::outcome::{Attempted, Outcome};
use crate::runtime::ended::{Child, Ended, outcome_of};
use crate::runtime::fail::Then;

/// Why an attempt is told to stop.
#[derive(Debug, Clone)]
pub(crate) struct Hurry {
    pub(crate) outcome: Outcome,
    /// Who cancelled it and why, where somebody did.
    pub(crate) reason: Option<String>,
    /// Where somebody gives it less time than its queue does.
    pub(crate) grace: Option<Duration>,
}

impl Hurry {
    pub(crate) fn of(outcome: Outcome) -> Hurry {
        Hurry { outcome, reason: None, grace: None }
    }

    pub(crate) fn timeout() -> Hurry {
        Hurry::of(Outcome::TimedOut)
    }

    pub(crate) fn shutdown() -> Hurry {
        Hurry::of(Outcome::Interrupted)
    }

    /// Somebody else holds the job, or soon may: there is nothing to wait for.
    pub(crate) fn stale() -> Hurry {
        Hurry::of(Outcome::Stale)
    }

    pub(crate) fn is_stale(&self) -> bool {
        self.outcome == Outcome::Stale
    }

    pub(crate) fn cancelled(reason: Option<String>, grace: Option<Duration>) -> Hurry {
        let reason = Some(reason.unwrap_or_else(|| "cancelled".to_owned()));
        Hurry { reason, grace, ..Hurry::of(Outcome::Cancelled) }
    }

    /// The end of an attempt that gave no answer.
    pub(crate) fn ended(&self, wall: Duration) -> Ended {
        Ended { reason: self.reason.clone(), ..Ended::bare(self.outcome, wall) }
    }

    /// Reads an answer that came after "stop": work that is done is done, except where somebody cancelled it;
    /// anything else only adds its text.
    pub(crate) fn read(&self, mut ended: Ended) -> Ended {
        let is_done = ended.attempted.outcome == Outcome::Completed;
        ended.late = true;
        if is_done && (self.outcome != Outcome::Cancelled || ended.completed_in_tx) {
            return ended;
        }
        ended.attempted = Attempted { outcome: self.outcome, asked: None, ..ended.attempted };
        ended.reason.clone_from(&self.reason);
        ended.output = None;
        ended.enqueue.clear();
        ended
    }

    /// Takes over a shorter grace; whether it was one.
    pub(crate) fn hasten(&mut self, grace: Option<Duration>) -> bool {
        let is_shorter = grace.is_some_and(|grace| self.grace.is_none_or(|before| grace < before));
        if is_shorter {
            self.grace = grace;
        }
        is_shorter
    }

    fn stop(&self, stopper: &Stopper) {
        match self.grace {
            Some(grace) => stopper.stop_within(self.as_stop(), grace),
            None => stopper.stop(self.as_stop()),
        }
    }

    fn as_stop(&self) -> StopReason {
        match self.outcome {
            Outcome::Cancelled => StopReason::Cancelled,
            Outcome::TimedOut => StopReason::TimedOut,
            Outcome::Stale => StopReason::Stale,
            Outcome::Evicted => StopReason::Evicted,
            _ => StopReason::Shutdown,
        }
    }
}

/// The line by which an attempt is told to stop. Each attempt has one and hardly any is used, so it is a small one.
#[derive(Debug, Default)]
struct StopLine {
    told: Mutex<Option<Hurry>>,
    news: Notify,
}

/// The attempt's end of that line.
#[derive(Debug)]
pub(crate) struct Stopping(Arc<StopLine>);

/// The worker's end of it.
#[derive(Debug)]
pub(crate) struct Stop(Arc<StopLine>);

pub(crate) fn stop_line() -> (Stop, Stopping) {
    let line = Arc::<StopLine>::default();
    (Stop(line.clone()), Stopping(line))
}

impl StopLine {
    fn told(&self) -> MutexGuard<'_, Option<Hurry>> {
        self.told.lock().expect("nobody panics while holding it")
    }
}

impl Stop {
    /// Whether it was told to stop already.
    pub(crate) fn is_told(&self) -> bool {
        self.0.told().is_some()
    }

    /// Tells the attempt to stop; the first reason stands, except that a lost lease overrules. A shorter grace always counts.
    pub(crate) fn tell(&self, hurry: Hurry) {
        let is_new = match &mut *self.0.told() {
            Some(before) if before.is_stale() || !hurry.is_stale() => before.hasten(hurry.grace),
            now => {
                *now = Some(hurry);
                true
            }
        };
        if is_new {
            self.0.news.notify_one();
        }
    }
}

impl Stopping {
    /// What the attempt was told, if it was.
    pub(crate) fn told(&self) -> Option<Hurry> {
        self.0.told().clone()
    }

    /// Waits until the attempt is told to stop; asked again, until it is told otherwise.
    ///
    /// # Cancellation
    /// May be dropped at any time.
    pub(crate) async fn asked(&mut self) -> Hurry {
        loop {
            self.0.news.notified().await;
            if let Some(hurry) = self.told() {
                return hurry;
            }
        }
    }
}

/// What holds for one attempt.
pub(crate) struct Bounds {
    pub(crate) grace: Duration,
    pub(crate) terms: Arc<InForce>,
    /// The job has limits of its own, or is a suspect, so that no child of the pool will do.
    pub(crate) is_own: bool,
}

/// Runs one attempt outside this process, to its end.
pub(crate) async fn run(
    pool: Pool,
    claimed: Box<Claimed>,
    bounds: Bounds,
    stopping: Stopping,
    lines: Arc<Lines>,
) {
    let ended = Box::new(attend(&pool, &claimed, bounds, stopping, &lines).await);
    lines.end(claimed, ended).await;
}

async fn attend(
    pool: &Pool,
    claimed: &Claimed,
    bounds: Bounds,
    mut stopping: Stopping,
    lines: &Lines,
) -> Ended {
    let began = Instant::now();
    let mut line = Line::new(claimed.fence(), lines.requests.clone());
    let mut hurry = None;
    failpoint!(pass "spawn.before");
    let mut run = tokio::select! {
        run = pool.run(order(claimed, &bounds)) => run,
        asked = stopping.asked() => return asked.ended(began.elapsed()),
    };
    failpoint!(pass "spawn.after");
    let stopper = run.stopper();
    let _seen = lines.samples.watch(claimed.fence(), run.gauge(), bounds.terms.clone());
    let mut tail = Tail::new(&lines.tails, claimed, Some(run.output()));
    let (mut draining, mut told) = (lines.draining.clone(), false);
    let report = loop {
        let event = tokio::select! {
            event = run.next() => event,
            asked = stopping.asked() => {
                asked.stop(&stopper);
                hurry = Some(asked);
                continue;
            }
            _ = draining.wait_for(|draining| *draining), if !told => {
                told = true;
                stopper.drain(Duration::from_millis(claimed.info.timeout_ms).saturating_sub(began.elapsed()));
                continue;
            }
            () = tail.due() => {
                tail.send(claimed);
                continue;
            }
        };
        match event {
            RunEvent::Ended(report) => {
                lines.backends.after(pool, &report);
                break *report;
            }
            RunEvent::Progress { percent, note } => line.progress(percent, note),
            RunEvent::Alive => {}
            RunEvent::Log { level, message, .. } => {
                tracing::debug!(target: "backstay::job", job_id = claimed.info.id, level, "{message}");
            }
            RunEvent::Checkpoint { value, reference } => {
                let stored = line.checkpoint(&value).await;
                answer(&run, reference, stored);
            }
            RunEvent::Enqueue { jobs, reference } => {
                let noted = line.enqueue(&jobs);
                answer(&run, reference, noted);
            }
        }
    };
    let mut ended = read(report, line, hurry, bounds.terms);
    tail.end(claimed, &mut ended);
    ended
}

fn answer(
    run: &backstay_isolate::Run,
    reference: Option<serde_json::Value>,
    answer: Result<(), crate::runtime::context::Denied>,
) {
    let Some(reference) = reference else { return };
    match answer {
        Ok(()) => run.answer(reference, true, None, None),
        Err(refusal) => {
            run.answer(reference, false, Some(refusal.code().to_owned()), Some(refusal.to_string()))
        }
    }
}

/// What the child or the command gets.
fn order(claimed: &Claimed, bounds: &Bounds) -> Order {
    let info = &*claimed.info;
    let timeout = Duration::from_millis(info.timeout_ms);
    let mut order = Order::new(info.id.to_string(), info.attempt, timeout, bounds.grace);
    order.limits = bounds.is_own.then(|| bulkhead::of_process(&bounds.terms.limits));
    order.job = serde_json::value::to_raw_value(info).expect("made of text, numbers and JSON");
    order.stdin = info.args.get().as_bytes().to_vec();
    order.checkpoint.clone_from(&info.checkpoint);
    let deadline =
        jiff::Timestamp::now().checked_add(timeout).map(|at| at.to_string()).unwrap_or_default();
    let pairs = [
        ("BACKSTAY_JOB", info.id.to_string()),
        ("BACKSTAY_ATTEMPT", info.attempt.to_string()),
        ("BACKSTAY_WORKER", info.worker.to_string()),
        ("BACKSTAY_KIND", info.kind.clone()),
        ("BACKSTAY_QUEUE", info.queue.clone()),
        ("BACKSTAY_RETRY_COUNT", info.retry_count.to_string()),
        ("BACKSTAY_MAX_RETRIES", info.max_retries.to_string()),
        ("BACKSTAY_GROUP", info.group.clone().unwrap_or_default()),
        ("BACKSTAY_DEADLINE", deadline),
    ];
    order.env.extend(pairs.map(|(name, value)| (name.to_owned(), value)));
    if let Some((parent, state)) = info.trace_parts() {
        order.env.push(("TRACEPARENT".to_owned(), parent.to_owned()));
        order.env.extend(state.map(|state| ("TRACESTATE".to_owned(), state.to_owned())));
    }
    order
}

/// Reads the report of a process as the end of an attempt.
fn read(report: Report, line: Line, hurry: Option<Hurry>, terms: Arc<InForce>) -> Ended {
    let outcome = report.ending.as_str().parse().unwrap_or(Outcome::ProtocolError);
    let mut ended = Ended::bare(outcome, report.wall);
    ended.attempted.exit_code = report.exit_code;
    ended.signal = report.signal;
    ended.late = report.late;
    ended.survivor = report.survivor;
    ended.cpu = report.cpu;
    ended.peak_bytes = report.peak_bytes;
    ended.output_bytes = Some(report.output_bytes);
    ended.peak_source = report.peak_source.map(PeakSource::as_str);
    ended.processes_peak = report.processes_peak;
    ended.scratch_bytes = report.scratch_bytes;
    ended.child = (report.pid != 0).then_some(Child {
        pid: report.pid,
        age: report.child_age,
        jobs: report.child_jobs,
    });
    ended.terms = Some(terms);
    ended.message = report.detail.clone().or_else(|| report.last_line().map(str::to_owned));
    // Where a limit ended it, the last line of its stderr explains nothing.
    if account::is_measured(outcome) {
        ended.message = None;
    }
    ended.stderr = Some(report.stderr);
    ended.reason = hurry.and_then(|hurry| hurry.reason);
    match report.last_word {
        Some(LastWord::Done { output, completed_in_tx }) if outcome == Outcome::Completed => {
            ended.output = output.filter(|output| output.get() != "null");
            ended.completed_in_tx = completed_in_tx;
            ended.enqueue = line.into_enqueue();
        }
        Some(LastWord::Fail { message, class, trace, fingerprint, then, after }) => {
            let (wish, asked) = outcome_of(wish(then, after));
            // A child that only now says what it wanted cannot change how it ended.
            if wish == outcome {
                ended.attempted.asked = asked;
            }
            ended.attempted.error_class = class;
            ended.message = Some(message);
            ended.trace = trace;
            ended.fingerprint = fingerprint;
        }
        _ if outcome == Outcome::Completed => ended.enqueue = line.into_enqueue(),
        _ => {}
    }
    ended
}

fn wish(then: ChildThen, after: Option<Duration>) -> Then {
    let after_or = |other| after.map_or(other, Then::RetryIn);
    match then {
        ChildThen::Retry => Then::Retry,
        ChildThen::RetryIn => after_or(Then::Retry),
        ChildThen::Snooze => Then::Snooze(after.unwrap_or(Duration::from_secs(60))),
        ChildThen::Dead => Then::Dead,
        ChildThen::Cancel => Then::Cancel,
        ChildThen::Interrupted => Then::Interrupted,
    }
}
