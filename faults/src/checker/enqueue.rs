//! H1 to H4: whether what was asked for is there, once, and has ended; and nothing else is.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::joined::{Enqueue, Joined};
use super::{Finding, Sort};
use crate::facts::{Place, Stands, Way};
use crate::history::{Answer, Op, Phase, Verdict};

pub(super) fn check(joined: &Joined<'_>) -> Vec<Finding> {
    [lost(joined), unexpected(joined), early(joined), twice(joined), unfinished(joined)].concat()
}

/// Enqueues of which nobody knows whether they were done.
pub(super) fn unknown(joined: &Joined<'_>) -> usize {
    joined.enqueues.iter().filter(|enqueue| !is_known(enqueue)).count()
}

fn is_known(enqueue: &Enqueue<'_>) -> bool {
    matches!(enqueue.end, Phase::Ok | Phase::Fail)
}

/// H1
fn lost(joined: &Joined<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for enqueue in joined.enqueues.iter().filter(|enqueue| enqueue.end == Phase::Ok) {
        let Some(id) = enqueue.id else { continue };
        if !joined.jobs.contains_key(&id) && joined.moves(id).is_empty() {
            let what =
                format!("enqueue of `{}` was acknowledged, and nobody knows the job", enqueue.key);
            found.push(Finding { rule: "H1", sort: Sort::Lost, job: Some(id), what });
        }
    }
    found
}

/// H2: jobs that nobody asked for, or whose enqueue is known to have failed.
fn unexpected(joined: &Joined<'_>) -> Vec<Finding> {
    let may_be = |enqueue: &&Enqueue<'_>| enqueue.end != Phase::Fail;
    let keys: HashSet<&str> =
        joined.enqueues.iter().filter(may_be).map(|enqueue| enqueue.key).collect();
    let ids: HashSet<i64> = joined.enqueues.iter().filter_map(|enqueue| enqueue.id).collect();
    let has_open = joined.enqueues.iter().any(|enqueue| !is_known(enqueue));
    let mut found = Vec::new();
    for id in joined.ids() {
        let key = joined.jobs.get(&id).and_then(|job| job.key.as_deref());
        let is_asked_for = match key {
            Some(key) => keys.contains(key),
            // Its key is gone with it, so an enqueue with an open end may have been its own.
            None => ids.contains(&id) || has_open,
        };
        if !is_asked_for {
            let what = match key {
                Some(key) => format!("no enqueue of `{key}` was made that may have committed"),
                None => "no enqueue was made that may have committed".to_owned(),
            };
            found.push(Finding { rule: "H2", sort: Sort::Unexpected, job: Some(id), what });
        }
    }
    found
}

/// H2: starts before the enqueue, and starts of attempts that no claim has begun.
fn early(joined: &Joined<'_>) -> Vec<Finding> {
    let mut asked: HashMap<i64, u64> = HashMap::new();
    for enqueue in &joined.enqueues {
        if let Some(id) = enqueue.id {
            asked.entry(id).or_insert(enqueue.asked_us);
        }
    }
    let mut found = Vec::new();
    for (id, works) in &joined.works {
        let claimed: HashSet<Option<i32>> = joined
            .moves(*id)
            .iter()
            .filter(|row| row.is_running(Way::Enter))
            .map(|row| row.attempt)
            .collect();
        for work in works {
            let what = if !claimed.contains(&Some(work.attempt)) {
                format!("attempt {} started, and nobody has claimed it", work.attempt)
            } else if asked.get(id).is_some_and(|asked| work.began_us < *asked) {
                format!("attempt {} started before the job was asked for", work.attempt)
            } else {
                continue;
            };
            found.push(Finding { rule: "H2", sort: Sort::Unexpected, job: Some(*id), what });
        }
    }
    found
}

/// H3
fn twice(joined: &Joined<'_>) -> Vec<Finding> {
    let mut ids: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
    for job in &joined.facts.jobs {
        if let Some(key) = &job.key {
            ids.entry(key).or_default().insert(job.id);
        }
    }
    for enqueue in &joined.enqueues {
        if let Some(id) = enqueue.id {
            ids.entry(enqueue.key).or_default().insert(id);
        }
    }
    let mut found = Vec::new();
    for (key, ids) in ids {
        for id in ids.iter().skip(1) {
            let what = format!("`{key}` is also the key of job {}", ids.first().unwrap_or(id));
            let sort = Sort::Duplicated { explained: false };
            found.push(Finding { rule: "H3", sort, job: Some(*id), what });
        }
    }
    found
}

/// H4
fn unfinished(joined: &Joined<'_>) -> Vec<Finding> {
    let ended = ended_without_trace(joined);
    let mut found = Vec::new();
    for id in joined.ids() {
        let what = match joined.jobs.get(&id).map(|job| &job.stands) {
            Some(Stands::Running) => "it still runs",
            Some(Stands::Waiting(None)) => "it still waits, and nothing explains why",
            Some(_) => continue,
            // What H1 has found needs no second name.
            None if joined.moves(id).is_empty() => continue,
            None if ended.contains(&id) || has_reached_an_end(joined, id) => continue,
            None => "it is gone, and has not ended",
        };
        let (sort, what) = (Sort::Lost, what.to_owned());
        found.push(Finding { rule: "H4", sort, job: Some(id), what });
    }
    found
}

/// Whether the last place that it came to is one in which jobs end.
fn has_reached_an_end(joined: &Joined<'_>, id: i64) -> bool {
    let mut entered = joined
        .moves(id)
        .iter()
        .rev()
        .filter(|row| row.way == Way::Enter && row.place != Place::Alert);
    entered.next().is_some_and(|row| matches!(row.place, Place::History | Place::DeadLetter))
}

/// Jobs of kinds that keep nothing of those that complete: only their workers know.
fn ended_without_trace(joined: &Joined<'_>) -> HashSet<i64> {
    let is_end = |line: &&crate::history::Line| match &line.op {
        Op::Settle(settle) => {
            settle.verdict == Verdict::Complete && settle.answer != Some(Answer::Stale)
        }
        Op::Effect { .. } => line.phase != Phase::Fail,
        _ => false,
    };
    let job = |line: &crate::history::Line| match &line.op {
        Op::Settle(settle) => settle.id,
        Op::Effect { id, .. } => *id,
        _ => 0,
    };
    joined.history.iter().filter(is_end).map(job).collect()
}
