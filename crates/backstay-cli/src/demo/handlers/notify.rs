//! A batch of notifications: sent in parts with a key each, and marked in the transaction that completes the job.

use backstay::{Ctx, Fail, State};
use serde_json::json;

use super::Shop;
use crate::demo::kinds::Notify;

/// Notifications of one request.
const PART: usize = 25;

pub(crate) async fn notify(job: Notify, ctx: Ctx, State(shop): State<Shop>) -> Result<(), Fail> {
    let mut client = shop.client().await?;
    let text = "select n.id, c.email, n.body from shop.notifications n join shop.customers c on c.id = n.customer_id \
                where n.id between $1 and $2 order by n.id";
    let rows = client.query(text, &[&job.from, &job.to]).await?;
    let mut repeats = 0;
    for part in rows.chunks(PART) {
        // The key is the notification's own: whoever sends it again, sends the same one.
        let items: Vec<_> = part
            .iter()
            .map(|row| {
                let (id, to, body): (i64, &str, &str) = (row.get(0), row.get(1), row.get(2));
                json!({ "key": format!("notification-{id}"), "to": to, "body": body })
            })
            .collect();
        let answer = shop.outside.post("/notifications", &json!({ "items": items })).await?;
        if !answer.is_good() {
            return Err(Fail::from(format!("the provider answered {}", answer.status)));
        }
        repeats += answer.read()["repeats"].as_u64().unwrap_or_default();
    }
    // Marks and completion commit together, so a mark is made once however often the job is run.
    let tx = client.transaction().await?;
    tx.execute(
        "update shop.notifications set sent = sent + 1 where id between $1 and $2",
        &[&job.from, &job.to],
    )
    .await?;
    ctx.complete(&tx, json!({ "sent": rows.len(), "repeats": repeats })).await?;
    tx.commit().await?;
    Ok(())
}
