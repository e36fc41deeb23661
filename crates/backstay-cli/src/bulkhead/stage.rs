//! Where the bench takes place: its own database, a login for handlers, a folder, and the processes of one run.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use backstay::migrate::{self, LoginSort};
use backstay::{Database, StoreError};
use tokio_postgres::{Client, Config, NoTls};

use super::part::{Part, Surroundings};
use super::{harm, jobs};
use crate::cmd::connect;
use crate::cmd::private::{Place, with_database};
use crate::demo::database::{failed, make_anew};
use crate::failure::Failure;

/// The database that the bench makes anew.
const DATABASE: &str = "backstay_bulkhead";
/// The login of its handlers, made anew as well.
pub(crate) const HANDLERS: &str = "backstay_bulkhead_jobs";
/// How many sessions the handlers' login may have.
const HANDLER_SESSIONS: u32 = 8;
/// By this name the bench knows its own sessions.
const OURS: &str = "backstay bench bulkhead";
/// How long a worker may take until it lives.
const BOOT: Duration = Duration::from_secs(40);
/// Rows of the table that the API reads.
pub(crate) const ITEMS: i64 = 100_000;

/// The API's table, and a note of each beat.
const TABLES: &str = "
create schema bulkhead;
create table bulkhead.item (id bigint primary key, name text not null, price int not null);
insert into bulkhead.item select n, 'Item ' || n, 1 + n * 7919 % 20000 from generate_series(1::bigint, 100000) n;
analyze bulkhead.item;
create table bulkhead.beat (worker uuid not null, at timestamptz not null);
create function bulkhead.note_beat() returns trigger language plpgsql security definer as
  'begin insert into bulkhead.beat values (new.id, new.beat_at); return null; end';
create trigger note_beat after insert or update of beat_at on backstay.worker
  for each row execute function bulkhead.note_beat();
";

/// Everything that is there before the first run.
pub(crate) struct Stage {
    /// Keeps a second bench away.
    _admin: Client,
    pub(crate) db: Client,
    pub(crate) url: String,
    pub(crate) handler_url: String,
    pub(crate) folder: PathBuf,
    /// Which PostgreSQL, for the record.
    pub(crate) server: String,
}

impl Stage {
    pub(crate) async fn set(place: &Place) -> Result<Stage, Failure> {
        let admin = make_anew(&place.url, DATABASE, "bench bulkhead").await?;
        let url = with_database(&place.url, DATABASE);
        let database = Database::connect(&url).await.map_err(|error| connect::of_store(&error))?;
        migrate::up(&database, &migrate::Options::default())
            .await
            .map_err(|error| connect::of_migrate(&error))?;
        let db = dial(&url).await?;
        run(&db, TABLES).await?;
        let password = make_login(&db, &database).await?;
        let handler_url = with_login(&url, HANDLERS, &password).ok_or_else(|| {
            Failure::new("BS402", "the bench needs an address such as postgres://USER@HOST/NAME")
        })?;
        let io = |error: std::io::Error| {
            Failure::new("BS999", "the bench cannot be set up").because(&error)
        };
        let folder = crate::demo::make_folder().map_err(io)?;
        harm::write_bomb(&folder).map_err(io)?;
        std::fs::write(folder.join("backstay.toml"), jobs::SETTINGS).map_err(io)?;
        let row = db.query_one("select version()", &[]).await.map_err(|error| failed(&error))?;
        let version: String = row.get(0);
        let server = version.split(' ').take(2).collect::<Vec<_>>().join(" ");
        Ok(Stage { _admin: admin, db, url, handler_url, folder, server })
    }

    fn here(&self) -> Surroundings<'_> {
        Surroundings { folder: &self.folder, url: &self.url, handler_url: &self.handler_url }
    }

    /// Starts the API; with its address.
    pub(crate) async fn api(&self) -> Result<(Part, String), Failure> {
        let mut part = Part::start(&["bulkhead-api"], self.here())?;
        let port = part.first_line().await?;
        Ok((part, format!("127.0.0.1:{port}")))
    }

    /// Starts a worker, and waits until it lives; with its id and level.
    pub(crate) async fn worker(&self) -> Result<(Part, uuid::Uuid, String), Failure> {
        let mut part = Part::start(&["bulkhead-worker"], self.here())?;
        let text = "select id, coalesce(level, '') from backstay.workers where pid = $1 and state = 'live'";
        let deadline = Instant::now() + BOOT;
        loop {
            let rows = self.db.query(text, &[&part.pid]).await.map_err(|error| failed(&error))?;
            if let Some(row) = rows.first() {
                return Ok((part, row.get(0), row.get(1)));
            }
            if part.has_ended() || Instant::now() > deadline {
                let log = self.folder.join("bulkhead-worker.log");
                return Err(Failure::new("BS999", "the bench's worker did not start")
                    .hint(format!("its log: {}", log.display())));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A connection of its own for the siblings.
    pub(crate) async fn dial(&self) -> Result<Client, Failure> {
        dial(&self.url).await
    }

    /// Ends every session that a run has left behind, so that the next one begins in peace.
    pub(crate) async fn calm_down(&self) -> Result<(), Failure> {
        let text = format!(
            "select pg_terminate_backend(pid) from pg_stat_activity \
             where datname = '{DATABASE}' and application_name <> '{OURS}'"
        );
        run(&self.db, &text).await
    }

    /// Takes the folder and the login away; the database stays until the next bench.
    pub(crate) async fn strike(self) {
        // What cannot be removed is found and made anew by the next bench.
        let text = format!("drop owned by {HANDLERS}; drop role {HANDLERS}");
        drop(run(&self.db, &text).await);
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// The login that `backstay init --handler-role` makes, with fewer sessions, and the right to read the API's table.
async fn make_login(db: &Client, database: &Database) -> Result<String, Failure> {
    run(db, &format!("drop role if exists {HANDLERS}")).await?;
    let made = migrate::login(database, LoginSort::Handler, HANDLERS).await;
    let password = made.map_err(|error: StoreError| connect::of_store(&error))?;
    run(
        db,
        &format!(
            "alter role {HANDLERS} connection limit {HANDLER_SESSIONS}; \
             grant usage on schema bulkhead to {HANDLERS}; grant select on bulkhead.item to {HANDLERS}"
        ),
    )
    .await?;
    Ok(password.unwrap_or_default())
}

async fn dial(url: &str) -> Result<Client, Failure> {
    let mut config: Config = url.parse().map_err(|error| failed(&error))?;
    let connected = config.application_name(OURS).connect(NoTls).await;
    let (client, connection) = connected.map_err(|error| failed(&error))?;
    tokio::spawn(async move {
        // Whoever asks next hears that the connection is gone.
        drop(connection.await);
    });
    Ok(client)
}

async fn run(client: &Client, text: &str) -> Result<(), Failure> {
    client.batch_execute(text).await.map_err(|error| failed(&error))
}

/// The same address, another login.
fn with_login(url: &str, name: &str, password: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    Some(format!("{scheme}://{name}:{password}@{host}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_login_of_the_same_database() {
        let with = |url| with_login(url, "n", "p");
        assert_eq!(with("postgres://u:x@h:1/d?a=b").unwrap(), "postgres://n:p@h:1/d?a=b");
        assert_eq!(with("postgresql://h/d").unwrap(), "postgresql://n:p@h/d");
        assert_eq!(with("host=h"), None);
    }
}
