//! Traces as a collector gets them: a stand-in for one, and a worker that sends to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message;
use rustix::process::Signal;

use super::crew::{Crew, crew_with};

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// What came in one request: its head, and the spans in its body with what is said of their sender.
#[derive(Clone)]
struct Came {
    head: String,
    sender: Vec<KeyValue>,
    span: Span,
}

/// Takes spans by OTLP over HTTP, and keeps them.
#[derive(Clone)]
struct Collector {
    at: SocketAddr,
    came: Arc<Mutex<Vec<Came>>>,
}

impl Collector {
    fn start() -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let collector = Collector { at, came: Arc::default() };
        let taking = collector.clone();
        // It ends with the process of the test.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let taking = taking.clone();
                std::thread::spawn(move || taking.take(stream.unwrap()));
            }
        });
        collector
    }

    /// Takes one request, and closes the connection.
    fn take(&self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while stream.read_line(&mut head).unwrap() > 2 {}
        let length = head.to_lowercase();
        let length = length.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body).unwrap();
        for part in ExportTraceServiceRequest::decode(&*body).unwrap().resource_spans {
            let sender = part.resource.unwrap().attributes;
            for span in part.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                let came = Came { head: head.clone(), sender: sender.clone(), span };
                self.came.lock().unwrap().push(came);
            }
        }
        let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        stream.get_mut().write_all(answer.as_bytes()).unwrap();
    }

    /// The spans of a job's attempts, in the order in which they began.
    fn of_job(&self, id: &str) -> Vec<Came> {
        let is_its = |came: &&Came| text(&came.span.attributes, "messaging.message.id") == Some(id);
        let mut all: Vec<Came> = self.came.lock().unwrap().iter().filter(is_its).cloned().collect();
        all.sort_by_key(|came| came.span.start_time_unix_nano);
        all
    }
}

fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    attributes.iter().find(|pair| pair.key == key)?.value.as_ref()?.value.as_ref()
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    match value(attributes, key)? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

fn number(attributes: &[KeyValue], key: &str) -> Option<f64> {
    match value(attributes, key)? {
        Value::DoubleValue(number) => Some(*number),
        Value::IntValue(number) => Some(*number as f64),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A worker that sends to this address, with kinds that end in different ways.
fn traced(name: &str, at: SocketAddr, more: &[(&str, &str)]) -> Option<Crew> {
    let mut env = vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), format!("http://{at}")),
        ("OTEL_BSP_SCHEDULE_DELAY".to_owned(), "100".to_owned()),
    ];
    env.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    crew_with(name, None, env, |folder| {
        let folder = folder.display();
        format!(
            "[queues.reports]\nslots = 4\ngrace = \"500ms\"\n\
             [kinds.report]\nqueue = \"reports\"\n\
             command = [\"sh\", \"-c\", \"echo $TRACEPARENT $TRACESTATE > {folder}/trace-$BACKSTAY_JOB\"]\n\
             [kinds.bad]\nqueue = \"reports\"\nmax_retries = 0\ncommand = [\"false\"]\n\
             [kinds.slow]\nqueue = \"reports\"\nmax_retries = 0\ntimeout = \"1s\"\ncommand = [\"sleep\", \"60\"]\n\
             [kinds.shot]\nqueue = \"reports\"\nmax_retries = 0\ncommand = [\"sh\", \"-c\", \"kill -9 $$\"]\n"
        )
    })
}

fn enqueue(crew: &Crew, kind: &str, more: &[&str]) -> String {
    let said = crew.desk.run(&[&["enqueue", kind, "{}", "--json"], more].concat()).exits(0);
    said.json()["id"].as_str().unwrap().to_owned()
}

/// What the handler of a `report` was given for a trace.
fn given(crew: &Crew, id: &str) -> String {
    std::fs::read_to_string(crew.folder.join(format!("trace-{id}"))).unwrap().trim().to_owned()
}

#[test]
fn an_attempt_is_a_span_that_links_to_its_caller_and_is_the_parent_of_its_handler() {
    let collector = Collector::start();
    let more = [
        ("OTEL_SERVICE_NAME", "shop"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,deployment.environment.name=test"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=hunter2"),
    ];
    let Some(crew) = traced("traces", collector.at, &more) else { return };
    let id = enqueue(&crew, "report", &["--trace", CALLER]);
    crew.wait_for(&id, "completed");
    crew.wait_until("its span came", || !collector.of_job(&id).is_empty());
    let Came { head, sender, span } = collector.of_job(&id).pop().unwrap();
    assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("x-key: hunter2\r\n") && head.contains("application/x-protobuf"));
    assert_eq!(text(&sender, "service.name"), Some("shop"));
    assert_eq!(text(&sender, "deployment.environment.name"), Some("test"));
    assert_eq!(text(&sender, "service.version"), Some(env!("CARGO_PKG_VERSION")));

    assert_eq!((span.name.as_str(), span.kind()), ("process reports", SpanKind::Consumer));
    assert!(span.parent_span_id.is_empty(), "a job may run days later: it has no parent");
    let [link] = &span.links[..] else { panic!("{:?}", span.links) };
    let caller = format!("00-{}-{}-01", hex(&link.trace_id), hex(&link.span_id));
    assert_eq!(caller, CALLER);
    assert_ne!(span.trace_id, link.trace_id);
    assert_eq!(given(&crew, &id), format!("00-{}-{}-01", hex(&span.trace_id), hex(&span.span_id)));

    let its = |key: &str| text(&span.attributes, key);
    assert_eq!(its("messaging.system"), Some("backstay"));
    assert_eq!(its("messaging.destination.name"), Some("reports"));
    assert_eq!(its("messaging.operation.name"), Some("process"));
    assert_eq!(its("messaging.operation.type"), Some("process"));
    assert_eq!(
        (its("backstay.kind"), its("backstay.outcome")),
        (Some("report"), Some("completed"))
    );
    assert_eq!(its("error.type"), None);
    assert_eq!(span.status.as_ref().map_or(0, |status| status.code), StatusCode::Unset as i32);
    assert_eq!(number(&span.attributes, "backstay.attempt"), Some(1.0));
    assert!(number(&span.attributes, "backstay.wait_seconds").unwrap() < 20.0);
    assert!(number(&span.attributes, "backstay.cpu_seconds").is_some());
    assert!(span.end_time_unix_nano > span.start_time_unix_nano);
}

#[test]
fn an_attempt_that_failed_or_was_killed_says_so_in_its_span() {
    let collector = Collector::start();
    let Some(crew) = traced("traces-bad", collector.at, &[]) else { return };
    for (kind, outcome, says) in [
        ("bad", "exited", "exit code 1"),
        ("slow", "timed_out", "timed out after"),
        ("shot", "killed", "signal 9"),
    ] {
        let id = enqueue(&crew, kind, &[]);
        crew.wait_until("its span came", || !collector.of_job(&id).is_empty());
        let Came { sender, span, .. } = collector.of_job(&id).swap_remove(0);
        let job = crew.desk.run(&["jobs", "show", &id, "--attempts", "--json"]).json();
        assert_eq!(text(&sender, "service.name"), Some("backstay"));
        let stored = job["attempts"][0]["outcome"].as_str();
        assert_eq!(text(&span.attributes, "backstay.outcome"), stored);
        assert_eq!(text(&span.attributes, "error.type"), stored);
        if kind == "slow" {
            // Of what is over in a moment nobody may have seen how much memory it had.
            assert!(number(&span.attributes, "backstay.peak_memory_bytes").unwrap() > 0.0);
        }
        assert!(span.links.is_empty(), "nobody said who asked for it");
        let status = span.status.unwrap();
        assert_eq!(status.code, StatusCode::Error as i32);
        assert_eq!(stored, Some(outcome));
        assert!(status.message.contains(says), "{}", status.message);
    }
}

#[test]
fn what_its_caller_left_out_is_left_out_and_its_handler_hears_of_it() {
    let collector = Collector::start();
    let Some(crew) = traced("traces-out", collector.at, &[]) else { return };
    let unsampled = CALLER.replace("-01", "-00");
    let left_out = enqueue(&crew, "report", &["--trace", &unsampled]);
    crew.wait_for(&left_out, "completed");
    let seen = enqueue(&crew, "report", &[]);
    crew.wait_for(&seen, "completed");
    crew.wait_until("the span of the other came", || !collector.of_job(&seen).is_empty());
    assert!(collector.of_job(&left_out).is_empty());
    let given = given(&crew, &left_out);
    assert!(given.ends_with("-00") && given != unsampled, "{given}");
}

#[test]
fn a_collector_that_is_away_or_silent_holds_up_no_job_and_no_end() {
    // One is closed, one takes connections and says nothing.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    for (name, at) in [("closed", closed), ("silent", silent.local_addr().unwrap())] {
        let Some(mut crew) = traced(&format!("traces-{name}"), at, &[]) else { return };
        let id = enqueue(&crew, "report", &["--trace", CALLER]);
        crew.wait_for(&id, "completed");
        assert!(given(&crew, &id).ends_with("-01"), "its handler is traced all the same");
        let begun = std::time::Instant::now();
        crew.end_worker(Signal::TERM);
        let took = begun.elapsed();
        assert!(took < std::time::Duration::from_secs(12), "{name}: {took:?}");
        let log = crew.log();
        let told: Vec<&str> = log.lines().filter(|line| line.contains("traces.lost")).collect();
        assert_eq!(told.len(), 1, "{name}: {log}");
        assert!(told[0].contains("1 span did not reach its collector"), "{}", told[0]);
    }
}

#[test]
fn spans_that_find_the_line_full_are_lost_and_every_one_is_counted() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let short = [("OTEL_BSP_MAX_QUEUE_SIZE", "2")];
    let at = silent.local_addr().unwrap();
    let Some(mut crew) = traced("traces-full", at, &short) else { return };
    let ids: Vec<String> = (0..6).map(|_| enqueue(&crew, "report", &[])).collect();
    for id in &ids {
        crew.wait_for(id, "completed");
    }
    crew.end_worker(Signal::TERM);
    let log = crew.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str(line).ok());
    let told: Vec<serde_json::Value> =
        lines.filter(|line: &serde_json::Value| line["event"] == "traces.lost").collect();
    let lost: u64 = told.iter().map(|line| line["count"].as_u64().unwrap()).sum();
    assert_eq!(lost, ids.len() as u64, "{told:?}");
    assert_eq!(told.len(), 2, "as it began, and at the end: {told:?}");
}
