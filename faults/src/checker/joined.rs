//! History and facts side by side, found by job.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use crate::facts::{Facts, Job, Place, Row, Way};
use crate::history::{Answer, Fault, Line, Op, Phase, Role, Verdict};

pub(super) struct Joined<'a> {
    pub(super) history: &'a [Line],
    pub(super) facts: &'a Facts,
    /// By job, by `seq`.
    pub(super) trail: BTreeMap<i64, Vec<&'a Row>>,
    pub(super) jobs: HashMap<i64, &'a Job>,
    pub(super) enqueues: Vec<Enqueue<'a>>,
    /// By job, in order.
    pub(super) works: BTreeMap<i64, Vec<Work>>,
    /// By job, in no order.
    pub(super) ends: BTreeMap<i64, Vec<End>>,
    /// Dead letters that somebody may have brought back.
    pub(super) revived: HashSet<i64>,
    pub(super) harms: Vec<Harm>,
}

/// An attempt with which a job ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) attempt: i32,
    pub(super) is_death: bool,
    /// When a worker was told of it; none where the trail has seen it, to which the order of attempts is that of time.
    pub(super) told_us: Option<u64>,
}

impl End {
    /// Whether the job had ended with it before this start.
    pub(super) fn is_before(&self, work: &Work) -> bool {
        self.attempt < work.attempt && self.told_us.is_none_or(|told| told < work.began_us)
    }
}

/// One try to enqueue.
pub(super) struct Enqueue<'a> {
    pub(super) key: &'a str,
    pub(super) asked_us: u64,
    /// `Invoke` where nothing followed.
    pub(super) end: Phase,
    pub(super) id: Option<i64>,
}

/// One start of a handler.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    pub(super) attempt: i32,
    pub(super) began_us: u64,
    /// None where it never said that it ended.
    pub(super) ended_us: Option<u64>,
}

/// Harm that was done.
#[derive(Debug)]
pub(super) struct Harm {
    pub(super) fault: Fault,
    /// To whom; none where nobody knows who had this pid.
    pub(super) worker: Option<Uuid>,
    pub(super) began_us: u64,
    pub(super) began_at: Option<Timestamp>,
    /// None where it lasted to the end, or has no length.
    pub(super) ended_us: Option<u64>,
}

impl Harm {
    /// How long it lasted.
    pub(super) fn lasted(&self) -> Duration {
        let end = self.ended_us.unwrap_or(u64::MAX);
        Duration::from_micros(end.saturating_sub(self.began_us))
    }
}

impl<'a> Joined<'a> {
    pub(super) fn new(history: &'a [Line], facts: &'a Facts) -> Joined<'a> {
        let mut trail: BTreeMap<i64, Vec<&Row>> = BTreeMap::new();
        for row in &facts.trail {
            trail.entry(row.job).or_default().push(row);
        }
        trail.values_mut().for_each(|rows| rows.sort_by_key(|row| row.seq));
        Joined {
            history,
            facts,
            trail,
            jobs: facts.jobs.iter().map(|job| (job.id, job)).collect(),
            enqueues: enqueues(history),
            works: works(history),
            ends: ends(history, facts),
            revived: history.iter().filter_map(revived).collect(),
            harms: harms(history),
        }
    }

    pub(super) fn moves(&self, job: i64) -> &[&'a Row] {
        self.trail.get(&job).map_or(&[], Vec::as_slice)
    }

    /// Every job that somebody knows.
    pub(super) fn ids(&self) -> BTreeSet<i64> {
        let told = self.enqueues.iter().filter_map(|enqueue| enqueue.id);
        self.trail.keys().chain(self.jobs.keys()).copied().chain(told).collect()
    }

    /// The newest harm that lost this attempt, which a rescue has taken from its worker.
    pub(super) fn cause(&self, rescued: &Row) -> Option<&Harm> {
        let is_cause = |harm: &&Harm| {
            harm.worker.is_some()
                && harm.worker == rescued.worker
                && harm.fault != Fault::Server
                && harm.began_at.is_some_and(|at| at <= rescued.at)
        };
        self.harms.iter().filter(is_cause).max_by_key(|harm| harm.began_us)
    }
}

/// The index of the first later line of the same process that ends what `history[begin]` has invoked.
fn end_of(history: &[Line], begin: usize, is_same: impl Fn(&Op) -> bool) -> Option<&Line> {
    let first = &history[begin];
    let mut later = history[begin + 1..]
        .iter()
        .filter(|line| line.process == first.process && is_same(&line.op));
    later.next().filter(|line| line.phase != Phase::Invoke)
}

fn enqueues(history: &[Line]) -> Vec<Enqueue<'_>> {
    // A producer asks for thousands at once, so each is found by process and key and not by walking.
    let mut all: Vec<Enqueue<'_>> = Vec::new();
    let mut open: HashMap<(Uuid, &str), usize> = HashMap::new();
    for line in history {
        let Op::Enqueue { key, id } = &line.op else { continue };
        let place = (line.process, key.as_str());
        if line.phase == Phase::Invoke {
            open.insert(place, all.len());
            let (asked_us, end) = (line.mono_us, Phase::Invoke);
            all.push(Enqueue { key, asked_us, end, id: None });
        } else if let Some(number) = open.remove(&place) {
            (all[number].end, all[number].id) = (line.phase, *id);
        }
    }
    all
}

fn works(history: &[Line]) -> BTreeMap<i64, Vec<Work>> {
    let mut all: BTreeMap<i64, Vec<Work>> = BTreeMap::new();
    let mut open: HashMap<(Uuid, i64, i32), usize> = HashMap::new();
    for line in history {
        let Op::Work { id, attempt } = line.op else { continue };
        let (works, place) = (all.entry(id).or_default(), (line.process, id, attempt));
        if line.phase == Phase::Invoke {
            open.insert(place, works.len());
            works.push(Work { attempt, began_us: line.mono_us, ended_us: None });
        } else if let Some(number) = open.remove(&place) {
            works[number].ended_us = Some(line.mono_us);
        }
    }
    all
}

/// As workers were told, and as the trail has seen.
fn ends(history: &[Line], facts: &Facts) -> BTreeMap<i64, Vec<End>> {
    let mut all: BTreeMap<i64, Vec<End>> = BTreeMap::new();
    for line in history.iter().filter(|line| line.phase == Phase::Ok) {
        let (Op::Settle(settle) | Op::Rescue(settle)) = &line.op else { continue };
        if settle.verdict.is_end() && settle.answer != Some(Answer::Stale) {
            let is_death = settle.verdict == Verdict::Bury;
            let (attempt, told_us) = (settle.attempt, Some(line.mono_us));
            all.entry(settle.id).or_default().push(End { attempt, is_death, told_us });
        }
    }
    for row in facts.trail.iter().filter(|row| row.way == Way::Enter) {
        let is_death = row.place == Place::DeadLetter;
        if let (true, Some(attempt)) = (is_death || row.place == Place::History, row.attempt) {
            all.entry(row.job).or_default().push(End { attempt, is_death, told_us: None });
        }
    }
    all
}

fn revived(line: &Line) -> Option<i64> {
    match line.op {
        Op::Revive { id } if line.phase != Phase::Fail => Some(id),
        _ => None,
    }
}

/// The worker that a process is: it says so at its start or, where it did not know yet, with what it claims and settles.
fn worker(line: &Line) -> Option<(Uuid, Uuid)> {
    let worker = match &line.op {
        Op::Begin { worker, .. } => (*worker)?,
        Op::Claim { worker, .. } => *worker,
        Op::Settle(settle) => settle.worker,
        _ => return None,
    };
    Some((line.process, worker))
}

fn harms(history: &[Line]) -> Vec<Harm> {
    let workers: HashMap<Uuid, Uuid> = history.iter().filter_map(worker).collect();
    let mut all = Vec::new();
    // One process may write several files, of which not each knows the worker. A number may be given again, so the newest
    // that knows is meant.
    let mut by_pid: HashMap<i32, Vec<Uuid>> = HashMap::new();
    for (number, line) in history.iter().enumerate() {
        match line.op {
            Op::Begin { pid, role: Role::Worker, .. } => {
                by_pid.entry(pid).or_default().push(line.process);
            }
            Op::Fault { fault, pid } if line.phase == Phase::Invoke => {
                let end = end_of(history, number, |op| *op == line.op);
                all.push(Harm {
                    fault,
                    worker: pid.and_then(|pid| {
                        let mut known = by_pid.get(&pid)?.iter().rev();
                        known.find_map(|process| workers.get(process)).copied()
                    }),
                    began_us: line.mono_us,
                    began_at: line.at,
                    ended_us: end.map(|end| end.mono_us),
                });
            }
            _ => {}
        }
    }
    all
}
