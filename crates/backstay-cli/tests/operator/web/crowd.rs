//! A thousand who listen at once, and a worker in the same process that beats on time and goes on with its jobs.

use backstay_postgres::template;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::*;
use crate::operator::figures::{free, get};

/// Streams of events that a server has at once.
const STREAMS: usize = 1_000;
/// Those streams, and what all tests of this process have open beside them.
const DESCRIPTORS: u64 = 3_000;
/// Jobs that run while they listen.
const JOBS: u64 = 100;

/// Takes as many descriptors as it needs, for what is started from here, too; whether that is allowed.
fn raise_descriptors() -> bool {
    let now = getrlimit(Resource::Nofile);
    if now.current.is_none_or(|current| current >= DESCRIPTORS) {
        return true;
    }
    let most = Rlimit { current: now.maximum, maximum: now.maximum };
    now.maximum.is_none_or(|maximum| maximum >= DESCRIPTORS)
        && setrlimit(Resource::Nofile, most).is_ok()
}

/// What the worker says of itself under this name; nothing where it has not counted any.
fn told(at: SocketAddr, name: &str) -> u64 {
    let page = get(at, "/metrics");
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or_default()
}

#[test]
fn a_thousand_listen_and_the_worker_beside_them_beats_on_time_and_goes_on() {
    if !raise_descriptors() {
        return template::note_skip(
            "a thousand streams: 3,000 descriptors are not allowed here (ulimit -Hn)",
        );
    }
    let figures = free();
    let file = std::env::temp_dir().join(format!("backstay-crowd-{}.toml", std::process::id()));
    let settings = format!(
        "[web]\nmetrics = \"{figures}\"\n[queues.reports]\nslots = 2\n[kinds.report]\nqueue = \"reports\"\ncommand = [\"true\"]\n"
    );
    std::fs::write(&file, settings).unwrap();
    let words = ["work", "--web", "--config", file.to_str().unwrap()];
    let Some(mut site) = site_of(&words, &[("BACKSTAY_LOG", "off")]) else { return };
    std::fs::remove_file(&file).unwrap();

    let mut crowd: Vec<Stream> = (0..STREAMS).map(|_| site.listen("/api/v1/events", "")).collect();
    crowd.iter_mut().for_each(|stream| assert!(stream.until(": open").is_some()));
    let refused = site.get("/api/v1/events");
    assert_eq!(refused.code(), "429 BS803", "{refused:?}");
    assert!(refused.head.contains("retry-after: 5"), "{refused:?}");
    assert_eq!(site.get("/api/v1/queues").status, 200, "what is no stream is answered");

    let beats = "backstay_beat_late_seconds_count";
    let (begun, before) = (Instant::now(), told(figures, beats));
    let enqueued =
        format!("select backstay.enqueue('report', '{{}}') from generate_series(1, {JOBS})");
    site.desk.sql(&enqueued);
    let ended = "backstay_jobs_ended_total{queue=\"reports\",kind=\"report\",state=\"completed\"}";
    while told(figures, ended) < JOBS || told(figures, beats) == before {
        assert!(begun.elapsed() < Duration::from_secs(60), "the worker stands still");
        std::thread::sleep(Duration::from_millis(50));
    }
    let on_time = "backstay_beat_late_seconds_bucket{le=\"2.5\"}";
    assert_eq!(told(figures, on_time), told(figures, beats), "a lease is 30 s");
    // Everybody hears of it, the last as the first.
    site.desk.run(&["queues", "pause", "reports", "--reason", "a release"]).exits(0);
    for stream in &mut crowd {
        assert!(stream.until("event: queue.paused").is_some());
    }
    // A place that somebody gives back is free.
    crowd.truncate(STREAMS - 1);
    let mut last = loop {
        let mut stream = site.listen("/api/v1/events", "");
        if stream.until("HTTP/1.1 ").is_some_and(|line| line.contains("200")) {
            break stream;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "the place is never free");
    };

    kill_process(Pid::from_child(&site.server), Signal::TERM).unwrap();
    assert!(site.server.wait().unwrap().success());
    assert_eq!(last.until("event: "), None);
}
