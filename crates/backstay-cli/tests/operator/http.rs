//! Kinds that an address handles, from the file to the end of the job, against a small server of our own.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::bare;
use crate::operator::crew::{Crew, crew};

const PAGE: &str = include_str!("../../../../docs/http-handlers.md");

/// Requests as they came: path, head, body.
pub(crate) type Heard = Arc<Mutex<Vec<(String, String, Vec<u8>)>>>;

/// Answers by path until the test ends.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) heard: Heard,
    /// Paths whose connection was ended by the other side before there was an answer.
    dropped: Arc<Mutex<Vec<String>>>,
}

const NO_CUSTOMER: &str = "no such customer\0 for https://u:hunter2@db.example/";

/// `times` counts the requests for this path, this one among them.
fn respond(path: &str, times: usize) -> Option<String> {
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
        "/again" if times > 1 => answer("204 No Content", ""),
        // Never: whoever asked must go.
        _ => None,
    }
}

impl Server {
    pub(crate) fn start() -> Server {
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

    pub(crate) fn has_heard(&self, path: &str) -> bool {
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
    let times = {
        let mut heard = heard.lock().unwrap();
        heard.push((path.clone(), head, body));
        heard.iter().filter(|(heard, ..)| *heard == path).count()
    };
    match respond(&path, times) {
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
    let kinds = ["good", "busy", "never", "slow", "hang", "again"].map(|kind| {
        let timeout = if kind == "slow" { "1s" } else { "1m" };
        format!(
            "[kinds.{kind}]\ntimeout = \"{timeout}\"\nhttp = {{ url = \"http://127.0.0.1:{port}/{kind}\", secret = \"hunter2\", headers = {{ X-Team = \"hunter2, eu\" }} }}\n"
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
    assert_eq!(header(&head, "x-team"), "hunter2, eu");
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
    let kinds = crew.desk.run(&["kinds", "list"]).exits(0).out;
    let kind = kinds.lines().find(|line| line.starts_with("good"));
    assert!(kind.is_some_and(|line| line.ends_with("by an address, through 1 worker")), "{kinds}");
    let worker = &crew.desk.run(&["workers", "list", "--json"]).json()["items"][0];
    assert_eq!((&worker["level"], &worker["holders"]), (&json!("http"), &Value::Null), "{worker}");
    let log = crew.log();
    assert!(!log.contains("hunter2"), "{log}");
}

#[test]
fn a_call_whose_worker_ends_is_dropped_and_made_again_by_the_next() {
    let Some((mut crew, server)) = with_server("http-ended") else { return };
    let again = crew.desk.enqueue(&["again"]);
    crew.wait_until("the call has begun", || server.has_heard("/again"));
    crew.end_worker(Signal::TERM);
    crew.wait_until("the call is dropped", || server.has_dropped("/again"));
    crew.start_worker();
    let job = crew.wait_for(&again, "completed");
    let outcomes: Vec<&Value> =
        job["attempts"].as_array().unwrap().iter().map(|attempt| &attempt["outcome"]).collect();
    assert_eq!(outcomes, ["interrupted", "completed"]);
}

/// A receiver that ends with the test.
struct Receiver(Child);

impl Drop for Receiver {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn the_receivers_of_the_page_know_who_asks_them() {
    for (program, mark, name) in
        [("python3", "```python\n", "jobs.py"), ("node", "```js\n", "jobs.mjs")]
    {
        if !Command::new(program).arg("--version").output().is_ok_and(|out| out.status.success()) {
            eprintln!("SKIPPED for {program}: it is not installed here");
            continue;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let kind = |name: &str, secret: &str| {
            format!(
                "[kinds.{name}]\nhttp = {{ url = \"http://127.0.0.1:{port}/\", secret = \"{secret}\" }}\n"
            )
        };
        let file = format!(
            "[worker]\nallow_networks = [\"127.0.0.1\"]\n{}{}",
            kind("sum", "hunter2"),
            kind("forged", "hunter3")
        );
        let Some(crew) = crew(&format!("http-{program}"), |_| file) else { return };
        let code = PAGE.split(mark).nth(1).unwrap().split("```").next().unwrap();
        std::fs::write(crew.folder.join(name), code).unwrap();
        let mut command = Command::new(program);
        command.arg(name).current_dir(&crew.folder);
        command.env("PORT", port.to_string()).env("HOOK_SECRET", "hunter2");
        let _receiver = Receiver(command.spawn().unwrap());
        crew.wait_until("it listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        let sum = crew.desk.enqueue(&["sum", "{\"numbers\": [1, 2, 3]}"]);
        assert_eq!(crew.wait_for(&sum, "completed")["output"], json!({ "sum": 6 }), "{program}");
        let forged = crew.desk.enqueue(&["forged", "{\"numbers\": [1]}"]);
        let job = crew.wait_for(&forged, "dead");
        assert_eq!(last(&job)["error_class"], "http_401", "{program}");
    }
}

#[test]
fn an_address_that_may_not_be_called_is_told_with_its_line_before_anything_starts() {
    let folder = std::env::temp_dir().join(format!("backstay-http-check-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("backstay.toml");
    let text = "[kinds.inner]\nhttp = \"https://127.0.0.1/\"\n[kinds.\"a.b\"]\nhttp = { url = \"https://[::1\" }\n";
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let database = ["--database-url", "postgres://nobody@127.0.0.1:1/none"];
    for command in [&["check"][..], &[&["work"], &database[..]].concat()] {
        let said = bare(&[command, &["--config", file]].concat()).exits(78);
        let text = said.out + &said.err;
        for part in [
            "backstay.toml:2",
            "kinds.inner.http",
            "add its network to `worker.allow_networks`",
            "backstay.toml:4",
            "kinds.\"a.b\".http.url",
            "the address is not understood",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
