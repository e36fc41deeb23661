//! The claim loop: gathers verdicts, takes new jobs, both in one turn; and begins what it took.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::control::Heard;
use super::requests::Asked;
use super::room::{LEVELS, Room};
use super::run::{Hurry, Stop, stop_line};
use super::{Allowance, Finished, Runner, Signal};
use crate::model::claim::Claimed;
use crate::model::config::{ContactLost, WorkerSettings};
use crate::model::drain::{Drain, Left, Phase, Step};
use crate::model::event::{self, Event, JobRef};
use crate::model::judge::{Bill, Verdict};
use crate::model::outcome::Outcome;
use crate::runtime::context::Denied;
use crate::runtime::ended::{self, Ended};
use crate::runtime::looper::{Dice, Patience};
use crate::runtime::settle;
use crate::store::StoreError;
use crate::store::attempt;
use crate::store::database::{Database, Purpose};
use crate::store::settle::{self as verdicts, Facts, Settled};
use crate::store::sqlstate::Remedy;
use crate::store::statement::Link;
use crate::store::turn::{self, Ask, Turn};

/// Verdicts of one turn at most.
const TURN_MOST: usize = 1000;
/// So many verdicts are worth a turn by themselves.
const TURN_FULL: usize = 256;
/// A verdict waits this long for others.
const GATHER: Duration = Duration::from_millis(5);
/// While more work is known, this long: a free slot is worth more than a full turn.
const GATHER_BUSY: Duration = Duration::from_millis(1);
/// An enqueue that the NOTIFY gate held back commits a moment later: one more look.
const LOOK_AGAIN: Duration = Duration::from_millis(30);
/// Every so often the line is walked from its start, for rows that came in below the low marks.
const FROM_START: Duration = Duration::from_secs(30);
/// Every so often the database's idea of what runs here is compared with ours.
const MINE_EVERY: Duration = Duration::from_secs(600);
/// The old backend of a broken connection may commit a claim late.
const MINE_AGAIN: Duration = Duration::from_secs(30);
/// While it drains, the loop looks this often at what is left.
const DRAIN_LOOK: Duration = Duration::from_millis(50);
/// Progress is written at most this often.
const NOTES_EVERY: Duration = Duration::from_millis(500);

/// A job that is in this worker's hands.
struct Hand {
    attempt: i32,
    stop: Stop,
    room: usize,
    level: usize,
    job: JobRef,
    /// Kept where the handler completes the job itself, in case its transaction never commits.
    unproved: Option<Claimed>,
}

/// The loop and all that it holds.
pub(crate) struct Claims {
    pub(crate) database: Database,
    pub(crate) worker: Uuid,
    pub(crate) release: String,
    pub(crate) settings: WorkerSettings,
    pub(crate) rooms: Vec<Room>,
    pub(crate) runner: Arc<Runner>,
    pub(crate) finished: mpsc::Receiver<Finished>,
    pub(crate) signals: mpsc::Receiver<Signal>,
    pub(crate) asked: Asked,
    pub(crate) draining: watch::Sender<bool>,
    /// What the duties need to look below the marks: (queue, level, low).
    pub(crate) lows: watch::Sender<Vec<(String, i16, i64)>>,
    /// When the last beat was accepted.
    pub(crate) heard: watch::Receiver<Heard>,
    pub(crate) state: State,
}

/// What changes while it runs.
pub(crate) struct State {
    link: Option<Link>,
    hands: HashMap<i64, Hand>,
    gathered: Vec<Settled>,
    first_at: Option<Instant>,
    hungry: bool,
    poll_at: Instant,
    look_again_at: Option<Instant>,
    from_start: bool,
    from_start_at: Instant,
    lowered: i64,
    lowered_again_at: Option<Instant>,
    mine_at: Instant,
    notes_at: Instant,
    not_before: Option<Instant>,
    away_since: Option<Instant>,
    /// A turn that failed is repeated without a claim, so that a slow claim cannot hold verdicts up twice.
    only_settle: bool,
    drain: Drain,
    allowance: Allowance,
    dice: Dice,
    patience: Patience,
    began: Instant,
}

impl State {
    pub(crate) fn new(worker: Uuid, began: Instant, drain: Drain, allowance: Allowance) -> State {
        let now = Instant::now();
        State {
            link: None,
            hands: HashMap::new(),
            gathered: Vec::new(),
            first_at: None,
            hungry: true,
            poll_at: now,
            look_again_at: None,
            from_start: true,
            from_start_at: now,
            lowered: 0,
            lowered_again_at: None,
            mine_at: now + MINE_EVERY,
            notes_at: now,
            not_before: None,
            away_since: None,
            only_settle: false,
            drain,
            allowance,
            dice: Dice::new(worker.as_u128() ^ 0x9e37_79b9),
            patience: Patience::default(),
            began,
        }
    }
}

impl Claims {
    /// Runs until it was drained and the last verdict is written.
    pub(crate) async fn run(mut self) {
        while !self.is_over() {
            self.wait().await;
            self.let_go_where_cut_off();
            self.drain_step();
            self.tick().await;
        }
    }

    fn is_over(&self) -> bool {
        self.state.drain.phase() == Phase::Gone
    }

    /// Waits for the next thing to do, and takes in what comes meanwhile.
    async fn wait(&mut self) {
        let until = self.due_at();
        tokio::select! {
            biased;
            Some(signal) = self.signals.recv() => self.hear(signal),
            Some(finished) = self.finished.recv(), if self.state.gathered.len() < TURN_MOST => {
                self.gather(finished);
                while self.state.gathered.len() < TURN_MOST {
                    let Ok(more) = self.finished.try_recv() else { break };
                    self.gather(more);
                }
            }
            Some(ask) = self.asked.checkpoints.recv() => self.checkpoint(ask).await,
            () = tokio::time::sleep_until(until.into()) => {}
        }
    }

    /// When something is due, if nothing comes before.
    fn due_at(&self) -> Instant {
        let state = &self.state;
        let mut at = state.poll_at.min(state.mine_at);
        let mut sooner = |other: Option<Instant>| at = other.map_or(at, |other| at.min(other));
        sooner(state.look_again_at);
        sooner(state.lowered_again_at);
        sooner(self.turn_at());
        sooner((!state.drain.may_claim()).then(|| Instant::now() + DRAIN_LOOK));
        state.not_before.map_or(at, |not_before| at.max(not_before))
    }

    /// When the next turn is due: none while there is nothing to settle and nothing to claim.
    fn turn_at(&self) -> Option<Instant> {
        let state = &self.state;
        let leaving = state.gathered.len();
        let claims = state.hungry
            && self.may_claim()
            && self.rooms.iter().any(|room| room.free(&[0; LEVELS]) > 0);
        if claims || leaving >= TURN_FULL || state.only_settle && leaving > 0 {
            return Some(Instant::now());
        }
        let first_at = state.first_at?;
        let knows_more = self.may_claim() && self.rooms.iter().any(|room| room.has_more);
        if !knows_more {
            return Some(first_at + GATHER);
        }
        let is_half = leaving * 2 >= state.hands.len();
        Some(if is_half { Instant::now() } else { first_at + GATHER_BUSY })
    }

    fn may_claim(&self) -> bool {
        self.state.drain.may_claim()
            && !self.state.only_settle
            && self.state.allowance != Allowance::Nothing
    }

    fn hear(&mut self, signal: Signal) {
        match signal {
            Signal::Wake => {
                self.state.hungry = true;
                self.state.look_again_at = Some(Instant::now() + LOOK_AGAIN);
            }
            Signal::Restored => {
                self.state.not_before = None;
                self.state.mine_at = Instant::now();
            }
            Signal::Cancel { job, attempt, reason } => {
                if let Some(hand) =
                    self.state.hands.get(&job).filter(|hand| hand.attempt == attempt)
                {
                    hand.stop.tell(Hurry::cancelled(reason));
                }
            }
            Signal::Allow { allowance, heard } => {
                self.state.allowance = allowance;
                self.look_from_start(Instant::now());
                // Whoever asked may have gone.
                let _unheard = heard.send(());
            }
            Signal::Quit => {
                self.draining.send_replace(true);
                let step = self.state.drain.quit(self.state.began.elapsed());
                step.into_iter().for_each(|step| self.drain(step));
            }
            // The wish to drain is repeated with every beat; only a second one from outside skips the wait.
            Signal::Drain if !self.state.drain.may_claim() => {}
            Signal::Drain | Signal::Hurry => {
                let step = self.state.drain.stop(self.state.began.elapsed());
                step.into_iter().for_each(|step| self.drain(step));
            }
        }
    }

    /// Queues with `contact_lost = "kill"` end what runs before anybody may take it over: two thirds into the lease.
    fn let_go_where_cut_off(&self) {
        let lease = self.settings.times.lease;
        let is_cut_off = self.heard.borrow().at.is_some_and(|at| at.elapsed() > lease * 2 / 3);
        if !is_cut_off {
            return;
        }
        for hand in self.state.hands.values() {
            if self.rooms[hand.room].queue.contact_lost == ContactLost::Kill {
                hand.stop.tell(Hurry { outcome: Outcome::Stale, reason: None });
            }
        }
    }

    /// What runs and what is not written down yet.
    fn left(&self) -> Left {
        let unsettled = self.state.gathered.len();
        Left { running: self.state.hands.len().saturating_sub(unsettled), unsettled }
    }

    fn drain_step(&mut self) {
        let (now, left) = (self.state.began.elapsed(), self.left());
        while let Some(step) = self.state.drain.tick(now, left) {
            self.drain(step);
        }
    }

    fn drain(&mut self, step: Step) {
        match step {
            Step::StopClaiming { left } => {
                self.draining.send_replace(true);
                let running = self.state.hands.len() as u64;
                event::emit(&Event::WorkerDraining { worker: self.worker, running, left });
            }
            Step::Cancel { .. } => {
                self.state.hands.values().for_each(|hand| hand.stop.tell(Hurry::shutdown()))
            }
            Step::Kill => self.runner.kill_all(),
            Step::Release => self.give_all_back(),
            Step::SayGoodbye => {}
        }
    }

    /// What does not end is given back all the same: its process dies with ours, and its late word is stale.
    fn give_all_back(&mut self) {
        let waiting: HashSet<i64> =
            self.state.gathered.iter().map(|settled| settled.fence.job).collect();
        let left: Vec<(i64, i32)> =
            self.state.hands.iter().map(|(job, hand)| (*job, hand.attempt)).collect();
        for (job, attempt) in left.into_iter().filter(|(job, _)| !waiting.contains(job)) {
            self.push(given_back(job, attempt, self.worker, Bill::Interrupt));
        }
    }

    fn gather(&mut self, finished: Finished) {
        let Finished { claimed, ended } = finished;
        let Some(hand) = self
            .state
            .hands
            .get(&claimed.info.id)
            .filter(|hand| hand.attempt == claimed.info.attempt)
        else {
            return;
        };
        if ended.survivor {
            self.rooms[hand.room].close_slot();
            if self.rooms[hand.room].is_stuck() {
                // Nothing can run here any more; whoever looks after this process starts a new one.
                tracing::error!(target: "backstay", "every slot of a queue holds a handler that cannot be ended; the worker drains");
                self.hear(Signal::Drain);
            }
        }
        let terms = self.runner.terms(&claimed.info.queue, &claimed.info.kind);
        let jitter = self.state.dice.roll();
        let is_unproved = ended.completed_in_tx;
        let settled = ended::settle(&claimed, ended, &terms, jitter);
        if settled.verdict == Verdict::Drop {
            self.let_go(claimed.info.id);
            return;
        }
        if let Some(hand) = self.state.hands.get_mut(&claimed.info.id).filter(|_| is_unproved) {
            hand.unproved = Some(claimed);
        }
        self.push(settled);
    }

    /// The handler said that it completed the job itself, and the row still stands: an ordinary failure.
    fn never_committed(&mut self, job: i64, wall_ms: i32) {
        let Some(claimed) = self.state.hands.get_mut(&job).and_then(|hand| hand.unproved.take())
        else {
            return;
        };
        let wall = Duration::from_millis(u64::try_from(wall_ms).unwrap_or(0));
        let mut ended = Ended::bare(Outcome::Failed, wall);
        ended.attempted.error_class = Some("not_committed".to_owned());
        ended.message = Some(
            "BS203: the transaction in which the job was completed was never committed".to_owned(),
        );
        self.gather(Finished { claimed, ended });
    }

    fn push(&mut self, settled: Settled) {
        self.state.first_at.get_or_insert_with(Instant::now);
        self.state.gathered.push(settled);
    }

    fn let_go(&mut self, job: i64) {
        if let Some(hand) = self.state.hands.remove(&job) {
            self.rooms[hand.room].left(hand.level);
        }
    }

    /// Does what is due now.
    async fn tick(&mut self) {
        let now = Instant::now();
        if self.state.not_before.is_some_and(|at| now < at) {
            return;
        }
        let did = self.try_tick(now).await;
        match did {
            Ok(()) => {
                if self.state.patience.is_worn() {
                    self.state.patience.reset();
                    let away =
                        self.state.away_since.take().map(|at| at.elapsed()).unwrap_or_default();
                    event::emit(&Event::DatabaseRestored { away });
                }
                self.state.not_before = None;
            }
            Err(error) => self.fell(&error),
        }
    }

    async fn try_tick(&mut self, now: Instant) -> Result<(), StoreError> {
        self.connect().await?;
        if now >= self.state.mine_at {
            self.compare().await?;
        }
        if self.state.look_again_at.is_some_and(|at| now >= at) {
            self.state.look_again_at = None;
            self.state.hungry = true;
        }
        if self.state.lowered_again_at.is_some_and(|at| now >= at) {
            self.state.lowered_again_at = None;
            self.look_from_start(now);
        }
        if now >= self.state.poll_at {
            self.poll(now).await?;
        }
        if self.turn_at().is_some_and(|at| Instant::now() >= at) {
            self.turn().await?;
        }
        if now >= self.state.notes_at {
            self.state.notes_at = now + NOTES_EVERY;
            let notes = self.asked.notes();
            if let Some(link) = self.state.link.as_ref().filter(|_| !notes.is_empty()) {
                attempt::progress(link, self.worker, &notes).await?;
            }
        }
        Ok(())
    }

    async fn connect(&mut self) -> Result<(), StoreError> {
        if self.state.link.as_ref().is_some_and(|link| !link.is_closed()) {
            return Ok(());
        }
        let is_again = self.state.link.take().is_some() || self.state.patience.is_worn();
        let link = self.database.open(Purpose::Work, Some(&self.worker.to_string())).await?;
        for hot in [&attempt::HOT[..], &verdicts::HOT, &turn::HOT] {
            link.warm(hot).await?;
        }
        self.state.link = Some(link);
        self.look_from_start(Instant::now());
        if is_again {
            self.state.mine_at = Instant::now();
        }
        Ok(())
    }

    fn look_from_start(&mut self, now: Instant) {
        self.state.from_start_at = now;
        self.state.from_start = true;
        self.state.hungry = true;
    }

    /// After an error nobody knows what was committed: the verdicts stay, and the database is asked what runs here.
    fn fell(&mut self, error: &StoreError) {
        let wait = self.state.patience.after_error(&mut self.state.dice);
        self.state.not_before = Some(Instant::now() + wait);
        self.state.only_settle = !self.state.gathered.is_empty();
        match error.remedy() {
            Remedy::Retry | Remedy::FailRow => {
                tracing::warn!(target: "backstay", error_code = error.code(), "a turn was refused and is repeated: {error}");
            }
            Remedy::Unprepare => {
                self.database.found_pooler();
                self.state.link = None;
            }
            Remedy::Reconnect | Remedy::Stop => {
                if self.state.link.take().is_some() {
                    self.state.away_since = Some(Instant::now());
                    event::emit(&Event::DatabaseLost { error: error.to_string() });
                }
                self.rooms.iter_mut().for_each(Room::forget_marks);
            }
        }
        self.state.mine_at = self.state.mine_at.min(Instant::now() + MINE_AGAIN);
    }

    /// One look at all queues; who answers yes is claimed from at once.
    async fn poll(&mut self, now: Instant) -> Result<(), StoreError> {
        self.state.poll_at = now + self.state.dice.about(self.settings.poll);
        if now.saturating_duration_since(self.state.from_start_at) >= FROM_START {
            self.look_from_start(now);
        }
        self.publish_lows();
        if self.state.hungry || !self.may_claim() {
            return Ok(());
        }
        let (mut queues, mut levels, mut lows) = (Vec::new(), Vec::new(), Vec::new());
        let at = self.state.began.elapsed();
        for room in &mut self.rooms {
            for (level, low) in room.lows(at, false).into_iter().enumerate() {
                queues.push(room.queue.name.clone());
                levels.push(i16::try_from(level).expect("at most ten levels"));
                lows.push(low);
            }
        }
        let kinds = self.runner.kinds_of_all();
        let Some(link) = &self.state.link else { return Ok(()) };
        let (lowered, found) =
            attempt::peek(link, &queues, &levels, &lows, kinds.as_deref()).await?;
        self.state.hungry |= !found.is_empty();
        self.note_lowered(lowered);
        Ok(())
    }

    fn publish_lows(&mut self) {
        let at = self.state.began.elapsed();
        let mut all = Vec::new();
        for room in &mut self.rooms {
            for (level, low) in room.lows(at, false).into_iter().enumerate() {
                all.push((
                    room.queue.name.clone(),
                    i16::try_from(level).expect("at most ten levels"),
                    low,
                ));
            }
        }
        self.lows.send_replace(all);
    }

    /// Somebody put a row back at an old number: look from the start now, and once more when it has surely committed.
    fn note_lowered(&mut self, lowered: i64) {
        if lowered == self.state.lowered {
            return;
        }
        self.state.lowered = lowered;
        let now = Instant::now();
        self.look_from_start(now);
        self.state.lowered_again_at = Some(now + Duration::from_secs(1));
    }

    /// Writes what is gathered, and takes what there is room for.
    async fn turn(&mut self) -> Result<(), StoreError> {
        let at = self.state.began.elapsed();
        let (asks, rooms) = if self.may_claim() { self.asks(at) } else { (Vec::new(), Vec::new()) };
        if asks.is_empty() && self.state.gathered.is_empty() {
            self.state.hungry = false;
            return Ok(());
        }
        let Some(link) = &self.state.link else { return Ok(()) };
        let turn = match turn::turn(link, self.worker, &self.release, &self.state.gathered, &asks)
            .await
        {
            Ok(turn) => turn,
            Err(error) if error.remedy() == Remedy::FailRow && !self.state.gathered.is_empty() => {
                return self.settle_one_by_one(&error).await;
            }
            Err(error) => return Err(error),
        };
        self.state.only_settle = false;
        let settled = std::mem::take(&mut self.state.gathered);
        self.state.first_at = None;
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

    fn asks(&mut self, at: Duration) -> (Vec<Ask>, Vec<usize>) {
        let mut leaving = vec![[0u16; LEVELS]; self.rooms.len()];
        for settled in &self.state.gathered {
            if let Some(hand) = self.state.hands.get(&settled.fence.job) {
                leaving[hand.room][hand.level] += 1;
            }
        }
        let (wants, from_start) = (self.state.hungry, self.state.from_start);
        let (mut asks, mut rooms) = (Vec::new(), Vec::new());
        for (index, room) in
            self.rooms.iter_mut().enumerate().filter(|(_, room)| wants || room.has_more)
        {
            for mut ask in room.asks(at, from_start, &leaving[index]) {
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
    fn conclude(&mut self, settled: Vec<Settled>, turn: &Turn) {
        for one in settled {
            let job = one.fence.job;
            if turn.unfinished.contains(&job) {
                self.never_committed(job, one.facts.wall_ms);
                continue;
            }
            let stale = self.state.hands.get(&job).filter(|_| !turn.accepted.contains(&job));
            if let Some(hand) = stale {
                let (job, outcome) = (hand.job.clone(), one.facts.outcome);
                event::emit(&Event::SettleStale { job, outcome });
            }
            self.let_go(job);
        }
    }

    /// One verdict in the batch cannot be written: the others must not pay for it.
    async fn settle_one_by_one(&mut self, error: &StoreError) -> Result<(), StoreError> {
        let all = std::mem::take(&mut self.state.gathered);
        event::emit(&Event::SettleSplit { count: all.len() as u64, error: error.to_string() });
        self.state.first_at = None;
        let Some(link) = &self.state.link else { return Ok(()) };
        let mut rest = all.into_iter();
        let mut done = Vec::new();
        let mut failed = None;
        for one in rest.by_ref() {
            match settle::alone(link, self.worker, &self.release, &one).await {
                Ok(turn) => done.push((one, turn)),
                Err(error) => {
                    failed = Some((one, error));
                    break;
                }
            }
        }
        for (one, turn) in done {
            self.conclude(vec![one], &turn);
        }
        let Some((one, error)) = failed else {
            self.state.only_settle = false;
            return Ok(());
        };
        self.push(one);
        rest.for_each(|one| self.push(one));
        Err(error)
    }

    fn begin_all(&mut self, at: Duration, ask: &Ask, room: usize, claimed: Vec<Claimed>) {
        self.rooms[room].has_more = claimed.len() >= usize::try_from(ask.n).unwrap_or(0);
        for one in claimed {
            self.begin(at, room, one);
        }
    }

    fn begin(&mut self, at: Duration, room: usize, claimed: Claimed) {
        if self.state.allowance != Allowance::All {
            self.state.allowance = Allowance::Nothing;
        }
        let level = usize::try_from(claimed.priority).unwrap_or(0).min(LEVELS - 1);
        self.rooms[room].took(at, level, claimed.seq);
        let (stop, stopping) = stop_line();
        let hand = Hand {
            attempt: claimed.info.attempt,
            stop,
            room,
            level,
            job: ended::job_ref(&claimed),
            unproved: None,
        };
        self.state.hands.insert(claimed.info.id, hand);
        event::emit(&Event::Claimed {
            job: ended::job_ref(&claimed),
            worker: self.worker,
            waited: claimed.waited,
        });
        if claimed.expired {
            let reason = Some("expired".to_owned());
            let ended = Ended { reason, ..Ended::bare(Outcome::Cancelled, Duration::ZERO) };
            return self.gather(Finished { claimed, ended });
        }
        self.runner.begin(claimed, stopping);
    }

    /// Gives back what the database thinks runs here and nobody knows of: claims whose answer was lost.
    async fn compare(&mut self) -> Result<(), StoreError> {
        self.state.mine_at = Instant::now() + MINE_EVERY;
        let Some(link) = &self.state.link else { return Ok(()) };
        let theirs = attempt::mine(link, self.worker).await?;
        let unknown = theirs.into_iter().filter(|(job, attempt)| {
            self.state.hands.get(job).is_none_or(|hand| hand.attempt != *attempt)
        });
        let given: Vec<Settled> = unknown
            .map(|(job, attempt)| given_back(job, attempt, self.worker, Bill::Nothing))
            .collect();
        given.into_iter().for_each(|settled| self.push(settled));
        Ok(())
    }

    async fn checkpoint(&mut self, ask: super::requests::Checkpoint) {
        let answer = match self.connect().await {
            Ok(()) => {
                let link = self.state.link.as_ref().expect("connected a line ago");
                attempt::checkpoint(link, ask.fence, &ask.value).await
            }
            Err(error) => Err(error),
        };
        let said = match answer {
            Ok(true) => Ok(()),
            Ok(false) => Err(Denied::new("BS201", "this attempt no longer holds the job; stop")),
            Err(error) => Err(Denied::new(error.code(), error.to_string())),
        };
        // The handler may have given up on the answer; a checkpoint that is stored does no harm.
        drop(ask.answer.send(said));
    }
}

/// A job that goes back at once, with nothing to tell about it.
fn given_back(job: i64, attempt: i32, worker: Uuid, bill: Bill) -> Settled {
    let fence = crate::model::job::Fence { job, attempt, worker };
    let detail = serde_json::json!({
        "outcome": "interrupted", "late": false, "survivor": false, "suspect": false,
        "message": "given back by its worker",
    });
    let facts = Facts { detail: detail.to_string(), ..Facts::of(Outcome::Interrupted) };
    Settled { fence, verdict: Verdict::Release { bill }, facts }
}
