//! H5, H7, H8 and H9: what handlers did, how often, and whether two of them did it at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::joined::{Harm, Joined, Work};
use super::{Finding, Sort};
use crate::facts::{Effect, Row, Stands, Way};
use crate::history::{Fault, Op};

pub(super) fn check(joined: &Joined<'_>, lease: Duration) -> Vec<Finding> {
    let mut found = effects(joined);
    for (id, works) in &joined.works {
        found.extend(after_the_end(joined, *id, works));
        found.extend(repeats(joined, *id, works));
        found.extend(overlaps(joined, *id, works, lease));
    }
    found
}

/// H5: attempts only grow, so one above that which has ended the job was claimed after its end; one that was claimed
/// before may start late, where its worker stood still.
fn after_the_end(joined: &Joined<'_>, id: i64, works: &[Work]) -> Vec<Finding> {
    let mut found = Vec::new();
    for work in works {
        let ends = joined.ends.get(&id).map_or(&[][..], Vec::as_slice);
        let before = ends.iter().filter(|end| end.is_before(work));
        let Some(end) = before.max_by_key(|end| end.attempt) else { continue };
        if end.is_death && joined.revived.contains(&id) {
            continue;
        }
        let what = format!(
            "attempt {} started, although attempt {} has ended the job",
            work.attempt, end.attempt
        );
        found.push(Finding { rule: "H5", sort: Sort::Unexpected, job: Some(id), what });
    }
    found
}

/// H7
fn repeats(joined: &Joined<'_>, id: i64, works: &[Work]) -> Vec<Finding> {
    let mut starts: BTreeMap<i32, usize> = BTreeMap::new();
    for work in works {
        *starts.entry(work.attempt).or_default() += 1;
    }
    let mut found = Vec::new();
    let mut add = |explained, what| {
        let sort = Sort::Duplicated { explained };
        found.push(Finding { rule: "H7", sort, job: Some(id), what });
    };
    for (attempt, count) in starts.iter().filter(|(_, count)| **count > 1) {
        add(false, format!("attempt {attempt} started {count} times"));
    }
    let last = starts.keys().next_back().copied();
    for attempt in starts.keys().filter(|attempt| Some(**attempt) != last) {
        match left(joined, id, *attempt) {
            // A retry, a snooze or a release: its own worker gave it back, or a person revived the dead letter.
            Some(row) if !row.is_by_duty() => {}
            Some(row) => match joined.cause(row) {
                Some(harm) => add(true, format!("attempt {attempt} was lost by a {}", harm.fault)),
                None => {
                    add(false, format!("attempt {attempt} was taken over, and no fault lost it"))
                }
            },
            None => add(false, format!("attempt {attempt} never ended, and another one started")),
        }
    }
    found
}

/// How an attempt left `running`.
fn left<'a>(joined: &Joined<'a>, id: i64, attempt: i32) -> Option<&'a Row> {
    let mut rows = joined.moves(id).iter();
    rows.find(|row| row.is_running(Way::Leave) && row.attempt == Some(attempt)).copied()
}

/// H8
fn effects(joined: &Joined<'_>) -> Vec<Finding> {
    let mut rows: BTreeMap<i64, Vec<&Effect>> = BTreeMap::new();
    for line in joined.history {
        if let Op::Effect { id, .. } = line.op {
            rows.entry(id).or_default();
        }
    }
    for effect in &joined.facts.effects {
        rows.entry(effect.job).or_default().push(effect);
    }
    let mut found = Vec::new();
    for (id, rows) in rows {
        let mut add = |sort, what| found.push(Finding { rule: "H8", sort, job: Some(id), what });
        // Of what ended long ago only the trail knows, and not how.
        let stands = joined.jobs.get(&id).map(|job| &job.stands);
        match (stands, rows.len()) {
            (Some(Stands::Completed), 0) => {
                add(Sort::Lost, "it is completed, and its effect is not there".to_owned());
            }
            (Some(stands), 1) if *stands != Stands::Completed => {
                let what = "its effect is there, and it is not completed".to_owned();
                add(Sort::Unexpected, what);
            }
            (_, 0 | 1) => {}
            (_, count) => {
                let what = format!("its effect is there {count} times");
                add(Sort::Duplicated { explained: false }, what);
            }
        }
        for effect in rows.iter().filter(|effect| !is_with_its_end(joined, effect)) {
            let attempt = effect.attempt;
            let what = format!("the effect of attempt {attempt} came without that attempt's end");
            add(Sort::Unexpected, what);
        }
    }
    found
}

/// Whether the transaction that wrote it has also ended the attempt that it is of.
fn is_with_its_end(joined: &Joined<'_>, effect: &Effect) -> bool {
    joined.moves(effect.job).iter().any(|row| {
        row.is_running(Way::Leave) && row.xid == effect.xid && row.attempt == Some(effect.attempt)
    })
}

/// H9
fn overlaps(joined: &Joined<'_>, id: i64, works: &[Work], lease: Duration) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for (first, second) in pairs(works) {
        let is_new = seen.insert((first.attempt, second.attempt));
        let is_over = first.ended_us.is_none_or(|end| end <= second.began_us);
        if is_over || first.attempt == second.attempt || !is_new {
            continue;
        }
        // Which began later says nothing of whose claim was over: a worker may be frozen before it starts what it has.
        let older = first.attempt.min(second.attempt);
        let left = left(joined, id, older);
        let worker = left.and_then(|row| row.worker);
        let is_its = |harm: &&Harm| {
            matches!(harm.fault, Fault::Freeze | Fault::Cut)
                && harm.worker.is_some()
                && harm.worker == worker
                && harm.began_us < second.began_us
        };
        let longest = longest(joined.harms.iter().filter(is_its));
        let explained = longest.is_some_and(|(_, lasted)| lasted >= lease);
        let by =
            left.map_or("nobody", |row| if row.is_by_duty() { "a duty" } else { "its worker" });
        let harm = longest.map_or("no harm".to_owned(), |(fault, lasted)| {
            format!("a {fault} of {lasted:?} at most")
        });
        let what = format!(
            "attempt {} began while {} was at work; {older} was taken out of running by {by}, and its worker had seen {harm}",
            second.attempt, first.attempt
        );
        found.push(Finding { rule: "H9", sort: Sort::Overlap { explained }, job: Some(id), what });
    }
    found
}

/// In less time a worker that is thawed and frozen again does nothing: to others that is one freeze.
const BREATH_US: u64 = 100_000;

/// The longest harm, where those that follow one another at once are one.
fn longest<'a>(harms: impl Iterator<Item = &'a Harm>) -> Option<(Fault, Duration)> {
    let mut harms: Vec<&Harm> = harms.collect();
    harms.sort_by_key(|harm| harm.began_us);
    let mut since = 0;
    let mut until: Option<u64> = None;
    let spells = harms.into_iter().map(|harm| {
        if until.is_none_or(|until| harm.began_us > until.saturating_add(BREATH_US)) {
            since = harm.began_us;
        }
        until = harm.ended_us;
        let before = Duration::from_micros(harm.began_us - since);
        (harm.fault, harm.lasted().saturating_add(before))
    });
    spells.max_by_key(|(_, lasted)| *lasted)
}

/// Each two, in the order in which they began.
fn pairs(works: &[Work]) -> impl Iterator<Item = (Work, Work)> {
    (0..works.len()).flat_map(move |n| works[n + 1..].iter().map(move |later| (works[n], *later)))
}
