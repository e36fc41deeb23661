//! The reference: what each operation does to jobs and keys, in plain Rust, and what it answers.

use std::collections::BTreeMap;

use super::op::{Conflict, Fence, Op, Pick, Unique, Until, Verb, Wish};

/// After so much an idempotency key is forgotten, and a discarded dead letter too.
const ONCE: i64 = 86_400;
const DISCARDED: i64 = 7 * 86_400;
/// What nobody knows is parked when it has stood in line for longer than this.
pub(crate) const UNKNOWN_AFTER: i64 = 60;
/// The wait of every policy here, so that the judge's answer is known.
pub(crate) const BACKOFF: i64 = 60;
/// `crash_limit` and `lost_limit` as they are built in.
const LOST_LIMIT: i16 = 3;
const SUSPECT: i16 = 2;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    Nothing,
    Code(&'static str),
    Word(&'static str),
    Count(usize),
    Jobs(Vec<usize>),
    /// For each: which job answers, and whether it was created.
    Enqueued(Vec<(usize, bool)>),
    Heard {
        lost: bool,
        cancels: Vec<usize>,
    },
}

impl Answer {
    /// Whether anything came of it, or why not.
    pub(crate) fn came_to(&self) -> &'static str {
        match self {
            Answer::Code(word) | Answer::Word(word) => word,
            Answer::Count(0) => "nothing",
            Answer::Jobs(jobs) if jobs.is_empty() => "nothing",
            Answer::Enqueued(jobs) if jobs.iter().any(|(_, created)| !created) => "gave way",
            Answer::Heard { cancels, .. } if !cancels.is_empty() => "heard",
            _ => "done",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Ready,
    Parked(&'static str),
    Scheduled(i64, &'static str),
    Running { worker: u8, claimed: i64, cancel: bool },
    Dead { reason: &'static str, errors: usize, discarded: Option<i64> },
    Ended(&'static str, Option<&'static str>),
    Nowhere,
}

impl Place {
    fn waits(self) -> bool {
        matches!(self, Place::Ready | Place::Parked(_) | Place::Scheduled(..))
    }

    fn runs(self) -> bool {
        matches!(self, Place::Running { .. })
    }

    fn is_dead(self) -> bool {
        matches!(self, Place::Dead { .. })
    }
}

#[derive(Debug, Clone)]
struct Job {
    place: Place,
    kind: &'static str,
    args: u8,
    priority: i16,
    max_retries: i16,
    revived: i16,
    expires: Option<i64>,
    /// The key that it gives up when it ends.
    key: Option<String>,
    memory_mib: i64,
    attempt: i32,
    /// retry, crash, lost, snooze, interrupt
    counts: [i16; 5],
    /// In line, parked and running only.
    seq: i64,
    ready_at: i64,
    /// One for each attempt that was written down.
    notes: Vec<(i32, &'static str)>,
    alerts: Vec<i32>,
    checkpoint: Option<i32>,
}

#[derive(Debug, Clone, PartialEq)]
struct Key {
    job: usize,
    until: &'static str,
    expires: Option<i64>,
    args: Option<(&'static str, u8)>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    now: i64,
    jobs: Vec<Job>,
    keys: BTreeMap<String, Key>,
    pauses: BTreeMap<(&'static str, &'static str), Option<i64>>,
    /// Of each worker that has beaten: the kinds that it knows, and whether it is lost.
    workers: BTreeMap<u8, (Vec<&'static str>, bool)>,
    seq: i64,
    audits: usize,
}

impl Model {
    /// Does it, and says what the answer must be.
    pub(crate) fn apply(&mut self, op: &Op) -> Answer {
        match op {
            Op::Enqueue(wish) => self.enqueue_or_not(wish),
            Op::Claim { worker, n, kinds } => self.claim(*worker, *n, kinds.as_deref()),
            Op::Beat { worker, kinds } => self.beat(*worker, kinds),
            Op::Checkpoint(pick, fence) => self.checkpoint(*pick, *fence),
            Op::Settle { verb, first, most, fence } => self.settle(*verb, *first, *most, *fence),
            Op::Rescue { worker, goodbye } => self.rescue(*worker, *goodbye),
            Op::PromoteDue => self.promote_due(),
            Op::Sort => self.sort(),
            Op::Expire => self.expire(),
            Op::ForgetKeys => self.forget_keys(),
            Op::Prune => self.prune(),
            Op::Cancel(pick) => self.cancel(*pick),
            Op::Promote(pick) => self.promote(*pick),
            Op::Edit { job, priority, run_in } => self.edit(*job, *priority, *run_in),
            Op::Bury(pick) => self.bury(*pick),
            Op::Revive { job, without_unique } => self.revive(*job, *without_unique),
            Op::Discard(pick) => self.discard(*pick, true),
            Op::Restore(pick) => self.discard(*pick, false),
            Op::Pause { scope, name, for_in } => {
                self.pauses.insert((scope, name), for_in.map(|span| self.now + span));
                self.audits += 1;
                Answer::Count(1)
            }
            Op::Resume { scope, name } => {
                let ended = usize::from(self.pauses.remove(&(*scope, *name)).is_some());
                self.audits += ended;
                if ended == 1 { Answer::Count(1) } else { Answer::Code("BS301") }
            }
            Op::Pass(span) => {
                self.now += span;
                Answer::Nothing
            }
        }
    }

    /// Which job is meant: three times in four one for which the operation is made.
    pub(crate) fn picked(&self, op: &Op) -> Option<usize> {
        match op {
            Op::Checkpoint(pick, _) => self.pick(*pick, Place::runs),
            Op::Cancel(pick) => self.pick(*pick, |place| place.waits() || place.runs()),
            Op::Promote(pick) => self.pick(*pick, |place| matches!(place, Place::Scheduled(..))),
            Op::Edit { job, .. } | Op::Bury(job) => self.pick(*job, Place::waits),
            Op::Revive { job, .. } | Op::Discard(job) | Op::Restore(job) => {
                self.pick(*job, Place::is_dead)
            }
            _ => None,
        }
    }

    fn pick(&self, pick: Pick, suits: impl Fn(Place) -> bool) -> Option<usize> {
        let all = 0..self.jobs.len();
        let suited: Vec<usize> = all.clone().filter(|job| suits(self.jobs[*job].place)).collect();
        if pick % 4 == 3 || suited.is_empty() {
            return all.clone().nth(pick / 4 % all.len().max(1));
        }
        suited.get(pick / 4 % suited.len()).copied()
    }

    /// The fence that a worker would send for a job, right or wrong.
    pub(crate) fn fence(&self, job: usize, fence: Fence) -> (i32, u8) {
        let attempt = self.jobs[job].attempt;
        let worker = match self.jobs[job].place {
            Place::Running { worker, .. } => worker,
            _ => 1,
        };
        match fence {
            Fence::Right => (attempt, worker),
            Fence::OldAttempt => (attempt - 1, worker),
            Fence::OtherWorker => (attempt, 3 - worker),
        }
    }

    /// The jobs of a batch of verdicts, in the order of their ids, and the worker that sends it.
    pub(crate) fn batch(
        &self,
        verb: Verb,
        first: Pick,
        most: usize,
        fence: Fence,
    ) -> (Vec<usize>, u8) {
        let Some(first) = self.pick(first, Place::runs) else { return (Vec::new(), 1) };
        let (_, worker) = self.fence(first, fence);
        let rest = (0..self.jobs.len()).filter(|job| *job != first && self.jobs[*job].place.runs());
        let mut batch: Vec<usize> = std::iter::once(first).chain(rest.take(most - 1)).collect();
        // No judge lets a job be retried more often than it may.
        let is_retry = matches!(verb, Verb::Retry("retry", _) | Verb::RetryLarger(_));
        batch.retain(|job| !is_retry || self.jobs[*job].counts[0] < self.jobs[*job].max_retries);
        batch.sort_unstable();
        (batch, worker)
    }

    fn is_paused(&self, scope: &'static str, name: &'static str) -> bool {
        self.pauses
            .get(&(scope, name))
            .is_some_and(|until| until.is_none_or(|until| until > self.now))
    }

    fn next_seq(&mut self) -> i64 {
        self.seq += 1;
        self.seq
    }

    fn enqueue_or_not(&mut self, wish: &Wish) -> Answer {
        let before = self.clone();
        let answer = self.enqueue(wish);
        if wish.rolled_back || matches!(answer, Answer::Code(_)) {
            *self = before;
        }
        answer
    }

    fn enqueue(&mut self, wish: &Wish) -> Answer {
        let run_at = wish.run_in.map(|span| self.now + span);
        let expires = wish.expires_in.map(|span| self.now + span);
        // Every job of a call has its number before any key is looked at.
        let seqs: Vec<i64> = wish.args.iter().map(|_| self.next_seq()).collect();
        let (mut answers, mut afterwards) = (Vec::new(), Vec::new());
        let first_new = self.jobs.len();
        // Idempotency keys are looked at before all unique ones.
        for (at, args) in wish.args.iter().enumerate() {
            let held = once_key(wish, at).and_then(|once| self.keys.get(&once));
            let held = held.filter(|held| held.expires > Some(self.now));
            if held.is_some_and(|held| held.args != Some((wish.kind, *args))) {
                return Answer::Code("BS111");
            }
        }
        for (at, args) in wish.args.iter().enumerate() {
            let job = self.jobs.len();
            let once = once_key(wish, at);
            if let Some(once) = &once {
                let (expires, args) = (Some(self.now + ONCE), Some((wish.kind, *args)));
                if let Err(holder) = self.take(once, Key { job, until: "period", expires, args }) {
                    answers.push((holder, false));
                    continue;
                }
            }
            let name = wish.unique.map(|_| format!("{} {args}", wish.kind));
            if let (Some(unique), Some(name)) = (wish.unique, &name)
                && let Err(holder) = self.take(name, self.key_of(unique, job))
            {
                match unique.conflict {
                    Conflict::Reject => return Answer::Code("BS110"),
                    Conflict::Replace if holder >= first_new => {
                        afterwards.push((holder, *args));
                    }
                    Conflict::Replace => self.replace(holder, *args, wish, run_at, expires),
                    Conflict::Keep => {}
                }
                if let Some(once) = &once {
                    self.keys.get_mut(once).unwrap().job = holder;
                }
                answers.push((holder, false));
                continue;
            }
            let held = wish.unique.is_some_and(|unique| unique.until == Until::Finished);
            self.jobs.push(Job {
                place: Place::Nowhere,
                kind: wish.kind,
                args: *args,
                priority: wish.priority,
                max_retries: wish.max_retries,
                revived: 0,
                expires,
                key: name.filter(|_| held),
                memory_mib: 0,
                attempt: 0,
                counts: [0; 5],
                seq: seqs[at],
                ready_at: self.now,
                notes: Vec::new(),
                alerts: Vec::new(),
                checkpoint: None,
            });
            self.stand(job, run_at, "scheduled", Some(seqs[at]), None);
            answers.push((job, true));
        }
        for (holder, args) in afterwards {
            self.replace(holder, args, wish, run_at, expires);
        }
        Answer::Enqueued(answers)
    }

    fn key_of(&self, unique: Unique, job: usize) -> Key {
        let (until, expires) = match unique.until {
            Until::Finished => ("finished", None),
            Until::Started => ("started", None),
            Until::Period(span) => ("period", Some(self.now + span)),
        };
        Key { job, until, expires, args: None }
    }

    /// Takes a key, or says who has it.
    fn take(&mut self, name: &str, key: Key) -> Result<(), usize> {
        if let Some(held) = self.keys.get(name).filter(|held| held.job != key.job) {
            let is_over = held.expires.is_some_and(|expires| expires <= self.now);
            let has_started = held.until == "started" && !self.is_to_start(held.job);
            if !is_over && !has_started {
                return Err(held.job);
            }
        }
        self.keys.insert(name.to_owned(), key);
        Ok(())
    }

    /// Whether it waits, or stands anywhere, for its first attempt.
    fn is_to_start(&self, job: usize) -> bool {
        let job = &self.jobs[job];
        (job.place.waits() || job.place.runs()) && job.attempt == 0
    }

    fn replace(
        &mut self,
        holder: usize,
        args: u8,
        wish: &Wish,
        run_at: Option<i64>,
        expires: Option<i64>,
    ) {
        let job = &mut self.jobs[holder];
        if !job.place.waits() {
            return;
        }
        (job.args, job.expires, job.counts[0]) = (args, expires, 0);
        let tail = matches!(job.place, Place::Scheduled(..))
            || job.priority != wish.priority
            || run_at > Some(self.now);
        job.priority = wish.priority;
        let (seq, ready_at) = if tail { (None, None) } else { (Some(job.seq), Some(job.ready_at)) };
        self.stand(holder, run_at, "scheduled", seq, ready_at);
    }

    /// Puts it where a job that is due then has to wait.
    fn stand(
        &mut self,
        job: usize,
        run_at: Option<i64>,
        why: &'static str,
        seq: Option<i64>,
        ready_at: Option<i64>,
    ) {
        if let Some(run_at) = run_at.filter(|at| *at > self.now) {
            self.jobs[job].place = Place::Scheduled(run_at, why);
            return;
        }
        let seq = seq.unwrap_or_else(|| self.next_seq());
        let is_paused = self.is_paused("kind", self.jobs[job].kind);
        let now = self.now;
        let job = &mut self.jobs[job];
        job.place = if is_paused { Place::Parked("paused") } else { Place::Ready };
        (job.seq, job.ready_at) = (seq, ready_at.unwrap_or(now));
    }

    fn claim(&mut self, worker: u8, n: i32, kinds: Option<&[&'static str]>) -> Answer {
        if self.is_paused("queue", "default") {
            return Answer::Jobs(Vec::new());
        }
        let mut line: Vec<usize> = self
            .those(|job| {
                job.place == Place::Ready && kinds.is_none_or(|kinds| kinds.contains(&job.kind))
            })
            .collect();
        line.sort_by_key(|job| (self.jobs[*job].priority, self.jobs[*job].seq));
        line.truncate(usize::try_from(n).unwrap());
        let claimed = self.now;
        for job in &line {
            let job = &mut self.jobs[*job];
            job.attempt += 1;
            job.place = Place::Running { worker, claimed, cancel: false };
        }
        line.sort_unstable();
        Answer::Jobs(line)
    }

    fn those(&self, suits: impl Fn(&Job) -> bool) -> impl Iterator<Item = usize> {
        (0..self.jobs.len()).filter(move |job| suits(&self.jobs[*job]))
    }

    fn beat(&mut self, worker: u8, kinds: &[&'static str]) -> Answer {
        let before = self.workers.insert(worker, (kinds.to_vec(), false));
        let of_it = |job: &Job| matches!(job.place, Place::Running { worker: w, cancel: true, .. } if w == worker);
        let cancels = self.those(of_it).collect();
        Answer::Heard { lost: before.is_some_and(|(_, lost)| lost), cancels }
    }

    fn holds(&self, job: usize, (attempt, worker): (i32, u8)) -> bool {
        let job = &self.jobs[job];
        job.attempt == attempt
            && matches!(job.place, Place::Running { worker: w, .. } if w == worker)
    }

    fn checkpoint(&mut self, pick: Pick, fence: Fence) -> Answer {
        let Some(job) = self.pick(pick, Place::runs) else { return Answer::Nothing };
        let fence = self.fence(job, fence);
        if !self.holds(job, fence) {
            return Answer::Code("BS201");
        }
        self.jobs[job].checkpoint = Some(fence.0);
        Answer::Nothing
    }

    fn settle(&mut self, verb: Verb, first: Pick, most: usize, fence: Fence) -> Answer {
        let (batch, worker) = self.batch(verb, first, most, fence);
        let attempts: Vec<i32> = batch.iter().map(|job| self.fence(*job, fence).0).collect();
        if verb == Verb::CompleteInside {
            // The door takes one job.
            let Some((job, attempt)) = batch.first().zip(attempts.first()) else {
                return Answer::Nothing;
            };
            if !self.holds(*job, (*attempt, worker)) {
                return Answer::Code("BS201");
            }
            self.end(*job, "completed", None);
            return Answer::Nothing;
        }
        let held: Vec<usize> = batch
            .into_iter()
            .zip(attempts)
            .filter(|(job, attempt)| self.holds(*job, (*attempt, worker)))
            .filter(|(job, _)| !(verb.goes_on() && self.is_unwanted(*job)))
            .map(|(job, _)| job)
            .collect();
        for job in &held {
            self.settle_one(*job, verb);
        }
        Answer::Jobs(held)
    }

    /// Somebody has cancelled it while it runs.
    fn is_unwanted(&self, job: usize) -> bool {
        matches!(self.jobs[job].place, Place::Running { cancel: true, .. })
    }

    fn settle_one(&mut self, job: usize, verb: Verb) {
        let later = |model: &mut Model, delay: i64, why: &'static str| {
            model.jobs[job].place = Place::Scheduled(model.now + delay, why);
        };
        match verb {
            Verb::Complete | Verb::CompleteInside => self.end(job, "completed", None),
            Verb::CompleteLean => {
                self.give_up_key(job);
                self.jobs[job].place = Place::Nowhere;
            }
            Verb::Retry(bill, delay) => {
                self.note(job, bill);
                later(self, delay, "backing_off");
            }
            Verb::RetryLarger(delay) => {
                self.note(job, "retry");
                self.jobs[job].memory_mib = 512;
                later(self, delay, "backing_off");
            }
            Verb::Snooze(delay) => {
                self.note(job, "snooze");
                later(self, delay, "snoozed");
            }
            Verb::Release(bill) => {
                self.note(job, bill);
                self.jobs[job].place = Place::Ready;
            }
            Verb::ReleaseLater(bill, delay) => {
                self.note(job, bill);
                later(self, delay, "released");
            }
            Verb::Cancel => {
                let asked = self.is_unwanted(job);
                self.note(job, "nothing");
                self.end(job, "cancelled", Some(if asked { "operator" } else { "handler" }));
            }
            Verb::Bury(reason, bill) => {
                self.note(job, bill);
                self.die(job, reason);
            }
        }
    }

    /// Writes the attempt down, and adds one to what it is billed to.
    fn note(&mut self, job: usize, bill: &'static str) {
        let job = &mut self.jobs[job];
        let bills = ["retry", "crash", "lost", "snooze", "interrupt"];
        if let Some(count) = bills.iter().position(|word| *word == bill) {
            job.counts[count] += 1;
        }
        job.notes.push((job.attempt, bill));
    }

    fn end(&mut self, job: usize, state: &'static str, reason: Option<&'static str>) {
        self.give_up_key(job);
        self.jobs[job].place = Place::Ended(state, reason);
    }

    fn die(&mut self, job: usize, reason: &'static str) {
        self.give_up_key(job);
        let job = &mut self.jobs[job];
        job.place = Place::Dead { reason, errors: job.notes.len().min(20), discarded: None };
        job.alerts.push(job.attempt);
    }

    fn give_up_key(&mut self, job: usize) {
        let Some(name) = self.jobs[job].key.clone() else { return };
        if self.keys.get(&name).is_some_and(|key| key.job == job && key.until != "period") {
            self.keys.remove(&name);
        }
    }

    fn rescue(&mut self, worker: u8, goodbye: bool) -> Answer {
        let aboard: Vec<usize> = self
            .those(|job| matches!(job.place, Place::Running { worker: w, .. } if w == worker))
            .collect();
        let claimed = |job: &usize| match self.jobs[*job].place {
            Place::Running { claimed, .. } => claimed,
            _ => i64::MAX,
        };
        let suspects = aboard.iter().copied().filter(|job| self.jobs[*job].counts[2] >= SUSPECT);
        let blamed = suspects.min_by_key(|job| (claimed(job), *job));
        for job in &aboard {
            let verb = match (self.jobs[*job].place, self.jobs[*job].counts[2]) {
                (Place::Running { cancel: true, .. }, _) => Verb::Cancel,
                _ if goodbye => Verb::Release("interrupt"),
                _ if blamed.is_some_and(|blamed| blamed != *job) => Verb::Release("nothing"),
                (_, lost) if lost + 1 >= LOST_LIMIT => Verb::Bury("crashed_worker", "lost"),
                (_, 0) => Verb::Release("lost"),
                _ => Verb::Retry("lost", BACKOFF),
            };
            self.settle_one(*job, verb);
        }
        if let Some((_, lost)) = self.workers.get_mut(&worker) {
            *lost = true;
        }
        Answer::Jobs(aboard)
    }

    fn promote_due(&mut self) -> Answer {
        let now = self.now;
        let due = |job: &Job| match job.place {
            Place::Scheduled(run_at, _) if run_at <= now => Some(run_at),
            _ => None,
        };
        let mut moved: Vec<usize> = self.those(|job| due(job).is_some()).collect();
        moved.sort_by_key(|job| (due(&self.jobs[*job]), *job));
        for job in &moved {
            let run_at = due(&self.jobs[*job]);
            self.stand(*job, run_at, "", None, run_at);
        }
        Answer::Count(moved.len())
    }

    fn sort(&mut self) -> Answer {
        let knows = |kind: &str| self.workers.values().any(|(kinds, _)| kinds.contains(&kind));
        let mut parked = Vec::new();
        for (at, job) in self.jobs.iter().enumerate().filter(|(_, job)| job.place == Place::Ready) {
            let unknown = !self.workers.is_empty()
                && job.ready_at < self.now - UNKNOWN_AFTER
                && !knows(job.kind);
            if self.is_paused("kind", job.kind) {
                parked.push((at, "paused"));
            } else if unknown {
                parked.push((at, "unknown_kind"));
            }
        }
        let count = parked.len();
        let mut freed: Vec<usize> = self
            .those(|job| match job.place {
                Place::Parked("paused") => !self.is_paused("kind", job.kind),
                Place::Parked(_) => knows(job.kind),
                _ => false,
            })
            .collect();
        freed.sort_by_key(|job| (self.jobs[*job].priority, self.jobs[*job].seq));
        for (job, why) in parked {
            self.jobs[job].place = Place::Parked(why);
        }
        for job in &freed {
            self.jobs[*job].seq = self.next_seq();
            self.jobs[*job].place = Place::Ready;
        }
        Answer::Count(count + freed.len())
    }

    fn expire(&mut self) -> Answer {
        let is_late =
            |job: &Job| job.place.waits() && job.expires.is_some_and(|expires| expires < self.now);
        let late: Vec<usize> = self.those(is_late).collect();
        for job in &late {
            self.end(*job, "cancelled", Some("expired"));
        }
        Answer::Jobs(late)
    }

    fn forget_keys(&mut self) -> Answer {
        let before = self.keys.len() + self.pauses.len();
        let jobs = &self.jobs;
        let has_body = |job: usize| jobs[job].place.waits() || jobs[job].place.runs();
        self.keys.retain(|_, key| {
            key.expires.is_none_or(|expires| expires >= self.now)
                && (key.until != "started" || has_body(key.job))
        });
        self.pauses.retain(|_, until| until.is_none_or(|until| until >= self.now));
        Answer::Count(before - self.keys.len() - self.pauses.len())
    }

    fn prune(&mut self) -> Answer {
        for job in &mut self.jobs {
            match job.place {
                Place::Ended(..) | Place::Nowhere => job.checkpoint = None,
                Place::Dead { discarded: Some(at), .. } if at < self.now - DISCARDED => {
                    job.place = Place::Nowhere;
                    self.audits += 1;
                }
                _ => {}
            }
        }
        Answer::Nothing
    }

    fn cancel(&mut self, pick: Pick) -> Answer {
        let suits = |place: Place| place.waits() || place.runs();
        let Some(job) = self.pick(pick, suits) else { return Answer::Nothing };
        match &mut self.jobs[job].place {
            Place::Nowhere => return Answer::Word("not_found"),
            Place::Ended(..) | Place::Dead { .. } => return Answer::Word("too_late"),
            Place::Running { cancel, .. } => {
                *cancel = true;
                self.audits += 1;
                return Answer::Word("cancelling");
            }
            _ => self.end(job, "cancelled", Some("operator")),
        }
        self.audits += 1;
        Answer::Word("cancelled")
    }

    /// The code for a job that a verb could not act on.
    fn absent(&self, job: usize) -> Answer {
        Answer::Code(if self.jobs[job].place == Place::Nowhere { "BS301" } else { "BS302" })
    }

    fn promote(&mut self, pick: Pick) -> Answer {
        let suits = |place| matches!(place, Place::Scheduled(..));
        let Some(job) = self.pick(pick, suits) else { return Answer::Nothing };
        if !suits(self.jobs[job].place) {
            return self.absent(job);
        }
        self.stand(job, None, "", None, None);
        self.audits += 1;
        Answer::Count(1)
    }

    fn edit(&mut self, pick: Pick, priority: Option<i16>, run_in: Option<i64>) -> Answer {
        let Some(job) = self.pick(pick, Place::waits) else { return Answer::Nothing };
        if priority.is_none() && run_in.is_none() {
            return Answer::Code("BS102");
        }
        let Job { place, seq, ready_at, priority: was, .. } = self.jobs[job];
        let (mut seq, ready_at, mut run_at, mut why) = match place {
            Place::Scheduled(run_at, why) => (None, None, Some(run_at), why),
            Place::Ready | Place::Parked(_) => {
                (Some(seq), Some(ready_at), Some(ready_at), "scheduled")
            }
            _ => return self.absent(job),
        };
        if run_in.is_some() || priority.is_some_and(|priority| priority != was) {
            seq = None;
        }
        if let Some(span) = run_in {
            (run_at, why) = (Some(self.now + span), "scheduled");
        }
        self.jobs[job].priority = priority.unwrap_or(was);
        // What it has used up stays within what it may.
        self.jobs[job].max_retries = self.jobs[job].max_retries.max(self.jobs[job].counts[0]);
        self.stand(job, run_at, why, seq, ready_at);
        self.audits += 1;
        Answer::Count(1)
    }

    fn bury(&mut self, pick: Pick) -> Answer {
        let Some(job) = self.pick(pick, Place::waits) else { return Answer::Nothing };
        if !self.jobs[job].place.waits() {
            return self.absent(job);
        }
        self.die(job, "buried");
        self.audits += 1;
        Answer::Count(1)
    }

    fn revive(&mut self, pick: Pick, without_unique: bool) -> Answer {
        let Some(job) = self.pick(pick, Place::is_dead) else { return Answer::Nothing };
        let Place::Dead { discarded: None, .. } = self.jobs[job].place else {
            return self.absent(job);
        };
        if without_unique {
            self.jobs[job].key = None;
        }
        if let Some(name) = self.jobs[job].key.clone() {
            let key = Key { job, until: "finished", expires: None, args: None };
            if self.take(&name, key).is_err() {
                return Answer::Code("BS303");
            }
        }
        let now = self.now;
        let dead = &mut self.jobs[job];
        dead.expires = dead.expires.filter(|expires| *expires > now);
        (dead.revived, dead.counts) = (dead.revived + 1, [0; 5]);
        self.stand(job, None, "", None, None);
        self.audits += 1;
        Answer::Count(1)
    }

    fn discard(&mut self, pick: Pick, aside: bool) -> Answer {
        let Some(job) = self.pick(pick, Place::is_dead) else { return Answer::Nothing };
        let now = self.now;
        match &mut self.jobs[job].place {
            Place::Dead { discarded, .. } if discarded.is_none() == aside => {
                *discarded = aside.then_some(now);
                self.audits += 1;
                Answer::Count(1)
            }
            _ => self.absent(job),
        }
    }

    /// All that must be found in the database, in the words of `machine/state.sql`.
    pub(crate) fn lines(&self, ids: &[i64]) -> Vec<String> {
        let mut lines = vec![format!("audits {}", self.audits)];
        for (job, id) in self.jobs.iter().zip(ids) {
            lines.extend(job.lines(*id));
        }
        for (name, key) in &self.keys {
            let expires = key.expires.map_or(String::new(), |at| format!(" {at}"));
            lines.push(format!("key {name} of {} until {}{expires}", ids[key.job], key.until));
        }
        for ((scope, name), until) in &self.pauses {
            let until = until.map_or(String::new(), |at| format!(" {at}"));
            lines.push(format!("pause {scope} {name}{until}"));
        }
        let mut line: Vec<usize> = self
            .those(|job| job.place.runs() || matches!(job.place, Place::Ready | Place::Parked(_)))
            .collect();
        line.sort_by_key(|job| self.jobs[*job].seq);
        let line: Vec<String> = line.iter().map(|job| ids[*job].to_string()).collect();
        lines.push(format!("line {}", line.join(" ")));
        lines.sort_unstable();
        lines
    }
}

fn once_key(wish: &Wish, at: usize) -> Option<String> {
    wish.once.map(|once| match wish.args.len() {
        1 => format!("once {once}"),
        _ => format!("once {once}.{}", at + 1),
    })
}

impl Job {
    fn lines(&self, id: i64) -> Vec<String> {
        let Job { kind, priority, attempt, memory_mib, ready_at, .. } = self;
        let counts: Vec<String> = self.counts.iter().map(i16::to_string).collect();
        let counts = format!("a{attempt} {}", counts.join("/"));
        let expires = self.expires.map_or(String::new(), |at| format!(" expires {at}"));
        let key = self.key.as_ref().map_or(String::new(), |key| format!(" key {key}"));
        let body = format!(
            "{kind} p{priority} v{} max {} revived {}{expires}{key}",
            self.args, self.max_retries, self.revived
        );
        let spot = format!("{kind} p{priority} m{memory_mib} {counts}");
        let mut lines = match self.place {
            Place::Ready => vec![format!("{id} ready {spot} at {ready_at}")],
            Place::Parked(why) => vec![format!("{id} parked {spot} at {ready_at} {why}")],
            Place::Scheduled(run_at, why) => {
                vec![format!("{id} scheduled {spot} at {run_at} {why}")]
            }
            Place::Running { worker, claimed, cancel } => {
                let cancel = if cancel { " cancel" } else { "" };
                vec![format!(
                    "{id} running {spot} at {ready_at} by {worker} since {claimed}{cancel}"
                )]
            }
            Place::Dead { reason, errors, discarded } => {
                let discarded = discarded.map_or(String::new(), |at| format!(" discarded {at}"));
                vec![format!("{id} dead {body} {counts} {reason} {errors}{discarded}")]
            }
            Place::Ended(state, reason) => {
                let reason = reason.map_or(String::new(), |reason| format!(" {reason}"));
                vec![
                    format!("{id} {state} {kind} {counts}{reason}"),
                    format!("{id} kept v{}", self.args),
                ]
            }
            Place::Nowhere => Vec::new(),
        };
        if self.place.waits() || self.place.runs() {
            lines.push(format!("{id} body {body}"));
        }
        lines.extend(
            self.notes.iter().map(|(attempt, bill)| format!("{id} noted a{attempt} {bill}")),
        );
        lines.extend(self.alerts.iter().map(|attempt| format!("{id} told a{attempt}")));
        lines.extend(self.checkpoint.map(|attempt| format!("{id} checkpoint a{attempt}")));
        lines
    }
}
