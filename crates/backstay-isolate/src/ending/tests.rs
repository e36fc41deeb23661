//! Tables for `ending`: one row per kind of evidence.

use super::*;

fn done() -> LastWord {
    LastWord::Done { output: None, completed_in_tx: false }
}

fn fail(then: Then) -> LastWord {
    let message = String::new();
    LastWord::Fail { message, class: None, trace: None, fingerprint: None, then, after: None }
}

fn check(rows: &[(Evidence<'_>, Ending)]) {
    for (evidence, expected) in rows {
        assert_eq!(ending(evidence).0, *expected, "{evidence:?}");
    }
}

const ASKING: [(StopReason, Ending); 4] = [
    (StopReason::Cancelled, Ending::Cancelled),
    (StopReason::TimedOut, Ending::TimedOut),
    (StopReason::Stalled, Ending::Stalled),
    (StopReason::Shutdown, Ending::Interrupted),
];

const AT_ONCE: [(StopReason, Ending); 7] = [
    (StopReason::Stale, Ending::Stale),
    (StopReason::Evicted, Ending::Evicted),
    (StopReason::OutputLimit, Ending::OutputLimit),
    (StopReason::MemoryLimit, Ending::MemoryLimit),
    (StopReason::CpuLimit, Ending::CpuLimit),
    (StopReason::ProcessLimit, Ending::ProcessLimit),
    (StopReason::DiskLimit, Ending::DiskLimit),
];

#[test]
fn our_own_reason_comes_before_everything_else() {
    let fail = fail(Then::Dead);
    for (reason, expected) in ASKING.into_iter().chain(AT_ONCE) {
        let evidence = Evidence {
            reason: Some(reason),
            boot_failed: true,
            last_word: Some(&fail),
            fault: true,
            exit: Some(Exit::Signal(9)),
            command: true,
            supervisor_stopping: true,
            memory: Memory { group: GroupOom::Own, kernel_kills_rose: true, ..Memory::default() },
        };
        assert_eq!(ending(&evidence), (expected, false), "{reason:?}");
    }
}

#[test]
fn a_done_before_the_kill_completes_late_where_the_work_would_be_done_twice() {
    let done = done();
    for (reason, expected) in ASKING.into_iter().chain(AT_ONCE) {
        let evidence =
            Evidence { reason: Some(reason), last_word: Some(&done), ..Evidence::default() };
        let late =
            matches!(reason, StopReason::TimedOut | StopReason::Stalled | StopReason::Shutdown);
        let expected = if late { (Ending::Completed, true) } else { (expected, false) };
        assert_eq!(ending(&evidence), expected, "{reason:?}");
    }
}

#[test]
fn a_warm_child_speaks_through_its_last_word() {
    let (done, crash) = (done(), Some(Exit::Signal(6)));
    let fails = [
        (fail(Then::Retry), Ending::Failed),
        (fail(Then::RetryIn), Ending::Failed),
        (fail(Then::Snooze), Ending::Snoozed),
        (fail(Then::Dead), Ending::Rejected),
        (fail(Then::Cancel), Ending::Cancelled),
        (fail(Then::Interrupted), Ending::Interrupted),
    ];
    for (word, expected) in &fails {
        check(&[(Evidence { last_word: Some(word), ..Evidence::default() }, *expected)]);
    }
    let evidence = |last_word, exit| Evidence { last_word, exit, ..Evidence::default() };
    check(&[
        (evidence(Some(&done), crash), Ending::Completed),
        (evidence(None, crash), Ending::Crashed),
        (evidence(None, Some(Exit::Code(0))), Ending::ProtocolError),
        (evidence(None, Some(Exit::Code(75))), Ending::Exited),
        (evidence(None, None), Ending::ProtocolError),
        (Evidence { boot_failed: true, exit: crash, ..Evidence::default() }, Ending::BootFailed),
    ]);
}

#[test]
fn a_command_speaks_through_its_exit_code() {
    let (done, fail) = (done(), fail(Then::Retry));
    let command = |last_word, code| Evidence {
        last_word,
        exit: Some(Exit::Code(code)),
        command: true,
        ..Evidence::default()
    };
    check(&[
        (command(None, 0), Ending::Completed),
        (command(Some(&done), 0), Ending::Completed),
        (command(Some(&done), 3), Ending::Exited),
        (command(Some(&fail), 0), Ending::Failed),
        (command(None, 65), Ending::Rejected),
        (command(None, 75), Ending::Failed),
        (command(None, 1), Ending::Exited),
        (command(None, 128), Ending::Exited),
        (command(None, 134), Ending::Crashed),
        (command(None, 137), Ending::Killed),
        (command(None, 139), Ending::Crashed),
        (command(None, 255), Ending::Exited),
        (Evidence { fault: true, ..command(None, 0) }, Ending::ProtocolError),
    ]);
}

#[test]
fn signals_tell_crashes_from_kills_and_kills_from_a_stopping_host() {
    let by = |signal, supervisor_stopping| Evidence {
        exit: Some(Exit::Signal(signal)),
        supervisor_stopping,
        ..Evidence::default()
    };
    check(&[
        (by(6, false), Ending::Crashed),
        (by(11, true), Ending::Crashed),
        (by(9, false), Ending::Killed),
        (by(9, true), Ending::Killed),
        (by(15, false), Ending::Killed),
        (by(15, true), Ending::Interrupted),
        (by(1, true), Ending::Interrupted),
        (by(24, false), Ending::CpuLimit),
        (by(25, false), Ending::DiskLimit),
    ]);
}

#[test]
fn only_orderly_endings_keep_a_warm_child() {
    for keeps in [Ending::Completed, Ending::Failed, Ending::Rejected, Ending::Snoozed] {
        assert!(keeps.keeps_child());
    }
    for ends in [Ending::Cancelled, Ending::Interrupted, Ending::ProtocolError, Ending::Killed] {
        assert!(!ends.keeps_child());
    }
}

fn died_of(exit: Exit, memory: Memory<'_>) -> Evidence<'_> {
    Evidence { exit: Some(exit), memory, ..Evidence::default() }
}

#[test]
fn the_kernels_account_of_a_group_tells_the_guilty_from_the_victim() {
    let group = |group| Memory { group, kernel_kills_rose: true, ..Memory::default() };
    let done = done();
    check(&[
        (died_of(Exit::Signal(9), group(GroupOom::Own)), Ending::OomKilled),
        (died_of(Exit::Signal(9), group(GroupOom::Victim)), Ending::Evicted),
        (died_of(Exit::Signal(9), group(GroupOom::None)), Ending::ProbableOom),
        (died_of(Exit::Code(1), group(GroupOom::Own)), Ending::OomKilled),
        (
            Evidence { last_word: Some(&done), ..died_of(Exit::Signal(9), group(GroupOom::Own)) },
            Ending::Completed,
        ),
        (
            Evidence { command: true, ..died_of(Exit::Code(0), group(GroupOom::Own)) },
            Ending::Completed,
        ),
    ]);
}

#[test]
fn a_death_near_the_limit_or_with_the_words_for_it_is_probably_want_of_memory() {
    let near = Memory { peak_bytes: 90, limit_bytes: Some(100), ..Memory::default() };
    let far = Memory { peak_bytes: 89, ..near };
    let words = |stderr| Memory { stderr, ..Memory::default() };
    let long = format!("MemoryError{}", " ".repeat(3000));
    for signal in [4, 5, 6, 7, 11] {
        check(&[
            (died_of(Exit::Signal(signal), near), Ending::ProbableOom),
            (died_of(Exit::Signal(signal), far), Ending::Crashed),
            (
                died_of(Exit::Signal(signal), words("memory allocation of 9 bytes failed")),
                Ending::ProbableOom,
            ),
            (died_of(Exit::Signal(signal), words(&long)), Ending::Crashed),
        ]);
    }
    let command = |code, memory| Evidence { command: true, ..died_of(Exit::Code(code), memory) };
    check(&[
        (died_of(Exit::Code(1), words("Traceback\nMemoryError\n")), Ending::ProbableOom),
        (died_of(Exit::Code(1), words("terminate: std::bad_alloc")), Ending::ProbableOom),
        (died_of(Exit::Code(1), near), Ending::ProbableOom),
        (died_of(Exit::Code(1), far), Ending::Exited),
        (died_of(Exit::Code(0), near), Ending::ProtocolError),
        (died_of(Exit::Signal(9), near), Ending::Killed),
        (died_of(Exit::Signal(15), near), Ending::Killed),
        (command(134, words("JavaScript heap out of memory")), Ending::ProbableOom),
        (command(134, far), Ending::Crashed),
        (command(1, near), Ending::ProbableOom),
        (command(0, near), Ending::Completed),
        (command(65, near), Ending::Rejected),
        (command(75, near), Ending::Failed),
    ]);
    let shell = Memory { kernel_kills_rose: true, ..Memory::default() };
    check(&[(command(137, shell), Ending::ProbableOom)]);
}

#[test]
fn a_handler_that_reports_want_of_memory_is_believed_unless_it_wants_something_else() {
    let word = |class: Option<&str>, message: &str, then| LastWord::Fail {
        message: message.to_owned(),
        class: class.map(str::to_owned),
        trace: None,
        fingerprint: None,
        then,
        after: None,
    };
    let rows = [
        (word(Some("MemoryError"), "", Then::Retry), Ending::ProbableOom),
        (word(Some("java.lang.OutOfMemoryError"), "", Then::RetryIn), Ending::ProbableOom),
        (word(None, "Array buffer allocation failed", Then::Retry), Ending::ProbableOom),
        (word(Some("MemoryError"), "", Then::Dead), Ending::Rejected),
        (word(Some("ValueError"), "no memory of it", Then::Retry), Ending::Failed),
    ];
    for (word, expected) in &rows {
        check(&[(Evidence { last_word: Some(word), ..Evidence::default() }, *expected)]);
    }
}
