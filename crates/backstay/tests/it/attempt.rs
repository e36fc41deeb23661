//! What a handler may do with its own attempt in a transaction of its own, and what the fence refuses.

use backstay::{
    Fence, JobState, Options, Request, Unique, assert_lease, checkpoint, complete, enqueue, find,
    progress, show,
};
use serde_json::json;
use tokio_postgres::Client;

use crate::database::{claim, connect, fresh};

/// One job of its own in the hands of an attempt.
async fn running(client: &Client) -> Fence {
    let request = Request::new("bill", json!({ "account": 7 }))
        .with(Options::new().unique(Unique::key("account:7")));
    let job = enqueue(client, request).await.unwrap();
    let fence = claim(client, "default", "bill").await;
    assert_eq!((fence.job, fence.attempt), (job.id, 1));
    fence
}

#[tokio::test]
async fn effects_and_completion_commit_together() {
    let Some(db) = fresh() else { return };
    let mut client = connect(&db.url).await;
    client.batch_execute("create table ledger (cents int)").await.unwrap();
    let fence = running(&client).await;

    let tx = client.transaction().await.unwrap();
    tx.execute("insert into ledger values (4200)", &[]).await.unwrap();
    complete(&tx, &fence, &json!({ "booked": true })).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(show(&client, fence.job).await.unwrap().unwrap().state, JobState::Running);

    let tx = client.transaction().await.unwrap();
    tx.execute("insert into ledger values (4200)", &[]).await.unwrap();
    complete(&tx, &fence, &json!({ "booked": true })).await.unwrap();
    tx.commit().await.unwrap();
    let job = show(&client, fence.job).await.unwrap().unwrap();
    assert_eq!(
        (job.state, job.output.as_deref()),
        (JobState::Completed, Some("{\"booked\": true}"))
    );
    let booked: i64 = client.query_one("select count(*) from ledger", &[]).await.unwrap().get(0);
    assert_eq!(booked, 1);
    assert_eq!(find(&client, "bill", "account:7").await.unwrap(), None, "its key is free again");
}

#[tokio::test]
async fn every_verb_of_a_stale_attempt_is_refused() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    let fence = running(&client).await;
    let stale = [
        Fence { attempt: fence.attempt + 1, ..fence },
        Fence { worker: uuid::Uuid::nil(), ..fence },
        Fence { job: fence.job + 1, ..fence },
    ];
    for fence in &stale {
        let refused = [
            assert_lease(&client, fence).await,
            progress(&client, fence, 10.0, None).await,
            checkpoint(&client, fence, &1).await,
            complete(&client, fence, &()).await,
        ];
        for refused in refused {
            let error = refused.unwrap_err();
            assert_eq!(error.code(), "BS201", "{error:?}");
            assert!(error.to_string().contains("roll back"), "{error}");
        }
    }
    assert_lease(&client, &fence).await.unwrap();
    complete(&client, &fence, &()).await.unwrap();
    assert_eq!(complete(&client, &fence, &()).await.unwrap_err().code(), "BS201", "done once");
}

#[tokio::test]
async fn progress_and_checkpoint_are_kept_with_the_transaction() {
    let Some(db) = fresh() else { return };
    let mut client = connect(&db.url).await;
    let fence = running(&client).await;
    progress(&client, &fence, 40.0, Some("page 12 of 30")).await.unwrap();
    let tx = client.transaction().await.unwrap();
    progress(&tx, &fence, 80.0, None).await.unwrap();
    tx.rollback().await.unwrap();
    let shown = show(&client, fence.job).await.unwrap().unwrap().progress.unwrap();
    assert_eq!((shown.percent, shown.note.as_deref()), (Some(40.0), Some("page 12 of 30")));

    checkpoint(&client, &fence, &json!({ "page": 12 })).await.unwrap();
    let error = checkpoint(&client, &fence, &"x".repeat(70_000)).await.unwrap_err();
    assert_eq!(error.code(), "BS202");
}
