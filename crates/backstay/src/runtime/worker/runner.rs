//! Which way an attempt runs, and what holds for it: by queue and kind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use backstay_isolate::{Container, Launcher};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::bulkhead::{self, OwnTerms};
use super::lines::Lines;
use super::pools::Watched;
use super::run::{self, Bounds, Stopping};
use super::served::Served;
use super::way::Way;
use crate::model::claim::Claimed;
use crate::model::config::QueueSettings;
use crate::model::event::Event;
use crate::runtime::ended::{Terms, job_ref};
use crate::runtime::figures::Tally;
use crate::runtime::trace::{Open, Tracer};

/// One queue's handlers.
pub(crate) struct QueueWays {
    pub(crate) grace: Duration,
    pub(crate) timeout: Duration,
    pub(crate) timeout_max: Duration,
    pub(crate) snooze_max: i16,
    /// Of a job of whose kind nothing is said, in bytes.
    pub(crate) memory: Option<u64>,
    pub(crate) ways: BTreeMap<String, Way>,
    /// The program that says itself what it runs.
    pub(crate) served: Option<Served>,
}

impl QueueWays {
    fn way(&self, kind: &str) -> Option<&Way> {
        let served = || self.served.as_ref().and_then(|served| served.way(kind));
        self.ways.get(kind).or_else(served)
    }

    /// Every kind that can run here, with the version of args that its handler understands.
    fn known(&self) -> BTreeMap<String, u32> {
        let mut kinds = self.served.as_ref().map(Served::announced).unwrap_or_default();
        kinds.extend(self.ways.keys().map(|kind| (kind.clone(), 1)));
        kinds
    }
}

/// Starts attempts and sends their ends to the claim loop.
pub(crate) struct Runner {
    pub(crate) queues: BTreeMap<String, QueueWays>,
    /// The kinds as the beat tells them.
    pub(crate) announced: watch::Sender<String>,
    pub(crate) lean: BTreeSet<String>,
    pub(crate) kind_timeouts: BTreeMap<String, Duration>,
    pub(crate) own: OwnTerms,
    pub(crate) launcher: Option<Launcher>,
    /// What this process and all its children may use together.
    pub(crate) container: Container,
    pub(crate) lines: Arc<Lines>,
    pub(crate) home: OnceLock<Handle>,
    /// What monitoring reads.
    pub(crate) tally: Tally,
    /// Whoever traces attempts.
    pub(crate) tracer: Option<Tracer>,
}

impl Runner {
    /// The runtime on which attempts are looked after.
    pub(crate) fn set_home(&self, home: Handle) {
        // It is set once, by the thread that owns the loop.
        drop(self.home.set(home));
    }

    /// Says how long an attempt may take: as its job asks, or its kind, or its queue.
    pub(crate) fn bound(&self, claimed: &mut Claimed) {
        let Some(queue) = self.queues.get(&claimed.info.queue) else { return };
        let usual = || self.kind_timeouts.get(&claimed.info.kind).copied().unwrap_or(queue.timeout);
        let timeout = match claimed.timeout {
            Some(asked) => bulkhead::timeout(asked, queue.timeout_max, &job_ref(&claimed.info)),
            None => usual(),
        };
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        if claimed.info.timeout_ms != timeout_ms {
            Arc::make_mut(&mut claimed.info).timeout_ms = timeout_ms;
        }
    }

    /// Tells whoever traces attempts that this one begins; its handler gets the trace that they give.
    pub(crate) fn trace(&self, claimed: &mut Claimed) -> Option<Box<Open>> {
        let traced = self.tracer.as_ref()?(&claimed.info, claimed.waited)?;
        Arc::make_mut(&mut claimed.info).trace = Some(traced.trace);
        Some(Box::new(Open::new(traced.end)))
    }

    /// Begins an attempt, looked after in a task of its own; its end comes over the channel.
    pub(crate) fn begin(&self, claimed: Box<Claimed>, stopping: Stopping) {
        let Some((queue, way)) = self.way(&claimed) else { return };
        let home = self.home.get().expect("set before the first claim");
        let (grace, lines) = (queue.grace, self.lines.clone());
        // A task of its own size for each way: one for all would be as large as the largest, a child's.
        match way {
            Way::Push(push) => home.spawn(push.clone().run(claimed, stopping, lines)),
            Way::Inline(inline) => home.spawn(inline.clone().run(claimed, grace, stopping, lines)),
            Way::Child(pool, terms) => {
                let own = self.own.of(terms, claimed.memory, &job_ref(&claimed.info));
                // A suspect gets a process that nobody else uses.
                let is_own = own.is_some() || claimed.counters.is_suspect();
                let terms = own.unwrap_or_else(|| terms.clone());
                let bounds = Bounds { grace, terms, is_own };
                home.spawn(run::run(pool.clone(), claimed, bounds, stopping, lines))
            }
        };
    }

    fn way(&self, claimed: &Claimed) -> Option<(&QueueWays, &Way)> {
        let queue = self.queues.get(&claimed.info.queue)?;
        Some((queue, queue.way(&claimed.info.kind)?))
    }

    /// The memory that this attempt may use; handlers inside the worker or behind an address have no share of their own.
    pub(crate) fn memory_of(&self, claimed: &Claimed) -> u64 {
        let Some((_, Way::Child(_, terms))) = self.way(claimed) else { return 0 };
        let limits = match claimed.memory {
            Some(asked) => terms.limits.with_memory(asked).0,
            None => terms.limits,
        };
        limits.memory_bytes.unwrap_or(0)
    }

    /// How many children wait that could run this attempt: none where it gets a process of its own.
    pub(crate) fn warm_for(&self, claimed: &Claimed) -> usize {
        let pool = self.way(claimed).and_then(|(_, way)| way.pool());
        let Some(pool) = pool else { return usize::MAX };
        if claimed.memory.is_some() || claimed.counters.is_suspect() { 0 } else { pool.idle() }
    }

    /// The least memory that a job of this queue takes; nothing where one of its handlers runs in no child.
    pub(crate) fn least_memory(&self, queue: &str) -> u64 {
        let Some(queue) = self.queues.get(queue) else { return 0 };
        let kinds = queue.known();
        let ways = kinds.keys().filter_map(|kind| queue.way(kind));
        let least = ways.map(|way| match way {
            Way::Child(_, terms) => terms.limits.memory_bytes.unwrap_or(0),
            Way::Inline(_) | Way::Push(_) => 0,
        });
        least.min().unwrap_or(0)
    }

    /// The memory of a job of whose kind nothing is said, by queue.
    pub(crate) fn memory_of_one(&self) -> BTreeMap<String, u64> {
        let of = |(name, queue): (&String, &QueueWays)| Some((name.clone(), queue.memory?));
        self.queues.iter().filter_map(of).collect()
    }

    /// The kinds that addresses handle, by name.
    pub(crate) fn by_address(&self) -> Vec<String> {
        let ways = self.queues.values().flat_map(|queue| &queue.ways);
        let sent = ways.filter(|(_, way)| matches!(way, Way::Push(_)));
        let kinds: BTreeSet<&String> = sent.map(|(kind, _)| kind).collect();
        kinds.into_iter().cloned().collect()
    }

    pub(crate) fn terms(&self, queue: &str, kind: &str) -> Terms {
        let snooze_max = self.queues.get(queue).map_or(i16::MAX, |queue| queue.snooze_max);
        Terms { snooze_max, lean: self.lean.contains(kind) }
    }

    /// The kinds of one queue that can be claimed: those whose programs boot.
    pub(crate) fn kinds_of(&self, queue: &str) -> Option<Vec<String>> {
        let Some(queue) = self.queues.get(queue) else { return Some(Vec::new()) };
        let is_sound = |kind: &String| queue.way(kind).is_some_and(Way::is_sound);
        Some(queue.known().into_keys().filter(is_sound).collect())
    }

    /// The longest that an attempt of this queue may take whose job says nothing of it.
    pub(crate) fn longest(&self, queue: &QueueSettings) -> Duration {
        let kinds = self.queues.get(&queue.name).map(QueueWays::known).unwrap_or_default();
        let own = kinds.keys().filter_map(|kind| self.kind_timeouts.get(kind));
        own.copied().fold(queue.timeout, Duration::max)
    }

    /// The kinds whose programs do not boot, by queue.
    pub(crate) fn broken(&self) -> BTreeMap<String, Vec<String>> {
        let broken = self.queues.iter().map(|(name, queue)| {
            let is_broken = |kind: &String| !queue.way(kind).is_some_and(Way::is_sound);
            (name.clone(), queue.known().into_keys().filter(is_broken).collect::<Vec<_>>())
        });
        broken.filter(|(_, kinds)| !kinds.is_empty()).collect()
    }

    /// The kinds that any queue can take.
    pub(crate) fn kinds_of_all(&self) -> Option<Vec<String>> {
        let kinds = self.queues.keys().filter_map(|queue| self.kinds_of(queue)).flatten();
        let kinds: BTreeSet<String> = kinds.collect();
        Some(kinds.into_iter().collect())
    }

    /// Every kind that is known here, with the version of args that its handler understands.
    pub(crate) fn all_kinds(&self) -> BTreeMap<String, u32> {
        self.queues.values().flat_map(QueueWays::known).collect()
    }

    /// Tells the beat which kinds are known here.
    pub(crate) fn announce(&self) {
        let kinds = json!(self.all_kinds()).to_string();
        self.announced.send_if_modified(|known| {
            let is_new = *known != kinds;
            *known = kinds;
            is_new
        });
    }

    /// All programs of this worker, with their places; one that several kinds share is its queue's.
    pub(crate) fn pools(&self) -> Vec<Watched> {
        let mut pools: Vec<Watched> = Vec::new();
        for (queue, ways) in &self.queues {
            let own = ways.ways.iter().map(|(kind, way)| (Some(kind.as_str()), way));
            let served = ways.served.iter().flat_map(Served::all);
            for (kind, way) in own.chain(served) {
                let Some(pool) = way.pool() else { continue };
                match pools.iter_mut().find(|known| known.pool.is_same(pool)) {
                    Some(known) => known.kind = None,
                    None => pools.push(Watched {
                        queue: queue.clone(),
                        kind: kind.map(str::to_owned),
                        pool: pool.clone(),
                    }),
                }
            }
        }
        pools
    }

    /// Whoever tells this worker to stop may have told its children too, a moment before or after.
    pub(crate) fn note_stop_signal(&self) {
        if let Some(launcher) = &self.launcher {
            launcher.note_stop_signal();
        }
    }

    /// How strictly limits are held, in one word: `http` where nothing of a job runs here.
    pub(crate) fn level(&self) -> String {
        let bare = if self.only_sends() { "http" } else { "inline" };
        self.launcher.as_ref().map_or(bare, |it| it.level().name.as_str()).to_owned()
    }

    fn only_sends(&self) -> bool {
        let mut ways = self.queues.values().flat_map(|queue| queue.ways.values()).peekable();
        ways.peek().is_some() && ways.all(|way| matches!(way, Way::Push(_)))
    }

    /// The same with what holds each limit, and why not better.
    pub(crate) fn level_reached(&self) -> Event {
        let (mut holders, mut reason) = (String::new(), String::new());
        if let Some(level) = self.launcher.as_ref().map(Launcher::level) {
            holders = bulkhead::holders(level);
            reason = level.why.clone().unwrap_or_default();
        }
        Event::LevelReached { level: self.level(), holders, reason }
    }

    /// What holds each limit, as JSON; none where handlers run inside the worker.
    pub(crate) fn holders(&self) -> Option<String> {
        let level = self.launcher.as_ref()?.level();
        Some(bulkhead::holders_json(level).to_string())
    }

    /// Tells when that is lost; none where handlers run inside the worker.
    pub(crate) fn level_lost(&self) -> Option<watch::Receiver<Option<String>>> {
        self.launcher.as_ref().map(Launcher::level_lost)
    }

    /// Ends all children, and does not wait for it: the ends come over the channel.
    pub(crate) fn kill_all(&self) {
        if let (Some(launcher), Some(home)) = (self.launcher.clone(), self.home.get()) {
            home.spawn(async move { launcher.stop().await });
        }
    }

    /// Ends all children, and waits until they are gone.
    pub(crate) async fn stop(&self) {
        if let Some(launcher) = &self.launcher {
            launcher.stop().await;
        }
    }
}
