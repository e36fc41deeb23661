//! Who may do what: the catalogue against a written file, every statement under every role, and no right that nothing needs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tokio_postgres::{Client, Error};

use crate::database::{connect, fresh};

/// Every role but the owner's and the migrator's, who may everything.
pub(crate) const ROLES: [&str; 5] = [
    "backstay_worker",
    "backstay_enqueuer",
    "backstay_viewer",
    "backstay_operator",
    "backstay_auditor",
];

/// Statements of the worker that others may run too: those that touch no table, and those that read what a viewer sees.
const ANYBODY: [&str; 6] = [
    "attempt/end_backends",
    "attempt/gate",
    "attempt/ping",
    "duty/connections",
    "duty/durability",
    "duty/presence",
];
const LOOKS: [&str; 8] = [
    "duty/next_look",
    "attempt/mine",
    "attempt/peek",
    "attempt/verify",
    "duty/alive",
    "duty/incidents",
    "duty/look",
    "duty/steps_reached",
];
/// Through the door `show`, which applies its own rule.
const SHOWS: [&str; 1] = ["duty/told_jobs"];

/// What a worker runs beside its own statements: the doors of handlers, and the look at the schema when it starts.
const BESIDE: [&str; 11] = [
    "call/enqueue",
    "call/enqueue_many",
    "call/enqueue_rows",
    "call/cancel",
    "call/show",
    "call/assert_lease",
    "call/progress",
    "call/checkpoint",
    "call/complete",
    "migrate/applied",
    "migrate/bodies",
];

/// Rights of a worker that none of its statements needs, since people have them who look with a worker's login.
const FOR_PEOPLE: &str = "check_";

/// A statement file: `attempt/claim`, and its text.
struct Statement {
    name: String,
    text: String,
}

/// A database with group roles, and a connection in a transaction that is given up; none where there is neither.
async fn with_roles() -> Option<(Client, backstay_postgres::template::TestDatabase)> {
    let db = fresh()?;
    let client = connect(&db.url).await;
    let has_roles = "select exists (select from pg_roles where rolname = 'backstay_owner')";
    if !client.query_one(has_roles, &[]).await.unwrap().get::<_, bool>(0) {
        eprintln!("skipped: everything runs under one login here");
        return None;
    }
    // A plan for all values checks every right that the statement could need.
    client.batch_execute("set plan_cache_mode = force_generic_plan; begin").await.unwrap();
    Some((client, db))
}

#[tokio::test]
async fn the_catalogue_says_what_the_file_of_rights_says() {
    let Some((client, _db)) = with_roles().await else { return };
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sql/roles.toml"));
    let mut found = "# Who may do what in the schema, membership resolved; PUBLIC and whoever is not named: nothing.\n\
                     # The test `rights` compares it with the catalogue; BACKSTAY_WRITE_ROLES=1 has it written anew.\n"
        .to_owned();
    let mut last = String::new();
    for row in client.query(include_str!("../sql/matrix.sql"), &[]).await.unwrap() {
        let (role, line): (String, String) = (row.get(0), row.get(1));
        if role != last {
            found += &format!("\n[{role}]\n");
        }
        found += &format!("{line}\n");
        last = role;
    }
    if std::env::var_os("BACKSTAY_WRITE_ROLES").is_some() {
        return fs::write(path, found).unwrap();
    }
    let written = fs::read_to_string(path).unwrap();
    let differs = difference(&written, &found);
    assert!(
        differs.is_empty(),
        "rights are not what tests/sql/roles.toml says; read this, then write it with BACKSTAY_WRITE_ROLES=1:\n{}",
        differs.join("\n")
    );
}

/// The lines that stand only on one side, each with the role it is about.
fn difference(written: &str, found: &str) -> Vec<String> {
    let [written, found] = [written, found].map(lines_by_role);
    let gone = written.difference(&found).map(|(role, line)| format!("- [{role}] {line}"));
    let new = found.difference(&written).map(|(role, line)| format!("+ [{role}] {line}"));
    gone.chain(new).collect()
}

fn lines_by_role(text: &str) -> BTreeSet<(&str, &str)> {
    let mut role = "";
    let mut lines = BTreeSet::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(name) => role = name,
            None => _ = lines.insert((role, line)),
        }
    }
    lines
}

#[test]
fn a_right_that_one_role_has_more_and_another_less_is_told_with_its_role() {
    let written = "[a]\n\"table job\" = \"select\"\n[b]\n\"table job\" = \"select\"\n";
    let found = "[a]\n\"table job\" = \"delete, select\"\n[b]\n\"table job\" = \"select\"\n";
    let differs = difference(written, found);
    let told = ["- [a] \"table job\" = \"select\"", "+ [a] \"table job\" = \"delete, select\""];
    assert_eq!(differs, told);
}

#[tokio::test]
async fn each_statement_of_a_worker_runs_as_a_worker_and_as_nobody_else() {
    let Some((client, _db)) = with_roles().await else { return };
    let mut wrong = Vec::new();
    for statement in statements(&["attempt", "duty"]) {
        for role in ROLES {
            let ran = explain(&client, role, &statement).await;
            if ran != expected(role, &statement.name) {
                wrong.push(format!("{} as {role}: {ran:?}", statement.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a role gets for a statement: nothing, or the refusal.
fn expected(role: &str, name: &str) -> Result<(), String> {
    let may = match role {
        "backstay_worker" => true,
        _ if ANYBODY.contains(&name) => true,
        "backstay_viewer" | "backstay_operator" if LOOKS.contains(&name) => true,
        "backstay_viewer" | "backstay_operator" | "backstay_enqueuer" => SHOWS.contains(&name),
        _ => false,
    };
    if may { Ok(()) } else { Err("42501".into()) }
}

#[tokio::test]
async fn no_right_of_a_worker_is_idle() {
    let Some((client, _db)) = with_roles().await else { return };
    let mut corpus = statements(&["attempt", "duty"]);
    corpus.extend(BESIDE.map(|name| read(&folder().join(format!("{name}.sql")))));
    // A function that runs with its caller's rights needs them itself.
    let invoked = "select string_agg(prosrc, ' ') from pg_proc
                    where pronamespace = 'backstay'::regnamespace and not prosecdef";
    let invoked: String = client.query_one(invoked, &[]).await.unwrap().get(0);
    let mut idle = Vec::new();
    for grant in client.query(GRANTS, &[]).await.unwrap() {
        let [name, revoke]: [String; 2] = [grant.get(0), grant.get(1)];
        if name.starts_with(FOR_PEOPLE) {
            continue;
        }
        let users: Vec<&Statement> = corpus.iter().filter(|it| it.text.contains(&name)).collect();
        // Whether a number may be drawn from a sequence is asked only when it is drawn.
        let is_drawn = !users.is_empty() || invoked.contains(&name);
        let is_needed = if revoke.contains(" on sequence ") {
            is_drawn
        } else {
            is_missed(&client, &revoke, &users).await
        };
        if !is_needed {
            idle.push(revoke);
        }
    }
    assert!(idle.is_empty(), "no statement needs what these take away:\n{}", idle.join("\n"));
}

/// Each right that the worker was granted, as the name it is about and the statement that takes it away.
const GRANTS: &str = "
select c.relname, format('revoke %s on %s backstay.%I from backstay_worker', a.privilege_type, case c.relkind when 'S' then 'sequence' else 'table' end, c.relname)
  from pg_class c, aclexplode(c.relacl) a where c.relnamespace = 'backstay'::regnamespace and a.grantee = 'backstay_worker'::regrole
union all
select c.relname, format('revoke %s (%I) on backstay.%I from backstay_worker', x.privilege_type, a.attname, c.relname)
  from pg_class c join pg_attribute a on a.attrelid = c.oid, aclexplode(a.attacl) x
 where c.relnamespace = 'backstay'::regnamespace and x.grantee = 'backstay_worker'::regrole
union all
select p.proname, format('revoke execute on function %s from backstay_worker', p.oid::regprocedure)
  from pg_proc p, aclexplode(p.proacl) a where p.pronamespace = 'backstay'::regnamespace and a.grantee = 'backstay_worker'::regrole";

async fn is_missed(client: &Client, revoke: &str, users: &[&Statement]) -> bool {
    client.batch_execute(&format!("savepoint whole; {revoke}")).await.unwrap();
    let mut is_missed = false;
    for statement in users {
        is_missed = explain(client, "backstay_worker", statement).await.is_err();
        if is_missed {
            break;
        }
    }
    client.batch_execute("rollback to whole; release whole").await.unwrap();
    is_missed
}

/// Plans and opens a statement as a role, which asks for every right it needs, and changes nothing.
async fn explain(client: &Client, role: &str, statement: &Statement) -> Result<(), String> {
    let n = (1..=40).take_while(|n| statement.text.contains(&format!("${n}"))).count();
    let nulls = vec!["null"; n].join(", ");
    let execute = if n == 0 { "execute look".into() } else { format!("execute look({nulls})") };
    let text = &statement.text;
    let run = format!(
        "savepoint asked; set local role {role}; prepare look as {text}\n; explain {execute}"
    );
    let ran = client.batch_execute(&run).await;
    client.batch_execute("rollback to asked; release asked").await.unwrap();
    client.batch_execute("deallocate all").await.unwrap();
    ran.map_err(|error| code(&error))
}

fn code(error: &Error) -> String {
    error.code().map_or_else(|| error.to_string(), |code| code.code().to_owned())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sql")
}

fn statements(folders: &[&str]) -> Vec<Statement> {
    let within = |name: &&str| fs::read_dir(folder().join(name)).unwrap();
    let mut all: Vec<Statement> =
        folders.iter().flat_map(within).map(|file| read(&file.unwrap().path())).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(all.len() > 50, "{}", all.len());
    all
}

fn read(path: &Path) -> Statement {
    let name = path.strip_prefix(folder()).unwrap().with_extension("").display().to_string();
    Statement { name, text: fs::read_to_string(path).unwrap() }
}
