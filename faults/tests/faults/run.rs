//! A run that is judged: everybody writes down what they do, the trail watches the database, and the checker compares.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backstay::check;
use backstay::model::lease::Times;
use backstay_faults::checker::{self, Report};
use backstay_faults::facts::Facts;
use backstay_faults::history::{self, Answer, Fault, Line, Op, Phase, Recorder, Role};
use backstay_faults::page::Judged;
use rustix::process::Signal;
use serde::de::DeserializeOwned;

use crate::effect;
use crate::place::Place;
use crate::process::Process;
use crate::trail;

/// A database under watch, and the folder in which everybody writes.
pub(crate) struct Run {
    pub(crate) place: Place,
    folder: String,
    nemesis: Recorder,
}

impl Run {
    /// Begins on a database in which nothing has happened yet.
    pub(crate) fn begin(url: &str) -> Run {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let (number, pid) = (NEXT.fetch_add(1, Ordering::Relaxed), std::process::id());
        let folder = format!("{}/history-{pid}-{number}", env!("CARGO_TARGET_TMPDIR"));
        let mut place = Place::open(url);
        trail::install(&place);
        place.record(open(&folder, Role::Producer));
        let nemesis = open(&folder, Role::Nemesis);
        effect::prepare(|sql| place.run(sql), &folder, url);
        Run { place, folder, nemesis }
    }

    /// Lets somebody else write down what he does.
    pub(crate) fn recorder(&self, role: Role) -> Recorder {
        open(&self.folder, role)
    }

    /// The database is at another address now.
    pub(crate) fn follow(&mut self, url: &str) {
        url.clone_into(&mut self.place.url);
        self.place.reopen();
    }

    /// Handlers that complete in their own transactions reach the database in this way.
    pub(crate) fn handlers_go_to(&self, url: &str) {
        effect::tell(&self.folder, url);
    }

    /// Lets attempts of this number complete that wait for it.
    pub(crate) fn let_complete(&self, attempt: i32) {
        effect::let_complete(&self.folder, attempt);
    }

    /// Starts a worker that takes part.
    pub(crate) fn worker(&self, isolation: &str) -> Process {
        self.worker_in(isolation, &[])
    }

    /// The same with these variables in its environment.
    pub(crate) fn worker_in(&self, isolation: &str, env: &[(&str, &str)]) -> Process {
        self.worker_at(&self.place.url, isolation, env)
    }

    /// The same by another way to the database.
    pub(crate) fn worker_at(&self, url: &str, isolation: &str, env: &[(&str, &str)]) -> Process {
        // The product writes there, too, and so does each handler.
        let own = [("FAULTS_HISTORY", &*self.folder)];
        Process::start_in(url, isolation, &[&own, env].concat())
    }

    /// Kills a worker as the kernel would.
    pub(crate) fn kill(&self, worker: &mut Process) {
        self.note(Phase::Invoke, Fault::Kill, Some(worker));
        worker.kill();
        self.note(Phase::Ok, Fault::Kill, Some(worker));
    }

    /// A worker was killed by somebody else.
    pub(crate) fn was_killed(&self, worker: &Process) {
        self.note(Phase::Invoke, Fault::Kill, Some(worker));
        self.note(Phase::Ok, Fault::Kill, Some(worker));
    }

    /// Stops a worker where it stands, until [`Run::thaw`].
    pub(crate) fn freeze(&self, worker: &Process) {
        self.note(Phase::Invoke, Fault::Freeze, Some(worker));
        worker.signal(Signal::STOP);
    }

    /// Lets a frozen worker go on.
    pub(crate) fn thaw(&self, worker: &Process) {
        worker.signal(Signal::CONT);
        self.note(Phase::Ok, Fault::Freeze, Some(worker));
    }

    /// A worker is about to be cut off from its database, until [`Run::mend`].
    pub(crate) fn cut(&self, worker: &Process) {
        self.note(Phase::Invoke, Fault::Cut, Some(worker));
    }

    /// The way to its database is open again.
    pub(crate) fn mend(&self, worker: &Process) {
        self.note(Phase::Ok, Fault::Cut, Some(worker));
    }

    /// Tells a worker to end.
    pub(crate) fn term(&self, worker: &Process) {
        self.note(Phase::Invoke, Fault::Drain, Some(worker));
        worker.signal(Signal::TERM);
        self.note(Phase::Ok, Fault::Drain, Some(worker));
    }

    /// The server is away or comes back; nothing of that may cost a start.
    pub(crate) fn server(&self, harm: impl FnOnce()) {
        self.note(Phase::Invoke, Fault::Server, None);
        harm();
        self.note(Phase::Ok, Fault::Server, None);
    }

    /// From now on a standby may hear of nothing, until [`Run::taken_over`].
    pub(crate) fn unheard(&self) {
        self.note(Phase::Invoke, Fault::Takeover, None);
    }

    /// The standby is the database now.
    pub(crate) fn taken_over(&self) {
        self.note(Phase::Ok, Fault::Takeover, None);
    }

    fn note(&self, phase: Phase, fault: Fault, worker: Option<&Process>) {
        self.nemesis.note(phase, Op::Fault { fault, pid: worker.map(Process::pid) }).unwrap();
    }

    /// How often handlers have started so far.
    pub(crate) fn starts(&self) -> i64 {
        self.count(|line| matches!(line.op, Op::Work { .. }) && line.phase == Phase::Invoke)
    }

    /// How many verdicts of one worker have been answered so far, whatever the answer.
    pub(crate) fn settled_by(&self, worker: &Process) -> i64 {
        let lines = history::read(Path::new(&self.folder)).unwrap();
        let is_its =
            |line: &&Line| matches!(&line.op, Op::Begin { pid, .. } if *pid == worker.pid());
        let processes: BTreeSet<_> = lines.iter().filter(is_its).map(|line| line.process).collect();
        let answered = |line: &&Line| {
            matches!(&line.op, Op::Settle(settle) if settle.answer.is_some())
                && processes.contains(&line.process)
        };
        lines.iter().filter(answered).count() as i64
    }

    /// Of how many attempts a verdict has been refused so far.
    pub(crate) fn stale(&self) -> i64 {
        let lines = history::read(Path::new(&self.folder)).unwrap();
        let refused = lines.iter().filter_map(|line| match &line.op {
            Op::Settle(settle) if settle.answer == Some(Answer::Stale) => Some(settle),
            _ => None,
        });
        refused.map(|settle| (settle.id, settle.attempt)).collect::<BTreeSet<_>>().len() as i64
    }

    fn count(&self, is_it: impl Fn(&Line) -> bool) -> i64 {
        let lines = history::read(Path::new(&self.folder)).unwrap();
        lines.iter().filter(|line| is_it(line)).count() as i64
    }

    /// Ends a run in which everything has come to its end: nothing may be wrong.
    pub(crate) fn finish(self) -> Report {
        self.until_told();
        self.judge().must_hold()
    }

    /// Ends a run and says what is wrong with it.
    pub(crate) fn judge(self) -> Judgement {
        let facts = Facts {
            jobs: self.rows(include_str!("../../sql/fact/jobs.sql")),
            trail: self.rows(include_str!("../../sql/fact/trail.sql")),
            effects: self.rows(include_str!("../../sql/fact/effects.sql")),
            told: Some(self.rows(include_str!("../../sql/fact/told.sql"))),
        };
        let history = history::read(Path::new(&self.folder)).unwrap();
        // A worker is out of touch since its last beat, which may have been a moment before.
        let times = Times::fast();
        let report = checker::check(&history, &facts, times.lease - times.beat);
        println!("  {}", report.line());
        for rescues in &report.rescues {
            let (count, fault) = (rescues.count, rescues.fault);
            let (p50, p99, max) = (rescues.p50_ms, rescues.p99_ms, rescues.max_ms);
            println!("  {count} rescued after a {fault}: p50 {p50} ms, p99 {p99} ms, max {max} ms");
        }
        let broken = self.broken();
        let judgement = Judgement { report, broken, folder: self.folder };
        if judgement.is_fine() {
            drop(std::fs::remove_dir_all(&judgement.folder));
        } else {
            let json = judgement.report.json();
            std::fs::write(format!("{}/report.json", judgement.folder), json).unwrap();
        }
        judgement
    }

    /// The rules and invariants that the database breaks at this moment, with the rows that break them.
    pub(crate) fn broken(&self) -> Vec<String> {
        let all = self.place.wait(check::all(self.place.database())).unwrap();
        let defects = all.invariants.iter().filter(|it| it.is_defect());
        let named = defects.map(|it| {
            let number = it.id[1..3].trim_start_matches('0');
            format!("I{number} {}: {}", it.promise, it.finding())
        });
        named.chain(trail::broken(&self.place)).collect()
    }

    /// Waits whether everything ends and people are told; what is broken may never come to that.
    pub(crate) fn comes_to_rest(&self, most: Duration) -> bool {
        self.place.comes_true(most, |place| place.waiting() == 0 && Run::is_told(place))
    }

    /// Waits until somebody has been told of every death.
    pub(crate) fn until_told(&self) {
        self.place.until("people are told", Duration::from_secs(20), Run::is_told);
    }

    pub(crate) fn is_told(place: &Place) -> bool {
        place.number(include_str!("../../sql/fact/untold.sql")) == 0
    }

    fn rows<T: DeserializeOwned>(&self, sql: &str) -> Vec<T> {
        self.place.texts(sql).iter().map(|row| serde_json::from_str(row).unwrap()).collect()
    }
}

fn open(folder: &str, role: Role) -> Recorder {
    Recorder::open(Path::new(folder), role, None).unwrap()
}

/// In a suite nothing may be wrong; none where it could not be tried.
pub(crate) fn must_hold(judgement: Option<Judgement>) {
    if let Some(judgement) = judgement {
        judgement.must_hold();
    }
}

/// What is wrong with a run.
pub(crate) struct Judgement {
    pub(crate) report: Report,
    /// Rules of the trail and invariants of the database, each with a row that breaks it.
    broken: Vec<String>,
    /// Where what everybody wrote lies, as long as something is wrong.
    folder: String,
}

impl Judgement {
    /// What was counted; nothing may be wrong.
    pub(crate) fn must_hold(self) -> Report {
        let account = format!("{}\n{}", self.broken.join("\n"), self.report.account());
        assert!(self.is_fine(), "{account}\nall of it: {}", self.folder);
        self.report
    }

    /// Something that was looked at beside it is wrong.
    pub(crate) fn and(mut self, wrong: Vec<String>) -> Judgement {
        self.broken.extend(wrong);
        self
    }

    fn is_fine(&self) -> bool {
        self.report.is_fine() && self.broken.is_empty()
    }

    /// The names of all that found something, such as `H6` and `I17`.
    pub(crate) fn rules(&self) -> Vec<String> {
        let wrong = self.report.findings.iter().filter(|finding| finding.sort.is_wrong());
        let found = wrong.map(|finding| finding.rule.to_owned());
        let name = |row: &String| row.split_whitespace().next().unwrap_or_default().to_owned();
        let rules: BTreeSet<String> = found.chain(self.broken.iter().map(name)).collect();
        rules.into_iter().collect()
    }

    /// Of a hundred rescues, ninety-nine may have taken so long.
    pub(crate) fn within(mut self, most: Duration) -> Judgement {
        let late =
            self.report.rescues.iter().filter(|one| u128::from(one.p99_ms) > most.as_millis());
        let told = late.map(|one| format!("p99 of rescues {} ms, at most {most:?}", one.p99_ms));
        self.broken.extend(told.collect::<Vec<_>>());
        self
    }

    /// The counts, for the page.
    pub(crate) fn judged(self) -> Judged {
        let mut judged = Judged::of(&self.report);
        judged.wrong.extend(self.broken);
        judged
    }
}
