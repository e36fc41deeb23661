//! The HTTP API and the dashboard: everything that the command line can do, for programs and for people; closed unless somebody opened it.

#![warn(missing_docs)]

mod api;
mod ask;
mod asset;
mod auth;
mod body;
mod cookie;
mod escape;
mod figures;
mod form;
/// For the fuzzer only.
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod guard;
mod health;
mod kept;
mod limit;
mod live;
mod login;
mod metrics;
mod openapi;
mod options;
mod page;
mod problem;
mod query;
#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;
mod router;
mod serve;
mod stall;

pub use figures::serve_figures;
pub use openapi::text as openapi;
pub use options::Options;
pub use router::router;
pub use serve::{ServeError, serve};
