//! What a test expects to find: jobs that were enqueued, jobs that were not, dead letters.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::TestQueue;
use crate::call::caller::Caller;
use crate::model::request::Job;

const OPEN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/testing/open_jobs.sql"));
const DEAD: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/testing/dead_jobs.sql"));

/// A dead letter, as a test looks at it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Dead<J> {
    /// The job's id.
    pub id: i64,
    /// What was asked for; none where the args cannot be read as a `J`.
    pub job: Option<J>,
    /// Why it is dead: `failed`, `rejected`, `timed_out` and so on.
    pub reason: String,
    /// The first line of what went wrong, without what varies from one to the next.
    pub title: String,
    /// What went wrong in each attempt, oldest first.
    pub errors: Vec<String>,
}

#[derive(Deserialize)]
struct Row {
    id: String,
    args: Box<RawValue>,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    errors: Vec<String>,
}

impl TestQueue {
    /// Expects a job of this kind that waits or runs and of which `is_it` holds; gives its id.
    ///
    /// # Panics
    /// When there is none; says which ones there are.
    #[track_caller]
    pub fn expect_enqueued<J: Job>(&self, is_it: impl Fn(&J) -> bool) -> impl Future<Output = i64> {
        self.expect_enqueued_in(self.database(), is_it)
    }

    /// The same inside a transaction, before anybody else can see what was enqueued there.
    ///
    /// ```no_run
    /// # use backstay::{Job, enqueue, testing::TestQueue};
    /// # #[derive(serde::Serialize, serde::Deserialize, Job)] #[job(kind = "digest")] struct Digest { user: i64 }
    /// # async fn example(t: TestQueue) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut tx = t.sqlx().begin().await?;
    /// enqueue(&mut tx, Digest { user: 7 }).await?;
    /// t.expect_enqueued_in::<Digest>(&mut tx, |digest| digest.user == 7).await;
    /// t.expect_none::<Digest>().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// When there is none; says which ones there are.
    #[track_caller]
    pub fn expect_enqueued_in<J: Job>(
        &self,
        db: impl Caller,
        is_it: impl Fn(&J) -> bool,
    ) -> impl Future<Output = i64> {
        let place = std::panic::Location::caller();
        async move {
            let rows = rows(db, OPEN, J::KIND).await;
            let found = rows.iter().find(|row| row.job::<J>().is_some_and(|job| is_it(&job)));
            match found {
                Some(row) => row.number(),
                None => {
                    panic!("{place}: no job of the kind `{}` is the one: {}", J::KIND, list(&rows))
                }
            }
        }
    }

    /// Expects that no job of this kind waits or runs.
    ///
    /// # Panics
    /// When there is one; says which.
    #[track_caller]
    pub fn expect_none<J: Job>(&self) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            let rows = rows(self.database(), OPEN, J::KIND).await;
            assert!(rows.is_empty(), "{place}: jobs of the kind `{}`: {}", J::KIND, list(&rows));
        }
    }

    /// Gives the dead letters of this kind, oldest first; discarded ones are not among them.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn dead<J: Job>(&self) -> Vec<Dead<J>> {
        let dead = |row: Row| Dead {
            id: row.number(),
            job: row.job(),
            reason: row.reason,
            title: row.title,
            errors: row.errors,
        };
        rows(self.database(), DEAD, J::KIND).await.into_iter().map(dead).collect()
    }
}

impl Row {
    fn number(&self) -> i64 {
        self.id.parse().expect("the statement writes a number")
    }

    fn job<J: Job>(&self) -> Option<J> {
        serde_json::from_str(self.args.get()).ok()
    }
}

async fn rows(db: impl Caller, text: &'static str, kind: &str) -> Vec<Row> {
    let answer = db.call(text, &[kind]).await;
    let answer = answer.unwrap_or_else(|error| panic!("the jobs cannot be listed: {error}"));
    serde_json::from_str(&answer).expect("the statement writes this form")
}

fn list(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "there is none at all".to_owned();
    }
    let lines = rows.iter().take(20).map(|row| format!("{} {}", row.id, row.args));
    lines.collect::<Vec<_>>().join(", ")
}
