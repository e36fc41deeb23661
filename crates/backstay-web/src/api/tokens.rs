//! `/tokens`: makes tokens, lists them, ends them.

use axum::http::StatusCode;
use axum::response::Response;
use backstay::tokens::{self, NewToken, Scope};
use serde_json::json;

use crate::ask::{Call, json as answer};
use crate::problem::Problem;

pub(super) async fn list(call: Call) -> Result<Response, Problem> {
    Ok(call.page(&tokens::list(call.pages()).await?, None))
}

pub(super) async fn create(call: Call) -> Result<Response, Problem> {
    let missing =
        |name| Problem::new("BS102", format!("`{name}` is missing")).at(format!("/{name}"));
    let name = call.body.text("name")?.ok_or_else(|| missing("name"))?;
    let scopes: Vec<Scope> = call.body.get("scopes")?.ok_or_else(|| missing("scopes"))?;
    let new = NewToken { name: &name, scopes: &scopes, expires_in: call.span("expires_in")? };
    let made = tokens::create(&call.acting(), &new, &call.body.reason()?).await?;
    let shown = json!({
        "id": made.id, "name": name, "scopes": scopes, "expires_at": made.expires_at, "token": made.token.expose(),
    });
    Ok(answer(StatusCode::CREATED, &shown))
}

pub(super) async fn revoke(call: Call) -> Result<Response, Problem> {
    let id = call.part("id").to_owned();
    let done = tokens::revoke(&call.acting(), &id, &call.body.reason()?).await?;
    match done.skipped.first() {
        None => Ok(answer(StatusCode::OK, &done)),
        Some(skipped) => {
            Err(Problem::new(&skipped.code, format!("there is no valid token `{id}`")))
        }
    }
}
