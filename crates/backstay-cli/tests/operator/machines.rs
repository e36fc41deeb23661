//! `queues`, `kinds`, `workers`, `alerts`, `top`.

use crate::desk;

#[test]
fn a_queue_is_paused_shown_and_resumed() {
    let Some(desk) = desk() else { return };
    desk.enqueue(&["report", "--queue", "reports", "--priority", "urgent"]);
    let verb = ["queues", "pause", "reports", "--for", "30m", "--reason", "disk full"];
    let paused = desk.run(&verb).exits(0);
    assert_eq!(paused.out, "queue reports paused for 30m; what runs goes on\n");
    let list = desk.run(&["queues", "list"]).exits(0);
    let cells: Vec<&str> = list.out.trim_end().split('\t').collect();
    assert_eq!((cells[0], cells[1], cells[2]), ("reports", "1", "urgent 1"));
    assert!(cells[8].contains("by backstay: disk full"), "{}", list.out);
    let json = desk.run(&["queues", "list", "--json"]).exits(0).json();
    assert_eq!(json["items"][0]["ready"], serde_json::json!({"count": 1, "more": false}));
    assert_eq!(json["items"][0]["paused"]["reason"], "disk full");
    desk.run(&["queues", "resume", "reports"]).exits(0);
    let again = desk.run(&["queues", "resume", "reports"]).exits(1);
    assert_eq!(again.err, "queue reports is not paused\n");
    desk.run(&["queues", "pause", "a b"]).exits(1);
}

#[test]
fn a_kind_is_paused_shown_and_resumed() {
    let Some(desk) = desk() else { return };
    let paused = desk.run(&["kinds", "pause", "report", "--reason", "wrong figures"]).exits(0);
    let said = "kind report paused until: backstay kinds resume report; what runs goes on\n";
    assert_eq!(paused.out, said);
    desk.die("mail");
    let list = desk.run(&["kinds", "list"]).exits(0);
    let lines: Vec<&str> = list.out.lines().collect();
    assert_eq!(lines[0], "mail\tdefault\tno\t0\t0\t1\t\t\tby nobody");
    assert!(lines[1].contains("by backstay: wrong figures"), "{}", list.out);
    let json = desk.run(&["kinds", "list", "--json"]).exits(0).json();
    assert_eq!(json["items"][0]["contract"]["timeout"], "15m");
    desk.run(&["kinds", "resume", "report"]).exits(0);
    assert_eq!(
        desk.run(&["kinds", "resume", "report"]).exits(1).err,
        "kind report is not paused\n"
    );
}

#[test]
fn a_worker_is_drained_by_the_beginning_of_its_id() {
    let Some(desk) = desk() else { return };
    assert!(desk.run(&["workers", "list"]).exits(0).err.contains("backstay work"));
    desk.sql(
        "insert into backstay.worker (id, beat_at, lease_until, started_at, pid, slots, host, release, level, queues, kinds)
         select ('0000000' || n || '-0000-4000-8000-000000000000')::uuid, now(), now() + interval '1 minute', now(), 1, 4, 'app-' || n, '1', 'process',
                '{reports}', '{\"report\": 1}' from generate_series(1, 2) n",
    );
    let both = desk.run(&["workers", "drain", "0000000"]).exits(2);
    assert!(both.err.starts_with("error BS102: `0000000` may be "), "{}", both.err);
    let none = desk.run(&["workers", "drain", "ffff"]).exits(1);
    assert!(none.err.starts_with("error BS301: "), "{}", none.err);
    let one = desk.run(&["workers", "drain", "00000002"]).exits(0);
    assert_eq!(one.out, "worker 00000002 on app-2 finishes 0 running and leaves\n");
    let list = desk.run(&["workers", "list", "--json"]).exits(0).json();
    let states = list["items"].as_array().unwrap().iter();
    let mut states: Vec<&str> = states.map(|worker| worker["state"].as_str().unwrap()).collect();
    states.sort_unstable();
    assert_eq!(states, ["draining", "live"]);
}

#[test]
fn alerts_are_listed_with_what_became_of_them() {
    let Some(desk) = desk() else { return };
    assert_eq!(desk.run(&["alerts", "list"]).exits(0).err, "no alert has been sent\n");
    desk.sql(
        "insert into backstay.message (made_at, due_at, next_try_at, delivered_at, count, tries, rule, subject, channel, dedupe_key, last_error, body)
         values (now(), now(), now(), now(), 3, 1, 'first', 'a3f19c02', 'team', 'k1', null, '{\"title\": \"report died\"}'),
                (now(), now(), now(), null, 1, 2, 'burst', 'report', 'page', 'k2', 'HTTP 404', '{\"title\": \"20 reports died\"}')",
    );
    let list = desk.run(&["alerts", "list", "--json"]).exits(0).json();
    let seen: Vec<(&str, &str)> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| (message["state"].as_str().unwrap(), message["title"].as_str().unwrap()))
        .collect();
    assert_eq!(seen, [("failing", "20 reports died"), ("sent", "report died")]);
}

#[test]
fn the_incident_of_a_message_is_taken_in_hand_and_its_later_steps_end() {
    let Some(desk) = desk() else { return };
    desk.sql(
        "insert into backstay.message (made_at, due_at, next_try_at, delivered_at, count, rule, subject, channel, dedupe_key, after_ms, body)
         values (now(), now(), now(), now(), 1, 'worker_lost', 'w', 'team', 'k', 0, '{\"state\": \"open\"}'),
                (now(), now(), now() + interval '1 h', null, 1, 'worker_lost', 'w', 'page', 'k', 3600000, '{\"state\": \"open\"}')",
    );
    let list = || desk.run(&["alerts", "list", "--json"]).exits(0).json()["items"].clone();
    let first = list()[1].clone();
    assert_eq!((&first["open"], &first["acknowledged_by"]), (&true.into(), &().into()));
    let id = first["id"].as_str().unwrap().to_owned();
    let done = desk.run(&["alerts", "ack", &id, "--reason", "the host was replaced"]).exits(0);
    let told = format!("message {id}: its incident is acknowledged; no later step is told\n");
    assert_eq!(done.out, told);
    let left = list();
    assert_eq!(left.as_array().unwrap().len(), 1, "{left}");
    assert_eq!(
        (&left[0]["open"], &left[0]["acknowledged_by"]),
        (&false.into(), &"backstay".into())
    );
    let table = desk.run(&["alerts", "list"]).exits(0).out;
    assert!(table.contains("\tsent, acknowledged (backstay)\t"), "{table}");
    let unknown = desk.run(&["alerts", "acknowledge", "99"]).exits(1);
    assert!(unknown.err.starts_with("99: BS301 "), "{}", unknown.err);
}

#[test]
fn top_shows_running_jobs_with_what_their_worker_saw_of_them() {
    let Some(desk) = desk() else { return };
    let none = desk.run(&["top"]).exits(0);
    let nobody = "slots 0 of 0, memory 0 MiB, no worker lives; start one: backstay work\n";
    assert_eq!((none.out.as_str(), none.err.as_str()), ("", nobody));
    let id = desk.enqueue(&["report", "--queue", "reports"]);
    desk.sql(&format!(
        "delete from backstay.ready where job_id = {id};
         insert into backstay.running (job_id, seq, ready_at, claimed_at, deadline_at, worker, attempt, retry_count, crash_count, lost_count, snooze_count,
                interrupt_count, priority, queue, kind)
         values ({id}, {id}, now(), now() - interval '12 minutes', now() + interval '1 hour', '00000001-0000-4000-8000-000000000000', 2, 0, 0, 0, 0, 0, 5,
                'reports', 'report');
         insert into backstay.progress (job_id, at, attempt, percent, note) values ({id}, now(), 2, 40, 'page 12 of 30');
         insert into backstay.worker (id, beat_at, lease_until, started_at, pid, slots, host, release, level, queues, kinds, samples)
         values ('00000001-0000-4000-8000-000000000000', now(), now() + interval '1 minute', now(), 1, 6, 'app-2', '1', 'rlimit', '{{reports}}',
                '{{\"report\": 1}}', '[{{\"job\": \"{id}\", \"attempt\": 2, \"rss\": 429916160, \"limit\": 1073741824, \"cpu_ms\": 360000, \"level\": \"rlimit\"}}]')"
    ));
    let once = desk.run(&["top", "--once", "--sort", "cpu"]).exits(0);
    let row =
        format!("{id}\treport\treports\t2\t12 min\t50 %\t410 of 1024 MiB\t40 %  page 12 of 30\n");
    assert_eq!(once.out, row);
    assert_eq!(once.err, "slots 1 of 6, memory 410 MiB, worker 00000001 on app-2 (rlimit)\n");
    let shown = desk.run(&["jobs", "show", &id]).exits(0);
    let uses = "  uses      410 MiB of 1 GiB, 6 min of CPU so far, seen 20";
    assert!(shown.out.contains(uses), "{}", shown.out);
    let json = desk.run(&["jobs", "show", &id, "--json"]).exits(0).json();
    assert_eq!(json["seen"]["cpu_ms"], 360_000);
    let json = desk.run(&["top", "--once", "--json"]).exits(0).json();
    assert_eq!(json["jobs"][0]["memory_limit_bytes"], 1_073_741_824_u64);
    assert_eq!(json["workers"][0]["running"], 1);
    let fast = desk.run(&["top", "--interval", "100ms"]).exits(2);
    assert!(
        fast.err.starts_with("error BS102: --interval: `100ms` is not 1s to 1h\n"),
        "{}",
        fast.err
    );
}
