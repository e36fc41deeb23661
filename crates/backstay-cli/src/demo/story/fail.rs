//! Jobs that fail: one is retried until it succeeds, one is hopeless and somebody is told.

use std::time::Duration;

use serde_json::json;

use super::Stage;
use crate::demo::ask;
use crate::demo::kinds::{
    CHARGE_FACTOR, CHARGE_FAILURES, CHARGE_FIRST, CHARGE_JITTER, FAX_RETRIES,
};
use crate::failure::Failure;

/// All waits of a charge, with room for a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);

/// From a death to the message about it, at most.
const ALERT: Duration = Duration::from_secs(20);

/// The two jobs, under way.
pub(super) struct Troubles {
    charge: i64,
    fax: i64,
}

impl Stage<'_> {
    pub(super) async fn begin_troubles(&mut self) -> Result<Troubles, Failure> {
        let charges = self.ask_for("/charges", &json!({ "order": 1 })).await?;
        let faxes = self.ask_for("/faxes", &json!({ "number": "+1 555 0100" })).await?;
        let ([charge], [fax]) = (&charges[..], &faxes[..]) else {
            return Err(Failure::new("BS999", "the demo's API enqueued no charge or no fax"));
        };
        self.screen.say(
            "a payment whose provider is down, and a fax to a number that is gone, begin to fail",
        );
        Ok(Troubles { charge: *charge, fax: *fax })
    }

    pub(super) async fn end_troubles(&mut self, troubles: Troubles) -> Result<(), Failure> {
        self.until(PATIENCE, |counts, _| {
            counts.of("charge", "completed") == 1 && counts.of("fax", "dead") == 1
        })
        .await?;
        self.claim_retries(troubles.charge).await?;
        self.claim_dead_letter(troubles.fax).await?;
        self.claim_alert(troubles.fax).await
    }

    async fn claim_retries(&mut self, job: i64) -> Result<(), Failure> {
        let attempts = ask::attempts(&self.db, &[job]).await?;
        let waits: Vec<f64> =
            attempts.windows(2).map(|two| two[1].claimed - two[0].ended).collect();
        let least = |n: usize| {
            CHARGE_FIRST.as_secs_f64() * CHARGE_FACTOR.powi(n as i32) * (1.0 - CHARGE_JITTER)
        };
        let none_early = waits.iter().enumerate().all(|(n, wait)| *wait >= least(n) - 0.01);
        let growing = waits.windows(2).all(|two| two[1] > two[0]);
        let outcomes: Vec<&str> = attempts.iter().map(|it| it.outcome.as_str()).collect();
        let failures = outcomes.iter().filter(|outcome| **outcome == "failed").count();
        let held = failures == CHARGE_FAILURES as usize
            && outcomes.len() == failures + 1
            && outcomes.last() == Some(&"completed")
            && none_early
            && growing;
        let waits: Vec<String> = waits.iter().map(|wait| format!("{wait:.1} s")).collect();
        let text = format!(
            "a payment failed {failures} times, was tried again after {}, and succeeded",
            waits.join(", ")
        );
        self.claim("retries", held, text);
        Ok(())
    }

    async fn claim_dead_letter(&mut self, job: i64) -> Result<(), Failure> {
        let text = "select reason, retry_count::int, jsonb_array_length(errors), errors -> -1 ->> 'message', args ->> 'number' from backstay.dead_letters where id = $1";
        let row = self
            .db
            .query_opt(text, &[&job])
            .await
            .map_err(|error| crate::demo::database::failed(&error))?;
        let Some(row) = row else {
            self.claim("dead letter", false, "a hopeless fax is in no dead letter");
            return Ok(());
        };
        let (reason, retries, errors): (String, i32, i32) = (row.get(0), row.get(1), row.get(2));
        let (message, number): (Option<String>, Option<String>) = (row.get(3), row.get(4));
        let held = retries == i32::from(FAX_RETRIES) && errors == retries + 1 && number.is_some();
        let text = format!(
            "a hopeless fax is kept with its args and its {errors} errors after {retries} retries ({reason}: {})",
            message.as_deref().unwrap_or("no message")
        );
        self.claim("dead letter", held, text);
        Ok(())
    }

    async fn claim_alert(&mut self, job: i64) -> Result<(), Failure> {
        let is_about = move |alert: &crate::demo::sink::Alert| {
            alert.document.to_string().contains(&format!("\"{job}\""))
        };
        self.until(ALERT, |_, sink| sink.arrived().alerts.iter().any(is_about)).await?;
        let alert = self.sink.arrived().alerts.iter().find(|alert| is_about(alert)).cloned();
        let (held, text) = match alert {
            None => (false, "nobody was told of the dead letter".to_owned()),
            Some(alert) => {
                let title = alert.document["title"].as_str().unwrap_or("an alert").to_owned();
                let signed =
                    if alert.is_signed { "signed with our key" } else { "WITHOUT our signature" };
                (alert.is_signed, format!("a webhook got \"{title}\", {signed}"))
            }
        };
        self.claim("alert", held, text);
        Ok(())
    }
}
