//! Misbehaving programs against real children: this binary is the test runner, the supervisor and the child.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "without the test harness clippy does not see that these are tests"
)]

mod cgroup;
mod command;
mod endings;
mod garbage;
mod handler;
mod limits;
mod output;
mod pool;
mod run;
mod serve;
mod shims;
mod soak;
mod warm;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use backstay_isolate::{Role, enter};

/// One test: its name is the sentence that it proves.
pub(crate) type Test = (&'static str, fn());

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Role::Child(link) = enter() {
        return handler::host(link, &arguments);
    }
    if arguments.first().is_some_and(|it| it == "supervise") {
        return shims::supervise();
    }
    if arguments.first().is_some_and(|it| it == "cgroup-suite") {
        return run_all(cgroup::suite(&arguments[1]), None);
    }
    if arguments.first().is_some_and(|it| it == "supervise-fat") {
        return limits::supervise_fat();
    }
    let filter = arguments.iter().find(|it| !it.starts_with('-'));
    if arguments.iter().any(|it| it == "--list") {
        return ExitCode::SUCCESS;
    }
    let measuring = arguments.iter().any(|it| it == "--ignored");
    let tests: Vec<Test> = if measuring {
        vec![("measure", warm::measure as fn()), ("soak", soak::soak)]
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
        ]
        .concat()
    };
    run_all(&tests, filter)
}

fn run_all(tests: &[Test], filter: Option<&String>) -> ExitCode {
    let chosen = tests.iter().filter(|(name, _)| filter.is_none_or(|part| name.contains(part)));
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
