//! Dead letters: seen in groups, revived, revived many at once, put aside, brought back, acknowledged.

use backstay::inspect::{
    JobFilter, dead_group, dead_groups, dead_letter_ids, dead_letters, replay,
};
use backstay::operate::{self, Letters, Pace, Revive};
use backstay::{Database, JobState, Options, Request, Unique, enqueue};
use serde_json::json;

use crate::database::{connect, fresh};

/// Makes `n` dead letters of a kind, all of one group.
async fn die(db: &Database, url: &str, kind: &str, n: usize) -> Vec<i64> {
    let client = connect(url).await;
    let mut ids = Vec::new();
    for _ in 0..n {
        let id = enqueue(db, Request::new(kind, json!({ "n": 1 }))).await.unwrap().id;
        client
            .query("select backstay.bury($1, '{\"reason\": \"no disk\"}')", &[&id])
            .await
            .unwrap();
        ids.push(id);
    }
    ids
}

fn of_kind(kind: &str) -> JobFilter {
    JobFilter { kinds: vec![kind.into()], ..JobFilter::default() }
}

#[tokio::test]
async fn equal_errors_stand_in_one_group_the_newest_group_first() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    let reports = die(&database, &db.url, "report", 3).await;
    die(&database, &db.url, "mail", 1).await;
    let page = dead_groups(&database, &JobFilter::default(), None, 1).await.unwrap();
    assert_eq!((page.items[0].kind.as_str(), page.items[0].letters.count), ("mail", 1));
    let next = page.next.unwrap();
    let page = dead_groups(&database, &JobFilter::default(), Some(&next), 1).await.unwrap();
    let group = &page.items[0];
    assert_eq!(
        (group.kind.as_str(), group.letters.count, group.state.as_str()),
        ("report", 3, "open")
    );
    assert_eq!((&group.sample, page.next), (&reports[2].to_string(), None));
    let only = dead_groups(&database, &of_kind("report"), None, 50).await.unwrap();
    assert_eq!(only.items.len(), 1);
}

#[tokio::test]
async fn letters_come_in_pages_the_last_death_first() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    let mut ids = die(&database, &db.url, "report", 3).await;
    ids.reverse();
    let filter = of_kind("report");
    let page = dead_letters(&database, &filter, false, None, 2).await.unwrap();
    let next = page.next.unwrap();
    let rest = dead_letters(&database, &filter, false, Some(&next), 2).await.unwrap();
    let seen: Vec<i64> = page.items.iter().chain(&rest.items).map(|job| job.id).collect();
    assert_eq!((seen, rest.next), (ids, None));
}

#[tokio::test]
async fn a_revived_job_keeps_its_id_and_takes_other_args() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    let ids = die(&database, &db.url, "report", 1).await;
    let how = Revive { args: Some(r#"{"n": 2}"#.into()), ..Revive::default() };
    let done = operate::revive(&database, &ids, &how, "fixed").await.unwrap();
    assert_eq!(done.count, 1);
    let job = backstay::inspect::job(&database, ids[0]).await.unwrap().unwrap();
    assert_eq!((job.state, job.revived_count), (JobState::Ready, 1));
    assert_eq!(job.args.as_deref(), Some(r#"{"n": 2}"#));
    let again = operate::revive(&database, &ids, &Revive::default(), "").await.unwrap();
    assert_eq!((again.count, again.skipped[0].code.as_str()), (0, "BS302"));
}

#[tokio::test]
async fn a_letter_whose_key_is_held_is_revived_only_without_it() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    let client = connect(&db.url).await;
    let request =
        || Request::new("report", json!({})).with(Options::new().unique(Unique::key("month")));
    let dead = enqueue(&database, request()).await.unwrap().id;
    client.query("select backstay.bury($1)", &[&dead]).await.unwrap();
    enqueue(&database, request()).await.unwrap();
    let held = operate::revive(&database, &[dead], &Revive::default(), "").await.unwrap();
    assert_eq!((held.count, held.skipped[0].code.as_str()), (0, "BS303"));
    let how = Revive { without_unique: true, ..Revive::default() };
    assert_eq!(operate::revive(&database, &[dead], &how, "").await.unwrap().count, 1);
}

#[tokio::test]
async fn a_replay_freezes_what_was_counted_and_can_be_stopped_and_resumed() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    die(&database, &db.url, "report", 3).await;
    let filter = of_kind("report");
    let (ids, groups) = dead_letter_ids(&database, &filter, false).await.unwrap();
    assert_eq!((ids.len(), groups), (3, 1));
    let pace = Pace { first: Some(1), ..Pace::default() };
    let letters = Letters::of(&filter, &ids);
    let begun = operate::replay(&database, &letters, pace, "provider is back").await.unwrap();
    let id: i64 = begun.replay.unwrap().parse().unwrap();
    let seen = replay(&database, id).await.unwrap().unwrap();
    assert_eq!((seen.total, seen.first, seen.state.as_str()), (3, 1, "running"));
    assert_eq!(seen.filter, json!({ "kind": "report" }));
    assert_eq!(operate::stop_replay(&database, id, "").await.unwrap().count, 1);
    assert_eq!(replay(&database, id).await.unwrap().unwrap().state, "stopped");
    assert_eq!(operate::resume_replay(&database, id, "").await.unwrap().count, 1);
}

#[tokio::test]
async fn a_replay_is_refused_when_the_number_has_changed_or_no_reason_is_given() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    die(&database, &db.url, "report", 3).await;
    let filter = of_kind("report");
    let letters = Letters::Filter { filter: &filter, expect: 10 };
    let changed = operate::replay(&database, &letters, Pace::default(), "x").await.unwrap_err();
    assert_eq!(changed.code(), "BS304");
    let letters = Letters::Filter { filter: &filter, expect: 3 };
    let mute = operate::replay(&database, &letters, Pace::default(), "").await.unwrap_err();
    assert_eq!(mute.code(), "BS305");
}

#[tokio::test]
async fn a_discarded_letter_is_out_of_sight_until_it_is_restored() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    let ids = die(&database, &db.url, "report", 2).await;
    let groups = dead_groups(&database, &JobFilter::default(), None, 1).await.unwrap();
    let group = async || dead_group(&database, &groups.items[0].fingerprint).await.unwrap();
    let count = async |discarded| {
        dead_letter_ids(&database, &JobFilter::default(), discarded).await.unwrap().0.len()
    };
    assert_eq!(operate::discard(&database, &ids, "by hand").await.unwrap().count, 2);
    assert_eq!((count(false).await, count(true).await, group().await), (0, 2, None));
    assert_eq!(operate::restore(&database, &ids, "").await.unwrap().count, 2);
    assert_eq!((count(false).await, count(true).await), (2, 0));
    assert_eq!(group().await.unwrap().letters.count, 2);
    let mute = operate::discard(&database, &ids, "").await.unwrap_err();
    assert_eq!(mute.code(), "BS305");
}

#[tokio::test]
async fn an_acknowledged_group_says_by_whom_and_with_which_note() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    die(&database, &db.url, "report", 1).await;
    let groups = dead_groups(&database, &JobFilter::default(), None, 1).await.unwrap();
    let fingerprint = &groups.items[0].fingerprint;
    let note = Some("provider is down");
    assert_eq!(operate::acknowledge(&database, fingerprint, note, "").await.unwrap().count, 1);
    let group = dead_group(&database, fingerprint).await.unwrap().unwrap();
    assert_eq!((group.state.as_str(), group.note.as_deref()), ("acknowledged", note));
    assert!(group.by.is_some());
    let unknown = operate::acknowledge(&database, "0badc0de", None, "").await.unwrap();
    assert_eq!((unknown.count, unknown.skipped[0].code.as_str()), (0, "BS301"));
}

#[tokio::test]
async fn a_group_has_an_owner_by_whom_it_is_found_until_nobody_looks_after_it() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    let reports = die(&database, &db.url, "report", 2).await;
    die(&database, &db.url, "mail", 1).await;
    let groups = dead_groups(&database, &of_kind("report"), None, 1).await.unwrap();
    let fingerprint = &groups.items[0].fingerprint;
    assert_eq!(groups.items[0].owner, None);
    assert_eq!(operate::own(&database, fingerprint, Some("ana"), "hers").await.unwrap().count, 1);
    let group = dead_group(&database, fingerprint).await.unwrap().unwrap();
    assert_eq!((group.owner.as_deref(), group.state.as_str()), (Some("ana"), "open"));
    let of = |owner: &str| JobFilter { owner: Some(owner.into()), ..JobFilter::default() };
    let found = dead_groups(&database, &of("ana"), None, 50).await.unwrap().items;
    assert_eq!((found.len(), &found[0].fingerprint), (1, fingerprint));
    let mut ids = dead_letter_ids(&database, &of("ana"), false).await.unwrap().0;
    ids.sort_unstable();
    assert_eq!(ids, reports, "its letters are found by it, too");
    // The door of replays does not know owners, so that they are frozen as ids.
    assert_eq!(Letters::of(&of("ana"), &ids), Letters::Ids(&ids));
    assert_eq!(dead_groups(&database, &of("ben"), None, 50).await.unwrap().items, []);
    assert_eq!(operate::own(&database, fingerprint, None, "").await.unwrap().count, 1);
    assert_eq!(dead_groups(&database, &of("ana"), None, 50).await.unwrap().items, []);
    let bad = operate::own(&database, fingerprint, Some("a\u{7}b"), "").await.unwrap_err();
    assert_eq!(bad.code(), "BS102");
}
