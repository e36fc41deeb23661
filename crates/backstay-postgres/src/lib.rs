//! A private real PostgreSQL: found or fetched, started, shared between processes, stopped cleanly.
//!
//! [`Cluster::obtain`] walks a fixed chain and takes the first thing that works: our own cluster
//! that already runs, programs that are installed, programs fetched earlier, one announced fetch.
//! Nothing is installed, no server of the system is touched, no container is started. The server
//! belongs to a small keeper process and ends by itself when its last user is gone, however that
//! user went.
//!
//! ```no_run
//! use backstay_postgres::{Cluster, Options};
//!
//! let cluster = Cluster::obtain(Options::shared())?;
//! eprintln!("{}", cluster.how());
//! let url = cluster.url("postgres");
//! # Ok::<(), backstay_postgres::ObtainError>(())
//! ```
//!
//! Everything here blocks; call it before a runtime starts, or from a blocking thread.

mod aside;
mod chain;
mod cluster;
mod error;
mod fetch;
mod fit;
mod identity;
mod keeper;
mod locate;
mod lock;
mod make;
mod options;
mod own;
mod pins;
mod place;
mod probe;
mod process;
mod record;
mod run;
mod search;
mod start;
pub mod template;

pub use aside::set_aside;
pub use cluster::{Cluster, Released};
pub use error::ObtainError;
pub use identity::Identity;
pub use options::{Durability, Options};
pub use place::Where;
