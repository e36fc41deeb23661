//! Which setting a variable means.

use super::*;

fn laid(tree: &mut Value, variables: &[(&str, &str)]) -> Vec<String> {
    let mut faults = Vec::new();
    Environment::of(variables).lay_over(tree, &mut faults);
    faults.iter().map(Fault::to_string).collect()
}

/// Lays one variable over nothing and compares the tree it makes.
fn check(name: &str, text: &str, expected: &str) {
    let mut tree = Value::empty();
    assert_eq!(laid(&mut tree, &[(name, text)]), [""; 0], "{name}");
    assert_eq!(tree.to_string(), expected, "{name}");
}

#[test]
fn a_variable_is_the_path_joined_by_two_underscores() {
    check("BACKSTAY_QUEUES__REPORTS__SLOTS", "4", "{ queues = { reports = { slots = \"4\" } } }");
    check("BACKSTAY_WORKER__DRAIN_TIMEOUT", "5s", "{ worker = { drain_timeout = \"5s\" } }");
    check("BACKSTAY_ENVIRONMENT", "staging", "{ environment = \"staging\" }");
    check(
        "BACKSTAY_QUEUES__A__AGEING__SHARE",
        "0.2",
        "{ queues = { a = { ageing = { share = \"0.2\" } } } }",
    );
}

#[test]
fn names_of_variables_for_handlers_keep_their_capitals() {
    check(
        "BACKSTAY_DEFAULTS__ENV__SET__NODE_ENV",
        "test",
        "{ defaults = { env = { set = { NODE_ENV = \"test\" } } } }",
    );
}

#[test]
fn a_list_may_be_written_as_toml() {
    check(
        "BACKSTAY_KINDS__REPORT__COMMAND",
        "[\"node\", \"report.js\"]",
        "{ kinds = { report = { command = [\"node\", \"report.js\"] } } }",
    );
}

#[test]
fn a_secret_may_stand_in_a_file() {
    check(
        "BACKSTAY_ALERTS__CHANNELS__TEAM__SLACK_FILE",
        "/run/secrets/slack",
        "{ alerts = { channels = { team = { slack = { file = \"/run/secrets/slack\" } } } } }",
    );
    check(
        "BACKSTAY_DATABASE__DIRECT_URL_FILE",
        "/run/d",
        "{ database = { direct_url = { file = \"/run/d\" } } }",
    );
}

#[test]
fn a_declared_name_is_found_whatever_signs_it_has() {
    let mut tree = Value::empty();
    tree.lay(&["kinds", "crm-sync.v2", "queue"], Value::text("crm", Origin::Default));
    laid(&mut tree, &[("BACKSTAY_KINDS__CRM_SYNC_V2__QUEUE", "other")]);
    assert_eq!(tree.to_string(), "{ kinds = { \"crm-sync.v2\" = { queue = \"other\" } } }");
}

#[test]
fn an_empty_variable_is_as_if_it_were_not_there() {
    let mut tree = Value::empty();
    laid(&mut tree, &[("BACKSTAY_ENVIRONMENT", ""), ("DATABASE_URL", "")]);
    assert_eq!(tree, Value::empty());
}

#[test]
fn a_variable_of_a_later_setting_reaches_its_refusal() {
    let mut tree = Value::empty();
    assert_eq!(laid(&mut tree, &[("BACKSTAY_WEB__BASE_PATH", "/jobs")]), [""; 0]);
    let faults = backstay::config::Settings::from_value(&tree).unwrap_err();
    assert_eq!(faults[0].message, "`base_path` is not available in this version");
}
