//! Background jobs on PostgreSQL that cannot bring down your application.
#![warn(missing_docs)]

pub mod model;

pub use model::{config, unit};
