//! The claim loop: gathers verdicts, takes new jobs, both in one turn; and begins what it took.

mod admission;
mod ahead;
mod alone;
mod brake;
mod count;
mod drain;
mod look;
mod news;
mod pace;
mod short;
mod suspect;
mod turn;
mod wait;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use self::ahead::{Next, Place};
use self::look::MINE_EVERY;
use self::pace::Pace;
use self::short::Short;
use self::wait::Waiting;
use super::control::Heard;
use super::memory::Plan;
use super::requests::Asked;
use super::room::{LEVELS, Room};
use super::run::{Hurry, Stop};
use super::{Allowance, Finished, Runner, Signal};
use crate::model::admit::Ledger;
use crate::model::claim::{Claimed, JobInfo};
use crate::model::config::{QueueSettings, WorkerSettings};
use crate::model::drain::{Drain, Phase};
use crate::model::event::{self, Event};
use crate::model::job::JobMap;
use crate::model::kind_brake::KindBrake;
use crate::runtime::context::Denied;
use crate::runtime::looper::{Dice, Patience, Redial};
use crate::runtime::trace::Open;
use crate::store::StoreError;
use crate::store::attempt;
use crate::store::database::{Database, Purpose};
use crate::store::settle::{self as verdicts, Settled};
use crate::store::sqlstate::Remedy;
use crate::store::statement::Link;
use crate::store::turn as turns;

/// Verdicts of one turn at most.
const TURN_MOST: usize = 1000;
/// So many verdicts are worth a turn by themselves.
const TURN_FULL: usize = 256;
/// A verdict waits this long for others.
const GATHER: Duration = Duration::from_millis(5);
/// While more work is known, this long: a free slot is worth more than a full turn.
const GATHER_BUSY: Duration = Duration::from_millis(1);
/// Half of what runs is worth a turn by itself from so many on; below, most of a turn is what each of them costs alike.
const TURN_HALF: usize = 64;
/// An enqueue that the NOTIFY gate held back commits later, by as much as its transaction takes: so there are further
/// looks after a hint, ever farther apart. What commits later still is found by the next poll.
const LOOKS_AGAIN: [Duration; 4] = [
    Duration::from_millis(10),
    Duration::from_millis(30),
    Duration::from_millis(100),
    Duration::from_millis(300),
];
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
    place: Place,
    info: Arc<JobInfo>,
    /// Kept where a completion may turn out to be a failure: the handler's own transaction never commits, or the jobs
    /// that it enqueues are refused.
    claimed: Option<Box<Claimed>>,
    /// Where somebody traces the attempt.
    trace: Option<Box<Open>>,
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
    /// When the last beat was accepted, and what it saw.
    pub(crate) heard: watch::Receiver<Heard>,
    /// For the beat: what keeps this worker from claiming, as JSON.
    pub(crate) admission: watch::Sender<String>,
    pub(crate) state: State,
}

/// What changes while it runs.
pub(crate) struct State {
    link: Option<Link>,
    redial: Redial,
    hands: JobMap<Hand>,
    /// What is reserved of the memory.
    ledger: Ledger,
    /// The most that a job of any kind may use, in bytes.
    largest: u64,
    /// Attempts begun since the loop last waited: those that are warm may be taken by them.
    begun: usize,
    waiting: Vec<Waiting>,
    /// Jobs that wait for a slot: a few of queues whose jobs are short, most urgent first.
    ahead: Vec<Next>,
    gathered: Vec<Settled>,
    first_at: Option<Instant>,
    /// When the last turn was over, and how long it took.
    turned_at: Instant,
    turn_took: Duration,
    /// Verdicts that the database refused in every form.
    refused: Vec<Settled>,
    offer_again_at: Option<Instant>,
    hungry: bool,
    poll_at: Instant,
    look_again_at: Option<Instant>,
    /// Looks that followed the last hint.
    looks: usize,
    from_start: bool,
    from_start_at: Instant,
    lowered: i64,
    lowered_again_at: Option<Instant>,
    mine_at: Instant,
    /// The lease was over: what runs here may be somebody else's by now.
    is_in_doubt: bool,
    notes_at: Instant,
    not_before: Option<Instant>,
    away_since: Option<Instant>,
    /// A turn that failed is repeated without a claim, so that a slow claim cannot hold verdicts up twice.
    only_settle: bool,
    /// The one suspect that may run here.
    suspect: Option<i64>,
    drain: Drain,
    allowance: Allowance,
    pace: Pace,
    short: Short,
    /// Why limits of jobs cannot be held for now.
    level_lost: Option<String>,
    /// Kinds whose attempts do harm, by name; at most those that this worker knows.
    brakes: HashMap<String, KindBrake>,
    /// Looks for a job under a brake so far: each begins at another queue.
    trials: usize,
    /// Alerts that wait for the database.
    raises: Vec<news::Raise>,
    dice: Dice,
    patience: Patience,
    began: Instant,
}

impl State {
    pub(crate) fn new(
        worker: Uuid,
        began: Instant,
        drain: Drain,
        allowance: Allowance,
        memory: Plan,
        settings: &WorkerSettings,
    ) -> State {
        let now = Instant::now();
        State {
            link: None,
            redial: Redial::new(settings.times.redial()),
            hands: JobMap::default(),
            ledger: Ledger::new(memory.budget),
            largest: memory.largest,
            begun: 0,
            waiting: Vec::new(),
            ahead: Vec::new(),
            gathered: Vec::new(),
            first_at: None,
            turned_at: now,
            turn_took: Duration::ZERO,
            refused: Vec::new(),
            offer_again_at: None,
            hungry: true,
            poll_at: now,
            look_again_at: None,
            looks: LOOKS_AGAIN.len(),
            from_start: true,
            from_start_at: now,
            lowered: 0,
            lowered_again_at: None,
            mine_at: now + MINE_EVERY,
            is_in_doubt: false,
            notes_at: now,
            not_before: None,
            away_since: None,
            only_settle: false,
            suspect: None,
            drain,
            allowance,
            pace: Pace::new(settings.brake_marks),
            short: Short::new(settings.memory_marks),
            level_lost: None,
            brakes: HashMap::new(),
            trials: 0,
            raises: Vec::new(),
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
            self.state.begun = 0;
            self.let_go_where_cut_off();
            self.begin_ahead();
            self.admit_waiting();
            self.drain_step();
            self.step_pace();
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
                self.gather_all(finished);
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
        sooner(state.offer_again_at);
        sooner((!state.waiting.is_empty()).then(|| Instant::now() + wait::LOOK));
        sooner(self.turn_at());
        sooner(self.ahead_until());
        sooner(self.trial_at().filter(|_| self.may_claim()));
        sooner(
            self.held_until()
                .filter(|_| state.hungry || self.rooms.iter().any(|room| room.has_more)),
        );
        sooner((!state.raises.is_empty()).then_some(state.poll_at.min(Instant::now())));
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
        let is_enough = leaving >= TURN_HALF || !state.ahead.is_empty();
        if is_half && is_enough || leaving >= state.hands.len() {
            return Some(Instant::now());
        }
        // Nobody waits for this turn: what gets free is taken by those that are held already.
        if !state.ahead.is_empty() {
            return Some(first_at + GATHER);
        }
        // What began when the last turn was over may end in a part of the time that another takes.
        Some((first_at + GATHER_BUSY).max(state.turned_at + (state.turn_took / 4).min(GATHER_BUSY)))
    }

    /// What runs here, one line a job; asked for by a person, so it is said whatever the level.
    fn tell(&self) {
        tracing::warn!(target: "backstay", count = self.state.hands.len(), "{} jobs are running here", self.state.hands.len());
        for hand in self.state.hands.values() {
            let JobInfo { id, kind, queue, attempt, .. } = &*hand.info;
            tracing::warn!(target: "backstay", job_id = id, kind, queue, attempt, "{kind} {id} runs (attempt {attempt})");
        }
    }

    /// A queue that is no longer named stays as it is: its jobs have nobody else here.
    fn reload(&mut self, queues: &[QueueSettings]) {
        for room in &mut self.rooms {
            if let Some(queue) = queues.iter().find(|queue| queue.name == room.queue.name) {
                room.reload(queue);
            }
        }
        self.state.hungry = true;
    }

    /// Somebody says for each job whether it may be claimed, so it is not for the brake to say.
    fn is_stepped(&self) -> bool {
        self.state.allowance != Allowance::All
    }

    /// A worker of which others see no sign of life claims nothing: they would take it away again, while it runs.
    fn may_claim(&self) -> bool {
        self.state.drain.may_claim()
            && self.heard.borrow().is_seen
            && !self.state.only_settle
            && self.held_until().is_none()
            && !self.state.short.is_on()
            && self.state.level_lost.is_none()
            && self.state.allowance != Allowance::Nothing
    }

    fn hear(&mut self, signal: Signal) {
        match signal {
            Signal::Wake => {
                self.state.hungry = true;
                self.state.looks = 0;
                self.look_later();
            }
            Signal::Restored => {
                self.state.not_before = self.redial_at();
                self.state.mine_at = Instant::now();
                self.state.hungry = true;
            }
            Signal::Lost => {
                self.state.is_in_doubt = true;
                self.state.mine_at = Instant::now();
            }
            Signal::Cancel { job, attempt, reason, grace } => {
                if let Some(hand) =
                    self.state.hands.get(&job).filter(|hand| hand.attempt == attempt)
                {
                    hand.stop.tell(Hurry::cancelled(reason, grace));
                }
            }
            Signal::Allow { allowance, heard } => {
                self.state.allowance = allowance;
                self.look_from_start(Instant::now());
                // Whoever asked may have gone.
                let _unheard = heard.send(());
            }
            Signal::Tell => self.tell(),
            Signal::Memory(seen) => self.see_memory(seen),
            Signal::Pool(news) => self.hear_of_pool(news),
            Signal::Level(why) => self.hear_of_level(why),
            Signal::Reload(queues) => self.reload(&queues),
            Signal::Quit => {
                self.draining.send_replace(true);
                let step = self.state.drain.quit(self.state.began.elapsed());
                step.into_iter().for_each(|step| self.drain(step));
            }
            // The wish to drain is repeated with every beat; only a second one from outside skips the wait.
            Signal::Drain if !self.state.drain.may_claim() => {}
            Signal::Drain | Signal::Hurry => {
                self.runner.note_stop_signal();
                let step = self.state.drain.stop(self.state.began.elapsed());
                step.into_iter().for_each(|step| self.drain(step));
            }
        }
    }

    fn look_later(&mut self) {
        let wait = LOOKS_AGAIN.get(self.state.looks);
        self.state.looks = self.state.looks.saturating_add(1);
        self.state.look_again_at = wait.map(|wait| Instant::now() + *wait);
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
            self.state.hungry = true;
            self.look_later();
        }
        if self.state.lowered_again_at.is_some_and(|at| now >= at) {
            self.state.lowered_again_at = None;
            self.look_from_start(now);
        }
        self.offer_again(now);
        if self.trial_at().is_some_and(|at| now >= at) {
            self.state.hungry = true;
        }
        if now >= self.state.poll_at {
            self.poll(now).await?;
        }
        if self.turn_at().is_some_and(|at| Instant::now() >= at) {
            self.turn().await?;
        }
        self.write_alerts().await?;
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
        if self.redial_at().is_some() {
            let why = "the connection was lost, and the next attempt is due in a moment";
            return Err(StoreError::Unreachable(why.into()));
        }
        self.state.redial.begin();
        let is_again = self.state.link.take().is_some() || self.state.patience.is_worn();
        let link = self.database.open(Purpose::Work, Some(&self.worker.to_string())).await?;
        for hot in [&attempt::HOT[..], &verdicts::HOT, &turns::HOT] {
            link.warm(hot).await?;
        }
        self.state.link = Some(link);
        self.look_from_start(Instant::now());
        if is_again {
            self.state.mine_at = Instant::now();
        }
        Ok(())
    }

    /// When the next connection may be made; none when that is now.
    fn redial_at(&self) -> Option<Instant> {
        let wait = self.state.redial.wait();
        (!wait.is_zero()).then(|| Instant::now() + wait)
    }

    /// After an error nobody knows what was committed: the verdicts stay, and the database is asked what runs here.
    fn fell(&mut self, error: &StoreError) {
        let wait = self.state.patience.after_error(&mut self.state.dice);
        self.note_error(error);
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
        if self.state.link.is_none() {
            self.state.not_before = self.state.not_before.max(self.redial_at());
        }
        self.state.mine_at = self.state.mine_at.min(Instant::now() + MINE_AGAIN);
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
