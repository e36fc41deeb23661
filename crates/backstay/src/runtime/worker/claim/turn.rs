//! One turn: verdicts are gathered, written, and new jobs begun.

use std::time::{Duration, Instant};

use tracing::Level;

use super::super::control::unix_now;
use super::super::room::LEVELS;
use super::super::run::{Hurry, stop_line};
use super::super::{Allowance, Finished, Signal};
use super::ahead::Place;
use super::drain::given_back;
use super::{Claims, Hand, TURN_MOST};
use crate::model::claim::Claimed;
use crate::model::event::{self, Event};
use crate::model::figures::Figures;
use crate::model::judge::{Bill, Verdict};
use crate::model::outcome::Outcome;
use crate::runtime::ended::{self, Ended};
use crate::store::settle::{Facts, Settled};
use crate::store::sqlstate::Remedy;
use crate::store::statement::Link;
use crate::store::turn::{self, Ask, Turn};
use crate::store::{StoreError, attempt};

/// Finds the numbers of limits under which nothing had run before; each set costs one question in a worker's life.
/// Without a number the attempt is written all the same.
async fn number_terms(link: &Link, gathered: &[Settled]) {
    for terms in gathered.iter().filter_map(|settled| settled.facts.terms.as_ref()) {
        if terms.number().is_some() {
            continue;
        }
        match attempt::terms(link, terms).await {
            Ok(number) => number.into_iter().for_each(|number| terms.set_number(number)),
            Err(error) => {
                tracing::debug!(target: "backstay", error_code = error.code(), "limits have no number yet: {error}");
                return;
            }
        }
    }
}

impl Claims {
    /// Takes this end in and whatever else has ended by now.
    pub(super) fn gather_all(&mut self, finished: Finished) {
        self.gather(finished);
        while self.state.gathered.len() < TURN_MOST {
            let Ok(more) = self.finished.try_recv() else { break };
            self.gather(more);
        }
    }

    pub(super) fn gather(&mut self, finished: Finished) {
        let Finished { claimed, ended } = finished;
        let Some(hand) = self
            .state
            .hands
            .get(&claimed.info.id)
            .filter(|hand| hand.attempt == claimed.info.attempt)
        else {
            return;
        };
        if !ended.survivor {
            self.state.ledger.release(claimed.info.id);
        }
        let evicted = (ended.attempted.outcome == Outcome::Evicted && ended.child.is_some())
            .then(|| ended::job_ref(&hand.info));
        if ended.survivor {
            self.rooms[hand.room].close_slot();
            if self.rooms[hand.room].is_stuck() {
                // Nothing can run here any more; whoever looks after this process starts a new one.
                tracing::error!(target: "backstay", "every slot of a queue holds a handler that cannot be ended; the worker drains");
                self.hear(Signal::Drain);
            }
        }
        self.trace_end(&claimed, &ended);
        self.count_end(&claimed, &ended);
        self.leave_slot(claimed.info.id);
        self.evicted_left(claimed.info.id);
        if let Some(job) = evicted {
            self.note_evicted(&job);
        }
        let terms = self.runner.terms(&claimed.info.queue, &claimed.info.kind);
        let jitter = self.state.dice.roll();
        let may_fail_yet = ended.completed_in_tx || !ended.enqueue.is_empty();
        let settled = ended::settle(&claimed, *ended, &terms, jitter);
        self.note_end(claimed.info.id, &claimed.info.kind, settled.facts.outcome);
        if settled.verdict == Verdict::Drop {
            self.let_go(claimed.info.id);
            // Ended since nobody could be reached, it may still be ours by the database.
            self.state.mine_at = Instant::now();
            return;
        }
        if let Some(hand) = self.state.hands.get_mut(&claimed.info.id).filter(|_| may_fail_yet) {
            hand.claimed = Some(claimed);
        }
        self.push(settled);
    }

    /// The handler said that it completed the job itself, and the row still stands: an ordinary failure.
    fn never_committed(&mut self, job: i64, wall_ms: i32) {
        let message =
            "BS203: the transaction in which the job was completed was never committed".to_owned();
        self.fails_after_all(job, wall_ms, "not_committed", message);
    }

    /// What looked like a completion is a failure, and judged as one.
    pub(super) fn fails_after_all(&mut self, job: i64, wall_ms: i32, class: &str, message: String) {
        let Some(claimed) = self.state.hands.get_mut(&job).and_then(|hand| hand.claimed.take())
        else {
            return;
        };
        let wall = Duration::from_millis(u64::try_from(wall_ms).unwrap_or(0));
        let mut ended = Ended::bare(Outcome::Failed, wall);
        ended.attempted.error_class = Some(class.to_owned());
        ended.message = Some(message);
        self.gather(Finished { claimed, ended: Box::new(ended) });
    }

    pub(super) fn push(&mut self, settled: Settled) {
        self.state.first_at.get_or_insert_with(Instant::now);
        if self.state.gathered.is_empty() {
            // Others follow, and each is some hundred bytes to move when the list grows.
            self.state.gathered.reserve(self.state.hands.len().min(TURN_MOST));
        }
        self.state.gathered.push(settled);
    }

    pub(super) fn let_go(&mut self, job: i64) {
        self.suspect_left(job);
        if let Some(hand) = self.state.hands.remove(&job) {
            self.rooms[hand.room].left(hand.level);
            self.state.ledger.release(job);
            hand.trace.into_iter().for_each(|open| open.close());
            match hand.place {
                Place::Ahead => self.state.ahead.retain(|one| one.claimed.info.id != job),
                Place::Slot(since) => {
                    self.rooms[hand.room].leave_slot(since.elapsed());
                    self.state.waiting.retain(|one| one.claimed.info.id != job);
                }
                Place::Ended => {}
            }
        }
    }

    /// Writes what is gathered, and takes what there is room for.
    pub(super) async fn turn(&mut self) -> Result<(), StoreError> {
        let at = self.state.began.elapsed();
        let (asks, rooms) = if self.may_claim() { self.asks(at) } else { (Vec::new(), Vec::new()) };
        if asks.is_empty() && self.state.gathered.is_empty() {
            self.state.hungry = false;
            return Ok(());
        }
        let Some(link) = self.state.link.take() else { return Ok(()) };
        number_terms(&link, &self.state.gathered).await;
        let settled = std::mem::take(&mut self.state.gathered);
        self.state.first_at = None;
        let (asked, release) = (Instant::now(), self.release.clone());
        let sent = turn::turn(&link, self.worker, &release, &settled, &asks);
        let answer = self.meanwhile(sent).await;
        self.state.link = Some(link);
        (self.state.turned_at, self.state.turn_took) = (Instant::now(), asked.elapsed());
        let (took, is_ok) = (self.state.turn_took, answer.is_ok());
        self.runner.tally.note(|figures| {
            figures.turned(took, is_ok);
            if is_ok {
                figures.went_well("turn", unix_now());
            }
        });
        if !asks.is_empty() {
            self.note_claim(took);
        }
        let turn = match answer {
            Ok(turn) => turn,
            Err(error) => {
                let had_verdicts = !settled.is_empty();
                self.take_back(settled);
                if had_verdicts && error.remedy() == Remedy::FailRow {
                    return self.settle_one_by_one(&error).await;
                }
                return Err(error);
            }
        };
        self.state.only_settle = false;
        self.conclude(settled, &turn);
        if !asks.is_empty() {
            self.state.hungry = false;
            self.state.from_start = false;
            self.note_lowered(turn.lowered);
        }
        for ((ask, room), claimed) in asks.iter().zip(rooms).zip(turn.claimed) {
            self.begin_all(at, ask, room, claimed);
        }
        Ok(())
    }

    /// Waits for the answer to a turn. Slots that get free meanwhile are taken by jobs that wait for them.
    async fn meanwhile<T>(&mut self, turn: impl Future<Output = T>) -> T {
        let mut turn = std::pin::pin!(turn);
        loop {
            let may_gather = !self.state.ahead.is_empty() && self.state.gathered.len() < TURN_MOST;
            tokio::select! {
                biased;
                answer = &mut turn => return answer,
                Some(finished) = self.finished.recv(), if may_gather => {
                    self.gather_all(finished);
                    self.state.begun = 0;
                    self.begin_ahead();
                }
            }
        }
    }

    /// Verdicts of a turn that failed come before those that were gathered meanwhile.
    fn take_back(&mut self, settled: Vec<Settled>) {
        for one in std::iter::chain(settled, std::mem::take(&mut self.state.gathered)) {
            self.push(one);
        }
    }

    pub(super) fn asks(&mut self, at: Duration) -> (Vec<Ask>, Vec<usize>) {
        let mut leaving = vec![[0u16; LEVELS]; self.rooms.len()];
        for settled in &self.state.gathered {
            if let Some(hand) = self.state.hands.get(&settled.fence.job) {
                leaving[hand.room][hand.level] += 1;
            }
        }
        let (wants, from_start) = (self.state.hungry, self.state.from_start);
        let (mut asks, mut rooms) = self.trials(at);
        let tried = rooms.clone();
        if !tried.is_empty() {
            // What else these queues have is taken a moment later.
            self.state.look_again_at = Some(Instant::now());
        }
        let (mut free, starves) = (self.state.ledger.free(), self.somebody_starves());
        let budget = self.state.ledger.budget();
        for (index, room) in
            self.rooms.iter_mut().enumerate().filter(|(_, room)| wants || room.has_more)
        {
            if tried.contains(&index) {
                continue;
            }
            let each = self.runner.least_memory(&room.queue.name);
            let most = match free.checked_div(each) {
                None => u16::MAX,
                Some(_) if starves => 0,
                // What is held beyond the slots takes the memory of those before it.
                Some(most) => u16::try_from(most).unwrap_or(u16::MAX).saturating_add(room.ahead()),
            };
            if most == 0 {
                // There may be more, and the next end makes room for it.
                room.has_more = true;
                continue;
            }
            for mut ask in room.asks(at, from_start, &leaving[index], most) {
                free = free.saturating_sub(each.saturating_mul(ask.n.unsigned_abs().into()));
                if each > 0 {
                    ask.memory_most = Some(budget);
                }
                if let Allowance::One { queue } = &self.state.allowance {
                    if *queue != ask.queue || !asks.is_empty() {
                        continue;
                    }
                    (ask.n, ask.aged) = (1, 0);
                }
                asks.push(ask);
                rooms.push(index);
            }
        }
        (asks, rooms)
    }

    /// Frees the slots of what was settled, and looks at what was not.
    pub(super) fn conclude(&mut self, settled: Vec<Settled>, turn: &Turn) {
        for one in settled {
            let job = one.fence.job;
            if turn.unfinished.contains(&job) {
                self.never_committed(job, one.facts.wall_ms);
                continue;
            }
            let is_refused = !turn.accepted.contains(&job);
            if is_refused && one.verdict.goes_on() {
                // The job is somebody else's, or it was cancelled before this worker could hear of it.
                let facts = Facts { if_asked: true, ..one.facts };
                self.push(Settled { verdict: Verdict::Cancel, facts, ..one });
                continue;
            }
            if let Some(hand) = self.state.hands.get(&job).filter(|_| is_refused) {
                let (job, outcome) = (ended::job_ref(&hand.info), one.facts.outcome);
                event::emit(&Event::SettleStale { job, outcome });
                self.runner.tally.note(Figures::stale);
            }
            self.trace_settled(job, if is_refused { Outcome::Stale } else { one.facts.outcome });
            if !is_refused {
                self.count_settled(job, &one.verdict);
            }
            self.let_go(job);
        }
    }

    pub(super) fn begin_all(
        &mut self,
        at: Duration,
        ask: &Ask,
        room: usize,
        claimed: Vec<Claimed>,
    ) {
        self.rooms[room].has_more = claimed.len() >= usize::try_from(ask.n).unwrap_or(0);
        self.choose_suspect(&claimed);
        for one in claimed {
            self.begin(at, room, one);
        }
    }

    pub(super) fn begin(&mut self, at: Duration, room: usize, mut claimed: Claimed) {
        if self.outlived(&claimed) {
            let (job, attempt) = (claimed.info.id, claimed.info.attempt);
            return self.push(given_back(job, attempt, self.worker, Bill::Nothing));
        }
        if self.state.allowance != Allowance::All {
            self.state.allowance = Allowance::Nothing;
        }
        let level = usize::try_from(claimed.priority).unwrap_or(0).min(LEVELS - 1);
        self.rooms[room].took(at, level, claimed.seq);
        // Before anybody else has a hand on it.
        self.runner.bound(&mut claimed);
        let (stop, stopping) = stop_line();
        let (attempt, info) = (claimed.info.attempt, claimed.info.clone());
        let place = Place::Ahead;
        let hand = Hand { attempt, stop, room, level, place, info, claimed: None, trace: None };
        self.state.hands.insert(claimed.info.id, hand);
        self.count_claim(&claimed);
        self.note_trial(claimed.info.id, &claimed.info.kind);
        if event::is_read(Level::DEBUG) {
            let (job, waited) = (ended::job_ref(&claimed.info), claimed.waited);
            event::emit(&Event::Claimed { job, worker: self.worker, waited });
        }
        let claimed = Box::new(claimed);
        if claimed.expired {
            let reason = Some("expired".to_owned());
            let ended = Ended { reason, ..Ended::bare(Outcome::Cancelled, Duration::ZERO) };
            return self.gather(Finished { claimed, ended: Box::new(ended) });
        }
        if self.is_second_suspect(&claimed) {
            return self.put_off(&claimed);
        }
        self.admit_or_hold(claimed, stopping);
    }

    /// Lets go of an earlier attempt that still runs here though the database has let its job go: others had it
    /// meanwhile, or a standby took over that had not heard of it. True if the new claim carries the same fence, as only
    /// the second can make happen: then no verdict may come of either.
    fn outlived(&mut self, claimed: &Claimed) -> bool {
        let Some(hand) = self.state.hands.get(&claimed.info.id) else { return false };
        let is_same = hand.attempt == claimed.info.attempt;
        hand.stop.tell(Hurry::stale());
        event::emit(&Event::LeaseLost { job: ended::job_ref(&hand.info), worker: self.worker });
        self.let_go(claimed.info.id);
        is_same
    }
}
