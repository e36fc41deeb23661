//! Pools: programs that do not boot, and what is tried until they do.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use std::sync::{Arc, Mutex};

use backstay_isolate::{
    Argv, ChildNews, Ending, LastWord, Limits, Mode, Pool, PoolLimits, PoolSet, Program, Wear,
};
use serde_json::{Value, json};

use crate::Test;
use crate::run::*;

pub(crate) const TESTS: &[Test] = &[
    ("a_program_that_does_not_boot_is_left_alone_until_a_trial_boots", broken_until_mended),
    ("a_command_that_is_gone_breaks_its_pool_until_it_is_back", command_gone_and_back),
    ("a_boot_that_we_ended_ourselves_is_nobodys_failure", ended_by_us),
    ("a_child_that_keeps_too_much_memory_is_replaced", keeps_memory),
    ("a_child_that_keeps_files_open_is_replaced", keeps_files),
    ("a_child_with_a_process_left_behind_is_replaced_and_both_go", leaves_behind),
    ("the_next_child_is_started_before_the_last_job_is_done", successor_first),
    ("a_peak_of_memory_is_of_its_own_job_only", peaks_of_their_own),
    ("a_full_set_of_pools_sends_its_longest_idle_child_away", longest_idle_goes),
    ("what_becomes_of_children_is_told", news_is_told),
];

/// A path of this test that does not exist yet.
fn place(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("backstay-{}-{name}", std::process::id()));
    // Left by an earlier run that was killed.
    let _gone = std::fs::remove_file(&path);
    path
}

/// Serves as soon as `file` is there; writes a dot into `log` at each start.
fn moody(file: &str, log: &str) -> Pool {
    let script = r#"
printf . >> "$2"
[ -e "$1" ] || { echo "no $1" >&2; exit 3; }
read -r hello <&4
echo '{"type":"ready","protocol":1,"kinds":["a","b"],"args_versions":{"b":2}}' >&3
while read -r job <&4; do
  case "$job" in *'"type":"job"'*) echo '{"type":"done","id":"7","attempt":2}' >&3;; *) exit 0;; esac
done
"#;
    warm(&["sh", "-c", script, "moody", file, log], limits())
}

fn broken_until_mended() {
    let (file, log) = (place("mended"), place("starts"));
    let pool = moody(file.to_str().unwrap(), log.to_str().unwrap());
    let mut health = pool.health();
    let starts = || std::fs::read(&log).map_or(0, |dots| dots.len());
    for n in 1..=3 {
        assert!(health.borrow_and_update().broken.is_none(), "before the third failure");
        let report = report(&pool, order("a"));
        assert_eq!((report.ending, starts()), (Ending::BootFailed, n), "{report:?}");
    }
    let broken = health.borrow_and_update().broken.clone().unwrap();
    assert!(
        broken.message.contains("exited with 3") && broken.stderr.contains("no "),
        "{broken:?}"
    );
    // Orders that were on their way come back at once, and start nothing.
    let began = Instant::now();
    let refused = report(&pool, order("a"));
    assert_eq!((refused.ending, starts()), (Ending::BootFailed, 3), "{refused:?}");
    assert!(refused.detail.unwrap().contains("exited with 3") && began.elapsed().as_millis() < 100);
    std::fs::write(&file, "").unwrap();
    block(health.wait_for(|health| health.broken.is_none())).unwrap();
    assert_eq!(starts(), 4, "one trial");
    let ready = health.borrow().ready.clone().unwrap();
    assert_eq!((&*ready.kinds, ready.versions["b"]), (&["a".to_owned(), "b".to_owned()][..], 2));
    assert_eq!(report(&pool, order("a")).ending, Ending::Completed);
    assert_eq!(starts(), 4, "the child of the trial has taken the job");
    for path in [file, log] {
        std::fs::remove_file(path).unwrap();
    }
}

fn command_gone_and_back() {
    let link = place("command");
    let pool = command(&[link.to_str().unwrap()]);
    for _ in 0..3 {
        assert_eq!(report(&pool, order("x")).ending, Ending::BootFailed);
    }
    let mut health = pool.health();
    assert_eq!(health.borrow().broken.as_ref().unwrap().code, "BS603");
    std::os::unix::fs::symlink("/bin/true", &link).unwrap();
    block(health.wait_for(|health| health.broken.is_none())).unwrap();
    assert_eq!(report(&pool, order("x")).ending, Ending::Completed);
    std::fs::remove_file(link).unwrap();
}

fn ended_by_us() {
    let pool = rust("silent-at-boot", limits());
    for _ in 0..4 {
        block(async {
            let run = pool.run(order("echo")).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            drop(run);
        });
    }
    until("all have gone", Duration::from_secs(3), || with_text("silent-at-boot").is_empty());
    assert!(pool.health().borrow().broken.is_none());
}

type Heard = Arc<Mutex<Vec<ChildNews>>>;

/// A set of pools whose news is kept.
fn set(most: usize) -> (PoolSet, Heard) {
    let heard = Heard::default();
    let ears = heard.clone();
    (PoolSet::new(most, move |news| ears.lock().unwrap().push(news)), heard)
}

fn host(set: &PoolSet, limits: PoolLimits) -> Pool {
    let argv = Argv::ThisBinary(vec!["host".to_owned()]);
    let program = Program { argv, dir: None, env: environment(), mode: Mode::Warm, hello: None };
    Pool::in_set(launcher(), program, limits, set)
}

fn output(pool: &Pool, kind: &str, args: Value) -> Value {
    let report = report(pool, order_with(kind, args));
    match &report.last_word {
        Some(LastWord::Done { output: Some(output), .. }) => {
            serde_json::from_str(output.get()).unwrap()
        }
        other => panic!("no output: {other:?} in {report:?}"),
    }
}

fn causes(heard: &Heard) -> Vec<Wear> {
    let cause = |news: &ChildNews| match news {
        ChildNews::Recycled { cause, .. } => Some(*cause),
        _ => None,
    };
    heard.lock().unwrap().iter().filter_map(cause).collect()
}

fn keeps_memory() {
    let (set, heard) = set(2);
    let own = Limits { memory_bytes: Some(512 << 20), ..limits().limits };
    let pool = host(&set, PoolLimits { recycle_memory: 0.25, limits: own, ..limits() });
    let first = output(&pool, "keep", json!(16));
    assert_eq!(output(&pool, "keep", json!(150)), first, "16 MiB are not too much");
    assert_ne!(output(&pool, "pid", json!(null)), first);
    assert_eq!(causes(&heard), [Wear::Memory]);
}

fn keeps_files() {
    let (set, heard) = set(2);
    let pool = host(&set, limits());
    let first = output(&pool, "open", json!(40));
    assert_eq!(output(&pool, "open", json!(40)), first);
    assert_eq!(output(&pool, "open", json!(40)), first, "40 more than after the first job");
    until("the next look finds 80", Duration::from_secs(5), || !causes(&heard).is_empty());
    assert_eq!(causes(&heard), [Wear::Descriptors]);
    assert_ne!(output(&pool, "pid", json!(null)), first);
}

fn leaves_behind() {
    let (set, heard) = set(2);
    let pool = host(&set, limits());
    let (first, sleep) = (output(&pool, "pid", json!(null)), unique_sleep());
    output(&pool, "leave-behind", json!(sleep));
    until("it is seen", Duration::from_secs(5), || causes(&heard) == [Wear::Descendants]);
    assert_ne!(output(&pool, "pid", json!(null)), first);
    let text = format!("sleep\0{sleep}");
    until("nothing is left", Duration::from_secs(5), || with_text(&text).is_empty());
}

fn successor_first() {
    let (set, heard) = set(1);
    let pool = host(&set, PoolLimits { recycle_jobs: 2, ..limits() });
    let first = output(&pool, "pid", json!(null));
    let ready = || {
        let heard = heard.lock().unwrap();
        heard.iter().filter(|news| matches!(news, ChildNews::Ready { .. })).count()
    };
    assert_eq!(ready(), 1);
    block(async {
        let mut run = pool.run(order("obey")).await;
        until("another one is ready", Duration::from_secs(5), || ready() == 2);
        assert!(causes(&heard).is_empty(), "the first one still runs its last job");
        run.stopper().stop(backstay_isolate::StopReason::Cancelled);
        end(&mut run).await;
    });
    let second = output(&pool, "pid", json!(null));
    assert!(second != first && ready() == 2, "{second}: the one that was ready took it");
}

fn peaks_of_their_own() {
    let (set, _) = set(1);
    let pool = host(&set, limits());
    let peak = |mib: u64| {
        let report = report(&pool, order_with("hold", json!({ "mib": mib, "ms": 120 })));
        assert_eq!(report.ending, Ending::Completed, "{report:?}");
        (report.peak_bytes.unwrap() >> 20, report.pid)
    };
    let (large, small) = (peak(200), peak(40));
    assert_eq!(large.1, small.1, "one child ran both");
    assert!(large.0 >= 200 && (40..120).contains(&small.0), "{large:?} {small:?}");
}

fn longest_idle_goes() {
    let (set, heard) = set(2);
    let pools = [host(&set, limits()), host(&set, limits()), host(&set, limits())];
    let pid = |pool: &Pool| output(pool, "pid", json!(null)).as_u64().unwrap() as u32;
    let [first, second] = [pid(&pools[0]), pid(&pools[1])];
    assert!(causes(&heard).is_empty());
    pid(&pools[2]);
    assert_eq!(causes(&heard), [Wear::Place]);
    assert_eq!(pid(&pools[1]), second, "it was idle for a shorter time");
    assert_ne!(pid(&pools[0]), first);
}

fn news_is_told() {
    let (set, heard) = set(4);
    let pool = host(&set, limits());
    report(&pool, order("echo"));
    report(&pool, order("done-then-abort"));
    let gone = |heard: &Heard| {
        let heard = heard.lock().unwrap();
        heard.iter().filter(|news| matches!(news, ChildNews::Ended { .. })).count()
    };
    until("it has ended", Duration::from_secs(5), || gone(&heard) == 1);
    block(async {
        let mut run = pool.run(order("spin")).await;
        run.stopper().stop(backstay_isolate::StopReason::Evicted);
        end(&mut run).await;
    });
    report(&pool, order("garbage"));
    until("all have ended", Duration::from_secs(5), || gone(&heard) == 3);
    let heard = heard.lock().unwrap();
    let text = format!("{heard:?}");
    let told = |what: &str| assert!(text.contains(what), "{what} in {text}");
    told("Started");
    told("Ready");
    told("DirtyExit");
    told("ended by signal 6");
    told("reason: \"evicted\"");
    told("BrokeRule");
    told("code: \"BS701\"");
}
