//! A standby takes over: workers know both addresses, move, and go on with what reached it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use backstay::{Database, Request, enqueue};
use backstay_faults::history::{Op, Phase, Recorder, Role};
use backstay_faults::proxy::{Fault, Proxy, Which};
use backstay_postgres::{Cluster, Durability, Options, template};
use serde_json::json;
use tokio_postgres::NoTls;

use crate::handlers::{EFFECT, SLOTS};
use crate::place::Place;
use crate::process::{Process, seed};
use crate::run::{Judgement, Run, must_hold};
use crate::server::install;

const LONG: Duration = Duration::from_secs(30);
/// How long workers may take to move.
const MOVE: Duration = Duration::from_secs(10);
/// The last job that is enqueued, on the new primary.
const MARKER: i64 = 1_000_000;

/// A primary with the schema, the standby that follows it, and the address of both.
struct Pair {
    first: Cluster,
    second: Cluster,
    both: String,
}

impl Pair {
    /// Makes both; `way` says by which port the standby reaches the primary.
    fn make(way: impl FnOnce(&Cluster) -> u16) -> Pair {
        // Nothing here crashes a machine, and without waiting for its disk all of it takes half the time.
        let settings = vec![("synchronous_commit".to_owned(), "on".to_owned())];
        let throwaway = Durability::Throwaway;
        let options = Options { settings, durability: throwaway, ..Options::own() };
        let first = Cluster::obtain(options.clone()).unwrap();
        install(&first.url("postgres"));
        let second = first.standby(way(&first), &options.settings).unwrap();
        let host = |cluster: &Cluster| format!("127.0.0.1:{}", cluster.port());
        let hosts = format!("{},{}", host(&first), host(&second));
        let both = first.url("postgres").replace(&host(&first), &hosts);
        let both = format!("{both}?target_session_attrs=read-write");
        Pair { first, second, both }
    }

    /// Begins a run on the primary; handlers know both addresses, as workers do.
    fn run(&self) -> Run {
        let run = Run::begin(&self.first.url("postgres"));
        run.handlers_go_to(&self.both);
        run
    }

    fn worker(&self, run: &Run, isolation: &str) -> Process {
        run.worker_at(&self.both, isolation, &[])
    }

    /// Makes the standby the primary; the first job there must be done in time.
    fn promote(&self, run: &mut Run) {
        run.follow(&self.second.url("postgres"));
        let place = &run.place;
        place.run("select pg_promote()");
        let began = Instant::now();
        // What was paused when the primary was left is paused here.
        place.run("select backstay.resume('queue', 'default')");
        place.add(MARKER..MARKER + 1, 0);
        place.until("the workers move", MOVE, |place| done(place).contains(&MARKER));
        println!("the workers had moved after {:.1} s", began.elapsed().as_secs_f32());
    }
}

/// The numbers of the jobs that are done.
fn done(place: &Place) -> HashSet<i64> {
    let rows = place.texts("select args ->> 'n' from backstay.history_body");
    rows.iter().map(|n| n.parse().unwrap()).collect()
}

fn ended(place: &Place) -> i64 {
    place.number("select count(*) from backstay.history")
}

/// Nothing may be wrong.
pub(crate) fn synchronous() {
    must_hold(to_synchronous());
}

/// Nothing may be wrong.
pub(crate) fn asynchronous() {
    must_hold(to_asynchronous());
}

/// The primary is killed; its standby had to confirm every commit.
pub(crate) fn to_synchronous() -> Option<Judgement> {
    if template::is_skipped() {
        return None;
    }
    let pair = Pair::make(Cluster::port);
    let mut run = pair.run();
    let old = &run.place;
    old.run("alter system set synchronous_standby_names = 'standby'");
    old.run("select pg_reload_conf()");
    let is_sync = "select count(*) from pg_stat_replication where sync_state = 'sync'";
    old.until("the standby confirms", LONG, |place| place.number(is_sync) == 1);
    let mut workers = ["inline", "process"].map(|isolation| pair.worker(&run, isolation));
    old.until("both beat", LONG, |place| place.workers() == 2);

    let (stop, recorder) = (AtomicBool::new(false), run.recorder(Role::Producer));
    let confirmed = std::thread::scope(|scope| {
        let producer = scope.spawn(|| produce(&pair.both, &recorder, &stop));
        run.place.until("jobs end", LONG, |place| ended(place) > 100);
        run.server(|| pair.first.kill9());
        pair.promote(&mut run);
        let before = ended(&run.place);
        let moved = |place: &Place| ended(place) > before + 50;
        run.place.until("the application has moved as well", MOVE, moved);
        stop.store(true, Ordering::Relaxed);
        producer.join().unwrap()
    });
    let new = &run.place;
    new.until_done(LONG);
    let done = done(new);
    let lost: Vec<_> = confirmed.iter().filter(|n| !done.contains(n)).collect();
    assert!(lost.is_empty(), "of {} confirmed jobs lost: {lost:?}", confirmed.len());
    assert_eq!(new.double_ends(), 0);
    assert!(workers.iter_mut().all(Process::is_running), "a worker has ended");

    let reads_only = [("default_transaction_read_only", "on"), ("synchronous_standby_names", "")];
    let reads_only = reads_only.map(|(name, value)| (name.to_owned(), value.to_owned()));
    pair.first.start_with(&reads_only).unwrap();
    let old = Place::open(&pair.first.url("postgres"));
    let before = ended(&old);
    // Whoever begins now asks the old one first, and the others lose their connections.
    let third = pair.worker(&run, "inline");
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'backstay work %'";
    new.run(end);
    new.add(0..20, 5);
    new.until("all three work there", LONG, |place| place.workers() == 3);
    new.until_done(LONG);
    drop((workers, third));
    let here =
        "select count(*) from pg_stat_activity where application_name like 'backstay work %'";
    assert_eq!((old.number(here), ended(&old)), (0, before), "nobody works at the old one");
    Some(run.judge())
}

/// Enqueues until it is told to stop, over all faults; the numbers of those that were confirmed.
fn produce(url: &str, recorder: &Recorder, stop: &AtomicBool) -> Vec<i64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut confirmed = Vec::new();
    runtime.block_on(async {
        let database = Database::connect(url).await.unwrap();
        for n in 1000.. {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            note(recorder, Phase::Invoke, n, None);
            let request = Request::new("act", json!({ "n": n, "ms": 10, "what": what(n) }));
            match enqueue(&database, request).await {
                Ok(one) => {
                    note(recorder, Phase::Ok, n, Some(one.id));
                    confirmed.push(n);
                }
                // Nobody is there for a moment; whether this one was stored is not known.
                Err(_) => {
                    note(recorder, Phase::Info, n, None);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    });
    confirmed
}

/// Every third completes in a transaction of its own.
fn what(n: i64) -> &'static str {
    if n % 3 == 0 { EFFECT } else { "" }
}

fn note(recorder: &Recorder, phase: Phase, n: i64, id: Option<i64>) {
    recorder.note(phase, Op::Enqueue { key: n.to_string(), id }).unwrap();
}

/// The standby has not heard of everything when it takes over, and the old primary stays up and reads only.
pub(crate) fn to_asynchronous() -> Option<Judgement> {
    if template::is_skipped() {
        return None;
    }
    let mut way = None;
    let pair = Pair::make(|first| {
        let proxy = Proxy::start(([127, 0, 0, 1], first.port()).into(), seed()).unwrap();
        way.insert(proxy).port()
    });
    let way = way.unwrap();
    let mut run = pair.run();
    let recorder = run.recorder(Role::Producer);
    let old = Place::open(&pair.first.url("postgres"));
    let mut worker = pair.worker(&run, "inline");
    old.until("it beats", LONG, |place| place.workers() == 1);
    // These wait when the standby hears of them, and still run when the worker claims them once more from the new primary,
    // which has not heard that it did: so there are free slots, and nobody else.
    let twice = i64::from(SLOTS) / 2;
    old.run("select backstay.pause('queue', 'default')");
    run.place.add(1..1 + twice, 3000);
    let standby = Place::open(&pair.second.url("postgres"));
    let reached = "select count(*) from backstay.job";
    standby.until("they reach the standby", LONG, |place| place.number(reached) == twice);

    run.unheard();
    let mut written = write(&pair.first, &recorder, 100..140);
    way.hurt(Which::Named("standby"), Fault::Silent);
    written.extend(write(&pair.first, &recorder, 140..240));
    old.run("select backstay.resume('queue', 'default')");
    let runs = format!("select count(*) from backstay.running where job_id <= {twice}");
    old.until("they run", LONG, |place| place.number(&runs) == twice);
    old.run("alter system set default_transaction_read_only = on");
    old.run("select pg_reload_conf()");
    let is_fenced = "select setting from pg_settings where name = 'default_transaction_read_only'";
    old.until("the old one only reads", LONG, |place| place.texts(is_fenced) == ["on"]);
    old.until("the worker has met that", LONG, |_| worker.has_said("database.lost"));
    // What had begun before may still commit.
    let fenced = &old.texts("select clock_timestamp()::text")[0];
    let begun = format!(
        "select count(*) from pg_stat_activity where backend_type = 'client backend' and xact_start < '{fenced}'"
    );
    old.until("what had begun before is over", LONG, |place| place.number(&begun) == 0);
    let before = ended(&old);
    drop(standby);
    pair.promote(&mut run);
    run.taken_over();
    let new = &run.place;
    new.until_done(LONG);

    let line = &new.texts("select pg_read_file('pg_wal/00000002.history')")[0];
    let point = position(line.split('\t').nth(1).unwrap());
    let done = done(new);
    let (kept, lost): (Vec<_>, Vec<_>) = written.iter().partition(|one| done.contains(&one.n));
    println!("{} jobs reached the standby, {} did not", kept.len(), lost.len());
    assert!(lost.len() >= 100, "what was written behind the silence is gone");
    assert!(kept.iter().all(|one| one.before < point), "one is there that had not reached it");
    assert!(lost.iter().all(|one| one.after > point), "one is gone that had reached it");
    assert_eq!(new.double_ends(), 0);
    assert!(worker.is_running(), "the worker has ended");
    assert_eq!(ended(&old), before, "nobody has written at the old one");
    assert!(worker.has_said("lease.lost"), "what it claimed twice it has let go of");

    // The attempts that ran meanwhile are over, and have taken no slot with them.
    let slots = i64::from(SLOTS);
    new.add(300..300 + slots, 500);
    new.until("all slots are taken again", LONG, |place| place.running() == slots);
    new.until_done(LONG);
    drop(worker);
    Some(run.judge())
}

/// A job that was confirmed, between two positions of the log.
struct Written {
    n: i64,
    before: u64,
    after: u64,
}

/// Enqueues one by one on this server, in transactions of our own.
fn write(cluster: &Cluster, recorder: &Recorder, numbers: std::ops::Range<i64>) -> Vec<Written> {
    const HERE: &str = "select pg_current_wal_insert_lsn()::text";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let url = cluster.url("postgres");
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let mut written = Vec::new();
        for n in numbers {
            let before: String = client.query_one(HERE, &[]).await.unwrap().get(0);
            let args = json!({ "n": n, "what": what(n) });
            let add = format!("select backstay.enqueue('act', '{args}')");
            note(recorder, Phase::Invoke, n, None);
            client.batch_execute(&add).await.unwrap();
            note(recorder, Phase::Ok, n, None);
            let after: String = client.query_one(HERE, &[]).await.unwrap().get(0);
            written.push(Written { n, before: position(&before), after: position(&after) });
        }
        written
    })
}

/// A position of the log as a number: `0/3000148`.
fn position(text: &str) -> u64 {
    let (high, low) = text.split_once('/').unwrap();
    let number = |hex: &str| u64::from_str_radix(hex, 16).unwrap();
    number(high) << 32 | number(low)
}
