//! Makes the private database of a test: a copy of a template with the schema and the movable clock.

use std::future::Future;

use backstay_postgres::template::{self, TestDatabase};

use crate::store::database::{Database, Purpose};
use crate::store::{StoreError, migrate};

const CLOCK: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/testing/clock.sql"));

/// Makes the database, on a thread that may wait.
pub(crate) async fn make() -> TestDatabase {
    let key: String = migrate::whole().iter().map(|step| step.sql).chain([CLOCK]).collect();
    let made = tokio::task::spawn_blocking(move || {
        template::test_database(&key, run_sql, |url| apart(build(url)))
    });
    match made.await {
        Ok(made) => made,
        // It has said why: there is no PostgreSQL, or the schema cannot be installed.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Says that this is a database of the kit, whose clock may be moved.
pub(crate) async fn mark(database: &Database) -> Result<(), StoreError> {
    let text = format!("comment on database {} is 'backstay test database'", database.name());
    database.call(async |link| link.batch(&text).await).await
}

async fn build(url: &str) -> Result<(), String> {
    let database = Database::connect(url).await.map_err(|error| error.to_string())?;
    migrate::up(&database, &migrate::Options::default())
        .await
        .map_err(|error| error.to_string())?;
    let rest = database.call(async |link| {
        link.batch(CLOCK).await?;
        // Every test needs them, and making them takes longer than copying them.
        link.batch("select backstay.make_partitions()").await
    });
    rest.await.map_err(|error| error.to_string())
}

fn run_sql(url: &str, sql: &str) -> Result<(), String> {
    apart(async {
        let database = Database::connect(url).await.map_err(|error| error.to_string())?;
        let link = database.open(Purpose::Call, None).await;
        link.map_err(|error| error.to_string())?.batch(sql).await.map_err(|error| error.to_string())
    })
}

/// The template calls back from inside and outside of runtimes, so this brings a thread and a runtime of its own.
fn apart(work: impl Future<Output = Result<(), String>> + Send) -> Result<(), String> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|error| error.to_string())?.block_on(work)
    };
    std::thread::scope(|scope| scope.spawn(run).join().expect("its errors are values"))
}
