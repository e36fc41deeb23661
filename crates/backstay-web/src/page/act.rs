//! What forms do: each stands for a verb of the API, and is that verb. Then the browser goes back to where the form stood.

use axum::body::to_bytes;
use axum::response::Response;
use serde::Deserialize;

use super::around::Around;
use crate::ask::{Endpoint, Needs, Verb, is_ours, see};
use crate::body::Body;
use crate::form::Form;
use crate::problem::Problem;

/// Most bytes of an answer of a verb; it names at most a thousand jobs that were passed over.
const ANSWER_BYTES: usize = 256 * 1024;

/// The path of the form that stands for a verb of the API; none where no form does.
pub(crate) fn path(endpoint: &Endpoint) -> Option<String> {
    let path = endpoint.path.strip_prefix("/api/v1")?;
    let is_verb = endpoint.needs == Needs::Operate && !path.starts_with("/tokens");
    match endpoint.verb {
        Verb::Post if is_verb => Some(format!("/do{path}")),
        Verb::Patch if is_verb => Some(format!("/do{path}/edit")),
        _ => None,
    }
}

/// A form that was sent: what the verb takes of it, which verb that is, and the page to go back to.
pub(crate) struct Sent {
    pub(crate) body: Body,
    pub(crate) verb: String,
    pub(crate) back: String,
}

pub(crate) fn read(form: &Form, endpoint: &Endpoint) -> Result<Sent, Problem> {
    let body = Body::of_form(form.pairs().filter(|(name, _)| *name != "back"), endpoint.body)?;
    let verb = match endpoint.path.rsplit('/').next().unwrap_or("") {
        _ if endpoint.verb == Verb::Patch => "edit",
        // It stands in the form which of several it is; the verb itself refuses others.
        "bulk" => form.text("verb"),
        verb => verb,
    };
    Ok(Sent { body, verb: verb.to_owned(), back: ours(form.text("back")).to_owned() })
}

/// A page of this server, which a link of somebody else cannot turn into another; the first page for anything else.
pub(super) fn ours(back: &str) -> &str {
    if back.len() <= 4_000 && is_ours(back) { back } else { "" }
}

/// Sends the browser back to where the form stood, with what was done in the address.
pub(crate) async fn done(
    around: &Around,
    verb: &str,
    back: &str,
    answered: Response,
) -> Result<Response, Problem> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Answer {
        count: Option<u64>,
        skipped: Vec<serde::de::IgnoredAny>,
        replay: Option<String>,
    }
    let base = &around.base;
    let bytes = to_bytes(answered.into_body(), ANSWER_BYTES).await;
    let answer: Answer =
        bytes.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    if let Some(replay) = answer.replay {
        return Ok(see(&format!("{base}replays/{replay}?did=replay.1.0")));
    }
    let (page, query) = back.split_once('?').unwrap_or((back, ""));
    let kept = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("did="));
    let did = format!("did={verb}.{}.{}", answer.count.unwrap_or(1), answer.skipped.len());
    let query: Vec<&str> = kept.chain([did.as_str()]).collect();
    Ok(see(&format!("{base}{page}?{}", query.join("&"))))
}

/// What was just done, in words; from a closed list, since anybody can write an address.
pub(super) fn told(query: &str) -> Option<String> {
    let did = query.split('&').find_map(|pair| pair.strip_prefix("did="))?;
    let mut parts = did.split('.');
    let (verb, count, skipped) = (parts.next()?, parts.next()?, parts.next()?);
    let (count, skipped): (u64, u64) = (count.parse().ok()?, skipped.parse().ok()?);
    let (what, said) = match verb {
        "cancel" => ("job", "cancelled, or told to stop"),
        "promote" => ("job", "brought into line"),
        "bury" => ("job", "buried"),
        "edit" => ("job", "changed"),
        "revive" => ("dead letter", "revived"),
        "discard" => ("dead letter", "discarded; to be restored within seven days"),
        "restore" => ("dead letter", "restored"),
        "acknowledge" => ("group", "acknowledged"),
        "own" => ("group", "has the owner that you named"),
        "mute" => ("group", "muted"),
        "pause" => ("line", "paused"),
        "resume" => ("line", "resumed"),
        "drain" => ("worker", "told to finish and leave"),
        "run" | "backfill" => ("job", "enqueued"),
        "stop" => ("replay", "stopped"),
        "test" => ("channel", "tested; what it answered stands first below"),
        "replay" => return Some("The replay has begun".into()),
        _ => return None,
    };
    let rest = if skipped > 0 { format!("; {skipped} passed over") } else { String::new() };
    Some(match count {
        1 => format!("{}{rest}", super::text::title(said)),
        n => format!("{} {said}{rest}", super::text::many(&n, what)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_leads_back_to_our_own_pages_only() {
        for (back, page) in [
            ("jobs/41?a=b", "jobs/41?a=b"),
            ("", ""),
            ("//evil.org", ""),
            ("/evil", ""),
            ("https://evil.org", ""),
            ("javascript:alert(1)", ""),
            ("a\r\nSet-Cookie:b", ""),
            ("\\\\evil.org", ""),
        ] {
            assert_eq!(ours(back), page);
        }
    }

    #[test]
    fn what_was_done_is_told_in_words_of_ours() {
        assert_eq!(told("a=b&did=cancel.1.0").as_deref(), Some("Cancelled, or told to stop"));
        let many = told("did=cancel.1200.3");
        assert_eq!(many.as_deref(), Some("1,200 jobs cancelled, or told to stop; 3 passed over"));
        assert_eq!(told("did=restore.2.0").as_deref(), Some("2 dead letters restored"));
        assert_eq!(told("did=backfill.0.5").as_deref(), Some("0 jobs enqueued; 5 passed over"));
        for odd in ["", "did=", "did=<b>.1.0", "did=cancel", "did=cancel.x.0", "did=cancel.1"] {
            assert_eq!(told(odd), None, "{odd}");
        }
    }
}
