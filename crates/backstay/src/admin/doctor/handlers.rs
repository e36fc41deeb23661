//! The login that handlers use: its ceilings are what keeps a job from harming the database.

use serde::Deserialize;

use super::{Finding, blind, facts};
use crate::model::config::Secret;
use crate::store::database::Database;
use crate::store::doctor::Facts;

#[derive(Debug, Clone, Deserialize)]
struct Handlers {
    login: String,
    superuser: bool,
    connections: i64,
    unset: Vec<String>,
    parallel: bool,
    groups: Vec<String>,
}

/// Looks under that login, on the server that handlers use; says nothing where the settings name none.
pub(super) async fn check(database: &Database, url: Option<&Secret>) -> Vec<Finding> {
    let Some(url) = url else {
        return vec![Finding::warn(
            "handlers",
            "no login of their own: nothing bounds what a job does to the database, and the query of a killed one goes on",
            "backstay init --handler-role NAME, then set worker.handler_database_url",
        )];
    };
    let theirs = match Database::connect(url.expose()).await {
        Ok(theirs) => theirs,
        Err(error) => return vec![blind("handlers", &error)],
    };
    match facts::<Handlers>(&theirs, Facts::Handlers).await {
        Ok(seen) => vec![judge(&seen, theirs.place() == database.place())],
        Err(error) => vec![blind("handlers", &error)],
    }
}

fn judge(seen: &Handlers, is_ours: bool) -> Finding {
    let login = &seen.login;
    let remedy = format!("backstay init --handler-role {login}");
    if seen.superuser {
        let finding = format!("`{login}` is a superuser, whom no ceiling holds");
        return Finding::fail("handlers", finding, "give handlers a login of their own");
    }
    let mut missing = seen.unset.clone();
    if seen.connections < 0 {
        missing.push("connection limit".into());
    }
    if !missing.is_empty() {
        let mut finding = format!("`{login}` has no {}", missing.join(", "));
        if let Some(group) = seen.groups.first() {
            finding = format!("{finding}; what is set on its group `{group}` does nothing for it");
        }
        return Finding::fail("handlers", finding, remedy);
    }
    if is_ours {
        let finding =
            format!("`{login}` is the worker's own login: handlers can use up its connections");
        return Finding::warn("handlers", finding, "backstay init --handler-role NAME");
    }
    if seen.parallel {
        let finding = format!("a query of `{login}` may take several cores");
        return Finding::warn("handlers", finding, remedy);
    }
    Finding::ok(
        "handlers",
        format!("`{login}`, with its ceilings, {} connections", seen.connections),
    )
}

#[cfg(test)]
mod tests {
    use super::super::Health;
    use super::*;

    fn good() -> Handlers {
        Handlers {
            login: "app_jobs".into(),
            superuser: false,
            connections: 16,
            unset: Vec::new(),
            parallel: false,
            groups: Vec::new(),
        }
    }

    #[test]
    fn a_login_with_all_its_ceilings_is_well() {
        let finding = judge(&good(), false);
        assert_eq!(finding.health, Health::Ok);
        assert_eq!(finding.finding, "`app_jobs`, with its ceilings, 16 connections");
    }

    #[test]
    fn what_is_set_on_a_group_is_told_to_do_nothing() {
        let unset = vec!["lock_timeout".to_owned(), "statement_timeout".to_owned()];
        let seen = Handlers { unset, connections: -1, groups: vec!["jobs".into()], ..good() };
        let finding = judge(&seen, false);
        assert_eq!(finding.health, Health::Fail);
        assert_eq!(
            finding.finding,
            "`app_jobs` has no lock_timeout, statement_timeout, connection limit; what is set on its group `jobs` does nothing for it"
        );
        assert_eq!(finding.remedy.as_deref(), Some("backstay init --handler-role app_jobs"));
    }

    #[test]
    fn a_superuser_and_the_workers_own_login_will_not_do() {
        assert_eq!(judge(&Handlers { superuser: true, ..good() }, false).health, Health::Fail);
        assert_eq!(judge(&good(), true).health, Health::Warn);
        assert_eq!(judge(&Handlers { parallel: true, ..good() }, false).health, Health::Warn);
    }
}
