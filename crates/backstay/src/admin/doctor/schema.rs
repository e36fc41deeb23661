//! What is installed: schema against program, roles.

use serde::Deserialize;

use super::{Finding, Health, blind, count, facts};
use crate::store::database::Database;
use crate::store::doctor::Facts;
use crate::store::migrate::{self, SCHEMA};

#[derive(Debug, Clone, Default, Deserialize)]
struct Roles {
    groups: Vec<String>,
    mine: Vec<String>,
    login: String,
    superuser: bool,
}

/// The findings, and whether anything is installed.
pub(super) async fn check(database: &Database) -> (Vec<Finding>, bool) {
    let (found, installed) = match standing(database).await {
        Ok((status, missing)) => {
            (version(status.version, status.contracted, missing), status.version > 0)
        }
        // Nobody is ready who may not even look.
        Err(error) => (Finding { health: Health::Fail, ..blind("schema", &error) }, false),
    };
    let mut found = vec![found];
    if installed {
        found.push(match facts::<Roles>(database, Facts::Roles).await {
            Ok(seen) => roles(&seen),
            Err(error) => blind("roles", &error),
        });
    }
    (found, installed)
}

async fn standing(
    database: &Database,
) -> Result<(migrate::Status, usize), crate::store::StoreError> {
    let status = migrate::status(database).await?;
    let is_of_others = status.version == 0 || status.version > SCHEMA;
    let missing = if is_of_others { 0 } else { migrate::plan(database).await?.len() };
    Ok((status, missing))
}

fn version(version: i32, contracted: i32, missing: usize) -> Finding {
    match version {
        0 => Finding::fail(
            "schema",
            "Backstay is not installed in this database",
            "backstay migrate up",
        ),
        newer if contracted > SCHEMA => Finding::fail(
            "schema",
            format!("version {newer} has lost what this program, of version {SCHEMA}, needs"),
            "use a newer program",
        ),
        newer if newer > SCHEMA => Finding::warn(
            "schema",
            format!(
                "version {newer}, newer than this program, of version {SCHEMA}, which it still serves"
            ),
            "finish the release: replace this program by the newer one",
        ),
        older if older < SCHEMA => Finding::fail(
            "schema",
            format!("version {older}, this program needs {SCHEMA}"),
            "backstay migrate up",
        ),
        _ if missing > 0 => Finding::warn(
            "schema",
            format!("version {SCHEMA}, but {} of another release", count(missing as u64, "step")),
            "backstay migrate up",
        ),
        _ => Finding::ok("schema", format!("version {SCHEMA}, as this program needs it")),
    }
}

fn roles(seen: &Roles) -> Finding {
    if seen.groups.is_empty() {
        return Finding::warn(
            "roles",
            format!("single: everything runs under `{}`, handlers too", seen.login),
            "backstay init --print shows the statements for an administrator",
        );
    }
    let short = |name: &String| name.trim_start_matches("backstay_").to_owned();
    let mine: Vec<String> = seen.mine.iter().map(short).collect();
    Finding::ok(
        "roles",
        match (seen.superuser, mine.is_empty()) {
            (true, _) => format!("in groups; this login, `{}`, is a superuser", seen.login),
            (_, true) => format!("in groups; this login, `{}`, is in none of them", seen.login),
            _ => format!("in groups; this login, `{}`, is {}", seen.login, mine.join(", ")),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_schema_as_the_program_needs_it_is_well() {
        assert_eq!(version(0, 0, 0).health, Health::Fail);
        assert_eq!(version(SCHEMA - 1, 0, 4).health, Health::Fail);
        assert_eq!(version(SCHEMA + 2, SCHEMA + 1, 0).health, Health::Fail);
        assert_eq!(version(SCHEMA + 2, SCHEMA, 0).health, Health::Warn, "it has only gained");
        assert_eq!(version(SCHEMA, 0, 2).health, Health::Warn);
        assert_eq!(version(SCHEMA, 0, 0).health, Health::Ok);
    }

    #[test]
    fn a_single_login_is_worth_a_word() {
        assert_eq!(roles(&Roles::default()).health, Health::Warn);
        let groups = Roles {
            groups: vec!["backstay_owner".into(), "backstay_viewer".into()],
            mine: vec!["backstay_viewer".into()],
            login: "ana".into(),
            superuser: false,
        };
        assert_eq!(roles(&groups).finding, "in groups; this login, `ana`, is viewer");
    }
}
