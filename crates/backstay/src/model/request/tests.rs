//! Requests: what wins, what is refused before it is sent.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::*;
use crate::model::unique::{Unique, by};
use crate::model::unit::{hours, mib, mins, secs};

#[derive(Serialize, Deserialize)]
struct Report {
    tenant: i64,
    month: String,
}

impl Job for Report {
    const KIND: &'static str = "report";
    fn contract() -> Contract {
        Contract::new()
            .queue("reports")
            .max_retries(5)
            .group(by(["tenant", "region"]))
            .expires_in(mins(1))
    }
}

fn report() -> Report {
    Report { tenant: 7, month: "2026-11".into() }
}

fn options(request: &Request) -> Value {
    serde_json::to_value(request.options().unwrap()).unwrap()
}

#[test]
fn the_contract_travels_apart_from_the_options_of_the_job() {
    let request = report().with(Options::new().max_retries(0).memory(mib(64)));
    let contract = json!({
        "queue": "reports", "max_retries": 5, "group": { "by": ["tenant", "region"] }, "expires_in": "1m"
    });
    let expected = json!({ "max_retries": 0, "memory": "64MiB", "contract": contract });
    assert_eq!(options(&request), expected);
    assert_eq!(options(&Request::new("x", json!({}))), json!({}));
}

#[test]
fn the_later_word_wins_even_in_another_form() {
    let instant = std::time::UNIX_EPOCH + hours(24);
    let request = report().with(Options::new().run_in(secs(5)).expires_at(instant));
    let request = request.with(Options::new().run_at(instant));
    let options = options(&request);
    assert_eq!(options["run_at"], "1970-01-02T00:00:00Z");
    assert_eq!(options["expires_at"], "1970-01-02T00:00:00Z");
    assert!(options.get("run_in").is_none() && options.get("expires_in").is_none());
}

#[test]
fn unique_has_a_short_form_and_a_long_one() {
    let unique =
        |unique: Unique| options(&Request::new("x", json!({})).with(Options::new().unique(unique)));
    assert_eq!(unique(Unique::args()), json!({ "unique": true }));
    assert_eq!(
        unique(Unique::key("a").replace().until_started()),
        json!({ "unique": { "key": "a", "on_conflict": "replace", "until": "started" } })
    );
    assert_eq!(
        unique(Unique::from(by(["a"])).reject().period(hours(2))),
        json!({ "unique": { "by": ["a"], "on_conflict": "reject", "period_in": "2h" } })
    );
}

#[test]
fn args_that_are_no_object_are_refused() {
    let refused = |args: Value| Request::new("x", args).args().unwrap_err().to_string();
    assert!(refused(json!([1])).starts_with("the args of `x` are no JSON object"));
    assert!(refused(Value::Null).starts_with("the args of `x` are no JSON object"));
}

#[test]
fn nul_is_refused_and_its_letters_are_not() {
    let args = |text: &str| Request::new("x", json!({ "text": text })).args().map(str::len);
    assert!(args("a\0b").unwrap_err().to_string().contains("hold a NUL"));
    assert!(args("\\\0").is_err());
    assert!(args("\\u0000").is_ok());
}

#[test]
fn a_number_beyond_64_bits_passes_untouched() {
    let huge = u128::MAX;
    let request = Request::new("x", std::collections::BTreeMap::from([("n", huge)]));
    assert_eq!(request.args().unwrap(), format!("{{\"n\":{huge}}}"));
}

#[test]
fn a_value_that_is_no_json_is_told_with_its_option() {
    let bad = std::collections::BTreeMap::from([((1, 2), 3)]);
    let request = report().with(Options::new().meta(bad));
    assert!(request.options().unwrap_err().to_string().starts_with("option `meta` is no JSON"));
}
