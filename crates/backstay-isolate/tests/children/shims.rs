//! Trees: nothing that a job has started outlives it, its shim or its supervisor.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use backstay_isolate::{
    Argv, Ending, Launcher, Mode, Pool, PoolLimits, Program, RunEvent, StopReason,
};
use rustix::process::{Pid, Signal, kill_process};

use crate::Test;
use crate::run::*;

pub(crate) const TESTS: &[Test] = &[
    ("no_descendant_outlives_a_kill", no_descendant_outlives_a_kill),
    ("no_descendant_outlives_its_command", no_descendant_outlives_its_command),
    ("a_fork_loop_is_killed", a_fork_loop_is_killed),
    ("nothing_outlives_a_killed_supervisor", nothing_outlives_a_killed_supervisor),
    ("nothing_outlives_a_killed_shim", nothing_outlives_a_killed_shim),
    ("a_stopped_shim_cannot_hold_a_place", a_stopped_shim_cannot_hold_a_place),
    ("a_child_that_is_long_in_dying_is_not_taken_for_one_that_cannot_be_killed", long_in_dying),
    ("a_shim_ignores_term_while_its_supervisor_lives", a_shim_ignores_term),
    ("two_hundred_runs_leave_no_zombie_and_no_descriptor", two_hundred_runs),
    ("a_launcher_that_stops_ends_everything", a_launcher_that_stops_ends_everything),
    ("what_a_supervisor_has_inherited_reaches_no_child", what_a_supervisor_has_inherited),
    ("times_without_end_are_no_trouble", times_without_end_are_no_trouble),
    ("a_child_outlives_the_thread_that_asked_for_it", a_child_outlives_the_thread),
    ("a_supervisor_whose_thread_stands_still_ends_with_all_children", a_thread_stands_still),
    ("a_held_tree_runs_only_as_long_as_it_is_held", a_held_tree),
    ("a_frozen_supervisor_does_not_keep_a_held_tree", a_frozen_supervisor),
];

/// A child with descendants of every kind that a group kill would miss; each of them, and the child,
/// ignores SIGTERM and is found again by its `sleep`.
fn family(sleep: &str) -> String {
    format!(
        r#"trap '' TERM HUP
        sleep {sleep} &
        setsid sleep {sleep} &
        (setsid sh -c 'sleep {sleep} & sleep {sleep} & wait' &)
        (sleep {sleep} & exec true)
        echo '{{"type":"alive"}}' >&3
        sleep {sleep}"#
    )
}

const MEMBERS: usize = 6;

fn grown(sleep: &str) {
    until("all descendants run", Duration::from_secs(5), || {
        with_text(&format!("sleep {sleep}").replace(' ', "\0")).len() >= MEMBERS
    });
}

fn gone(sleep: &str, limit: Duration) {
    until("no descendant is left", limit, || {
        with_text(&format!("sleep {sleep}").replace(' ', "\0")).is_empty()
    });
}

fn no_descendant_outlives_a_kill() {
    let sleep = unique_sleep();
    let pool = shell(&family(&sleep));
    block(async {
        let mut run = pool.run(order("x")).await;
        assert!(matches!(run.next().await, RunEvent::Alive));
        grown(&sleep);
        run.stopper().stop(StopReason::Evicted);
        let report = end(&mut run).await;
        assert_eq!((report.ending, report.survivor), (Ending::Evicted, false));
        gone(&sleep, Duration::from_millis(100));
    });
    let (sleep, start) = (unique_sleep(), Instant::now());
    let mut order = order("x");
    order.timeout = Duration::from_millis(300);
    let report = report(&shell(&family(&sleep)), order);
    assert_eq!(report.ending, Ending::TimedOut);
    gone(&sleep, Duration::from_millis(100));
    assert!(start.elapsed() < Duration::from_millis(300) + GRACE + Duration::from_millis(500));
}

fn no_descendant_outlives_its_command() {
    let sleep = unique_sleep();
    let script = format!("setsid sleep {sleep} & (sleep {sleep} &) ; sleep {sleep} & exit 0");
    assert_eq!(report(&shell(&script), order("x")).ending, Ending::Completed);
    gone(&sleep, Duration::from_secs(1));
}

fn a_fork_loop_is_killed() {
    let sleep = unique_sleep();
    // Every generation starts the next one and dies.
    let script = format!(
        r#"f() {{ ( sleep {sleep} & sleep 0.01; f ) & }}; f; f; sleep 0.3; echo '{{"type":"alive"}}' >&3; wait; sleep 60"#
    );
    let pool = shell(&script);
    let report = block(async {
        let mut run = pool.run(order("x")).await;
        assert!(matches!(run.next().await, RunEvent::Alive));
        run.stopper().stop(StopReason::Stale);
        end(&mut run).await
    });
    assert_eq!((report.ending, report.survivor), (Ending::Stale, false));
    gone(&sleep, Duration::from_millis(500));
}

/// Another supervisor: runs a family and a warm child until it is killed.
pub(crate) fn supervise() -> ExitCode {
    let sleep = std::env::args().nth(2).unwrap();
    let (command, warm) = (shell(&family(&sleep)), rust("host", limits()));
    block(async {
        let mut family = command.run(order("x")).await;
        assert!(matches!(family.next().await, RunEvent::Alive));
        let _spinning = warm.run(order("spin")).await;
        let idle = rust("host", limits());
        idle.boot().await.unwrap();
        println!("running");
        tokio::time::sleep(Duration::from_secs(40)).await;
    });
    ExitCode::SUCCESS
}

/// Another supervisor, in one of the roles that this binary has for it.
fn supervisor(role: &str, sleep: &str) -> Child {
    let mut binary = Command::new("/proc/self/exe");
    binary.args([role, sleep]).stdout(Stdio::piped()).spawn().unwrap()
}

/// The first line that it prints.
fn said(supervisor: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(supervisor.stdout.take().unwrap()).read_line(&mut line).unwrap();
    line.trim().to_owned()
}

fn nothing_outlives_a_killed_supervisor() {
    let sleep = unique_sleep();
    let mut supervisor = supervisor("supervise", &sleep);
    assert_eq!(said(&mut supervisor), "running");
    grown(&sleep);
    let shims = with_text(&format!("--backstay-shim-v1\0{}", supervisor.id()));
    assert_eq!(shims.len(), 3, "one shim per child");
    let children: Vec<u32> = shims.iter().flat_map(|shim| children_of(*shim)).collect();
    assert!(children.len() >= 3);
    supervisor.kill().unwrap();
    supervisor.wait().unwrap();
    gone(&sleep, Duration::from_secs(1));
    until("shims and children are gone", Duration::from_secs(1), || {
        !shims.iter().chain(&children).any(|pid| lives(*pid))
    });
    let name = format!("backstay-scratch-{}-0", supervisor.id());
    let folder = backstay_isolate::scratch_default().join(name);
    assert!(folder.is_dir(), "it had no time to remove its folder");
    block(backstay_isolate::Launcher::start().unwrap().stop());
    assert!(!folder.exists(), "the next start of any supervisor does");
}

fn children_of(pid: u32) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

fn parent_of(pid: u32) -> u32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(") ").next().unwrap().split(' ').nth(1).unwrap().parse().unwrap()
}

fn send(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid as i32).unwrap(), signal).unwrap();
}

/// Starts a command that says its pid in a progress note.
async fn with_pid(pool: &Pool) -> (backstay_isolate::Run, u32) {
    let mut run = pool.run(order("x")).await;
    let RunEvent::Progress { note: Some(note), .. } = run.next().await else { panic!() };
    (run, note.parse().unwrap())
}

const SAY_PID: &str = r#"echo "{\"type\":\"progress\",\"note\":\"$$\"}" >&3;"#;

fn nothing_outlives_a_killed_shim() {
    let sleep = unique_sleep();
    let pool = shell(&format!("{SAY_PID} sleep {sleep} & setsid sleep {sleep} & sleep {sleep}"));
    let report = block(async {
        let (mut run, pid) = with_pid(&pool).await;
        send(parent_of(pid), Signal::KILL);
        end(&mut run).await
    });
    assert_eq!((report.ending, report.survivor), (Ending::Killed, false));
    // What left the session as well as its parent is beyond reach without a subreaper above.
    until("the session is gone", Duration::from_secs(1), || {
        with_text(&format!("sleep {sleep}").replace(' ', "\0")).len() <= 1
    });
    for left in with_text(&format!("sleep {sleep}").replace(' ', "\0")) {
        send(left, Signal::KILL);
    }
}

fn a_stopped_shim_cannot_hold_a_place() {
    let pool = shell(&format!("{SAY_PID} exec sleep 50"));
    let start = Instant::now();
    let report = block(async {
        let (mut run, pid) = with_pid(&pool).await;
        send(parent_of(pid), Signal::STOP);
        run.stopper().stop(StopReason::Stale);
        end(&mut run).await
    });
    assert_eq!(report.ending, Ending::Stale, "{report:?}");
    assert!(start.elapsed() < Duration::from_secs(5));
    until("the child is gone", Duration::from_secs(1), || !lives(report.pid));
}

/// Keeps the process of its argument from being taken away by its parent, for longer than a sweep lasts.
const HOLDS: &str = r#"
import ctypes, sys, time
pid = int(sys.argv[1])
SEIZE = 0x4206
if ctypes.CDLL(None).ptrace(SEIZE, pid, None, None) != 0:
    sys.exit("may not trace")
print("held", flush=True)
while open(f"/proc/{pid}/stat").read().rsplit(") ")[1][0] != "Z":
    time.sleep(0.01)
time.sleep(2.4)
"#;

fn long_in_dying() {
    let Some(python) = python() else { return };
    let pool = shell(&format!("{SAY_PID} exec sleep 50"));
    block(async {
        let (mut run, pid) = with_pid(&pool).await;
        let mut holder = Command::new(python);
        holder.args(["-c", HOLDS, &pid.to_string()]).stdout(Stdio::piped());
        let mut holder = holder.spawn().unwrap();
        if said(&mut holder) != "held" {
            println!("SKIPPED: nobody may trace processes here");
            run.stopper().stop(StopReason::Evicted);
            return drop(end(&mut run).await);
        }
        let start = Instant::now();
        run.stopper().stop(StopReason::Evicted);
        let report = end(&mut run).await;
        holder.wait().unwrap();
        assert!(start.elapsed() > Duration::from_secs(2), "it was held");
        assert_eq!((report.ending, report.survivor), (Ending::Evicted, false));
    });
}

fn a_shim_ignores_term() {
    let pool = shell(&format!("{SAY_PID} read line; sleep 0.3; exit 0"));
    let report = block(async {
        let (mut run, pid) = with_pid(&pool).await;
        for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
            send(parent_of(pid), signal);
        }
        end(&mut run).await
    });
    assert_eq!(report.ending, Ending::Completed);
}

fn two_hundred_runs() {
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let pool = shell("true & (true &) ; exit 0");
    report(&pool, order("x"));
    until("the first is buried", Duration::from_secs(2), || zombies() == 0);
    let before = descriptors();
    block(async {
        for _ in 0..50 {
            let mut runs = Vec::new();
            for _ in 0..4 {
                runs.push(pool.run(order("x")).await);
            }
            for run in &mut runs {
                assert_eq!(end(run).await.ending, Ending::Completed);
            }
        }
    });
    until("no zombie is left", Duration::from_secs(2), || zombies() == 0);
    until("no descriptor is left", Duration::from_secs(2), || descriptors() <= before);
}

/// Children of this process that nobody has reaped.
fn zombies() -> usize {
    let own = std::process::id();
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let pids: Vec<u32> = lists
        .flat_map(|list| {
            list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<u32>>()
        })
        .collect();
    pids.into_iter().filter(|pid| *pid != own && state(*pid) == Some('Z')).count()
}

fn a_launcher_that_stops_ends_everything() {
    let sleep = unique_sleep();
    let launcher = Launcher::start().unwrap();
    let argv = ["sh", "-c", &family(&sleep)].map(str::to_owned).to_vec();
    let program = backstay_isolate::Program {
        argv: backstay_isolate::Argv::Command(argv),
        dir: None,
        env: environment(),
        mode: backstay_isolate::Mode::Command,
        hello: None,
    };
    let pool = Pool::new(launcher.clone(), program, limits());
    let report = block(async {
        let mut run = pool.run(order("x")).await;
        assert!(matches!(run.next().await, RunEvent::Alive));
        grown(&sleep);
        let start = Instant::now();
        launcher.stop().await;
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        end(&mut run).await
    });
    assert_eq!(report.ending, Ending::Interrupted);
    gone(&sleep, Duration::from_millis(10));
    let late = crate::run::report(&pool, order("x"));
    assert_ne!(late.ending, Ending::Completed, "{late:?}");
}

fn a_child_outlives_the_thread() {
    let pool = shell("sleep 0.5; exit 0");
    let run = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { pool.run(order("x")).await })
    });
    let mut run = run.join().unwrap();
    assert_eq!(block(end(&mut run)).ending, Ending::Completed);
}

fn what_a_supervisor_has_inherited() {
    // The same test again, with the numbers that a child needs already taken.
    let own = std::env::current_exe().unwrap();
    let script = r#"exec "$0" a_command_sees 3</dev/null 4</dev/null 9</dev/null"#;
    let output = Command::new("sh").args(["-c", script]).arg(own).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("1 passed"), "{output:?}");
}

fn times_without_end_are_no_trouble() {
    let limits = backstay_isolate::PoolLimits {
        boot: Duration::MAX,
        recycle_age: Duration::MAX,
        ..backstay_isolate::PoolLimits::default()
    };
    let pool = rust("host", limits);
    let mut order = order("spin");
    (order.timeout, order.grace) = (Duration::MAX, Duration::MAX);
    let report = block(async {
        pool.boot().await.unwrap();
        let mut run = pool.run(order).await;
        run.stopper().stop(StopReason::Cancelled);
        run.stopper().stop(StopReason::Evicted);
        end(&mut run).await
    });
    assert_eq!(report.ending, Ending::Evicted);
}

/// A pool whose children live by holds, with a launcher of its own.
fn held(script: &str) -> (Launcher, Pool) {
    let launcher = Launcher::start().unwrap();
    let argv = Argv::Command(["sh", "-c", script].map(str::to_owned).to_vec());
    let program = Program { argv, dir: None, env: environment(), mode: Mode::Command, hello: None };
    let limits = PoolLimits { held: true, ..limits() };
    (launcher.clone(), Pool::new(launcher, program, limits))
}

fn a_held_tree() {
    let sleep = unique_sleep();
    let (launcher, pool) = held(&family(&sleep));
    let short = Duration::from_millis(800);
    launcher.hold(short);
    block(async {
        let mut run = pool.run(order("x")).await;
        let began = Instant::now();
        while began.elapsed() < short * 2 {
            launcher.hold(short);
            tokio::time::sleep(short / 16).await;
        }
        assert!(matches!(run.next().await, RunEvent::Alive));
        grown(&sleep);
        let report = end(&mut run).await;
        assert_eq!((report.ending, report.survivor), (Ending::Stale, false));
        gone(&sleep, Duration::from_millis(100));
        launcher.stop().await;
    });
}

/// A supervisor that holds its one tree as long as it can, and says how that ended.
pub(crate) fn supervise_held() -> ExitCode {
    let sleep = std::env::args().nth(2).unwrap();
    let (launcher, pool) = held(&family(&sleep));
    block(async {
        let mut run = pool.run(order("x")).await;
        let mut beat = tokio::time::interval(Duration::from_millis(100));
        let ending = loop {
            tokio::select! {
                _ = beat.tick() => launcher.hold(Duration::from_millis(600)),
                event = run.next() => if let RunEvent::Ended(report) = event {
                    break report.ending;
                },
            }
        };
        println!("{ending}");
    });
    ExitCode::SUCCESS
}

/// The supervisor is stopped as a whole; nobody but the shim is left to act.
fn a_frozen_supervisor() {
    let sleep = unique_sleep();
    let mut supervisor = supervisor("supervise-held", &sleep);
    grown(&sleep);
    let pid = Pid::from_child(&supervisor);
    kill_process(pid, Signal::STOP).unwrap();
    gone(&sleep, Duration::from_secs(5));
    kill_process(pid, Signal::CONT).unwrap();
    assert_eq!(said(&mut supervisor), "stale", "back again, it knows why");
    supervisor.wait().unwrap();
}

/// A supervisor with one thread that turns and, after a while, none.
pub(crate) fn supervise_standing() -> ExitCode {
    let sleep = std::env::args().nth(2).unwrap();
    let pool = shell(&family(&sleep));
    let pulse = launcher().pulse("the thread of a test", Duration::from_secs(2));
    block(async {
        let _run = pool.run(order("x")).await;
        for _ in 0..25 {
            pulse.beat();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        println!("turned");
        tokio::time::sleep(Duration::from_secs(40)).await;
    });
    ExitCode::SUCCESS
}

fn a_thread_stands_still() {
    let sleep = unique_sleep();
    let mut supervisor = supervisor("supervise-standing", &sleep);
    grown(&sleep);
    assert_eq!(said(&mut supervisor), "turned", "it lives as long as it turns");
    assert_eq!(supervisor.wait().unwrap().code(), Some(70));
    gone(&sleep, Duration::from_secs(1));
}
