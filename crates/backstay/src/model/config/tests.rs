//! Which faults a tree of values has, what the settings come to, and that descriptions are sound.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::alert::Rule;
use crate::model::priority::Priority;
use crate::model::unit::{parse_duration, parse_size};

/// Makes a tree as a file would give it; lines are the command line's to test.
fn tree(json: &serde_json::Value) -> Value {
    let shape = match json {
        serde_json::Value::Bool(on) => Shape::Switch(*on),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => Shape::Whole(whole),
            None => Shape::Number(number.as_f64().unwrap()),
        },
        serde_json::Value::String(text) => Shape::Text(text.clone()),
        serde_json::Value::Array(items) => Shape::List(items.iter().map(tree).collect()),
        serde_json::Value::Object(entries) => {
            Shape::Table(entries.iter().map(|(key, value)| (key.clone(), tree(value))).collect())
        }
        serde_json::Value::Null => unreachable!("TOML has no null"),
    };
    Value { shape, origin: Origin::File { path: "test.toml".into(), line: 1 } }
}

fn resolve(json: &serde_json::Value) -> Resolved {
    let read: ReadSource<'_> = &|_, source| match source {
        Source::Env("SET") => Ok(Some("https://set.example/".into())),
        Source::Env(name) => Err(format!("variable `{name}` is not set")),
        Source::File(_) => Ok(None),
    };
    Settings::resolve(&tree(json), read, Path::new("/srv"))
}

/// Compares the faults of a tree, each as `CODE path: message`.
fn check(json: serde_json::Value, expected: &[&str]) {
    let faults = resolve(&json).faults;
    let shown: Vec<String> =
        faults.iter().map(|f| format!("{} {}: {}", f.code, f.path, f.message)).collect();
    assert_eq!(shown, expected, "of {json}");
}

#[test]
fn nothing_at_all_is_a_configuration() {
    let settings = Settings::from_value(&Value::empty()).unwrap();
    assert_eq!(settings.queues.len(), 1);
    let queue = &settings.queues[0];
    assert_eq!((queue.name.as_str(), queue.slots), ("default", 4));
    assert_eq!(queue.timeout, Duration::from_secs(900));
    assert_eq!(queue.timeout_max, Duration::from_secs(3600));
    assert_eq!(queue.ageing.share, 0.10);
    assert_eq!(settings.retention.dead, Keep::Forever);
    assert_eq!(settings.bounds.args_bytes, 256 * 1024);
}

#[test]
fn an_unknown_key_gets_the_nearest_or_the_list() {
    check(
        json!({"queues": {"reports": {"slotz": 2}}}),
        &["BS401 queues.reports.slotz: unknown key; did you mean `slots`?"],
    );
    check(json!({"queue": {"reports": {}}}), &["BS401 queue: unknown key; did you mean `queues`?"]);
    check(
        json!({"bounds": {"banana": 1}}),
        &["BS401 bounds.banana: unknown key; known here: args, output"],
    );
    check(
        json!({"queues": {"q": {"ageing": {"shar": 0.1}}}}),
        &["BS401 queues.q.ageing.shar: unknown key; did you mean `share`?"],
    );
}

#[test]
fn a_key_of_a_later_version_is_refused_by_name() {
    check(
        json!({"queues": {"q": {"fair": true, "fairr": true}}, "limits": {}}),
        &[
            "BS401 limits: `limits` is not available in this version",
            "BS401 queues.q.fair: `fair` is not available in this version",
            "BS401 queues.q.fairr: unknown key; `fair` is meant? It is not available in this version",
        ],
    );
    check(
        json!({"kinds": {"k": {"unique": {"wait_in": "1s"}}}}),
        &["BS402 kinds.k.unique: `wait_in` is not available in this version"],
    );
}

#[test]
fn a_program_serves_a_queue_or_a_kind() {
    let resolved = resolve(&json!({
        "queues": {"q": {"serve": ["node", "index.js"]}, "default": {}},
        "kinds": {"k": {"serve": ["python3", "k.py"]}},
    }));
    assert_eq!(resolved.faults, []);
    let argv = |runner: &Option<Runner>| match runner {
        Some(Runner::Serve(argv)) => argv.join(" "),
        other => panic!("{other:?}"),
    };
    assert_eq!(argv(&resolved.settings.queue("q").runner), "node index.js");
    assert_eq!(argv(&resolved.settings.kinds[0].runner), "python3 k.py");
    check(
        json!({"queues": {"q": {"serve": "node index.js"}}}),
        &[
            "BS402 queues.q.serve: a list is wanted, no shell reads it: write [\"node\", \"index.js\"]",
        ],
    );
    check(
        json!({"queues": {"q": {"serve": ["node"], "isolation": "inline"}}}),
        &[
            "BS402 queues.q.isolation: a program is a process of its own, which `inline` is not; leave it out",
        ],
    );
    check(
        json!({"kinds": {"k": {"serve": ["node"], "command": ["node"]}}}),
        &["BS405 kinds.k.command: handled twice: by `command` and by `serve`"],
    );
    check(
        json!({"queues": {"default": {"isolation": "inline"}}, "kinds": {"k": {"serve": ["node"]}}}),
        &[
            "BS402 kinds.k.serve: queue `default` runs inline, a program needs a process: add isolation = \"process\"",
        ],
    );
}

#[test]
fn a_key_in_the_wrong_section_is_told_the_right_one() {
    check(
        json!({"queues": {"q": {"command": ["x"]}}}),
        &[
            "BS401 queues.q.command: a command handles one kind: write it under [kinds.NAME], with queue = \"…\"",
        ],
    );
    check(
        json!({"kinds": {"k": {"slots": 4}}}),
        &["BS401 kinds.k.slots: slots belong to a queue: write it under [queues.NAME]"],
    );
}

#[test]
fn a_value_of_the_wrong_form_is_told_what_to_write() {
    check(
        json!({"queues": {"reports": {"timeout": 30}}}),
        &["BS402 queues.reports.timeout: `30` has no unit; did you mean \"30s\"?"],
    );
    check(
        json!({"queues": {"q": {"slots": "4"}}}),
        &["BS402 queues.q.slots: a number is wanted: write 4 without quotes"],
    );
    check(
        json!({"queues": {"q": {"slots": 2000}}}),
        &["BS402 queues.q.slots: `2000` is outside 1 to 1024"],
    );
    check(
        json!({"queues": {"q": {"isolation": "proces"}}}),
        &["BS402 queues.q.isolation: `proces` is not known here; did you mean `process`?"],
    );
    check(
        json!({"bounds": {"args": "1MB"}}),
        &["BS402 bounds.args: `MB` is not a unit of size; did you mean \"1MiB\"?"],
    );
    check(
        json!({"worker": {"poll": "5ms", "apply": "true"}}),
        &[
            "BS402 worker.poll: `5ms` is outside 100ms to 60s",
            "BS402 worker.apply: write true without quotes",
        ],
    );
    check(
        json!({"kinds": {"k": {"command": "node report.js --fast"}}}),
        &[
            "BS402 kinds.k.command: a list is wanted, no shell reads it: write [\"node\", \"report.js\", \"--fast\"]",
        ],
    );
    check(json!({"queues": 5}), &["BS402 queues: a table is wanted, this is a whole number"]);
    check(json!({"environment": 5}), &["BS402 environment: a text is wanted: write \"5\""]);
    check(
        json!({"database": {"url": "db.example.org"}}),
        &[
            "BS402 database.url: this is no address of PostgreSQL; write postgres://user:password@host:5432/name",
        ],
    );
}

#[test]
fn names_of_queues_and_kinds_are_checked() {
    check(
        json!({"kinds": {"k": {"queue": "a b"}}}),
        &[
            "BS402 kinds.k.queue: `a b` has ' ' at character 2; names are made of `A-Z a-z 0-9 _ . : -`",
        ],
    );
    check(
        json!({"queues": {"a b": {}}}),
        &[
            "BS402 queues.\"a b\": `a b` has ' ' at character 2; names are made of `A-Z a-z 0-9 _ . : -`",
        ],
    );
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    check(
        json!({"queues": {"q": {"timeout": "10s", "grace": "10s"}}}),
        &["BS402 queues.q.grace: `10s` is not less than the timeout of `10s`"],
    );
    check(
        json!({"queues": {"q": {"timeout": "1h", "timeout_max": "30m"}}}),
        &["BS402 queues.q.timeout_max: `30m` is less than the timeout of `1h`"],
    );
    check(
        json!({"queues": {"q": {"slots": 2, "reserve": {"urgent": 2}}}}),
        &["BS402 queues.q.reserve: 2 of 2 slots are reserved: no other job could run"],
    );
    check(
        json!({"kinds": {"k": {"command": ["x"], "isolation": "inline"}}}),
        &[
            "BS402 kinds.k.isolation: a program is a process of its own, which `inline` is not; leave it out",
        ],
    );
    check(
        json!({"queues": {"q": {"isolation": "inline"}}, "kinds": {"k": {"command": ["x"], "queue": "q"}}}),
        &[
            "BS402 kinds.k.command: queue `q` runs inline, a program needs a process: add isolation = \"process\"",
        ],
    );
    check(
        json!({"kinds": {"k": {"timeout": "2h"}}}),
        &["BS402 kinds.k.timeout: above `1h`, the timeout_max of queue `default`"],
    );
}

#[test]
fn a_kind_whose_time_is_over_before_its_grace_is_refused_with_both() {
    let with =
        |kind: serde_json::Value| json!({"queues": {"q": {"grace": "20s"}}, "kinds": {"k": kind}});
    check(
        with(json!({"queue": "q", "timeout": "20s"})),
        &["BS402 kinds.k.timeout: `20s` is not more than the grace of `20s` of queue `q`"],
    );
    check(with(json!({"queue": "q", "timeout": "21s"})), &[]);
    check(with(json!({"queue": "q", "timeout": "5s", "http": "https://app.example/"})), &[]);
    // The queue of another worker.
    check(with(json!({"queue": "elsewhere", "timeout": "5s"})), &[]);
}

#[test]
fn a_fault_in_the_defaults_is_told_once() {
    check(
        json!({"defaults": {"timeout": "5"}, "queues": {"a": {}, "b": {}}}),
        &["BS402 defaults.timeout: `5` has no unit; did you mean \"5s\"?"],
    );
}

#[test]
fn a_queue_starts_from_the_defaults() {
    let json = json!({
        "defaults": {"slots": 2, "ageing": {"share": 0.25}},
        "queues": {"a": {}, "b": {"slots": 3, "ageing": {"after": "5m"}}},
    });
    let settings = resolve(&json).settings;
    let [a, b] = &settings.queues[..] else { panic!("two queues") };
    assert_eq!((a.slots, b.slots), (2, 3));
    assert_eq!((b.ageing.share, b.ageing.after), (0.25, Duration::from_secs(300)));
    assert_eq!(settings.queue("in-code").slots, 2);
}

#[test]
fn a_contract_keeps_the_forms_of_the_enqueue_options() {
    let contract = json!({
        "queue": "reports", "priority": "low", "max_retries": 5, "timeout": "30m",
        "crash_limit": 1, "lost_limit": 100,
        "backoff": {"first": "30s", "factor": 3, "cap": "2h"},
        "unique": {"by": ["tenant", "month"]}, "group": {"by": ["tenant"]}, "limit_key": "one",
        "expires_in": "1d", "tags": ["nightly"], "meta": {"team": "billing"}, "restart": "never",
        "on": {"timed_out": "bury", "exit:3": "cancel", "error:Rate*": {"delay": "5m"}, "failed": 3},
    });
    let resolved = resolve(&json!({"kinds": {"report": contract}}));
    assert_eq!(resolved.faults, []);
    let kind = resolved.settings.kind("report").unwrap();
    assert_eq!(serde_json::Value::Object(kind.contract.clone()), contract);
    assert_eq!(kind.timeout, Some(Duration::from_secs(1800)));
}

#[test]
fn an_address_handles_a_kind_with_or_without_a_key() {
    let resolved = resolve(&json!({
        "queues": {"default": {"isolation": "inline"}},
        "kinds": {
            "plain": {"http": "https://app.example/jobs?a=b", "timeout": "1m"},
            "kept": {"http": {"env": "SET"}},
            "signed": {"http": {"url": {"env": "SET"}, "secret": "hunter2"}},
        },
        "worker": {"allow_networks": ["10.0.0.0/8"]},
    }));
    assert_eq!(resolved.faults, [], "a queue that runs inline is nothing to an address");
    let http = |name: &str| match &resolved.settings.kind(name).unwrap().runner {
        Some(Runner::Http(http)) => http.clone(),
        other => panic!("{other:?}"),
    };
    let url = "https://app.example/jobs?a=b".into();
    assert_eq!(http("plain"), HttpHandler { url, secret: None, headers: Vec::new() });
    assert_eq!(http("kept").url, "https://set.example/");
    assert_eq!(http("signed").secret.as_ref().unwrap().expose(), "hunter2");
    assert_eq!(resolved.settings.worker.allow_networks.len(), 1);
    let row = |path: &str| resolved.rows.iter().find(|row| row.path == path).unwrap();
    assert_eq!(row("kinds.signed.http.secret").value.as_deref(), Some("\"***\""));
    assert_eq!(row("kinds.kept.http").value.as_deref(), Some("{ env = \"SET\" }"));
    assert!(!format!("{:?}", resolved.settings).contains("hunter2"));
}

#[test]
fn headers_of_an_address_are_read_and_never_shown() {
    let headers = json!({"X-Team": "hunter2", "Authorization": {"env": "SET"}});
    let resolved = resolve(&json!({
        "kinds": {"k": {"http": {"url": "https://a.example/", "headers": headers}}},
    }));
    assert_eq!(resolved.faults, []);
    let Some(Runner::Http(http)) = &resolved.settings.kind("k").unwrap().runner else { panic!() };
    let headers: Vec<_> =
        http.headers.iter().map(|(name, text)| (&**name, text.expose())).collect();
    assert_eq!(headers, [("Authorization", "https://set.example/"), ("X-Team", "hunter2")]);
    let row = |path: &str| resolved.rows.iter().find(|row| row.path == path).unwrap();
    assert_eq!(row("kinds.k.http.headers.X-Team").value.as_deref(), Some("\"***\""));
    let kept = row("kinds.k.http.headers.Authorization").value.as_deref();
    assert_eq!(kept, Some("{ env = \"SET\" }"));
    assert!(!format!("{:?} {:?}", resolved.settings, resolved.rows).contains("hunter2"));
}

#[test]
fn a_header_that_is_ours_or_could_not_be_sent_is_refused_and_its_value_is_not_shown() {
    let name = "cannot be the name of a header: letters, digits and `-`, at most 128";
    let ours = "is not yours to set: it goes with each request as it must";
    let text = "the value is no plain text of one line: ASCII without control characters is wanted";
    for (header, value, message) in [
        ("Host", "hunter2", ours),
        ("content-length", "1", ours),
        ("Transfer-Encoding", "chunked", ours),
        ("Connection", "close", ours),
        ("Backstay-Signature", "t=1,v1=0", ours),
        ("Idempotency-Key", "7", ours),
        ("a b", "x", name),
        ("", "x", name),
        ("X-A", "hunter2\r\nX-B: c", text),
        ("X-A", "hunter2\n", text),
        ("X-A", "gr\u{fc}n", text),
        ("X-A", "", "the value is empty"),
    ] {
        let http = json!({"url": "https://a.example/", "headers": {header: value}});
        let at = if header.is_empty() || header.contains(' ') {
            format!("\"{header}\"")
        } else {
            header.to_owned()
        };
        check(
            json!({"kinds": {"k": {"http": http}}}),
            &[&format!("BS402 kinds.k.http.headers.{at}: {message}")],
        );
    }
    let with = |headers: serde_json::Value| json!({"kinds": {"k": {"http": {"url": "https://a.example/", "headers": headers}}}});
    check(
        with(json!({"X-A": "1", "x-a": "2"})),
        &["BS402 kinds.k.http.headers.x-a: is there twice: names have no case here"],
    );
    check(
        with(json!({"X-A": "1".repeat(4097)})),
        &["BS402 kinds.k.http.headers.X-A: the value has 4097 bytes, at most 4096"],
    );
    let many: serde_json::Map<_, _> = (0..21).map(|n| (format!("X-{n}"), json!("x"))).collect();
    check(with(json!(many)), &["BS402 kinds.k.http.headers: 21 headers, at most 20"]);
    check(
        with(json!("X-A: 1")),
        &["BS402 kinds.k.http.headers: a table is wanted, this is a text"],
    );
}

#[test]
fn an_address_that_cannot_be_one_says_so() {
    for (http, expected) in [
        (json!("app.example"), "BS402 kinds.k.http: an address starts with https:// or http://"),
        (json!("https://"), "BS402 kinds.k.http: the address names no host"),
        (json!("https://a b/"), "BS402 kinds.k.http: an address holds no blanks"),
        (
            json!("https://u:p@a.example/"),
            "BS402 kinds.k.http: leave the login out of the address: the receiver can check the signature",
        ),
        (json!(7), "BS402 kinds.k.http: a text is wanted: write \"7\""),
        (json!({}), "BS403 kinds.k.http.url: give the address that gets each attempt"),
        (
            json!({"url": "https://a.example/", "secret": ""}),
            "BS402 kinds.k.http.secret: the key that signs the requests is empty",
        ),
        (
            json!({"url": "https://a.example/", "secert": "x"}),
            "BS401 kinds.k.http.secert: unknown key; did you mean `secret`?",
        ),
        (json!({"env": "NO"}), "BS407 kinds.k.http: variable `NO` is not set"),
    ] {
        check(json!({"kinds": {"k": {"http": http}}}), &[expected]);
    }
    check(
        json!({"queues": {"q": {"http": "https://a.example/"}}}),
        &[
            "BS401 queues.q.http: an address handles one kind: write it under [kinds.NAME], with queue = \"…\"",
        ],
    );
}

#[test]
fn what_only_a_process_can_have_is_refused_beside_an_address() {
    let http = "https://a.example/";
    for isolation in ["process", "fresh", "inline"] {
        check(
            json!({"kinds": {"k": {"http": http, "isolation": isolation}}}),
            &[
                "BS402 kinds.k.isolation: an address runs in no process of ours: leave `isolation` out",
            ],
        );
    }
    let limits = json!({"memory": "64MiB", "cpu_time": "5s", "processes": 9, "disk": "1GiB"});
    for (name, value) in limits.as_object().unwrap() {
        let fault = format!(
            "BS402 kinds.k.{name}: nothing here can hold what works behind an address: leave `{name}` out"
        );
        check(json!({"kinds": {"k": {"http": http, name: value}}}), &[&fault]);
    }
    check(
        json!({"kinds": {"k": {"http": http, "dir": "jobs"}}}),
        &["BS402 kinds.k.dir: an address runs in no process of ours: leave `dir` out"],
    );
    check(
        json!({"kinds": {"k": {"http": http, "serve": ["node"]}}}),
        &["BS405 kinds.k.serve: handled twice: by `serve` and by `http`"],
    );
}

#[test]
fn what_a_kind_leaves_out_is_not_in_its_contract() {
    let resolved = resolve(&json!({"kinds": {"report": {"command": ["bin/report"]}}}));
    let kind = resolved.settings.kind("report").unwrap();
    assert!(kind.contract.is_empty(), "{:?}", kind.contract);
    assert_eq!(kind.runner, Some(Runner::Command(vec!["bin/report".into()])));
}

#[test]
fn a_bad_contract_names_the_part() {
    for (contract, message) in [
        (json!({"priority": 12}), "priority: priority 12 is not between 0 (first) and 9"),
        (json!({"priority": "hgih"}), "priority: `hgih` is no priority; did you mean `high`?"),
        (json!({"priority": "3"}), "priority: a number is wanted: write 3 without quotes"),
        (
            json!({"backoff": {"frist": "1s"}}),
            "backoff: frist: `frist` is not known here; did you mean `first`?",
        ),
        (json!({"backoff": {"cap": "8d"}}), "backoff: cap: `8d` is outside 0s to 7d"),
        (
            json!({"backoff": {"fixed": "1m", "cap": "1h"}}),
            "backoff: `fixed` and `list` stand alone",
        ),
        (json!({"backoff": {"list": []}}), "backoff: list: 1 to 20 durations are wanted"),
        (
            json!({"unique": {"until": "finish"}}),
            "unique: `finish` is not known here; did you mean `finished`?",
        ),
        (json!({"unique": {"by": [], }}), "unique: `by` names at least one of the args"),
        (json!({"group": {"by": "tenant"}}), "group: a list is wanted: write [\"tenant\"]"),
        (json!({"tags": ["x".repeat(65)]}), "bytes"),
        (
            json!({"on": {"time_out": "bury"}}),
            "on: `time_out` is no end of an attempt; did you mean `timed_out`?",
        ),
        (json!({"on": {"completed": "bury"}}), "on: `completed` costs a job nothing"),
        (json!({"on": {"exit:300": "bury"}}), "on: `exit:300`: an exit code is 0 to 255"),
        (
            json!({"on": {"failed": "bery"}}),
            "on: \"failed\": `bery` is not known here; did you mean `bury`?",
        ),
        (json!({"restart": "nevr"}), "restart: `nevr` is not known here; did you mean `never`?"),
        (
            json!({"sensitive": ["note"]}),
            "sensitive: a place in the args starts with a slash: write \"/note\"",
        ),
        (json!({"max_retries": 101}), "max_retries: `101` is outside 0 to 100"),
        (json!({"keep": "0s"}), "keep: "),
        (json!({"keep": "30d", "history": "lean"}), "keep: `history = \"lean\"` keeps nothing"),
        (json!({"crash_limit": 0}), "crash_limit: `0` is outside 1 to 100"),
        (json!({"lost_limit": 101}), "lost_limit: `101` is outside 1 to 100"),
    ] {
        let faults = resolve(&json!({"kinds": {"k": contract}})).faults;
        assert_eq!(faults.len(), 1, "{contract}: {faults:?}");
        let shown = format!("{}: {}", faults[0].path, faults[0].message);
        assert!(shown.starts_with("kinds.k.") && shown.contains(message), "{shown}");
    }
}

#[test]
fn channels_and_routes_become_ways_to_people() {
    let resolved = resolve(&json!({"alerts": {
        "channels": {
            "team": {"slack": {"env": "SET"}},
            "ops": {"webhook": "https://ops.example.org/hook", "secret": "k"},
            "mail": {"email": ["ops@example.org"], "from": "b@example.org", "smtp": "smtp://h:587"},
            "page": {"command": ["bin/page-me"]},
        },
        "allow_networks": ["127.0.0.0/8", "::1"],
        "routes": [{"rules": ["first", "again"], "queues": ["default"], "to": ["team", "log"]}],
    }}));
    assert_eq!(resolved.faults, []);
    let alerts = &resolved.settings.alerts;
    assert_eq!(alerts.channels.len(), 4);
    assert_eq!(alerts.allow_networks, ["127.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()]);
    assert_eq!(alerts.routes[0].steps[0].to, ["team", "log"]);
    let page = alerts.channels.iter().find(|channel| channel.name == "page").unwrap();
    let Way::Command { timeout, .. } = page.way else { panic!("{page:?}") };
    assert_eq!(timeout, Duration::from_secs(10));
}

#[test]
fn faults_of_channels_and_routes_name_them() {
    check(
        json!({"alerts": {"channels": {"ops": {"webhook": "https://x"}}}}),
        &[
            "BS403 alerts.channels.ops.secret: give the key that signs the messages, such as { env = \"ALERT_SECRET\" }",
        ],
    );
    check(
        json!({"alerts": {"channels": {"team": {"slak": "https://x"}}}}),
        &["BS402 alerts.channels.team: `slak` is not known here; did you mean `slack`?"],
    );
    check(
        json!({"alerts": {"channels": {"team": {"slack": "https://x", "command": ["x"]}}}}),
        &["BS405 alerts.channels.team: both `slack` and `command`: a channel is one of them"],
    );
    check(
        json!({"alerts": {"channels": {"team": {"slack": {"env": "SET"}}}, "routes": [{"to": ["taem"]}, {"rules": ["frist"]}]}}),
        &[
            "BS404 alerts.routes.1.to: no channel is called `taem`; nearest: `team`",
            "BS402 alerts.routes.2.rules: `frist` is not known here; did you mean `first`?",
            "BS403 alerts.routes.2.to: say which channels get these alerts, such as to = [\"team\"]",
        ],
    );
    check(
        json!({"alerts": {"channels": {"mail": {"email": ["ops"], "from": "b@e", "smtp": "smtp://h"}}}}),
        &["BS402 alerts.channels.mail.email: `ops` is no mail address"],
    );
    check(
        json!({"alerts": {"allow_networks": ["10/8"]}}),
        &[
            "BS402 alerts.allow_networks: `10/8` is no network; write 10.0.0.0/8, fd00::/8 or one address",
        ],
    );
}

#[test]
fn steps_quiet_hours_and_rules_become_times_and_thresholds() {
    let resolved = resolve(&json!({"alerts": {
        "channels": {"team": {"slack": {"env": "SET"}}, "page": {"command": ["bin/page-me"]}},
        "routes": [{
            "steps": [{"to": ["team"]}, {"after": "30m", "to": ["page", "team"]}],
            "quiet_hours": {"from": "22:00", "to": "07:00", "zone": "Europe/Berlin"},
        }],
        "rules": {
            "queue_late": {"quiet": "6h"},
            "worker_lost": {"enabled": false},
            "too_big": {"percent": 80, "times": 10, "within": "6h"},
            "interrupted_often": {"times": 3},
        },
    }}));
    assert_eq!(resolved.faults, []);
    let alerts = &resolved.settings.alerts;
    let steps = &alerts.routes[0].steps;
    assert_eq!((steps[0].after, steps[1].after), (Duration::ZERO, Duration::from_secs(1800)));
    assert_eq!(steps[1].to, ["page", "team"]);
    let night = QuietHours::new("22:00", "07:00", "Europe/Berlin", Hold::Warnings).unwrap();
    assert_eq!(alerts.routes[0].quiet_hours, Some(night));
    assert_eq!(alerts.rule(Rule::QueueLate).quiet, Some(Duration::from_secs(6 * 3600)));
    assert!(!alerts.rule(Rule::WorkerLost).enabled && alerts.rule(Rule::First).enabled);
    let big = alerts.rule(Rule::TooBig);
    assert_eq!((big.percent, big.times, big.within), (80, 10, Duration::from_secs(6 * 3600)));
    assert_eq!(alerts.rule(Rule::InterruptedOften).times, 3);
}

#[test]
fn faults_of_steps_quiet_hours_and_rules_name_them() {
    let route = |route: serde_json::Value| json!({"alerts": {"channels": {"team": {"slack": {"env": "SET"}}}, "routes": [route]}});
    check(
        route(
            json!({"to": ["team"], "steps": [{"after": "1h", "to": ["team"]}, {"after": "1h", "to": ["taem"]}]}),
        ),
        &[
            "BS405 alerts.routes.1.steps: both `to` and `steps`: write what comes at once as a step",
            "BS404 alerts.routes.1.steps.2.to: no channel is called `taem`; nearest: `team`",
            "BS402 alerts.routes.1.steps: each step comes later than the one before it",
        ],
    );
    check(route(json!({"steps": []})), &["BS402 alerts.routes.1.steps: 1 to 10 steps are wanted"]);
    check(
        route(json!({"to": ["team"], "quiet_hours": {"from": "22:00", "to": "7", "zone": "UTC"}})),
        &["BS402 alerts.routes.1.quiet_hours: `7` is no time of day; such as \"22:00\""],
    );
    check(
        json!({"alerts": {"rules": {"too_bik": {"enabled": false}, "first": {"percent": 3}}}}),
        &[
            "BS402 alerts.rules.first.percent: `first` has no such threshold",
            "BS402 alerts.rules.too_bik: `too_bik` is not known here; did you mean `too_big`?",
        ],
    );
}

#[test]
fn a_secret_that_cannot_be_read_is_a_fault_of_its_own() {
    check(
        json!({"database": {"url": {"env": "NOWHERE"}}}),
        &["BS407 database.url: variable `NOWHERE` is not set"],
    );
    check(
        json!({"database": {"url": {"evn": "X"}}}),
        &["BS402 database.url: a text is wanted, or { env = \"NAME\" }, or { file = \"/path\" }"],
    );
}

#[test]
fn a_channel_whose_secret_is_left_unread_is_left_out() {
    let resolved = resolve(
        &json!({"alerts": {"channels": {"team": {"slack": {"file": "/s"}}}, "routes": [{"to": ["team"]}]}}),
    );
    assert_eq!(resolved.faults, []);
    assert!(resolved.settings.alerts.channels.is_empty());
}

#[test]
fn names_that_only_this_file_does_not_know_are_notes() {
    let resolved =
        resolve(&json!({"queues": {"reports": {}}, "kinds": {"k": {"queue": "report"}}}));
    assert_eq!(resolved.faults, []);
    let notes: Vec<String> = resolved.notes.iter().map(Fault::to_string).collect();
    assert_eq!(
        notes,
        [
            "BS404 test.toml:1: kinds.k.queue: queue `report` is not declared in this file; nearest: `reports`"
        ]
    );
}

#[test]
fn the_environment_may_write_numbers_and_lists_as_text() {
    let mut tree = tree(&json!({"queues": {"reports": {"slots": 2}}}));
    let env = |name: &str, text: &str| Value::text(text, Origin::Env(name.into()));
    tree.lay(&["queues", "reports", "slots"], env("A", "4"));
    tree.lay(&["queues", "reports", "env", "pass"], env("B", "S3_BUCKET, TZ"));
    tree.lay(&["worker", "apply"], env("C", "false"));
    tree.lay(&["kinds", "k", "priority"], env("D", "3"));
    tree.lay(&["kinds", "k", "max_retries"], env("E", "7"));
    let settings = Settings::from_value(&tree).unwrap();
    assert_eq!(settings.queues[0].slots, 4);
    assert_eq!(settings.queues[0].env.pass, ["S3_BUCKET", "TZ"]);
    assert!(!settings.worker.apply);
    assert_eq!(settings.kinds[0].contract["priority"], 3);
    assert_eq!(settings.kinds[0].contract["max_retries"], 7);
}

#[test]
fn sections_are_merged_and_settings_replaced() {
    let mut code = tree(&json!({
        "queues": {"q": {"slots": 2}},
        "kinds": {"k": {"backoff": {"first": "1s", "cap": "1m"}, "unique": {"key": "x"}}},
    }));
    let file = tree(&json!({
        "queues": {"q": {"timeout": "1m"}, "r": {}},
        "kinds": {"k": {"backoff": {"fixed": "5s"}, "unique": {"by": ["tenant"]}}},
    }));
    code.lay(&[], file);
    code.lay(&["kinds", "k", "unique", "until"], Value::text("started", Origin::Flag("-".into())));
    let settings = Settings::from_value(&code).unwrap();
    let queue = settings.queue("q");
    assert_eq!((queue.slots, queue.timeout), (2, Duration::from_secs(60)));
    assert_eq!(settings.queues.len(), 2);
    let contract = &settings.kind("k").unwrap().contract;
    assert_eq!(contract["backoff"], json!({"fixed": "5s"}));
    assert_eq!(contract["unique"], json!({"by": ["tenant"], "until": "started"}));
}

#[test]
fn directories_are_relative_to_the_file() {
    let settings =
        resolve(&json!({"queues": {"q": {"dir": "jobs"}}, "kinds": {"k": {"dir": "/abs"}}}));
    assert_eq!(settings.settings.queues[0].dir.as_deref(), Some(Path::new("/srv/jobs")));
    assert_eq!(settings.settings.kinds[0].dir.as_deref(), Some(Path::new("/abs")));
}

#[test]
fn a_command_starts_beside_the_file_that_names_it() {
    let command = json!(["bin/x"]);
    let resolved = resolve(&json!({
        "queues": {"placed": {"dir": "jobs"}},
        "kinds": {"a": {"command": command}, "b": {"command": command, "queue": "placed"}, "c": {}},
    }));
    let dir = |name: &str| resolved.settings.kind(name).unwrap().dir.as_deref();
    assert_eq!(dir("a"), Some(Path::new("/srv")));
    assert_eq!(dir("b"), None, "its queue has one");
    assert_eq!(dir("c"), None, "no program of its own");
}

#[test]
fn nothing_that_is_printed_shows_a_secret() {
    let resolved = resolve(&json!({
        "database": {"url": "postgres://u:hunter2@h/d"},
        "queues": {"q": {"env": {"set": {"API_TOKEN": "hunter2", "MODE": "fast"}}}},
        "alerts": {"channels": {"ops": {"webhook": "https://x/hunter2", "secret": "hunter2"}}},
    }));
    assert_eq!(resolved.faults, []);
    let shown = format!("{:?} {:?}", resolved.settings, resolved.rows);
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("fast"), "what is no secret is shown");
}

#[test]
fn limits_come_from_the_kind_then_its_queue_then_the_defaults() {
    let settings = resolve(&json!({
        "defaults": {"processes": 64, "cpu_time": "1m", "stall": "30s"},
        "queues": {"q": {"memory": "1GiB", "cpu_priority": "idle", "stall": "off"}, "r": {}},
        "kinds": {"k": {"queue": "q", "memory": "2GiB", "cpu_time": "off", "cpu_cap": 1.5, "io_weight": 10}},
    }));
    assert_eq!(settings.faults, []);
    let settings = settings.settings;
    let queue = settings.queue("q").limits;
    assert_eq!(queue.memory, Memory::Bytes(1 << 30));
    assert_eq!(queue.memory_max, Some(4 << 30), "four times the memory");
    assert_eq!((queue.processes, queue.stall), (64, Cap::Off));
    assert_eq!(queue.cpu_time, Cap::At(Duration::from_secs(60)));
    let kind = settings.kind("k").unwrap();
    let limits = kind.limits.over(&queue);
    assert_eq!((limits.memory, limits.cpu_time), (Memory::Bytes(2 << 30), Cap::Off));
    assert_eq!((limits.cpu_cap, limits.io_weight), (Cap::At(1.5), Cap::At(10)));
    assert_eq!((limits.cpu_priority, limits.processes), (Cpu::Idle, 64));
    assert_eq!(kind.contract["memory"], "2GiB", "so that a door knows how much its jobs need");
    let plain = settings.queue("r").limits;
    assert_eq!((plain.memory, plain.memory_max), (Memory::Auto, None));
}

#[test]
fn what_is_built_in_is_what_the_descriptions_say() {
    assert_eq!(
        Settings::from_value(&Value::empty()).unwrap().defaults.limits,
        QueueLimits::default()
    );
    let mut written = serde_json::Map::new();
    for key in super::limit::OF_QUEUE {
        let text = key.default.trim_matches('"');
        let value = text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number));
        written.insert(key.name.to_owned(), value);
    }
    let resolved = resolve(&json!({ "queues": { "q": written } }));
    assert_eq!(resolved.faults, []);
    assert_eq!(resolved.settings.queues[0].limits, QueueLimits::default());
}

#[test]
fn a_limit_out_of_its_range_is_told_the_range_and_the_other_word() {
    check(
        json!({"queues": {"q": {
            "memory": "16MiB", "cpu_priority": "lowest", "cpu_cap": 0.01, "cpu_time": "10ms", "stall": "never",
            "processes": 4, "disk": "1KiB", "files": 2, "output": 5, "io_weight": 0, "keep_output": "some",
        }}}),
        &[
            "BS402 queues.q.memory: `16MiB` is outside 32MiB to 4096GiB",
            "BS402 queues.q.cpu_priority: `lowest` is not one of normal, background, idle",
            "BS402 queues.q.cpu_cap: `0.01` is outside 0.10 to 1024.00",
            "BS402 queues.q.cpu_time: `10ms` is outside 1s to 7d",
            "BS402 queues.q.stall: `never` is neither `off` nor 10s to 30d",
            "BS402 queues.q.processes: `4` is outside 8 to 65536",
            "BS402 queues.q.disk: `1KiB` is outside 1MiB to 1048576GiB",
            "BS402 queues.q.files: `2` is outside 16 to 1048576",
            "BS402 queues.q.output: `5` has no unit; did you mean \"5MiB\"?",
            "BS402 queues.q.io_weight: `0` is outside 1 to 10000",
            "BS402 queues.q.keep_output: `some` is not one of failed, all, none",
        ],
    );
}

#[test]
fn limits_that_contradict_each_other_are_refused_together() {
    check(
        json!({
            "queues": {
                "q": {"memory": "1GiB", "memory_max": "512MiB", "timeout": "1m", "stall": "1m"},
                "r": {"memory": "256MiB"},
            },
            "kinds": {
                "big": {"queue": "r", "memory": "2GiB"},
                "slow": {"queue": "q", "timeout": "30s", "stall": "40s"},
                "both": {"memory_max": "1GiB"},
            },
        }),
        &[
            "BS402 queues.q.memory_max: `512MiB` is less than the memory of `1GiB`",
            "BS402 queues.q.stall: `1m` is not less than the timeout of `1m`",
            "BS401 kinds.both.memory_max: memory_max belongs to a queue: write it under [queues.NAME]",
            "BS402 kinds.big.memory: above `1GiB`, the memory_max of queue `r`",
            "BS402 kinds.slow.stall: `40s` is not less than the timeout of `30s`",
        ],
    );
}

#[test]
fn what_nothing_could_hold_is_refused() {
    check(
        json!({
            "defaults": {"processes": 64},
            "queues": {"q": {"isolation": "inline", "memory": "1GiB", "cpu_cap": 1}, "plain": {"isolation": "inline"}},
            "kinds": {
                "a": {"queue": "plain", "disk": "1GiB"},
                "b": {"isolation": "inline", "processes": 8},
                "c": {"queue": "plain", "isolation": "process", "memory": "64MiB"},
            },
        }),
        &[
            "BS402 queues.q.memory: handlers run inside the worker here, and nothing holds them: leave `memory` out",
            "BS402 queues.q.cpu_cap: handlers run inside the worker here, and nothing holds them: leave `cpu_cap` out",
            "BS402 kinds.b.processes: it runs inside the worker, and nothing holds it: leave `processes` out",
            "BS402 kinds.a.disk: queue `plain` runs inline, where nothing holds a handler: leave `disk` out",
        ],
    );
}

#[test]
fn more_memory_after_a_death_by_memory_is_checked_and_goes_to_the_contract() {
    let on_oom = json!({"retry": 2, "factor": 1.5, "max": "3x", "queue": "large"});
    let settings = resolve(&json!({"kinds": {"k": {"on_oom": on_oom}}})).settings;
    assert_eq!(settings.kinds[0].contract["on_oom"], on_oom);
    let oom = |value: serde_json::Value| json!({"kinds": {"k": {"on_oom": value}}});
    check(
        oom(json!({"factor": 1})),
        &["BS402 kinds.k.on_oom: factor: `1` is outside 1.10 to 10.00"],
    );
    check(
        json!({
            "queues": {"q": {"memory": "256MiB"}, "large": {"memory": "1GiB"}},
            "kinds": {
                "a": {"queue": "q", "on_oom": {"max": "2GiB"}},
                "b": {"queue": "q", "on_oom": {"max": "2GiB", "queue": "large"}},
                "c": {"queue": "q", "on_oom": {"max": "2GiB", "queue": "elsewhere"}},
            },
        }),
        &["BS402 kinds.a.on_oom: max: above `1GiB`, the memory_max of queue `q`"],
    );
    check(
        oom(json!({"max": "0x"})),
        &["BS402 kinds.k.on_oom: max: `0x` is not between 1x and 64x"],
    );
    check(
        oom(json!({"retries": 1})),
        &["BS402 kinds.k.on_oom: `retries` is not one of retry, factor, max, queue"],
    );
}

#[test]
fn reserved_slots_name_their_level() {
    let settings = resolve(&json!({"queues": {"q": {"reserve": {"urgent": 1, "3": 2}}}})).settings;
    let mut reserve = settings.queues[0].reserve.clone();
    reserve.sort();
    assert_eq!(reserve, [(Priority::URGENT, 1), (Priority::new(3).unwrap(), 2)]);
}

#[test]
fn every_description_is_sound() {
    for (section, keys) in sections() {
        for key in keys.now {
            let at = format!("{section}.{}", key.name);
            assert!(!key.help.is_empty() && !key.help.ends_with('.'), "{at}: {}", key.help);
            assert!(!keys.later.contains(&key.name), "{at} is now and later at once");
            assert!(default_fits(key), "{at}: {} is not within {}", key.default, key.bound());
        }
    }
}

fn default_fits(key: &Key) -> bool {
    let default = key.default.trim_matches('"');
    if let Form::Either(word, form) = key.form {
        return default == word || default_fits(&Key { form: *form, ..*key });
    }
    match key.form {
        _ if default.is_empty() => true,
        Form::Span(least, most) => {
            let [least, default, most] =
                [least, default, most].map(|text| parse_duration(text).unwrap());
            least <= default && default <= most
        }
        Form::Size(least, most) => {
            let [least, default, most] =
                [least, default, most].map(|text| parse_size(text).unwrap());
            least <= default && default <= most
        }
        Form::Whole(least, most) => (least..=most).contains(&default.parse().unwrap()),
        Form::Hundredths(least, most) => {
            let hundredths = default.parse::<f64>().unwrap() * 100.0;
            (least as f64..=most as f64).contains(&hundredths)
        }
        Form::Words(words) => words.contains(&default),
        Form::Switch => ["true", "false"].contains(&default),
        _ => true,
    }
}

#[test]
fn every_setting_is_shown_with_its_origin() {
    let resolved = resolve(&json!({"queues": {"q": {"slots": 2}}}));
    let row = |path: &str| resolved.rows.iter().find(|row| row.path == path).unwrap().clone();
    assert_eq!(row("queues.q.slots").value.as_deref(), Some("2"));
    assert!(matches!(row("queues.q.slots").origin, Origin::File { line: 1, .. }));
    assert_eq!(row("queues.q.timeout_max").value.as_deref(), Some("\"1h\""));
    assert_eq!(row("queues.q.timeout").origin, Origin::Default);
    assert_eq!(row("worker.poll").value.as_deref(), Some("\"1s\""));
}

#[test]
fn every_code_of_a_fault_has_its_page() {
    for code in [UNKNOWN_KEY, BAD_VALUE, MISSING, UNKNOWN_REFERENCE, DUPLICATE, SECRET_UNREADABLE] {
        assert!(crate::model::code::Code::of(code).is_some(), "{code}");
    }
}

/// Any value that TOML can hold, with words that settings know among the texts.
fn any_value() -> impl Strategy<Value = serde_json::Value> {
    const WORDS: &[&str] =
        &["4", "30s", "never", "low", "inline", "512MiB", "team", "/x", "a b", "error:", ""];
    let leaf = prop_oneof![
        any::<bool>().prop_map(|on| json!(on)),
        any::<i64>().prop_map(|number| json!(number)),
        (-2.0..2.0f64).prop_map(|number| json!(number)),
        proptest::sample::select(WORDS).prop_map(|word| json!(word)),
        "[a-z0-9{}$=\\[ ]{0,8}".prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|items| json!(items)),
            prop::collection::vec((any_name(), inner), 0..4)
                .prop_map(|entries| serde_json::Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// A name of a setting, or one that people choose.
fn any_name() -> impl Strategy<Value = String> {
    let keys = sections().into_iter().flat_map(|(_, keys)| keys.names().map(str::to_owned));
    let inner = ["share", "by", "to", "rules", "slack", "webhook", "email", "set", "fixed", "env"];
    let names: Vec<String> = keys.chain(inner.map(str::to_owned)).collect();
    proptest::sample::select(names)
}

proptest! {
    #[test]
    fn no_tree_is_too_odd_to_be_answered(entries in prop::collection::vec((any_name(), any_value()), 0..6)) {
        let json = serde_json::Value::Object(entries.into_iter().collect());
        let resolved = resolve(&json);
        for fault in &resolved.faults {
            prop_assert!(!fault.message.is_empty() && fault.code.starts_with("BS4"), "{fault}");
        }
        let queues = resolved.settings.queues.iter();
        let sound = queues.filter(|_| resolved.faults.is_empty()).all(|queue| {
            queue.grace < queue.timeout && queue.timeout <= queue.timeout_max && queue.slots > 0
        });
        prop_assert!(sound, "{json}");
    }
}

#[test]
fn a_level_is_required_and_a_place_for_folders_is_named_beside_the_file() {
    let settings = resolve(&json!({
        "worker": { "require_level": "cgroup", "scratch_dir": "scratch" },
        "defaults": { "recycle": { "memory": 0.25 } },
    }))
    .settings;
    assert_eq!(settings.worker.require_level, RequireLevel::Cgroup);
    assert_eq!(settings.worker.scratch_dir.as_deref(), Some(Path::new("/srv/scratch")));
    assert_eq!(settings.defaults.recycle.memory, 0.25);
    assert_eq!(settings.queues[0].recycle.jobs, 1000);
    let usual = resolve(&json!({})).settings;
    assert_eq!(usual.worker.require_level, RequireLevel::Any);
    assert_eq!((usual.worker.scratch_dir, usual.defaults.recycle.memory), (None, 0.5));
    let wrong = resolve(&json!({ "worker": { "require_level": "croup" } })).faults;
    assert_eq!((wrong.len(), wrong[0].code), (1, BAD_VALUE), "{wrong:?}");
    assert!(wrong[0].message.contains("cgroup"), "{}", wrong[0].message);
    check(
        json!({ "defaults": { "recycle": { "memory": 2.0 } } }),
        &["BS402 defaults.recycle.memory: `2` is outside 0.05 to 1.00"],
    );
}
