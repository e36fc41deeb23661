use super::*;

fn alert(count: u64) -> Alert {
    Alert {
        id: "7".into(),
        dedupe_key: dedupe_key(Some("production"), Rule::First, "a3f19c02"),
        rule: Rule::First,
        subject: "a3f19c02".into(),
        severity: Rule::First.severity(),
        state: AlertState::Open,
        title: "report died: failed: no such month".into(),
        text: "Look: backstay dead show a3f19c02".into(),
        link: None,
        environment: Some("production".into()),
        count,
        first_at: "2026-11-24T09:00:00Z".parse().unwrap(),
        last_at: "2026-11-24T10:00:00+01:00".parse().unwrap(),
        fingerprint: Some("a3f19c02".into()),
        owner: None,
        kind: Some("report".into()),
        queue: Some("reports".into()),
        job: None,
    }
}

#[test]
fn every_rule_reads_back_and_a_misspelt_one_names_the_nearest() {
    for rule in Rule::ALL {
        assert_eq!(rule.as_str().parse(), Ok(rule));
        assert_eq!(serde_json::to_string(&rule).unwrap(), format!("\"{rule}\""));
    }
    let wrong = "queue-lte".parse::<Rule>().unwrap_err();
    assert_eq!(wrong.to_string(), "`queue-lte` is no alert rule; did you mean `queue_late`?");
}

#[test]
fn the_document_reads_back_with_all_its_fields_and_instants_in_utc() {
    let json = serde_json::to_value(alert(3)).unwrap();
    assert_eq!(json["last_at"], "2026-11-24T09:00:00Z");
    assert_eq!(json["severity"], "error");
    for field in ["id", "dedupe_key", "subject", "link", "environment", "fingerprint", "job"] {
        assert!(json.get(field).is_some(), "{field}");
    }
    assert_eq!(serde_json::from_value::<Alert>(json).unwrap(), alert(3));
}

#[test]
fn the_headline_counts_from_two_on_and_says_when_it_is_over() {
    assert_eq!(alert(1).headline(), "[production] report died: failed: no such month");
    assert!(alert(400).headline().ends_with("no such month (400 times)"));
    let over = Alert { state: AlertState::Resolved, environment: None, ..alert(1) };
    assert!(over.headline().starts_with("over: report died"));
}

#[test]
fn all_deaths_of_a_group_are_one_incident_but_two_installations_are_two() {
    let key = |rule| dedupe_key(Some("production"), rule, "a3f19c02");
    assert_eq!(key(Rule::First), key(Rule::Again));
    assert_ne!(key(Rule::First), dedupe_key(Some("staging"), Rule::First, "a3f19c02"));
    assert_eq!(dedupe_key(None, Rule::QueueLate, "mail"), "backstay/queue_late/mail");
}

#[test]
fn deliveries_are_tried_for_three_days() {
    let s = Duration::from_secs;
    let waits: Vec<_> = (0..11).map(|tries| next_try(tries, s(60)).unwrap().as_secs()).collect();
    assert_eq!(waits, [5, 5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
    assert_eq!(next_try(u32::MAX, s(0)), Some(s(900)));
    assert!(next_try(300, s(72 * 3600 - 1)).is_some());
    assert_eq!(next_try(300, s(72 * 3600)), None);
}
