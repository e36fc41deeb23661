//! From a row in the outbox to what a channel hears, on a real PostgreSQL.

use std::time::Duration;

use serde_json::Value;

use self::bench::{Answer, Bench, inbox};
use crate::model::alert::{AlertState, Rule};
use crate::model::config::Route;

mod bench;
mod states;
mod steps;

#[tokio::test]
async fn four_hundred_equal_deaths_are_one_message_that_counts_them() {
    let (channel, mut heard) = inbox();
    let Some(bench) = Bench::new(vec![("team", channel)], vec![]).await else { return };
    bench.die("a3f19c02", "report", 400).await;
    bench.tick().await;
    assert_eq!(bench.deliver().await, 1);
    let alert = heard.recv().await.unwrap();
    assert_eq!((alert.rule, alert.count), (Rule::First, 400));
    assert_eq!(alert.dedupe_key, "tests/dead/a3f19c02");
    assert!(alert.text.ends_with("backstay dead show a3f19c02"), "{}", alert.text);
    assert_eq!(bench.number("select count(*) from backstay.message").await, 1);
    assert_eq!(bench.number("select count from backstay.dead_group").await, 400);
    let loose = "select count(*) from backstay.alert where message_id is null";
    assert_eq!(bench.number(loose).await, 0);
}

#[tokio::test]
async fn two_kinds_with_one_fingerprint_are_counted_into_one_group_in_one_round() {
    let Some(bench) = Bench::new(vec![], vec![]).await else { return };
    bench.die("a3f19c02", "report", 3).await;
    bench.die("a3f19c02", "mail", 4).await;
    bench.tick().await;
    assert_eq!(bench.number("select count(*) from backstay.dead_group").await, 1);
    assert_eq!(bench.number("select count from backstay.dead_group").await, 7);
    let loose = "select count(*) from backstay.alert where message_id is null";
    assert_eq!(bench.number(loose).await, 0, "all of them are told");
}

#[tokio::test]
async fn what_comes_after_the_first_message_waits_for_the_end_of_the_quiet_time() {
    let (channel, mut heard) = inbox();
    let Some(bench) = Bench::new(vec![("team", channel)], vec![]).await else { return };
    bench.die("a3f19c02", "report", 1).await;
    bench.tick().await;
    bench.deliver().await;
    assert_eq!(heard.recv().await.unwrap().count, 1);
    for _ in 0..3 {
        bench.die("a3f19c02", "report", 5).await;
        bench.tick().await;
        assert_eq!(bench.deliver().await, 0);
    }
    bench.run("update backstay.message set next_try_at = now()").await;
    assert_eq!(bench.deliver().await, 1);
    let alert = heard.recv().await.unwrap();
    assert_eq!((alert.rule, alert.count), (Rule::First, 15));
    assert_eq!(bench.number("select count from backstay.dead_group").await, 16);
}

#[tokio::test]
async fn a_death_carries_its_job_and_never_its_args() {
    let (channel, mut heard) = inbox();
    let Some(bench) = Bench::new(vec![("team", channel)], vec![]).await else { return };
    bench
        .run(
            "select backstay.bury((select id from backstay.enqueue('report', '{\"month\": \"CANARY\"}')))",
        )
        .await;
    bench.tick().await;
    bench.deliver().await;
    let alert = heard.recv().await.unwrap();
    let job = alert.job.clone().expect("the job document");
    assert_eq!((&job["kind"], &job["state"]), (&"report".into(), &"dead".into()));
    assert_eq!(alert.environment.as_deref(), Some("tests"));
    assert!(!serde_json::to_string(&alert).unwrap().contains("CANARY"));
}

#[tokio::test]
async fn a_failed_delivery_is_tried_again_after_five_seconds_doubling() {
    let (channel, mut heard) = inbox();
    channel.answer([Answer::Fail, Answer::Panic, Answer::Fail]);
    let Some(bench) = Bench::new(vec![("team", channel)], vec![]).await else { return };
    bench.die("a3f19c02", "report", 1).await;
    bench.tick().await;
    for wait in [5, 10, 20] {
        assert_eq!(bench.deliver().await, 1);
        let left =
            "select round(extract(epoch from next_try_at - now()))::bigint from backstay.message";
        assert!((wait - 2..=wait).contains(&bench.number(left).await));
        assert_eq!(bench.deliver().await, 0, "not before its time");
        bench.run("update backstay.message set next_try_at = now()").await;
    }
    assert_eq!(bench.deliver().await, 1);
    assert_eq!(heard.recv().await.unwrap().subject, "a3f19c02");
    let done = "select tries::bigint from backstay.message where delivered_at is not null and last_error is null";
    assert_eq!(bench.number(done).await, 4);
}

#[tokio::test]
async fn a_worker_killed_between_acceptance_and_note_has_its_message_sent_again_under_the_same_id()
{
    let (channel, mut heard) = inbox();
    channel.answer([Answer::TakeAndHang]);
    let Some(bench) = Bench::new(vec![("team", channel)], vec![]).await else { return };
    bench.die("a3f19c02", "report", 3).await;
    let (_stay, stop) = tokio::sync::watch::channel(false);
    let killed = tokio::spawn(bench.courier().run(stop));
    bench.tick().await;
    let first = heard.recv().await.unwrap();
    killed.abort();
    assert!(killed.await.unwrap_err().is_cancelled());

    assert_eq!(bench.deliver().await, 0, "it is held for a minute");
    bench.run("update backstay.message set next_try_at = now()").await;
    assert_eq!(bench.deliver().await, 1);
    let second = heard.recv().await.unwrap();
    assert_eq!(first, second);
    assert!(!first.id.is_empty());
}

#[tokio::test]
async fn a_message_that_nobody_takes_for_three_days_is_told_everywhere_else() {
    let (team, _) = inbox();
    let (mail, mut mails) = inbox();
    team.answer([Answer::Fail]);
    let routes = vec![Route::to(&["team"])];
    let channels = vec![("team", team), ("mail", mail)];
    let Some(bench) = Bench::new(channels, routes).await else { return };
    bench.die("a3f19c02", "report", 7).await;
    bench.tick().await;
    bench.run("update backstay.message set due_at = now() - interval '73 h'").await;
    assert_eq!(bench.deliver().await, 1);
    let kept = "select count(*) from backstay.message where undeliverable_at is not null and last_error is not null";
    assert_eq!(bench.number(kept).await, 1);

    assert_eq!(bench.deliver().await, 2, "a copy for the other channel and one for the log");
    let copy = mails.recv().await.unwrap();
    assert_eq!((copy.count, copy.dedupe_key.as_str()), (7, "tests/dead/a3f19c02"));
    assert!(copy.text.starts_with("Channel team did not take this."), "{}", copy.text);
    let logged =
        "select count(*) from backstay.message where channel = 'log' and delivered_at is not null";
    assert_eq!(bench.number(logged).await, 1);
    assert_eq!(bench.deliver().await, 0);
}

#[tokio::test]
async fn a_copy_that_is_given_up_has_no_copies() {
    let (team, _) = inbox();
    let (mail, _) = inbox();
    team.answer([Answer::Never, Answer::Never]);
    mail.answer([Answer::Never]);
    let routes = vec![Route::to(&["team"])];
    let channels = vec![("team", team), ("mail", mail)];
    let Some(bench) = Bench::new(channels, routes).await else { return };
    bench.die("a3f19c02", "report", 1).await;
    bench.tick().await;
    assert_eq!(bench.deliver().await, 1);
    assert_eq!(bench.deliver().await, 2);
    assert_eq!(bench.deliver().await, 0);
    assert_eq!(bench.number("select count(*) from backstay.message").await, 3);
}

#[tokio::test]
async fn routes_decide_who_hears_of_a_queue_and_the_log_hears_the_rest() {
    let (team, mut teams) = inbox();
    let (mail, mut mails) = inbox();
    let reports = Route { queues: vec!["reports".into()], ..Route::to(&["mail"]) };
    let routes = vec![reports];
    let channels = vec![("team", team), ("mail", mail)];
    let Some(bench) = Bench::new(channels, routes).await else { return };
    bench.die_in("reports", "a3f19c02", "report", 1).await;
    bench.die_in("default", "77aa00bb", "digest", 1).await;
    bench.tick().await;
    assert_eq!(bench.deliver().await, 2);
    assert_eq!(mails.recv().await.unwrap().queue.as_deref(), Some("reports"));
    assert!(teams.try_recv().is_err() && mails.try_recv().is_err());
    let logged =
        "select count(*) from backstay.message where channel = 'log' and delivered_at is not null";
    assert_eq!(bench.number(logged).await, 1);
}

#[tokio::test]
async fn each_channel_counts_for_itself_when_one_has_been_tried_and_the_other_not() {
    let (team, mut teams) = inbox();
    let (mail, mut mails) = inbox();
    let channels = vec![("team", team), ("mail", mail)];
    let Some(bench) = Bench::new(channels, vec![]).await else { return };
    bench.die("a3f19c02", "report", 2).await;
    bench.tick().await;
    bench.run("update backstay.message set next_try_at = now() + interval '1 h' where channel = 'mail'").await;
    assert_eq!(bench.deliver().await, 1);
    bench.die("a3f19c02", "report", 3).await;
    bench.tick().await;
    bench.run("update backstay.message set next_try_at = now() where delivered_at is null").await;
    bench.deliver().await;
    let counts = |heard: &mut tokio::sync::mpsc::UnboundedReceiver<crate::model::alert::Alert>| {
        let mut sum = 0;
        while let Ok(alert) = heard.try_recv() {
            sum += alert.count;
        }
        sum
    };
    assert_eq!((counts(&mut teams), counts(&mut mails)), (5, 5));
}

#[tokio::test]
async fn a_channel_that_nobody_knows_any_more_leaves_its_messages_to_the_log() {
    let (team, mut teams) = inbox();
    let Some(bench) = Bench::new(vec![("team", team)], vec![]).await else { return };
    bench.die("a3f19c02", "report", 1).await;
    bench.tick().await;
    bench.run("update backstay.message set channel = 'of-before'").await;
    assert_eq!(bench.deliver().await, 0, "a worker with other settings may know it");
    bench.run("update backstay.message set due_at = now() - interval '6 min'").await;
    assert_eq!(bench.deliver().await, 1);
    assert!(teams.try_recv().is_err());
    let done = "select count(*) from backstay.message where delivered_at is not null";
    assert_eq!(bench.number(done).await, 1);
}

#[tokio::test]
async fn a_mute_silences_and_counts_and_an_acknowledged_group_opens_again() {
    let (team, mut teams) = inbox();
    let Some(bench) = Bench::new(vec![("team", team)], vec![]).await else { return };
    bench.die("a3f19c02", "report", 1).await;
    bench.tick().await;
    bench.deliver().await;
    assert_eq!(teams.recv().await.unwrap().rule, Rule::First);
    bench
        .run("update backstay.dead_group set state = 'muted', until = now() + interval '1 h'")
        .await;
    bench.die("a3f19c02", "report", 2).await;
    bench.tick().await;
    assert_eq!(bench.number("select count(*) from backstay.alert where message_id = 0").await, 2);
    assert_eq!(bench.number("select count from backstay.dead_group").await, 3);

    bench
        .run("update backstay.dead_group set state = 'acknowledged', until = null, owner = 'ana'")
        .await;
    bench.run("update backstay.message set due_at = now() - interval '2 min'").await;
    bench.die("a3f19c02", "report", 1).await;
    bench.tick().await;
    bench.deliver().await;
    let alert = teams.recv().await.unwrap();
    assert_eq!((alert.rule, alert.state), (Rule::Again, AlertState::Open));
    assert!(
        alert.owner.as_deref() == Some("ana") && alert.text.contains("Owner: ana."),
        "{alert:?}"
    );
    let open = "select count(*) from backstay.dead_group where state = 'open' and owner = 'ana'";
    assert_eq!(bench.number(open).await, 1);
}

#[tokio::test]
async fn what_a_newer_worker_raises_stands_in_nobodys_way() {
    let (team, mut teams) = inbox();
    let Some(bench) = Bench::new(vec![("team", team)], vec![]).await else { return };
    bench.run("insert into backstay.alert (raised_at, rule, subject) values (now(), 'of_tomorrow', 'x')").await;
    bench.die("a3f19c02", "report", 1).await;
    bench.tick().await;
    bench.deliver().await;
    assert_eq!(teams.recv().await.unwrap().rule, Rule::First);
    let left = "select count(*) from backstay.alert where message_id is null";
    assert_eq!(bench.number(left).await, 1);
}

#[tokio::test]
async fn the_courier_delivers_more_than_it_can_call_at_once() {
    let (team, mut teams) = inbox();
    let Some(bench) = Bench::new(vec![("team", team)], vec![]).await else { return };
    for n in 0..19 {
        bench.die(&format!("{n:08x}"), "report", 1).await;
    }
    bench.tick().await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let courier = tokio::spawn(bench.courier().run(stopped));
    bench.tick().await;
    for _ in 0..19 {
        let wait = tokio::time::timeout(Duration::from_secs(20), teams.recv());
        assert!(wait.await.unwrap().is_some());
    }
    stop.send(true).unwrap();
    courier.await.unwrap();
    let done = "select count(*) from backstay.message where delivered_at is not null";
    assert_eq!(bench.number(done).await, 19);
    assert!(teams.try_recv().is_err(), "each once");
}

#[tokio::test]
async fn the_document_in_the_table_is_the_one_that_channels_get() {
    let (team, mut teams) = inbox();
    let Some(bench) = Bench::new(vec![("team", team)], vec![]).await else { return };
    bench.die("a3f19c02", "report", 1).await;
    bench.tick().await;
    bench.deliver().await;
    let told = serde_json::to_value(teams.recv().await.unwrap()).unwrap();
    let body = bench.text("select body::text from backstay.message").await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body, told);
}

#[tokio::test]
async fn a_test_goes_to_its_channel_once_and_what_that_says_is_kept() {
    let (team, mut teams) = inbox();
    let (mail, mut mails) = inbox();
    mail.answer([Answer::Fail]);
    let Some(bench) = Bench::new(vec![("team", team), ("mail", mail)], vec![]).await else {
        return;
    };
    bench.tick().await;
    bench.run("select backstay.test_channel('team')").await;
    bench.run("select backstay.test_channel('team')").await;
    bench.run("select backstay.test_channel('mail')").await;
    assert_eq!(bench.deliver().await, 2, "while one waits there is no second");
    let test = teams.recv().await.unwrap();
    assert_eq!((test.rule, test.subject.as_str()), (Rule::Test, "team"));
    assert!(mails.try_recv().is_err() && teams.try_recv().is_err());
    let refused = "select last_error from backstay.message where undeliverable_at is not null";
    assert_eq!(bench.text(refused).await, "no route to host");
    assert_eq!(bench.deliver().await, 0, "neither again, nor elsewhere");
    assert_eq!(bench.number("select count(*) from backstay.audit where verb = 'test'").await, 2);
}
