//! H2, H5 and H6 of what people do to jobs: nobody else has done it, it is done, and it holds.

use std::collections::{BTreeMap, HashSet};

use super::joined::Joined;
use super::{Finding, Sort};
use crate::facts::{Place, Stands, Way};
use crate::history::{Line, Op, Phase, Role};

pub(super) fn check(joined: &Joined<'_>) -> Vec<Finding> {
    [cancelled_by_nobody(joined), claimed_all_the_same(joined), not_revived(joined)].concat()
}

fn finding(rule: &'static str, job: i64, what: String) -> Finding {
    Finding { rule, sort: Sort::Unexpected, job: Some(job), what }
}

/// H2: where no operator writes down what he does, nobody knows who it was.
fn cancelled_by_nobody(joined: &Joined<'_>) -> Vec<Finding> {
    let is_operator = |line: &Line| matches!(line.op, Op::Begin { role: Role::Operator, .. });
    if !joined.history.iter().any(is_operator) {
        return Vec::new();
    }
    let asked: HashSet<i64> = joined.history.iter().filter_map(cancel).map(|(_, id)| id).collect();
    let jobs = joined.facts.jobs.iter();
    let what = "it is cancelled, and nobody has asked for that";
    jobs.filter(|job| job.stands == Stands::Cancelled && !asked.contains(&job.id))
        .map(|job| finding("H2", job.id, what.to_owned()))
        .collect()
}

/// H5: whoever is told that a job is stopped, or that its worker will stop it, need not fear another attempt.
fn claimed_all_the_same(joined: &Joined<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (line, id) in joined.history.iter().filter_map(cancel) {
        if line.phase != Phase::Ok || joined.revived.contains(&id) {
            continue;
        }
        let Some(accepted) = line.at else { continue };
        let claims = joined.moves(id).iter().filter(|row| row.is_running(Way::Enter));
        for row in claims.filter(|row| row.at > accepted) {
            let attempt = row.attempt.unwrap_or(0);
            let what = format!("attempt {attempt} was claimed, although a cancel was accepted");
            found.push(finding("H5", id, what));
        }
    }
    found
}

/// A cancel that may have been done.
fn cancel(line: &Line) -> Option<(&Line, i64)> {
    match line.op {
        Op::Cancel { id } if line.phase != Phase::Fail => Some((line, id)),
        _ => None,
    }
}

/// H6: each revive that was acknowledged has taken a dead letter from its place.
fn not_revived(joined: &Joined<'_>) -> Vec<Finding> {
    let mut told: BTreeMap<i64, usize> = BTreeMap::new();
    for line in joined.history.iter().filter(|line| line.phase == Phase::Ok) {
        if let Op::Revive { id } = line.op {
            *told.entry(id).or_default() += 1;
        }
    }
    let mut found = Vec::new();
    for (id, told) in told {
        let rows = joined.moves(id).iter();
        let left =
            rows.filter(|row| row.place == Place::DeadLetter && row.way == Way::Leave).count();
        if told > left {
            let what = format!("it was told to be revived {told} times, and was {left} times");
            found.push(finding("H6", id, what));
        }
    }
    found
}
