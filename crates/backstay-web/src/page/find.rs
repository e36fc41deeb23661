//! The field at the top of every page: an id leads to its job, anything else to a list.

use axum::response::Response;

use crate::ask::{Call, see};
use crate::problem::Problem;
use crate::query::encoded;

/// Words that narrow the list of jobs, as they are typed before a colon.
const FIELDS: [&str; 10] = [
    "kind",
    "queue",
    "state",
    "group",
    "tag",
    "unique",
    "limit_key",
    "outcome",
    "worker",
    "with_args",
];

pub(super) async fn go(call: Call) -> Result<Response, Problem> {
    Ok(see(&place(call.query.text("q").unwrap_or_default().trim())))
}

/// Where what was typed leads to, relative to the first page.
fn place(typed: &str) -> String {
    let id = typed.trim_start_matches('#');
    if !id.is_empty() && id.len() < 19 && id.bytes().all(|b| b.is_ascii_digit()) {
        return format!("jobs/{id}");
    }
    let pairs = typed.split_whitespace().map(|word| match word.split_once(':') {
        Some((name, value)) if FIELDS.contains(&name) => format!("{name}={}", encoded(value)),
        _ => format!("kind={}", encoded(word)),
    });
    let pairs: Vec<String> = pairs.collect();
    if pairs.is_empty() { "jobs".into() } else { format!("jobs?{}", pairs.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_leads_to_a_job_or_to_a_list() {
        assert_eq!(place("#4187"), "jobs/4187");
        assert_eq!(place(""), "jobs");
        assert_eq!(place("mail"), "jobs?kind=mail");
        assert_eq!(place("state:dead queue:a/b"), "jobs?state=dead&queue=a%2Fb");
        assert_eq!(place("//evil.org"), "jobs?kind=%2F%2Fevil.org");
        assert_eq!(place("https://evil.org"), "jobs?kind=https%3A%2F%2Fevil.org");
    }
}
