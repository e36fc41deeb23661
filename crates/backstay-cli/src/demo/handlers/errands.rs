//! Small jobs that talk to somebody outside: a mail, a payment that fails at first, a fax that cannot arrive.

use backstay::{Fail, State};
use serde_json::json;

use super::Shop;
use crate::demo::kinds::{Charge, Fax, Mail};

pub(crate) async fn mail(job: Mail, State(shop): State<Shop>) -> Result<(), Fail> {
    let answer =
        shop.outside.post("/mails", &json!({ "to": job.to, "subject": job.subject })).await?;
    if answer.is_good() { Ok(()) } else { Err(refused("the mail server", answer.status)) }
}

pub(crate) async fn charge(job: Charge, State(shop): State<Shop>) -> Result<u64, Fail> {
    let answer = shop.outside.post("/charges", &json!({ "order": job.order })).await?;
    if !answer.is_good() {
        return Err(refused("the payment provider", answer.status));
    }
    Ok(answer.read()["try"].as_u64().unwrap_or_default())
}

pub(crate) async fn fax(job: Fax, State(shop): State<Shop>) -> Result<(), Fail> {
    let answer = shop.outside.post("/faxes", &json!({ "number": job.number })).await?;
    if answer.is_good() { Ok(()) } else { Err(refused("the exchange", answer.status)) }
}

fn refused(who: &str, status: u16) -> Fail {
    Fail::from(format!("{who} answered {status}")).class("Refused")
}
