//! What stands in line: who could take it, what keeps them from it, and what stands before it.

use std::time::Duration;

use super::waiting::{expires, knows, paused, unknown_kind};
use super::{Facts, Reason, Why, instant, jobs};
use crate::model::document::JobDocument;
use crate::model::priority::shares;
use crate::model::status::WorkerStatus;
use crate::model::unit::{about, format_size};

/// A rate of the last minutes says nothing about more than that.
const FARTHEST: Duration = Duration::from_secs(30 * 86_400);

pub(super) fn why(job: &JobDocument, facts: &Facts) -> Why {
    if instant(job.expires_at).is_some_and(|at| at <= facts.now) {
        let text = "its time to start is over: it is about to be cancelled";
        return Why { since: instant(job.expires_at), ..Why::of(Reason::Expired, text) };
    }
    if let Some(pause) = facts.pauses.first() {
        return paused(job, facts, pause);
    }
    let live: Vec<&WorkerStatus> =
        facts.workers.iter().filter(|worker| worker.state == "live").collect();
    if live.is_empty() {
        return no_worker(job, facts);
    }
    let knowing: Vec<&WorkerStatus> =
        live.into_iter().filter(|worker| knows(worker, &job.kind)).collect();
    if knowing.is_empty() {
        return unknown_kind(job, facts);
    }
    let (free, kept): (Vec<_>, Vec<_>) = knowing
        .into_iter()
        .map(|worker| (worker, obstacle(job, worker)))
        .partition(|it| it.1.is_none());
    let free: Vec<&WorkerStatus> = free.into_iter().map(|(worker, _)| worker).collect();
    let why = match kept.into_iter().find_map(|(_, why)| why) {
        Some(why) if free.is_empty() => Why { since: facts.since, ..why },
        _ => turn(job, facts, &free),
    };
    Why { text: why.text + &expires(job, facts, why.start_at), ..why }
}

fn no_worker(job: &JobDocument, facts: &Facts) -> Why {
    let queue = &job.queue;
    let mut text = format!("no live worker serves queue {queue}");
    if let Some(worker) = facts.workers.first() {
        text = format!("{text}: the one on {} drains and takes nothing new", worker.host);
    } else if let Some(served) = &facts.served {
        text = format!("{text}, the last was seen {} ago on {}", facts.ago(served.at), served.host);
    }
    text += &expires(job, facts, None);
    let remedy = format!("backstay work --queues {queue}");
    Why { since: facts.since, remedy: Some(remedy), ..Why::of(Reason::NoWorker, text) }
}

/// What keeps this worker from taking the job: the first that applies.
fn obstacle(job: &JobDocument, worker: &WorkerStatus) -> Option<Why> {
    let (admission, kind) = (&worker.admission, &job.kind);
    let why = |reason, text: String, remedy: String| {
        Some(Why { remedy: Some(remedy), ..Why::of(reason, text) })
    };
    if let Some(lost) = &admission.level_lost {
        let text =
            format!("its worker on {} claims nothing: limits cannot be held, {lost}", worker.host);
        return why(Reason::LevelLost, text, "backstay alerts list".into());
    }
    if let Some(brake) = admission.brakes.first() {
        let text = format!("its worker on {} {}", worker.host, brake.line());
        return why(Reason::Brake, text, "backstay workers list".into());
    }
    let of_queue = admission.pool_broken.get(&job.queue);
    if of_queue.is_some_and(|kinds| kinds.contains(kind)) {
        let text = format!("the program of {kind} does not boot on {}", worker.host);
        return why(Reason::PoolBroken, text, "backstay alerts list".into());
    }
    if admission.kind_braked.contains(kind) {
        let text = format!("attempts of {kind} crash again and again, so they start one at a time");
        return why(Reason::KindBraked, text, format!("backstay jobs list --kind {kind}"));
    }
    let budget = admission.memory_budget?;
    let needs = job.memory_bytes.filter(|needs| *needs > budget)?;
    let text = format!(
        "it needs {} of memory, and all jobs together may use {} on {}",
        format_size(needs),
        format_size(budget),
        worker.host
    );
    let remedy = "start a worker with more memory_budget, or enqueue it anew with less memory";
    why(Reason::NeedsMemory, text, remedy.into())
}

/// Nothing keeps these workers from the job but its turn.
fn turn(job: &JobDocument, facts: &Facts, workers: &[&WorkerStatus]) -> Why {
    let slots: Vec<Slots> = workers.iter().map(|worker| Slots::of(job, facts, worker)).collect();
    let has_room = slots.iter().any(|slots| slots.has_room);
    let why = match (has_room, facts.ahead.count) {
        (false, _) => no_slot(job, facts, &slots),
        (true, 0) => Why::of(Reason::Ready, "nothing stands in its way: the next look takes it"),
        (true, _) => {
            let remedy = (job.priority > 0).then(|| sooner(job));
            Why { remedy, ..Why::of(Reason::Behind, before(job, facts)) }
        }
    };
    let wait = match why.reason {
        Reason::Ready => Some(Duration::ZERO),
        _ => wait(facts, !has_room),
    };
    let mut text = why.text;
    if why.reason != Reason::Ready {
        text += &estimate(facts, wait);
    }
    let start_at = wait.and_then(|wait| facts.after(wait));
    Why { text, since: facts.since, start_at, ..why }
}

fn no_slot(job: &JobDocument, facts: &Facts, slots: &[Slots]) -> Why {
    let all: u16 = slots.iter().map(|slots| slots.count).sum();
    let free: u16 = slots.iter().map(Slots::free).sum();
    let queue = &job.queue;
    let mut text = match (free, all) {
        (0, 1) => format!("the one slot of queue {queue} is busy"),
        (0, _) => format!("all {all} slots of queue {queue} are busy"),
        _ => {
            format!("of {all} slots of queue {queue} {free} are free and kept for more urgent jobs")
        }
    };
    let host = |id: &str| facts.workers.iter().find(|worker| worker.id == id).map(|it| &it.host);
    let holders: Vec<String> = facts
        .longest
        .iter()
        .map(|it| {
            let on = host(&it.worker).map(|host| format!(" on {host}")).unwrap_or_default();
            format!("{} {}{on} for {}", it.kind, it.id, facts.ago(it.since))
        })
        .collect();
    if !holders.is_empty() {
        text += &format!(", the longest with {}", holders.join(", "));
    }
    if facts.ahead.count > 0 {
        text += &format!("; {}", before(job, facts));
    }
    let remedy = format!("give queue {queue} more slots or workers; what runs: backstay top");
    Why { remedy: Some(remedy), ..Why::of(Reason::NoSlot, text) }
}

/// `17 jobs stand before it in queue reports, 3 of them more urgent`.
fn before(job: &JobDocument, facts: &Facts) -> String {
    let ahead = facts.ahead;
    let most = if ahead.more { "more than " } else { "" };
    let verb = if ahead.count == 1 { "stands" } else { "stand" };
    let mut text = format!("{most}{} {verb} before it in queue {}", jobs(ahead.count), job.queue);
    match ahead.urgent {
        0 => {}
        n if n == ahead.count => text += ", more urgent than it",
        n => text += &format!(", {n} of them more urgent"),
    }
    text
}

fn sooner(job: &JobDocument) -> String {
    format!("to have it run sooner: backstay jobs edit {} --priority urgent", job.id)
}

/// How long it takes until those before it have started, at the pace of the last minutes.
fn wait(facts: &Facts, for_a_slot: bool) -> Option<Duration> {
    let per_hour = facts.per_hour.filter(|rate| *rate > 0.0)?;
    let starts = facts.ahead.count + u64::from(for_a_slot);
    let wait = Duration::try_from_secs_f64(starts as f64 * 3600.0 / per_hour).ok()?;
    (wait <= FARTHEST).then_some(wait)
}

fn estimate(facts: &Facts, wait: Option<Duration>) -> String {
    match wait {
        Some(wait) if facts.ahead.more => format!("; it starts in {} or later", about(wait)),
        Some(wait) => format!("; it starts in about {}", about(wait)),
        None => "; when it starts is not known, since nothing of its queue ended lately".into(),
    }
}

/// The slots of one worker for the job's queue.
struct Slots {
    count: u16,
    busy: u16,
    /// One is free for jobs of this level.
    has_room: bool,
}

impl Slots {
    fn of(job: &JobDocument, facts: &Facts, worker: &WorkerStatus) -> Slots {
        let told = worker.admission.slots.get(&job.queue);
        // A worker of a release before this one says only how many it has for all its queues.
        let count = told.map_or_else(|| u16::try_from(worker.slots).unwrap_or(0), |it| it.count);
        let mut running = [0_u16; 10];
        for busy in facts.busy.iter().filter(|busy| busy.worker == worker.id) {
            running[usize::from(busy.priority.level())] += busy.jobs;
        }
        let busy = running.iter().sum();
        let reserve = told.map(|slots| slots.reserve.as_slice()).unwrap_or_default();
        let shares = shares(count.saturating_sub(busy), &running, reserve);
        let reaches = |level: u8| i16::from(level) >= job.priority;
        let has_room = shares.iter().any(|share| reaches(share.down_to.level()));
        Slots { count, busy, has_room }
    }

    fn free(&self) -> u16 {
        self.count.saturating_sub(self.busy)
    }
}
