//! Limits of a child and its tree: who is convicted, how soon, and who is not.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use backstay_isolate::{
    CpuPriority, Ending, LevelName, Limits, Mode, PoolLimits, Report, RunEvent,
};
use serde_json::{Value, json};

use crate::Test;
use crate::run::*;

pub(crate) const TESTS: &[Test] = &[
    ("a_hog_at_full_speed_is_caught_near_its_limit", a_hog_at_full_speed_is_caught),
    ("a_slow_hog_is_caught_at_its_limit", a_slow_hog_is_caught_at_its_limit),
    ("shared_memory_counts_as_well", shared_memory_counts_as_well),
    ("forks_that_share_their_pages_are_innocent", forks_that_share_their_pages_are_innocent),
    ("forks_that_do_not_share_are_guilty_together", forks_that_do_not_share_are_guilty),
    ("mapped_and_read_files_are_not_memory_of_the_job", files_are_not_memory_of_the_job),
    ("a_hundred_idle_threads_run_under_256_mib", a_hundred_idle_threads_run),
    ("runtimes_start_under_256_mib", runtimes_start_under_256_mib),
    ("limits_of_address_space_and_of_the_users_processes_are_never_set", no_address_space_limit),
    ("a_job_with_limits_of_its_own_has_a_child_to_itself", limits_of_its_own),
    ("cpu_time_is_counted_anew_for_every_job", cpu_time_is_counted_anew),
    ("a_background_child_yields_to_the_foreground", a_background_child_yields),
    ("a_program_that_eats_memory_at_boot_is_no_jobs_fault", memory_at_boot),
    ("an_idle_child_that_has_grown_fat_is_replaced", a_fat_child_is_replaced),
    ("usage_is_seen_while_it_runs", usage_is_seen_while_it_runs),
    ("the_level_names_a_holder_for_every_limit", the_level_names_its_holders),
    ("a_launcher_with_a_gigabyte_starts_small_children_quickly", a_fat_supervisor),
    ("exit_0_without_a_result_is_no_success", exit_0_without_a_result),
    ("a_thousand_double_forks_leave_no_zombie", a_thousand_double_forks),
    ("garbage_from_a_child_takes_no_memory", garbage_takes_no_memory),
];

const MIB: u64 = 1024 * 1024;

fn limits_of(memory_mib: u64) -> PoolLimits {
    let limits = Limits { memory_bytes: Some(memory_mib * MIB), ..crate::run::limits().limits };
    limits_with(limits)
}

fn limits_with(limits: Limits) -> PoolLimits {
    PoolLimits { limits, ..crate::run::limits() }
}

fn output(report: &Report) -> Value {
    let Some(backstay_isolate::LastWord::Done { output: Some(output), .. }) = &report.last_word
    else {
        panic!("{report:?}")
    };
    serde_json::from_str(output.get()).unwrap()
}

fn a_hog_at_full_speed_is_caught() {
    let pool = rust("host", limits_of(256));
    block(pool.boot()).unwrap();
    let report = report(&pool, order_with("hog", json!({})));
    assert_eq!(report.ending, Ending::MemoryLimit, "{report:?}");
    let peak = report.peak_bytes.unwrap() / MIB;
    println!("       caught at {peak} MiB after {:?}", report.wall);
    assert!((256..=700).contains(&peak), "{peak} MiB");
}

fn a_slow_hog_is_caught_at_its_limit() {
    let pool = rust("host", limits_of(128));
    let report = report(&pool, order_with("hog", json!({ "pause_ms": 30 })));
    assert_eq!(report.ending, Ending::MemoryLimit, "{report:?}");
    assert!(report.peak_bytes.unwrap() / MIB <= 165, "{report:?}");
}

fn python_under(memory_mib: u64, script: &str) -> Option<Report> {
    let python = python()?;
    Some(report(
        &program(&[python, "-c", script], Mode::Command, limits_of(memory_mib)),
        order("x"),
    ))
}

fn shared_memory_counts_as_well() {
    let script = "import mmap, time\n\
        m = mmap.mmap(-1, 1 << 30)\n\
        for at in range(0, 1 << 30, 1 << 20): m[at:at + (1 << 20)] = b'x' * (1 << 20)\n\
        time.sleep(60)";
    let Some(report) = python_under(256, script) else { return };
    assert_eq!(report.ending, Ending::MemoryLimit, "{report:?}");
    assert!(report.wall < Duration::from_secs(2), "{report:?}");
}

fn forks_that_share_their_pages_are_innocent() {
    let script = "import os, time\n\
        held = b'x' * (100 << 20)\n\
        for _ in range(8):\n if os.fork() == 0: time.sleep(1); os._exit(0)\n\
        for _ in range(8): os.wait()";
    let Some(report) = python_under(256, script) else { return };
    assert_eq!(report.ending, Ending::Completed, "{report:?}");
    assert_eq!(report.processes_peak, Some(9));
    // Below the limit the cheap sum is enough, which counts shared pages twice.
    assert!(report.peak_bytes.unwrap() < 256 * MIB, "{report:?}");
}

fn forks_that_do_not_share_are_guilty() {
    let script = "import os, time\n\
        for _ in range(8):\n if os.fork() == 0: held = b'x' * (50 << 20); time.sleep(60)\n\
        time.sleep(60)";
    let Some(report) = python_under(256, script) else { return };
    assert_eq!(report.ending, Ending::MemoryLimit, "{report:?}");
}

fn files_are_not_memory_of_the_job() {
    let script = "import mmap, os, time\n\
        path = os.environ['TMPDIR'] + '/file'\n\
        with open(path, 'wb') as f:\n for _ in range(300): f.write(b'x' * (1 << 20))\n\
        with open(path, 'rb') as f:\n while f.read(1 << 20): pass\n\
        f = open(path, 'rb'); m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)\n\
        for at in range(0, len(m), 4096): m[at]\n\
        time.sleep(0.3)";
    let Some(report) = python_under(64, script) else { return };
    assert_eq!(report.ending, Ending::Completed, "{report:?}");
}

fn a_hundred_idle_threads_run() {
    let report = report(&rust("host", limits_of(256)), order_with("threads", json!(100)));
    assert_eq!(report.ending, Ending::Completed, "{report:?}");
    assert!(report.processes_peak.unwrap() > 100, "{report:?}");
    let Some(python) = python_under(
        256,
        "import threading, time\n\
        ts = [threading.Thread(target=time.sleep, args=(0.5,)) for _ in range(100)]\n\
        [t.start() for t in ts]; [t.join() for t in ts]",
    ) else {
        return;
    };
    assert_eq!(python.ending, Ending::Completed, "{python:?}");
}

fn runtimes_start_under_256_mib() {
    for argv in [["node", "-e", "console.log(1)"], ["java", "-version", ""], ["go", "version", ""]]
    {
        let argv: Vec<&str> = argv.into_iter().filter(|it| !it.is_empty()).collect();
        let pool = program(&argv, Mode::Command, limits_of(256));
        if block(pool.boot()).is_err() {
            println!("SKIPPED: {} is not installed", argv[0]);
            continue;
        }
        assert_eq!(report(&pool, order("x")).ending, Ending::Completed, "{argv:?}");
    }
}

fn no_address_space_limit() {
    let report = report(&rust("host", limits_of(256)), order("limits"));
    let texts = output(&report);
    let (limits, status) = (texts[0].as_str().unwrap(), texts[1].as_str().unwrap());
    let own = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    for name in ["Max address space", "Max processes", "Max resident set"] {
        assert_eq!(line(limits, name), line(&own, name), "{name}");
    }
    let data = (1024 * MIB).to_string();
    assert_eq!(line(limits, "Max data size")[..2], [data.clone(), data]);
    assert_eq!(line(limits, "Max core file size")[..2], ["0", "0"]);
    assert_eq!(line(limits, "Max open files")[..2], ["1024", "1024"]);
    assert_eq!(line(limits, "Max file size")[0], (2048 * MIB).to_string());
    assert_eq!(line(status, "NoNewPrivs:"), ["1"]);
}

fn limits_of_its_own() {
    let pool = rust("host", limits_of(64));
    let first = report(&pool, order("pid"));
    let hold = || order_with("hold", json!({ "mib": 100, "ms": 300 }));
    let mut larger = hold();
    larger.limits = Some(Limits { memory_bytes: Some(256 * MIB), ..Limits::default() });
    let alone = report(&pool, larger);
    assert_eq!(alone.ending, Ending::Completed, "{alone:?}");
    assert_eq!((alone.child_jobs, alone.limits.memory_bytes), (0, Some(256 * MIB)));
    until("it leaves", Duration::from_secs(3), || !lives(alone.pid));
    let third = report(&pool, order("pid"));
    assert_eq!(
        (first.pid, third.child_jobs),
        (third.pid, 1),
        "the pool's own child is still there"
    );
    assert!(third.child_age > first.child_age);
    assert_eq!(report(&pool, hold()).ending, Ending::MemoryLimit);
}

fn cpu_time_is_counted_anew() {
    let limits =
        Limits { cpu_time: Some(Duration::from_millis(700)), ..crate::run::limits().limits };
    let pool = rust("host", limits_with(limits));
    for _ in 0..4 {
        let report = report(&pool, order("cpu"));
        assert_eq!(report.ending, Ending::Completed, "{report:?}");
    }
    assert_eq!(report(&pool, order("spin")).ending, Ending::CpuLimit);
    // A descendant that runs elsewhere is counted, too.
    let script = "setsid sh -c 'while :; do :; done' & sleep 20";
    let elsewhere = program(&["sh", "-c", script], Mode::Command, limits_with(limits));
    let report = report(&elsewhere, order("x"));
    assert_eq!(report.ending, Ending::CpuLimit, "{report:?}");
    assert!(report.cpu.unwrap() >= Duration::from_millis(650), "{report:?}");
}

/// CPU time in ms that a process got.
fn cpu_ms(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10
}

fn a_background_child_yields() {
    let spin = "while :; do :; done";
    // Both on one CPU, the other one in a session of its own as a service has it.
    let mut foreground = Command::new("setsid")
        .args(["taskset", "-c", "0", "sh", "-c", spin])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let limits = Limits { cpu_priority: CpuPriority::Idle, ..Limits::default() };
    let script = format!("echo '{{\"type\":\"alive\"}}' >&3; exec taskset -c 0 sh -c '{spin}'");
    let pool = program(&["sh", "-c", &script], Mode::Command, limits_with(limits));
    let (report, foreground_ms) = block(async {
        let mut order = order("x");
        order.timeout = Duration::from_millis(900);
        order.grace = Duration::ZERO;
        let mut run = pool.run(order).await;
        assert!(matches!(run.next().await, RunEvent::Alive));
        let before = cpu_ms(foreground.id());
        let report = end(&mut run).await;
        (report, cpu_ms(foreground.id()) - before)
    });
    foreground.kill().unwrap();
    foreground.wait().unwrap();
    let ours = report.cpu.unwrap().as_millis() as u64;
    println!("       background {ours} ms, foreground {foreground_ms} ms of CPU");
    assert!(ours * 4 < foreground_ms.max(1), "{ours} ms against {foreground_ms} ms");
}

fn memory_at_boot() {
    let Some(python) = python() else { return };
    let script = "held = []\nwhile True: held.append(b'x' * (16 << 20))";
    let pool = warm(&[python, "-c", script], limits_of(64));
    let failed = block(pool.boot()).unwrap_err();
    assert!(failed.message.contains("memory_limit"), "{failed:?}");
    assert_eq!(report(&pool, order("x")).ending, Ending::BootFailed);
}

fn a_fat_child_is_replaced() {
    let pool = rust("host", limits_of(128));
    // Allocators give large pieces back, so it is thin again at the end.
    let thin = report(&pool, order_with("hold", json!({ "mib": 90, "ms": 60 })));
    let next = report(&pool, order("pid"));
    assert_eq!(thin.pid, next.pid);
    let Some(python) = python() else { return };
    let script = "import json, os\nout, inp, held = os.fdopen(3, 'w'), os.fdopen(4), []\n\
        def say(**m): print(json.dumps(m), file=out, flush=True)\n\
        for line in inp:\n m = json.loads(line)\n \
        if m['type'] == 'hello': say(type='ready', protocol=1, kinds=['x'])\n \
        elif m['type'] == 'job': held.append(b'x' * (70 << 20)); say(type='done', id=m['id'], attempt=m['attempt'])\n \
        else: break";
    let leaky = warm(&[python, "-c", script], limits_of(128));
    let (first, second) = (report(&leaky, order("x")), report(&leaky, order("x")));
    assert_eq!((first.ending, second.ending), (Ending::Completed, Ending::Completed), "{second:?}");
    assert_ne!(first.pid, second.pid);
}

fn usage_is_seen_while_it_runs() {
    let pool = rust("host", limits_of(256));
    block(async {
        let mut run = pool.run(order_with("hold", json!({ "mib": 80, "ms": 500 }))).await;
        assert_eq!(run.gauge().read(), backstay_isolate::Usage::default());
        let deadline = Instant::now() + Duration::from_secs(2);
        while run.gauge().read().memory_bytes < 80 * MIB {
            assert!(Instant::now() < deadline, "{:?}", run.gauge().read());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(run.gauge().read().processes >= 1 && run.gauge().read().memory_bytes < 130 * MIB);
        assert_eq!(end(&mut run).await.ending, Ending::Completed);
        assert_eq!(run.gauge().read().memory_bytes, 0);
    });
}

fn the_level_names_its_holders() {
    let launcher = launcher();
    let level = launcher.level();
    assert_eq!(level.why.is_some(), level.name == LevelName::Rlimit, "{level:?}");
    let names: Vec<&str> = level.holders.iter().map(|(limit, _)| *limit).collect();
    let limits = [
        "memory",
        "cpu_priority",
        "cpu_cap",
        "cpu_time",
        "stall",
        "processes",
        "disk",
        "files",
        "io_weight",
    ];
    assert_eq!(names, limits);
}

fn a_fat_supervisor() {
    // Its own process, since this ballast would be everybody's.
    let output = Command::new("/proc/self/exe").arg("supervise-fat").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    println!("       {}", text.trim());
}

/// A supervisor with a gigabyte: the price of a start, and what small children are said to have used.
pub(crate) fn supervise_fat() -> std::process::ExitCode {
    let ballast = vec![1_u8; 1 << 30];
    let pool = shell("exit 0");
    let mut times: Vec<Duration> = (0..20)
        .map(|_| {
            let start = Instant::now();
            let report = report(&pool, order("x"));
            assert_eq!(report.ending, Ending::Completed);
            assert!(report.peak_bytes.unwrap_or(0) < 8 * MIB, "{report:?}");
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!("under {} MiB, from order to report: p50 {:?}", ballast.len() >> 20, times[10]);
    assert!(times[10] < Duration::from_millis(30), "{times:?}");
    std::process::ExitCode::SUCCESS
}

fn exit_0_without_a_result() {
    let report = report(&rust("host", crate::run::limits()), order("exit-0"));
    let fault = report.fault.map(|fault| fault.code());
    assert_eq!((report.ending, fault), (Ending::ProtocolError, Some("BS705")), "{report:?}");
}

fn a_thousand_double_forks() {
    let script = "n=0; while [ $n -lt 1000 ]; do (: &); n=$((n + 1)); done; echo '{\"type\":\"alive\"}' >&3; sleep 60";
    let pool = shell(script);
    block(async {
        let mut run = pool.run(order("x")).await;
        assert!(matches!(run.next().await, RunEvent::Alive));
        until("the shim has reaped all of them", Duration::from_secs(2), || {
            zombies_of_shims() == 0
        });
        run.stopper().stop(backstay_isolate::StopReason::Evicted);
        end(&mut run).await;
    });
}

/// Zombies whose parent is a shim of ours.
fn zombies_of_shims() -> usize {
    let shims = with_text(&format!("--backstay-shim-v1\0{}", std::process::id()));
    let children = shims.iter().filter_map(|shim| {
        std::fs::read_to_string(format!("/proc/{shim}/task/{shim}/children")).ok()
    });
    let pids: Vec<u32> = children
        .flat_map(|text| {
            text.split_whitespace().map(|it| it.parse().unwrap()).collect::<Vec<u32>>()
        })
        .collect();
    pids.into_iter().filter(|pid| state(*pid) == Some('Z')).count()
}

pub(crate) fn own_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn garbage_takes_no_memory() {
    let floods = [
        // No line feed for ever, lines of nothing, lines that are no messages, numbers without end.
        "head -c 200000000 /dev/zero >&3; sleep 20",
        "yes '' | head -c 20000000 >&3; sleep 20",
        "yes '{\"type\":' | head -c 20000000 >&3; sleep 20",
        "yes 4294967296 | tr -d '\\n' | head -c 200000000 >&3; sleep 20",
    ];
    run_floods(&floods);
    run_floods(&floods);
    let before = own_memory();
    run_floods(&floods);
    let grown = own_memory().saturating_sub(before) / MIB;
    // An allocator may keep what it had for the longest lines.
    assert!(grown <= 16, "{grown} MiB after 440 MB of garbage");
    // One byte at a time is a message all the same.
    let slow = "printf '%s' '{\"type\":\"alive\"}' | while read -r -n1 c; do printf '%s' \"$c\" >&3; done; echo >&3";
    assert_eq!(report(&command(&["bash", "-c", slow]), order("x")).ending, Ending::Completed);
}

fn run_floods(floods: &[&str]) {
    for flood in floods {
        let report = report(&shell(flood), order("x"));
        assert_eq!(report.ending, Ending::ProtocolError, "{flood}: {report:?}");
    }
}
