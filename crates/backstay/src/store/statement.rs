//! A statement of `sql/` with the types of its parameters, sent so that a transaction pooler changes nothing.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, Statement};

use super::StoreError;
use crate::failpoint;
use crate::model::figures::Calls;

/// One file of `sql/`.
#[derive(Debug)]
pub(crate) struct Sql {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
    pub(crate) types: &'static [Type],
    /// Sent so often that planning it anew would cost more than running it.
    pub(crate) hot: bool,
}

/// Binds a file of `sql/` to its parameter types: `sql!("attempt/mine", [UUID])`, with `hot` before the name where it is prepared.
macro_rules! sql {
    (hot $file:literal, [$($kind:ident),*]) => { $crate::store::statement::sql!(@ $file, [$($kind),*], true) };
    ($file:literal, [$($kind:ident),*]) => { $crate::store::statement::sql!(@ $file, [$($kind),*], false) };
    (@ $file:literal, [$($kind:ident),*], $hot:literal) => {
        $crate::store::statement::Sql {
            name: $file,
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/", $file, ".sql")),
            types: &[$(tokio_postgres::types::Type::$kind),*],
            hot: $hot,
        }
    };
}
pub(crate) use sql;

pub(crate) type Param<'a> = &'a (dyn ToSql + Sync);

/// How many statements all connections of a database have sent.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    ok: AtomicU64,
    failed: AtomicU64,
}

impl Sent {
    pub(crate) fn so_far(&self) -> Calls {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Calls { ok: read(&self.ok), failed: read(&self.failed) }
    }
}

/// An open connection that knows how statements may be sent on it.
pub(crate) struct Link {
    client: Client,
    /// False behind a transaction pooler: then nothing may be left on the session.
    direct: bool,
    prepared: Mutex<HashMap<&'static str, Statement>>,
    deadline: Duration,
    sent: Arc<Sent>,
}

impl Link {
    pub(crate) fn new(client: Client, direct: bool, deadline: Duration, sent: Arc<Sent>) -> Link {
        Link { client, direct, prepared: Mutex::default(), deadline, sent }
    }

    pub(crate) fn is_direct(&self) -> bool {
        self.direct
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Prepares hot statements ahead, so that what follows goes out without waiting.
    pub(crate) async fn warm(&self, statements: &[&'static Sql]) -> Result<(), StoreError> {
        if self.direct {
            for sql in statements.iter().filter(|sql| sql.hot) {
                self.statement(sql).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn query(
        &self,
        sql: &'static Sql,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        self.bounded(async {
            if self.direct && sql.hot {
                let statement = self.statement(sql).await?;
                return Ok(self.client.query(&statement, params).await?);
            }
            let typed: Vec<_> = params.iter().copied().zip(sql.types.iter().cloned()).collect();
            Ok(self.client.query_typed(failpoint::text(sql.name, sql.text), &typed).await?)
        })
        .await
    }

    pub(crate) async fn query_one(
        &self,
        sql: &'static Sql,
        params: &[Param<'_>],
    ) -> Result<Row, StoreError> {
        self.query(sql, params).await?.into_iter().next().ok_or_else(|| StoreError::Refused {
            sqlstate: "P0002".into(),
            message: format!("`{}` gave no row", sql.name),
            detail: None,
            hint: None,
        })
    }

    /// Sends one text that stands in no file of `sql/`.
    pub(crate) async fn query_text(
        &self,
        text: &str,
        params: &[(Param<'_>, Type)],
    ) -> Result<Vec<Row>, StoreError> {
        self.bounded(async { Ok(self.client.query_typed(text, params).await?) }).await
    }

    /// Sends text without parameters, perhaps several statements.
    pub(crate) async fn batch(&self, text: &str) -> Result<(), StoreError> {
        self.bounded(async { Ok(self.client.batch_execute(text).await?) }).await
    }

    async fn statement(&self, sql: &'static Sql) -> Result<Statement, StoreError> {
        let known =
            self.prepared.lock().expect("nobody panics while holding it").get(sql.name).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement =
            self.client.prepare_typed(failpoint::text(sql.name, sql.text), sql.types).await?;
        self.prepared
            .lock()
            .expect("nobody panics while holding it")
            .insert(sql.name, statement.clone());
        Ok(statement)
    }

    async fn bounded<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let answer = match tokio::time::timeout(self.deadline, call).await {
            Ok(answer) => answer,
            Err(_) => Err(StoreError::TimedOut(self.deadline)),
        };
        let count = if answer.is_ok() { &self.sent.ok } else { &self.sent.failed };
        count.fetch_add(1, Ordering::Relaxed);
        answer
    }
}

/// One call that is not sent yet.
pub(crate) type Call<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Sends all calls in their order without waiting in between, and gives their answers in the same order.
///
/// The driver sends a call when its future is polled first; so each is polled once, in order, before any is awaited.
pub(crate) async fn pipelined<'a, T>(mut calls: Vec<Call<'a, T>>) -> Vec<Result<T, StoreError>> {
    let mut answers: Vec<Option<Result<T, StoreError>>> = calls.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        let mut open = false;
        for (call, answer) in calls.iter_mut().zip(&mut answers) {
            if answer.is_none() {
                match call.as_mut().poll(cx) {
                    Poll::Ready(value) => *answer = Some(value),
                    Poll::Pending => open = true,
                }
            }
        }
        if open { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    answers.into_iter().map(|answer| answer.expect("polled until every answer was there")).collect()
}

/// A duration as the statements take it.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
