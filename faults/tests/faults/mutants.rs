//! Bugs that are put into the product on purpose, one at a time: the check that is named for each must find it.
//!
//! A mutant changes one text in one file of `sql/`, which the workers then send in place of the product's; a function it changes
//! in the database. Where that text is no longer there the mutant is out of date, and the test says so. `FAULTS_MUTANT=word`
//! picks those whose bug has that word.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use backstay::{Backoff, Job, Options};
use backstay_faults::page;

use crate::database::fresh;
use crate::handlers::{Act, EFFECT_IN_TURN, SLOTS};
use crate::run::Run;

const LONG: Duration = Duration::from_secs(20);

/// A bug, where it is put, and in which life it shows.
struct Mutant {
    bug: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
    life: fn(&Run, &str),
    found_by: &'static str,
}

const MUTANTS: &[Mutant] = &[
    Mutant {
        bug: "a completion is fenced by the job's id alone",
        file: "attempt/complete",
        from: "and r.attempt = ($2::int[])[width_bucket(r.job_id, $1::bigint[])] and r.worker = $3::uuid",
        to: "",
        life: frozen,
        found_by: "H6",
    },
    Mutant {
        bug: "jobs are rescued by how long they run, though their worker lives",
        file: "duty/strays",
        from: "where not exists (select from backstay.worker w where w.id = r.worker and w.lost_at is null)",
        to: "where true",
        life: slow,
        found_by: "H7",
    },
    Mutant {
        bug: "every worker looks dead: its lock is taken for free, and its beats are not looked at",
        file: "duty/suspects",
        from: "(extract(epoch from w.beat_at) * 1000)::bigint as beat_at_ms,\n       case when w.presence is null then false",
        to: "0::bigint as beat_at_ms,\n       case when w.presence is not null then true",
        life: slow,
        found_by: "H7",
    },
    Mutant {
        bug: "only workers that have a row are rescued",
        file: "duty/strays",
        from: "where not exists (select from backstay.worker w where w.id = r.worker and w.lost_at is null)",
        to: "where false",
        life: forgotten,
        found_by: "H4",
    },
    Mutant {
        bug: "a claim takes jobs out of the line and puts them nowhere",
        file: "attempt/claim",
        from: "queue, kind, fair_group\n    from body)",
        to: "queue, kind, fair_group\n    from body where false)",
        life: plain,
        found_by: "I1",
    },
    Mutant {
        bug: "giving a job back gives its attempt number back, too",
        file: "attempt/release",
        from: "select seq, job_id, ready_at, memory_mib, attempt,",
        to: "select seq, job_id, ready_at, memory_mib, attempt - 1,",
        life: drained,
        found_by: "I17",
    },
    Mutant {
        bug: "a job that is due again begins with attempt 1",
        file: "duty/promote",
        from: "select seq, job_id, run_at, memory_mib, attempt,",
        to: "select seq, job_id, run_at, memory_mib, 0,",
        life: plain,
        found_by: "I17",
    },
    Mutant {
        bug: "a failure is not counted",
        file: "attempt/retry",
        from: "retry_count + (bill = 'retry')::int",
        to: "retry_count",
        life: plain,
        found_by: "H4",
    },
    Mutant {
        bug: "a dead letter is born without its alert",
        file: "attempt/bury",
        from: "jsonb_build_object('title', title) from dead)",
        to: "jsonb_build_object('title', title) from dead where false)",
        life: plain,
        found_by: "I20",
    },
    Mutant {
        bug: "what is pruned includes dead letters that nobody has dealt with",
        file: "duty/prune_dead",
        from: "where d.discarded_at < backstay.clock() - interval '7 days'",
        to: "where true",
        life: pruned,
        found_by: "I21",
    },
    Mutant {
        bug: "a completed job keeps its unique key for ever",
        file: "attempt/complete",
        from: "where b.unique_hash is not null))),",
        to: "where false))),",
        life: plain,
        found_by: "I9",
    },
    Mutant {
        bug: "a handler that has lost its job is not told so when it completes it",
        file: "door/complete",
        from: "if not found then",
        to: "if false then",
        life: overtaken,
        found_by: "H8",
    },
    Mutant {
        bug: "a completion in the handler's transaction is fenced by the job's id alone",
        file: "door/complete",
        from: "where r.job_id = complete.job_id and r.attempt = complete.attempt and r.worker = complete.worker",
        to: "where r.job_id = complete.job_id",
        life: overtaken,
        found_by: "H8",
    },
];

/// Every mutant, four at a time.
pub(crate) fn all() {
    for mutant in found() {
        assert!(
            mutant.is_caught(),
            "{}: {:?} instead of {}",
            mutant.bug,
            mutant.caught,
            mutant.expected
        );
    }
}

/// Every mutant with what found it; none where there is no database.
pub(crate) fn found() -> Vec<page::Mutant> {
    let folder = format!("{}/mutants-{}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    let word = std::env::var("FAULTS_MUTANT").unwrap_or_default();
    let next = Mutex::new(MUTANTS.iter().filter(|mutant| mutant.bug.contains(&word)));
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some(mutant) = next.lock().unwrap().next() else { return };
                    let Some(judged) = judge(mutant, &folder) else { return };
                    done.lock().unwrap().push(judged);
                }
            });
        }
    });
    drop(std::fs::remove_dir_all(&folder));
    done.into_inner().unwrap()
}

fn judge(mutant: &Mutant, folder: &str) -> Option<page::Mutant> {
    let db = fresh()?;
    let own = format!("{folder}/{}", mutant.bug.replace(' ', "_"));
    let run = Run::begin(&db.url);
    put(mutant, &run, &own);
    (mutant.life)(&run, &own);
    let caught = run.judge().rules();
    println!("  {}: found by {}", mutant.bug, caught.join(", "));
    Some(page::Mutant { bug: mutant.bug.into(), expected: mutant.found_by.into(), caught })
}

/// Writes the changed file where a worker looks for it, or makes the changed function.
fn put(mutant: &Mutant, run: &Run, folder: &str) {
    let sql = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/backstay/sql");
    let text = std::fs::read_to_string(sql.join(format!("{}.sql", mutant.file))).unwrap();
    assert!(text.contains(mutant.from), "{}: out of date, {} has changed", mutant.bug, mutant.file);
    let text = text.replacen(mutant.from, mutant.to, 1);
    if mutant.file.starts_with("door/") {
        return run.place.run(&text);
    }
    let changed = Path::new(folder).join(format!("{}.sql", mutant.file));
    std::fs::create_dir_all(changed.parent().unwrap()).unwrap();
    std::fs::write(changed, text).unwrap();
}

/// Jobs of every sort: done at once, failing once more than they may, dead at once, with a key.
fn plain(run: &Run, sql: &str) {
    let _worker = run.worker_in("inline", &[("FAULTS_SQL", sql)]);
    let place = &run.place;
    place.add(0..8, 5);
    place.add_one(8, "dead", Options::new());
    place.add_one(
        9,
        "fail",
        Options::new().max_retries(2).backoff(Backoff::Fixed(Duration::from_millis(50))),
    );
    place.add_all([Act { n: 10, what: String::new(), ms: 5 }.with(Options::new().unique("once"))]);
    place.until("it beats", LONG, |place| place.workers() == 1);
    run.comes_to_rest(Duration::from_secs(8));
}

/// A worker is frozen past its lease, and comes back while another one runs its jobs.
fn frozen(run: &Run, sql: &str) {
    let env = [("FAULTS_SQL", sql)];
    let slots = i64::from(SLOTS);
    let place = &run.place;
    let frozen = run.worker_in("inline", &env);
    place.add_each(0..slots, 1500, |_| "");
    place.until("it is full", LONG, |_| run.starts() == slots);
    run.freeze(&frozen);
    let _other = run.worker_in("inline", &env);
    place.until("the other has begun", LONG, |_| run.starts() == 2 * slots);
    run.thaw(&frozen);
    place.until("the first has settled", LONG, |_| run.settled_by(&frozen) >= slots);
    run.comes_to_rest(Duration::from_secs(5));
}

/// A worker is frozen past its lease, and its children work on: they complete in transactions of their own, too late, and
/// before those who have their jobs now.
fn overtaken(run: &Run, sql: &str) {
    let env = [("FAULTS_SQL", sql)];
    let slots = i64::from(SLOTS);
    let frozen = run.worker_in("process", &env);
    run.place.add_each(0..slots, 0, |_| EFFECT_IN_TURN);
    run.place.until("it is full", LONG, |_| run.starts() == slots);
    run.freeze(&frozen);
    let _other = run.worker_in("process", &env);
    run.place.until("the other has begun", LONG, |_| run.starts() == 2 * slots);
    run.let_complete(1);
    let there = "select count(*) from public.effect";
    run.place.comes_true(LONG, |place| place.number(there) == slots);
    run.let_complete(2);
    run.thaw(&frozen);
    run.comes_to_rest(Duration::from_secs(8));
}

/// Two workers live, and jobs take longer than many a bug has patience for.
fn slow(run: &Run, sql: &str) {
    let env = [("FAULTS_SQL", sql)];
    let _workers = [run.worker_in("inline", &env), run.worker_in("inline", &env)];
    run.place.until("both beat", LONG, |place| place.workers() == 2);
    run.place.add(0..8, 6000);
    run.comes_to_rest(Duration::from_secs(12));
}

/// A worker is killed, and so is every trace of it.
fn forgotten(run: &Run, sql: &str) {
    let env = [("FAULTS_SQL", sql)];
    let slots = i64::from(SLOTS);
    run.place.add(0..slots, 1500);
    let mut killed = run.worker_in("inline", &env);
    run.place.until("it is full", LONG, |_| run.starts() == slots);
    run.kill(&mut killed);
    run.place.run("delete from backstay.worker");
    let _other = run.worker_in("inline", &env);
    run.comes_to_rest(Duration::from_secs(10));
}

/// A full worker is told to end, and the next one takes over.
fn drained(run: &Run, sql: &str) {
    let env = [("FAULTS_SQL", sql)];
    let slots = i64::from(SLOTS);
    run.place.add(0..slots, 60_000);
    let mut first = run.worker_in("inline", &env);
    run.place.until("it is full", LONG, |_| run.starts() == slots);
    run.term(&first);
    first.wait(LONG);
    run.place.run("update backstay.job set args = args || '{\"ms\": 5}'");
    let _next = run.worker_in("inline", &env);
    run.comes_to_rest(Duration::from_secs(8));
}

/// A dead letter lies there when the next worker begins, which prunes first. The one before has no bug: it may prune too.
fn pruned(run: &Run, sql: &str) {
    let env = [("FAULTS_SQL", sql)];
    let dead = "select count(*) from backstay.dead_letter";
    let mut first = run.worker_in("inline", &[]);
    run.place.add_one(0, "dead", Options::new());
    run.place.until("it is dead", LONG, |place| place.number(dead) == 1);
    run.term(&first);
    first.wait(LONG);
    let _next = run.worker_in("inline", &env);
    run.place.comes_true(Duration::from_secs(6), |place| place.number(dead) == 0);
}
