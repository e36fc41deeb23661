//! Programs of other languages that speak the protocol by hand: those of the page that teaches it.

use std::time::Duration;

use backstay_isolate::{Ending, LastWord, Pool, Report, Run, RunEvent, StopReason, Then};
use serde_json::{Value, json};

use crate::Test;
use crate::run::*;

pub(crate) const TESTS: &[Test] = &[
    ("the_programs_of_the_page_announce_their_kinds", announce),
    ("the_programs_of_the_page_say_all_that_can_be_said", say_all),
    ("the_programs_of_the_page_fail_in_their_words", fail_in_their_words),
    ("the_programs_of_the_page_stop_when_they_are_told", stop_when_told),
    ("the_programs_of_the_page_leave_when_their_pool_does", leave_with_their_pool),
];

const PAGE: &str = include_str!("../../../../docs/child-protocol.md");

/// Both languages, those of them that are here; a missing one says so.
fn pools() -> Vec<(&'static str, Pool)> {
    let languages = [("python3", "```python\n", "-c"), ("node", "```js\n", "-e")];
    let here = languages.into_iter().filter_map(|(program, mark, flag)| {
        let Some(path) = find(program) else {
            println!("SKIPPED for {program}: it is not installed here");
            return None;
        };
        let code = PAGE.split(mark).nth(1).unwrap().split("```").next().unwrap();
        Some((program, warm(&[&path, flag, code], limits())))
    });
    here.collect()
}

fn find(program: &str) -> Option<String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|place| place.join(program));
    places.find(|path| path.is_file()).map(|path| path.to_string_lossy().into_owned())
}

fn announce() {
    for (program, pool) in pools() {
        let ready = block(pool.boot()).unwrap();
        assert_eq!(ready.kinds, ["report", "wait"], "{program}");
    }
}

fn report_order() -> backstay_isolate::Order {
    order_with("report", json!({ "tenant": 7, "numbers": [1, 2, 3] }))
}

/// Answers what is asked, and gives all events as words.
async fn listen(run: &mut Run) -> (Vec<String>, Report) {
    let mut heard = Vec::new();
    loop {
        match run.next().await {
            RunEvent::Progress { percent, note } => heard.push(format!("{percent:?} {note:?}")),
            RunEvent::Log { level, message, .. } => heard.push(format!("{level}: {message}")),
            RunEvent::Checkpoint { value, reference } => {
                heard.push(value.get().replace(' ', ""));
                run.answer(reference.unwrap(), true, None, None);
            }
            RunEvent::Enqueue { jobs, .. } => heard.push(jobs.get().replace(' ', "")),
            RunEvent::Ended(report) => return (heard, *report),
            _ => {}
        }
    }
}

fn say_all() {
    for (program, pool) in pools() {
        for _ in 0..2 {
            let (heard, report) =
                block(async { listen(&mut pool.run(report_order()).await).await });
            let expected = [
                "Some(50.0) Some(\"half way\")",
                "info: adding up",
                "{\"page\":1}",
                "[{\"kind\":\"mail\",\"args\":{\"to\":7}}]",
            ];
            assert_eq!(heard, expected, "{program}: {report:?}");
            let Some(LastWord::Done { output: Some(output), .. }) = report.last_word else {
                panic!("{program}: {report:?}")
            };
            let output: Value = serde_json::from_str(output.get()).unwrap();
            assert_eq!(output, json!({ "sum": 6 }), "{program}");
        }
    }
}

fn fail_in_their_words() {
    for (program, pool) in pools() {
        let order = order_with("report", json!({}));
        let (_, report) = block(async { listen(&mut pool.run(order).await).await });
        let Some(LastWord::Fail { then, class: Some(_), .. }) = report.last_word else {
            panic!("{program}: {report:?}")
        };
        assert_eq!((report.ending, then), (Ending::Rejected, Then::Dead), "{program}");
    }
}

fn stop_when_told() {
    for (program, pool) in pools() {
        let pid = |report: &Report| report.pid;
        let report = block(async {
            let mut run = pool.run(order("wait")).await;
            let stopper = run.stopper();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(400)).await;
                stopper.stop(StopReason::TimedOut);
            });
            end(&mut run).await
        });
        assert_eq!(report.ending, Ending::TimedOut, "{program}");
        let said = matches!(report.last_word, Some(LastWord::Fail { .. }));
        assert!(said && report.wall < Duration::from_secs(2), "{program}: {report:?}");
        until("it is replaced", Duration::from_secs(3), || !lives(pid(&report)));
    }
}

fn leave_with_their_pool() {
    for (program, pool) in pools() {
        let report = report(&pool, order_with("no-such-kind", json!({})));
        drop(pool);
        until(program, Duration::from_secs(3), || state(report.pid).is_none());
    }
}
