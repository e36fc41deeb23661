//! The thread that says "alive": beats, presence and hints on a runtime and a connection that user code can never hold up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use backstay_isolate::Launcher;
use serde::Deserialize;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::Signal;
use super::samples::Samples;
use super::tail::Wishes;
use crate::failpoint::failpoint;
use crate::model::event::{self, Event};
use crate::model::lease::{Beat, BeatBook, Times};
use crate::runtime::figures::Tally;
use crate::runtime::looper::{Dice, Patience, Redial};
use crate::store::attempt::{BeatAnswer, Introduction, beat, cancels};
use crate::store::database::Database;
use crate::store::listen::{self, Notices};
use crate::store::statement::Link;
use crate::store::{StoreError, presence};

/// Hints come in flocks; between two looks for cancelled jobs lies this long.
const CANCELS_EVERY: Duration = Duration::from_millis(200);

/// What the last beat said, for the loops that need it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard {
    pub(crate) duties: Option<String>,
    /// Beats so far; 0 until the first was accepted.
    pub(crate) beats: u64,
    /// When the last one was accepted.
    pub(crate) at: Option<Instant>,
    /// Whether others can see by now that this worker lives: the connection stands, and has beaten.
    pub(crate) is_seen: bool,
    /// The server's clock then, since 1970.
    pub(crate) clock: Duration,
    /// How long it took.
    pub(crate) took: Duration,
    /// Sessions that it saw on the server, and how many that takes.
    pub(crate) sessions: (u32, u32),
}

impl Heard {
    /// The server's clock, since 1970; nothing before the first beat was accepted.
    pub(crate) fn server_now(&self) -> Option<Duration> {
        Some(self.clock + self.at?.elapsed())
    }
}

/// What the control thread shares with the loops.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) book: Arc<Mutex<BeatBook>>,
    pub(crate) heard: watch::Receiver<Heard>,
    /// Monotonic time is counted from here.
    pub(crate) began: Instant,
    pub(crate) tally: Tally,
}

/// Beats until it is told that the worker has ended.
pub(crate) struct Control {
    pub(crate) database: Database,
    pub(crate) me: Introduction,
    pub(crate) times: Times,
    pub(crate) book: Arc<Mutex<BeatBook>>,
    pub(crate) began: Instant,
    pub(crate) heard: watch::Sender<Heard>,
    pub(crate) signals: mpsc::Sender<Signal>,
    pub(crate) wishes: watch::Sender<Wishes>,
    /// The kinds that are known here, as JSON.
    pub(crate) kinds: watch::Receiver<String>,
    /// What its attempts use.
    pub(crate) samples: Samples,
    /// What keeps this worker from claiming, as JSON.
    pub(crate) admission: watch::Receiver<String>,
    /// Lets children run on with each accepted beat.
    pub(crate) launcher: Option<Launcher>,
    pub(crate) tally: Tally,
    pub(crate) over: watch::Receiver<bool>,
}

struct Session {
    link: Link,
    notices: Option<Notices>,
}

impl Control {
    /// Runs until the worker is over.
    pub(crate) async fn run(mut self) {
        let mut dice = Dice::new(self.me.worker.as_u128());
        let mut patience = Patience::default();
        let mut redial = Redial::new(self.times.redial());
        let mut over = self.over.clone();
        loop {
            redial.begin();
            let lost = tokio::select! {
                lost = self.session(&mut patience) => lost,
                _ = over.wait_for(|over| *over) => return,
            };
            self.book.lock().expect("nobody panics while holding it").broken();
            self.heard.send_modify(|heard| heard.is_seen = false);
            if !patience.is_worn() {
                event::emit(&Event::DatabaseLost { error: lost.to_string() });
            }
            let wait = patience.after_error(&mut dice).min(self.times.beat);
            let wait = wait.max(redial.wait());
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = over.wait_for(|over| *over) => return,
            }
        }
    }

    /// One connection, until it fails.
    async fn session(&mut self, patience: &mut Patience) -> StoreError {
        match self.open().await {
            Err(error) => error,
            Ok(session) => match self.keep(session, patience).await {
                Err(error) => error,
                Ok(never) => match never {},
            },
        }
    }

    async fn open(&mut self) -> Result<Session, StoreError> {
        let (link, notices) = self.database.open_listening(&self.me.worker.to_string()).await?;
        self.me.presence = presence::take(&link).await?;
        if notices.is_some() {
            listen::listen(&link).await?;
            // What was enqueued before the ears were open is found by a look.
            self.signal(Signal::Wake);
        }
        Ok(Session { link, notices })
    }

    async fn keep(
        &mut self,
        session: Session,
        patience: &mut Patience,
    ) -> Result<std::convert::Infallible, StoreError> {
        let mut beat_at = tokio::time::Instant::now();
        let mut ping_at = beat_at + self.times.ping();
        let mut looked_at = Instant::now();
        let ping = format!("ping {}", self.me.worker);
        loop {
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(beat_at) => {
                    let late = tokio::time::Instant::now().saturating_duration_since(beat_at);
                    self.tally.note(|figures| figures.beat(late));
                    // The next one is due a period after this one was, or the book would see a gap that was none.
                    beat_at = (beat_at + self.times.beat).max(tokio::time::Instant::now());
                    self.me.kinds.clone_from(&self.kinds.borrow());
                    self.me.admission.clone_from(&self.admission.borrow());
                    let sent = Instant::now();
                    failpoint!("beat.before_send");
                    let answer = beat(&session.link, &self.me, &self.samples.told()).await?;
                    failpoint!("beat.after_send");
                    let took = sent.elapsed();
                    self.take(answer, took);
                    self.tally.note(|figures| figures.went_well("beat", unix_now()));
                    if patience.is_worn() {
                        self.signal(Signal::Restored);
                    }
                    patience.reset();
                }
                () = hint(session.notices.as_ref()) => {
                    self.signal(Signal::Wake);
                    if looked_at.elapsed() >= CANCELS_EVERY {
                        looked_at = Instant::now();
                        let (cancels, wishes) = cancels(&session.link, self.me.worker).await?;
                        self.pass_on(cancels.as_deref());
                        self.note_wishes(wishes.as_deref());
                    } else {
                        beat_at = beat_at.min(tokio::time::Instant::now() + CANCELS_EVERY);
                    }
                }
                () = tokio::time::sleep_until(ping_at), if session.notices.is_some() => {
                    ping_at += self.times.ping();
                    let notices = session.notices.as_ref().expect("asked for a line above");
                    let (most, sent) = (self.times.deaf_after(), Instant::now());
                    if !listen::hears(&session.link, notices, &ping, most).await? {
                        event::emit(&Event::ListenLost { error: "no answer to a ping of our own".into() });
                        return Err(StoreError::Unreachable("the listening connection is deaf".into()));
                    }
                    self.tally.note(|figures| figures.heard(sent.elapsed()));
                }
            }
        }
    }

    fn take(&self, answer: BeatAnswer, took: Duration) {
        if let Some(launcher) = &self.launcher {
            launcher.hold(self.times.hold());
        }
        let at = self.began.elapsed();
        let seen = Beat {
            at,
            server_now: Duration::from_millis(answer.server_now_ms.max(0).unsigned_abs()),
            server_started_ms: answer.server_started_ms,
        };
        self.book.lock().expect("nobody panics while holding it").accepted(seen);
        self.pass_on(answer.cancels.as_deref());
        self.note_wishes(answer.wishes.as_deref());
        if answer.lost {
            self.signal(Signal::Lost);
        }
        if answer.drain {
            self.signal(Signal::Drain);
        }
        self.heard.send_modify(|heard| {
            *heard = Heard {
                duties: answer.duties,
                beats: heard.beats + 1,
                at: Some(Instant::now()),
                is_seen: true,
                clock: seen.server_now,
                took,
                sessions: answer.sessions,
            };
        });
    }

    fn pass_on(&self, cancels: Option<&str>) {
        #[derive(Deserialize)]
        struct Cancelled {
            id: String,
            attempt: i32,
            reason: Option<String>,
            by: Option<String>,
            grace_ms: Option<u64>,
        }
        let Some(list) = cancels else { return };
        let list: Vec<Cancelled> = serde_json::from_str(list).unwrap_or_default();
        for one in list {
            let Ok(job) = one.id.parse() else { continue };
            let reason = one.reason.or_else(|| one.by.map(|by| format!("cancelled by {by}")));
            let grace = one.grace_ms.map(Duration::from_millis);
            self.signal(Signal::Cancel { job, attempt: one.attempt, reason, grace });
        }
    }

    /// Tells the attempts whose output somebody looks at; nobody wakes where nobody looks.
    fn note_wishes(&self, wishes: Option<&str>) {
        let left: HashMap<i64, u64> =
            wishes.and_then(|wishes| serde_json::from_str(wishes).ok()).unwrap_or_default();
        let now = Instant::now();
        let wishes: Wishes =
            left.into_iter().map(|(job, ms)| (job, now + Duration::from_millis(ms))).collect();
        self.wishes.send_if_modified(|before| {
            let is_new = !wishes.is_empty() || !before.is_empty();
            *before = wishes;
            is_new
        });
    }

    /// A full line means that the loop has enough to hear; beats and polls repeat what matters.
    fn signal(&self, signal: Signal) {
        if self.signals.try_send(signal).is_err() {
            tracing::debug!(target: "backstay", "a signal to the claim loop was dropped: it is behind");
        }
    }
}

async fn hint(notices: Option<&Notices>) {
    match notices {
        Some(notices) => notices.next().await,
        None => std::future::pending().await,
    }
}

/// Makes the thread and waits for nothing: the first beat is heard by [`Heard::beats`].
pub(crate) fn start(control: Control) -> std::io::Result<std::thread::JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.spawn(tick(control.launcher.clone(), "the control thread"));
    std::thread::Builder::new()
        .name("backstay-control".into())
        .spawn(move || runtime.block_on(control.run()))
}

/// A thread of the worker that does not turn for so long is a bug: it can neither beat nor settle.
const STANDS_STILL: Duration = Duration::from_secs(30);

/// Tells once a second that the thread turns which runs this; without children there is nobody who would look.
pub(crate) async fn tick(launcher: Option<Launcher>, name: &'static str) {
    let Some(pulse) = launcher.map(|launcher| launcher.pulse(name, STANDS_STILL)) else {
        return std::future::pending().await;
    };
    let mut every = tokio::time::interval(Duration::from_secs(1));
    loop {
        every.tick().await;
        pulse.beat();
    }
}

/// This host's clock, since 1970.
pub(crate) fn unix_now() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}

/// The name of this machine, for people.
pub(crate) fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "unknown".to_owned() } else { name.to_owned() }
}

/// A fresh identity: a process never comes back as another one.
pub(crate) fn fresh_id() -> Uuid {
    Uuid::new_v4()
}
