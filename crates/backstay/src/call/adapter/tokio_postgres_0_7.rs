//! Calls through tokio-postgres 0.7, and through whatever dereferences to its client (deadpool, bb8).

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row, Transaction};

use crate::call::caller::{CallError, Caller, Refusal};

impl Caller for &Client {
    async fn call(self, text: &'static str, params: &[&str]) -> Result<String, CallError> {
        answer(self.query_typed(text, &typed(params)).await)
    }
}

impl Caller for &Transaction<'_> {
    async fn call(self, text: &'static str, params: &[&str]) -> Result<String, CallError> {
        answer(self.query_typed(text, &typed(params)).await)
    }
}

/// Types given with the call spare the named statement that a transaction pooler would lose, and a
/// round trip.
fn typed<'p>(params: &'p [&'p str]) -> Vec<(&'p (dyn ToSql + Sync), Type)> {
    params.iter().map(|param| (param as &(dyn ToSql + Sync), Type::TEXT)).collect()
}

fn answer(rows: Result<Vec<Row>, Error>) -> Result<String, CallError> {
    let rows = rows.map_err(failed)?;
    let row = rows.first().ok_or_else(|| CallError::unreached("the answer has no row"))?;
    row.try_get(0).map_err(failed)
}

fn failed(error: Error) -> CallError {
    let Some(said) = error.as_db_error() else { return CallError::unreached(error) };
    let refusal =
        Refusal::new(said.code().code(), said.message()).detail(said.detail()).hint(said.hint());
    CallError::refused(refusal, error)
}
