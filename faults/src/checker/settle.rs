//! H6: whether each verdict that was taken moved its job, and none that was refused did.

use std::collections::{BTreeMap, HashMap, HashSet};

use uuid::Uuid;

use super::joined::Joined;
use super::{Finding, Sort};
use crate::facts::Way;
use crate::history::{Answer, Line, Op, Phase, Settle};

/// What is known of one attempt's end: job, attempt and worker are its fence.
#[derive(Default)]
struct Fenced {
    told_ok: usize,
    told_stale: usize,
    unknown: usize,
    invoked: usize,
    /// Rows of the trail.
    left: usize,
    left_by_owner: usize,
}

type Fence = (i64, i32, Uuid);

pub(super) fn check(joined: &Joined<'_>) -> Vec<Finding> {
    let recorded: HashSet<Uuid> = joined.history.iter().filter_map(recorded_worker).collect();
    let effects = effects(joined.history);
    let mut found = Vec::new();
    for ((id, attempt, worker), fenced) in fenced(joined) {
        let has_effect = effects.contains(&(id, attempt));
        let may_have_left = fenced.told_ok + fenced.unknown > 0 || has_effect;
        let (sort, what) = if fenced.told_ok > fenced.left {
            let (told, left) = (fenced.told_ok, fenced.left);
            let what =
                format!("attempt {attempt} was told `ok` {told} times and left {left} times");
            (Sort::StaleAccepted, what)
        } else if fenced.left_by_owner > 0 && fenced.told_stale > 0 && !may_have_left {
            (Sort::StaleAccepted, format!("attempt {attempt} was told `stale`, and its job moved"))
        } else if fenced.left_by_owner > 0
            && fenced.invoked == 0
            && !has_effect
            && recorded.contains(&worker)
        {
            (
                Sort::Unexpected,
                format!("attempt {attempt} was settled, and its worker knows of none"),
            )
        } else {
            continue;
        };
        found.push(Finding { rule: "H6", sort, job: Some(id), what });
    }
    found
}

/// A worker that writes down what it does.
fn recorded_worker(line: &Line) -> Option<Uuid> {
    match &line.op {
        Op::Claim { worker, .. } => Some(*worker),
        Op::Settle(settle) => Some(settle.worker),
        _ => None,
    }
}

/// Attempts of which a transaction of the handler may have completed the job.
fn effects(history: &[Line]) -> HashSet<(i64, i32)> {
    let mut open: HashMap<(i64, i32), i32> = HashMap::new();
    for line in history {
        let Op::Effect { id, attempt } = line.op else { continue };
        *open.entry((id, attempt)).or_default() += match line.phase {
            Phase::Invoke => 1,
            Phase::Fail => -1,
            Phase::Ok | Phase::Info => 0,
        };
    }
    open.into_iter().filter(|(_, count)| *count > 0).map(|(attempt, _)| attempt).collect()
}

fn fenced(joined: &Joined<'_>) -> BTreeMap<Fence, Fenced> {
    let mut all: BTreeMap<Fence, Fenced> = BTreeMap::new();
    for (settle, end) in settles(joined.history) {
        let fenced = all.entry((settle.id, settle.attempt, settle.worker)).or_default();
        fenced.invoked += 1;
        match end {
            End::Answered(Answer::Ok) => fenced.told_ok += 1,
            End::Answered(Answer::Stale) => fenced.told_stale += 1,
            End::Failed => {}
            End::Unknown => fenced.unknown += 1,
        }
    }
    for row in joined.facts.trail.iter().filter(|row| row.is_running(Way::Leave)) {
        let (Some(attempt), Some(worker)) = (row.attempt, row.worker) else { continue };
        let fenced = all.entry((row.job, attempt, worker)).or_default();
        fenced.left += 1;
        fenced.left_by_owner += usize::from(row.is_by_owner());
    }
    all
}

/// Verdicts of which nobody knows whether they were taken.
pub(super) fn unknown(history: &[Line]) -> usize {
    settles(history).iter().filter(|(_, end)| matches!(end, End::Unknown)).count()
}

enum End {
    Answered(Answer),
    Failed,
    Unknown,
}

/// Each verdict that was sent, and what was heard of it.
fn settles(history: &[Line]) -> Vec<(&Settle, End)> {
    let mut all: Vec<(&Settle, End)> = Vec::new();
    let mut open: HashMap<(Uuid, i64, i32, Uuid), usize> = HashMap::new();
    for line in history {
        let (Op::Settle(settle) | Op::Rescue(settle)) = &line.op else { continue };
        let place = (line.process, settle.id, settle.attempt, settle.worker);
        let end = match line.phase {
            Phase::Invoke => {
                open.insert(place, all.len());
                all.push((settle, End::Unknown));
                continue;
            }
            Phase::Ok => End::Answered(settle.answer.unwrap_or(Answer::Ok)),
            Phase::Fail => End::Failed,
            Phase::Info => End::Unknown,
        };
        match open.remove(&place) {
            Some(number) => all[number].1 = end,
            // An answer to what nobody has sent is still an answer.
            None => all.push((settle, end)),
        }
    }
    all
}
