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

/// A look is planned and opened as a viewer, which asks for every right it needs, and reads nothing.
#[tokio::test]
async fn a_viewer_has_the_rights_of_every_look() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    let has_roles = "select exists (select from pg_roles where rolname = 'backstay_viewer')";
    if !client.query_one(has_roles, &[]).await.unwrap().get::<_, bool>(0) {
        return eprintln!("skipped: everything runs under one login here");
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/sql/inspect");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let looks: Vec<(String, String)> = files
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap()))
        .filter(|(_, text)| text.contains("-- role: viewer"))
        .collect();
    assert!(looks.len() > 10, "{}", looks.len());
    client.batch_execute("set role backstay_viewer").await.unwrap();
    for (name, text) in looks {
        let n = (1..=20).take_while(|n| text.contains(&format!("${n}"))).count();
        let nulls = vec!["null"; n].join(", ");
        let execute = if n == 0 { "execute look".into() } else { format!("execute look({nulls})") };
        let run = format!("prepare look as {text}\n; explain {execute}; deallocate look");
        let ran = client.batch_execute(&run).await;
        let said = ran.as_ref().err().and_then(|error| error.as_db_error());
        assert!(ran.is_ok(), "{name}: {}", said.map_or("", |error| error.message()));
    }
}
