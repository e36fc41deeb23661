//! Calls through our own handle on a database, on a connection of its own for each.

use crate::call::caller::{CallError, Caller, Refusal};
use crate::store::StoreError;
use crate::store::database::Database;

impl Caller for &Database {
    async fn call(self, text: &'static str, params: &[&str]) -> Result<String, CallError> {
        self.text(text, params).await.map_err(failed)
    }
}

fn failed(error: StoreError) -> CallError {
    let StoreError::Refused { sqlstate, message, detail, hint } = &error else {
        return CallError::unreached(error);
    };
    let refusal = Refusal::new(sqlstate, message).detail(detail.as_deref()).hint(hint.as_deref());
    CallError::refused(refusal, error)
}
