//! Faults that real processes meet: kills, freezes, a server that restarts, handlers that do harm, a pooler in between.
//!
//! One binary is everything: run plainly it is the test, with the argument `worker` it is a worker, and that
//! worker's children are the same binary again. So `backstay::enter()` comes first, and there is no harness.
//!
//! `FAULTS_SEED=7` repeats a run's chance; a word as argument runs only the faults whose names contain it, and those that
//! take an hour run only by their word. `FAULTS_FAKETIME` names a `libfaketimeMT.so.1` that is not where Debian puts it.

// Helpers of tests may panic as the tests do.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod backends;
mod campaign;
mod clock;
#[path = "../../../crates/backstay/tests/it/database.rs"]
#[allow(dead_code)]
mod database;
mod drains;
mod effect;
mod exhausted;
mod failover;
mod handlers;
mod harm;
mod kills;
mod leaks;
mod mutants;
mod operator;
mod pauses;
mod place;
mod points;
mod poison;
mod pooler;
mod process;
mod room;
mod run;
mod server;
mod sessions;
mod soak;
mod ticks;
mod trail;
mod upgrade;
mod wire;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use backstay_postgres::template;

/// Faults at one time: most of it is waiting, for a lease to run out or a server to come back.
const AT_ONCE: usize = 4;

/// What is done to the workers, by name; what lasts longest comes first.
const FAULTS: &[(&str, fn())] = &[
    ("a_worker_that_ends_at_any_step_leaves_everything_to_the_next", points::all),
    ("every_bug_that_is_put_in_is_found_by_the_check_that_is_named_for_it", mutants::all),
    ("random_kills_lose_no_job_and_repeat_only_what_ran", kills::inline),
    ("a_server_that_is_away_for_long_costs_no_job_and_no_start", server::away),
    ("workers_that_stand_still_and_go_on_change_nothing_of_others", pauses::some),
    ("a_synchronous_standby_that_takes_over_has_every_job", failover::synchronous),
    ("an_asynchronous_standby_that_takes_over_has_what_reached_it", failover::asynchronous),
    ("on_a_late_slow_torn_or_flapping_line_no_job_is_lost", wire::hurt),
    ("a_silent_line_is_noticed_and_costs_no_job", wire::silent),
    ("a_job_that_kills_its_workers_convicts_itself_and_nobody_else", poison::convicts_itself),
    ("a_server_that_restarts_costs_no_job_and_no_start", server::restarts),
    ("what_a_worker_holds_that_is_cut_off_is_taken_over", wire::cut_off),
    ("a_worker_that_nobody_sees_claims_nothing", wire::unseen),
    (
        "a_schedule_whose_workers_all_die_at_the_tick_makes_one_job_of_each",
        ticks::killed_at_the_tick,
    ),
    ("two_suspects_run_one_after_the_other", poison::takes_turns),
    ("workers_of_the_version_before_serve_a_schema_that_has_only_gained", upgrade::some),
    ("the_trail_sees_every_move_and_its_rules_can_fail", trail::breaches),
    ("killed_workers_take_their_children_along", kills::with_children),
    ("what_a_killed_worker_last_saw_of_its_jobs_is_told", kills::last_seen),
    ("a_frozen_worker_comes_back_and_changes_nothing", kills::frozen),
    (
        "a_frozen_worker_that_must_let_go_has_let_go_before_its_lease_ends",
        kills::frozen_and_cut_off,
    ),
    ("who_dies_while_it_takes_jobs_over_leaves_them_to_the_next", kills::half_rescued),
    ("what_is_claimed_after_its_worker_was_written_off_is_found", kills::claimed_too_late),
    ("a_worker_tells_that_the_one_before_it_was_lost", kills::told_by_the_next),
    ("a_migration_that_ends_half_way_has_done_nothing", points::migration),
    ("harm_is_billed_to_the_job_that_does_it", harm::all),
    ("no_more_runs_than_there_is_memory_for", room::bounds),
    ("before_memory_is_used_up_one_job_is_given_back_for_the_others", room::evicts),
    ("a_term_drains_and_gives_back_for_free", drains::term),
    ("a_term_to_all_processes_at_once_gives_back_for_free", drains::term_to_all),
    ("a_worker_whose_main_enters_late_refuses_to_start", drains::enters_late),
    ("a_killed_handler_leaves_no_query_running", backends::killed),
    ("handlers_see_a_login_of_their_own_and_no_other", backends::credentials),
    ("a_worker_without_a_free_connection_waits_and_goes_on", exhausted::connections),
    ("a_worker_on_a_server_that_only_reads_waits_and_goes_on", exhausted::read_only),
    ("a_worker_on_a_full_disk_waits_and_goes_on", exhausted::disk),
    ("through_a_transaction_pooler_everything_works", pooler::transaction),
    ("a_worker_that_hears_no_hints_polls_and_notices", wire::deaf),
    ("connections_that_break_at_once_are_made_twice_a_second_at_most", wire::storm),
    ("a_host_that_accepts_and_says_nothing_is_passed_over", wire::mute_host),
    ("sessions_that_are_ended_at_random_cost_no_job_and_no_worker", sessions::ended),
    ("a_worker_whose_wall_clock_is_wrong_is_neither_early_nor_late", clock::wrong),
];

fn main() -> ExitCode {
    if std::env::args().nth(1).is_some_and(|first| first == "late") {
        return handlers::enter_late();
    }
    backstay::enter();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "worker") {
        return handlers::work(&arguments[1..]);
    }
    match arguments.first().map(String::as_str) {
        Some("migrate") => {
            server::install(&arguments[1]);
            return ExitCode::SUCCESS;
        }
        Some("campaign") => return campaign::run(&arguments[1..]),
        _ => {}
    }
    run(&arguments)
}

fn run(arguments: &[String]) -> ExitCode {
    // Of the harness's own flags only the one that lists means something here.
    if arguments.iter().any(|argument| argument == "--list") {
        FAULTS.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    if template::is_skipped() {
        return ExitCode::SUCCESS;
    }
    let words: Vec<&String> = arguments.iter().filter(|word| !word.starts_with('-')).collect();
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(*word));
    println!("faults: seed {}", process::seed());
    let began = Instant::now();
    let next = Mutex::new(FAULTS.iter().filter(|(name, _)| wanted(name)));
    let (passed, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some((name, fault)) = next.lock().unwrap().next() else { return };
                    let count = if is_fine(name, *fault) { &passed } else { &failed };
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let (passed, failed) = (passed.into_inner(), failed.into_inner());
    let took = began.elapsed().as_secs_f32();
    println!("faults: {passed} passed, {failed} failed ({took:.1} s)");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Does one of them; whether it went well.
fn is_fine(name: &str, fault: fn()) -> bool {
    let began = Instant::now();
    // Named like a test, so that what it prints and skips is told by its name.
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(fault).unwrap();
    let is_fine = thread.join().is_ok();
    let word = if is_fine { "ok" } else { "FAILED" };
    println!("fault {name} ... {word} ({:.1} s)", began.elapsed().as_secs_f32());
    is_fine
}
