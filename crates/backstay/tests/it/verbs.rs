//! The other verbs that belong in a caller's transaction.

use backstay::{Cancelled, JobState, Options, Request, Unique, cancel, enqueue, find, show};
use serde_json::json;

use crate::database::{connect, fresh};

#[tokio::test]
async fn the_holder_of_a_key_is_found_and_cancelled() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    let reminder = Request::new("reminder", json!({}))
        .with(Options::new().unique(Unique::key("order:7")).run_in(backstay::unit::hours(1)));
    let job = enqueue(&client, reminder).await.unwrap();
    assert_eq!(find(&client, "reminder", "order:8").await.unwrap(), None);
    assert_eq!(find(&client, "reminder", "order:7").await.unwrap(), Some(job.id));
    assert_eq!(cancel(&client, job.id, "paid").await.unwrap(), Cancelled::Cancelled);
    assert_eq!(find(&client, "reminder", "order:7").await.unwrap(), None);
    let shown = show(&client, job.id).await.unwrap().unwrap();
    assert_eq!((shown.state, shown.reason.as_deref()), (JobState::Cancelled, Some("paid")));
    assert_eq!(cancel(&client, job.id, "").await.unwrap(), Cancelled::TooLate);
    assert_eq!(cancel(&client, job.id + 1_000_000, "").await.unwrap(), Cancelled::NotFound);
}

#[tokio::test]
async fn a_cancel_is_taken_back_with_its_transaction() {
    let Some(db) = fresh() else { return };
    let mut client = connect(&db.url).await;
    let job = enqueue(&client, Request::new("report", json!({}))).await.unwrap();
    let tx = client.transaction().await.unwrap();
    assert_eq!(cancel(&tx, job.id, "").await.unwrap(), Cancelled::Cancelled);
    tx.rollback().await.unwrap();
    assert_eq!(show(&client, job.id).await.unwrap().unwrap().state, JobState::Ready);
}

#[tokio::test]
async fn a_reason_that_is_too_long_is_refused() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    let job = enqueue(&client, Request::new("report", json!({}))).await.unwrap();
    let error = cancel(&client, job.id, &"r".repeat(1025)).await.unwrap_err();
    assert_eq!(error.code(), "BS102");
}
