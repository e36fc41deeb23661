//! The shop's API, a process of its own: it serves orders, and enqueues jobs in its own transactions.

use std::sync::Arc;

use backstay::{Options, Priority, Request, enqueue, enqueue_many};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio_postgres::{Client, Statement, Transaction};

use super::database::dial;
use super::http::{Answer, Call, serve};
use super::kinds::{Charge, Export, Fax, Mail, Notify, Receipt, Report};
use crate::cmd::connect;
use crate::failure::{Exit, Failure};
use crate::print::Printer;

/// Connections for transactions; reads share one, on which they are pipelined.
const WRITERS: usize = 2;

/// What the API holds.
struct Api {
    reader: Client,
    order: Statement,
    writers: [Mutex<Client>; WRITERS],
}

type Fault = Box<dyn std::error::Error + Send + Sync>;

const ORDER: &str = "
select json_build_object(
         'id', o.id, 'ordered_at', o.ordered_at, 'customer', c.name, 'region', c.region,
         'lines', (select json_agg(json_build_object('product', p.name, 'quantity', l.quantity, 'price_cents', l.price_cents) order by l.id)
                     from shop.order_lines l join shop.products p on p.id = l.product_id where l.order_id = o.id))::text
  from shop.orders o join shop.customers c on c.id = o.customer_id where o.id = $1";

/// Serves until the demo that started it ends. The first line of its output is its port.
pub(crate) fn run(url: &str, printer: &Printer) -> Result<Exit, Failure> {
    connect::runtime()?.block_on(async {
        let reader = dial(url).await?;
        let order = reader.prepare(ORDER).await.map_err(|error| super::database::failed(&error))?;
        let writers = [Mutex::new(dial(url).await?), Mutex::new(dial(url).await?)];
        let failed =
            |error: std::io::Error| Failure::new("BS999", "the API cannot listen").because(&error);
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        printer.line(listener.local_addr().map_err(failed)?.port().to_string());
        serve(listener, Arc::new(Api { reader, order, writers }), handle).await;
        Ok(Exit::Done)
    })
}

async fn handle(api: Arc<Api>, call: Call) -> Answer {
    let answer = match (call.method.as_str(), call.path.as_str()) {
        ("GET", path) => match path.strip_prefix("/orders/").and_then(|id| id.parse().ok()) {
            Some(id) => api.order(id).await,
            None => return Answer::json(404, &json!({ "error": "no such thing" })),
        },
        ("POST", path) => api.post(path, &call.body).await,
        _ => return Answer::json(405, &json!({ "error": "GET or POST" })),
    };
    answer.unwrap_or_else(|error| Answer::json(500, &json!({ "error": error.to_string() })))
}

/// `POST /orders`
#[derive(Deserialize)]
struct Order {
    customer: i64,
    /// Product and quantity.
    lines: Vec<(i32, i32)>,
}

/// `POST /campaigns`
#[derive(Deserialize)]
struct Campaign {
    customers: i64,
    batch: i64,
}

/// `POST /mails`
#[derive(Deserialize)]
struct Mails {
    subject: String,
    count: usize,
    priority: Priority,
}

impl Api {
    async fn order(&self, id: i64) -> Result<Answer, Fault> {
        match self.reader.query_opt(&self.order, &[&id]).await? {
            Some(row) => Ok(Answer { status: 200, body: row.get::<_, String>(0).into_bytes() }),
            None => Ok(Answer::json(404, &json!({ "error": "no such order" }))),
        }
    }

    /// Every POST is one transaction, and what it enqueues is part of it.
    async fn post(&self, path: &str, body: &[u8]) -> Result<Answer, Fault> {
        let mut client = self.writer().await;
        let tx = client.transaction().await?;
        let jobs = match path {
            "/orders" => return place_order(tx, serde_json::from_slice(body)?).await,
            "/campaigns" => campaign(&tx, &serde_json::from_slice(body)?).await?,
            "/reports" => {
                let months: Vec<String> = serde_json::from_slice(body)?;
                many(&tx, months.into_iter().map(|month| Report { month })).await?
            }
            "/exports" => {
                let row = tx.query_one("select max(id) from shop.order_lines", &[]).await?;
                many(&tx, [Export { until: row.get(0) }]).await?
            }
            "/mails" => {
                let mails: Mails = serde_json::from_slice(body)?;
                many(&tx, (1..=mails.count).map(|n| mail(&mails, n))).await?
            }
            "/charges" => many(&tx, [serde_json::from_slice::<Charge>(body)?]).await?,
            "/faxes" => many(&tx, [serde_json::from_slice::<Fax>(body)?]).await?,
            _ => return Ok(Answer::json(404, &json!({ "error": "no such thing" }))),
        };
        tx.commit().await?;
        Ok(Answer::json(202, &json!({ "jobs": jobs })))
    }

    /// Whichever connection is free, else the first.
    async fn writer(&self) -> tokio::sync::MutexGuard<'_, Client> {
        for writer in &self.writers {
            if let Ok(free) = writer.try_lock() {
                return free;
            }
        }
        self.writers[0].lock().await
    }
}

fn mail(mails: &Mails, n: usize) -> Request {
    let mail =
        Mail { to: format!("customer{n}@shop.example"), subject: format!("{} {n}", mails.subject) };
    backstay::Job::with(mail, Options::new().priority(mails.priority))
}

async fn many<R: Into<Request>>(
    tx: &Transaction<'_>,
    jobs: impl IntoIterator<Item = R>,
) -> Result<Vec<i64>, Fault> {
    let jobs = enqueue_many(tx, jobs).await?;
    Ok(jobs.iter().map(|job| job.id).collect())
}

/// Writes an order, then asks for its receipt, then writes its lines: a line that the shop's own rules refuse takes
/// order and job along.
async fn place_order(tx: Transaction<'_>, order: Order) -> Result<Answer, Fault> {
    let text = "insert into shop.orders (customer_id, ordered_at) values ($1, now()) returning id";
    let id: i64 = tx.query_one(text, &[&order.customer]).await?.get(0);
    let (products, quantities): (Vec<i32>, Vec<i32>) = order.lines.into_iter().unzip();
    let text = "select price_cents from unnest($1::int[]) with ordinality w(id, n) join shop.products p using (id) order by n";
    let prices: Vec<i32> =
        tx.query(text, &[&products]).await?.iter().map(|row| row.get(0)).collect();
    let receipt = Receipt { order: id, quantities: quantities.clone(), prices: prices.clone() };
    let job = enqueue(&tx, receipt).await?.id;
    let text = "insert into shop.order_lines (order_id, product_id, quantity, price_cents) \
                select $1, * from unnest($2::int[], $3::int[], $4::int[])";
    let written = tx.execute(text, &[&id, &products, &quantities, &prices]).await;
    let said = json!({ "order": id, "jobs": [job] });
    match written {
        Ok(_) => {
            tx.commit().await?;
            Ok(Answer::json(201, &said))
        }
        Err(error) if error.as_db_error().is_some() => {
            tx.rollback().await?;
            Ok(Answer::json(422, &said))
        }
        Err(error) => Err(error.into()),
    }
}

/// Writes one notification per customer, and a job per batch of them.
async fn campaign(tx: &Transaction<'_>, campaign: &Campaign) -> Result<Vec<i64>, Fault> {
    let text = "with made as (insert into shop.notifications (customer_id, body) \
                  select id, 'Dear ' || name || ', the sale begins' from shop.customers order by id limit $1 returning id) \
                select min(id), max(id) from made";
    let row = tx.query_one(text, &[&campaign.customers]).await?;
    let (first, last): (i64, i64) = (row.get(0), row.get(1));
    let batch = campaign.batch.max(1);
    let jobs = (0..=(last - first) / batch).map(|n| {
        let from = first + n * batch;
        Notify { from, to: last.min(from + batch - 1) }
    });
    many(tx, jobs).await
}

/// What the demo reads out of an answer.
pub(crate) fn jobs_of(answer: &Json) -> Vec<i64> {
    let jobs = answer["jobs"].as_array().map(Vec::as_slice).unwrap_or_default();
    jobs.iter().filter_map(Json::as_i64).collect()
}
