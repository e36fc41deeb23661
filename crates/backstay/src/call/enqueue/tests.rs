//! Enqueue without a database: what is sent, and what an answer comes to.

use std::sync::Mutex;

use serde_json::json;

use super::*;
use crate::model::contract::Contract;
use crate::model::options::Options;
use crate::model::request::Job;

/// Answers with one text, and keeps what it was sent.
struct Fake {
    answer: Result<&'static str, &'static str>,
    sent: Mutex<Vec<String>>,
}

impl Fake {
    fn new(answer: Result<&'static str, &'static str>) -> Self {
        Self { answer, sent: Mutex::default() }
    }

    fn sent(self) -> Vec<String> {
        self.sent.into_inner().unwrap()
    }
}

impl Caller for &Fake {
    async fn call(self, text: &'static str, params: &[&str]) -> Result<String, CallError> {
        let mut sent = self.sent.lock().unwrap();
        sent.push(text.to_owned());
        sent.extend(params.iter().map(|param| (*param).to_owned()));
        self.answer.map(str::to_owned).map_err(|state| {
            CallError::refused(Refusal::new(state, "no").detail(Some("7")).hint(Some("try")), "raw")
        })
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    // Nothing in these calls waits, so the first look finds them ready.
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("a fake never waits"),
    }
}

fn request(n: i64) -> Request {
    Request::new("report", json!({ "n": n }))
}

#[test]
fn one_job_sends_kind_args_and_options() {
    let fake = Fake::new(Ok(r#"{"id": "9007199254740993", "created": false}"#));
    let enqueued = wait(enqueue(&fake, request(1).with(Options::new().queue("q")))).unwrap();
    assert_eq!(enqueued, Enqueued { id: 9_007_199_254_740_993, created: false });
    assert_eq!(fake.sent(), [text::ENQUEUE, "report", r#"{"n":1}"#, r#"{"queue":"q"}"#]);
}

#[test]
fn jobs_of_one_shape_go_as_rows() {
    let fake = Fake::new(Ok(r#"[{"id": "1", "created": true}, {"id": "2", "created": true}]"#));
    let ids = wait(enqueue_many(&fake, [request(1), request(2)])).unwrap();
    assert_eq!(ids.iter().map(|job| job.id).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(fake.sent(), [text::ENQUEUE_ROWS, "report", r#"[{"n":1},{"n":2}]"#, "{}"]);
}

#[test]
fn jobs_of_many_shapes_go_with_their_own_options() {
    let fake = Fake::new(Ok("[]"));
    let other = request(2).with(Options::new().max_retries(0));
    wait(enqueue_many(&fake, [request(1), other])).unwrap();
    let jobs = concat!(
        r#"[{"kind":"report","args":{"n":1},"options":{}},"#,
        r#"{"kind":"report","args":{"n":2},"options":{"max_retries":0}}]"#
    );
    assert_eq!(fake.sent(), [text::ENQUEUE_MANY, jobs, "{}"]);
}

#[derive(Serialize, Deserialize)]
struct Report {
    n: i64,
}

impl Job for Report {
    const KIND: &'static str = "report";
    fn contract() -> Contract {
        Contract::new().queue("reports")
    }
}

#[test]
fn a_contract_goes_once_with_all_its_rows() {
    let fake = Fake::new(Ok("[]"));
    wait(enqueue_many(&fake, [Report { n: 1 }, Report { n: 2 }])).unwrap();
    let options = r#"{"contract":{"queue":"reports"}}"#;
    assert_eq!(fake.sent(), [text::ENQUEUE_ROWS, "report", r#"[{"n":1},{"n":2}]"#, options]);
}

#[test]
fn a_contract_goes_once_for_jobs_of_many_shapes_and_one_without_says_so() {
    let fake = Fake::new(Ok("[]"));
    let other = Report { n: 2 }.with(Options::new().max_retries(0));
    wait(enqueue_many(&fake, [Report { n: 1 }.into(), other, request(3)])).unwrap();
    let jobs = concat!(
        r#"[{"kind":"report","args":{"n":1},"options":{}},"#,
        r#"{"kind":"report","args":{"n":2},"options":{"max_retries":0}},"#,
        r#"{"kind":"report","args":{"n":3},"options":{"contract":{}}}]"#
    );
    let shared = r#"{"contracts":{"report":{"queue":"reports"}}}"#;
    assert_eq!(fake.sent(), [text::ENQUEUE_MANY, jobs, shared]);
}

#[test]
fn no_jobs_are_no_call() {
    let fake = Fake::new(Err("BS999"));
    assert_eq!(wait(enqueue_many(&fake, Vec::<Request>::new())).unwrap(), []);
    assert!(fake.sent().is_empty());
}

#[test]
fn an_endless_iterator_is_refused_without_a_call() {
    let fake = Fake::new(Ok("[]"));
    let error = wait(enqueue_many(&fake, (0..).map(request))).unwrap_err();
    assert_eq!(error.code(), "BS109");
    assert!(fake.sent().is_empty());
}

#[test]
fn a_job_that_cannot_be_written_is_named_by_its_place() {
    let fake = Fake::new(Ok("[]"));
    let error = wait(enqueue_many(&fake, [request(1), Request::new("x", 1)])).unwrap_err();
    assert_eq!(error.code(), "BS104");
    assert!(error.to_string().starts_with("job 2: the args of `x` are no JSON object"), "{error}");
    assert!(fake.sent().is_empty());
}

#[test]
fn each_sqlstate_of_a_door_is_an_error_of_that_code() {
    for state in [
        "BS101", "BS102", "BS103", "BS104", "BS105", "BS106", "BS107", "BS108", "BS109", "BS110",
        "BS111",
    ] {
        let error = wait(enqueue(&Fake::new(Err(state)), request(1))).unwrap_err();
        assert_eq!(error.code(), state);
        assert_eq!(error.to_string(), "no; try");
        assert!(!matches!(error, EnqueueError::Database(_)), "{state}");
        assert_eq!(error.refusal().unwrap().detail.as_deref(), Some("7"));
    }
}

#[test]
fn what_jsonb_cannot_hold_is_bad_args_and_the_rest_is_the_database() {
    let code =
        |state| wait(enqueue(&Fake::new(Err(state)), request(1))).unwrap_err().code().to_owned();
    assert_eq!(code("22P05"), "BS104");
    assert_eq!(code("22003"), "BS104");
    assert_eq!(code("22021"), "BS103");
    assert_eq!(code("54001"), "BS106");
    assert_eq!(code("42883"), "BS502");
    assert_eq!(code("40001"), "BS999");
}

#[test]
fn an_answer_of_another_schema_is_told_so() {
    let error = wait(enqueue(&Fake::new(Ok("7")), request(1))).unwrap_err();
    assert_eq!(error.code(), "BS503");
}

#[test]
fn the_futures_may_move_between_threads() {
    fn sent<T: Send>(_: &T) {}
    let fake = Fake::new(Ok("[]"));
    sent(&enqueue(&fake, request(1)));
    sent(&enqueue_many(&fake, (0..3).map(request)));
}
