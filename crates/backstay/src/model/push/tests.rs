use serde_json::{Value, json};

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn info() -> JobInfo {
    serde_json::from_value(json!({
        "id": "41", "attempt": 2, "worker": Uuid::nil(), "kind": "charge", "queue": "pay",
        "retry_count": 1, "max_retries": 10, "group": "7", "tags": ["eu"], "meta": null,
        "trace": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "cron_tick": null,
        "enqueued_at": "2026-11-24T09:00:00Z", "timeout_ms": 30000, "checkpoint": null, "args": {},
    }))
    .unwrap()
}

fn answer(status: u16, body: &[u8]) -> PushAnswer {
    PushAnswer { status, retry_after: None, body: body.to_vec(), is_cut: false }
}

fn not_done(answer: &PushAnswer) -> (bool, String, String, Option<Duration>) {
    match meaning(answer, at("2026-11-24T09:00:00Z")) {
        Meaning::NotDone { is_final, class, message, not_before } => {
            (is_final, class, message, not_before)
        }
        Meaning::Completed { .. } => panic!("{} is done", answer.status),
    }
}

fn output(body: &[u8]) -> Option<String> {
    match meaning(&answer(200, body), Timestamp::UNIX_EPOCH) {
        Meaning::Completed { output } => output.map(|output| output.get().to_owned()),
        Meaning::NotDone { message, .. } => panic!("{message}"),
    }
}

#[test]
fn a_request_carries_args_untouched_and_the_job_beside_them() {
    let mut info = info();
    info.args = RawValue::from_string("{\"amount\":  12345678901234567890123}".into()).unwrap();
    let request = PushRequest::of(&info, at("2026-11-24T09:01:00Z"));
    let text = String::from_utf8(request.body).unwrap();
    assert!(
        text.starts_with("{\"args\":{\"amount\":  12345678901234567890123},\"job\":{"),
        "{text}"
    );
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&body["job"]["id"], &body["job"]["attempt"]), (&json!("41"), &json!(2)));
    assert_eq!(body["job"]["deadline_at"], "2026-11-24T09:01:00Z");
    assert_eq!(body["job"].get("args"), None);
    let header = |name: &str| request.headers.iter().find(|(key, _)| *key == name).unwrap();
    assert_eq!(header("Idempotency-Key").1, "41", "the same for every attempt");
    assert_eq!(header("Backstay-Attempt").1, "2");
    assert_eq!(header("Backstay-Timeout-Ms").1, "30000");
    assert!(header("traceparent").1.starts_with("00-4bf9"));
}

#[test]
fn the_state_of_a_trace_is_a_header_of_its_own() {
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let info = JobInfo { trace: Some(format!("{parent} vendor=a, other=b")), ..info() };
    let headers = PushRequest::of(&info, Timestamp::UNIX_EPOCH).headers;
    let value = |name: &str| headers.iter().find(|(key, _)| *key == name).unwrap().1.as_str();
    assert_eq!((value("traceparent"), value("tracestate")), (parent, "vendor=a, other=b"));
}

#[test]
fn a_trace_that_is_no_header_stays_in_the_body() {
    let info = JobInfo { trace: Some("a\r\nX-Evil: 1".into()), ..info() };
    let request = PushRequest::of(&info, Timestamp::UNIX_EPOCH);
    assert!(request.headers.iter().all(|(name, _)| *name != "traceparent"));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["job"]["trace"], "a\r\nX-Evil: 1");
}

#[test]
fn each_status_has_one_meaning() {
    for status in [200, 201, 202, 204, 299] {
        let meaning = meaning(&answer(status, b""), Timestamp::UNIX_EPOCH);
        assert!(matches!(meaning, Meaning::Completed { output: None }), "{status}");
    }
    for (status, is_final) in [
        (301, false),
        (307, false),
        (400, true),
        (401, true),
        (404, true),
        (408, false),
        (409, false),
        (410, true),
        (422, true),
        (425, false),
        (429, false),
        (451, true),
        (500, false),
        (503, false),
        (599, false),
    ] {
        let (found, class, ..) = not_done(&answer(status, b""));
        assert_eq!((found, class), (is_final, format!("http_{status}")), "{status}");
    }
}

#[test]
fn json_becomes_the_output_and_anything_else_does_not_undo_what_was_done() {
    assert_eq!(output(b" {\"charge\": \"ch_1\"}\n").as_deref(), Some("{\"charge\": \"ch_1\"}"));
    for none in [&b""[..], b"null", b"OK", b"<html>", b"\xff\xfe", b"{} {}"] {
        assert_eq!(output(none), None, "{none:?}");
    }
    let long = PushAnswer { is_cut: true, ..answer(200, b"{}") };
    let Meaning::Completed { output } = meaning(&long, Timestamp::UNIX_EPOCH) else { panic!() };
    assert!(output.unwrap().get().contains("longer than 1 MiB"));
}

#[test]
fn the_message_holds_the_start_of_the_answer_as_it_can_be_stored() {
    assert_eq!(not_done(&answer(503, b"")).2, "the answer was 503");
    assert_eq!(not_done(&answer(503, b"down\n")).2, "the answer was 503: down");
    assert_eq!(not_done(&answer(302, b"")).2, "the answer was 302; redirects are not followed");
    let odd = not_done(&answer(500, b"a\0b\xffc")).2;
    assert_eq!(odd, "the answer was 500: a\u{FFFD}b\u{FFFD}c");
    let long = not_done(&answer(500, "ü".repeat(100_000).as_bytes())).2;
    assert!(long.len() <= "the answer was 500: ".len() + 2048 && long.ends_with("ü… [cut]"));
}

#[test]
fn retry_after_is_read_in_seconds_and_as_a_date() {
    let after = |status, text: &str| {
        not_done(&PushAnswer { retry_after: Some(text.into()), ..answer(status, b"") }).3
    };
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(after(503, "120"), seconds(120));
    assert_eq!(after(429, " 0 "), seconds(0));
    assert_eq!(after(301, "5"), seconds(5));
    assert_eq!(after(503, "Tue, 24 Nov 2026 09:10:00 GMT"), seconds(600));
    assert_eq!(after(503, "99999999999999999999999"), seconds(u64::MAX));
    for nothing in ["Tue, 24 Nov 2026 08:59:59 GMT", "", "soon", "-5", "1.5", "Tue, 24 Nov"] {
        assert_eq!(after(503, nothing), None, "{nothing}");
    }
    assert_eq!(after(404, "120"), None, "what is over is not waited for");
}
