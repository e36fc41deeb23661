//! `backstay tokens`: tokens of the HTTP API, made, listed, revoked.

use backstay::tokens::{self, NewToken, Scope};
use serde_json::json;

use super::connect::of_store;
use super::desk::Desk;
use super::operate::tell;
use crate::args::{TokensCreateArgs, TokensRevokeArgs};
use crate::failure::{Exit, Failure};
use crate::print::Table;

pub(crate) async fn create(desk: &Desk<'_>, args: &TokensCreateArgs) -> Result<Exit, Failure> {
    let new = NewToken { name: &args.name, scopes: &args.scope, expires_in: args.expires_in };
    let made = tokens::create(&desk.database, &new, desk.reason()).await;
    let made = made.map_err(|error| of_store(&error))?;
    let printer = desk.printer;
    if printer.is_json() {
        printer.json(&json!({
            "id": made.id, "name": args.name, "scopes": args.scope,
            "expires_at": made.expires_at, "token": made.token.expose(),
        }));
        return Ok(Exit::Done);
    }
    printer.line(made.token.expose());
    printer.note(format!("keep it: it is shown only now, and is valid until {}", made.expires_at));
    printer.note(format!("to end it: backstay tokens revoke {}", made.id));
    Ok(Exit::Done)
}

pub(crate) async fn list(desk: &Desk<'_>) -> Result<Exit, Failure> {
    let known = tokens::list(&desk.database).await.map_err(|error| of_store(&error))?;
    let printer = desk.printer;
    if printer.is_json() {
        printer.json(&json!({ "items": known, "next": null }));
        return Ok(Exit::Done);
    }
    let mut table =
        Table::new(&["TOKEN", "NAME", "SCOPES", "STATE", "MADE BY", "ENDS", "LAST USED"]);
    for token in &known {
        table.row([
            token.id.clone(),
            token.name.clone(),
            token.scopes.iter().map(Scope::to_string).collect::<Vec<_>>().join(", "),
            token.state.clone(),
            token.created_by.clone(),
            token.revoked_at.unwrap_or(token.expires_at).to_string(),
            token.used_on.clone().unwrap_or_else(|| "never".into()),
        ]);
    }
    printer.table(&table);
    if known.is_empty() {
        printer.note(
            "there is no token; make one with: backstay tokens create --name NAME --scope read",
        );
    }
    Ok(Exit::Done)
}

pub(crate) async fn revoke(desk: &Desk<'_>, args: &TokensRevokeArgs) -> Result<Exit, Failure> {
    let done = tokens::revoke(&desk.database, &args.id, desk.reason()).await;
    let done = done.map_err(|error| of_store(&error))?;
    Ok(tell(desk, &done, &format!("{} revoked", args.id)))
}
