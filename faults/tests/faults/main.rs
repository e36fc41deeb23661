//! Faults that real processes meet: kills, freezes, a server that restarts, handlers that do harm, a pooler in between.
//!
//! One binary is everything: run plainly it is the test, with the argument `worker` it is a worker, and that
//! worker's children are the same binary again. So `backstay::enter()` comes first, and there is no harness.
//!
//! `FAULTS_SEED=7` repeats a run's chance; a word as argument runs only the faults whose names contain it.

// Helpers of tests may panic as the tests do.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod backends;
mod clock;
#[path = "../../../crates/backstay/tests/it/database.rs"]
#[allow(dead_code)]
mod database;
mod drains;
mod exhausted;
mod failover;
mod handlers;
mod harm;
mod kills;
mod place;
mod poison;
mod pooler;
mod process;
mod room;
mod server;
mod sessions;
mod wire;

use std::process::ExitCode;
use std::time::Instant;

use backstay_postgres::template;

/// What is done to the workers, by name.
const FAULTS: &[(&str, fn())] = &[
    ("random_kills_lose_no_job_and_repeat_only_what_ran", kills::inline),
    ("killed_workers_take_their_children_along", kills::with_children),
    ("what_a_killed_worker_last_saw_of_its_jobs_is_told", kills::last_seen),
    ("a_frozen_worker_comes_back_and_changes_nothing", kills::frozen),
    (
        "a_frozen_worker_that_must_let_go_has_let_go_before_its_lease_ends",
        kills::frozen_and_cut_off,
    ),
    ("a_worker_tells_that_the_one_before_it_was_lost", kills::told_by_the_next),
    ("a_server_that_restarts_costs_no_job_and_no_start", server::restarts),
    ("a_server_that_is_away_for_long_costs_no_job_and_no_start", server::away),
    ("harm_is_billed_to_the_job_that_does_it", harm::all),
    ("a_job_that_kills_its_workers_convicts_itself_and_nobody_else", poison::convicts_itself),
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
    ("on_a_late_slow_torn_or_flapping_line_no_job_is_lost", wire::hurt),
    ("a_worker_that_hears_no_hints_polls_and_notices", wire::deaf),
    ("a_silent_line_is_noticed_and_costs_no_job", wire::silent),
    ("what_a_worker_holds_that_is_cut_off_is_taken_over", wire::cut_off),
    ("connections_that_break_at_once_are_made_twice_a_second_at_most", wire::storm),
    ("a_host_that_accepts_and_says_nothing_is_passed_over", wire::mute_host),
    ("sessions_that_are_ended_at_random_cost_no_job_and_no_worker", sessions::ended),
    ("a_synchronous_standby_that_takes_over_has_every_job", failover::synchronous),
    ("an_asynchronous_standby_that_takes_over_has_what_reached_it", failover::asynchronous),
    ("a_worker_whose_wall_clock_is_wrong_is_neither_early_nor_late", clock::wrong),
];

/// What takes too long for every run; whoever names one gets it.
const CAMPAIGNS: &[(&str, fn())] = &[("campaign_on_a_line_that_fails_at_random", wire::at_random)];

fn main() -> ExitCode {
    if std::env::args().nth(1).is_some_and(|first| first == "late") {
        return handlers::enter_late();
    }
    backstay::enter();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "worker") {
        return handlers::work(&arguments[1..]);
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
    let (mut passed, mut failed) = (0, 0);
    let campaigns = CAMPAIGNS.iter().filter(|_| !words.is_empty());
    for (name, fault) in FAULTS.iter().chain(campaigns).filter(|(name, _)| wanted(name)) {
        let began = Instant::now();
        // Named like a test, so that what it prints and skips is told by its name.
        let thread = std::thread::Builder::new().name((*name).to_owned()).spawn(*fault).unwrap();
        let is_fine = thread.join().is_ok();
        let word = if is_fine { "ok" } else { "FAILED" };
        println!("fault {name} ... {word} ({:.1} s)", began.elapsed().as_secs_f32());
        *(if is_fine { &mut passed } else { &mut failed }) += 1;
    }
    println!("faults: {passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
