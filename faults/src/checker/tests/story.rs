//! A run as a few lines of text, each an event; the time goes on by 100 ms with each.
//!
//! ```text
//! app enqueues a=1          asks for a job with key `a`, and gets id 1
//! app asks a                ... and nothing follows: `app has a=1`, `app fails a`, `app wonders a`
//! db takes in a=1           it commits, though nobody has said so
//! w1 takes 1.1              w1 claims job 1, attempt 1
//! 1.1 starts / 1.1 ends     its handler
//! w1 completes 1.1          and so: retries, snoozes, releases, cancels, buries
//! w1 sends completes 1.1    the verdict is on its way; then `w1 hears ok completes 1.1`, or stale, or error
//! w1 moves completes 1.1    the row moves, and nothing is said
//! w2 rescues 1.1 of w1      and so: w2 rescues-buries 1.1 of w1
//! kill w1, drain w1         freeze w1 ... thaw w1, cut w1 ... mend w1, stop server ... start server
//! standby hears nothing     ... standby takes over
//! operator revives 1        and so: cancels; a running job is only asked to stop
//! operator believes 1       to have revived it
//! incident x of 1.1, sink accepts x
//! effect begins 1.1, effect row 1.1, effect ends 1.1; `effect row 1.1 alone` is in another transaction than its end
//! db never had 1, db forgets 1, db copies 1, db reopens 1, db pauses 1
//! wait 5000                 milliseconds
//! ```

use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use uuid::Uuid;

use crate::checker::{Report, check};
use crate::facts::{Effect, Facts, Job, Place, Row, Stands, Told, Way};
use crate::history::{Answer, Fault, Line, Op, Phase, Role, Settle, Verdict};

/// What a story comes to. The lease is 3 s.
pub(super) fn judge(story: &str) -> Report {
    let mut told = Story::default();
    for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
        told.tell(line);
        told.ms += 100;
    }
    check(&told.history, &told.facts, Duration::from_secs(3))
}

#[derive(Default)]
struct Story {
    ms: u64,
    history: Vec<Line>,
    facts: Facts,
    /// Processes that have written something.
    known: Vec<String>,
}

impl Story {
    fn tell(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["wait", ms] => self.ms += ms.parse::<u64>().unwrap(),
            ["app", "enqueues", job] => {
                self.enqueue(Phase::Invoke, job);
                self.take_in(job);
                self.enqueue(Phase::Ok, job);
            }
            ["app", "asks", key] => self.enqueue(Phase::Invoke, key),
            ["app", "has", job] => {
                self.take_in(job);
                self.enqueue(Phase::Ok, job);
            }
            ["app", "fails", key] => self.enqueue(Phase::Fail, key),
            ["app", "wonders", key] => self.enqueue(Phase::Info, key),
            ["db", "takes", "in", job] => self.take_in(job),
            ["db", ref what @ .., id] => self.tamper(&what.join(" "), id.parse().unwrap()),
            ["kill", who] => self.harm(Fault::Kill, &[Phase::Invoke, Phase::Ok], who),
            ["drain", who] => self.harm(Fault::Drain, &[Phase::Invoke, Phase::Ok], who),
            ["freeze", who] => self.harm(Fault::Freeze, &[Phase::Invoke], who),
            ["thaw", who] => self.harm(Fault::Freeze, &[Phase::Ok], who),
            ["cut", who] => self.harm(Fault::Cut, &[Phase::Invoke], who),
            ["mend", who] => self.harm(Fault::Cut, &[Phase::Ok], who),
            ["stop", "server"] => self.harm(Fault::Server, &[Phase::Invoke], ""),
            ["start", "server"] => self.harm(Fault::Server, &[Phase::Ok], ""),
            ["standby", "hears", "nothing"] => self.harm(Fault::Takeover, &[Phase::Invoke], ""),
            ["standby", "takes", "over"] => self.harm(Fault::Takeover, &[Phase::Ok], ""),
            ["incident", incident, "of", attempt] => {
                let (job, attempt) = pair(attempt);
                let told = Told { job, attempt, incident: incident.to_owned() };
                self.facts.told.get_or_insert_default().push(told);
            }
            ["sink", "accepts", incident] => {
                let incident = incident.to_owned();
                self.note("sink", Phase::Ok, Op::Alert { incident });
            }
            ["operator", "revives", id] => self.revive(id.parse().unwrap()),
            ["operator", "cancels", id] => self.cancel(id.parse().unwrap()),
            ["operator", "believes", id] => {
                self.note("operator", Phase::Ok, Op::Revive { id: id.parse().unwrap() });
            }
            ["effect", "row", attempt] => self.effect(attempt, true),
            ["effect", "row", attempt, "alone"] => self.effect(attempt, false),
            ["effect", when, attempt] => {
                let (id, attempt) = pair(attempt);
                let phase = if when == "begins" { Phase::Invoke } else { Phase::Ok };
                self.note(&format!("handler {id}.{attempt}"), phase, Op::Effect { id, attempt });
            }
            [attempt, "starts"] => self.work(attempt, Phase::Invoke),
            [attempt, "ends"] => self.work(attempt, Phase::Ok),
            [who, "takes", attempt] => self.take(who, attempt),
            [who, "sends", what, attempt] => self.settle(who, what, attempt, Phase::Invoke, None),
            [who, "moves", what, attempt] => self.leave(who, "settle", who, what, attempt),
            [who, "hears", answer, what, attempt] => {
                let (phase, answer) = match answer {
                    "ok" => (Phase::Ok, Some(Answer::Ok)),
                    "stale" => (Phase::Ok, Some(Answer::Stale)),
                    "error" => (Phase::Fail, None),
                    _ => (Phase::Info, None),
                };
                self.settle(who, what, attempt, phase, answer);
            }
            [who, what, attempt, "of", lost] if what.starts_with("rescues") => {
                self.rescue(who, what, attempt, lost);
            }
            [who, what, attempt] => {
                self.settle(who, what, attempt, Phase::Invoke, None);
                self.leave(who, "settle", who, what, attempt);
                self.settle(who, what, attempt, Phase::Ok, Some(Answer::Ok));
            }
            _ => panic!("nobody understands `{line}`"),
        }
    }

    fn note(&mut self, who: &str, phase: Phase, op: Op) {
        if who == "operator" && !self.known.iter().any(|known| known == who) {
            self.known.push(who.to_owned());
            let begin = Op::Begin { role: Role::Operator, pid: 0, worker: None };
            self.note(who, Phase::Ok, begin);
        }
        if who.starts_with('w') && !self.known.iter().any(|known| known == who) {
            self.known.push(who.to_owned());
            let worker = Some(worker(who));
            self.note(who, Phase::Ok, Op::Begin { role: Role::Worker, pid: pid(who), worker });
        }
        let process =
            Uuid::from_u128(who.bytes().fold(0, |sum, byte| sum * 256 + u128::from(byte)));
        let n = self.history.iter().filter(|line| line.process == process).count() as u64 + 1;
        let (mono_us, at) = (self.ms * 1000, Some(self.at()));
        self.history.push(Line { process, n, mono_us, at, phase, op });
    }

    fn at(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + (self.ms.cast_signed()).milliseconds()
    }

    fn row(&mut self, writer: &str, way: Way, place: Place, fence: (i64, i32, Option<Uuid>)) {
        let (job, attempt, worker) = fence;
        let (seq, at) = (self.facts.trail.len() as i64 + 1, self.at());
        let attempt = Some(attempt);
        let writer = writer.to_owned();
        let xid = self.ms.cast_signed();
        self.facts.trail.push(Row { seq, at, xid, writer, job, place, way, attempt, worker });
    }

    fn enqueue(&mut self, phase: Phase, job: &str) {
        let (key, id) = job.split_once('=').unwrap_or((job, ""));
        let id = if phase == Phase::Ok { id.parse().ok() } else { None };
        self.note("app", phase, Op::Enqueue { key: key.to_owned(), id });
    }

    fn take_in(&mut self, job: &str) {
        let (key, id) = job.split_once('=').unwrap();
        let id = id.parse().unwrap();
        if self.facts.jobs.iter().any(|job| job.id == id) {
            return;
        }
        self.row("app", Way::Enter, Place::Ready, (id, 0, None));
        self.facts.jobs.push(Job { id, key: Some(key.to_owned()), stands: Stands::Waiting(None) });
    }

    fn take(&mut self, who: &str, attempt: &str) {
        let (id, attempt) = pair(attempt);
        let session = session(who, "settle");
        self.row(&session, Way::Leave, Place::Ready, (id, attempt - 1, None));
        self.row(&session, Way::Enter, Place::Running, (id, attempt, Some(worker(who))));
        self.stand(id, Stands::Running);
        self.note(who, Phase::Ok, Op::Claim { id, attempt, worker: worker(who) });
    }

    fn work(&mut self, attempt: &str, phase: Phase) {
        let (id, attempt) = pair(attempt);
        self.note(&format!("handler {id}.{attempt}"), phase, Op::Work { id, attempt });
    }

    fn settle(
        &mut self,
        who: &str,
        what: &str,
        attempt: &str,
        phase: Phase,
        answer: Option<Answer>,
    ) {
        let (id, attempt) = pair(attempt);
        let (worker, verdict) = (worker(who), verdict(what));
        self.note(who, phase, Op::Settle(Settle { id, attempt, worker, verdict, answer }));
    }

    /// The row of `owner` leaves `running`.
    fn leave(&mut self, who: &str, purpose: &str, owner: &str, what: &str, attempt: &str) {
        let (id, attempt) = pair(attempt);
        let session = session(who, purpose);
        let (place, stands) = match verdict(what) {
            Verdict::Complete => (Place::History, Stands::Completed),
            Verdict::Cancel => (Place::History, Stands::Cancelled),
            Verdict::Bury => (Place::DeadLetter, Stands::Dead { attempt }),
            Verdict::Retry | Verdict::Snooze => (Place::Scheduled, Stands::Waiting(None)),
            Verdict::Release => (Place::Ready, Stands::Waiting(None)),
        };
        self.row(&session, Way::Leave, Place::Running, (id, attempt, Some(worker(owner))));
        self.row(&session, Way::Enter, place, (id, attempt, None));
        if place == Place::DeadLetter {
            self.row(&session, Way::Enter, Place::Alert, (id, attempt, None));
        }
        self.stand(id, stands);
    }

    fn rescue(&mut self, who: &str, what: &str, attempt: &str, lost: &str) {
        let what = what.strip_prefix("rescues-").unwrap_or("releases");
        let (id, number) = pair(attempt);
        let settle = |answer| {
            let (attempt, worker, verdict) = (number, worker(lost), verdict(what));
            Op::Rescue(Settle { id, attempt, worker, verdict, answer })
        };
        self.note(who, Phase::Invoke, settle(None));
        self.leave(who, "duty", lost, what, attempt);
        self.note(who, Phase::Ok, settle(Some(Answer::Ok)));
    }

    fn revive(&mut self, id: i64) {
        self.note("operator", Phase::Ok, Op::Revive { id });
        self.row("backstay operate", Way::Leave, Place::DeadLetter, (id, 0, None));
        self.row("backstay operate", Way::Enter, Place::Ready, (id, 0, None));
        self.stand(id, Stands::Waiting(None));
    }

    fn effect(&mut self, attempt: &str, with_its_end: bool) {
        let (job, attempt) = pair(attempt);
        let mut rows = self.facts.trail.iter().rev();
        let is_end = |row: &&Row| {
            row.job == job && row.is_running(Way::Leave) && row.attempt == Some(attempt)
        };
        let end = rows.find(is_end).filter(|_| with_its_end);
        let xid = end.map_or(0, |row| row.xid);
        self.facts.effects.push(Effect { job, attempt, xid });
    }

    fn cancel(&mut self, id: i64) {
        let job = self.facts.jobs.iter().find(|job| job.id == id).unwrap();
        if job.stands != Stands::Running {
            self.row("backstay operate", Way::Leave, Place::Ready, (id, 0, None));
            self.row("backstay operate", Way::Enter, Place::History, (id, 0, None));
            self.stand(id, Stands::Cancelled);
        }
        self.note("operator", Phase::Ok, Op::Cancel { id });
    }

    fn harm(&mut self, fault: Fault, phases: &[Phase], who: &str) {
        let pid = if who.is_empty() { None } else { Some(pid(who)) };
        for phase in phases {
            self.note("nemesis", *phase, Op::Fault { fault, pid });
        }
    }

    fn tamper(&mut self, what: &str, id: i64) {
        match what {
            "never had" => {
                self.facts.jobs.retain(|job| job.id != id);
                self.facts.trail.retain(|row| row.job != id);
            }
            "forgets" => self.facts.jobs.retain(|job| job.id != id),
            "copies" => {
                let job = self.facts.jobs.iter().find(|job| job.id == id).unwrap().clone();
                self.facts.jobs.push(Job { id: id + 1000, ..job });
            }
            "reopens" => self.stand(id, Stands::Waiting(None)),
            "pauses" => self.stand(id, Stands::Waiting(Some("paused".to_owned()))),
            _ => panic!("a database does not do this: {what}"),
        }
    }

    fn stand(&mut self, id: i64, stands: Stands) {
        if let Some(job) = self.facts.jobs.iter_mut().find(|job| job.id == id) {
            job.stands = stands;
        }
    }
}

fn pair(attempt: &str) -> (i64, i32) {
    let (id, attempt) = attempt.split_once('.').unwrap_or_else(|| panic!("{attempt}: no attempt"));
    (id.parse().unwrap(), attempt.parse().unwrap())
}

fn verdict(what: &str) -> Verdict {
    match what {
        "completes" => Verdict::Complete,
        "retries" => Verdict::Retry,
        "snoozes" => Verdict::Snooze,
        "releases" => Verdict::Release,
        "cancels" => Verdict::Cancel,
        "buries" => Verdict::Bury,
        _ => panic!("no verdict: {what}"),
    }
}

fn pid(who: &str) -> i32 {
    who.strip_prefix('w').unwrap().parse().unwrap()
}

fn worker(who: &str) -> Uuid {
    // Its first eight digits are what a session is named by.
    Uuid::from_u128(pid(who).unsigned_abs().into())
        .to_string()
        .chars()
        .rev()
        .collect::<String>()
        .replace('-', "")
        .parse()
        .unwrap()
}

fn session(who: &str, purpose: &str) -> String {
    format!("backstay work {} {purpose}", &worker(who).to_string()[..8])
}
