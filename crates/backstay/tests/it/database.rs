//! A database for each test, with the schema as `migrate` makes it.

use backstay::{Database, Fence, migrate};
use backstay_postgres::template::{self, TestDatabase};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

/// Gives an empty database with the schema; none where tests with a database are switched off.
pub(crate) fn fresh() -> Option<TestDatabase> {
    if template::is_skipped() {
        return None;
    }
    let key: String = migrate::whole().iter().map(|step| step.sql).collect();
    Some(template::test_database(&key, run_sql, |url| apart(install(url))))
}

/// Opens a connection whose other half ends with it.
pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// How many jobs wait or run.
pub(crate) async fn count_jobs(url: &str) -> i64 {
    let client = connect(url).await;
    client.query_one("select count(*) from backstay.jobs", &[]).await.unwrap().get(0)
}

/// Claims the next job of a queue for a worker that is not there, with the worker's own statement.
pub(crate) async fn claim(client: &Client, queue: &str, kind: &str) -> Fence {
    let worker = Uuid::now_v7();
    let (levels, lows) = ((0..10).collect::<Vec<i16>>(), vec![0_i64; 10]);
    client.batch_execute("set backstay.open = true").await.unwrap();
    let params: [(&(dyn ToSql + Sync), Type); 11] = [
        (&queue, Type::TEXT),
        (&levels, Type::INT2_ARRAY),
        (&lows, Type::INT8_ARRAY),
        (&1_i32, Type::INT4),
        (&worker, Type::UUID),
        (&vec![kind], Type::TEXT_ARRAY),
        (&i32::MAX, Type::INT4),
        (&0_i32, Type::INT4),
        (&60_000_i64, Type::INT8),
        (&900_000_i64, Type::INT8),
        (&60_000_i64, Type::INT8),
    ];
    let text = include_str!("../../sql/attempt/claim.sql");
    let rows = client.query_typed(text, &params).await.unwrap();
    Fence { job: rows[0].get("id"), attempt: rows[0].get("attempt"), worker }
}

async fn install(url: &str) -> Result<(), String> {
    let database = Database::connect(url).await.map_err(|e| format!("{e:?}"))?;
    database.migrate().await.map_err(|e| format!("{e:?}"))?;
    Ok(())
}

fn run_sql(url: &str, sql: &str) -> Result<(), String> {
    apart(async {
        let (client, connection) =
            tokio_postgres::connect(url, NoTls).await.map_err(|e| format!("{e:?}"))?;
        let connection = tokio::spawn(connection);
        let done = client.batch_execute(sql).await.map_err(|e| format!("{e:?}"));
        drop(client);
        connection.await.expect("it does not panic").map_err(|e| format!("{e:?}"))?;
        done
    })
}

/// The kit calls back from inside and outside of runtimes, so this brings a thread and a runtime.
fn apart(work: impl Future<Output = Result<(), String>> + Send) -> Result<(), String> {
    let run = || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.map_err(|e| e.to_string())?.block_on(work)
    };
    std::thread::scope(|scope| scope.spawn(run).join().expect("its errors are values"))
}
