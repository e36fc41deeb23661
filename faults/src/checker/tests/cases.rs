//! Runs by hand. The words are explained in `story.rs`.

use super::story::judge;

/// What it shows, the run, the one line.
type Case = (&'static str, &'static str, &'static str);

const FINE: &str = "lost 0 unexpected 0 duplicated 0 (explained 0) stale-accepted 0 info 0";

#[rustfmt::skip]
const CASES: &[Case] = &[
    // Lawful ones.
    ("a job runs and completes",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; 1.1 ends; w1 completes 1.1", FINE),
    ("a job fails once, is tried again and completes",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; 1.1 ends; w1 retries 1.1; w2 takes 1.2; 1.2 starts; 1.2 ends; w2 completes 1.2", FINE),
    ("a snooze and a release are no repeats",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; w1 snoozes 1.1; w1 takes 1.2; 1.2 starts; drain w1; w1 releases 1.2; w2 takes 1.3; 1.3 starts; w2 completes 1.3", FINE),
    ("a killed worker's job is started again, and the kill explains it",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; kill w1; w2 rescues 1.1 of w1; w2 takes 1.2; 1.2 starts; 1.2 ends; w2 completes 1.2",
     "lost 0 unexpected 0 duplicated 1 (explained 1) stale-accepted 0 info 0"),
    ("a frozen worker comes back and is told that it is too late",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; freeze w1; wait 4000; w2 rescues 1.1 of w1; w2 takes 1.2; 1.2 starts; thaw w1; 1.1 ends; w1 sends completes 1.1; w1 hears stale completes 1.1; 1.2 ends; w2 completes 1.2",
     "lost 0 unexpected 0 duplicated 1 (explained 1) stale-accepted 0 info 0"),
    ("a worker that is thawed for a moment and frozen again was frozen for all of it",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; freeze w1; wait 2500; thaw w1; freeze w1; wait 2500; w2 rescues 1.1 of w1; w2 takes 1.2; 1.2 starts; thaw w1; 1.1 ends; w1 sends completes 1.1; w1 hears stale completes 1.1; 1.2 ends; w2 completes 1.2",
     "lost 0 unexpected 0 duplicated 1 (explained 1) stale-accepted 0 info 0"),
    ("a worker that is cut off for longer than its lease may overlap",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; cut w1; wait 4000; w2 rescues 1.1 of w1; w2 takes 1.2; 1.2 starts; 1.1 ends; mend w1; w2 completes 1.2; w1 sends completes 1.1; w1 hears stale completes 1.1",
     "lost 0 unexpected 0 duplicated 1 (explained 1) stale-accepted 0 info 0"),
    ("a worker that is frozen before it starts what it has claimed may start it late",
     "app enqueues a=1; w1 takes 1.1; freeze w1; wait 4000; w2 rescues 1.1 of w1; w2 takes 1.2; 1.2 starts; thaw w1; 1.1 starts; 1.1 ends; w1 sends completes 1.1; w1 hears stale completes 1.1; 1.2 ends; w2 completes 1.2",
     "lost 0 unexpected 0 duplicated 1 (explained 1) stale-accepted 0 info 0"),
    ("an answer is lost, and the verdict that is sent again is stale",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; w1 sends completes 1.1; w1 moves completes 1.1; w1 hears nothing completes 1.1; w1 sends completes 1.1; w1 hears stale completes 1.1",
     "lost 0 unexpected 0 duplicated 0 (explained 0) stale-accepted 0 info 1"),
    ("an enqueue whose answer is lost may be there",
     "app asks a; db takes in a=1; app wonders a; w1 takes 1.1; 1.1 starts; w1 completes 1.1",
     "lost 0 unexpected 0 duplicated 0 (explained 0) stale-accepted 0 info 1"),
    ("an enqueue whose answer is lost need not be there",
     "app asks a; app wonders a", "lost 0 unexpected 0 duplicated 0 (explained 0) stale-accepted 0 info 1"),
    ("a rollback leaves nothing", "app asks a; app fails a", FINE),
    ("a dead letter is revived and completes",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; w1 buries 1.1; operator revives 1; w1 takes 1.2; 1.2 starts; w1 completes 1.2", FINE),
    ("a waiting job is cancelled", "app enqueues a=1; operator cancels 1", FINE),
    ("a running job is cancelled, and stops",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; operator cancels 1; 1.1 ends; w1 cancels 1.1", FINE),
    ("a running job is cancelled, and is done before it hears of it",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; operator cancels 1; 1.1 ends; w1 completes 1.1", FINE),
    ("what was acknowledged while a standby heard nothing is gone when that takes over",
     "app enqueues a=1; standby hears nothing; app enqueues b=2; w1 sends completes 1.1; w1 hears ok completes 1.1; db never had 2; standby takes over; w1 takes 1.1; 1.1 starts; w1 completes 1.1",
     "lost 0 unexpected 0 duplicated 0 (explained 0) stale-accepted 0 info 2"),
    ("what had begun while a standby heard nothing begins again",
     "app enqueues a=1; standby hears nothing; 1.1 starts; standby takes over; 1.1 ends; w1 takes 1.1; 1.1 starts; 1.1 ends; w1 completes 1.1",
     "lost 0 unexpected 0 duplicated 1 (explained 1) stale-accepted 0 info 0"),
    ("a paused job may wait at the end", "app enqueues a=1; db pauses 1", FINE),
    ("a kind that keeps nothing leaves its completion with its worker",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; w1 completes 1.1; db forgets 1", FINE),
    ("a death is told",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; w1 buries 1.1; incident x of 1.1; sink accepts x", FINE),
    ("an effect commits with its completion",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; effect begins 1.1; w1 moves completes 1.1; effect row 1.1; effect ends 1.1; w1 sends completes 1.1; w1 hears ok completes 1.1", FINE),
    // Unlawful ones.
    ("H1: an acknowledged job that nobody knows",
     "app enqueues a=1; db never had 1", "lost 1 unexpected 0 duplicated 0 (explained 0) stale-accepted 0 info 0"),
    ("H1: what a standby had heard of is gone when it takes over",
     "app enqueues a=1; standby hears nothing; standby takes over; db never had 1", "lost 1 unexpected 0 duplicated 0 (explained 0) stale-accepted 0 info 0"),
    ("H2: a job that was rolled back",
     "app asks a; app fails a; db takes in a=1; db pauses 1", "lost 0 unexpected 1 duplicated 0 (explained 0) stale-accepted 0 info 0"),
    ("H2: a job that nobody asked for",
     "db takes in a=1; db pauses 1", "lost 0 unexpected 1 duplicated 0 (explained 0) stale-accepted 0 info 0"),
    ("H2: a start without a claim",
     "app enqueues a=1; 1.1 starts; 1.1 ends; db pauses 1", "lost 0 unexpected 1 duplicated 0 (explained 0) stale-accepted 0 info 0"),
    ("H2: a start before the enqueue",
     "db takes in a=1; w1 takes 1.1; 1.1 starts; 1.1 ends; app asks a; app has a=1; w1 completes 1.1", "lost 0 unexpected 1 duplicated 0 (explained 0) stale-accepted 0 info 0"),
    ("H2: a job is cancelled by nobody, where people write down what they do",
     "app enqueues a=1; app enqueues b=2; operator cancels 2; w1 takes 1.1; 1.1 starts; w1 cancels 1.1", "lost 0 unexpected 1 duplicated 0 (explained 0) stale-accepted 0 info 0"),
    ("H3: two jobs for one key",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; w1 completes 1.1; db copies 1", "lost 0 unexpected 0 duplicated 1 (explained 0) stale-accepted 0 info 0"),
    ("H4: a job that still waits",
     "app enqueues a=1", "lost 1 unexpected 0 duplicated 0 (explained 0) stale-accepted 0 info 0"),
    ("H4: a job that still runs",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts", "lost 1 unexpected 0 duplicated 0 (explained 0) stale-accepted 0 info 0"),
    ("H4: a job that was retried and is gone",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; w1 retries 1.1; db forgets 1", "lost 1 unexpected 0 duplicated 0 (explained 0) stale-accepted 0 info 0"),
    ("H5: a start after the job was completed",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; w1 completes 1.1; w1 takes 1.2; 1.2 starts; w1 completes 1.2", "lost 0 unexpected 1 duplicated 0 (explained 0) stale-accepted 0 info 0"),
    ("H5: a start after its death, which nobody has revived",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; w1 buries 1.1; w1 takes 1.2; 1.2 starts; w1 completes 1.2", "lost 0 unexpected 1 duplicated 0 (explained 0) stale-accepted 0 info 0"),
    ("H5: a claim after its cancel was accepted",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; operator cancels 1; w1 retries 1.1; w1 takes 1.2; 1.2 starts; w1 completes 1.2", "lost 0 unexpected 1 duplicated 0 (explained 0) stale-accepted 0 info 0"),
    ("H6: a dead letter was revived, and stays",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; w1 buries 1.1; operator believes 1", "lost 0 unexpected 1 duplicated 0 (explained 0) stale-accepted 0 info 0"),
    ("H6: a late verdict is taken, and moves a job that was no longer its own",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; freeze w1; wait 4000; w2 rescues 1.1 of w1; w2 takes 1.2; 1.2 starts; thaw w1; w1 sends completes 1.1; w1 hears ok completes 1.1; w2 completes 1.2",
     "lost 0 unexpected 0 duplicated 1 (explained 1) stale-accepted 1 info 0"),
    ("H6: a verdict is taken twice",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; w1 completes 1.1; w1 sends completes 1.1; w1 hears ok completes 1.1", "lost 0 unexpected 0 duplicated 0 (explained 0) stale-accepted 1 info 0"),
    ("H6: a verdict is refused, and its job has moved",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; w1 sends completes 1.1; w1 moves completes 1.1; w1 hears stale completes 1.1", "lost 0 unexpected 0 duplicated 0 (explained 0) stale-accepted 1 info 0"),
    ("H6: a job is settled in the name of a worker that knows of nothing",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; w1 moves completes 1.1", "lost 0 unexpected 1 duplicated 0 (explained 0) stale-accepted 0 info 0"),
    ("H7: a job is taken from a worker that nothing has happened to",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; w2 rescues 1.1 of w1; w2 takes 1.2; 1.2 starts; w2 completes 1.2", "lost 0 unexpected 0 duplicated 1 (explained 0) stale-accepted 0 info 0"),
    ("H7: a server that was away explains no repeat",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; stop server; wait 5000; start server; w2 rescues 1.1 of w1; w2 takes 1.2; 1.2 starts; w2 completes 1.2", "lost 0 unexpected 0 duplicated 1 (explained 0) stale-accepted 0 info 0"),
    ("H7: one attempt starts twice",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; 1.1 starts; w1 completes 1.1", "lost 0 unexpected 0 duplicated 1 (explained 0) stale-accepted 0 info 0"),
    ("H8: an effect is there twice",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; effect begins 1.1; w1 moves completes 1.1; effect row 1.1; effect row 1.1; effect ends 1.1", "lost 0 unexpected 0 duplicated 1 (explained 0) stale-accepted 0 info 0"),
    ("H8: a job is completed, and its effect is missing",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; effect begins 1.1; w1 moves completes 1.1; effect ends 1.1", "lost 1 unexpected 0 duplicated 0 (explained 0) stale-accepted 0 info 0"),
    ("H8: an effect comes from an attempt that is over",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; freeze w1; wait 4000; w2 rescues 1.1 of w1; w2 takes 1.2; 1.2 starts; thaw w1; effect begins 1.1; w2 moves completes 1.2; effect row 1.1 alone; effect ends 1.1; w2 sends completes 1.2; w2 hears stale completes 1.2; effect begins 1.2", "lost 0 unexpected 1 duplicated 1 (explained 1) stale-accepted 0 info 0"),
    ("H9: the pause was too short to let another begin",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; freeze w1; w2 rescues 1.1 of w1; w2 takes 1.2; thaw w1; 1.2 starts; 1.1 ends; w2 completes 1.2",
     "lost 0 unexpected 0 duplicated 1 (explained 1) stale-accepted 0 info 0 overlap 1"),
    ("H10: nobody has accepted the incident",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; w1 buries 1.1; incident x of 1.1; sink accepts y", "lost 0 unexpected 0 duplicated 0 (explained 0) stale-accepted 0 info 0 untold 1"),
    ("H10: a death is two incidents",
     "app enqueues a=1; w1 takes 1.1; 1.1 starts; w1 buries 1.1; incident x of 1.1; incident y of 1.1; sink accepts x; sink accepts y", "lost 0 unexpected 0 duplicated 0 (explained 0) stale-accepted 0 info 0 untold 1"),
];

#[test]
fn each_run_gets_its_verdict() {
    assert!(CASES.len() >= 30);
    for (name, story, expected) in CASES {
        let report = judge(&story.replace(';', "\n"));
        assert_eq!(&report.line(), expected, "{name}\n{}", report.account());
        // The name says which rule finds it.
        let rule = name.split_once(": ").map(|(rule, _)| rule);
        let found = report.findings.iter().find(|finding| finding.sort.is_wrong());
        assert_eq!(found.map(|finding| finding.rule), rule, "{name}\n{}", report.account());
    }
}

#[test]
fn rescue_is_measured_from_the_fault_that_made_it_necessary() {
    let report = judge(
        "app enqueues a=1\n app enqueues b=2\n w1 takes 1.1\n w1 takes 2.1\n 1.1 starts\n kill w1\n wait 800\n \
         w2 rescues 1.1 of w1\n wait 1000\n w2 rescues 2.1 of w1\n w2 takes 1.2\n w2 takes 2.2\n w2 completes 1.2\n w2 completes 2.2",
    );
    let [kills] = &report.rescues[..] else { panic!("{report:?}") };
    assert_eq!((kills.count, kills.p50_ms, kills.p99_ms, kills.max_ms), (2, 1000, 2200, 2200));
}

#[test]
fn the_history_of_an_offending_job_stands_in_the_account_in_order() {
    let report =
        judge("app enqueues a=1\n app enqueues b=2\n w1 takes 1.1\n 1.1 starts\n db pauses 2");
    let account = report.account();
    let at = |words: &str| account.find(words).unwrap_or_else(|| panic!("{words} in {account}"));
    assert!(at("H4 job 1: it still runs") < at("\"op\":\"enqueue\""));
    assert!(at("\"op\":\"enqueue\"") < at("\"place\":\"running\""));
    assert!(at("\"place\":\"running\"") < at("\"op\":\"work\""));
    assert!(!account.contains("\"key\":\"b\"") && report.json().contains("\"rule\":\"H4\""));
}
