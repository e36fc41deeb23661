//! Traps of running other people's code, each with the tests that would fail if somebody stepped into it again.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use backstay_isolate::{Ending, Entry, Launcher, Mode, Order, Pool, PoolLimits, Program, RunEvent};
use serde_json::json;

use crate::Test;
use crate::run::*;

pub(crate) const TESTS: &[Test] = &[
    ("every_trap_has_tests_that_exist", every_trap_has_tests),
    ("sources_name_nothing_that_must_never_be_used", sources_name_nothing),
    ("a_signal_never_goes_to_a_bare_pid", a_signal_never_goes_to_a_bare_pid),
    ("enter_after_a_thread_has_started_is_told_apart", enter_after_a_thread),
    ("node_that_hangs_under_an_absurd_limit_has_not_booted", node_under_an_absurd_limit),
    ("a_binary_replaced_under_a_running_supervisor_changes_nothing", a_binary_replaced),
    ("a_stop_that_reaches_the_child_first_is_an_interruption", a_stop_reaches_the_child_first),
    ("a_settle_never_waits_for_what_was_printed", a_settle_never_waits),
    ("a_shell_in_between_hides_no_want_of_memory", a_shell_hides_no_want_of_memory),
    ("as_pid_1_it_leaves_no_zombie", as_pid_1),
];

/// What is easily got wrong, and where it is shown that it is not: names of tests here, of a function or of a line in
/// a list of tests in any crate, and of the goals of `backstay bench bulkhead`.
const TRAPS: &[(&str, &[&str])] = &[
    (
        "1. code between fork and exec of a fat supervisor: 44 ms for each child",
        &[
            "a_launcher_with_a_gigabyte_starts_small_children_quickly",
            "sources_name_nothing_that_must_never_be_used",
        ],
    ),
    (
        "2. the peak of a small child is that of its fat parent",
        &["a_launcher_with_a_gigabyte_starts_small_children_quickly"],
    ),
    (
        "3. the death signal fires when the starting thread ends",
        &["a_child_outlives_the_thread_that_asked_for_it"],
    ),
    ("4. a session of its own cancels nice", &["a_background_child_yields_to_the_foreground"]),
    (
        "5. what a process sets on itself holds for one thread: `enter` after a runtime",
        &[
            "enter_after_a_thread_has_started_is_told_apart",
            "a_worker_whose_main_enters_late_refuses_to_start",
        ],
    ),
    (
        "6. a limit of addresses kills Node, one of the user's processes hits others",
        &[
            "limits_of_address_space_and_of_the_users_processes_are_never_set",
            "runtimes_start_under_256_mib",
            "sources_name_nothing_that_must_never_be_used",
        ],
    ),
    (
        "7. the limit of data counts stacks of threads and no shared pages",
        &["a_hundred_idle_threads_run_under_256_mib", "shared_memory_counts_as_well"],
    ),
    (
        "8. Node hangs for ever under an absurd limit",
        &["node_that_hangs_under_an_absurd_limit_has_not_booted"],
    ),
    (
        "9. who looks seldom holds no limit",
        &["a_hog_at_full_speed_is_caught_near_its_limit", "the_kernel_ends_a_hog_at_its_limit"],
    ),
    (
        "10. the sum over forks counts shared pages many times",
        &[
            "forks_that_share_their_pages_are_innocent",
            "forks_that_do_not_share_are_guilty_together",
        ],
    ),
    (
        "11. the kill of a group misses sessions and double forks",
        &["no_descendant_outlives_a_kill", "a_kill_reaches_who_has_escaped"],
    ),
    (
        "12. a flood of output burns whoever reads it",
        &[
            "a_gigabyte_on_stderr_costs_next_to_nothing",
            "a_runaway_harms_neither_the_api_nor_the_jobs_beside_it",
        ],
    ),
    (
        "13. `memory.high` throttles for ever, and mapped files thrash at the limit",
        &[
            "sources_name_nothing_that_must_never_be_used",
            "the_group_of_a_child_has_the_limits_and_nothing_softer",
            "who_maps_a_file_beyond_the_limit_ends_by_its_timeout",
            "the_kernel_ends_a_hog_at_its_limit",
        ],
    ),
    ("14. one process of a group is killed, its helpers stay", &["helpers_die_with_the_hog"]),
    (
        "15. controllers cannot be given from inside, or not at all",
        &[
            "the_level_is_reached_and_named",
            "a_process_in_the_way_is_named",
            "read_only_groups_mean_level_rlimit_with_the_reason",
        ],
    ),
    (
        "16. the page cache counts as memory of a group",
        &[
            "mapped_and_read_files_are_not_memory_of_the_job",
            "who_reads_ten_times_the_limit_completes_and_has_used_little",
        ],
    ),
    (
        "17. a wall around all kills an innocent",
        &["a_victim_of_the_wall_around_all_is_evicted", "the_guilty_is_told_from_the_victim"],
    ),
    (
        "18. a beat on a runtime of others stops",
        &["a_runaway_harms_neither_the_api_nor_the_jobs_beside_it"],
    ),
    ("19. exit 0 without a result taken for success", &["exit_0_without_a_result_is_no_success"]),
    (
        "20. a payload larger than a pipe to who never reads",
        &[
            "a_large_payload_to_a_program_that_never_reads_blocks_nobody",
            "a_large_job_to_a_child_that_does_not_read_blocks_nobody",
        ],
    ),
    (
        "21. a service manager signals children first, and stops all when one is killed",
        &[
            "a_stop_that_reaches_the_child_first_is_an_interruption",
            "a_term_to_all_processes_at_once_gives_back_for_free",
            "the_shipped_unit_tells_the_worker_first_and_outlives_a_killed_job",
        ],
    ),
    (
        "22. a signal to a number that another process has by now",
        &[
            "a_signal_never_goes_to_a_bare_pid",
            "a_later_process_with_the_same_number_is_not_signalled",
        ],
    ),
    (
        "23. a deploy replaces the binary under a running worker",
        &["a_binary_replaced_under_a_running_supervisor_changes_nothing"],
    ),
    (
        "24. the last lines are still in a buffer at the kill",
        &["pythons_last_print_is_kept_at_a_kill"],
    ),
    (
        "25. output of one job shown under the next",
        &[
            "a_thousand_jobs_have_their_own_lines",
            "what_a_slow_reader_left_in_the_pipe_is_of_its_job",
        ],
    ),
    (
        "26. descriptors leak into children",
        &[
            "a_command_sees_descriptors_0_to_3_only",
            "handlers_inherit_nothing_to_their_programs",
            "what_a_supervisor_has_inherited_reaches_no_child",
        ],
    ),
    (
        "27. NUL, halves of characters and lines without end",
        &[
            "stderr_is_valid_text_whatever_was_written",
            "a_settle_never_waits_for_what_was_printed",
            "a_gigabyte_on_stderr_costs_next_to_nothing",
        ],
    ),
    (
        "28. a shell hides the signal",
        &["exit_codes_and_signals_have_their_words", "a_shell_in_between_hides_no_want_of_memory"],
    ),
    (
        "29. supervisor or shim killed or frozen",
        &[
            "nothing_outlives_a_killed_supervisor",
            "nothing_outlives_a_killed_shim",
            "a_stopped_shim_cannot_hold_a_place",
            "a_frozen_worker_comes_back_and_changes_nothing",
            "a_frozen_supervisor_does_not_keep_a_held_tree",
        ],
    ),
    (
        "30. pid 1 of a container does not reap",
        &["a_thousand_double_forks_leave_no_zombie", "as_pid_1_it_leaves_no_zombie"],
    ),
    (
        "31. the kernel's limit of CPU time adds up over the jobs of a warm child",
        &["cpu_time_is_counted_anew_for_every_job"],
    ),
    (
        "32. settings on a group role do nothing for its members",
        &["ceilings_hold_on_the_login_of_handlers_and_do_nothing_on_its_group"],
    ),
];

/// The folder of all crates.
fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All Rust files below a folder, with their texts.
fn sources(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
}

fn every_trap_has_tests() {
    let mut files = Vec::new();
    sources(&crates(), &mut files);
    sources(&crates().join("../faults"), &mut files);
    let own = Path::new(file!()).file_name().unwrap();
    let is_there = |name: &str| {
        let (listed, function) = (format!("(\"{name}\", "), format!("fn {name}()"));
        let spread = format!("(\n        \"{name}\",");
        let here = |text: &str| {
            text.contains(&listed) || text.contains(&function) || text.contains(&spread)
        };
        // In this file only the list of tests counts, not the table.
        files.iter().any(|(path, text)| {
            let text = text.split("const TRAPS").next().unwrap();
            here(text) || (path.file_name() != Some(own) && here(text))
        })
    };
    let missing: Vec<_> = TRAPS
        .iter()
        .flat_map(|(trap, tests)| tests.iter().map(move |test| (trap, test)))
        .filter(|(_, test)| !is_there(test))
        .collect();
    assert!(missing.is_empty(), "these tests are gone: {missing:#?}");
    assert_eq!(TRAPS.len(), 32);
}

/// The code of what we ship, without comments.
fn shipped() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(crates()).unwrap().flatten() {
        sources(&entry.path().join("src"), &mut files);
    }
    files.retain(|(path, _)| path.file_name().is_some_and(|name| name != "tests.rs"));
    for (_, text) in &mut files {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        *text = lines.collect::<Vec<_>>().join("\n");
    }
    files
}

fn named_in(files: &[(PathBuf, String)], word: &str) -> Vec<PathBuf> {
    let named = files.iter().filter(|(_, text)| text.contains(word));
    named.map(|(path, _)| path.strip_prefix(crates()).unwrap().to_owned()).collect()
}

fn sources_name_nothing() {
    let files = shipped();
    assert!(files.len() > 200, "{} files", files.len());
    for word in ["pre_exec", "memory.high", "Resource::As", "Resource::Nproc", "before_exec"] {
        let found = named_in(&files, word);
        assert!(found.is_empty(), "`{word}` in {found:?}");
    }
}

/// Where a number is signalled that cannot be a stranger's: our own, a child that this very code has not reaped, or the
/// group of one, which keeps its number as long as somebody is in it.
const OF_ITS_OWN: &[&str] = &[
    "backstay/src/failpoint/point.rs",
    "backstay-alert/src/command.rs",
    "backstay-cli/src/bulkhead/part.rs",
    "backstay-cli/src/cmd/dev/companion.rs",
    "backstay-cli/src/demo/parts.rs",
    "backstay-isolate/src/shim.rs",
    "backstay-postgres/src/run.rs",
];

fn a_signal_never_goes_to_a_bare_pid() {
    let files = shipped();
    for word in ["kill_process(", "kill_process_group("] {
        let mut found = named_in(&files, word);
        found.retain(|path| !OF_ITS_OWN.iter().any(|own| path == Path::new(own)));
        assert!(found.is_empty(), "`{word}` in {found:?}: name the process by a pidfd");
    }
    // What is not of our own is named by a descriptor, and by the time of its start.
    let by_descriptor = named_in(&files, "pidfd_send_signal(");
    assert!(by_descriptor.iter().any(|path| path.ends_with("backstay-isolate/src/process.rs")));
    assert!(by_descriptor.iter().any(|path| path.ends_with("backstay-postgres/src/process.rs")));
}

/// A program whose `main` starts a thread before it enters.
pub(crate) fn enter_late() -> ExitCode {
    let thread = std::thread::spawn(std::thread::park);
    backstay_isolate::enter();
    thread.thread().unpark();
    println!("{:?}", backstay_isolate::entry());
    ExitCode::SUCCESS
}

fn enter_after_a_thread() {
    assert_eq!(backstay_isolate::entry(), Entry::First);
    let late = Command::new("/proc/self/exe").arg("enter-late").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&late.stdout).trim(), "Late");
}

/// The program serves as soon as it runs; with next to no memory for its data it never comes to that, and some versions
/// wait for a thread that could not be started.
fn node_under_an_absurd_limit() {
    let Some(node) = node() else { return };
    let serve = "require('fs').writeSync(3, '{\"type\":\"ready\",\"protocol\":1}\\n'); setInterval(() => {}, 1000)";
    let pool = |limit: &str| {
        let script = format!("ulimit -c 0; ulimit -d {limit}; exec {node} -e \"$0\"");
        let boot = Duration::from_millis(1500);
        warm(&["sh", "-c", &script, serve], PoolLimits { boot, ..limits() })
    };
    let sound = pool("unlimited");
    block(sound.boot()).unwrap();
    let begin = Instant::now();
    let failed = block(pool("20000").boot()).unwrap_err();
    assert_eq!(failed.code, "BS604", "{failed:?}");
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    until("nothing of it is left", Duration::from_secs(2), || with_text(serve).len() == 1);
}

/// Another supervisor: has one child, waits to be told, and has another child.
pub(crate) fn supervise_replaced() -> ExitCode {
    let image = || {
        // A fresh process for each, since a warm one would be the first again.
        let report = report(&rust("host", limits()), order_with("image", json!(null)));
        assert_eq!(report.ending, Ending::Completed, "{report:?}");
        output(&report)
    };
    println!("{}", image());
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    println!("{}", image());
    ExitCode::SUCCESS
}

fn output(report: &backstay_isolate::Report) -> serde_json::Value {
    match &report.last_word {
        Some(backstay_isolate::LastWord::Done { output: Some(output), .. }) => {
            serde_json::from_str(output.get()).unwrap()
        }
        other => panic!("{other:?}"),
    }
}

fn a_binary_replaced() {
    let place = std::env::temp_dir().join(format!("backstay-{}-replaced", std::process::id()));
    fs::create_dir_all(&place).unwrap();
    let (binary, next) = (place.join("worker"), place.join("next"));
    fs::copy("/proc/self/exe", &binary).unwrap();
    let mut supervisor = Command::new(&binary)
        .arg("supervise-replaced")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(supervisor.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    // As packages and deploys do it: another file under the same name.
    fs::copy("/bin/false", &next).unwrap();
    fs::rename(&next, &binary).unwrap();
    writeln!(supervisor.stdin.take().unwrap(), "go").unwrap();
    let second = lines.next().expect("the child of the replaced binary has run").unwrap();
    assert_eq!(first, second, "both children run the build of their supervisor");
    assert!(supervisor.wait().unwrap().success());
    fs::remove_dir_all(place).unwrap();
}

fn a_stop_reaches_the_child_first() {
    let launcher = Launcher::start().unwrap();
    let argv = ["sh", "-c", "echo '{\"type\":\"alive\"}' >&3; kill -TERM $$; sleep 60"];
    let argv = backstay_isolate::Argv::Command(argv.map(str::to_owned).to_vec());
    let program = Program { argv, dir: None, env: environment(), mode: Mode::Command, hello: None };
    let pool = Pool::new(launcher.clone(), program, limits());
    let (told, meant_for_it) = block(async {
        let mut run = pool.run(order("x")).await;
        assert!(matches!(run.next().await, RunEvent::Alive));
        // The supervisor hears of it only when its child is dead already.
        tokio::time::sleep(Duration::from_millis(50)).await;
        launcher.note_stop_signal();
        let told = end(&mut run).await;
        let pool = shell("kill -TERM $$");
        (told, end(&mut pool.run(order("x")).await).await)
    });
    assert_eq!((told.ending, told.signal), (Ending::Interrupted, Some(15)), "{told:?}");
    assert_eq!(meant_for_it.ending, Ending::Killed, "{meant_for_it:?}");
}

fn a_settle_never_waits() {
    // Three of 4 MiB that may come at once: a line without end, halves of characters, NUL.
    let script =
        r"head -c 3000000 /dev/zero | tr '\000' x >&2; printf '\355\240\200\000\303\n' >&2; exit 1";
    let begin = Instant::now();
    let order = Order { stdin: Vec::new(), ..order("x") };
    let report = report(&shell(script), order);
    assert_eq!(report.ending, Ending::Exited, "{report:?}");
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    assert!(report.stderr.len() <= 16 * 1024 && report.stderr.starts_with('x'));
    assert!(report.stderr.ends_with("x\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\n"), "{report:?}");
    assert!(!report.stderr.contains('\0'));
}

fn a_shell_hides_no_want_of_memory() {
    let last = "memory allocation of 9 bytes failed";
    for (signal, code) in [("ABRT", 134), ("SEGV", 139)] {
        let script = format!("sh -c 'echo {last} >&2; kill -{signal} $$'; exit $?");
        let report = report(&shell(&script), order("x"));
        let got = (report.ending, report.exit_code);
        assert_eq!(got, (Ending::ProbableOom, Some(code)), "{report:?}");
    }
}

/// A supervisor that is the first process of its namespace: orphans of a killed shim come to it.
pub(crate) fn supervise_as_pid_1() -> ExitCode {
    assert_eq!(std::process::id(), 1);
    // Out of the session before the shim is killed, and dead soon after it.
    let script = "i=0; while [ $i -lt 200 ]; do (: &); i=$((i + 1)); done; \
        (setsid sh -c 'sleep 0.3' &); sleep 0.1; echo '{\"type\":\"alive\"}' >&3; kill -KILL $PPID; sleep 60";
    let report = block(async {
        let pool = shell(script);
        let mut run = pool.run(order("x")).await;
        end(&mut run).await
    });
    assert_eq!(report.ending, Ending::Killed, "{report:?}");
    until("no process but this one is left", Duration::from_secs(10), || {
        let entries = fs::read_dir("/proc").unwrap().flatten();
        entries.filter(|it| it.file_name().to_str().unwrap().parse::<u32>().is_ok()).count() == 1
    });
    println!("nothing is left");
    ExitCode::SUCCESS
}

fn as_pid_1() {
    // Another user's namespace, where it takes privileges to make one of processes.
    for words in [&["--pid"][..], &["--user", "--map-root-user", "--pid"]] {
        let output = Command::new("unshare")
            .args(words)
            .args(["--fork", "--mount-proc"])
            .arg(std::env::current_exe().unwrap())
            .arg("supervise-as-pid-1")
            .output()
            .unwrap();
        let (out, err) = (&output.stdout, String::from_utf8_lossy(&output.stderr));
        if err.contains("unshare:") {
            println!("       {}", err.trim());
            continue;
        }
        assert!(output.status.success(), "{err}");
        assert_eq!(String::from_utf8_lossy(out).trim(), "nothing is left");
        return;
    }
    println!("SKIPPED: nobody may make a namespace of processes here");
}
