//! The screen as text, at the sizes that people have.

use std::time::{Duration, Instant};

use backstay::StoreError;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde_json::json;

use super::super::deed::Deed;
use super::super::picture::tests::job;
use super::super::picture::{Picture, Sort};
use super::super::view::View;
use super::draw;

const MIB: u64 = 1024 * 1024;

fn view(jobs: usize) -> View {
    let large = json!({
        "attempt": 2, "memory_bytes": 990 * MIB, "memory_limit_bytes": 1024 * MIB, "cpu_ms": 55_200,
        "sampled_at": "2026-11-23T09:01:00Z", "percent": 40.0, "note": "page 12 of 30\u{1b}[2J",
    });
    let mut all = vec![job(4187, large)];
    all.extend((1..jobs).map(|n| job(n as i64, json!({ "kind": "mail", "queue": "default" }))));
    let bounded = |count: u64| json!({ "count": count, "more": false });
    let queue = |name: &str, ready: u64| {
        serde_json::from_value(json!({
            "name": name, "declared": true, "ready": bounded(ready), "by_priority": {},
            "oldest_ready_at": null, "scheduled": bounded(3), "next_run_at": null, "parked": bounded(0),
            "running": bounded(1), "dead": bounded(2), "workers": 1, "slots": 4,
            "served_at": null, "served_by": null,
            "paused": { "since": "2026-11-23T09:00:00Z", "until": null, "by": "ana", "reason": null },
        }))
        .unwrap()
    };
    let worker = serde_json::from_value(json!({
        "id": "018f6f1e-0000-7000-8000-000000000000", "state": "draining", "host": "app-2", "pid": 1,
        "release": "1", "level": "rlimit", "slots": 6, "running": 2, "queues": ["reports"],
        "kinds": ["report"], "started_at": "2026-11-23T09:00:00Z", "beat_at": "2026-11-23T09:00:00Z",
        "lease_until": "2026-11-23T09:00:00Z", "drain_at": null, "goodbye_at": null, "lost_at": null,
        "direct": true,
    }))
    .unwrap();
    let queues = vec![queue("default", 0), queue("reports", 41)];
    View::new(Sort::Mem, Duration::from_secs(2), Picture::new(all, queues, vec![worker]))
}

fn drawn(view: &View, width: u16, height: u16, now: Instant) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, view, now)).unwrap();
    let buffer = terminal.backend().buffer();
    let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..height).map(|y| line(y).trim_end().to_owned()).collect()
}

#[test]
fn eighty_by_twenty_four_show_the_whole_the_queues_the_workers_and_the_jobs() {
    let lines = drawn(&view(3), 80, 24, Instant::now());
    assert_eq!(
        lines[0],
        "backstay top  3 running  slots 2 of 6  memory 990 MiB  by memory  every 2 s"
    );
    assert_eq!(lines[1], "queue default      0 waiting  1 running  3 scheduled  2 dead  paused");
    assert_eq!(lines[3], "worker 018f6f1e on app-2  rlimit  2 of 6 busy  memory 990 MiB  draining");
    assert!(lines[5].starts_with("JOB   KIND    QUEUE    TRY  AGE      CPU     MEMORY"));
    let job = "\u{2588}\u{2588}\u{2588}\u{2588}\u{2588} 990 of 1024 MiB  40 %  page";
    assert!(
        lines[6].starts_with("4187  report  reports  2    ") && lines[6].contains(job),
        "{lines:#?}"
    );
    assert!(lines[6].contains("92 %"), "{}", lines[6]);
    assert!(lines[23].starts_with("arrows move") && lines[23].ends_with("q quit"));
}

#[test]
fn a_wide_screen_also_names_worker_and_level() {
    let lines = drawn(&view(1), 140, 40, Instant::now());
    assert!(lines[5].contains("WORKER") && lines[5].contains("LEVEL"), "{}", lines[5]);
    assert!(lines[6].contains("018f6f1e app-2"), "{}", lines[6]);
    assert!(lines[6].contains(&format!("  {} 990 of", "\u{2588}".repeat(10))), "{}", lines[6]);
    assert!(
        lines[6].ends_with("page 12 of 30\\u{1b}[2J"),
        "no text steers the terminal: {}",
        lines[6]
    );
}

#[test]
fn the_bar_is_seen_also_far_below_and_in_a_tiny_window() {
    let mut view = view(200);
    view.step(isize::MAX);
    let id = view.selected_job().unwrap().id.clone();
    for (width, height) in [(80, 24), (40, 8), (20, 3), (1, 1)] {
        let lines = drawn(&view, width, height, Instant::now());
        if height > 8 {
            assert!(lines.iter().any(|line| line.starts_with(&id)), "{lines:#?}");
        }
    }
}

#[test]
fn a_question_and_an_answer_take_the_place_of_the_keys() {
    let mut view = view(1);
    view.asked = Some(Deed::Cancel(4187));
    assert_eq!(drawn(&view, 80, 24, Instant::now())[23], "Cancel job 4187 for good? y/n");
    view.asked = None;
    view.say("job 4187 told to stop".into());
    assert_eq!(drawn(&view, 80, 24, Instant::now())[23], "job 4187 told to stop");
}

#[test]
fn a_database_that_is_away_is_told_and_the_last_picture_stays() {
    let mut view = view(1);
    view.saw(Err(StoreError::Unreachable("connection refused".into())));
    let lines = drawn(&view, 140, 24, Instant::now() + Duration::from_secs(7));
    assert!(lines[0].contains("no answer, this is 7 s old  BS501 "), "{}", lines[0]);
    assert!(lines[6].starts_with("4187"), "{}", lines[6]);
    // Also where no look has come back at all.
    view.trouble = None;
    let lines = drawn(&view, 140, 24, Instant::now() + Duration::from_secs(60));
    assert!(lines[0].contains("no answer, this is 60 s old"), "{}", lines[0]);
}

#[test]
fn a_bar_shows_how_much_of_its_memory_a_job_uses() {
    let bar = |used: u64| {
        let given = json!({ "memory_bytes": used * MIB, "memory_limit_bytes": 100 * MIB });
        super::use_bar(&job(1, given), 5)
    };
    assert_eq!(bar(0), "\u{2591}".repeat(5));
    assert_eq!(bar(11), format!("\u{2588}{}", "\u{2591}".repeat(4)));
    assert_eq!(bar(60), format!("{}{}", "\u{2588}".repeat(3), "\u{2591}".repeat(2)));
    assert_eq!(bar(100), "\u{2588}".repeat(5));
    assert_eq!(bar(130), "\u{2588}".repeat(5));
    assert_eq!(super::use_bar(&job(1, json!({})), 5), "     ");
}
