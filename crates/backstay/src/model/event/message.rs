//! The sentence of an event's log line, to be read without its fields.

use std::time::Duration;

use super::super::unit::format_duration;
use super::fields::{harmless, one_line};
use super::{Event, JobRef};

pub(super) fn message(event: &Event) -> String {
    of_job(event)
        .or_else(|| of_child(event))
        .or_else(|| of_worker(event))
        .unwrap_or_else(|| of_others(event))
}

fn of_job(event: &Event) -> Option<String> {
    Some(match event {
        Event::Claimed { job, waited, .. } => {
            format!("{} claimed after {} in line", the(job), time(*waited))
        }
        Event::Completed { job, took } => format!("{} completed in {}", the(job), time(*took)),
        Event::Retried { job, outcome, delay, error } => {
            format!("{} {outcome}{}; next attempt in {}", the(job), colon(error), time(*delay))
        }
        Event::Snoozed { job, delay } => {
            format!("{} asked to be started in {}", the(job), time(*delay))
        }
        Event::Released { job, outcome } => format!("{} given back ({outcome})", the(job)),
        Event::Interrupted { job } => {
            format!("{} interrupted by the stop of its worker and given back", the(job))
        }
        Event::Cancelled { job, reason } => format!("{} cancelled{}", the(job), colon(reason)),
        Event::Buried { job, reason, fingerprint, error } => format!(
            "{} is dead, {reason}{}; look: backstay dead show {fingerprint}",
            the(job),
            colon(error)
        ),
        Event::Rescued { job, worker, evidence } => {
            format!("{} taken over from lost worker {worker} ({})", the(job), evidence.as_str())
        }
        Event::OutputDropped { job, reason } => {
            format!("{} completed, but its output was dropped{}", the(job), colon(reason))
        }
        Event::Output { line, .. } => one_line(line).unwrap_or_default().into_owned(),
        Event::LeaseLost { job, .. } => {
            format!("{} is no longer held by this attempt; it is stopped here", the(job))
        }
        Event::SettleStale { job, outcome } => {
            format!("{} came to {outcome} too late; nothing was changed", the(job))
        }
        Event::Expired { count } => format!("{} not started in time and cancelled", jobs(*count)),
        Event::Promoted { count } => format!("{} due and in line", jobs(*count)),
        Event::Parked { count, reason } => format!("{} held back{}", jobs(*count), colon(reason)),
        Event::Admitted { count } => format!("{} in line again", jobs(*count)),
        Event::Revived { count } => format!("{} revived", jobs(*count)),
        Event::Discarded { count } => format!("{} discarded", jobs(*count)),
        Event::Edited { count } => format!("{} edited", jobs(*count)),
        _ => return None,
    })
}

fn of_child(event: &Event) -> Option<String> {
    Some(match event {
        Event::SettleSplit { count, error } => {
            format!("{count} verdicts are written one by one{}", colon(error))
        }
        Event::ChildStarted { queue, pid } => format!("child {pid} of queue `{queue}` started"),
        Event::ChildReady { queue, pid, took } => {
            format!("child {pid} of queue `{queue}` ready after {}", time(*took))
        }
        Event::ChildEnded { queue, pid, reason } => {
            format!("child {pid} of queue `{queue}` ended{}", colon(reason))
        }
        Event::ChildRecycled { queue, pid, reason } => {
            format!("child {pid} of queue `{queue}` is replaced{}", colon(reason))
        }
        Event::ChildKilled { queue, pid, job, reason } => {
            format!("child {pid} of queue `{queue}` killed with job {job}{}", colon(reason))
        }
        Event::ChildDirtyExit { queue, pid, job, reason } => format!(
            "job {job} of queue `{queue}` completed, but its child {pid} crashed afterwards{}",
            colon(reason)
        ),
        Event::ChildStrayOutput { queue, pid, count } => {
            format!("child {pid} of queue `{queue}` printed {count} bytes between two jobs")
        }
        Event::Evicted { job, reason } => format!("{}{}", the(job), colon(reason)),
        Event::LimitHit { job, outcome, error } => {
            format!("{} {outcome}{}", the(job), colon(error))
        }
        Event::LimitClamped { job, limit, asked, most } => format!(
            "{} asks for {limit} of {asked} and gets {most}, the most that its queue allows",
            the(job)
        ),
        Event::ChildProtocolError { queue, pid, code, error } => {
            format!("child {pid} of queue `{queue}` broke the protocol ({code}){}", colon(error))
        }
        _ => return None,
    })
}

fn of_worker(event: &Event) -> Option<String> {
    Some(match event {
        Event::WorkerStarted { worker, release } => {
            format!("worker {worker} starts, release {release}")
        }
        Event::WorkerReady { worker, queues, slots } => {
            format!("worker {worker} is ready: {slots} slots for {}", queues.join(", "))
        }
        Event::WorkerDraining { worker, running, left } => {
            format!("worker {worker} is draining: {running} running, up to {}", time(*left))
        }
        Event::WorkerStopped { worker, released } => {
            format!("worker {worker} has stopped, {released} jobs given back")
        }
        Event::WorkerLost { worker, evidence, jobs } => {
            format!("worker {worker} is lost ({}), {jobs} jobs aboard", evidence.as_str())
        }
        Event::PredecessorLost { worker, jobs } => {
            format!("worker {worker}, which ran here before, was lost with {jobs} jobs aboard")
        }
        Event::LevelReached { level, holders, reason } => {
            let why = one_line(reason).map(|why| format!("; not better, since {why}"));
            format!("isolation level {level}{}{}", colon(holders), why.unwrap_or_default())
        }
        Event::LevelLost { level, error } => format!(
            "limits can no longer be held at level {level}{}; nothing is claimed until they can",
            colon(error)
        ),
        Event::BudgetShared { others } => format!(
            "{others} more {} here with all of the memory, as this one does: write memory_budget below [worker] for each",
            if *others == 1 { "worker plans" } else { "workers plan" }
        ),
        Event::BehindShell { shell } => format!(
            "a shell runs this worker (`{}`) and may not pass on the signal to stop: write `exec` before the command",
            harmless(shell)
        ),
        Event::ScratchInMemory { place } => format!(
            "the folders of jobs lie in memory (`{}`), which counts as nobody's: set scratch_dir below [worker] to a \
             folder on a disk",
            harmless(place)
        ),
        Event::LeaderElected { worker } => format!("worker {worker} does the housekeeping"),
        Event::LoopSilent { name, silent } => {
            format!("loop `{name}` has not succeeded for {}", time(*silent))
        }
        Event::DatabaseLost { error } => {
            format!("the database cannot be reached{}; running jobs go on", colon(error))
        }
        Event::DatabaseRestored { away } => {
            format!("the database is back after {}", time(*away))
        }
        Event::DurabilityWeak { setting } => {
            format!("a crash of the server may lose what was committed: {setting}")
        }
        Event::ListenLost { error } => {
            format!("no wake-ups by NOTIFY{}; polling goes on", colon(error))
        }
        Event::ConnectionBudget { sum, problem } => {
            let problem = problem.as_deref().map(|it| format!("; {}", harmless(it)));
            format!("connections: {}{}", harmless(sum), problem.unwrap_or_default())
        }
        Event::BrakeOn { what, reason } => {
            format!("the {what} is in trouble, so fewer jobs are claimed: {}", harmless(reason))
        }
        Event::BrakeOff { what, lasted } => {
            format!("the {what} is well again after {}; jobs are claimed as usual", time(*lasted))
        }
        Event::BackendsEnded { name, count } => {
            format!("ended what a killed handler had running in the database: {count} of `{name}`")
        }
        Event::BackendsLeft { name, error } => format!(
            "what a killed handler (`{name}`) has running in the database could not be ended{}; \
             it goes on until the server notices",
            colon(error)
        ),
        Event::ListenRestored => "wake-ups by NOTIFY are back".into(),
        Event::PoolerFound => {
            "a transaction pooler stands before the database: wake-ups come by polling, the death of \
             a worker is seen by its lease"
                .into()
        }
        _ => return None,
    })
}

fn of_others(event: &Event) -> String {
    match event {
        Event::QueuePaused { queue, reason } => format!("queue `{queue}` paused{}", colon(reason)),
        Event::QueueResumed { queue } => format!("queue `{queue}` resumed"),
        Event::QueueLate { queue, waited } => {
            format!("the oldest job of queue `{queue}` has waited for {}", time(*waited))
        }
        Event::PoolBroken { queue, error } => {
            format!("the program of queue `{queue}` does not boot{}", colon(error))
        }
        Event::PoolMended { queue } => format!("the program of queue `{queue}` boots again"),
        Event::KindUnknown { kind, queue } => {
            format!("kind `{kind}` in queue `{queue}` has no handler here")
        }
        Event::KindBraked { kind, count } => format!(
            "{count} attempts of kind `{kind}` crashed or ran out of memory and none completed; they start one at a time"
        ),
        Event::KindFreed { kind } => {
            format!("an attempt of kind `{kind}` has completed; they start as usual")
        }
        Event::KindHeld { kind, count } => {
            format!("{} of kind `{kind}` held back: no worker has a handler", jobs(*count))
        }
        Event::AlertLogged { headline, text, .. } => {
            let text = if text.is_empty() { String::new() } else { format!(". {text}") };
            harmless(&format!("{headline}{text}"))
        }
        Event::AlertSent { channel, rule, subject, count } => {
            format!("alert {rule} of `{subject}` ({count}) accepted by channel `{channel}`")
        }
        Event::AlertFailed { channel, rule, subject, again_in, error } => format!(
            "alert {rule} of `{subject}` not accepted by channel `{channel}`{}; again in {}",
            colon(error),
            time(*again_in)
        ),
        Event::AlertUndeliverable { channel, rule, subject, error } => format!(
            "alert {rule} of `{subject}` given up for channel `{channel}` after three days{}",
            colon(error)
        ),
        Event::CronTicked { schedule, job } => {
            format!("schedule `{schedule}` has ticked: job {job}")
        }
        Event::CronSkipped { schedule, reason } => {
            format!("a tick of schedule `{schedule}` made no job{}", colon(reason))
        }
        Event::CronMissed { schedule, count } => {
            format!("{count} missed ticks of schedule `{schedule}` were dropped")
        }
        Event::CronStuck { schedule, error } => {
            format!("the next tick of schedule `{schedule}` is not known{}", colon(error))
        }
        Event::PruneDone { count } => format!("{count} rows past their retention deleted"),
        Event::MigrateApplied { version, name } => format!("migration {version:04} {name} applied"),
        Event::ConfigApplied { what } => format!("settings applied: {what}"),
        Event::ConfigRefused { code, error } => {
            format!("settings refused ({code}){}; the old ones stay", colon(error))
        }
        Event::ConfigDiffers { what } => format!("live workers have different settings: {what}"),
        Event::InstallationHeld { reason } => {
            format!("this installation starts nothing{}; look: backstay doctor", colon(reason))
        }
        Event::TracesLost { count: 0, error } => format!("attempts are not traced{}", colon(error)),
        Event::TracesLost { count: 1, error } => {
            format!("1 span did not reach its collector and is gone{}", colon(error))
        }
        Event::TracesLost { count, error } => {
            format!("{count} spans did not reach their collector and are gone{}", colon(error))
        }
        Event::AuthFailed { from } => format!("a token that opens nothing came from {from}"),
        Event::AuthLimited { from } => {
            format!(
                "too many tokens that open nothing came from {from}: for some minutes none is looked at"
            )
        }
        Event::AuditRecorded { verb, actor, target } => format!("{actor}: {verb} {target}"),
        other => other.name().into(),
    }
}

fn the(job: &JobRef) -> String {
    match job.attempt {
        ..=1 => format!("{} {}", job.kind, job.id),
        attempt => format!("{} {} (attempt {attempt})", job.kind, job.id),
    }
}

fn jobs(count: u64) -> String {
    if count == 1 { "1 job".into() } else { format!("{count} jobs") }
}

/// `: text`, or nothing where there is no text.
fn colon(text: &str) -> String {
    one_line(text).map_or(String::new(), |text| format!(": {text}"))
}

/// Short for people: whole seconds from ten seconds on.
fn time(duration: Duration) -> String {
    let millis = duration.as_millis() as u64;
    let shown = if millis >= 10_000 { millis / 1000 * 1000 } else { millis };
    format_duration(Duration::from_millis(shown))
}
