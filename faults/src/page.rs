//! Writes the page that anyone can check: what is promised, what was tried and how often, what came out, and how to repeat it.

use std::fmt::Write;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::checker::{self, Sort};

/// A campaign, as it is published.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Campaign {
    /// Version and commit of what was tried.
    pub product: String,
    /// The server's version.
    pub postgres: String,
    /// Processors, memory and kernel.
    pub machine: String,
    /// The day, as `2026-01-31`.
    pub day: String,
    /// Where its chance started.
    pub seed: u64,
    /// What was typed.
    pub command: String,
    /// One line for each fault, in the order in which they were tried.
    pub trials: Vec<Trial>,
    /// Seeded bugs, and whether each was caught.
    pub mutants: Vec<Mutant>,
    /// How long all of it took.
    pub took: Duration,
}

/// One sort of fault and what came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trial {
    /// Which of the guarantees it tries, such as `G3`.
    pub proves: Vec<String>,
    /// What was done, in a few words.
    pub fault: String,
    /// How often.
    pub times: usize,
    /// What was counted and judged.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

/// What came of a trial.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It ran to its end and was judged.
    Judged(Judged),
    /// It could not run here; why.
    Skipped(String),
    /// It broke off before it could be judged; what it said.
    Broke(String),
}

/// Counts of one trial.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// Jobs.
    pub jobs: usize,
    /// Work that is gone.
    pub lost: usize,
    /// What is there and may not be.
    pub unexpected: usize,
    /// Starts beyond one for each job and retry.
    pub duplicated: usize,
    /// Those of them that a fault explains.
    pub explained: usize,
    /// Verdicts from the past that were taken.
    pub stale_accepted: usize,
    /// Deaths of which nobody was told.
    pub untold: usize,
    /// Operations of which nobody knows whether they were done.
    pub info: usize,
    /// Attempts that were rescued.
    pub rescued: usize,
    /// 99 of 100 rescues took no longer, in milliseconds.
    pub rescue_p99_ms: u64,
    /// None took longer.
    pub rescue_max_ms: u64,
    /// What else was looked at, and how it stood.
    pub notes: Vec<String>,
    /// What was wrong, in sentences; nothing where all is well.
    pub wrong: Vec<String>,
}

/// A bug that was put in on purpose.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mutant {
    /// What it does.
    pub bug: String,
    /// The check that must find it.
    pub expected: String,
    /// What found it; nothing where nobody noticed.
    pub caught: Vec<String>,
}

impl Mutant {
    /// Whether the check that must find it has found it.
    #[must_use]
    pub fn is_caught(&self) -> bool {
        self.caught.contains(&self.expected)
    }
}

impl Judged {
    /// The counts of a report.
    #[must_use]
    pub fn of(report: &checker::Report) -> Judged {
        let count = |is_it| report.count(is_it);
        let wrong = report.findings.iter().filter(|finding| finding.sort.is_wrong());
        let rescues = report.rescues.iter();
        Judged {
            jobs: report.jobs,
            lost: count(|sort| sort == Sort::Lost),
            unexpected: count(|sort| sort == Sort::Unexpected),
            duplicated: count(|sort| matches!(sort, Sort::Duplicated { .. })),
            explained: count(|sort| sort == Sort::Duplicated { explained: true }),
            stale_accepted: count(|sort| sort == Sort::StaleAccepted),
            untold: count(|sort| sort == Sort::Untold),
            info: report.info,
            rescued: rescues.clone().map(|one| one.count).sum(),
            rescue_p99_ms: rescues.clone().map(|one| one.p99_ms).max().unwrap_or(0),
            rescue_max_ms: rescues.map(|one| one.max_ms).max().unwrap_or(0),
            notes: Vec::new(),
            wrong: wrong.map(|finding| format!("{}: {}", finding.rule, finding.what)).collect(),
        }
    }

    /// Adds the counts of another run of the same fault; of times the longest stands.
    pub fn add(&mut self, other: Judged) {
        self.jobs += other.jobs;
        self.lost += other.lost;
        self.unexpected += other.unexpected;
        self.duplicated += other.duplicated;
        self.explained += other.explained;
        self.stale_accepted += other.stale_accepted;
        self.untold += other.untold;
        self.info += other.info;
        self.rescued += other.rescued;
        self.rescue_p99_ms = self.rescue_p99_ms.max(other.rescue_p99_ms);
        self.rescue_max_ms = self.rescue_max_ms.max(other.rescue_max_ms);
        self.notes.extend(other.notes);
        self.wrong.extend(other.wrong);
    }
}

/// What is promised, each with the condition under which it holds.
const PROMISES: &[(&str, &str)] = &[
    ("G1", "A job exists if and only if the transaction that asked for it committed."),
    (
        "G3",
        "Every committed job ends as completed, cancelled or a dead letter, while the server is durable and a worker serves its kind.",
    ),
    (
        "G4",
        "Only the current attempt settles: a late verdict changes nothing, and its worker is told so.",
    ),
    (
        "G5",
        "A job starts again only where a fault ended an attempt; not for a drain, and not for an outage that its worker survived.",
    ),
    (
        "G6",
        "What a handler wrote in the transaction in which it completed its job is there once, and only with that completion.",
    ),
    ("G7", "At every commit a job stands in exactly one place."),
    ("G8", "What is recorded as ended never starts again, unless somebody revives it."),
    ("G9", "Dead letters stay until somebody removes them."),
    ("G10", "Dead letter and alert are born in one statement, and the alert is told."),
    (
        "G11",
        "Jobs of a dead worker can be claimed again within seconds: p99 5 s on a direct connection, at most 45 s through a pooler.",
    ),
    ("G13", "No handler can stop beats, verdicts or other jobs."),
];

impl Campaign {
    /// Whether everything ran, nothing was wrong, and every seeded bug was caught.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        let judged = |trial: &Trial| matches!(&trial.outcome, Outcome::Judged(judged) if judged.wrong.is_empty());
        self.trials.iter().all(judged) && self.mutants.iter().all(Mutant::is_caught)
    }

    /// What came of this fault, unless it broke off or was skipped; what was found wrong stays found.
    #[must_use]
    pub fn ran(&self, fault: &str) -> Option<&Trial> {
        self.judged().find(|(trial, _)| trial.fault == fault).map(|(trial, _)| trial)
    }

    /// What a trial said that broke off, or why it was skipped.
    #[must_use]
    pub fn excuse(&self, fault: &str) -> Option<&str> {
        let trial = self.trials.iter().find(|trial| trial.fault == fault)?;
        match &trial.outcome {
            Outcome::Judged(_) => None,
            Outcome::Skipped(why) | Outcome::Broke(why) => Some(why),
        }
    }

    /// The sum in one line.
    #[must_use]
    pub fn line(&self) -> String {
        let mut all = Judged::default();
        self.judged().for_each(|(_, judged)| all.add(judged.clone()));
        let faults: usize = self.judged().map(|(trial, _)| trial.times).sum();
        format!(
            "jobs {} faults {faults} lost {} unexpected {} duplicated {} (explained {}) stale-accepted {} untold {} info {}",
            all.jobs,
            all.lost,
            all.unexpected,
            all.duplicated,
            all.explained,
            all.stale_accepted,
            all.untold,
            all.info
        )
    }

    fn judged(&self) -> impl Iterator<Item = (&Trial, &Judged)> {
        self.trials.iter().filter_map(|trial| match &trial.outcome {
            Outcome::Judged(judged) => Some((trial, judged)),
            _ => None,
        })
    }

    /// The page, in Markdown.
    #[must_use]
    pub fn page(&self) -> String {
        let mut text = String::new();
        // A String takes whatever is written into it.
        let _full = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "# Reliability\n")?;
        writeln!(
            out,
            "Written by `{}`, never by hand. A campaign kills, freezes, cuts off and fills up what Backstay runs on, while",
            self.command
        )?;
        writeln!(
            out,
            "producers, workers, handlers and a receiver of alerts write down what they do, each in a file of its own. A checker that shares no"
        )?;
        writeln!(
            out,
            "code with the product compares these records, a trail of every move in the database, and what the database says at the end.\n"
        )?;
        writeln!(out, "**{}**\n", self.line())?;
        writeln!(
            out,
            "{}, PostgreSQL {}, {}; {}, {}, seed {}.\n",
            self.product,
            self.postgres,
            self.machine,
            self.day,
            minutes(self.took),
            self.seed
        )?;
        self.write_promises(out)?;
        self.write_trials(out)?;
        self.write_mutants(out)?;
        writeln!(out, "## What is not promised\n")?;
        writeln!(
            out,
            "Exactly-once effects outside of the database. That two attempts never overlap in time when a worker is frozen or cut off: they can, where"
        )?;
        writeln!(
            out,
            "`contact_lost` is `ride`; their verdicts cannot. Commits that an asynchronous standby had not received when it was promoted are gone, jobs"
        )?;
        writeln!(out, "and all; with a synchronous standby none is.\n")?;
        writeln!(out, "## Repeat it\n")?;
        writeln!(
            out,
            "`{}` does all of this on your machine with a PostgreSQL of its own; with `--seed {}` the plan of this run.",
            self.command, self.seed
        )?;
        writeln!(
            out,
            "`backstay doctor --invariants` checks the invariants on any database, read-only."
        )
    }

    fn write_promises(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "## What is promised\n\n| | promise | in this campaign |\n|---|---|---|")?;
        for (id, promise) in PROMISES {
            writeln!(out, "| {id} | {promise} | {} |", self.standing(id))?;
        }
        writeln!(out)
    }

    /// Whether a promise held.
    fn standing(&self, id: &str) -> String {
        let tried: Vec<&Trial> =
            self.trials.iter().filter(|trial| trial.proves.iter().any(|one| one == id)).collect();
        let broken: Vec<&str> = tried
            .iter()
            .filter(|trial| match &trial.outcome {
                Outcome::Judged(judged) => !judged.wrong.is_empty(),
                Outcome::Broke(_) => true,
                Outcome::Skipped(_) => false,
            })
            .map(|trial| trial.fault.as_str())
            .collect();
        let ran = tried.iter().any(|trial| !matches!(trial.outcome, Outcome::Skipped(_)));
        match (ran, broken.is_empty()) {
            (false, _) => "not tried here".to_owned(),
            (true, true) => "held".to_owned(),
            (true, false) => format!("**broken** by: {}", broken.join(", ")),
        }
    }

    fn write_trials(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "## What was tried, and what came out\n")?;
        writeln!(
            out,
            "| fault | times | jobs | lost | unexpected | started again (explained) | stale accepted | rescued: p99 / max | took |\n|---|---|---|---|---|---|---|---|---|"
        )?;
        for trial in &self.trials {
            let fault = &trial.fault;
            match &trial.outcome {
                Outcome::Judged(judged) => {
                    let rescued = match judged.rescued {
                        0 => "none".to_owned(),
                        count => format!(
                            "{count}: {} / {}",
                            seconds(judged.rescue_p99_ms),
                            seconds(judged.rescue_max_ms)
                        ),
                    };
                    writeln!(
                        out,
                        "| {fault} | {} | {} | {} | {} | {} ({}) | {} | {rescued} | {} |",
                        trial.times,
                        judged.jobs,
                        judged.lost,
                        judged.unexpected,
                        judged.duplicated,
                        judged.explained,
                        judged.stale_accepted,
                        minutes(trial.took)
                    )?;
                }
                Outcome::Skipped(why) => {
                    writeln!(out, "| {fault} | skipped: {why} | | | | | | | |")?
                }
                Outcome::Broke(what) => {
                    writeln!(out, "| {fault} | **broke off**: {what} | | | | | | | |")?
                }
            }
        }
        writeln!(out)?;
        for (trial, judged) in self.judged() {
            for note in &judged.notes {
                writeln!(out, "- {}: {note}", trial.fault)?;
            }
            for wrong in &judged.wrong {
                writeln!(out, "- {}: **{wrong}**", trial.fault)?;
            }
        }
        writeln!(out)
    }

    fn write_mutants(&self, out: &mut String) -> std::fmt::Result {
        if self.mutants.is_empty() {
            return Ok(());
        }
        let caught = self.mutants.iter().filter(|mutant| mutant.is_caught()).count();
        writeln!(out, "## Is the checker any good?\n")?;
        writeln!(
            out,
            "Bugs were put into the product on purpose, one at a time. Each must be found by the check that is named: {caught} of {} were.",
            self.mutants.len()
        )?;
        writeln!(
            out,
            "These are bugs in its SQL; those in its Rust code, which need a build each, have a page of their own: [mutants.md](mutants.md).\n"
        )?;
        writeln!(out, "| bug | must be found by | was found by |\n|---|---|---|")?;
        for mutant in &self.mutants {
            let caught = match mutant.caught.is_empty() {
                true => "**nobody**".to_owned(),
                false => mutant.caught.join(", "),
            };
            writeln!(out, "| {} | {} | {caught} |", mutant.bug, mutant.expected)?;
        }
        writeln!(out)
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1000, ms % 1000 / 100)
}

fn minutes(took: Duration) -> String {
    match took.as_secs() {
        secs @ 0..60 => format!("{secs} s"),
        secs => format!("{} min {:02} s", secs / 60, secs % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn campaign(trials: Vec<Trial>, mutants: Vec<Mutant>) -> Campaign {
        Campaign {
            product: "backstay 0.1.0 (abc)".into(),
            postgres: "15.1".into(),
            machine: "2 cores".into(),
            day: "2026-01-31".into(),
            seed: 7,
            command: "cargo xtask campaign".into(),
            trials,
            mutants,
            took: Duration::from_secs(61),
        }
    }

    fn trial(fault: &str, outcome: Outcome) -> Trial {
        let took = Duration::from_secs(5);
        Trial { proves: vec!["G3".into()], fault: fault.into(), times: 3, outcome, took }
    }

    #[test]
    fn a_promise_is_held_broken_or_not_tried() {
        let good = trial("kill -9", Outcome::Judged(Judged { jobs: 10, ..Judged::default() }));
        let fine = campaign(vec![good.clone()], Vec::new());
        assert!(fine.is_fine());
        assert_eq!(fine.standing("G3"), "held");
        assert_eq!(fine.standing("G1"), "not tried here");
        assert!(fine.line().starts_with("jobs 10 faults 3 lost 0 unexpected 0"));

        let wrong = Judged { lost: 1, wrong: vec!["H1: gone".into()], ..Judged::default() };
        let broken =
            campaign(vec![good.clone(), trial("freeze", Outcome::Judged(wrong))], Vec::new());
        assert!(!broken.is_fine());
        assert_eq!(broken.standing("G3"), "**broken** by: freeze");
        assert!(broken.page().contains("- freeze: **H1: gone**"));

        let skipped =
            campaign(vec![trial("disk", Outcome::Skipped("no mount".into()))], Vec::new());
        assert!(!skipped.is_fine(), "a campaign with a skip proves nothing about it");
        assert_eq!(skipped.standing("G3"), "not tried here");
    }

    #[test]
    fn only_what_broke_off_or_was_skipped_may_be_done_again() {
        let wrong = Judged { wrong: vec!["H1: gone".into()], ..Judged::default() };
        let all = campaign(
            vec![
                trial("kill -9", Outcome::Judged(wrong)),
                trial("harm", Outcome::Broke("waited in vain".into())),
                trial("disk", Outcome::Skipped("no mount".into())),
            ],
            Vec::new(),
        );
        let read: Campaign = serde_json::from_str(&serde_json::to_string(&all).unwrap()).unwrap();
        let again = |fault| (read.ran(fault).is_none(), read.excuse(fault));
        assert_eq!(again("kill -9"), (false, None));
        assert_eq!(again("harm"), (true, Some("waited in vain")));
        assert_eq!(again("disk"), (true, Some("no mount")));
    }

    #[test]
    fn a_mutant_counts_only_where_the_check_that_is_named_has_found_it() {
        let mutant = |caught: &[&str]| Mutant {
            bug: "settles by id only".into(),
            expected: "H6".into(),
            caught: caught.iter().map(|&check| check.to_owned()).collect(),
        };
        assert!(campaign(Vec::new(), vec![mutant(&["H7", "H6"])]).is_fine());
        assert!(!campaign(Vec::new(), vec![mutant(&["H7"])]).is_fine());
        let page = campaign(Vec::new(), vec![mutant(&[])]).page();
        assert!(page.contains("| settles by id only | H6 | **nobody** |"), "{page}");
    }
}
