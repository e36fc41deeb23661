//! `/dead`: dead letters, by groups of the same error and one by one.

use axum::http::StatusCode;
use axum::response::Response;
use backstay::inspect::{self, DeadLetter, JobDocument};
use serde::Serialize;

use crate::ask::{Call, json};
use crate::problem::Problem;

pub(super) async fn groups(call: Call) -> Result<Response, Problem> {
    let (filter, cursor) = (call.query.filter()?, call.cursor()?);
    let page = inspect::dead_groups(call.pages(), &filter, cursor.as_deref(), call.limit()).await?;
    Ok(call.page(&page.items, page.next))
}

pub(super) async fn letters(call: Call) -> Result<Response, Problem> {
    let (filter, cursor) = (call.query.filter()?, call.cursor()?);
    let (discarded, limit) = (call.query.flag("discarded"), call.limit());
    let page =
        inspect::dead_letters(call.pages(), &filter, discarded, cursor.as_deref(), limit).await?;
    Ok(call.page(&page.items, page.next))
}

pub(super) async fn show(call: Call) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Answer {
        #[serde(flatten)]
        job: JobDocument,
        letter: DeadLetter,
    }
    let id = call.id()?;
    let no_letter = || Problem::new("BS301", format!("job {id} is no dead letter"));
    let letter = inspect::dead_letter(call.pages(), id).await?.ok_or_else(no_letter)?;
    let job = inspect::job(call.pages(), id).await?.ok_or_else(no_letter)?;
    Ok(json(StatusCode::OK, &Answer { job, letter }))
}
