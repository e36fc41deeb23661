//! H10: whether somebody was told of every death, as one incident.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::joined::Joined;
use super::{Finding, Sort};
use crate::facts::Stands;
use crate::history::{Op, Phase};

pub(super) fn check(joined: &Joined<'_>) -> Vec<Finding> {
    let Some(told) = &joined.facts.told else { return Vec::new() };
    let mut accepted = HashSet::new();
    for line in joined.history {
        if let (Op::Alert { incident }, Phase::Ok) = (&line.op, line.phase) {
            accepted.insert(incident.as_str());
        }
    }
    let mut incidents: HashMap<(i64, i32), BTreeSet<&str>> = HashMap::new();
    for told in told {
        incidents.entry((told.job, told.attempt)).or_default().insert(&told.incident);
    }
    let mut found = Vec::new();
    for job in &joined.facts.jobs {
        let Stands::Dead { attempt } = job.stands else { continue };
        let of_it = incidents.get(&(job.id, attempt));
        let what = match of_it.and_then(BTreeSet::first) {
            None => "it died, and no incident has it".to_owned(),
            Some(_) if of_it.is_some_and(|all| all.len() > 1) => {
                "its death is told as several incidents".to_owned()
            }
            Some(incident) if !accepted.contains(incident) => {
                format!("it died, and nobody has accepted the incident `{incident}`")
            }
            Some(_) => continue,
        };
        found.push(Finding { rule: "H10", sort: Sort::Untold, job: Some(job.id), what });
    }
    found
}
