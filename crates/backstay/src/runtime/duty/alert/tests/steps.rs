//! Steps of routes, quiet hours, and rules that are switched off.

use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;

use super::bench::{Bench, inbox};
use crate::model::alert::{Alert, AlertState, Rule};
use crate::model::config::{Hold, QuietHours, Route, Step};

const HALF_AN_HOUR: Duration = Duration::from_secs(30 * 60);

/// The team at once, the pager after half an hour.
fn ladder() -> Vec<Route> {
    let [team, page] = [Route::to(&["team"]), Route::to(&["page"])];
    let first = team.steps[0].clone();
    let second = Step { after: HALF_AN_HOUR, to: page.steps[0].to.clone() };
    vec![Route { steps: vec![first, second], ..team }]
}

async fn bench() -> Option<(Bench, UnboundedReceiver<Alert>, UnboundedReceiver<Alert>)> {
    let (team, teams) = inbox();
    let (page, pages) = inbox();
    let bench = Bench::new(vec![("team", team), ("page", page)], ladder()).await?;
    Some((bench, teams, pages))
}

impl Bench {
    /// Half an hour goes by for everything that was told so far.
    async fn half_an_hour_later(&self) {
        self.run(
            "update backstay.message set made_at = made_at - interval '31 min', due_at = due_at - interval '31 min',
                    next_try_at = next_try_at - interval '31 min'",
        )
        .await;
        self.tick().await;
        self.deliver().await;
    }

    async fn waiting_steps(&self) -> i64 {
        let steps = "select count(*) from backstay.message where after_ms > 0 and tries = 0";
        self.number(steps).await
    }

    async fn die_and_tell(&self, times: i32) {
        self.die("a3f19c02", "report", times).await;
        self.tick().await;
        self.deliver().await;
    }
}

#[tokio::test]
async fn who_is_the_second_step_is_told_when_nobody_has_acknowledged_also_by_another_worker() {
    let Some((bench, mut teams, mut pages)) = bench().await else { return };
    bench.die_and_tell(1).await;
    assert_eq!(teams.recv().await.unwrap().rule, Rule::First);
    bench.die_and_tell(4).await;
    assert!(pages.try_recv().is_err(), "half an hour is not over");
    assert_eq!(bench.waiting_steps().await, 1, "one incident has its steps once");

    let bench = bench.restarted().await;
    bench.half_an_hour_later().await;
    let paged = pages.recv().await.unwrap();
    assert_eq!((paged.count, paged.dedupe_key.as_str()), (5, "tests/dead/a3f19c02"));
    assert!(
        paged.text.starts_with("Open for 30m, and nobody has acknowledged it. "),
        "{}",
        paged.text
    );
    bench.half_an_hour_later().await;
    assert!(pages.try_recv().is_err(), "once");
}

#[tokio::test]
async fn an_acknowledgement_ends_the_steps_and_the_next_death_begins_them_anew() {
    let Some((bench, _teams, mut pages)) = bench().await else { return };
    bench.die_and_tell(1).await;
    bench.run("update backstay.dead_group set state = 'acknowledged'").await;
    bench.half_an_hour_later().await;
    assert!(pages.try_recv().is_err());
    assert_eq!(bench.waiting_steps().await, 0);

    bench.die_and_tell(1).await;
    assert_eq!(bench.waiting_steps().await, 1);
    bench.half_an_hour_later().await;
    assert_eq!(pages.recv().await.unwrap().rule, Rule::Again);
}

#[tokio::test]
async fn an_acknowledgement_and_a_death_in_the_same_second_are_two_incidents() {
    let Some((bench, _teams, mut pages)) = bench().await else { return };
    bench.die_and_tell(1).await;
    bench.run("update backstay.message set made_at = made_at - interval '29 min', next_try_at = next_try_at - interval '29 min' where after_ms > 0").await;
    bench.run("update backstay.dead_group set state = 'acknowledged'").await;
    bench.die_and_tell(1).await;
    let left = "select (extract(epoch from max(next_try_at) - now()) / 60)::bigint from backstay.message where after_ms > 0";
    assert!(bench.number(left).await > 25, "its half hour begins anew");
    assert_eq!(bench.waiting_steps().await, 1);
    assert!(pages.try_recv().is_err());
}

#[tokio::test]
async fn an_incident_that_is_no_state_is_acknowledged_by_its_message_and_the_next_one_begins_anew()
{
    let Some((bench, mut teams, mut pages)) = bench().await else { return };
    let raise = "insert into backstay.alert (raised_at, rule, subject, detail) values (now(), 'cron_missed', 'nightly', '{\"dropped\": 2}')";
    let acknowledge = "select (backstay.acknowledge_alert(max(id), '{\"reason\": \"known\"}') ->> 'count')::bigint from backstay.message where after_ms = 0";
    bench.run(raise).await;
    bench.tick().await;
    bench.deliver().await;
    assert_eq!(teams.recv().await.unwrap().rule, Rule::CronMissed);
    assert_eq!(bench.waiting_steps().await, 1);
    assert_eq!(bench.number(acknowledge).await, 1);
    assert_eq!(bench.waiting_steps().await, 0);
    bench.half_an_hour_later().await;
    assert!(pages.try_recv().is_err(), "somebody knows");

    bench.run(raise).await;
    bench.tick().await;
    bench.deliver().await;
    assert_eq!(teams.recv().await.unwrap().rule, Rule::CronMissed, "at once, and not in an hour");
    assert_eq!(bench.waiting_steps().await, 1);
    bench.half_an_hour_later().await;
    assert!(pages.recv().await.unwrap().text.contains("nobody has acknowledged it"));
    // By a message about deaths it is their group.
    bench.die_and_tell(1).await;
    assert_eq!(bench.number(acknowledge).await, 1);
    let seen =
        "select count(*) from backstay.dead_group where state = 'acknowledged' and note = 'known'";
    assert_eq!(bench.number(seen).await, 1);
    assert_eq!(bench.waiting_steps().await, 0);
}

#[tokio::test]
async fn a_state_that_is_over_ends_the_steps_and_whoever_was_paged_hears_of_the_end() {
    let Some((bench, mut teams, mut pages)) = bench().await else { return };
    let raise = |resolved: bool| {
        format!(
            "insert into backstay.alert (raised_at, rule, subject, detail) values (now(), 'brake', 'database', '{{\"resolved\": {resolved}}}')"
        )
    };
    bench.run(&raise(false)).await;
    bench.tick().await;
    bench.deliver().await;
    assert_eq!(teams.recv().await.unwrap().rule, Rule::Brake);
    bench.run("update backstay.message set made_at = made_at - interval '2 min', due_at = due_at - interval '2 min' where after_ms = 0").await;
    bench.run(&raise(true)).await;
    bench.tick().await;
    bench.deliver().await;
    assert_eq!(teams.recv().await.unwrap().state, AlertState::Resolved);
    bench.half_an_hour_later().await;
    assert!(pages.try_recv().is_err(), "it was over before its step");

    bench.run(&raise(false)).await;
    bench.half_an_hour_later().await;
    bench.half_an_hour_later().await;
    assert_eq!(pages.recv().await.unwrap().state, AlertState::Open);
    bench.run(&raise(true)).await;
    bench.tick().await;
    bench.deliver().await;
    assert_eq!(pages.recv().await.unwrap().state, AlertState::Resolved);
}

#[tokio::test]
async fn what_comes_in_quiet_hours_is_one_message_that_waits_for_their_end() {
    let (team, mut teams) = inbox();
    let (mail, mut mails) = inbox();
    let now = jiff::Timestamp::now();
    let clock = |minutes: i64| {
        let at = now + jiff::SignedDuration::from_mins(minutes);
        at.to_zoned(jiff::tz::TimeZone::UTC).strftime("%H:%M").to_string()
    };
    let hours = QuietHours::new(&clock(-60), &clock(120), "UTC", Hold::All).unwrap();
    let quiet = Route { quiet_hours: Some(hours), ..Route::to(&["mail"]) };
    let routes = vec![Route::to(&["team"]), quiet];
    let Some(bench) = Bench::new(vec![("team", team), ("mail", mail)], routes).await else {
        return;
    };
    bench.die_and_tell(3).await;
    assert_eq!(teams.recv().await.unwrap().count, 3);
    bench.run("update backstay.message set due_at = due_at - interval '61 min', next_try_at = next_try_at - interval '61 min', made_at = made_at - interval '61 min'").await;
    bench.die_and_tell(4).await;
    assert_eq!(teams.recv().await.unwrap().count, 4, "an hour is over for the team");
    assert!(mails.try_recv().is_err());
    bench.run("update backstay.message set next_try_at = now()").await;
    bench.deliver().await;
    assert_eq!(mails.recv().await.unwrap().count, 7, "one message for all of it");
    assert!(mails.try_recv().is_err());
}

#[tokio::test]
async fn a_rule_that_is_switched_off_is_counted_and_told_to_nobody() {
    let (team, mut teams) = inbox();
    let Some(bench) = Bench::new(vec![("team", team)], vec![]).await else { return };
    let bench = bench.without(Rule::First).without(Rule::NoWorker);
    bench.die_and_tell(3).await;
    bench.run("select backstay.enqueue('report', '{}', '{\"queue\": \"reports\"}')").await;
    bench.run("update backstay.ready set ready_at = now() - interval '6 min'").await;
    bench.watch_and_tell().await;
    bench.watch_and_tell().await;
    assert!(teams.try_recv().is_err());
    assert_eq!(bench.number("select count from backstay.dead_group").await, 3);
    let raised = "select count(*) from backstay.alert where rule = 'no_worker'";
    assert_eq!(bench.number(raised).await, 0, "nor is it raised every half minute");
}
