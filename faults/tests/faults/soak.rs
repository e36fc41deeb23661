//! Hours under load with a fault of any sort every few seconds, in which a worker that nobody harms must not grow.

use std::time::{Duration, Instant};

use backstay::Options;
use backstay_faults::page::Judged;

use crate::leaks::LOCKS;
use crate::operator::Operator;
use crate::place::Place;
use crate::process::{Process, chance};
use crate::wire::Wire;

/// Jobs of one second, about a third of what two workers with four slots each can do.
const PER_SECOND: i64 = 20;
const A_FAULT_EVERY: Duration = Duration::from_secs(8);
const A_LOOK_EVERY: Duration = Duration::from_secs(60);
/// What a process needs at first is not growth.
const WARM: Duration = Duration::from_secs(300);

/// What the unharmed worker and the server hold.
#[derive(Debug, Clone, Copy)]
struct Held {
    rss_kib: i64,
    descriptors: i64,
    threads: i64,
    sessions: i64,
    locks: i64,
}

/// One worker is left alone, two others are killed, frozen, drained and cut off by turns, while somebody acts on jobs.
pub(crate) fn under_faults(lasts: Duration) -> Option<Judged> {
    let wire = Wire::lay()?;
    let run = &wire.run;
    let place = &run.place;
    let steady = run.worker("process");
    let mut victims = ["inline", "process"].map(|isolation| victim(&wire, isolation));
    place.until("all beat", Duration::from_secs(30), |place| place.workers() == 3);
    let mut operator = Operator::begin(run);
    let (began, mut jobs, mut faults) = (Instant::now(), 0, 0_usize);
    let (mut fault_at, mut look_at, mut second) = (began + A_FAULT_EVERY, began + A_LOOK_EVERY, 0);
    let (mut looks, mut broken) = (Vec::new(), Vec::new());
    while began.elapsed() < lasts {
        if began.elapsed().as_secs() > second {
            second = began.elapsed().as_secs();
            add(place, &mut jobs, second);
            operator.act(run);
        }
        if fault_at <= Instant::now() {
            fault_at += A_FAULT_EVERY;
            faults += 1;
            harm(&wire, &mut victims);
        }
        if look_at <= Instant::now() {
            look_at += A_LOOK_EVERY;
            looks.push(look(place, &steady));
            broken.extend(run.broken());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    run.comes_to_rest(Duration::from_secs(120));
    let warm = usize::try_from(WARM.as_secs() / A_LOOK_EVERY.as_secs()).unwrap();
    let (first, last) = (at_first(&looks, warm), look(place, &steady));
    drop((steady, victims));
    let mut judged = wire.run.judge().judged();
    judged.wrong.extend(broken);
    judged.notes.push(format!("{faults} faults while it ran"));
    if let Some(first) = first {
        compare(first, last, lasts.saturating_sub(WARM), &mut judged);
    }
    Some(judged)
}

/// The jobs of one second; once in a while one that fails for good.
fn add(place: &Place, jobs: &mut i64, second: u64) {
    place.add(*jobs..*jobs + PER_SECOND, 50 + chance(150));
    *jobs += PER_SECOND;
    if second.is_multiple_of(30) {
        place.add_one(*jobs, "dead", Options::new());
        *jobs += 1;
    }
}

/// Only the victims go through the proxy.
fn victim(wire: &Wire, isolation: &str) -> Process {
    wire.run.worker_at(&wire.url, isolation, &[])
}

/// A victim is killed, frozen for a while, or drained, and a new one takes its place; or the line of both is hurt.
fn harm(wire: &Wire, victims: &mut [Process; 2]) {
    let run = &wire.run;
    let number = usize::try_from(chance(2)).unwrap();
    let isolation = ["inline", "process"][number];
    let one = &mut victims[number];
    let a_while = || Duration::from_millis(500 + chance(4000));
    match chance(4) {
        0 => {
            run.kill(one);
            *one = victim(wire, isolation);
        }
        1 => {
            run.freeze(one);
            std::thread::sleep(a_while());
            run.thaw(one);
        }
        2 => {
            run.term(one);
            one.wait(Duration::from_secs(15));
            *one = victim(wire, isolation);
        }
        _ => {
            victims.iter().for_each(|each| run.cut(each));
            wire.disturb(a_while());
            victims.iter().for_each(|each| run.mend(each));
        }
    }
}

fn look(place: &Place, steady: &Process) -> Held {
    let pid = steady.pid();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
    };
    let count = |folder: &str| {
        std::fs::read_dir(format!("/proc/{pid}/{folder}"))
            .map_or(0, |entries| entries.count() as i64)
    };
    let sessions = "select count(*) from pg_stat_activity where datname = current_database()";
    Held {
        rss_kib: field("VmRSS:"),
        threads: field("Threads:"),
        descriptors: count("fd"),
        sessions: place.number(sessions),
        locks: place.number(LOCKS),
    }
}

/// How it stood after warming up. Workers come and go, so of what all of them have in the database the most of the first quarter
/// counts: what leaks grows for an hour.
fn at_first(looks: &[Held], warm: usize) -> Option<Held> {
    let first = looks.get(warm.min(looks.len().saturating_sub(2)))?;
    let quarter = &looks[..looks.len().div_ceil(4)];
    let most = |of: fn(&Held) -> i64| quarter.iter().map(of).max().unwrap_or_default();
    Some(Held { sessions: most(|held| held.sessions), locks: most(|held| held.locks), ..*first })
}

/// Notes how it stood, and what has grown.
fn compare(first: Held, last: Held, between: Duration, judged: &mut Judged) {
    let hours = (between.as_secs_f64() / 3600.0).max(0.05);
    let slope = (last.rss_kib - first.rss_kib) as f64 / 1024.0 / hours;
    judged.notes.push(format!(
        "the worker that nobody harmed: {:.1} MiB after warming up, {:.1} MiB at the end ({slope:+.1} MiB an hour), \
         {} then {} descriptors, {} then {} threads; {} then {} sessions and {} then {} advisory locks in the database",
        first.rss_kib as f64 / 1024.0,
        last.rss_kib as f64 / 1024.0,
        first.descriptors,
        last.descriptors,
        first.threads,
        last.threads,
        first.sessions,
        last.sessions,
        first.locks,
        last.locks,
    ));
    let grown = [
        ("descriptors", last.descriptors - first.descriptors, 8),
        ("threads", last.threads - first.threads, 4),
        ("sessions", last.sessions - first.sessions, 6),
        ("advisory locks", last.locks - first.locks, 3),
        ("KiB of memory", last.rss_kib - first.rss_kib, 8 * 1024),
    ];
    for (what, more, most) in grown {
        if more > most {
            judged.wrong.push(format!("{more} more {what} at the end"));
        }
    }
}
