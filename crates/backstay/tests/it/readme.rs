//! What README.md shows works: its SQL is run as it stands, its Rust is this very code.

use backstay::{Job, JobState, enqueue, show};
use serde::{Deserialize, Serialize};
use sqlx_0_9 as sqlx;

use crate::database::{connect, fresh};

const README: &str = include_str!("../../../../README.md");

/// The fenced blocks of a language, in their order.
fn blocks(language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let parts = README.split(&fence).skip(1);
    parts.map(|part| part.split("```").next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_sql_is_run_as_it_stands() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    client.batch_execute("create table account (id int, plan text)").await.unwrap();
    let all = blocks("sql");
    assert!(all.len() >= 2, "{all:?}");
    for sql in all {
        client.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{error:?}: {sql}"));
    }
    let job = client.query_one("select id, priority from backstay.jobs", &[]).await.unwrap();
    assert_eq!(job.get::<_, i16>("priority"), 2, "it was asked for as `high`");
}

#[rustfmt::skip]
#[derive(Serialize, Deserialize, Job)]
#[job(kind = "report")]
struct Report { tenant: i64, month: String }

#[tokio::test]
async fn the_rust_is_this_code() {
    let Some(db) = fresh() else { return };
    let pool = sqlx::PgPool::connect(&db.url).await.unwrap();
    sqlx::raw_sql("create table account (id int, plan text)").execute(&pool).await.unwrap();
    let job = upgrade(&pool).await.unwrap();
    assert_eq!(show(&pool, job).await.unwrap().unwrap().state, JobState::Ready);

    let this = include_str!("readme.rs").replace("let job = enqueue", "enqueue");
    let mut rest: String = this.split_whitespace().collect();
    let written = blocks("rust").concat();
    for line in written.lines().filter(|line| !line.trim().is_empty()) {
        let line: String = line.split_whitespace().collect();
        let at = rest.find(&line).unwrap_or_else(|| panic!("README.md has other code: {line}"));
        rest = rest.split_off(at + line.len());
    }
}

async fn upgrade(pool: &sqlx::PgPool) -> Result<i64, Box<dyn std::error::Error>> {
    let mut tx = pool.begin().await?;
    sqlx::query("update account set plan = 'pro' where id = 7").execute(&mut *tx).await?;
    let job = enqueue(&mut tx, Report { tenant: 7, month: "2026-11".into() }).await?;
    tx.commit().await?;
    Ok(job.id)
}
