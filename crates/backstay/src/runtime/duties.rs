//! Starts the duties; a leader only avoids wasted work.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, watch};
use uuid::Uuid;

use super::deliver::Channels;
use super::duty::alert::Alerts;
use super::duty::count::Count;
use super::duty::dead_man::DeadMan;
use super::duty::figures::{self, Figures};
use super::duty::rescue::Rescue;
use super::duty::{lead, look, peaks, promote, prune, replay, sort, tick};
use super::looper::{Dice, Patience, Redial};
use super::worker::control::{Shared, unix_now};
use crate::model::config::Settings;
use crate::store::database::{Database, Purpose};
use crate::store::statement::Link;
use crate::store::{StoreError, duty};

/// How often the loop looks whether a duty is due.
const STEP: Duration = Duration::from_millis(50);
/// How often states are looked for that people must know.
const WATCH: Duration = Duration::from_secs(30);
/// How often somebody outside is told that all goes well.
const DEAD_MAN: Duration = Duration::from_secs(60);
/// What makes room in the tables, and takes time of the database for it.
const PRUNE: &str = "prune";
/// Makes the jobs of schedules; everybody looks, since the leader may die at the very moment.
const TICK: &str = "tick";
/// How often those look that do not lead.
const TICK_OF_OTHERS: Duration = Duration::from_secs(5);
/// Counts how much memory attempts had, and can wait as well.
const PEAKS: &str = "peaks";
/// Writes what this worker counted, which no other can.
const FIGURES: &str = "figures";
/// Counts what stands where, and can wait as well.
const COUNT: &str = "count";
/// `last_ok_at` of the duties is written at most this often.
const NOTE_EVERY: Duration = Duration::from_secs(5);

/// One housekeeping loop: what it is called and how often it is due.
struct Due {
    name: &'static str,
    period: Duration,
    at: Instant,
}

/// All duties of one worker, on one connection.
pub(crate) struct Duties {
    me: Uuid,
    database: Database,
    link: Arc<Mutex<Option<Link>>>,
    redial: Redial,
    settings: Settings,
    shared: Shared,
    lows: watch::Receiver<Vec<(String, i16, i64)>>,
    /// The database is in trouble: what can wait does.
    braked: watch::Receiver<bool>,
    alerts: Alerts,
    dead_man: DeadMan,
    promote: promote::Promote,
    ticks: tick::Tick,
    rescue: Rescue,
    look: look::Look,
    figures: Figures,
    count: Count,
    due: Vec<Due>,
    done: BTreeMap<&'static str, Duration>,
    noted_at: Instant,
    leads_until: Option<Instant>,
    dice: Dice,
    patience: Patience,
}

impl Duties {
    pub(crate) fn new(
        me: Uuid,
        database: Database,
        settings: Settings,
        shared: Shared,
        lows: watch::Receiver<Vec<(String, i16, i64)>>,
        braked: watch::Receiver<bool>,
        channels: Channels,
    ) -> Duties {
        let now = Instant::now();
        let times = settings.worker.times;
        let every = |name, period| Due { name, period, at: now };
        let mut due = vec![
            every("lead", times.beat),
            every("promote", Duration::from_secs(1)),
            every("sort", Duration::from_secs(1)),
            every("rescue", times.presence_look),
            every("look", Duration::from_secs(2)),
            every("expired", Duration::from_secs(10)),
            every(TICK, Duration::from_secs(1)),
            every("alert", Duration::from_secs(1)),
            // At the start of a fleet its workers come one after another, so nothing is missed yet.
            Due { name: "watch", period: WATCH, at: now + WATCH },
            every("replay", Duration::from_millis(500)),
            // The success of the duties that it asks for is noted some seconds after a start.
            Due { name: "dead_man", period: DEAD_MAN, at: now + DEAD_MAN },
            // What a worker counted since the last time is lost with it.
            every(FIGURES, times.beat * 2),
            every("fold", Duration::from_secs(30)),
            every(COUNT, Duration::from_secs(15)),
            every(PEAKS, Duration::from_secs(60)),
            every(PRUNE, Duration::from_secs(60)),
        ];
        if !settings.worker.housekeeping {
            due.retain(|due| due.name == FIGURES);
        }
        Duties {
            me,
            database,
            link: Arc::default(),
            redial: Redial::new(times.redial()),
            rescue: Rescue::new(me, times, shared.clone()),
            dead_man: DeadMan::new(channels.dead_man.clone()),
            alerts: Alerts::new(channels, &settings, shared.tally.clone()),
            settings,
            shared,
            lows,
            braked,
            promote: promote::Promote::default(),
            ticks: tick::Tick::default(),
            look: look::Look::default(),
            figures: Figures::default(),
            count: Count::default(),
            due,
            done: BTreeMap::new(),
            noted_at: now,
            leads_until: None,
            dice: Dice::new(me.as_u128() ^ 0x51f1_5eed),
            patience: Patience::default(),
        }
    }

    /// Runs until the worker has ended its last job.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let courier = self.alerts.courier(self.link.clone());
        let delivering = self.settings.worker.housekeeping;
        let delivering = delivering.then(|| tokio::spawn(courier.run(stop.clone())));
        loop {
            let wait = self.round().await;
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        // What came since the last round; it is only figures.
        if let Err(error) = self.tick(FIGURES).await {
            tracing::debug!(target: "backstay", "the last figures were not written: {error}");
        }
        if let Some(delivering) = delivering
            && let Err(error) = delivering.await
        {
            tracing::warn!(target: "backstay", "the delivery of alerts ended badly: {error}");
        }
    }

    /// Does what is due; how long until the next look.
    async fn round(&mut self) -> Duration {
        let now = Instant::now();
        let names: Vec<&'static str> =
            self.due.iter().filter(|due| due.at <= now).map(|due| due.name).collect();
        for name in names {
            if !self.is_mine(name) || [PRUNE, PEAKS, COUNT].contains(&name) && *self.braked.borrow()
            {
                self.put_off(name);
                continue;
            }
            let began = Instant::now();
            match self.tick(name).await {
                Ok(()) => {
                    self.patience.reset();
                    self.put_off(name);
                    self.shared.tally.note(|figures| figures.went_well(name, unix_now()));
                    // What each worker does for itself is nobody else's to do where it stays away.
                    if name != FIGURES {
                        self.done.insert(name, began.elapsed());
                    }
                }
                Err(error) => return self.fell(name, &error).await,
            }
        }
        if self.noted_at.elapsed() >= NOTE_EVERY && !self.done.is_empty() {
            self.noted_at = Instant::now();
            let done: Vec<(&str, Duration)> = std::mem::take(&mut self.done).into_iter().collect();
            let link = self.link.lock().await;
            if let Some(link) = link.as_ref()
                && let Err(error) = duty::duty_done(link, self.me, &done).await
            {
                tracing::debug!(target: "backstay", "the duties' success was not noted: {error}");
            }
        }
        STEP
    }

    fn put_off(&mut self, name: &str) {
        let leads = self.leads();
        let Some(due) = self.due.iter_mut().find(|due| due.name == name) else { return };
        let mut wait = self.dice.about(due.period);
        if name == "promote" {
            wait = self.promote.next_in(wait);
        } else if name == TICK {
            wait = if leads { self.ticks.next_in(wait) } else { self.dice.about(TICK_OF_OTHERS) };
        }
        due.at = Instant::now() + wait;
    }

    fn leads(&self) -> bool {
        self.leads_until.is_some_and(|until| Instant::now() < until)
    }

    /// The leader does all of it; anybody else what nobody has done for three periods.
    fn is_mine(&self, name: &str) -> bool {
        if ["lead", FIGURES].contains(&name) {
            return true;
        }
        if self.leads() {
            return true;
        }
        let heard = self.shared.heard.borrow();
        // A worker's death must not wait for the leader, who may be the one that died.
        if name == "rescue" || name == TICK {
            return true;
        }
        let period = self
            .due
            .iter()
            .find(|due| due.name == name)
            .map_or(Duration::from_secs(1), |due| due.period);
        let idle = heard.duties.as_deref().and_then(|duties| idle_ms(duties, name));
        let most = (period * 3).max(Duration::from_secs(10)) + NOTE_EVERY;
        idle.is_none_or(|ms| ms > most.as_millis())
    }

    async fn tick(&mut self, name: &str) -> Result<(), StoreError> {
        let mut guard = self.link.lock().await;
        if guard.as_ref().is_none_or(Link::is_closed) {
            if !self.redial.wait().is_zero() {
                return Err(StoreError::Unreachable("the connection was lost a moment ago".into()));
            }
            self.redial.begin();
            *guard = Some(self.database.open(Purpose::Duty, Some(&self.me.to_string())).await?);
            self.rescue.forget();
        }
        let link = guard.as_ref().expect("opened a line ago");
        let lows = self.lows.borrow().clone();
        match name {
            "lead" => {
                let beat = self.settings.worker.times.beat;
                let sent = Instant::now();
                let is_won = lead::tick(link, self.me, beat * 3).await?;
                // Trusted for less than its term, counted from before it was asked for.
                self.leads_until = is_won.then(|| sent + beat * 2);
                self.shared.tally.note(|figures| figures.leads(is_won));
                Ok(())
            }
            "promote" => self.promote.tick(link).await,
            TICK => self.ticks.tick(link).await,
            "sort" => sort::tick(link).await,
            "rescue" => self.rescue.tick(link).await,
            "look" => self.look.tick(link, &lows).await,
            "expired" => prune::expired(link).await,
            "alert" => self.alerts.tick(link).await,
            "watch" => self.alerts.watch(link).await,
            "dead_man" => self.dead_man.tick(link).await,
            "replay" => replay::tick(link).await,
            FIGURES => self.figures.tick(link, self.me, &self.shared).await,
            "fold" => figures::fold(link).await,
            COUNT => self.count.tick(link).await,
            PEAKS => peaks::tick(link).await,
            _ => prune::tick(link, &self.settings.retention).await,
        }
    }

    async fn fell(&mut self, name: &'static str, error: &StoreError) -> Duration {
        use crate::store::sqlstate::Remedy;
        if !self.patience.is_worn() {
            tracing::warn!(target: "backstay", error_code = error.code(), "the duty `{name}` failed and is tried again: {error}");
        }
        if matches!(error.remedy(), Remedy::Reconnect | Remedy::Unprepare | Remedy::Stop) {
            *self.link.lock().await = None;
        } else if let Some(link) = self.link.lock().await.as_ref() {
            // A transaction may be left half-way; the error that counts is the one we have.
            drop(link.batch("rollback").await);
        }
        // One duty that cannot be done must not keep the others from being done.
        self.put_off(name);
        self.patience.after_error(&mut self.dice).max(self.redial.wait())
    }
}

/// How long ago a duty went well, from what the beat said.
fn idle_ms(duties: &str, name: &str) -> Option<u128> {
    let all: serde_json::Map<String, serde_json::Value> = serde_json::from_str(duties).ok()?;
    all.get(name)?.as_i64().and_then(|ms| u128::try_from(ms).ok())
}
