//! Level `cgroup`, on a kernel that grants it: this host's, or one that runs as a program (user-mode-linux).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use backstay_isolate::{
    Argv, Ending, Launcher, LauncherOptions, LevelName, Limits, Mode, PeakSource, Pool, PoolLimits,
    Program, RunEvent, StopReason,
};
use serde_json::json;

use crate::Test;
use crate::run::*;

pub(crate) const TESTS: &[Test] =
    &[("the_kernel_holds_limits_where_control_groups_are_granted", wherever_groups_are_granted)];

/// Set where a run without level `cgroup` must not pass for one with it.
const REQUIRE: &str = "BACKSTAY_TEST_REQUIRE_CGROUP";

/// Set where all programs are to run on a kernel that is itself a program, which takes a minute more.
pub(crate) const ALL: &str = "BACKSTAY_TEST_ALL";

/// Set inside of such a kernel: a file of which nothing is in its memory.
pub(crate) const IN_USER_MODE: &str = "BACKSTAY_TEST_LARGE";

const MIB: u64 = 1024 * 1024;

/// A kernel that has not ended by then is ended.
const CASES_MOST: Duration = Duration::from_secs(170);
const SOAK_MOST: Duration = Duration::from_secs(3000);

/// Ten times the limit of who reads it.
const LARGE_BYTES: u64 = 160 * MIB;

fn wherever_groups_are_granted() {
    if launcher().level().name == LevelName::Cgroup {
        return natively();
    }
    let missing = match found() {
        None => "`linux.uml` is not installed (Debian: apt install user-mode-linux)",
        Some(program) => match Kernel::that_runs(program) {
            Some(kernel) => return in_user_mode(&kernel),
            None => "`linux.uml` does not get as far as its first program",
        },
    };
    let why = launcher().level().why.clone().unwrap_or_default();
    if std::env::var_os(REQUIRE).is_some() {
        panic!("no level `cgroup`: {why}; {missing}");
    }
    println!(
        "SKIPPED: LEVEL CGROUP IS NOT TESTED: this host does not grant it ({why}), and {missing}"
    );
}

/// A kernel that runs as a program, if there is one.
fn found() -> Option<&'static str> {
    let places = ["/usr/bin/linux.uml", "/usr/local/bin/linux.uml"];
    places.into_iter().find(|it| Path::new(it).exists())
}

struct Kernel {
    program: &'static str,
    /// What it needs on a processor with more registers than it knows, as a library.
    registers: Option<PathBuf>,
}

impl Kernel {
    fn that_runs(program: &'static str) -> Option<Kernel> {
        let runs = |kernel: &Kernel| {
            run_kernel(kernel, "probe", "echo 'it runs'", CASES_MOST).contains("it runs")
        };
        let plain = Kernel { program, registers: None };
        if runs(&plain) {
            return Some(plain);
        }
        let helped = Kernel { program, registers: Some(registers()?) };
        runs(&helped).then_some(helped)
    }
}

/// Builds the library with the compiler that links this binary.
fn registers() -> Option<PathBuf> {
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("registers.so");
    let own = format!("{}.{}", library.display(), std::process::id());
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/children/registers.c");
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o", &own, source]).status().ok()?;
    // Another run may read it.
    (built.success() && fs::rename(&own, &library).is_ok()).then_some(library)
}

/// The soak where groups hold the limits (`-- --ignored soak_at_cgroup`; `SOAK_JOBS` says how many jobs).
pub(crate) fn soak_at_cgroup() {
    let program = found().expect("Debian: apt install user-mode-linux");
    let kernel = Kernel::that_runs(program).expect("it does not run on this machine");
    let jobs =
        std::env::var("SOAK_JOBS").map_or(String::new(), |n| format!("export SOAK_JOBS={n}\n"));
    boot(&kernel, "soak", &[&jobs, "EXE cgroup-suite soak 2>&1"].concat(), 1, SOAK_MOST);
}

fn natively() {
    for case in ["plain", "outcomes"] {
        let own = Command::new("/proc/self/exe").args(["cgroup-suite", case]).output().unwrap();
        let text = String::from_utf8_lossy(&own.stdout).into_owned();
        println!("{text}");
        assert!(own.status.success(), "{text}");
    }
}

/// Runs this binary once per case as the first process of a kernel of its own.
fn in_user_mode(kernel: &Kernel) {
    // Each kernel has one processor: two of them at once.
    std::thread::scope(|scope| {
        let outcomes = scope.spawn(|| boot(kernel, "outcomes", OUTCOMES, 1, CASES_MOST));
        boot(kernel, "cases", CASES, NUMBER_OF_CASES, CASES_MOST);
        outcomes.join().unwrap();
    });
}

fn boot(kernel: &Kernel, name: &str, cases: &str, number: usize, most: Duration) {
    let text = run_kernel(kernel, name, cases, most);
    let told = |line: &&str| ["ok ", "case ", "soak: "].iter().any(|it| line.starts_with(it));
    for line in text.lines().filter(told) {
        println!("       {line}");
    }
    let passed = text.matches(" passed, 0 failed").count();
    assert_eq!(passed, number, "not all {name} have passed:\n{text}");
}

/// Gives all that it printed.
fn run_kernel(kernel: &Kernel, name: &str, cases: &str, most: Duration) -> String {
    let place = std::env::temp_dir().join(format!("backstay-uml-{}-{name}", std::process::id()));
    fs::create_dir_all(&place).unwrap();
    let init = place.join("init");
    // On a file system of the host: nothing of it is in that kernel's memory yet.
    let large = place.join("large");
    fs::File::create(&large).unwrap().set_len(LARGE_BYTES).unwrap();
    let own = std::env::current_exe().unwrap();
    let all = std::env::var(ALL).map_or(String::new(), |_| format!("export {ALL}=1\n"));
    let script = [HEAD, &all, cases, TAIL].concat().replace("EXE", &own.display().to_string());
    fs::write(&init, script.replace("FILE", &large.display().to_string())).unwrap();
    fs::set_permissions(&init, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let output = Command::new("timeout")
        .args(["-k", "2", &most.as_secs().to_string(), kernel.program])
        .args(["mem=1G", "rootfstype=hostfs", "rootflags=/", "rw"])
        .arg(format!("init={}", init.display()))
        .arg(format!("uml_dir={}/", place.display()))
        .args(["con=null", "con0=fd:0,fd:1", "quiet"])
        .env("TMPDIR", &place)
        .envs(kernel.registers.as_ref().map(|library| ("LD_PRELOAD", library)))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    fs::remove_dir_all(&place).unwrap();
    String::from_utf8_lossy(&output.stdout).replace('\r', "")
}

/// The whole life of a kernel: one run of this binary per case.
const HEAD: &str = r#"#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /run
mount -t cgroup2 -o nsdelegate none /sys/fs/cgroup
export TMPDIR=/run PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 BACKSTAY_TEST_LARGE=FILE
chmod 1777 /run
cd /
C=/sys/fs/cgroup
"#;

const TAIL: &str = "
echo o > /proc/sysrq-trigger
sleep 10
";

const OUTCOMES: &str = "echo 'case outcomes'; EXE cgroup-suite outcomes 2>&1";

const NUMBER_OF_CASES: usize = 5;

const CASES: &str = r#"
echo 'case plain'; EXE cgroup-suite plain 2>&1
# A group that belongs to somebody without privileges.
mkdir $C/d; chown 65534 $C/d $C/d/cgroup.procs $C/d/cgroup.subtree_control
echo 'case delegated'
sh -c "echo 0 > $C/d/cgroup.procs; exec setpriv --reuid 65534 --clear-groups EXE cgroup-suite delegated" 2>&1
mkdir $C/x; sleep 100 & echo $! > $C/x/cgroup.procs
echo 'case crowded'; sh -c "echo 0 > $C/x/cgroup.procs; exec EXE cgroup-suite crowded" 2>&1
mkdir -p $C/y/z
echo 'case without'; sh -c "echo 0 > $C/y/z/cgroup.procs; exec EXE cgroup-suite without" 2>&1
mount -o remount,ro,bind $C
echo 'case read-only'; EXE cgroup-suite read-only 2>&1
"#;

/// What is run in each case.
pub(crate) fn suite(case: &str) -> &'static [Test] {
    match case {
        "plain" => PLAIN,
        "delegated" => DELEGATED,
        "outcomes" => crate::endings::AT_CGROUP,
        "soak" => &[("soak", crate::soak::soak)],
        "crowded" => &[("a_process_in_the_way_is_named", crowded)],
        "without" => &[("missing_controllers_are_named", without)],
        _ => &[("read_only_groups_mean_level_rlimit_with_the_reason", read_only)],
    }
}

const PLAIN: &[Test] = &[
    ("the_level_is_reached_and_named", level_is_reached),
    ("the_kernel_ends_a_hog_at_its_limit", kernel_ends_a_hog),
    ("helpers_die_with_the_hog", helpers_die_with_the_hog),
    ("a_fork_that_is_one_too_many_fails_inside_the_job", one_fork_too_many),
    ("a_kill_reaches_who_has_escaped", a_kill_reaches_who_has_escaped),
    ("a_victim_of_the_wall_around_all_is_evicted", a_victim_is_evicted),
    ("groups_of_the_dead_are_removed_at_the_start", groups_of_the_dead_are_removed),
    ("the_group_of_a_child_has_the_limits_and_nothing_softer", limits_and_nothing_softer),
    ("who_reads_ten_times_the_limit_completes_and_has_used_little", reading_is_no_use_of_memory),
    ("who_maps_a_file_beyond_the_limit_ends_by_its_timeout", mapping_ends_by_timeout),
    ("processor_time_is_of_the_whole_group_whoever_has_reaped_its_dead", processor_time),
    ("a_level_that_is_lost_starts_nothing_until_it_is_back", lost_and_back),
    ("nothing_is_left_at_the_end", nothing_is_left),
];

const DELEGATED: &[Test] = &[
    ("the_level_is_reached_without_privileges", level_is_reached),
    ("the_kernel_ends_a_hog_without_privileges", kernel_ends_a_hog),
];

fn level_is_reached() {
    let launcher = launcher();
    let level = launcher.level();
    assert_eq!((level.name, &level.why), (LevelName::Cgroup, &None), "{level:?}");
    for held in [("memory", "cgroup"), ("processes", "cgroup"), ("files", "rlimit")] {
        assert!(level.holders.contains(&held), "{level:?}");
    }
}

fn under(memory_mib: u64, processes: u32) -> PoolLimits {
    let limits = Limits {
        memory_bytes: Some(memory_mib * MIB),
        processes: Some(processes),
        ..limits().limits
    };
    PoolLimits { limits, ..limits_of_boot() }
}

fn limits_of_boot() -> PoolLimits {
    PoolLimits { boot: Duration::from_secs(20), ..limits() }
}

fn kernel_ends_a_hog() {
    let report = report(&rust("host", under(64, 64)), order_with("hog", json!({})));
    assert_eq!((report.ending, report.signal), (Ending::OomKilled, Some(9)), "{report:?}");
    assert_eq!(report.peak_bytes, Some(64 * MIB));
    assert_eq!(report.peak_source, Some(PeakSource::Limit));
}

fn helpers_die_with_the_hog() {
    let sleep = unique_sleep();
    let script = format!(
        "sleep {sleep} & setsid sleep {sleep} & head -c 300000000 /dev/zero | tail -n 1; wait"
    );
    let pool = program(&["sh", "-c", &script], Mode::Command, under(64, 64));
    let report = report(&pool, order("x"));
    assert_eq!((report.ending, report.survivor), (Ending::OomKilled, false), "{report:?}");
    assert!(with_text(&format!("sleep\0{sleep}")).is_empty());
}

fn one_fork_too_many() {
    let script = "n=0; while [ $n -lt 60 ]; do sleep 60 & n=$((n + 1)); done";
    let pool = program(&["sh", "-c", script], Mode::Command, under(256, 20));
    let report = report(&pool, order("x"));
    assert_eq!(report.ending, Ending::Exited, "{report:?}");
    assert!(report.stderr.contains("fork"), "{report:?}");
}

fn a_kill_reaches_who_has_escaped() {
    let sleep = unique_sleep();
    let script = format!(
        "(setsid sh -c 'sleep {sleep} & sleep {sleep}' &); echo '{{\"type\":\"alive\"}}' >&3; sleep {sleep}"
    );
    let pool = program(&["sh", "-c", &script], Mode::Command, under(256, 64));
    block(async {
        let mut run = pool.run(order("x")).await;
        assert!(matches!(run.next().await, RunEvent::Alive));
        let found = || with_text(&format!("sleep\0{sleep}")).len();
        until("all run", Duration::from_secs(5), || found() >= 3);
        run.stopper().stop(StopReason::Evicted);
        assert_eq!(end(&mut run).await.ending, Ending::Evicted);
        until("all are gone", Duration::from_millis(500), || found() == 0);
    });
}

fn a_victim_is_evicted() {
    let options =
        LauncherOptions { jobs_memory_bytes: Some(128 * MIB), ..LauncherOptions::default() };
    let launcher = Launcher::start_with(options).unwrap();
    let argv = Argv::ThisBinary(vec!["host".to_owned()]);
    let program = Program { argv, dir: None, env: environment(), mode: Mode::Warm, hello: None };
    // Each is within its own limit, both together are beyond the wall.
    let pool = Pool::new(launcher.clone(), program, under(110, 64));
    let endings = block(async {
        let hold = || order_with("hold", json!({ "mib": 80, "ms": 40_000 }));
        let (mut first, mut second) = (pool.run(hold()).await, pool.run(hold()).await);
        let (victim, mut other) = tokio::select! {
            report = end(&mut first) => (report, second),
            report = end(&mut second) => (report, first),
        };
        other.stopper().stop(StopReason::Stale);
        let other = end(&mut other).await;
        launcher.stop().await;
        [victim.ending, other.ending]
    });
    assert_eq!(endings, [Ending::Evicted, Ending::Stale], "one went, and the other stayed");
}

fn limits_and_nothing_softer() {
    let script = "cd /sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup); \
        cat memory.max memory.high memory.swap.max memory.oom.group pids.max >&2 2>/dev/null";
    let report = report(&program(&["sh", "-c", script], Mode::Command, under(64, 40)), order("x"));
    assert_eq!(report.ending, Ending::Completed, "{report:?}");
    let limits: Vec<&str> = report.stderr.lines().filter(|line| *line != "0").collect();
    let bytes = (64 * MIB).to_string();
    // Some kernels have no swap, and then no limit of it.
    assert_eq!(limits, [&bytes, "max", "1", "40"], "{report:?}");
}

/// A file of which nothing is in memory.
fn large_file() -> (PathBuf, bool) {
    if let Some(file) = std::env::var_os(IN_USER_MODE) {
        return (file.into(), false);
    }
    let file = std::env::temp_dir().join(format!("backstay-large-{}", std::process::id()));
    fs::File::create(&file).unwrap().set_len(LARGE_BYTES).unwrap();
    (file, true)
}

fn reading_is_no_use_of_memory() {
    let (file, is_ours) = large_file();
    let group = "cd /sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)";
    let script =
        format!("exec 5<{}; cat <&5 > /dev/null; {group}; cat memory.current >&2", file.display());
    let limit = LARGE_BYTES / 10;
    let pool = program(&["sh", "-c", &script], Mode::Command, under(limit / MIB, 40));
    let report = report(&pool, order("x"));
    if is_ours {
        fs::remove_file(file).unwrap();
    }
    assert_eq!(report.ending, Ending::Completed, "{report:?}");
    // What a limit is suggested from; what the kernel counts is nearly all of the limit.
    assert!(report.peak_bytes.unwrap_or(0) < limit / 2, "{report:?}");
    let counted: u64 = report.stderr.trim().parse().unwrap();
    assert!(counted > limit / 2, "the file was not read through the page cache: {counted}");
}

fn mapping_ends_by_timeout() {
    let Some(python) = python() else { return };
    let (file, is_ours) = large_file();
    let script = format!(
        "import mmap\nf = open('{}', 'rb'); m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)\n\
         print('mapped', flush=True)\n\
         while True:\n for at in range(0, len(m), 4096): m[at]",
        file.display()
    );
    let pool = program(&[python, "-c", &script], Mode::Command, under(32, 40));
    let mut order = order("x");
    (order.timeout, order.grace) = (Duration::from_secs(3), Duration::from_millis(100));
    let report = report(&pool, order);
    if is_ours {
        fs::remove_file(file).unwrap();
    }
    assert_eq!((report.ending, report.output_bytes), (Ending::TimedOut, 7), "{report:?}");
    assert!(report.wall < Duration::from_secs(9), "{report:?}");
}

fn processor_time() {
    // Each spinner is reaped by a shell that is gone before anybody could look: no process that lives has its time.
    let spin = "n=0; while [ $n -lt 60000 ]; do n=$((n + 1)); done";
    let script = format!("for it in 1 2 3; do (sh -c '{spin}'; :) ; done; sleep 0.3");
    let pool = program(&["sh", "-c", &script], Mode::Command, under(256, 64));
    let free = report(&pool, order("x"));
    assert_eq!(free.ending, Ending::Completed, "{free:?}");
    assert!(free.cpu.unwrap() > Duration::from_millis(20), "{free:?}");
    let limits = Limits { cpu_time: Some(Duration::from_millis(400)), ..under(256, 64).limits };
    let spun = report(&rust("host", PoolLimits { limits, ..limits_of_boot() }), order("spin"));
    assert_eq!(spun.ending, Ending::CpuLimit, "{spun:?}");
    assert!(spun.cpu.unwrap() >= Duration::from_millis(400), "{spun:?}");
}

/// Where the groups of this supervisor lie.
fn jobs() -> PathBuf {
    Path::new("/sys/fs/cgroup").join("jobs")
}

fn groups_of_the_dead_are_removed() {
    let left = jobs().join("4000000-7-0");
    fs::create_dir(&left).unwrap();
    let mut sleep = Command::new("sleep").arg("100").spawn().unwrap();
    fs::write(left.join("cgroup.procs"), sleep.id().to_string()).unwrap();
    let launcher = Launcher::start().unwrap();
    assert!(!left.exists() || fs::read_to_string(left.join("cgroup.procs")).unwrap().is_empty());
    assert!(!sleep.wait().unwrap().success());
    block(launcher.stop());
    drop(launcher);
    until("it is removed", Duration::from_secs(3), || !left.exists());
}

fn lost_and_back() {
    let before = children_of(&jobs());
    let launcher = Launcher::start().unwrap();
    let own = children_of(&jobs()).into_iter().find(|it| !before.contains(it)).unwrap();
    let argv = Argv::Command(vec!["true".to_owned()]);
    let program = Program { argv, dir: None, env: environment(), mode: Mode::Command, hello: None };
    let pool = Pool::new(launcher.clone(), program, under(64, 64));
    let run = || report(&pool, order("x"));
    assert_eq!(run().ending, Ending::Completed);
    let mut lost = launcher.level_lost();
    assert_eq!(*lost.borrow(), None);
    let groups_at_most = |n: &str| fs::write(own.join("cgroup.max.descendants"), n).unwrap();
    groups_at_most("0");
    for _ in 0..4 {
        let refused = run();
        assert_eq!(refused.ending, Ending::BootFailed, "{refused:?}");
    }
    let why = lost.borrow_and_update().clone().unwrap();
    assert!(why.contains("no control group can be made"), "{why}");
    assert!(!pool.is_broken(), "no fault of the program");
    groups_at_most("max");
    block(lost.wait_for(Option::is_none)).unwrap();
    assert_eq!(run().ending, Ending::Completed);
    block(launcher.stop());
}

fn children_of(group: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(group).unwrap().flatten().map(|it| it.path());
    entries.filter(|path| path.is_dir()).collect()
}

/// Groups of children that there are.
pub(crate) fn groups() -> usize {
    let own = fs::read_dir(jobs()).unwrap().flatten().filter(|it| it.path().is_dir());
    own.flat_map(|it| fs::read_dir(it.path()).unwrap().flatten())
        .filter(|it| it.path().is_dir())
        .count()
}

fn nothing_is_left() {
    let pool = program(&["true"], Mode::Command, under(64, 64));
    for _ in 0..10 {
        assert_eq!(report(&pool, order("x")).ending, Ending::Completed);
    }
    drop(pool);
    until("no child's group is left", Duration::from_secs(10), || groups() == 0);
}

/// The reason why there is no level `cgroup`; a launcher that requires it does not start.
fn refused() -> String {
    let launcher = launcher();
    let level = launcher.level();
    assert_eq!(level.name, LevelName::Rlimit, "{level:?}");
    let options =
        LauncherOptions { require: Some(LevelName::Cgroup), ..LauncherOptions::default() };
    let error = Launcher::start_with(options).unwrap_err();
    assert_eq!(error.code(), Some("BS601"));
    let why = level.why.clone().unwrap();
    assert!(error.to_string().contains(&why), "{error}");
    println!("       {why}");
    why
}

fn crowded() {
    assert!(refused().contains("stands in the way"));
}

fn without() {
    assert!(refused().contains("is not given to"));
}

fn read_only() {
    assert!(refused().contains("Read-only file system"));
}
