//! Texts that would clear a screen, forge a line or turn one around, as the commands print them: seen, and not obeyed.

use serde_json::json;

use crate::desk;

/// What a terminal, a pager or an editor would obey.
const STEERING: &str =
    "a\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}txt\u{2066}\u{200f}\u{2028}b\r\nforged 7 ok";
/// The same as far as keys and tags take it.
const IN_KEYS: &str = "a\u{9b}31m\u{202e}txt\u{2066}\u{200f}\u{2028}b";

fn obeyed(out: &str) -> Option<char> {
    let steers = |c: &char| {
        c.is_control() && !matches!(c, '\n' | '\t')
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    out.chars().find(steers)
}

#[test]
fn no_text_of_a_job_steers_the_terminal_of_whoever_looks_at_it() {
    let Some(desk) = desk() else { return };
    let args = json!({ STEERING: STEERING, "list": [STEERING] });
    let options = json!({ "group": IN_KEYS, "limit_key": IN_KEYS, "unique": IN_KEYS, "tags": [IN_KEYS], "meta": { "m": STEERING } });
    let make = |kind: &str| {
        let made = format!("select backstay.enqueue('{kind}', '{args}', '{options}')");
        desk.sql(&made);
        let listed = desk.run(&["jobs", "list", "--json"]).exits(0).json();
        listed["items"][0]["id"].as_str().unwrap().to_owned()
    };
    let (waits, dead) = (make("wait"), make("die"));
    let reason = json!({ "reason": STEERING });
    desk.sql(&format!("select backstay.bury({dead}, '{reason}')"));
    desk.sql(&format!("select backstay.pause('queue', 'default', '{reason}')"));
    let groups = desk.run(&["dead", "list", "--json"]).exits(0).json();
    let group = groups["items"][0]["fingerprint"].as_str().unwrap();
    let looks: [&[&str]; 10] = [
        &["jobs", "show", &waits, "--attempts", "--origin"],
        &["jobs", "show", &dead, "--attempts", "--origin"],
        &["jobs", "list"],
        &["dead", "list"],
        &["dead", "show", &dead],
        &["dead", "show", group],
        &["queues", "list"],
        &["kinds", "list"],
        &["alerts", "list"],
        &["top"],
    ];
    for look in looks {
        let said = desk.run(look).exits(0);
        assert_eq!(obeyed(&said.out), None, "{look:?}: {:?}", said.out);
        assert!(!said.out.lines().any(|line| line.starts_with("forged")), "{look:?}: {}", said.out);
    }
    let shown = desk.run(&["dead", "show", &dead]).exits(0).out;
    assert!(shown.contains("\\u{1b}") && shown.contains("\\u{202e}"), "it is seen: {shown}");
    for refused in
        [&["enqueue", STEERING][..], &["jobs", "show", STEERING], &["dead", "show", IN_KEYS]]
    {
        let said = desk.run(refused);
        assert_ne!(said.exit, 0, "{refused:?}");
        assert_eq!(obeyed(&said.err), None, "{refused:?}: {:?}", said.err);
    }
}

#[test]
fn args_that_cannot_be_kept_are_refused_with_a_code_and_a_sentence_of_ours() {
    let Some(desk) = desk() else { return };
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let large = format!("{{\"a\": \"{}\"}}", "x".repeat(300_000));
    for (args, code) in [
        (r#"{"a": "b\u0000"}"#, "BS104"),
        (r#"{"a": "\ud800"}"#, "BS104"),
        (r#"{"a": 1e131072}"#, "BS104"),
        (&deep, "BS106"),
        (&large, "BS105"),
    ] {
        let said = desk.run_with(&["enqueue", "report", "-"], args).exits(1);
        assert!(said.err.starts_with(&format!("error {code}: ")), "{}", said.err);
        assert!(!said.err.contains("max_stack_depth") && said.err.len() < 400, "{}", said.err);
    }
    let number = r#"{"n": 12345678901234567890123.4567890}"#;
    desk.run_with(&["enqueue", "report", "-"], number).exits(0);
    let kept = desk.run(&["jobs", "list", "--json"]).exits(0).json();
    let id = kept["items"][0]["id"].as_str().unwrap().to_owned();
    let shown = desk.run(&["jobs", "show", &id]).exits(0).out;
    assert!(shown.contains(number), "{shown}");
}
