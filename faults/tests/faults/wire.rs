//! The way to the database: late, slow, torn, silent, deaf or flapping, for everybody or for one session.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use backstay::Database;
use backstay_faults::proxy::{Fault, Proxy, Rule, Way, Which};
use backstay_postgres::template::TestDatabase;
use rustix::process::Signal;

use crate::database::fresh;
use crate::handlers::SLOTS;
use crate::place::Place;
use crate::process::{Process, chance, seed};
use crate::run::{Judgement, Run};

const LONG: Duration = Duration::from_secs(20);
/// The three loops of a worker that hold a connection, by what they call it.
const LOOPS: [Which; 3] = [Which::Named(" settle"), Which::Named(" beat"), Which::Named(" duty")];

/// A database, and a proxy before it.
pub(crate) struct Wire {
    pub(crate) run: Run,
    proxy: Proxy,
    /// Through the proxy.
    pub(crate) url: String,
    jobs: std::cell::Cell<i64>,
    _database: TestDatabase,
}

impl Wire {
    pub(crate) fn lay() -> Option<Wire> {
        let database = fresh()?;
        let config: tokio_postgres::Config = database.url.parse().unwrap();
        let port = config.get_ports()[0];
        let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], port)), seed()).unwrap();
        let url = database.url.replace(&format!(":{port}/"), &format!(":{}/", proxy.port()));
        let run = Run::begin(&database.url);
        Some(Wire { run, proxy, url, jobs: std::cell::Cell::new(0), _database: database })
    }

    /// The same with a worker that has done its first jobs through the proxy.
    fn with_worker() -> Option<(Wire, Process)> {
        let wire = Wire::lay()?;
        let worker = wire.run.worker_at(&wire.url, "inline", &[]);
        wire.add(4, 5);
        wire.until_done("the worker works");
        Some((wire, worker))
    }

    /// Enqueues jobs, not by the proxy.
    fn add(&self, count: i64, ms: u64) {
        let first = self.jobs.replace(self.jobs.get() + count);
        self.run.place.add(first..first + count, ms);
    }

    /// All jobs so far are done, each once.
    fn until_done(&self, what: &str) {
        self.until_done_within(what, LONG);
    }

    fn until_done_within(&self, what: &str, patience: Duration) {
        self.run.place.until(what, patience, |place| place.completed() == self.jobs.get());
    }

    /// Connections of which the server looks within 10 s whether their other end is there.
    fn watched(&self) -> usize {
        let config: tokio_postgres::Config = self.run.place.url.parse().unwrap();
        let here = format!("{:04X}", config.get_ports()[0]);
        let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let is_watched = |line: &&str| {
            let mut words = line.split_whitespace();
            let is_ours = words.nth(1).is_some_and(|local| local.ends_with(&here));
            // What the timer waits for (2: to ask a silent peer), and for how many hundredths of a second.
            let timer = words.nth(3).and_then(|timer| timer.split_once(':'));
            let left = timer.filter(|(what, _)| *what == "02").map(|(_, left)| left);
            is_ours && left.is_some_and(|left| u64::from_str_radix(left, 16).unwrap() <= 1000)
        };
        sockets.lines().filter(is_watched).count()
    }

    /// How often this loop of the worker has connected since then.
    fn made(&self, since: Instant, which: Which) -> usize {
        self.proxy.most_made_within(LONG, since, which)
    }

    /// Does one harm by chance to the line of everybody or of one loop, for so long.
    pub(crate) fn disturb(&self, lasts: Duration) {
        let which = LOOPS.get(pick(4)).copied().unwrap_or(Which::All);
        let way = [Way::ToServer, Way::ToClient, Way::Both][pick(3)];
        let fault = any_fault();
        println!("{which:?} {way:?} {fault:?} for {lasts:?}");
        self.proxy.set(&[Rule { which, way, fault }]);
        std::thread::sleep(lasts);
        if chance(2) == 0 {
            self.proxy.reset(which);
        }
        self.proxy.heal();
    }

    /// Every job is done once, and nobody was taken for dead.
    fn ends_well(&self, worker: &mut Process) {
        self.until_done("all jobs are done");
        assert!(worker.is_running(), "the worker has ended");
        let lost = "select count(*) from backstay.attempt where outcome = 'lost'";
        assert_eq!(self.run.place.number(lost), 0, "nobody was lost");
    }
}

/// Faults under which work goes on: the line is torn, flapping, late and slow, one after another.
pub(crate) fn hurt() {
    let Some((wire, mut worker)) = Wire::with_worker() else { return };
    wire.run.place.until("the server watches its end", LONG, |_| wire.watched() >= LOOPS.len());

    // The torn ends are in the middle of messages, and each time somewhere else.
    for way in [Way::ToServer, Way::ToClient] {
        let since = Instant::now();
        let fault = Fault::Cut { after: 100 + chance(2000) };
        wire.proxy.set(&[Rule { which: Which::All, way, fault }]);
        wire.add(40, 5);
        let are_torn = |_: &Place| LOOPS.iter().all(|which| wire.made(since, *which) >= 2);
        wire.run.place.until("connections tear", LONG, are_torn);
        wire.proxy.heal();
        wire.until_done("jobs end after cuts");
    }

    let since = Instant::now();
    let (up, down) = (Duration::from_millis(300), Duration::from_millis(200));
    wire.proxy.hurt(Which::All, Fault::Flapping { up, down });
    wire.add(40, 20);
    let are_made = |_: &Place| LOOPS.iter().all(|which| wire.made(since, *which) >= 2);
    wire.run.place.until("connections are made anew", LONG, are_made);
    wire.proxy.heal();
    wire.until_done("jobs end after the line has flapped");

    // Few jobs: a database that is slow to answer is spared by its workers.
    let (by, jitter) = (Duration::from_millis(50), Duration::from_millis(100));
    wire.proxy.hurt(Which::All, Fault::Late { by, jitter });
    wire.add(4, 5);
    wire.until_done("jobs end on a late line");

    wire.proxy.hurt(Which::All, Fault::Slow { bytes_per_second: 10_000 });
    wire.add(4, 5);
    wire.until_done("jobs end on a slow line");
    wire.proxy.heal();
    wire.ends_well(&mut worker);
    worker.signal(Signal::TERM);
    assert!(worker.wait(LONG).success());
    wire.run.finish();
}

/// Hints vanish: jobs are found by the poll, and the worker notices that it is deaf.
pub(crate) fn deaf() {
    let Some((wire, mut worker)) = Wire::with_worker() else { return };
    let fault = Fault::Drop { letter: b'A' };
    wire.proxy.set(&[Rule { which: Which::All, way: Way::ToClient, fault }]);
    let since = Instant::now();
    wire.add(4, 0);
    // It polls every 250 ms, give or take; the rest is what a busy machine may take.
    wire.run.place.until("the poll finds them", Duration::from_secs(3), |place| {
        place.completed() == wire.jobs.get()
    });
    wire.run.place.until("it notices", LONG, |_| worker.has_said("no answer to a ping of our own"));
    let beats = Which::Named(" beat");
    wire.run.place.until("it listens anew", LONG, |_| wire.made(since, beats) > 0);
    wire.proxy.heal();
    wire.ends_well(&mut worker);
    wire.run.finish();
}

/// The line goes dead without a word: that is noticed, and what had ended meanwhile is written when it lives again.
pub(crate) fn silent() {
    let Some((wire, mut worker)) = Wire::with_worker() else { return };
    wire.add(8, 400);
    wire.run.place.until("jobs run", LONG, |place| place.running() == i64::from(SLOTS));
    let began = Instant::now();
    wire.proxy.hurt(Which::All, Fault::Silent);
    let noticed = || worker.has_said("database.lost");
    wire.run.place.until("it notices", Duration::from_secs(20), |_| noticed());
    println!("a silent line was noticed after {:.1} s", began.elapsed().as_secs_f32());
    // What lies in the dead line arrives late, and from connections that their owner has given up.
    wire.proxy.heal();
    wire.ends_well(&mut worker);
    wire.run.finish();
}

/// One worker's line goes dead: another takes its jobs over, and what the first says later changes nothing.
pub(crate) fn cut_off() {
    let Some(wire) = Wire::lay() else { return };
    let hit = wire.run.worker_at(&wire.url, "inline", &[]);
    wire.run.place.until("it beats", LONG, |place| place.workers() == 1);
    // Nothing but their own worker ends these.
    wire.jobs.set(12);
    wire.run.place.add_each(0..12, 300, |_| "");
    wire.run.place.until("it is full", LONG, |place| place.running() == i64::from(SLOTS));
    let began = Instant::now();
    wire.run.cut(&hit);
    wire.proxy.hurt(Which::All, Fault::Silent);
    let other = wire.run.worker("inline");
    wire.until_done("the other has done it all");
    // A tenth of the 45 s of the usual times, and what it takes to start a worker and to run the jobs.
    let took = began.elapsed();
    println!("the jobs of a worker that was cut off were done after {:.1} s", took.as_secs_f32());
    assert!(took < Duration::from_secs(12), "{took:?}");
    let lost = "select count(*) from backstay.attempt where outcome = 'lost'";
    assert_eq!(wire.run.place.number(lost), i64::from(SLOTS), "what it held was taken over");
    wire.proxy.heal();
    wire.run.mend(&hit);
    let worked = "select count(distinct worker) from backstay.history \
         where finished_at > now() - interval '0.5 s'";
    wire.run.place.until("both work again", LONG, |place| {
        wire.add(16, 20);
        wire.until_done("these are done");
        place.number(worked) == 2
    });
    assert!(hit.has_said("settle.stale") || hit.has_said("lease.lost"), "it was told");
    drop((hit, other));
    wire.run.finish();
}

/// Only the line of the beats is cut, time and again: others would take away what is claimed meanwhile, so nothing is claimed.
pub(crate) fn unseen() {
    let Some((wire, mut worker)) = Wire::with_worker() else { return };
    let beats = Which::Named(" beat");
    let since = Instant::now();
    wire.run.cut(&worker);
    wire.proxy.hurt(beats, Fault::Cut { after: 0 });
    wire.proxy.reset(beats);
    wire.run.place.until("it dials again", LONG, |_| wire.made(since, beats) >= 1);
    wire.add(8, 20);
    wire.run.place.until("it dials in vain", LONG, |_| wire.made(since, beats) >= 4);
    let ready = "select count(*) from backstay.ready";
    assert_eq!(wire.run.place.number(ready), 8, "who is not seen claims nothing");
    wire.proxy.heal();
    wire.run.mend(&worker);
    wire.ends_well(&mut worker);
    wire.run.finish();
}

/// A line that has been slow for a while puts the brake on: then eight jobs are claimed every ten seconds, and it takes half a
/// minute of calm until it is twice as many.
const BRAKED: Duration = Duration::from_secs(90);

/// One fault after another, by chance, for everybody or for one loop of both workers.
pub(crate) fn at_random(lasts: Duration) -> Option<Judgement> {
    let wire = Wire::lay()?;
    let end = Instant::now() + lasts;
    let usual = [("FAULTS_TIMES", "normal")];
    let start = |isolation| wire.run.worker_at(&wire.url, isolation, &usual);
    let mut workers = ["inline", "process"].map(start);
    wire.run
        .place
        .until("both are there", LONG, |_| LOOPS.iter().all(|one| wire.proxy.open(*one) == 2));
    while Instant::now() < end {
        let since = Instant::now();
        wire.add(40, 20);
        // Shorter than a lease: nobody may be taken for dead.
        wire.disturb(Duration::from_millis(chance(15_000)));
        wire.until_done_within("all jobs are done", BRAKED);
        for which in LOOPS {
            let most = wire.proxy.most_made_within(Duration::from_secs(1), since, which);
            assert!(most <= 6, "{most} connections of {which:?} within a second, by two workers");
        }
    }
    workers.iter_mut().for_each(|worker| wire.ends_well(worker));
    drop(workers);
    Some(wire.run.judge())
}

fn any_fault() -> Fault {
    let ms = |most| Duration::from_millis(chance(most));
    match chance(6) {
        0 => Fault::Late { by: ms(250), jitter: ms(250) },
        1 => Fault::Slow { bytes_per_second: 10_000 },
        2 => Fault::Silent,
        3 => Fault::Cut { after: chance(20_000) },
        4 => Fault::Drop { letter: b'A' },
        _ => Fault::Flapping { up: ms(2000), down: ms(1000) },
    }
}

fn pick(end: u64) -> usize {
    usize::try_from(chance(end)).unwrap()
}

/// Connections that are made well and break at once are made again twice a second at most.
pub(crate) fn storm() {
    let Some(wire) = Wire::lay() else { return };
    // The bound is one of the usual times, so they hold here.
    let mut worker = wire.run.worker_at(&wire.url, "inline", &[("FAULTS_TIMES", "normal")]);
    let is_open = |which: &Which| wire.proxy.open(*which) > 0;
    wire.run.place.until("all loops are connected", LONG, |_| LOOPS.iter().all(is_open));
    let since = Instant::now();
    for round in 1..=4 {
        wire.add(4, 0);
        wire.proxy.reset(Which::All);
        let is_back = |which: &Which| wire.made(since, *which) >= round;
        wire.run.place.until("all loops are back", LONG, |_| LOOPS.iter().all(is_back));
    }
    for which in LOOPS {
        let most = wire.proxy.most_made_within(Duration::from_secs(1), since, which);
        // Half a second apart: at the beginning, in the middle, and nearly at the end.
        assert!(most <= 3, "{most} connections of {which:?} within a second");
    }
    wire.ends_well(&mut worker);
    wire.run.finish();
}

/// Whoever connects to a host that accepts and says nothing hears so in time, or from the next host.
pub(crate) fn mute_host() {
    let Some(wire) = Wire::lay() else { return };
    wire.proxy.hurt(Which::All, Fault::Silent);
    let within =
        |work| wire.run.place.wait(async { tokio::time::timeout(LONG, work).await.unwrap() });
    let mute = format!("{}?connect_timeout=1", wire.url);
    let refused = within(Database::connect(&mute)).unwrap_err();
    assert_eq!(refused.code(), "BS501", "{refused}");
    assert!(refused.to_string().contains("no answer within 1s"), "{refused}");

    let config: tokio_postgres::Config = wire.run.place.url.parse().unwrap();
    let (silent, speaks) = (wire.proxy.port(), config.get_ports()[0]);
    let both = mute
        .replace(&format!("127.0.0.1:{silent}"), &format!("127.0.0.1:{silent},127.0.0.1:{speaks}"));
    let database = within(Database::connect(&both)).unwrap();
    assert!(database.place().contains(&format!("127.0.0.1:{silent},127.0.0.1:{speaks}")));
    // From now on the one that answered is asked first.
    let began = Instant::now();
    assert!(!wire.run.place.wait(database.is_pooled()).unwrap());
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    wire.run.finish();
}
