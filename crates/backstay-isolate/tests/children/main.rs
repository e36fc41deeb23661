//! Misbehaving programs against real children: this binary is the test runner, the supervisor and the child.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "without the test harness clippy does not see that these are tests"
)]

mod cgroup;
mod command;
mod endings;
mod footprint;
mod garbage;
mod handler;
mod limits;
mod output;
mod pool;
mod run;
mod serve;
mod shims;
mod soak;
mod traps;
mod warm;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use backstay_isolate::{Role, enter};

/// One test: its name is the sentence that it proves.
pub(crate) type Test = (&'static str, fn());

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|it| it == "enter-late") {
        return traps::enter_late();
    }
    if let Role::Child(link) = enter() {
        return handler::host(link, &arguments);
    }
    if arguments.first().is_some_and(|it| it == "supervise") {
        return shims::supervise();
    }
    if arguments.first().is_some_and(|it| it == "supervise-standing") {
        return shims::supervise_standing();
    }
    if arguments.first().is_some_and(|it| it == "supervise-held") {
        return shims::supervise_held();
    }
    if arguments.first().is_some_and(|it| it == "cgroup-suite") {
        return run_all(cgroup::suite(&arguments[1]), &arguments[2..]);
    }
    match arguments.first().map(String::as_str) {
        Some("supervise-fat") => return limits::supervise_fat(),
        Some("supervise-replaced") => return traps::supervise_replaced(),
        Some("supervise-as-pid-1") => return traps::supervise_as_pid_1(),
        _ => {}
    }
    let (flags, words): (Vec<_>, Vec<_>) =
        arguments.iter().cloned().partition(|it| it.starts_with('-'));
    if flags.iter().any(|it| it == "--list") {
        return ExitCode::SUCCESS;
    }
    let measuring = flags.iter().any(|it| it == "--ignored");
    let tests: Vec<Test> = if measuring {
        vec![
            ("measure", warm::measure as fn()),
            ("footprint", footprint::footprint),
            ("soak_here", soak::soak),
            ("soak_at_cgroup", cgroup::soak_at_cgroup),
        ]
    } else {
        [
            warm::TESTS,
            serve::TESTS,
            pool::TESTS,
            command::TESTS,
            output::TESTS,
            shims::TESTS,
            endings::TESTS,
            limits::TESTS,
            cgroup::TESTS,
            garbage::TESTS,
            traps::TESTS,
        ]
        .concat()
    };
    run_all(&tests, &words)
}

/// Runs those whose names contain one of the words, or all.
fn run_all(tests: &[Test], words: &[String]) -> ExitCode {
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word));
    let chosen = tests.iter().filter(|(name, _)| wanted(name));
    let (passed, failed) = chosen.map(run_one).fold((0, 0), |(passed, failed), ok| {
        if ok { (passed + 1, failed) } else { (passed, failed + 1) }
    });
    run::block(run::launcher().stop());
    println!("children: {passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_one((name, test): &Test) -> bool {
    let start = Instant::now();
    let ok = catch_unwind(AssertUnwindSafe(test)).is_ok();
    println!(
        "{} {name} ({} ms)",
        if ok { "ok    " } else { "FAILED" },
        start.elapsed().as_millis()
    );
    ok
}
