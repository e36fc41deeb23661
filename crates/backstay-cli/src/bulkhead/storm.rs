//! Runaway SQL: many connections, half of them computing a join without an end, half of them in a transaction left open.

use std::time::Duration;

use tokio_postgres::{Config, NoTls};

/// How many connections it tries to open.
const CONNECTIONS: usize = 50;
/// Of those that open, these compute; a server has few cores and many sessions.
const COMPUTING: usize = 8;

/// 10^15 rows of which none is left.
const JOIN: &str = "select count(*) from bulkhead.item a, bulkhead.item b, bulkhead.item c where a.price + b.price + c.price < 0";
const IDLE: &str = "begin; select count(*) from bulkhead.item where id < 10";

/// Opens what it can get and never gives it back; how many it got is told once.
pub(crate) async fn storm(url: &str, name: Option<String>) -> Result<(), tokio_postgres::Error> {
    let mut config: Config = url.parse()?;
    if let Some(name) = name {
        config.application_name(name);
    }
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        // A login with a limit is refused from some number on; that is what is to be seen.
        let Ok((client, connection)) = config.connect(NoTls).await else { continue };
        tokio::spawn(connection);
        let text = if held.len() < COMPUTING && held.len().is_multiple_of(2) { JOIN } else { IDLE };
        held.push(tokio::spawn(async move {
            let ended = client.batch_execute(text).await;
            if ended.is_ok() {
                // The transaction stays open as long as its connection.
                tokio::time::sleep(super::harm::LONGEST).await;
            }
        }));
    }
    eprintln!("opened {} of {CONNECTIONS} connections", held.len());
    tokio::time::sleep(super::harm::LONGEST + Duration::from_secs(1)).await;
    Ok(())
}
