//! A worker ends at each step of a job's way: whoever comes next finishes everything, and no step is left out.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use backstay::Options;
use backstay::failpoint::POINTS;
use backstay_postgres::{Cluster, Options as ClusterOptions};
use rustix::process::Signal;

use crate::database::fresh;
use crate::place::Place;
use crate::run::{Judgement, Run};

const LONG: Duration = Duration::from_secs(20);
/// Databases in which workers end one after the other; they share the time in which they wait.
const CHAINS: usize = 4;

/// A schedule at which somebody must look now, and which makes no job before the next year: nobody would have written it down.
const DUE_SCHEDULE: &str = "insert into backstay.schedule (name, set_at, counted_to, look_at, missed_within_ms, missed_max, line, zone, \
    kind, args, options, missed, overlap, origin, hash, set_by) \
    values ('yearly', now(), now(), now(), 60000, 1, '0 0 1 1 *', 'UTC', 'yearly', '{}', '{}', 'skip', 'skip', 'database', '', 'faults') \
    on conflict (name) do update set look_at = now()";

/// A folder of this test's own.
struct Folder(String);

impl Folder {
    fn make() -> Folder {
        let path = format!("{}/points-{}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.0)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind lies in the target folder.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// All points but the one of a migration, each in a worker of its own.
pub(crate) fn all() {
    for judgement in each().unwrap_or_default() {
        judgement.must_hold();
    }
}

/// How many there are.
pub(crate) fn number() -> usize {
    points().count()
}

fn points() -> impl Iterator<Item = &'static str> {
    POINTS.iter().copied().filter(|point| !point.starts_with("migrate."))
}

/// Ends workers at each point, in several databases side by side; none where there is no database.
pub(crate) fn each() -> Option<Vec<Judgement>> {
    drop(fresh()?);
    let folder = Folder::make();
    let judgements = std::thread::scope(|scope| {
        let chains = (0..CHAINS).map(|chain| {
            let (own, folder) = (points().skip(chain).step_by(CHAINS), &folder);
            scope.spawn(move || end_at_each(own, folder))
        });
        let chains: Vec<_> = chains.collect();
        chains.into_iter().map(|chain| chain.join().unwrap()).collect()
    });
    let seen = std::fs::read_to_string(folder.file("seen")).unwrap();
    let seen: BTreeSet<&str> = seen.lines().collect();
    let missed: Vec<_> = points().filter(|point| !seen.contains(point)).collect();
    assert!(missed.is_empty(), "never reached: {missed:?}");
    Some(judgements)
}

fn end_at_each(points: impl Iterator<Item = &'static str>, folder: &Folder) -> Judgement {
    let db = fresh().expect("there was one a moment ago");
    let run = Run::begin(&db.url);
    let mut jobs = 0;
    for point in points {
        if point.starts_with("rescue.") {
            leave_behind(&run, &mut jobs);
        }
        if point.starts_with("tick.") {
            run.place.run(DUE_SCHEDULE);
        }
        add_round(&run.place, &mut jobs);
        end_at(&run, point, folder);
    }
    let last = run.worker("process");
    run.place.until_done(Duration::from_secs(60));
    run.place.until("people are told", LONG, |place| {
        // A message whose worker ended while it was delivered is tried again after a minute.
        place.run("update backstay.message set next_try_at = now() where delivered_at is null");
        Run::is_told(place)
    });
    drop(last);
    run.judge()
}

/// Jobs of every sort: done at once, due in a moment, failing for good.
fn add_round(place: &Place, jobs: &mut i64) {
    place.add(*jobs..*jobs + 6, 5);
    let soon = Options::new().run_in(Duration::from_millis(300));
    place.add_one(*jobs + 6, "", soon);
    place.add_one(*jobs + 7, "dead", Options::new());
    *jobs += 8;
}

/// A worker is killed while it works, so that the next one has something to take over.
fn leave_behind(run: &Run, jobs: &mut i64) {
    let place = &run.place;
    let before = place.running();
    place.add(*jobs..*jobs + 2, 60_000);
    *jobs += 2;
    let mut worker = run.worker("process");
    place.until("it works", LONG, |place| place.running() >= before + 2);
    run.kill(&mut worker);
    // Whoever takes them over is done with them at once.
    place.run("update backstay.job set args = args || '{\"ms\": 5}'");
}

/// A worker with this point armed, until it has ended there.
fn end_at(run: &Run, point: &str, folder: &Folder) {
    let (armed, once, seen) = (format!("{point}=abort"), folder.file(point), folder.file("seen"));
    let env = [
        ("FAULTS_POINTS", armed.as_str()),
        ("FAULTS_POINTS_ONCE", &once),
        ("FAULTS_POINTS_SEEN", &seen),
    ];
    let mut worker = run.worker_in("process", &env);
    if point.starts_with("drain.") {
        run.place.until("it hears signals", LONG, |_| worker.has_said("worker.ready"));
        worker.signal(Signal::TERM);
    }
    let is_reached = || Path::new(&once).exists();
    run.place.until(&format!("{point} is reached"), LONG, |_| is_reached());
    if point.starts_with("child.") {
        // Only the child has ended; its worker goes on, and is ended by hand.
        assert!(worker.is_running(), "{point}: its worker works on");
        return run.kill(&mut worker);
    }
    let status = worker.wait(LONG);
    run.was_killed(&worker);
    assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()), "{point}: {status}");
}

/// A program that installs the schema ends after its first step: nothing is there, and the next one installs all.
pub(crate) fn migration() {
    let cluster = Cluster::obtain(ClusterOptions::own()).unwrap();
    let url = cluster.url("postgres");
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["migrate", &url])
        .env("FAULTS_POINTS", "migrate.between_steps=abort@2")
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()), "{status}");
    let place = Place::open(&url);
    place.until("its session has ended", LONG, |place| {
        place.number("select count(*) from pg_stat_activity where application_name like 'backstay%' and pid <> pg_backend_pid() and state = 'idle in transaction'") == 0
    });
    let there = "select count(*) from pg_namespace where nspname = 'backstay'";
    assert_eq!(place.number(there), 0, "all or nothing");
    crate::server::install(&url);
    assert_eq!(place.number(there), 1);
}
