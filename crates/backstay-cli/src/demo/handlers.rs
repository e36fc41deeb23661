//! The shop's worker: Rust handlers in warm children, and one kind that a program in another language does.

mod errands;
mod export;
pub(crate) mod gzip;
mod notify;
mod report;

use std::path::PathBuf;
use std::sync::Arc;

use backstay::{BuildError, Fail, Queue, Worker};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};
use tokio_postgres::Client;

use super::http;
use super::parts::{FOLDER, SINK};
pub(crate) use report::money;

/// What a handler works with.
#[derive(Clone)]
pub(crate) struct Shop {
    url: String,
    client: Arc<Mutex<Option<Client>>>,
    pub(crate) outside: Arc<http::Client>,
    pub(crate) folder: PathBuf,
}

impl Shop {
    async fn connect() -> Result<Shop, String> {
        let variable = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
        let shop = Shop {
            url: variable("DATABASE_URL")?,
            client: Arc::default(),
            outside: Arc::new(http::Client::new(variable(SINK)?)),
            folder: PathBuf::from(variable(FOLDER)?),
        };
        drop(shop.client().await.map_err(|error| error.message().to_owned())?);
        Ok(shop)
    }

    /// The connection of this process; opened again where it was lost.
    async fn client(&self) -> Result<MappedMutexGuard<'_, Client>, Fail> {
        let mut held = self.client.lock().await;
        if held.as_ref().is_none_or(Client::is_closed) {
            let (client, connection) =
                tokio_postgres::connect(&self.url, tokio_postgres::NoTls).await?;
            tokio::spawn(async move {
                // Whoever asks next hears that the connection is gone.
                drop(connection.await);
            });
            // A report may take its time; the API's queries need the other cores.
            client.batch_execute("set max_parallel_workers_per_gather = 0").await?;
            *held = Some(client);
        }
        Ok(MutexGuard::map(held, |client| client.as_mut().expect("opened a line ago")))
    }
}

/// Puts the shop's worker together.
pub(crate) fn worker() -> Result<Worker<Shop>, BuildError> {
    Worker::new(Shop::connect)
        .queue(Queue::new("reports").slots(1))
        .queue(Queue::new("exports").slots(1))
        .queue(Queue::new("notify").slots(2))
        .queue(Queue::new("mail").slots(1))
        .queue(Queue::new("errands").slots(2))
        .queue(Queue::new("receipts").slots(2))
        .handle(report::report)
        .handle(export::export)
        .handle(notify::notify)
        .handle(errands::mail)
        .handle(errands::charge)
        .handle(errands::fax)
        .build()
}
