//! `jobs show --origin`: where each option of a job comes from.
//!
//! A job keeps what it carries, not who said so; its kind's contract is known as it is now. So what equals the contract
//! came from there, and what differs is the job's own, or older than the contract.

use std::time::Duration;

use backstay::inspect::JobTerms;
use backstay::unit::{format_duration, format_size};
use serde::Serialize;
use serde_json::Value;

use super::level;

/// One option, with what it is and where that comes from.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Origin {
    option: &'static str,
    value: String,
    origin: &'static str,
}

const OWN: &str = "its own, or an earlier contract";
const CONTRACT: &str = "contract of the kind";
const BUILT_IN: &str = "built in";
const QUEUE: &str = "the queue";

/// What is built in, as the contract of a kind that nobody declares.
fn built_in(option: &str) -> Option<&'static str> {
    match option {
        "queue" => Some("default"),
        "priority" => Some("normal"),
        "max_retries" => Some("10"),
        "timeout" => Some("15m"),
        _ => None,
    }
}

/// The options of a job that can be told, each with its origin.
pub(super) fn origins(terms: &JobTerms) -> Vec<Origin> {
    let of = |option| origin(terms, option);
    ["queue", "priority", "max_retries", "timeout", "memory"].into_iter().filter_map(of).collect()
}

fn origin(terms: &JobTerms, option: &'static str) -> Option<Origin> {
    let contract = word(option, &terms.contract[option]);
    let own = own(&terms.job, option);
    let (value, origin) = match own {
        Some(value) if terms.declared && Some(&value) == contract.as_ref() => {
            // A contract is asked for whole: what it leaves out is filled in with what is built in.
            let is_built_in = built_in(option) == Some(value.as_str());
            (value, if is_built_in { BUILT_IN } else { CONTRACT })
        }
        Some(value) if built_in(option) == Some(value.as_str()) => (value, BUILT_IN),
        Some(value) => (value, OWN),
        // What is looked up when an attempt begins. Of a job that has ended it is not kept.
        None if option == "timeout" && terms.living => {
            let value = contract?;
            let is_built_in = built_in(option) == Some(value.as_str());
            (value, if is_built_in { BUILT_IN } else { QUEUE })
        }
        None => return None,
    };
    Some(Origin { option, value, origin })
}

/// What the job itself carries.
fn own(job: &Value, option: &str) -> Option<String> {
    match option {
        "timeout" => Some(format_duration(Duration::from_millis(job["timeout_ms"].as_u64()?))),
        "memory" => Some(format_size(job["memory_bytes"].as_u64()?)),
        _ => word(option, &job[option]),
    }
}

/// A value as people write it.
fn word(option: &str, value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        value if option == "priority" => Some(level(i16::try_from(value.as_i64()?).ok()?)),
        value => Some(value.to_string()),
    }
}

/// A line for each, in columns.
pub(super) fn lines(origins: &[Origin]) -> String {
    let width = origins.iter().map(|it| it.value.chars().count()).max().unwrap_or(0);
    let line = |it: &Origin| format!("  {:11}  {:width$}  {}\n", it.option, it.value, it.origin);
    origins.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn terms(job: Value, contract: Value) -> JobTerms {
        serde_json::from_value(
            json!({ "job": job, "contract": contract, "declared": true, "living": true }),
        )
        .unwrap()
    }

    #[test]
    fn what_equals_the_contract_came_from_there_and_the_rest_is_its_own() {
        let job = json!({ "queue": "reports", "priority": 0, "max_retries": 10,
            "timeout_ms": null, "memory_bytes": 536_870_912 });
        let contract = json!({ "queue": "reports", "priority": 5, "max_retries": 10,
            "timeout": "2m" });
        let lines = lines(&origins(&terms(job, contract)));
        let expected = "  queue        reports  contract of the kind
  priority     urgent   its own, or an earlier contract
  max_retries  10       built in
  timeout      2m       the queue
  memory       512MiB   its own, or an earlier contract
";
        assert_eq!(lines, expected);
    }
}
