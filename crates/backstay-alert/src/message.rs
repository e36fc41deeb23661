//! An alert as plain text, for chats and mail.

use backstay::model::alert::Alert;
use backstay::model::steer::steers;

/// Writes the body: what happened and what to do, then the facts, one a line.
pub(crate) fn body(alert: &Alert) -> String {
    let mut lines = vec![alert.headline()];
    if !alert.text.is_empty() {
        lines.push(alert.text.clone());
    }
    lines.push(String::new());
    lines.extend(facts(alert).into_iter().map(|(name, value)| format!("{name}: {value}")));
    lines.iter().map(|line| shown(line)).collect::<Vec<String>>().join("\n")
}

fn facts(alert: &Alert) -> Vec<(&'static str, String)> {
    let job = alert.job.as_ref().and_then(|job| job["id"].as_str()).map(str::to_owned);
    let mut facts = Vec::new();
    let mut add = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
    add("rule", Some(alert.rule.to_string()));
    add("kind", alert.kind.clone());
    add("queue", alert.queue.clone());
    add("newest job", job);
    add("first", Some(alert.first_at.to_string()));
    add("last", Some(alert.last_at.to_string()));
    add("link", alert.link.clone());
    add("incident", Some(alert.dedupe_key.clone()));
    facts
}

/// One line stays one line, and no character in it can move the cursor or turn the text around.
pub(crate) fn shown(line: &str) -> String {
    line.chars().map(|c| if steers(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::alert;

    #[test]
    fn the_body_says_what_happened_what_to_do_and_the_facts() {
        let text = body(&alert());
        assert!(
            text.starts_with("[tests] report died: failed: no such month (400 times)\n"),
            "{text}"
        );
        assert!(text.contains("backstay dead show a3f19c02"));
        assert!(text.contains("\nnewest job: 41\n") && text.contains("\nkind: report\n"));
        assert!(text.ends_with("incident: tests/dead/a3f19c02"));
    }

    #[test]
    fn a_line_from_outside_cannot_forge_others() {
        let mut alert = alert();
        alert.title = "failed:\r\n\u{1b}[2Jall is well\u{202e}\u{200f}\u{2028}".into();
        let text = body(&alert);
        assert!(!text.contains(['\r', '\u{1b}', '\u{202e}', '\u{200f}', '\u{2028}']));
        assert!(text.lines().next().unwrap().contains("all is well"));
    }
}
