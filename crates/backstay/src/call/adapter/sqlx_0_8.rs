//! Calls through sqlx 0.8.

use sqlx_0_8::postgres::{PgConnection, PgDatabaseError, PgPool};
use sqlx_0_8::{Error, Postgres, Transaction, query_scalar};

use crate::call::caller::{CallError, Caller, Refusal};

/// In a transaction of its own: without a named statement sqlx sends a text and its parameters apart,
/// and only a transaction keeps both on one server behind a transaction pooler.
impl Caller for &PgPool {
    async fn call(self, text: &'static str, params: &[&str]) -> Result<String, CallError> {
        let mut tx = self.begin().await.map_err(failed)?;
        let answer = tx.call(text, params).await?;
        tx.commit().await.map_err(failed)?;
        Ok(answer)
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
