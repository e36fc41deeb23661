//! Background jobs that cannot bring down your app, on the PostgreSQL you already have.
//!
//! A job is asked for in your own transaction, by [`enqueue`]: it commits or vanishes with the rows it
//! belongs to. A worker, which is another process, claims it, runs its handler and writes down what it
//! came to.
//!
//! ```no_run
//! # use sqlx_0_9 as sqlx;
//! use backstay::unit::secs;
//! use backstay::{Contract, Job, Options, Priority, by, enqueue};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Report { tenant: i64, month: String }
//!
//! impl Job for Report {
//!     const KIND: &'static str = "report";
//!     fn contract() -> Contract {
//!         Contract::new().queue("reports").unique(by(["tenant", "month"]))
//!     }
//! }
//!
//! #[derive(Serialize, Deserialize, Job)]
//! #[job(kind = "digest")]
//! struct Digest { user: i64 }
//!
//! async fn upgrade(pool: &sqlx::PgPool) -> Result<i64, Box<dyn std::error::Error>> {
//!     let mut tx = pool.begin().await?;
//!     sqlx::query("update account set plan = 'pro' where id = 7").execute(&mut *tx).await?;
//!     let report = enqueue(&mut tx, Report { tenant: 7, month: "2026-11".into() }).await?;
//!     let soon = Options::new().priority(Priority::URGENT).run_in(secs(30));
//!     enqueue(&mut tx, Digest { user: 1 }.with(soon)).await?;
//!     tx.commit().await?;
//!     Ok(report.id)
//! }
//! ```
//!
//! The same through sqlx 0.8 and tokio-postgres 0.7, whose pools, connections and transactions are taken as well:
//!
//! ```
//! # use sqlx_0_8 as sqlx;
//! use backstay::{EnqueueError, Request, enqueue};
//! use serde_json::json;
//!
//! async fn older(tx: &mut sqlx::Transaction<'_, sqlx::Postgres>) -> Result<i64, EnqueueError> {
//!     Ok(enqueue(tx, Request::new("report", json!({ "tenant": 7 }))).await?.id)
//! }
//! async fn other(client: &tokio_postgres::Client) -> Result<i64, EnqueueError> {
//!     Ok(enqueue(client, Request::new("report", json!({ "tenant": 7 }))).await?.id)
//! }
//! # let _ = (older, other);
//! ```
//!
//! An API that only enqueues takes this crate without default features and with one adapter
//! (`sqlx-0_9`, `sqlx-0_8` or `tokio-postgres-0_7`); it gets neither a runtime nor a pool. For another
//! driver implement [`Caller`], which is one method, over the texts in [`text`].

#![warn(missing_docs)]

#[cfg(feature = "worker")]
mod admin;
mod call;
#[cfg(feature = "worker")]
#[doc(hidden)]
pub mod failpoint;
/// For the fuzzer only.
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
/// The rules, for the other crates of Backstay. What an application needs of them stands at the top of this crate;
/// everything else in here may change with any version.
#[doc(hidden)]
pub mod model;
#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;
#[cfg(feature = "worker")]
mod runtime;
#[cfg(feature = "worker")]
mod store;
#[cfg(feature = "testing")]
pub mod testing;

/// ```
/// use backstay::Job;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Job)]
/// #[job(kind = "digest")]
/// struct Digest {
///     user: i64,
/// }
/// assert_eq!(Digest::KIND, "digest");
/// ```
pub use backstay_derive::Job;

pub use call::caller::{CallError, Caller, Refusal};
pub use call::cancel::{Cancelled, OperateError, cancel, find, show};
pub use call::complete::{AttemptError, assert_lease, checkpoint, complete, progress};
pub use call::enqueue::{EnqueueError, Enqueued, enqueue, enqueue_many};
pub use call::text;
pub use model::contract::Contract;
pub use model::document::{JobDocument, LastError, Progress};
pub use model::job::Fence;
pub use model::judge::{MemoryMost, OnAction, OnOom, Restart};
pub use model::options::Options;
pub use model::priority::Priority;
pub use model::request::{Job, Request, RequestError};
pub use model::retry::Backoff;
pub use model::state::State as JobState;
pub use model::unique::{By, Key, Unique, by};
pub use model::{config, unit};

#[cfg(feature = "worker")]
pub use worker_side::*;

/// What a worker needs on top of what an application needs.
#[cfg(feature = "worker")]
mod worker_side {
    pub use crate::admin::session as sessions;
    pub use crate::admin::token as tokens;
    pub use crate::admin::{check, doctor, inspect, operate};
    pub use crate::model::alert::Alert;
    pub use crate::model::claim::JobInfo;
    pub use crate::model::config::Cpu;
    pub use crate::model::cron::{Missed, Overlap};
    pub use crate::model::figures;
    pub use crate::model::push::{PushAnswer, PushRequest};
    pub use crate::runtime::around::Next;
    pub use crate::runtime::context::{Ctx, Denied, Level};
    pub use crate::runtime::deliver::{Channels, Deliver, DeliverError, Ping};
    pub use crate::runtime::fail::{Fail, Output, Then};
    pub use crate::runtime::handler::{Argument, FromRef, Handler, State};
    pub use crate::runtime::host::{enter, is_child};
    pub use crate::runtime::main::main;
    pub use crate::runtime::push::{Push, PushError, Pushes};
    pub use crate::runtime::trace::{AttemptEnd, Traced};
    pub use crate::runtime::worker::build::{BuildError, Worker};
    pub use crate::runtime::worker::queue::{Command, Http, Queue};
    pub use crate::runtime::worker::schedule::Cron;
    pub use crate::runtime::worker::{Running, StartError};
    pub use crate::store::StoreError;
    pub use crate::store::database::Database;
    pub use crate::store::inspect::{Backlog, backlog};
    pub use crate::store::migrate;
}
