//! Brings the schema up, one process at a time: migrations forward, then the functions and views that differ, then the grants.

use std::collections::BTreeMap;

use super::StoreError;
use super::database::Database;
use super::files;
use super::statement::{Link, Sql, sql};
use crate::failpoint::failpoint;
use sha2::{Digest, Sha256};

/// The schema that this version makes and serves.
pub const SCHEMA: i32 = 20;
/// The oldest major version of PostgreSQL that this version serves.
pub const OLDEST_SERVER: i32 = 14;

/// What is not as this version needs it.
///
/// ```no_run
/// use backstay::Database;
/// use backstay::migrate::MigrateError;
///
/// # async fn example(database: Database) {
/// match database.migrate().await {
///     Ok(report) => println!("{} steps", report.steps.len()),
///     Err(MigrateError::TooNew { found }) => eprintln!("the schema is at {found}; deploy the new program"),
///     Err(other) => eprintln!("{}: {other}", other.code()),
/// }
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// There is nothing here yet.
    #[error("Backstay is not installed in this database; install it with `backstay migrate up`")]
    NotInstalled,
    /// The schema is older than this version.
    #[error(
        "the schema is at version {found}, this program needs {SCHEMA}; bring it up with `backstay migrate up`"
    )]
    TooOld {
        /// What was found.
        found: i32,
    },
    /// The schema is newer than this version, and has lost what this version needs. One that has only gained is served.
    #[error(
        "the schema is at version {found} and has lost what this program, of version {SCHEMA}, needs; use a newer program"
    )]
    TooNew {
        /// What was found.
        found: i32,
    },
    /// The server is older than PostgreSQL 14.
    #[error("PostgreSQL {found} is too old; 14 or newer is needed")]
    ServerTooOld {
        /// Its major version.
        found: i32,
    },
    /// The server does not take writes.
    #[error("this server is read-only (a standby?); use the address of the primary")]
    ReadOnly,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MigrateError {
    /// The stable code.
    pub fn code(&self) -> &str {
        match self {
            MigrateError::NotInstalled => "BS502",
            MigrateError::TooOld { .. } | MigrateError::TooNew { .. } => "BS503",
            MigrateError::ServerTooOld { .. } => "BS506",
            MigrateError::ReadOnly => "BS505",
            MigrateError::Store(error) => error.code(),
        }
    }
}

/// One step that is or was to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// `migration`, `function`, `role` or `grant`.
    pub sort: &'static str,
    /// The file, without its ending.
    pub name: String,
    /// `pre` runs before new programs start, `post` after the old ones are gone.
    pub phase: &'static str,
    /// The first line of the file: what it is for.
    pub purpose: String,
    /// The whole statement.
    pub sql: &'static str,
}

/// What was done.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Steps that were taken, in order.
    pub steps: Vec<Step>,
    /// Whether the group roles exist, so that everybody gets only what is theirs.
    pub with_roles: bool,
}

/// Where a database stands.
#[derive(Debug, Clone)]
pub struct Status {
    /// The schema's version; 0 where there is none.
    pub version: i32,
    /// Which migrations ran: version, name, when (RFC 3339).
    pub applied: Vec<(i32, String, String)>,
    /// The newest version that took something away, so that only programs which know it may run; 0 where none did.
    pub contracted: i32,
    /// Whether the group roles exist.
    pub with_roles: bool,
}

/// How to go about it.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long to wait for a lock that an application holds; it is tried again.
    pub lock_timeout: std::time::Duration,
    /// Make the group roles where the login may.
    pub roles: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { lock_timeout: std::time::Duration::from_secs(2), roles: true }
    }
}

static KNOWN: Sql = sql!("migrate/known", []);
static APPLIED: Sql = sql!("migrate/applied", []);
static BODIES: Sql = sql!("migrate/bodies", []);
static LOCK: Sql = sql!("migrate/lock", [TEXT]);
static RIGHTS: Sql = sql!("migrate/rights", []);
static NOTE_MIGRATION: Sql = sql!("migrate/note_migration", [INT4, TEXT, TEXT, TEXT]);
static NOTE_BODY: Sql = sql!("migrate/note_body", [TEXT, TEXT]);
static BECOME_OWNER: Sql = sql!("migrate/become_owner", []);
static ASK: Sql = sql!("migrate/ask", [TEXT, TEXT]);
static LOGIN_API: Sql = sql!("role/login_api", []);
static LOGIN_WORKER: Sql = sql!("role/login_worker", []);
static LOGIN_HANDLER: Sql = sql!("role/login_handler", []);

/// Says where the database stands.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn status(database: &Database) -> Result<Status, StoreError> {
    database.call(async |link| read_status(link).await).await
}

/// Refuses a database that this version cannot serve.
///
/// ```
/// # use backstay::testing::TestQueue;
/// # use backstay::Worker;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # if backstay::testing::is_skipped() { return Ok(()) }
/// # let t = TestQueue::start(Worker::without_state().build()).await?;
/// backstay::migrate::check(t.database()).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// BS502 where nothing is installed, BS503 for another schema, BS505 and BS506 for a server that will not do, BS5xx from it.
pub async fn check(database: &Database) -> Result<(), MigrateError> {
    let (status, major, standby) = database
        .call(async |link| {
            let known = link.query_one(&KNOWN, &[]).await?;
            Ok((
                read_status(link).await?,
                known.get::<_, i32>("major"),
                known.get::<_, bool>("standby"),
            ))
        })
        .await?;
    match status.version {
        _ if major < 14 => Err(MigrateError::ServerTooOld { found: major }),
        _ if standby => Err(MigrateError::ReadOnly),
        0 => Err(MigrateError::NotInstalled),
        found if found < SCHEMA => Err(MigrateError::TooOld { found }),
        found if status.contracted > SCHEMA => Err(MigrateError::TooNew { found }),
        // What was added since is nothing to this version: while a release is rolled out, old workers may start again.
        _ => Ok(()),
    }
}

async fn read_status(link: &Link) -> Result<Status, StoreError> {
    let known = link.query_one(&KNOWN, &[]).await?;
    let with_roles = known.get("with_roles");
    if !known.get::<_, bool>("installed") {
        return Ok(Status { version: 0, applied: Vec::new(), contracted: 0, with_roles });
    }
    let rows = link.query(&APPLIED, &[]).await?;
    let applied: Vec<(i32, String, String)> = rows
        .iter()
        .map(|row| {
            (row.get("version"), row.get("name"), row.get::<_, jiff::Timestamp>("at").to_string())
        })
        .collect();
    let losses = rows.iter().filter(|row| row.get::<_, &str>("phase") == "post");
    let contracted = losses.map(|row| row.get("version")).max().unwrap_or(0);
    let version = applied.last().map_or(0, |last| last.0);
    Ok(Status { version, applied, contracted, with_roles })
}

/// What follows the step `role`: the login goes on as the owner of all that is made.
pub fn become_owner() -> &'static str {
    BECOME_OWNER.text
}

/// The statement that notes a step as taken, for whoever runs the steps by hand; none for roles, which stand outside.
pub fn note_sql(step: &Step) -> Option<String> {
    let (text, values) = match step.sort {
        "role" => return None,
        "migration" => {
            let version = number(&step.name).to_string();
            (
                NOTE_MIGRATION.text,
                vec![version, quoted(&step.name), quoted(step.phase), quoted(&hash(step.sql))],
            )
        }
        _ => (NOTE_BODY.text, vec![quoted(body_name(step)), quoted(&hash(step.sql))]),
    };
    let filled = values
        .iter()
        .enumerate()
        .fold(text.to_owned(), |text, (n, value)| text.replace(&format!("${}", n + 1), value));
    // The header explains the parameters, which are gone now.
    let lines: Vec<&str> = filled.lines().filter(|line| !line.starts_with("--")).collect();
    Some(format!("{};", lines.join("\n").trim_end()))
}

/// A text of ours as a literal; none of them holds a quote.
fn quoted(text: &str) -> String {
    format!("'{text}'")
}

fn body_name(step: &Step) -> &str {
    if step.sort == "grant" { "role/grants" } else { step.name.as_str() }
}

/// What `up` would do on an empty database: every statement, in order.
pub fn whole() -> Vec<Step> {
    let mut steps = vec![step("role", "roles", files::ROLES)];
    steps.extend(files::SCHEMA.iter().map(|(name, sql)| step("migration", name, sql)));
    steps.extend(files::bodies().into_iter().map(|(name, sql)| step("function", name, sql)));
    steps.push(step("grant", "grants", files::GRANTS));
    steps
}

/// What `up` would do on this database.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn plan(database: &Database) -> Result<Vec<Step>, StoreError> {
    database
        .call(async |link| {
            let status = read_status(link).await?;
            let hashes =
                if status.version == 0 { BTreeMap::new() } else { body_hashes(link).await? };
            Ok(missing(&status, &hashes))
        })
        .await
}

fn missing(status: &Status, hashes: &BTreeMap<String, String>) -> Vec<Step> {
    let mut steps = Vec::new();
    if !status.with_roles {
        steps.push(step("role", "roles", files::ROLES));
    }
    let is_new = |name: &str| number(name) > status.version || status.applied.is_empty();
    steps.extend(
        files::SCHEMA
            .iter()
            .filter(|(name, _)| is_new(name))
            .map(|(name, sql)| step("migration", name, sql)),
    );
    let differs = |name: &str, sql: &str| hashes.get(name) != Some(&hash(sql));
    steps.extend(
        files::bodies()
            .into_iter()
            .filter(|(name, sql)| differs(name, sql))
            .map(|(name, sql)| step("function", name, sql)),
    );
    if !steps.is_empty() || differs("role/grants", files::GRANTS) {
        steps.push(step("grant", "grants", files::GRANTS));
    }
    steps
}

impl Database {
    /// Installs the schema, or brings it up to what this version serves.
    ///
    /// # Errors
    ///
    /// BS503 where the schema is newer than this version serves, BS504 where the login may not.
    pub async fn migrate(&self) -> Result<Report, MigrateError> {
        up(self, &Options::default()).await
    }
}

/// Installs or brings up the schema.
///
/// ```
/// use backstay::migrate::{self, LoginSort, Options, Report, Status};
/// use backstay::testing::TestQueue;
/// use backstay::Worker;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # if backstay::testing::is_skipped() { return Ok(()) }
/// let t = TestQueue::start(Worker::without_state().build()).await?;
/// let database = t.database();
/// let Status { version, .. } = migrate::status(database).await?;
/// assert_eq!(version, migrate::SCHEMA);
/// assert!(migrate::plan(database).await?.is_empty(), "nothing to do");
/// let Report { steps, .. } = migrate::up(database, &Options::default()).await?;
/// assert!(steps.is_empty());
///
/// // What a cautious owner runs by hand instead: every statement, as the owner of what is made.
/// for step in migrate::whole() {
///     let note = migrate::note_sql(&step).unwrap_or_default();
///     println!("-- {} {}: {}\n{};\n{note}", step.sort, step.name, step.purpose, step.sql);
///     if step.sort == "role" {
///         println!("{};", migrate::become_owner());
///     }
/// }
/// println!("{}", migrate::login_sql(LoginSort::Api, "shop"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// BS503 where the schema is newer, BS504 where the login may not, BS5xx from the database.
pub async fn up(database: &Database, options: &Options) -> Result<Report, MigrateError> {
    let status = status(database).await?;
    if status.version > SCHEMA {
        return Err(MigrateError::TooNew { found: status.version });
    }
    let mut tries = 0;
    loop {
        let answer = database.call(async |link| transaction(link, options).await).await;
        match answer {
            // Somebody holds a lock that a change needs; waiting longer would make others wait behind us.
            Err(StoreError::Refused { sqlstate, .. }) if sqlstate == "55P03" && tries < 10 => {
                tries += 1
            }
            other => return other.map_err(MigrateError::Store),
        }
    }
}

async fn transaction(link: &Link, options: &Options) -> Result<Report, StoreError> {
    link.batch("begin isolation level read committed").await?;
    let done = steps(link, options).await;
    match &done {
        Ok(_) => link.batch("commit").await?,
        // The first error is the one to tell.
        Err(_) => drop(link.batch("rollback").await),
    }
    done
}

async fn steps(link: &Link, options: &Options) -> Result<Report, StoreError> {
    link.query(&LOCK, &[&format!("{}ms", options.lock_timeout.as_millis())]).await?;
    let mut report = Report::default();
    let before = read_status(link).await?;
    if options.roles
        && link.query_one(&RIGHTS, &[]).await?.get::<_, bool>("may_create_roles")
        && !before.with_roles
    {
        link.batch(files::ROLES).await?;
        report.steps.push(step("role", "roles", files::ROLES));
    }
    let status = read_status(link).await?;
    report.with_roles = status.with_roles;
    if status.with_roles {
        link.batch(BECOME_OWNER.text).await?;
    }
    let hashes = if status.version == 0 { BTreeMap::new() } else { body_hashes(link).await? };
    for step in missing(&status, &hashes).into_iter().filter(|step| step.sort != "role") {
        if step.sort == "grant" && !status.with_roles {
            continue;
        }
        link.batch(step.sql).await.map_err(|error| named(error, &step))?;
        note(link, &step).await?;
        failpoint!("migrate.between_steps");
        report.steps.push(step);
    }
    Ok(report)
}

async fn body_hashes(link: &Link) -> Result<BTreeMap<String, String>, StoreError> {
    Ok(link
        .query(&BODIES, &[])
        .await?
        .iter()
        .map(|row| (row.get("file"), row.get("hash")))
        .collect())
}

async fn note(link: &Link, step: &Step) -> Result<(), StoreError> {
    let hash = hash(step.sql);
    if step.sort == "migration" {
        let version = number(&step.name);
        return link
            .query(&NOTE_MIGRATION, &[&version, &step.name, &step.phase, &hash])
            .await
            .map(drop);
    }
    link.query(&NOTE_BODY, &[&body_name(step), &hash]).await.map(drop)
}

/// What a login is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginSort {
    /// The application: it enqueues.
    Api,
    /// `backstay work`.
    Worker,
    /// Handlers, for the application's own tables.
    Handler,
}

impl LoginSort {
    fn sql(self) -> &'static Sql {
        match self {
            LoginSort::Api => &LOGIN_API,
            LoginSort::Worker => &LOGIN_WORKER,
            LoginSort::Handler => &LOGIN_HANDLER,
        }
    }
}

/// The statements that give a login its rights, as a person would run them.
pub fn login_sql(sort: LoginSort, name: &str) -> String {
    let name = name.replace('\'', "''");
    format!(
        "set backstay.login = '{name}';  set backstay.password = 'choose one';\n{};",
        sort.sql().text.trim_end()
    )
}

/// Gives a login its rights, and makes it where it is not there; the password of one that was made.
///
/// ```no_run
/// use backstay::Database;
/// use backstay::migrate::{self, LoginSort};
///
/// # async fn example(database: Database) -> Result<(), backstay::StoreError> {
/// if let Some(password) = migrate::login(&database, LoginSort::Handler, "shop_jobs").await? {
///     println!("shop_jobs is new; its password is {password}");
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// BS504 where the own login may not.
pub async fn login(
    database: &Database,
    sort: LoginSort,
    name: &str,
) -> Result<Option<String>, StoreError> {
    let password = uuid::Uuid::new_v4().simple().to_string();
    let before = logins_named(database, name).await?;
    database
        .call(async |link| {
            link.batch("begin").await?;
            link.query(&ASK, &[&name, &password]).await?;
            let given = link.batch(sort.sql().text).await;
            link.batch(if given.is_ok() { "commit" } else { "rollback" }).await?;
            given
        })
        .await?;
    Ok((before == 0).then_some(password))
}

static LOGINS: Sql = sql!("migrate/logins", [TEXT]);

async fn logins_named(database: &Database, name: &str) -> Result<i64, StoreError> {
    database.call(async |link| Ok(link.query_one(&LOGINS, &[&name]).await?.get(0))).await
}

fn named(error: StoreError, step: &Step) -> StoreError {
    match error {
        StoreError::Refused { sqlstate, message, detail, hint } => StoreError::Refused {
            sqlstate,
            message: format!("{} `{}`: {message}", step.sort, step.name),
            detail,
            hint,
        },
        other => other,
    }
}

fn step(sort: &'static str, name: &str, sql: &'static str) -> Step {
    let purpose = sql.lines().next().unwrap_or_default().trim_start_matches("--").trim().to_owned();
    let phase =
        if sql.lines().any(|line| line.trim() == "-- phase: post") { "post" } else { "pre" };
    Step { sort, name: name.to_owned(), phase, purpose, sql }
}

fn number(name: &str) -> i32 {
    name.split('_').next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

fn hash(sql: &str) -> String {
    Sha256::digest(sql.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
