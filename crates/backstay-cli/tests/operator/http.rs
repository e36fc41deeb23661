//! Kinds that an address handles, from the file to the end of the job, against a small server of our own.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::operator::crew::{Crew, crew};

/// Requests as they came: path, head, body.
type Heard = Arc<Mutex<Vec<(String, String, Vec<u8>)>>>;

/// Answers by path until the test ends.
struct Server {
    port: u16,
    heard: Heard,
    /// Paths whose connection was ended by the other side before there was an answer.
    dropped: Arc<Mutex<Vec<String>>>,
}

const NO_CUSTOMER: &str = "no such customer\0 for https://u:hunter2@db.example/";

fn respond(path: &str) -> Option<String> {
    let answer = |head: &str, body: &str| {
        let length = body.len();
        Some(format!(
            "HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ))
    };
    match path {
        "/good" => {
            answer("201 Created\r\nContent-Type: application/json", "{\"charge\": \"ch_1\"}")
        }
        "/busy" => answer("503 Busy\r\nRetry-After: 7200", "later"),
        "/never" => answer("422 Unprocessable", NO_CUSTOMER),
        // Never: whoever asked must go.
        _ => None,
    }
}

impl Server {
    fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Server { port, heard: Heard::default(), dropped: Arc::default() };
        let (heard, dropped) = (server.heard.clone(), server.dropped.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (heard, dropped) = (heard.clone(), dropped.clone());
                std::thread::spawn(move || serve(stream.unwrap(), &heard, &dropped));
            }
        });
        server
    }

    fn has_heard(&self, path: &str) -> bool {
        self.heard.lock().unwrap().iter().any(|(heard, ..)| heard == path)
    }

    fn has_dropped(&self, path: &str) -> bool {
        self.dropped.lock().unwrap().iter().any(|dropped| dropped == path)
    }
}

fn serve(mut stream: TcpStream, heard: &Heard, dropped: &Mutex<Vec<String>>) {
    let mut bytes = Vec::new();
    let (head, body) = loop {
        let mut chunk = [0; 4096];
        let n = stream.read(&mut chunk).unwrap();
        assert!(n > 0, "the request ends in its middle");
        bytes.extend_from_slice(&chunk[..n]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let length: usize = header(&head, "content-length").parse().unwrap();
        if bytes.len() == end + 4 + length {
            break (head, bytes[end + 4..].to_vec());
        }
    };
    let path = head.split(' ').nth(1).unwrap().to_owned();
    heard.lock().unwrap().push((path.clone(), head, body));
    match respond(&path) {
        Some(answer) => stream.write_all(answer.as_bytes()).unwrap(),
        None => {
            // The end of the connection, however it comes.
            let _end = stream.read(&mut [0; 1]);
            dropped.lock().unwrap().push(path);
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
}

/// A worker whose kinds stand behind the paths of the server; `slow` may take a second.
fn with_server(name: &str) -> Option<(Crew, Server)> {
    let server = Server::start();
    let port = server.port;
    let kinds = ["good", "busy", "never", "slow", "hang"].map(|kind| {
        let timeout = if kind == "slow" { "1s" } else { "1m" };
        format!(
            "[kinds.{kind}]\ntimeout = \"{timeout}\"\nhttp = {{ url = \"http://127.0.0.1:{port}/{kind}\", secret = \"hunter2\" }}\n"
        )
    });
    let nobody = "[kinds.nobody]\nhttp = \"http://127.0.0.1:1/\"\n";
    let worker = "[worker]\nallow_networks = [\"127.0.0.0/8\"]\ndrain_timeout = \"0s\"\n";
    let file = format!("{worker}[defaults]\ngrace = \"500ms\"\n{}{nobody}", kinds.concat());
    Some((crew(name, |_| file)?, server))
}

fn last(job: &Value) -> &Value {
    job["attempts"].as_array().unwrap().last().unwrap()
}

#[test]
fn the_answer_of_an_address_decides_about_the_job() {
    let Some((crew, server)) = with_server("http-answers") else { return };
    let enqueue = |kind: &str| crew.desk.enqueue(&[kind, "{\"customer\": 7}"]);
    let [good, busy, never, slow, hang, nobody] =
        ["good", "busy", "never", "slow", "hang", "nobody"].map(enqueue);

    let job = crew.wait_for(&good, "completed");
    assert_eq!(job["output"], json!({ "charge": "ch_1" }));
    let attempt = last(&job);
    assert_eq!((&attempt["peak_kib"], &attempt["cpu_ms"]), (&Value::Null, &Value::Null));
    assert!(attempt["wall_ms"].as_i64().is_some(), "{attempt}");
    let (_, head, body) =
        server.heard.lock().unwrap().iter().find(|(path, ..)| path == "/good").unwrap().clone();
    let sent: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(sent["args"], json!({ "customer": 7 }));
    assert_eq!((&sent["job"]["id"], &sent["job"]["kind"]), (&json!(good), &json!("good")));
    assert_eq!(header(&head, "idempotency-key"), good);
    assert_eq!(header(&head, "backstay-timeout-ms"), "60000");
    let signature = header(&head, "backstay-signature");
    let time = signature.strip_prefix("t=").unwrap().split_once(',').unwrap().0.parse().unwrap();
    assert_eq!(signature, backstay_alert::sign::sign("hunter2", time, &body));

    let job = crew.wait_for(&busy, "scheduled");
    let attempt = last(&job);
    assert_eq!(
        (&attempt["outcome"], &attempt["error_class"]),
        (&json!("failed"), &json!("http_503"))
    );
    assert_eq!(attempt["message"], "the answer was 503: later");
    let at = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let wait = at(&job["run_at"]).duration_since(at(&attempt["ended_at"])).as_secs();
    assert!((7195..=7205).contains(&wait), "Retry-After: {wait} s");

    let job = crew.wait_for(&never, "dead");
    assert_eq!(
        (&job["reason"], &last(&job)["error_class"]),
        (&json!("rejected"), &json!("http_422"))
    );
    let message = last(&job)["message"].as_str().unwrap();
    assert_eq!(
        message,
        "the answer was 422: no such customer\u{FFFD} for https://u:***@db.example/"
    );

    let job = crew.wait_for(&nobody, "scheduled");
    assert_eq!(
        (&last(&job)["outcome"], &last(&job)["error_class"]),
        (&json!("failed"), &json!("http_no_answer"))
    );

    let job = crew.wait_for(&slow, "scheduled");
    assert_eq!(last(&job)["outcome"], "timed_out");
    crew.wait_until("the slow call is dropped", || server.has_dropped("/slow"));

    crew.wait_until("the call has begun", || server.has_heard("/hang"));
    assert!(!server.has_dropped("/hang"));
    crew.desk.run(&["jobs", "cancel", &hang]).exits(0);
    let job = crew.wait_for(&hang, "cancelled");
    assert_eq!(last(&job)["outcome"], "cancelled");
    crew.wait_until("the cancelled call is dropped", || server.has_dropped("/hang"));
    let log = crew.log();
    assert!(!log.contains("hunter2"), "{log}");
}
