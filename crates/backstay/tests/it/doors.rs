//! The doors as SQL scripts: every option, every rule of a key, every verb from each state, and who may what.

use crate::database::{connect, fresh};

const HELPERS: &str = include_str!("../sql/helpers.sql");

/// Runs a script in a transaction that is given up; the script itself says what is wrong.
async fn run(script: &str) {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    let answer = client.batch_execute(&format!("begin;{HELPERS}{script};rollback")).await;
    if let Err(error) = answer {
        let said =
            error.as_db_error().map_or_else(|| error.to_string(), |e| e.message().to_owned());
        panic!("{said}");
    }
}

#[tokio::test]
async fn each_option_is_checked_and_a_contract_lies_beneath() {
    run(include_str!("../sql/options.sql")).await;
}

#[tokio::test]
async fn a_key_is_held_and_given_up_by_its_rules() {
    run(include_str!("../sql/unique.sql")).await;
}

#[tokio::test]
async fn each_verb_acts_from_the_states_it_may() {
    run(include_str!("../sql/verbs.sql")).await;
}

#[tokio::test]
async fn only_the_current_attempt_speaks_for_its_job() {
    run(include_str!("../sql/fence.sql")).await;
}

#[tokio::test]
async fn each_role_may_do_exactly_what_is_its_own() {
    run(include_str!("../sql/roles.sql")).await;
}
