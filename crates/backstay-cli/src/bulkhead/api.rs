//! The API of the bench: one event loop, as in Node or Python; 100 us of CPU and one row by its key for each request.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_postgres::{Client, Statement};

use super::harm;
use super::part::FOLDER;
use super::runaway::Runaway;
use super::stage::ITEMS;
use super::storm::storm;
use crate::demo::database::{dial, failed};
use crate::demo::http::{Answer, Call, serve};
use crate::failure::{Exit, Failure};
use crate::print::Printer;

/// Connections of its pool.
const POOL: usize = 8;
/// What a request costs beside its query.
const COST: Duration = Duration::from_micros(100);
/// A busy loop inside the API is polite: it gives way this often, as a long computation in an async program does.
const GIVE_WAY: Duration = Duration::from_millis(50);
/// What a container would allow it.
const MEMORY: u64 = 512 << 20;

struct Api {
    url: String,
    folder: PathBuf,
    free: Semaphore,
    idle: Mutex<Vec<(Client, Statement)>>,
}

/// Serves until the bench that started it ends. The first line of its output is its port.
pub(crate) fn run(url: &str, printer: &Printer) -> Result<Exit, Failure> {
    let io = |error: std::io::Error| Failure::new("BS999", "the API cannot run").because(&error);
    super::part::bound_memory(MEMORY);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(io)?;
    runtime.block_on(async {
        let mut idle = Vec::new();
        for _ in 0..POOL {
            let client = dial(url).await?;
            let text = "select name, price from bulkhead.item where id = $1";
            let item = client.prepare(text).await.map_err(|error| failed(&error))?;
            idle.push((client, item));
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(io)?;
        printer.line(listener.local_addr().map_err(io)?.port().to_string());
        let folder = std::env::var_os(FOLDER).unwrap_or_default().into();
        let free = Semaphore::new(POOL);
        let api = Api { url: url.to_owned(), folder, free, idle: Mutex::new(idle) };
        serve(listener, Arc::new(api), handle).await;
        Ok(Exit::Done)
    })
}

async fn handle(api: Arc<Api>, call: Call) -> Answer {
    let (method, path) = (call.method.as_str(), call.path.as_str());
    if let ("POST", Some(name)) = (method, path.strip_prefix("/run/")) {
        let known = Runaway::ALL.into_iter().find(|runaway| runaway.name() == name);
        return match known {
            Some(runaway) => {
                tokio::spawn(let_loose(api, runaway));
                Answer::json(202, &json!({}))
            }
            None => Answer::json(404, &json!({})),
        };
    }
    let id = path.strip_prefix("/items/").and_then(|id| id.parse::<i64>().ok()).unwrap_or(1);
    match api.item(1 + id.rem_euclid(ITEMS)).await {
        Ok(answer) => answer,
        Err(error) => Answer::json(500, &json!({ "error": error.to_string() })),
    }
}

impl Api {
    async fn item(&self, id: i64) -> Result<Answer, tokio_postgres::Error> {
        let _turn = self.free.acquire().await.expect("the semaphore is never closed");
        let (client, item) = self.pool().pop().expect("as many connections as turns");
        harm::burn(COST);
        let row = client.query_opt(&item, &[&id]).await;
        self.pool().push((client, item));
        Ok(match row? {
            Some(row) => {
                let (name, price): (&str, i32) = (row.get(0), row.get(1));
                Answer::json(200, &json!({ "id": id, "name": name, "price": price }))
            }
            None => Answer::json(404, &json!({})),
        })
    }

    fn pool(&self) -> std::sync::MutexGuard<'_, Vec<(Client, Statement)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The job inside the API process, as a library that runs jobs beside the requests would have it.
async fn let_loose(api: Arc<Api>, runaway: Runaway) {
    // The answer goes out first.
    tokio::time::sleep(Duration::from_millis(20)).await;
    match runaway {
        Runaway::Spin => {
            for _ in 0..2 * harm::cores() {
                tokio::spawn(async {
                    loop {
                        harm::burn(GIVE_WAY);
                        tokio::task::yield_now().await;
                    }
                });
            }
        }
        Runaway::Hog => drop(tokio::task::spawn_blocking(harm::hog)),
        Runaway::Bomb => {
            let folder = api.folder.clone();
            let bomb = move || harm::bomb(&folder, harm::BOMB_IN_API);
            drop(tokio::task::spawn_blocking(bomb));
        }
        Runaway::Flood | Runaway::Hang => harm::block(runaway),
        Runaway::Sql => {
            // It takes its connections where the API has its own: from the pool, then from the server.
            if let Ok(all) = api.free.acquire_many(POOL as u32).await {
                all.forget();
            }
            if let Err(error) = storm(&api.url, None).await {
                eprintln!("no storm: {error}");
            }
        }
    }
}
