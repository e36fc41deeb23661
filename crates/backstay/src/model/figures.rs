//! Figures of one worker, as monitoring reads them: what it counted, and how long things took.
//!
//! Names and labels are an interface. Labels are names of queues and kinds and words of closed lists, so there is a bound to
//! how many series a worker has, whatever runs in it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::count::Count;
use super::priority::Priority;

/// Kinds that have lines of their own in each queue; the others together are `other`.
const KINDS: usize = 200;
const OTHER: &str = "other";

/// Seconds that a job waits or runs.
const SPANS: &[f64] =
    &[0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0];
/// Seconds that the worker itself needs for something.
const STEPS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// Bytes that an attempt had at most: 16 MiB to 16 GiB.
const SIZES: &[f64] = &[
    16_777_216.0,
    33_554_432.0,
    67_108_864.0,
    134_217_728.0,
    268_435_456.0,
    536_870_912.0,
    1_073_741_824.0,
    2_147_483_648.0,
    4_294_967_296.0,
    8_589_934_592.0,
    17_179_869_184.0,
];

/// Label and value, in the order in which they are written.
pub type Labels = Vec<(&'static str, String)>;

/// One figure with all its series.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// Its name, without the prefix of the product.
    pub name: &'static str,
    /// What it says, in a line.
    pub help: &'static str,
    /// Its series.
    pub series: Series,
}

/// The series of a figure.
#[derive(Debug, Clone, PartialEq)]
pub enum Series {
    /// What only grows, until the worker ends.
    Counter(Vec<(Labels, f64)>),
    /// What stands so now.
    Gauge(Vec<(Labels, f64)>),
    /// How often it was how much.
    Histogram(Vec<(Labels, Histogram)>),
}

/// How often something was how much, by upper bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    bounds: &'static [f64],
    /// By bound; the last is for what is above all of them.
    counts: Vec<u64>,
    sum: f64,
}

impl Histogram {
    fn new(bounds: &'static [f64]) -> Histogram {
        Histogram { bounds, counts: vec![0; bounds.len() + 1], sum: 0.0 }
    }

    fn saw(&mut self, value: f64) {
        self.counts[self.bounds.partition_point(|bound| *bound < value)] += 1;
        self.sum += value;
    }

    /// Gives for each bound how often it was that or less; the last is infinity.
    pub fn up_to(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        let so_far = self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        bounds.zip(so_far)
    }

    /// Gives the sum of all that was seen.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.sum
    }
}

/// What jobs of one kind came to in one queue.
#[derive(Debug, Clone)]
struct OfKind {
    claimed: u64,
    attempts: BTreeMap<&'static str, u64>,
    ended: BTreeMap<&'static str, u64>,
    cpu: Duration,
    run: Histogram,
    peak: Histogram,
    /// What is not taken yet for charts.
    fresh: Count,
}

#[derive(Debug, Clone)]
struct OfQueue {
    kinds: BTreeMap<String, OfKind>,
    waits: BTreeMap<i16, Histogram>,
    started: u64,
    rescued: u64,
    killed: BTreeMap<String, u64>,
    boots: Histogram,
    slots: Slots,
}

/// The slots of one queue, as they are now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slots {
    /// In which something runs.
    pub busy: u16,
    /// That could take a job.
    pub free: u16,
    /// That hold something which could not be ended.
    pub closed: u16,
}

/// What stands so at the moment.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// Bytes that all jobs may use together.
    pub memory_budget: u64,
    /// Bytes of it that are reserved.
    pub memory_reserved: u64,
    /// Whether claims are slowed down or held.
    pub is_braked: bool,
    /// How strictly limits are held.
    pub level: String,
}

/// Statements that were sent to the database, by what came of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    /// That were answered.
    pub ok: u64,
    /// That failed, or were not answered in time.
    pub failed: u64,
}

/// All figures of a worker.
#[derive(Debug, Clone)]
pub struct Figures {
    queues: BTreeMap<String, OfQueue>,
    stale: u64,
    turns: Histogram,
    failed_turns: u64,
    beats_late: Histogram,
    notify_lag: Histogram,
    calls: Calls,
    leads: bool,
    /// When each loop went well last, in seconds since 1970.
    loops: BTreeMap<&'static str, f64>,
    alerts: BTreeMap<(String, &'static str), u64>,
    standing: Standing,
}

impl Default for Figures {
    fn default() -> Figures {
        Figures {
            queues: BTreeMap::new(),
            stale: 0,
            turns: Histogram::new(STEPS),
            failed_turns: 0,
            beats_late: Histogram::new(STEPS),
            notify_lag: Histogram::new(STEPS),
            calls: Calls::default(),
            leads: false,
            loops: BTreeMap::new(),
            alerts: BTreeMap::new(),
            standing: Standing::default(),
        }
    }
}

impl OfKind {
    fn new() -> OfKind {
        OfKind {
            claimed: 0,
            attempts: BTreeMap::new(),
            ended: BTreeMap::new(),
            cpu: Duration::ZERO,
            run: Histogram::new(SPANS),
            peak: Histogram::new(SIZES),
            fresh: Count::default(),
        }
    }
}

impl OfQueue {
    fn new() -> OfQueue {
        OfQueue {
            kinds: BTreeMap::new(),
            waits: BTreeMap::new(),
            started: 0,
            rescued: 0,
            killed: BTreeMap::new(),
            boots: Histogram::new(STEPS),
            slots: Slots::default(),
        }
    }

    fn kind(&mut self, name: &str) -> &mut OfKind {
        let name =
            if self.kinds.len() < KINDS || self.kinds.contains_key(name) { name } else { OTHER };
        found_or(&mut self.kinds, name, OfKind::new)
    }
}

/// What stands under a name, made where nothing does. Looked up twice, since a look makes no copy of the name, and nearly every
/// one is known.
fn found_or<'a, T>(all: &'a mut BTreeMap<String, T>, name: &str, new: fn() -> T) -> &'a mut T {
    if !all.contains_key(name) {
        all.insert(name.to_owned(), new());
    }
    all.get_mut(name).expect("there by now")
}

impl Figures {
    /// A job was taken that had been due for so long.
    pub fn claimed(&mut self, queue: &str, kind: &str, priority: i16, waited: Duration) {
        let queue = self.queue(queue);
        let of = queue.kind(kind);
        of.claimed += 1;
        of.fresh.started(waited);
        let waits = queue.waits.entry(priority).or_insert_with(|| Histogram::new(SPANS));
        waits.saw(waited.as_secs_f64());
    }

    /// An attempt ended so, after it had run for so long and used so much.
    pub fn ran(
        &mut self,
        queue: &str,
        kind: &str,
        outcome: &'static str,
        wall: Duration,
        cpu: Option<Duration>,
        peak_bytes: Option<u64>,
    ) {
        let kind = self.queue(queue).kind(kind);
        *kind.attempts.entry(outcome).or_default() += 1;
        kind.run.saw(wall.as_secs_f64());
        kind.cpu += cpu.unwrap_or_default();
        peak_bytes.into_iter().for_each(|bytes| kind.peak.saw(bytes as f64));
        kind.fresh.ran(outcome, wall, cpu, peak_bytes);
    }

    /// A job of a lost worker was taken from it, after an attempt that came to this.
    pub fn rescued(&mut self, queue: &str, kind: &str, outcome: &'static str) {
        let queue = self.queue(queue);
        queue.rescued += 1;
        queue.kind(kind).fresh.rescued(outcome);
    }

    /// A job ended for good, in this state.
    pub fn ended(&mut self, queue: &str, kind: &str, state: &'static str) {
        let kind = self.queue(queue).kind(kind);
        *kind.ended.entry(state).or_default() += 1;
        kind.fresh.ended(state);
    }

    /// A verdict came too late.
    pub fn stale(&mut self) {
        self.stale += 1;
    }

    /// Verdicts and claims went to the database and back.
    pub fn turned(&mut self, took: Duration, is_ok: bool) {
        self.turns.saw(took.as_secs_f64());
        self.failed_turns += u64::from(!is_ok);
    }

    /// A beat was sent so much later than it was due.
    pub fn beat(&mut self, late: Duration) {
        self.beats_late.saw(late.as_secs_f64());
    }

    /// A notification of our own came back after that long.
    pub fn heard(&mut self, lag: Duration) {
        self.notify_lag.saw(lag.as_secs_f64());
    }

    /// So many statements were sent until now.
    pub fn called(&mut self, calls: Calls) {
        self.calls = calls;
    }

    /// Whether this worker does the housekeeping.
    pub fn leads(&mut self, leads: bool) {
        self.leads = leads;
    }

    /// A loop went well, so long after 1970.
    pub fn went_well(&mut self, name: &'static str, at: Duration) {
        self.loops.insert(name, at.as_secs_f64());
    }

    /// Takes what was counted since the last time, by queue and kind.
    pub(crate) fn take_fresh(&mut self) -> Vec<(String, String, Count)> {
        let kinds = self.queues.iter_mut().flat_map(|(queue, of)| {
            of.kinds.iter_mut().map(move |(kind, of)| (queue, kind, &mut of.fresh))
        });
        let some = kinds.filter(|(_, _, fresh)| **fresh != Count::default());
        some.map(|(queue, kind, fresh)| (queue.clone(), kind.clone(), std::mem::take(fresh)))
            .collect()
    }

    /// A child was started.
    pub fn child_started(&mut self, queue: &str) {
        self.queue(queue).started += 1;
    }

    /// A child was ready for jobs, so long after its start.
    pub fn child_ready(&mut self, queue: &str, took: Duration) {
        self.queue(queue).boots.saw(took.as_secs_f64());
    }

    /// A child was killed with a job in hand.
    pub fn child_killed(&mut self, queue: &str, reason: &str) {
        *self.queue(queue).killed.entry(reason.to_owned()).or_default() += 1;
    }

    /// A message about an alert went to its channel: `sent`, `failed` or `undeliverable`.
    pub fn alerted(&mut self, channel: &str, result: &'static str) {
        *self.alerts.entry((channel.to_owned(), result)).or_default() += 1;
    }

    /// What is in the slots of a queue now.
    pub fn slots(&mut self, queue: &str, slots: Slots) {
        self.queue(queue).slots = slots;
    }

    /// What stands so now.
    pub fn stands(&mut self, standing: Standing) {
        self.standing = standing;
    }

    fn queue(&mut self, name: &str) -> &mut OfQueue {
        found_or(&mut self.queues, name, OfQueue::new)
    }

    /// Gives all of it, to be written down.
    #[must_use]
    pub fn families(&self) -> Vec<Family> {
        let mut all = self.of_kinds();
        all.extend(self.of_queues());
        all.extend(self.of_worker());
        all
    }

    fn of_kinds(&self) -> Vec<Family> {
        let kinds = || {
            self.queues.iter().flat_map(|(queue, of)| {
                of.kinds.iter().map(move |(kind, of)| {
                    (vec![("queue", queue.clone()), ("kind", kind.clone())], of)
                })
            })
        };
        let with = |labels: &Labels, label: &'static str, counts: &BTreeMap<&'static str, u64>| {
            let (labels, counts) = (labels.clone(), counts.clone());
            counts.into_iter().map(move |(word, count)| {
                let mut labels = labels.clone();
                labels.push((label, word.to_owned()));
                (labels, count as f64)
            })
        };
        let claimed = kinds().map(|(labels, of)| (labels, of.claimed as f64));
        let attempts = kinds().flat_map(|(labels, of)| with(&labels, "outcome", &of.attempts));
        let ended = kinds().flat_map(|(labels, of)| with(&labels, "state", &of.ended));
        let cpu = kinds().map(|(labels, of)| (labels, of.cpu.as_secs_f64()));
        let run = kinds().map(|(labels, of)| (labels, of.run.clone()));
        let peak = kinds().map(|(labels, of)| (labels, of.peak.clone()));
        vec![
            counter("jobs_claimed_total", "Jobs taken from the line", claimed),
            counter("attempts_total", "Attempts that ended, by how", attempts),
            counter("jobs_ended_total", "Jobs that ended for good, by state", ended),
            counter("cpu_seconds_total", "Processor time of attempts in children", cpu),
            histogram("run_seconds", "How long attempts ran", run),
            histogram("memory_peak_bytes", "The most memory that attempts in children had", peak),
        ]
    }

    fn of_queues(&self) -> Vec<Family> {
        let queue = |name: &String| vec![("queue", name.clone())];
        let waits = self.queues.iter().flat_map(|(name, of)| {
            of.waits.iter().map(move |(level, waits)| {
                let priority = ("priority", Priority::word((*level).into()));
                (vec![("queue", name.clone()), priority], waits.clone())
            })
        });
        let started = self.queues.iter().map(|(name, of)| (queue(name), of.started as f64));
        let rescued = self.queues.iter().map(|(name, of)| (queue(name), of.rescued as f64));
        let killed = self.queues.iter().flat_map(|(name, of)| {
            of.killed.iter().map(move |(reason, count)| {
                (vec![("queue", name.clone()), ("reason", reason.clone())], *count as f64)
            })
        });
        let boots = self.queues.iter().map(|(name, of)| (queue(name), of.boots.clone()));
        let slots = self.queues.iter().flat_map(|(name, of)| {
            let Slots { busy, free, closed } = of.slots;
            [("busy", busy), ("free", free), ("closed", closed)].map(|(state, n)| {
                (vec![("queue", name.clone()), ("state", state.to_owned())], f64::from(n))
            })
        });
        vec![
            histogram("wait_seconds", "How long jobs were due when they were taken", waits),
            counter("rescues_total", "Jobs that were taken from lost workers", rescued),
            counter("child_starts_total", "Children that were started", started),
            counter("child_kills_total", "Children that were killed with a job in hand", killed),
            histogram("spawn_seconds", "From the start of a child until it is ready", boots),
            gauge("slots", "Slots by what is in them", slots),
        ]
    }

    fn of_worker(&self) -> Vec<Family> {
        let one = |value: f64| [(Labels::new(), value)];
        let whole = |histogram: &Histogram| [(Labels::new(), histogram.clone())];
        let alerts = self.alerts.iter().map(|((channel, result), count)| {
            (vec![("channel", channel.clone()), ("result", (*result).to_owned())], *count as f64)
        });
        let Standing { memory_budget, memory_reserved, is_braked, level, .. } = &self.standing;
        let level = [(vec![("level", level.clone())], 1.0)];
        let Calls { ok, failed } = self.calls;
        let calls = [("ok", ok), ("failed", failed)];
        let calls = calls.map(|(result, n)| (vec![("result", result.to_owned())], n as f64));
        let loops = self.loops.iter().map(|(name, at)| (vec![("loop", (*name).to_owned())], *at));
        vec![
            counter("settles_stale_total", "Verdicts that came too late", one(self.stale as f64)),
            histogram("turn_seconds", "One round of verdicts and claims", whole(&self.turns)),
            counter("turns_failed_total", "Rounds that failed", one(self.failed_turns as f64)),
            histogram("beat_late_seconds", "How late beats are sent", whole(&self.beats_late)),
            histogram(
                "notify_lag_seconds",
                "How late a notification of its own comes back",
                whole(&self.notify_lag),
            ),
            counter("database_calls_total", "Statements, by what came of them", calls),
            gauge(
                "leader",
                "1 for the worker that does the housekeeping",
                one(f64::from(u8::from(self.leads))),
            ),
            gauge("loop_last_success_timestamp_seconds", "When each loop went well last", loops),
            counter("alerts_total", "Messages about alerts, by what became of them", alerts),
            gauge(
                "memory_budget_bytes",
                "What all jobs may use together",
                one(*memory_budget as f64),
            ),
            gauge("memory_reserved_bytes", "What is reserved of it", one(*memory_reserved as f64)),
            gauge(
                "brake",
                "1 while claims are slowed down or held",
                one(f64::from(u8::from(*is_braked))),
            ),
            gauge("isolation_level", "1 for how strictly limits are held", level),
        ]
    }
}

fn counter(
    name: &'static str,
    help: &'static str,
    series: impl IntoIterator<Item = (Labels, f64)>,
) -> Family {
    Family { name, help, series: Series::Counter(series.into_iter().collect()) }
}

fn gauge(
    name: &'static str,
    help: &'static str,
    series: impl IntoIterator<Item = (Labels, f64)>,
) -> Family {
    Family { name, help, series: Series::Gauge(series.into_iter().collect()) }
}

fn histogram(
    name: &'static str,
    help: &'static str,
    series: impl IntoIterator<Item = (Labels, Histogram)>,
) -> Family {
    Family { name, help, series: Series::Histogram(series.into_iter().collect()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(figures: &Figures, name: &str) -> Series {
        figures.families().into_iter().find(|family| family.name == name).unwrap().series
    }

    #[test]
    fn a_histogram_counts_what_is_its_bound_or_less() {
        let mut histogram = Histogram::new(&[1.0, 2.0]);
        [0.5, 1.0, 1.5, 9.0].into_iter().for_each(|value| histogram.saw(value));
        let seen: Vec<(f64, u64)> = histogram.up_to().collect();
        assert_eq!(seen, [(1.0, 2), (2.0, 3), (f64::INFINITY, 4)]);
        assert!((histogram.sum() - 12.0).abs() < 1e-9);
    }

    #[test]
    fn kinds_beyond_two_hundred_are_counted_together() {
        let mut figures = Figures::default();
        for n in 0..300 {
            figures.claimed("default", &format!("kind{n}"), 5, Duration::ZERO);
        }
        figures.claimed("default", "kind7", 5, Duration::ZERO);
        let Series::Counter(claimed) = family(&figures, "jobs_claimed_total") else { panic!() };
        assert_eq!(claimed.len(), KINDS + 1);
        let of = |kind: &str| claimed.iter().find(|(labels, _)| labels[1].1 == kind).unwrap().1;
        assert_eq!((of("kind7"), of(OTHER)), (2.0, 100.0));
    }

    #[test]
    fn what_an_attempt_used_stands_in_the_series_of_its_kind() {
        let mut figures = Figures::default();
        let (wall, cpu) = (Duration::from_secs(3), Some(Duration::from_millis(500)));
        figures.ran("reports", "report", "completed", wall, cpu, Some(100 * 1024 * 1024));
        figures.ended("reports", "report", "completed");
        let labels = vec![("queue", "reports".to_owned()), ("kind", "report".to_owned())];
        let cpu = family(&figures, "cpu_seconds_total");
        assert_eq!(cpu, Series::Counter(vec![(labels.clone(), 0.5)]));
        let Series::Histogram(peaks) = family(&figures, "memory_peak_bytes") else { panic!() };
        assert_eq!(peaks[0].0, labels);
        assert_eq!(peaks[0].1.up_to().find(|(_, count)| *count == 1).unwrap().0, 134_217_728.0);
    }
}
