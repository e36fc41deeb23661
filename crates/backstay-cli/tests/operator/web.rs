//! The HTTP API of `backstay serve`, asked over real connections by clients of all sorts.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use backstay_postgres::template;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{Desk, desk, run_sql};

mod beside;
mod crowd;
mod described;
pub(crate) mod login;

/// A server of the HTTP API, which ends with the test.
pub(crate) struct Site {
    pub(crate) desk: Desk,
    server: Child,
    at: SocketAddr,
    _log: BufReader<ChildStderr>,
}

impl Drop for Site {
    fn drop(&mut self) {
        // It may have ended before.
        let _ended = kill_process(Pid::from_child(&self.server), Signal::TERM);
        let _reaped = self.server.wait();
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    fn of(text: &str) -> Answer {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no answer: {text:?}"));
        Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// `404 BS301`, or the status alone where all is well.
    fn code(&self) -> String {
        match serde_json::from_str::<Value>(&self.body).ok().map(|body| body["code"].clone()) {
            Some(Value::String(code)) => format!("{} {code}", self.status),
            _ => self.status.to_string(),
        }
    }
}

/// A stream of events, read line by line.
struct Stream(BufReader<TcpStream>);

impl Stream {
    /// Reads up to a line that begins so; nothing where the stream ends before.
    fn until(&mut self, begin: &str) -> Option<String> {
        let mut line = String::new();
        loop {
            line.clear();
            match self.0.read_line(&mut line) {
                Ok(0) => return None,
                Ok(_) if line.starts_with(begin) => return Some(line.trim_end().to_owned()),
                Ok(_) => {}
                Err(error) => panic!("no line `{begin}`: {error}"),
            }
        }
    }
}

pub(crate) fn site(settings: &[(&str, &str)]) -> Option<Site> {
    site_of(&["serve"], settings)
}

/// The server of a command that serves.
fn site_of(words: &[&str], settings: &[(&str, &str)]) -> Option<Site> {
    let desk = desk()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_backstay"));
    command.args(words).env_clear().env("PATH", "/usr/bin:/bin");
    command.env("BACKSTAY_WEB__LISTEN", "127.0.0.1:0");
    command.env("DATABASE_URL", &desk.database.url).current_dir(std::env::temp_dir());
    command.envs(settings.iter().copied()).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut server = command.spawn().unwrap();
    let mut log = BufReader::new(server.stderr.take().unwrap());
    let mut all = String::new();
    let at = loop {
        let from = all.len();
        assert!(log.read_line(&mut all).unwrap() > 0, "no address: {all}");
        let rest = all[from..].split("serving http://").nth(1);
        if let Some(at) = rest.and_then(|rest| rest.split('/').next()?.parse().ok()) {
            break at;
        }
    };
    Some(Site { desk, server, at, _log: log })
}

impl Site {
    pub(crate) fn token(&self, scopes: &str) -> String {
        let made = self.desk.run(&["tokens", "create", "--name", "t", "--scope", scopes, "--json"]);
        made.exits(0).json()["token"].as_str().unwrap().to_owned()
    }

    /// Sends exactly these bytes, and reads until the server closes.
    fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.at).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // A server that has refused already may have closed.
        let _sent = stream.write_all(bytes);
        let (mut all, mut some) = (Vec::new(), [0; 4096]);
        // What came before a reset counts, and a stream of events has no end.
        while let Ok(n) = stream.read(&mut some)
            && n > 0
        {
            all.extend(&some[..n]);
            if String::from_utf8_lossy(&all).contains("content-type: text/event-stream") {
                break;
            }
        }
        Answer::of(&String::from_utf8(all).unwrap())
    }

    pub(crate) fn ask(
        &self,
        verb: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut text = format!("{verb} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            text += "Host: localhost\r\n";
        }
        for (name, value) in headers {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        if !body.is_empty() {
            let length = body.len();
            write!(text, "Content-Type: application/json\r\nContent-Length: {length}\r\n").unwrap();
        }
        self.raw(format!("{text}\r\n{body}").as_bytes())
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "")
    }

    pub(crate) fn by(&self, token: &str, verb: &str, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {token}");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.ask(verb, path, &[("Authorization", &bearer)], &body)
    }

    /// Opens a stream of events.
    fn listen(&self, path: &str, headers: &str) -> Stream {
        let mut stream = TcpStream::connect(self.at).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let text = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        stream.write_all(text.as_bytes()).unwrap();
        Stream(BufReader::new(stream))
    }

    /// What was seen of the database is kept for a second.
    fn wait_until_ready_is(&self, status: u16) {
        let begun = Instant::now();
        while self.get("/readyz").status != status {
            assert!(begun.elapsed() < Duration::from_secs(15), "/readyz is not {status}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The description that the server gives of itself.
    fn description(&self) -> Value {
        self.get("/api/v1/openapi.json").json()
    }
}

/// Every path of the description with its methods; what stands in braces is filled in.
pub(crate) fn paths(description: &Value) -> Vec<(String, String, String)> {
    let mut all = Vec::new();
    for (path, verbs) in description["paths"].as_object().unwrap() {
        for (verb, operation) in verbs.as_object().unwrap() {
            let filled = path
                .replace("{id}", "1")
                .replace("{name}", "default")
                .replace("{fingerprint}", "0a0a0a0a");
            let needs = operation["description"].as_str().unwrap().split('`').nth(1).unwrap();
            all.push((verb.to_uppercase(), filled, needs.to_owned()));
        }
    }
    all
}

#[test]
fn whoever_asks_within_a_trace_says_so_by_the_headers_of_http() {
    let Some(site) = site(&[]) else { return };
    let bearer = format!("Bearer {}", site.token("operate"));
    let [ours, theirs] = [7, 8].map(|n| format!("00-{n:032x}-{n:016x}-01"));
    let headers =
        [("Authorization", bearer.as_str()), ("traceparent", &ours), ("tracestate", "a=b")];
    let trace = |id: &Value| {
        site.get(&format!("/api/v1/jobs/{}", id.as_str().unwrap())).json()["trace"].clone()
    };
    let one = |body: Value| {
        trace(&site.ask("POST", "/api/v1/jobs", &headers, &body.to_string()).json()["id"])
    };
    assert_eq!(one(json!({ "kind": "report" })), format!("{ours} a=b"));
    let own = json!({ "kind": "report", "options": { "trace": theirs } });
    assert_eq!(one(own.clone()), theirs, "what the job itself says wins");
    let many = json!({ "jobs": [{ "kind": "report" }, own] });
    let made = site.ask("POST", "/api/v1/jobs/many", &headers, &many.to_string()).json();
    let traces = [trace(&made["items"][0]["id"]), trace(&made["items"][1]["id"])];
    assert_eq!(traces, [json!(format!("{ours} a=b")), json!(theirs)]);
}

#[test]
fn a_job_is_enqueued_looked_at_and_steered_over_http() {
    let Some(site) = site(&[]) else { return };
    let token = site.token("operate");
    let by = |verb: &str, path: &str, body: Value| site.by(&token, verb, path, &body);

    let digits = r#"{"kind":"report","args":{"n":12345678901234567890.10},"options":{"run_in":"1h","tags":["a"]}}"#;
    let bearer = format!("Bearer {token}");
    let once = [("Authorization", bearer.as_str()), ("Idempotency-Key", "once")];
    let made = site.ask("POST", "/api/v1/jobs", &once, digits);
    assert_eq!((made.status, &made.json()["created"]), (201, &json!(true)), "{made:?}");
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let again = site.ask("POST", "/api/v1/jobs", &once, digits);
    assert_eq!((again.status, &again.json()["id"]), (200, &json!(id)));

    let shown = site.get(&format!("/api/v1/jobs/{id}"));
    assert!(shown.body.contains("12345678901234567890.10"), "every digit stays: {}", shown.body);
    assert_eq!(shown.json()["state"], "scheduled");
    let path = |rest: &str| format!("/api/v1/jobs/{id}{rest}");
    let edited = by("PATCH", &path(""), json!({ "priority": "urgent", "reason": "it is wanted" }));
    assert_eq!(edited.json(), json!({ "count": 1, "skipped": [] }));
    assert_eq!(by("POST", &path("/promote"), Value::Null).status, 200);
    assert_eq!(site.get(&path("/why")).json()["reason"], "no_worker");
    assert_eq!(by("POST", &path("/bury"), json!({ "reason": "it cannot be" })).status, 200);
    let groups = site.get("/api/v1/dead").json();
    let group = groups["items"][0]["fingerprint"].as_str().unwrap().to_owned();
    let seen = json!({ "note": "known" });
    assert_eq!(by("POST", &format!("/api/v1/dead/groups/{group}/acknowledge"), seen).status, 200);
    assert_eq!(site.get("/api/v1/dead").json()["items"][0]["note"], "known");
    let own = |body: Value| by("POST", &format!("/api/v1/dead/groups/{group}/own"), body).status;
    assert_eq!(own(json!({ "owner": "team a", "reason": "theirs" })), 200);
    let owned = site.get("/api/v1/dead?owner=team%20a").json();
    assert_eq!(owned["items"][0]["owner"], "team a");
    assert_eq!(own(json!({ "owner": "x".repeat(129) })), 422);
    assert_eq!(own(json!({})), 200);
    assert_eq!(site.get("/api/v1/dead?owner=team%20a").json()["items"], json!([]));
    assert_eq!(by("POST", &format!("/api/v1/dead/{id}/revive"), Value::Null).status, 200);
    assert_eq!(by("POST", &path("/cancel"), Value::Null).json()["answer"], "cancelled");
    assert_eq!(by("POST", &path("/cancel"), Value::Null).code(), "409 BS302");
    let pause = json!({ "for_in": "30m", "reason": "a release" });
    assert_eq!(by("POST", "/api/v1/queues/default/pause", pause).status, 200);
    assert_eq!(site.get("/api/v1/queues").json()["items"][0]["paused"]["reason"], "a release");
    assert_eq!(site.get("/api/v1/backlog/default").json(), json!({ "jobs": 0 }));

    // Who did it stands in the audit, by the token; why, too.
    let doer = format!("serve {} t", &token[4..12]);
    site.desk.sql(&format!(
        "do $$ begin
           assert (select count(*) from backstay.audit where source = '{doer}') = 9;
           assert (select reason from backstay.audit where verb = 'edit') = 'it is wanted';
         end $$"
    ));
}

/// A schedule that ticks each hour, as the owner of a database writes it by hand.
pub(crate) const HOURLY: &str =
    "insert into backstay.schedule (name, set_at, counted_to, look_at, missed_within_ms, missed_max, line, zone, kind, args, options, missed, overlap, origin, hash, set_by)
     values ('hourly', now(), now(), now() + interval '1 hour', 86400000, 10, '0 * * * *', 'UTC', 'report', '{}', '{}', 'once', 'allow', 'database', '', 'me')";

#[test]
fn the_ticks_of_a_span_are_counted_and_then_filled_in_at_most_once() {
    let Some(site) = site(&[]) else { return };
    site.desk.sql(HOURLY);
    let token = site.token("operate");
    let fill = |body: Value| site.by(&token, "POST", "/api/v1/cron/hourly/backfill", &body);
    // A span that no tick enters or leaves while the test runs.
    let counted = fill(json!({ "from": "5h", "dry_run": true })).json();
    let ticks = counted["ticks"].as_array().unwrap().clone();
    assert_eq!((counted["count"].as_u64(), ticks.len()), (Some(5), 5), "{counted}");
    let span = |more: Value| {
        let mut body = json!({ "from": ticks[0], "to": ticks[4], "reason": "it was down" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fill(body)
    };
    assert_eq!(span(json!({})).code(), "409 BS304", "nobody said how many");
    assert_eq!(span(json!({ "expect": 4 })).code(), "409 BS304");
    assert_eq!(span(json!({ "expect": 5, "reason": "" })).code(), "422 BS305");
    assert_eq!(
        site.get("/api/v1/cron/hourly/ticks").json()["items"],
        json!([]),
        "nothing was done"
    );
    assert_eq!(span(json!({ "expect": 5 })).json()["count"], 5);
    let again = span(json!({ "expect": 5 })).json();
    assert_eq!((&again["count"], &again["skipped"][0]["code"]), (&json!(0), &json!("BS302")));
    assert_eq!(site.get("/api/v1/jobs?kind=report").json()["items"].as_array().unwrap().len(), 5);
    for (body, code) in [
        (json!({ "dry_run": true }), "422 BS102"),
        (json!({ "from": "soon", "dry_run": true }), "422 BS102"),
        (json!({ "from": "1h", "to": "2100-01-01T00:00:00Z", "dry_run": true }), "422 BS102"),
        (json!({ "from": "60d", "dry_run": true }), "413 BS109"),
        (json!({ "from": "86d", "to": "2160h", "expect": 0 }), "422 BS305"),
    ] {
        assert_eq!(fill(body.clone()).code(), code, "{body}");
    }
    let unknown = json!({ "from": "1h", "dry_run": true });
    let unknown = site.by(&token, "POST", "/api/v1/cron/other/backfill", &unknown);
    assert_eq!(unknown.code(), "404 BS301");
    site.desk.sql(
        "do $$ begin
           assert (select string_agg(reason || ' ' || affected, ', ' order by id) from backstay.audit where verb = 'backfill') = 'it was down 5, it was down 0';
         end $$",
    );
}

#[test]
fn who_did_what_is_told_by_pages_and_to_auditors_alone() {
    let Some(site) = site(&[]) else { return };
    let audit = site.token("audit");
    for queue in ["a", "b", "c"] {
        site.desk.run(&["queues", "pause", queue, "--reason", "a release"]).exits(0);
    }
    let get = |path: &str| site.by(&audit, "GET", path, &Value::Null);
    let first = get("/api/v1/audit?verb=pause&limit=2").json();
    let targets = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|entry| entry["target"].to_string()).collect()
    };
    assert_eq!(targets(&first), ["\"queue c\"", "\"queue b\""], "{first}");
    assert_eq!(first["items"][0]["reason"], "a release");
    let next = first["next"].as_str().unwrap();
    let second = get(&format!("/api/v1/audit?verb=pause&limit=2&cursor={next}")).json();
    assert_eq!((targets(&second), &second["next"]), (vec!["\"queue a\"".to_owned()], &Value::Null));
    assert_eq!(targets(&get("/api/v1/audit?target=queue%20b").json()).len(), 1);
    assert_eq!(get("/api/v1/audit?since=1h&before=30m").json()["items"], json!([]));
    assert_eq!(get("/api/v1/audit?actor=nobody").json()["items"], json!([]));
    assert_eq!(site.get("/api/v1/audit").code(), "403 BS802", "not to whoever is here");
}

#[test]
fn whoever_waits_for_a_job_hears_when_it_ends() {
    let Some(site) = site(&[]) else { return };
    let id = site.desk.enqueue(&["report"]);
    let path = |wait: &str| format!("/api/v1/jobs/{id}?wait={wait}");
    let waits = site.get(&path("10ms"));
    assert_eq!((waits.status, &waits.json()["state"]), (202, &json!("ready")), "{waits:?}");
    std::thread::scope(|all| {
        let waiting = all.spawn(|| site.get(&path("20s")));
        site.desk.run(&["jobs", "cancel", &id]).exits(0);
        let ended = waiting.join().unwrap();
        assert_eq!((ended.status, &ended.json()["state"]), (200, &json!("cancelled")), "{ended:?}");
    });
    assert_eq!(site.get(&path("31s")).code(), "422 BS102");
    assert_eq!(site.get("/api/v1/jobs/999999?wait=1s").code(), "404 BS301");
}

#[test]
fn many_are_counted_before_anything_is_done_to_them() {
    let Some(site) = site(&[]) else { return };
    let token = site.token("operate");
    let jobs: Vec<Value> = (0..25).map(|n| json!({ "kind": "mail", "args": { "n": n } })).collect();
    let made = site.by(
        &token,
        "POST",
        "/api/v1/jobs/many",
        &json!({ "jobs": jobs, "options": { "queue": "mail" } }),
    );
    assert_eq!((made.status, made.json()["items"].as_array().unwrap().len()), (201, 25));

    // Two pages and a third, without a gap and without one twice.
    let (mut seen, mut path) = (Vec::new(), "/api/v1/jobs?queue=mail&limit=10".to_owned());
    loop {
        let page = site.get(&path).json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|job| job["id"].to_string()));
        let Some(next) = page["next"].as_str() else { break };
        let other = site.get(&format!("/api/v1/jobs?queue=other&cursor={next}"));
        assert_eq!(other.code(), "400 BS806", "a cursor is of its own filter");
        path = format!("/api/v1/jobs?queue=mail&limit=10&cursor={next}");
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 25);

    let bulk = |body: Value| site.by(&token, "POST", "/api/v1/bulk", &body);
    let filter = json!({ "queue": "mail" });
    let counted = bulk(json!({ "verb": "cancel", "filter": filter, "dry_run": true }));
    assert_eq!(counted.json()["count"], 25);
    let none = bulk(json!({ "verb": "cancel", "filter": filter, "reason": "wrong" }));
    assert_eq!(none.code(), "409 BS304", "nobody said how many");
    let other = bulk(json!({ "verb": "cancel", "filter": filter, "reason": "wrong", "expect": 5 }));
    assert_eq!(other.code(), "409 BS304");
    let silent = bulk(json!({ "verb": "cancel", "filter": filter, "expect": 25 }));
    assert_eq!(silent.code(), "422 BS305");
    let all = bulk(json!({ "verb": "cancel", "filter": {}, "expect": 25, "reason": "wrong" }));
    assert_eq!(all.code(), "422 BS102");
    assert_eq!(site.get("/api/v1/jobs?state=ready").json()["items"].as_array().unwrap().len(), 25);
    // Those that were ticked one by one, and those with something in their args; each verb takes what it can.
    let ids: Vec<&str> = seen[..3].iter().map(|id| id.trim_matches('"')).collect();
    let ticked = json!({ "id": ids });
    let counted = |verb: &str, filter: &Value| {
        bulk(json!({ "verb": verb, "filter": filter, "dry_run": true })).json()["count"].clone()
    };
    assert_eq!([counted("cancel", &ticked), counted("promote", &ticked)], [json!(3), json!(0)]);
    assert_eq!(bulk(json!({ "verb": "cancel", "filter": { "id": ["a"] } })).code(), "422 BS102");
    let with = |text: &str| counted("bury", &json!({ "queue": "mail", "with_args": text }));
    assert_eq!([with("{\"n\": 7}"), with("\"n\": 1"), with("{\"n\": 99}")], [1, 11, 0]);
    assert_eq!(
        site.get("/api/v1/jobs?with_args=%7B%22n%22%3A%2024%7D").json()["items"][0]["queue"],
        "mail"
    );
    assert_eq!(site.get("/api/v1/jobs?with_args=%7B%22n").code(), "422 BS102");
    let done = bulk(json!({ "verb": "bury", "filter": filter, "reason": "wrong", "expect": 25 }));
    assert_eq!(done.json()["count"], 25);
    let again = json!({ "verb": "revive", "filter": { "kind": ["mail"] }, "expect": 25, "first": 1, "reason": "mended" });
    let begun = bulk(again);
    assert_eq!((begun.status, begun.json()["count"].as_u64()), (202, Some(25)), "{begun:?}");
    let replay = begun.json()["replay"].as_str().unwrap().to_owned();
    assert_eq!(site.get(&format!("/api/v1/bulk/{replay}")).json()["total"], 25);
    let stop = site.by(&token, "POST", &format!("/api/v1/bulk/{replay}/stop"), &Value::Null);
    assert_eq!(stop.status, 200);
}

#[test]
fn nobody_does_more_than_their_scope_on_any_path() {
    let Some(site) = site(&[("BACKSTAY_WEB__AUTH", "token")]) else { return };
    let [read, operate, admin, one, audit] =
        ["read", "operate", "admin", "enqueue:reports", "audit"].map(|scope| site.token(scope));
    let ended = site.token("admin");
    site.desk.run(&["tokens", "revoke", &ended[4..12]]).exits(0);
    let described = site.by(&read, "GET", "/api/v1/openapi.json", &Value::Null).json();
    let all = paths(&described);
    assert!(all.len() > 30, "{}", all.len());
    let revoked = site.by(&ended, "GET", "/api/v1/tokens", &Value::Null);
    assert_eq!(revoked.code(), "401 BS801");
    for (verb, path, needs) in &all {
        let status = |token: &str| site.by(token, verb, path, &Value::Null).status;
        assert_eq!(site.ask(verb, path, &[], "").code(), "401 BS801", "{verb} {path}");
        let may = |scopes: &[&str]| scopes.contains(&needs.as_str());
        for (token, allowed) in [
            (&read, may(&["read"])),
            (&one, may(&["enqueue"])),
            (&operate, may(&["read", "enqueue", "operate"])),
            (&admin, needs != "audit"),
            (&audit, may(&["audit"])),
        ] {
            let status = status(token);
            assert_eq!(status != 403, allowed, "{verb} {path} needs {needs}: {status}");
            assert!(status != 401 && status < 500, "{verb} {path}: {status}");
        }
    }
    // A token for one queue must hear of that queue, since the kind's own may be another.
    let job = |queue: Value| json!({ "kind": "report", "options": { "queue": queue } });
    let enqueue = |body: &Value| site.by(&one, "POST", "/api/v1/jobs", body).code();
    assert_eq!(enqueue(&job("reports".into())), "201");
    assert_eq!(enqueue(&job("mail".into())), "403 BS802");
    assert_eq!(enqueue(&json!({ "kind": "report" })), "403 BS802");
    let both = json!({ "jobs": [job("reports".into()), job("mail".into())] });
    assert_eq!(site.by(&one, "POST", "/api/v1/jobs/many", &both).code(), "403 BS802");
    let many = json!({ "jobs": [{ "kind": "a" }], "options": { "queue": "reports" } });
    assert_eq!(site.by(&one, "POST", "/api/v1/jobs/many", &many).code(), "201");
    // Other args are for admins.
    let args = json!({ "args": { "n": 2 } });
    assert_eq!(site.by(&operate, "PATCH", "/api/v1/jobs/1", &args).code(), "403 BS802");
    assert_eq!(site.by(&admin, "PATCH", "/api/v1/jobs/1", &args).code(), "200");
}

#[test]
fn pages_of_others_and_names_of_others_get_nothing() {
    let Some(site) = site(&[("BACKSTAY_WEB__HOSTS", "jobs.example.org")]) else { return };
    let code = |headers: &[(&str, &str)]| site.ask("GET", "/api/v1/jobs", headers, "").code();
    assert_eq!(code(&[]), "200");
    // A proxy on this machine does not open it to everybody: what comes through it needs a token.
    assert_eq!(code(&[("Host", "jobs.example.org")]), "401 BS801");
    assert_eq!(code(&[("X-Forwarded-For", "10.0.0.1")]), "401 BS801");
    let read = format!("Bearer {}", site.token("read"));
    assert_eq!(code(&[("Host", "jobs.example.org"), ("Authorization", &read)]), "200");
    for host in
        ["evil.org", "localhost.evil.org", "jobs.example.org.evil.org", "127.0.0.1@evil.org", ""]
    {
        assert_eq!(code(&[("Host", host)]), "403 BS807", "{host}");
    }
    assert_eq!(code(&[("Host", "localhost"), ("Host", "evil.org")]), "403 BS807");
    assert_eq!(code(&[("Origin", "https://evil.org")]), "403 BS807");
    assert_eq!(code(&[("Origin", "null")]), "403 BS807");
    assert_eq!(
        code(&[("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")]),
        "403 BS807"
    );
    let token = site.token("operate");
    let rebound = format!("Bearer {token}");
    assert_eq!(code(&[("Authorization", &rebound), ("Host", "evil.org")]), "403 BS807");
    // A preflight is answered with nothing that would allow the request.
    let asked = [("Origin", "https://evil.org"), ("Access-Control-Request-Method", "POST")];
    let preflight = site.ask("OPTIONS", "/api/v1/jobs", &asked, "");
    assert_eq!(preflight.status, 405);
    assert!(!preflight.head.contains("access-control"), "{}", preflight.head);
    // A form of a page can send no JSON.
    let form = format!(
        "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: text/plain\r\nContent-Length: 12\r\n\r\n{{\"kind\":\"a\"}}"
    );
    assert_eq!(site.raw(form.as_bytes()).code(), "415 BS804");
    let answer = site.get("/api/v1/jobs");
    for header in ["default-src 'none'", "nosniff", "no-store", "no-referrer", "same-origin"] {
        assert!(answer.head.contains(header), "{header}: {}", answer.head);
    }
}

#[test]
fn whatever_is_sent_comes_back_as_a_problem_and_changes_nothing() {
    let Some(site) = site(&[]) else { return };
    site.desk.enqueue(&["kept"]);
    let token = site.token("admin");
    let fields = site.description()["paths"]["/api/v1/jobs"]["get"]["parameters"].clone();
    let injections = [
        "%27;drop%20table%20backstay.job;--",
        "%27%20or%201=1--",
        "%00",
        "a%00b",
        "%ff%fe",
        "$1",
        "%25%27)%3bselect%20pg_sleep(9)--",
        "%0d%0aX:%20y",
        "-1",
        "99999999999999999999",
        "%F0%9F%92%A9",
    ];
    for field in fields.as_array().unwrap() {
        let name = field["name"].as_str().unwrap();
        for value in injections {
            let answer = site.get(&format!("/api/v1/jobs?{name}={value}"));
            assert!(answer.status < 500, "{name}={value}: {answer:?}");
            let is_empty = answer.status != 200 || answer.json()["items"] == json!([]);
            assert!(is_empty || name == "limit", "{name}={value}: {answer:?}");
        }
    }
    for path in [
        "/api/v1/../../etc/passwd",
        "/api/v1/jobs/..%2f..%2fetc%2fpasswd",
        "/api/v1/jobs/1%00",
        "/api/v1/jobs/%27",
        "/api/v1/jobs/1%20or%201=1",
        "/api/v1/dead/groups/%27;--/acknowledge",
        "/errors/..%2f..%2fetc%2fpasswd",
        "//evil.org/%2e%2e",
    ] {
        let answer = site.get(path);
        assert!((400..500).contains(&answer.status), "{path}: {answer:?}");
        assert!(!answer.body.contains("root:"), "{path}");
    }
    let post = |path: &str, body: &str| {
        let bearer = format!("Bearer {token}");
        site.ask("POST", path, &[("Authorization", &bearer)], body).code()
    };
    for (body, expected) in [
        ("{", "400 BS804"),
        ("[]", "400 BS804"),
        ("\u{fffd}", "400 BS804"),
        (r#"{"kind":"a","args":{"n":"\u0000"}}"#, "422 BS104"),
        (r#"{"kind":"a","args":{"n":"\ud800"}}"#, "422 BS104"),
        (r#"{"kind":"a\u0000","args":{}}"#, "422 BS102"),
        (r#"{"kind":"a b"}"#, "422 BS103"),
        (r#"{"args":{}}"#, "422 BS103"),
        (r#"{"kind":7}"#, "422 BS102"),
        (r#"{"kind":"a","args":[]}"#, "422 BS104"),
        (r#"{"kind":"a","option":{}}"#, "422 BS101"),
        (r#"{"kind":"a","options":{"priorty":1}}"#, "422 BS101"),
        (r#"{"kind":"a","options":{"priority":"'; drop table backstay.job; --"}}"#, "422 BS102"),
    ] {
        assert_eq!(post("/api/v1/jobs", body), expected, "{body}");
    }
    let deep = format!(
        "{{\"kind\":\"a\",\"args\":{}1{}}}",
        "{\"a\":".repeat(100_000),
        "}".repeat(100_000)
    );
    assert!(post("/api/v1/jobs", &deep).starts_with("4"), "100,000 levels");
    let long = format!("{{\"kind\":\"a\",\"args\":{{\"a\":\"{}\"}}}}", "x".repeat(300_000));
    assert_eq!(post("/api/v1/jobs", &long), "413 BS105");
    let huge = "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Content-Length: 100000000\r\nConnection: close\r\n";
    let huge = format!("{huge}Authorization: Bearer {token}\r\n\r\n");
    assert_eq!(site.raw(huge.as_bytes()).code(), "413 BS805", "it is not even read");
    let bearer = format!("Bearer {token}");
    for (change, expected) in [
        (r#"{"meta":{"a":"\u0000"}}"#, "422 BS104"),
        (r#"{"args":{"a":"\udc00"}}"#, "422 BS104"),
        (r#"{"tags":["\u0000"]}"#, "422 BS104"),
        (r#"{"priority":1e400}"#, "422 BS102"),
    ] {
        let edited = site.ask("PATCH", "/api/v1/jobs/1", &[("Authorization", &bearer)], change);
        assert_eq!(edited.code(), expected, "{change}: {edited:?}");
    }
    let note = r#"{"note":"a\u0000b"}"#;
    assert_eq!(post("/api/v1/dead/groups/0a/acknowledge", note), "422 BS102");
    assert_eq!(post("/api/v1/jobs/1/cancel", r#"{"reason":"a\u0000b"}"#), "422 BS102");
    assert_eq!(site.ask("BREW", "/api/v1/jobs", &[], "").code(), "405 BS804");
    let kept = site.get("/api/v1/jobs?kind=kept").json();
    assert_eq!(kept["items"][0]["state"], "ready", "and the job is still there");
    assert_eq!(site.get("/api/v1/jobs").json()["items"].as_array().unwrap().len(), 1);
}

#[test]
fn who_guesses_tokens_is_shut_out_and_whoever_has_one_is_not() {
    let Some(site) = site(&[]) else { return };
    let good = site.token("read");
    assert_eq!(site.by(&good, "GET", "/api/v1/jobs", &Value::Null).status, 200);
    let wrong = format!("bst_{}", "0".repeat(72));
    let codes: Vec<String> =
        (0..12).map(|_| site.by(&wrong, "GET", "/api/v1/jobs", &Value::Null).code()).collect();
    assert_eq!(codes[..10], ["401 BS801"; 10]);
    assert_eq!(codes[10..], ["429 BS803"; 2]);
    let told = site.by(&wrong, "GET", "/api/v1/jobs", &Value::Null);
    assert!(told.head.contains("retry-after: "), "{}", told.head);
    let still = site.by(&good, "GET", "/api/v1/jobs", &Value::Null).status;
    assert_eq!(still, 200, "a token that was used before is not shut out with the guesser");
}

#[test]
fn the_server_is_closed_unless_somebody_opened_it() {
    let Some(desk) = desk() else { return };
    let open = desk.run(&["serve", "--listen", "0.0.0.0:0"]).exits(78);
    assert!(open.err.contains("BS808") && open.err.contains("tokens create"), "{}", open.err);
    let wrong = desk.run(&["serve", "--listen", "localhost"]).exits(78);
    assert!(wrong.err.contains("127.0.0.1:7432"), "{}", wrong.err);
    let Some(site) = site(&[]) else { return };
    let taken = site.desk.run(&["serve", "--listen", &site.at.to_string()]).exits(78);
    assert!(taken.err.contains("nothing can listen"), "{}", taken.err);
    // It ends when it is told, also with a connection open.
    let _idle = TcpStream::connect(site.at).unwrap();
    let begun = Instant::now();
    kill_process(Pid::from_child(&site.server), Signal::TERM).unwrap();
    let mut site = site;
    assert!(site.server.wait().unwrap().success());
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn no_answer_has_a_field_that_the_description_does_not_know() {
    let Some(site) = site(&[]) else { return };
    site.desk.sql(
        "insert into backstay.message (made_at, due_at, next_try_at, count, rule, subject, channel, dedupe_key, body)
         values (now(), now(), now(), 1, 'dead', 'a', 'team', 'a', '{}')",
    );
    site.desk.sql("insert into backstay.channel (name, seen_at) values ('team', now())");
    let job = site.desk.enqueue(&["report", "{\"a\":1}"]);
    let dead = site.desk.die("mail");
    site.desk.run(&["queues", "pause", "default"]).exits(0);
    site.token("read");
    let admin = site.token("admin,audit");
    let description = site.description();
    let schemas = &description["components"]["schemas"];
    for path in [
        "jobs",
        "dead",
        "dead/jobs",
        "queues",
        "kinds",
        "alerts",
        "alerts/channels",
        "tokens",
        "doctor",
        "workers",
        "audit",
        "series",
    ] {
        let operation = &description["paths"][format!("/api/v1/{path}")]["get"];
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        let answer = site.by(&admin, "GET", &format!("/api/v1/{path}"), &Value::Null).json();
        let (one, schema) = match answer.get("items") {
            Some(items) => (items[0].clone(), &schema["properties"]["items"]["items"]),
            None => (answer, schema),
        };
        assert!(path == "workers" || one.is_object(), "{path} has something to show");
        check_fields(path, &one, schema, schemas);
    }
    for path in [format!("jobs/{job}"), format!("dead/{dead}")] {
        let answer = site.get(&format!("/api/v1/{path}")).json();
        let route = path.replace(&job, "{id}").replace(&dead, "{id}");
        let operation = &description["paths"][format!("/api/v1/{route}")]["get"];
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        check_fields(&path, &answer, schema, schemas);
    }
    let printed = site.desk.run(&["openapi"]).exits(0);
    assert_eq!(printed.json(), description, "the command prints the same");
}

/// Looks that every field of a document is described.
fn check_fields(path: &str, document: &Value, schema: &Value, schemas: &Value) {
    let mut known = Vec::new();
    gather(schema, schemas, &mut known);
    for name in document.as_object().into_iter().flatten().map(|(name, _)| name) {
        assert!(known.contains(name), "{path}: `{name}` is not among {known:?}");
    }
}

fn gather(schema: &Value, schemas: &Value, known: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next()) {
        return gather(&schemas[name], schemas, known);
    }
    schema["allOf"].as_array().into_iter().flatten().for_each(|part| gather(part, schemas, known));
    known.extend(
        schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()),
    );
}

#[test]
fn a_channel_that_no_worker_has_cannot_be_tried_out() {
    let Some(site) = site(&[]) else { return };
    let operator = site.token("operate");
    let asked = site.by(&operator, "POST", "/api/v1/alerts/channels/team/test", &json!({}));
    assert_eq!(asked.code(), "404 BS301", "{asked:?}");
}

#[test]
fn without_its_database_it_says_so_and_comes_back() {
    let Some(site) = site(&[]) else { return };
    assert_eq!(site.get("/readyz").status, 200);
    let url = site.desk.database.url.split('?').next().unwrap();
    let name = url.rsplit('/').next().unwrap();
    let admin = |sql: &str| run_sql(&template::admin_url(), sql).unwrap();
    admin(&format!(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"
    ));
    admin(&format!("alter database \"{name}\" rename to \"{name}_away\""));
    let lost = site.get("/api/v1/jobs");
    assert_eq!(lost.status, 503, "{lost:?}");
    assert!(lost.head.contains("retry-after") && lost.code().starts_with("503 BS5"), "{lost:?}");
    assert_eq!(site.get("/livez").status, 200, "it lives all the same");
    site.wait_until_ready_is(503);
    admin(&format!("alter database \"{name}_away\" rename to \"{name}\""));
    site.wait_until_ready_is(200);
    assert_eq!(site.get("/api/v1/jobs").status, 200);
}

#[test]
fn what_happens_is_told_to_all_who_listen_and_the_end_ends_the_streams() {
    let Some(mut site) = site(&[]) else { return };
    let mut all = site.listen("/api/v1/events", "");
    let mut others: Vec<Stream> =
        (0..100).map(|_| site.listen("/api/v1/events?topics=queues&queue=reports", "")).collect();
    assert!(all.until(": open").is_some());
    others.iter_mut().for_each(|other| assert!(other.until(": open").is_some()));
    // The first look is what later ones are compared with: until it was made, nothing is told.
    let mut number = 0;
    while number == 0 {
        site.desk.run(&["queues", "pause", "mail"]).exits(0);
        site.desk.run(&["queues", "resume", "mail"]).exits(0);
        site.desk.enqueue(&["mail", "--queue", "mail"]);
        all.0.get_ref().set_read_timeout(Some(Duration::from_millis(1500))).unwrap();
        let mut line = String::new();
        while all.0.read_line(&mut line).is_ok_and(|n| n > 0) {
            if let Some(id) = line.strip_prefix("id: ") {
                number = id.trim().parse().unwrap();
            }
            line.clear();
        }
    }
    all.0.get_ref().set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let id = site.desk.die("report");
    assert!(all.until("event: job.buried").is_some());
    let buried = all.until("data: ").unwrap();
    assert_eq!(serde_json::from_str::<Value>(&buried[6..]).unwrap()["id"], json!(id));
    site.desk.run(&["queues", "pause", "reports", "--reason", "a release"]).exits(0);
    for stream in others.iter_mut().chain([&mut all]) {
        assert!(stream.until("event: queue.paused").is_some());
        assert!(stream.until("data: ").unwrap().contains("a release"));
    }
    // Who comes back hears what it missed; who was away for too long reads everything again.
    let mut back =
        site.listen("/api/v1/events?topics=dead", &format!("Last-Event-ID: {number}\r\n"));
    assert!(back.until("event: job.buried").is_some());
    let mut lost = site.listen("/api/v1/events", "Last-Event-ID: 123456789\r\n");
    assert!(lost.until("event: reset").is_some());
    // The output of a job that has ended ends at once.
    let mut output =
        site.listen(&format!("/api/v1/jobs/{id}/output"), "Accept: text/event-stream\r\n");
    assert!(output.until("event: end").is_some());

    let begun = Instant::now();
    kill_process(Pid::from_child(&site.server), Signal::TERM).unwrap();
    assert!(site.server.wait().unwrap().success());
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(all.until("event: "), None);
}

#[test]
fn figures_over_time_are_shown_by_name_range_and_queue() {
    let Some(site) = site(&[]) else { return };
    site.desk.sql(
        "insert into backstay.figure
         select 5, date_bin('5 minutes', now(), '2000-01-01'), 'q', k, gen_random_uuid(), 4, 3, 0, 0, 1, 0, 0, 9, 9, 9, '{0,4}', '{4}', '{}'
           from unnest(array['report', 'mail']) k",
    );
    let series = |query: &str| site.get(&format!("/api/v1/series{query}"));
    let all = series("").json();
    assert_eq!((&all["name"], &all["range"]), (&json!("throughput"), &json!("24h")));
    assert_eq!(all["points"].as_array().unwrap().len(), 288);
    assert_eq!(all["points"][287]["values"], json!([8.0, 6.0, 0.0, 0.0]));
    let one = series("?name=waits&kind=report&queue=q").json();
    assert_eq!(one["spread"][1]["count"], 4);
    assert_eq!(
        series("?name=success_rate&queue=other").json()["points"][287]["values"],
        json!([null])
    );
    for (query, hint) in
        [("?name=walks", "waits"), ("?range=2d", ""), ("?name=depth&kind=report", "")]
    {
        let refused = series(query);
        assert_eq!(refused.json()["code"], "BS102", "{query}");
        assert!(refused.body.contains(hint), "{}", refused.body);
    }
    let told = site.desk.run(&["series", "success_rate", "--kind", "mail"]).exits(0);
    assert!(told.out.ends_with("\t75.0 %\n"), "{}", told.out);
    assert_eq!(
        site.desk.run(&["series", "success_rate", "--kind", "mail", "--json"]).exits(0).json(),
        series("?name=success_rate&kind=mail").json()
    );
    assert!(site.desk.run(&["series", "depth"]).exits(0).err.contains("nothing was counted"));
    site.desk.run(&["series", "depth", "--kind", "mail"]).exits(2);
    site.desk.run(&["series", "walks"]).exits(2);
}

#[test]
fn figures_are_given_as_prometheus_reads_them() {
    let Some(site) = site(&[]) else { return };
    site.desk.enqueue(&["report", "--priority", "high"]);
    site.desk.die("mail");
    site.desk.run(&["queues", "pause", "reports"]).exits(0);
    let page = site.get("/metrics");
    assert!(page.head.contains("text/plain; version=0.0.4"), "{}", page.head);
    for line in [
        "backstay_queue_jobs{queue=\"default\",state=\"ready\"} 1",
        "backstay_queue_oldest_seconds{queue=\"default\",priority=\"high\"} ",
        "backstay_dead_letters{state=\"open\"} 1",
        "backstay_paused{queue=\"reports\"} 1",
        "backstay_alerts_undelivered 0",
        "backstay_horizon_age_seconds ",
        "backstay_dead_rows ",
        "backstay_connections{state=\"active\"} ",
        "backstay_build_info{",
    ] {
        assert!(page.body.contains(&format!("\n{line}")), "{line}\n{}", page.body);
    }
    site.desk.enqueue(&["report"]);
    let kept = site.get("/metrics");
    assert!(kept.body.contains("state=\"ready\"} 1\n"), "kept for some seconds: {}", kept.body);
}
