//! A standby that takes over may not have heard of what was answered before: those answers say nothing.

use std::borrow::Cow;
use std::collections::HashSet;

use super::joined::{Harm, Joined};
use super::{Finding, Sort};
use crate::history::{Fault, Line, Op, Phase, Settle};

/// The history with every answer that such a standby need not know turned into none, and without the starts of attempts that it
/// may give out once more.
pub(super) fn forget(history: &[Line]) -> Cow<'_, [Line]> {
    let mut is_deaf = false;
    if !history.iter().any(|line| is_takeover(line).is_some()) {
        return history.into();
    }
    let mut kept = Vec::with_capacity(history.len());
    let mut begun = HashSet::new();
    for line in history {
        is_deaf = is_takeover(line).unwrap_or(is_deaf);
        if let Op::Work { id, attempt } = line.op {
            let work = (line.process, id, attempt);
            // One that began unheard may end later.
            let is_begin = line.phase == Phase::Invoke;
            let is_unheard = if is_begin { is_deaf } else { begun.remove(&work) };
            if is_unheard && is_begin {
                begun.insert(work);
            }
            if is_unheard {
                continue;
            }
        }
        kept.push(if is_deaf { unsure(line.clone()) } else { line.clone() });
    }
    kept.into()
}

/// Whether a standby hears nothing from here on, or has taken over.
fn is_takeover(line: &Line) -> Option<bool> {
    match line.op {
        Op::Fault { fault: Fault::Takeover, .. } => Some(line.phase == Phase::Invoke),
        _ => None,
    }
}

/// Nobody knows whether it was done.
fn unsure(mut line: Line) -> Line {
    if line.phase != Phase::Ok {
        return line;
    }
    match &mut line.op {
        Op::Enqueue { id, .. } => *id = None,
        Op::Settle(Settle { answer, .. }) | Op::Rescue(Settle { answer, .. }) => *answer = None,
        Op::Effect { .. } => {}
        _ => return line,
    }
    line.phase = Phase::Info;
    line
}

/// H7: starts that the standby had not heard of, of jobs that it knew and that were started again.
pub(super) fn repeats(history: &[Line], joined: &Joined<'_>) -> Vec<Finding> {
    let takeovers = joined.harms.iter().filter(|harm| harm.fault == Fault::Takeover);
    takeovers.flat_map(|takeover| repeated_by(takeover, history, joined)).collect()
}

fn repeated_by(takeover: &Harm, history: &[Line], joined: &Joined<'_>) -> Vec<Finding> {
    let until = takeover.ended_us.unwrap_or(u64::MAX);
    let is_unheard = |line: &&Line| (takeover.began_us..until).contains(&line.mono_us);
    let mut found = Vec::new();
    for line in history.iter().filter(is_unheard).filter(|line| line.phase == Phase::Invoke) {
        let Op::Work { id, attempt } = line.op else { continue };
        // An id that was given out unheard is given out again, to another job.
        let knew = |at| joined.moves(id).first().is_some_and(|row| row.at < at);
        let again = joined.works.get(&id).is_some_and(|works| !works.is_empty());
        if again && takeover.began_at.is_some_and(knew) {
            let what = format!("attempt {attempt} had begun, and the standby did not know of it");
            let sort = Sort::Duplicated { explained: true };
            found.push(Finding { rule: "H7", sort, job: Some(id), what });
        }
    }
    found
}
