//! Calls through sqlx 0.9.

use sqlx_0_9::pool::PoolConnection;
use sqlx_0_9::postgres::{PgConnection, PgDatabaseError, PgPool};
use sqlx_0_9::{Connection, Error, Postgres, Transaction, query_scalar};

use crate::call::caller::{CallError, Caller, Refusal};

/// In a transaction of its own: without a named statement sqlx sends a text and its parameters apart,
/// and only a transaction keeps both on one server behind a transaction pooler.
impl Caller for &PgPool {
    async fn call(self, text: &'static str, params: &[&str]) -> Result<String, CallError> {
        let mut lent = Lent { conn: self.acquire().await.map_err(failed)?, is_clean: false };
        let mut tx = lent.conn.begin().await.map_err(failed)?;
        let answer = tx.call(text, params).await;
        let ended = if answer.is_ok() { tx.commit().await } else { tx.rollback().await };
        lent.is_clean = ended.is_ok();
        answer.and_then(|answer| ended.map(|()| answer).map_err(failed))
    }
}

/// A connection that goes back to its pool only without a transaction. A `begin` that is given up while it waits leaves one
/// that sqlx knows nothing of, and what the application did on that connection next would be in it.
struct Lent {
    conn: PoolConnection<Postgres>,
    is_clean: bool,
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.is_clean {
            self.conn.close_on_drop();
        }
    }
}

impl Caller for &mut Transaction<'_, Postgres> {
    async fn call(self, text: &'static str, params: &[&str]) -> Result<String, CallError> {
        (&mut **self).call(text, params).await
    }
}

impl Caller for &mut PgConnection {
    async fn call(self, text: &'static str, params: &[&str]) -> Result<String, CallError> {
        let mut query = query_scalar::<Postgres, String>(text).persistent(false);
        for param in params {
            query = query.bind(*param);
        }
        query.fetch_one(self).await.map_err(failed)
    }
}

fn failed(error: Error) -> CallError {
    let Error::Database(said) = &error else { return CallError::unreached(error) };
    let Some(said) = said.try_downcast_ref::<PgDatabaseError>() else {
        return CallError::unreached(error);
    };
    let refusal = Refusal::new(said.code(), said.message()).detail(said.detail()).hint(said.hint());
    CallError::refused(refusal, error)
}
