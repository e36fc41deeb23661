//! States that people must know: told when they begin, told when they are over, and once each.

use super::bench::{Answer, Bench, inbox};
use crate::model::alert::{AlertState, Rule};

#[tokio::test]
async fn due_work_without_a_worker_is_told_once_and_so_is_its_end() {
    let (team, mut teams) = inbox();
    let Some(bench) = Bench::new(vec![("team", team)], vec![]).await else { return };
    bench.run("select backstay.enqueue('report', '{}', '{\"queue\": \"reports\"}')").await;
    bench.watch_and_tell().await;
    assert!(teams.try_recv().is_err(), "it is due since a moment only");

    bench.run("update backstay.ready set ready_at = now() - interval '6 min'").await;
    bench.watch_and_tell().await;
    bench.watch_and_tell().await;
    let alert = teams.recv().await.unwrap();
    assert_eq!((alert.rule, alert.subject.as_str()), (Rule::NoWorker, "reports"));
    assert!(alert.text.contains("waited for 6m"), "{}", alert.text);
    assert!(teams.try_recv().is_err(), "once per state");

    bench.serve(&["reports"]).await;
    bench.run("update backstay.message set due_at = now() - interval '2 min'").await;
    bench.watch_and_tell().await;
    bench.watch_and_tell().await;
    let alert = teams.recv().await.unwrap();
    assert_eq!((alert.rule, alert.state), (Rule::NoWorker, AlertState::Resolved));
    assert_eq!(alert.queue.as_deref(), Some("reports"));
    assert!(teams.try_recv().is_err());
}

#[tokio::test]
async fn a_paused_queue_is_not_late() {
    let (team, mut teams) = inbox();
    let Some(bench) = Bench::new(vec![("team", team)], vec![]).await else { return };
    bench.run("select backstay.enqueue('report', '{}', '{\"queue\": \"reports\"}')").await;
    bench.run("update backstay.ready set ready_at = now() - interval '16 min'").await;
    bench.run("select backstay.pause('queue', 'reports')").await;
    bench.watch_and_tell().await;
    assert!(teams.try_recv().is_err());
    bench.run("select backstay.resume('queue', 'reports')").await;
    bench.serve(&["reports"]).await;
    bench.watch_and_tell().await;
    assert_eq!(teams.recv().await.unwrap().rule, Rule::QueueLate);
}

#[tokio::test]
async fn a_queue_of_which_nothing_completes_is_told_until_something_does() {
    let (team, mut teams) = inbox();
    let Some(bench) = Bench::new(vec![("team", team)], vec![]).await else { return };
    bench.serve(&["reports"]).await;
    bench.run("select backstay.enqueue('report', '{}', '{\"queue\": \"reports\"}')").await;
    bench.run("update backstay.ready set ready_at = now() - interval '9 min'").await;
    bench.watch_and_tell().await;
    assert!(teams.try_recv().is_err(), "ten minutes are not over");
    let ended = |minutes: i32| {
        format!(
            "insert into backstay.history (job_id, enqueued_at, claimed_at, finished_at, attempt, retry_count, crash_count, lost_count,
                    snooze_count, interrupt_count, revived_count, max_retries, priority, state, queue, kind, enqueued_by)
             values (-{minutes}, now(), now(), now() - interval '{minutes} min', 1, 0, 0, 0, 0, 0, 0, 10, 5, 'completed', 'reports', 'report', 'x')"
        )
    };
    bench.run("update backstay.ready set ready_at = now() - interval '11 min'").await;
    bench.run(&ended(9)).await;
    bench.watch_and_tell().await;
    assert!(teams.try_recv().is_err(), "one has completed lately");
    bench.run("delete from backstay.history").await;
    bench.run(&ended(11)).await;
    bench.watch_and_tell().await;
    bench.watch_and_tell().await;
    let alert = teams.recv().await.unwrap();
    assert_eq!((alert.rule, alert.subject.as_str()), (Rule::NothingCompleted, "reports"));
    assert!(alert.text.starts_with("Work has been due for 11m"), "{}", alert.text);
    assert!(teams.try_recv().is_err(), "once per state");

    bench.run(&ended(1)).await;
    bench.run("update backstay.message set due_at = now() - interval '2 min'").await;
    bench.watch_and_tell().await;
    let alert = teams.recv().await.unwrap();
    assert_eq!((alert.rule, alert.state), (Rule::NothingCompleted, AlertState::Resolved));
}

#[tokio::test]
async fn a_running_job_that_tells_progress_keeps_its_queue_from_being_told() {
    let (team, mut teams) = inbox();
    let Some(bench) = Bench::new(vec![("team", team)], vec![]).await else { return };
    bench.serve(&["reports"]).await;
    bench.run("select backstay.enqueue('report', '{}', '{\"queue\": \"reports\"}')").await;
    bench.run("update backstay.ready set ready_at = now() - interval '12 min'").await;
    bench
        .run(
            "insert into backstay.running (job_id, seq, ready_at, claimed_at, deadline_at, worker, attempt, retry_count, crash_count, lost_count,
                    snooze_count, interrupt_count, priority, queue, kind)
             select 77, 77, now(), now() - interval '20 min', now() + interval '1 h', id, 1, 0, 0, 0, 0, 0, 5, 'reports', 'report' from backstay.worker;
             insert into backstay.progress (job_id, at, attempt, percent) values (77, now() - interval '3 min', 1, 40)",
        )
        .await;
    bench.watch_and_tell().await;
    assert!(teams.try_recv().is_err(), "it gets on");
    bench.run("update backstay.progress set at = now() - interval '11 min'").await;
    bench.watch_and_tell().await;
    let alert = teams.recv().await.unwrap();
    assert_eq!(alert.rule, Rule::NothingCompleted);
    assert!(alert.text.contains("Jobs that run: 1."), "{}", alert.text);
}

#[tokio::test]
async fn a_duty_that_does_not_succeed_is_told_and_one_that_waits_for_a_brake_is_not() {
    let (team, mut teams) = inbox();
    let Some(bench) = Bench::new(vec![("team", team)], vec![]).await else { return };
    bench.serve(&["reports"]).await;
    bench
        .run(
            "insert into backstay.duty (name, last_ok_at, last_worker, last_ms)
             select 'prune', now() - interval '11 min', id, 1 from backstay.worker;
             update backstay.worker set admission = '{\"brakes\": [{}]}'",
        )
        .await;
    bench.watch_and_tell().await;
    assert!(teams.try_recv().is_err(), "pruning can wait");
    bench.run("update backstay.worker set admission = '{}'").await;
    bench.watch_and_tell().await;
    let alert = teams.recv().await.unwrap();
    assert_eq!((alert.rule, alert.subject.as_str()), (Rule::LoopSilent, "prune"));
    assert!(alert.text.contains("has not succeeded for 11m"), "{}", alert.text);
}

#[tokio::test]
async fn a_transaction_that_keeps_dead_rows_is_told_with_its_pid_until_it_ends() {
    let (team, mut teams) = inbox();
    let Some(bench) = Bench::new(vec![("team", team)], vec![]).await else { return };
    let bench = bench.without_patience();
    bench.watch_and_tell().await;
    assert!(teams.try_recv().is_err(), "nobody is in a transaction");
    bench.run("begin isolation level repeatable read; select 1").await;
    let pid = bench.number("select pg_backend_pid()::bigint").await;
    bench.watch_and_tell().await;
    let alert = teams.recv().await.unwrap();
    assert_eq!(alert.rule, Rule::Horizon);
    assert!(alert.text.contains(&format!("pid {pid} (")), "{}", alert.text);
    bench.run("commit").await;
    bench.run("update backstay.message set due_at = now() - interval '2 min'").await;
    bench.watch_and_tell().await;
    assert_eq!(teams.recv().await.unwrap().state, AlertState::Resolved);
}

#[tokio::test]
async fn a_job_that_needs_more_memory_than_any_worker_has_is_told_until_one_has_it() {
    let (team, mut teams) = inbox();
    let Some(bench) = Bench::new(vec![("team", team)], vec![]).await else { return };
    let budget = async |bytes: u64| {
        let said = format!("{{\"memory_budget\": {bytes}}}");
        bench.run(&format!("update backstay.worker set admission = '{said}'")).await;
        bench.run("update backstay.message set due_at = now() - interval '2 min'").await;
        bench.watch_and_tell().await;
    };
    bench.serve(&["reports"]).await;
    bench.run("select backstay.enqueue('report', '{}', '{\"queue\": \"reports\", \"memory\": \"1GiB\"}')").await;
    bench.run("update backstay.ready set ready_at = now() - interval '2 min'").await;
    budget(1 << 30).await;
    assert!(teams.try_recv().is_err(), "it fits, alone");
    budget(1000 << 20).await;
    let alert = teams.recv().await.unwrap();
    assert_eq!((alert.rule, alert.subject.as_str()), (Rule::NeedsMemory, "reports"));
    assert!(alert.text.contains("asks for 1024 MiB"), "{}", alert.text);
    budget(2 << 30).await;
    let alert = teams.recv().await.unwrap();
    assert_eq!((alert.rule, alert.state), (Rule::NeedsMemory, AlertState::Resolved));
}

#[tokio::test]
async fn a_kind_that_no_worker_knows_is_told_after_five_minutes() {
    let (team, mut teams) = inbox();
    let Some(bench) = Bench::new(vec![("team", team)], vec![]).await else { return };
    bench.run("insert into backstay.parked (job_id, seq, ready_at, since, priority, queue, kind, reason, subject)
               select n, n, now(), now() - interval '4 min', 5, 'default', 'thumbnail', 'unknown_kind', 'thumbnail'
                 from generate_series(1, 3) n").await;
    bench.watch_and_tell().await;
    assert!(teams.try_recv().is_err());
    bench.run("update backstay.parked set since = now() - interval '6 min' where job_id = 1").await;
    bench.watch_and_tell().await;
    let alert = teams.recv().await.unwrap();
    assert_eq!((alert.rule, alert.subject.as_str()), (Rule::HeldKind, "thumbnail"));
    assert!(alert.text.contains("held back: 3"), "{}", alert.text);
}

#[tokio::test]
async fn dead_letters_that_nobody_looks_at_are_told_again_after_a_day() {
    let (team, mut teams) = inbox();
    let Some(bench) = Bench::new(vec![("team", team)], vec![]).await else { return };
    bench.run("select backstay.bury((select id from backstay.enqueue('report', '{}')))").await;
    bench.watch_and_tell().await;
    assert_eq!(teams.recv().await.unwrap().rule, Rule::First);
    bench.watch_and_tell().await;
    assert!(teams.try_recv().is_err());
    bench.run("update backstay.dead_letter set died_at = now() - interval '25 h'").await;
    bench.watch_and_tell().await;
    bench.watch_and_tell().await;
    let alert = teams.recv().await.unwrap();
    assert_eq!((alert.rule, alert.kind.as_deref()), (Rule::Unread, Some("report")));
    assert!(teams.try_recv().is_err());

    bench.run("update backstay.dead_group set state = 'acknowledged'").await;
    bench.run("update backstay.message set due_at = now() - interval '2 min'").await;
    bench.watch_and_tell().await;
    assert_eq!(teams.recv().await.unwrap().state, AlertState::Resolved);
}

#[tokio::test]
async fn a_lost_worker_is_told_with_its_host() {
    let (team, mut teams) = inbox();
    let Some(bench) = Bench::new(vec![("team", team)], vec![]).await else { return };
    let worker = bench.serve(&["default"]).await;
    bench.lose(worker).await;
    bench.watch_and_tell().await;
    let alert = teams.recv().await.unwrap();
    assert_eq!((alert.rule, alert.subject), (Rule::WorkerLost, worker.to_string()));
    assert_eq!(alert.title, "worker on app-1 is lost");
    assert!(alert.text.contains("taken over from it: 3"), "{}", alert.text);
}

#[tokio::test]
async fn a_channel_that_fails_for_five_minutes_is_told_on_the_others_until_it_works() {
    let (team, _) = inbox();
    let (mail, mut mails) = inbox();
    team.answer([Answer::Fail, Answer::Fail]);
    let channels = vec![("team", team), ("mail", mail)];
    let Some(bench) = Bench::new(channels, vec![]).await else { return };
    bench.die("a3f19c02", "report", 1).await;
    bench.watch_and_tell().await;
    assert_eq!(mails.recv().await.unwrap().rule, Rule::First);
    bench.run("update backstay.message set due_at = now() - interval '6 min', next_try_at = now() + interval '1 min'").await;
    bench.watch_and_tell().await;
    let alert = mails.recv().await.unwrap();
    assert_eq!((alert.rule, alert.subject.as_str()), (Rule::AlertsFailing, "team"));
    bench.run("update backstay.message set next_try_at = now()").await;
    bench.watch_and_tell().await;
    assert!(mails.try_recv().is_err(), "it fails still");

    bench.run("update backstay.message set next_try_at = now()").await;
    bench.watch_and_tell().await;
    bench.run("update backstay.message set due_at = now() - interval '2 min' where delivered_at is not null").await;
    bench.watch_and_tell().await;
    let alert = mails.recv().await.unwrap();
    assert_eq!((alert.rule, alert.state), (Rule::AlertsFailing, AlertState::Resolved));
}

#[tokio::test]
async fn a_kind_that_comes_close_to_its_limit_three_times_in_an_hour_is_told_until_it_does_not() {
    let (team, mut teams) = inbox();
    let Some(bench) = Bench::new(vec![("team", team)], vec![]).await else { return };
    bench.run("insert into backstay.terms (hash, limits, level, holders) values (sha256('x'), '{\"memory_bytes\": 104857600}', 'process', '{}')").await;
    bench.run("insert into backstay.peak (kind, day, bucket, count, limit_kib) values ('report', (now() at time zone 'UTC')::date, 12, 3, 102400)").await;
    let ended = |minutes: i32, peak_kib: i32| {
        format!(
            "insert into backstay.history (job_id, enqueued_at, claimed_at, finished_at, attempt, retry_count, crash_count, lost_count,
                    snooze_count, interrupt_count, revived_count, max_retries, priority, state, queue, kind, enqueued_by, peak_kib, terms_no)
             values (-{minutes}, now(), now(), now() - interval '{minutes} min', 1, 0, 0, 0, 0, 0, 0, 10, 5, 'completed', 'reports', 'report', 'x',
                     {peak_kib}, (select max(no) from backstay.terms))"
        )
    };
    for (minutes, peak) in [(5, 93_000), (6, 102_000), (7, 92_000), (70, 102_000)] {
        bench.run(&ended(minutes, peak)).await;
    }
    bench.watch_and_tell().await;
    assert!(teams.try_recv().is_err(), "two are close, one is not, one was earlier");
    bench.run(&ended(8, 102_400)).await;
    bench.watch_and_tell().await;
    bench.watch_and_tell().await;
    let alert = teams.recv().await.unwrap();
    assert_eq!((alert.rule, alert.kind.as_deref()), (Rule::TooBig, Some("report")));
    assert!(
        alert
            .text
            .contains("90 % of their memory limit within 1h: 3, the largest 100 MiB of 100 MiB"),
        "{}",
        alert.text
    );
    assert!(teams.try_recv().is_err());

    bench.run("update backstay.message set due_at = now() - interval '2 min'").await;
    bench.run("delete from backstay.history where job_id = -8").await;
    bench.watch_and_tell().await;
    assert_eq!(teams.recv().await.unwrap().state, AlertState::Resolved);
}

#[tokio::test]
async fn a_job_that_no_deploy_lets_finish_is_told_unless_it_saves_checkpoints() {
    let (team, mut teams) = inbox();
    let Some(bench) = Bench::new(vec![("team", team)], vec![]).await else { return };
    bench.run("select backstay.enqueue('report', '{}')").await;
    bench.run("update backstay.ready set interrupt_count = 5, attempt = 5").await;
    bench
        .run(
            "insert into backstay.attempt (job_id, ended_at, attempt, outcome, billed, queue, kind)
             select r.job_id, now(), n, 'interrupted', 'interrupt', r.queue, r.kind from backstay.ready r, generate_series(1, 5) n",
        )
        .await;
    bench.run("insert into backstay.checkpoint (job_id, at, attempt, value) select job_id, now(), 1, '1' from backstay.ready").await;
    bench.watch_and_tell().await;
    assert!(teams.try_recv().is_err(), "four since its checkpoint");
    bench.run("delete from backstay.checkpoint").await;
    bench.watch_and_tell().await;
    bench.watch_and_tell().await;
    let alert = teams.recv().await.unwrap();
    assert_eq!((alert.rule, alert.subject.as_str()), (Rule::InterruptedOften, "report"));
    assert_eq!(alert.title, "report runs longer than your deploys allow");
    assert!(alert.text.contains("5 times"), "{}", alert.text);
    assert!(teams.try_recv().is_err());
    bench.run("update backstay.message set due_at = now() - interval '2 min'").await;
    bench.run("delete from backstay.ready").await;
    bench.watch_and_tell().await;
    assert_eq!(teams.recv().await.unwrap().state, AlertState::Resolved);
}
