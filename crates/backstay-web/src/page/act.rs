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

/// What a form sent, as the verb takes it, and the page to go back to.
pub(crate) fn read(form: &Form, endpoint: &Endpoint) -> Result<(Body, String), Problem> {
    let body = Body::of_form(form.pairs().filter(|(name, _)| *name != "back"), endpoint.body)?;
    Ok((body, ours(form.text("back")).to_owned()))
}

/// A page of this server, which a link of somebody else cannot turn into another; the first page for anything else.
pub(super) fn ours(back: &str) -> &str {
    if back.len() <= 4_000 && is_ours(back) { back } else { "" }
}

/// Sends the browser back to where the form stood, with what was done in the address.
pub(crate) async fn done(
    endpoint: &Endpoint,
    around: &Around,
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
    let verb = endpoint.path.rsplit('/').next().unwrap_or("");
    let verb = if endpoint.verb == Verb::Patch { "edit" } else { verb };
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
    let said = match verb {
        "cancel" => "cancelled, or told to stop",
        "promote" => "brought into line",
        "bury" => "buried",
        "edit" => "changed",
        "revive" => "revived",
        "discard" => "discarded; for seven days it can be restored",
        "restore" => "restored",
        "acknowledge" => "acknowledged",
        "mute" => "muted",
        "pause" => "paused",
        "resume" => "resumed",
        "drain" => "told to finish and leave",
        "run" => "enqueued",
        "stop" => "stopped",
        "test" => "tested; what the channel answered stands first below",
        "replay" => return Some("The replay has begun".into()),
        "bulk" => "done",
        _ => return None,
    };
    let rest = if skipped > 0 { format!("; {skipped} passed over") } else { String::new() };
    Some(match count {
        1 => format!("{}{rest}", super::text::title(said)),
        n => format!("{}: {said}{rest}", super::text::grouped(n)),
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
        assert_eq!(told("did=bulk.1200.3").as_deref(), Some("1,200: done; 3 passed over"));
        for odd in ["", "did=", "did=<b>.1.0", "did=cancel", "did=cancel.x.0", "did=cancel.1"] {
            assert_eq!(told(odd), None, "{odd}");
        }
    }
}
